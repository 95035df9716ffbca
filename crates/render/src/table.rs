//! Rows whose columns stand under each other.

use crate::line::Line;
use crate::style::Role;

/// Rows of cells. The last column is not padded.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Line>>,
}

impl Table {
    /// A table with a heading over each column.
    pub(crate) fn with_headings(headings: &[&str]) -> Self {
        let row = headings
            .iter()
            .map(|heading| Line::new().add(Role::Strong, heading))
            .collect();
        Self { rows: vec![row] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Line>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The rows as lines, columns two spaces apart.
    pub(crate) fn lines(self, indent: usize) -> Vec<Line> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(Line::width)
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        self.rows
            .into_iter()
            .map(|row| {
                let mut line = Line::indented(indent);
                let mut end = indent;
                for (cell, width) in row.into_iter().zip(&widths) {
                    line = line.padded(end).append(cell);
                    end += width + 2;
                }
                line
            })
            .collect()
    }
}
