(document, window) => {
  const box = element => element.getBoundingClientRect();
  const all = selector => [...document.querySelectorAll(selector)];
  const chart = box(document.querySelector('svg.chart'));
  const labels = all('.labels .label');
  const rows = all('g.row');
  const within = (rect, slack) => rect.left >= chart.left - slack && rect.right <= chart.right + slack
    && rect.top >= chart.top - slack && rect.bottom <= chart.bottom + slack;
  const backs = rows.map(row => box(row.querySelector('.back')));
  const bars = rows.map(row => [...row.querySelectorAll('rect:not(.back)')].map(box));
  const path = all('#critical-path line');
  const pathBoxes = path.map(box);
  const stroke = path.length ? window.getComputedStyle(path[0]) : null;
  return {
    scripts: document.scripts.length,
    grid: window.getComputedStyle(document.querySelector('.gantt')).display,
    outcome: document.getElementById('outcome').textContent,
    rows: rows.length,
    labels: labels.length,
    // Each label is beside its row, and no row lies on another.
    askew: labels.filter((label, index) => Math.abs(box(label).top - backs[index].top) > 1.5).length,
    overlapping: backs.filter((back, index) => index > 0 && back.top < backs[index - 1].bottom - 0.5).length,
    // Every step has a bar that can be seen, and nothing is cut off at the edge.
    withoutBar: bars.filter(of => !of.some(bar => bar.height > 3)).length,
    outside: bars.flat().filter(bar => !within(bar, 1.5)).length,
    cut: rows.map(row => box(row.querySelector('text'))).filter(text => !within(text, 1)).length,
    // Stretches of one step follow each other.
    crossed: bars.filter(of => of.some((bar, index) => index > 0 && bar.left < of[index - 1].right - 2.5)).length,
    path: path.length,
    pathVisible: stroke !== null && stroke.visibility === 'visible' && parseFloat(stroke.strokeWidth) > 1
      && !/rgba\(0, 0, 0, 0\)|none/.test(stroke.stroke),
    pathOutside: pathBoxes.filter(line => !within(line, 3)).length,
    pathWidth: Math.max(...pathBoxes.map(line => line.right)) - Math.min(...pathBoxes.map(line => line.left)),
    barsWidth: Math.max(...bars.flat().map(bar => bar.right)) - Math.min(...bars.flat().map(bar => bar.left)),
    marked: all('.labels .critical').length,
    links: all('.labels a').filter(link => document.querySelector(link.getAttribute('href')) === null).length,
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    calls: all('#calls tbody tr').length,
  };
}
