//! Plays the scenario of the tests on this terminal: `cargo run -p infra-render --example show -- [human|plain|json]
//! [speed] [plan|diff|run]`.

#[path = "../tests/scenario/mod.rs"]
mod scenario;

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::{Duration, Instant};

use infra_render::{Format, PlanView, Style, Surroundings, open_sink, write_next, write_plan};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let format = if has("json") {
        Format::Json
    } else if has("plain") {
        Format::Plain
    } else {
        Format::Human
    };
    let speed = arguments
        .iter()
        .find_map(|argument| argument.parse::<u64>().ok())
        .unwrap_or(1)
        .max(1);
    let terminal = io::stderr().is_terminal();
    let variables = ["NO_COLOR", "TERM", "LC_ALL", "LANG"].map(|name| std::env::var(name).ok());
    let [no_color, term, lc_all, lang] = variables.each_ref().map(Option::as_deref);
    let style = Style::decide(&Surroundings {
        terminal,
        no_color,
        term,
        locale: lc_all.or(lang),
        width: None,
    });
    let mut out = io::stdout();
    if !has("run") {
        let forecast = scenario::forecast();
        let view = if has("diff") {
            PlanView::Diff
        } else {
            PlanView::Plan(&forecast)
        };
        write_plan(&mut out, &scenario::plan(), view, format, &style)?;
    }
    if has("plan") || has("diff") {
        return Ok(());
    }
    let sources = Some(Arc::new(scenario::sources()));
    let mut sink = open_sink(
        scenario::plan().stack,
        format,
        style,
        sources,
        terminal,
        Box::new(io::stderr()),
    );
    sink.status("reading 14 resources")?;
    for tick in 0..15 {
        std::thread::sleep(Duration::from_millis(100 / speed));
        sink.tick(tick * 100)?;
    }
    let start = Instant::now();
    for event in scenario::events() {
        loop {
            let now_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX) * speed;
            sink.tick(now_ms)?;
            let Some(left) = event.at_ms.checked_sub(now_ms).filter(|left| *left > 0) else {
                break;
            };
            std::thread::sleep(Duration::from_millis((left / speed).clamp(1, 100)));
        }
        sink.event(&event)?;
    }
    drop(sink);
    write_next(
        &mut io::stderr(),
        &["infra apply stacks/dev.toml".to_owned()],
        &style,
    )
}
