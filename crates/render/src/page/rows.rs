//! Which steps are drawn, and where.

use std::collections::{BTreeMap, BTreeSet};

use infra_record::{RecordedPath, StepEnd, Timeline};

/// So many steps have a row of their own; of a larger run those that matter most.
pub(super) const MOST_ROWS: usize = 400;
/// The height of a row.
pub(super) const ROW: usize = 22;
/// The height of a service's heading.
pub(super) const HEADING: usize = 28;

/// One line of the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Row {
    /// A service begins.
    Service {
        /// Its name.
        name: String,
        /// Its steps, those without a row included.
        steps: usize,
    },
    /// A step, by its place in the run.
    Step(usize),
    /// The other steps of the service, all in one.
    Others {
        /// The steps, by place.
        steps: Vec<usize>,
    },
}

/// The chart's rows from top to bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Each with its top edge.
    pub rows: Vec<(usize, Row)>,
    /// The height of all.
    pub height: usize,
    /// By step: the top edge of its row, if it has one.
    pub tops: Vec<Option<usize>>,
    /// Steps with a row of their own.
    pub shown: usize,
}

impl Layout {
    /// The rows of a run, by service, each in the order of starts.
    pub fn of(run: &Timeline, path: &RecordedPath) -> Self {
        let chosen = chosen(run, path);
        let mut services: BTreeMap<&str, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (position, track) in run.steps.iter().enumerate() {
            let service = services.entry(track.address.type_name().service()).or_default();
            if chosen.contains(&position) {
                service.0.push(position);
            } else {
                service.1.push(position);
            }
        }
        let mut services: Vec<_> = services.into_iter().collect();
        // The one that started first is first.
        services.sort_by_key(|(_, (own, others))| own.first().min(others.first()).copied());
        let mut layout = Self {
            rows: Vec::new(),
            height: 0,
            tops: vec![None; run.steps.len()],
            shown: chosen.len(),
        };
        for (name, (own, others)) in services {
            let heading = Row::Service {
                name: name.to_owned(),
                steps: own.len() + others.len(),
            };
            layout.push(heading, HEADING);
            for position in own {
                layout.tops[position] = Some(layout.height);
                layout.push(Row::Step(position), ROW);
            }
            if !others.is_empty() {
                layout.push(Row::Others { steps: others }, ROW);
            }
        }
        layout
    }

    fn push(&mut self, row: Row, height: usize) {
        self.rows.push((self.height, row));
        self.height += height;
    }
}

/// All steps; of too many the critical path, what failed or was cut off, and then the longest.
fn chosen(run: &Timeline, path: &RecordedPath) -> BTreeSet<usize> {
    if run.steps.len() <= MOST_ROWS {
        return (0..run.steps.len()).collect();
    }
    let is_done = |position: usize| matches!(run.steps[position].end, StepEnd::Done { .. });
    let mut order: Vec<usize> = (0..run.steps.len()).collect();
    let on_path: BTreeSet<usize> = path.parts.iter().map(|part| part.position).collect();
    order.sort_by_key(|&position| {
        let longest_first = std::cmp::Reverse(run.steps[position].duration_ms());
        (
            !on_path.contains(&position),
            is_done(position),
            longest_first,
            position,
        )
    });
    order.into_iter().take(MOST_ROWS).collect()
}
