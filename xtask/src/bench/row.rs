//! What was measured: rows with their yardsticks, as a table, as JSON, and against an earlier result.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// The version of the JSON file.
const FORMAT: u32 = 1;

/// What a figure counts. Less is better for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// A number of things, such as requests.
    Count,
    /// One figure over another.
    Ratio,
}

impl Unit {
    fn shown(self, figure: f64) -> String {
        match self {
            Self::Seconds if figure < 0.1 => format!("{:.1} ms", figure * 1000.0),
            Self::Seconds => format!("{figure:.2} s"),
            Self::Bytes => format!("{:.1} MB", figure / 1_000_000.0),
            Self::Count => format!("{figure:.0}"),
            Self::Ratio => format!("{figure:.3}"),
        }
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The group that it was measured in.
    pub group: String,
    /// What was measured.
    pub name: String,
    /// How much it was.
    pub figure: f64,
    /// Of what.
    pub unit: Unit,
    /// What it is measured against, in the same run: its name and its figure in the same unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yardstick: Option<(String, f64)>,
    /// What it should be at most: of the ratio where there is a yardstick, else of the figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
}

impl Row {
    /// A figure.
    pub fn new(group: &str, name: impl Into<String>, figure: f64, unit: Unit) -> Self {
        Self {
            group: group.to_owned(),
            name: name.into(),
            figure,
            unit,
            yardstick: None,
            at_most: None,
        }
    }

    /// The same measured against something of the same unit.
    #[must_use]
    pub fn against(mut self, name: impl Into<String>, figure: f64) -> Self {
        self.yardstick = Some((name.into(), figure));
        self
    }

    /// The same with what it should be at most.
    #[must_use]
    pub fn at_most(mut self, goal: f64) -> Self {
        self.at_most = Some(goal);
        self
    }

    /// What the goal is about.
    fn judged(&self) -> f64 {
        self.ratio().unwrap_or(self.figure)
    }

    fn ratio(&self) -> Option<f64> {
        let (_, yardstick) = self.yardstick.as_ref()?;
        (*yardstick > 0.0).then(|| self.figure / yardstick)
    }

    /// Whether the goal is met; `None` without one.
    pub fn is_met(&self) -> Option<bool> {
        self.at_most.map(|goal| self.judged() <= goal)
    }
}

/// All rows of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Rows {
    format: u32,
    /// Cores of the machine.
    cores: usize,
    rows: Vec<Row>,
}

impl Rows {
    /// None yet.
    pub fn new() -> Self {
        Self {
            format: FORMAT,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            rows: Vec::new(),
        }
    }

    /// Adds what a group has measured.
    pub fn extend(&mut self, rows: Vec<Row>) {
        self.rows.extend(rows);
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut lines = vec![["", "figure", "against", "", "ratio", "goal", ""].map(str::to_owned)];
        for row in &self.rows {
            let (name, yardstick) = row
                .yardstick
                .as_ref()
                .map_or_else(Default::default, |(name, figure)| {
                    (name.clone(), row.unit.shown(*figure))
                });
            let goal_unit = if row.yardstick.is_some() {
                Unit::Ratio
            } else {
                row.unit
            };
            lines.push([
                format!("{}: {}", row.group, row.name),
                row.unit.shown(row.figure),
                name,
                yardstick,
                row.ratio()
                    .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
                row.at_most
                    .map_or_else(String::new, |goal| format!("≤ {}", goal_unit.shown(goal))),
                match row.is_met() {
                    Some(true) => "met".to_owned(),
                    Some(false) => "NOT MET".to_owned(),
                    None => String::new(),
                },
            ]);
        }
        let widths: Vec<usize> = (0..7)
            .map(|column| {
                lines
                    .iter()
                    .map(|line| line[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for line in &lines {
            let cells = line
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, width))| {
                    // Words to the left, figures to the right.
                    if matches!(column, 0 | 2 | 6) {
                        format!("{cell:width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                });
            let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        text
    }

    /// The JSON file.
    ///
    /// # Errors
    /// A figure is not a number.
    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// It is none of ours.
    pub fn parse(text: &str) -> Result<Self> {
        let rows: Self = serde_json::from_str(text).context("this is no result of `cargo xtask bench`")?;
        if rows.format != FORMAT {
            bail!("the result has format {}, this is format {FORMAT}", rows.format);
        }
        Ok(rows)
    }

    /// What is worse than `earlier` by more than `tolerance` (0.25 is a quarter), in words. Where there is a
    /// yardstick its ratio is compared, so that another machine may have measured.
    pub fn worse_than(&self, earlier: &Self, tolerance: f64) -> Vec<String> {
        self.rows
            .iter()
            .filter_map(|row| {
                let before = earlier
                    .rows
                    .iter()
                    .find(|before| before.group == row.group && before.name == row.name)?;
                let (was, is) = (before.judged(), row.judged());
                (is > was * (1.0 + tolerance)).then(|| {
                    let unit = if row.yardstick.is_some() {
                        Unit::Ratio
                    } else {
                        row.unit
                    };
                    format!(
                        "{}: {} was {}, is {}",
                        row.group,
                        row.name,
                        unit.shown(was),
                        unit.shown(is)
                    )
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(figure: f64) -> Rows {
        let mut rows = Rows::new();
        rows.extend(vec![
            Row::new("apply", "fresh", figure, Unit::Seconds)
                .against("critical path", 4.0)
                .at_most(1.05),
            Row::new("small", "binary", 39_000_000.0, Unit::Bytes).at_most(40_000_000.0),
        ]);
        rows
    }

    #[test]
    fn a_table_says_what_is_met() {
        let table = rows(4.4).table();
        let lines: Vec<&str> = table.lines().collect();
        assert!(
            lines[1].contains("4.40 s  critical path  4.00 s") && lines[1].ends_with("NOT MET"),
            "{table}"
        );
        assert!(
            lines[2].contains("39.0 MB") && lines[2].ends_with("met"),
            "{table}"
        );
    }

    #[test]
    fn an_earlier_result_is_compared_by_ratios() {
        let earlier = Rows::parse(&rows(4.0).json().unwrap()).unwrap();
        assert_eq!(rows(4.4).worse_than(&earlier, 0.25), Vec::<String>::new());
        assert_eq!(
            rows(6.0).worse_than(&earlier, 0.25),
            ["apply: fresh was 1.000, is 1.500"]
        );
        assert!(Rows::parse("{}").is_err());
    }
}
