//! Tables for people: the page draws them, the command line prints them.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// Cells are no wider than this on a terminal, in characters.
const WIDEST: usize = 60;

/// A table of text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Cells; each row has one for every column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }
}

/// As aligned text: the title on a line of its own, then the columns' names and the rows, indented by two spaces. A cell
/// that is too wide is wrapped by no one: the last column may be as long as it likes, others are cut with an ellipsis.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        let lines = || std::iter::once(&self.columns).chain(&self.rows);
        let last = self.columns.len().saturating_sub(1);
        let width = |column: usize| {
            let widths = lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count());
            widths.max().unwrap_or(0).min(WIDEST)
        };
        let widths: Vec<usize> = (0..last).map(width).collect();
        for line in lines() {
            let mut text = String::new();
            for (cell, &width) in line.iter().zip(&widths) {
                write!(text, "  {:width$}", shortened(cell, width))?;
            }
            if let Some(cell) = line.get(last) {
                write!(text, "  {cell}")?;
            }
            writeln!(f, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

fn shortened(cell: &str, width: usize) -> String {
    if cell.chars().count() <= width {
        return cell.to_owned();
    }
    cell.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let mut table = Table::new("Classes", &["class", "output", "matched"]);
        table.push(["狗".into(), "0".into(), "by position".into()]);
        table.push(["Küche".into(), "10".into(), String::new()]);
        table.push(["x".repeat(80), "2".into(), "y".repeat(80)]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Classes");
        let column = |line: &str, word: &str| {
            line.find(word).map(|at| line[..at].chars().count()).expect("the word is in the line")
        };
        assert_eq!(column(lines[1], "output"), column(lines[2], "0"));
        assert_eq!(column(lines[2], "0"), column(lines[3], "10"));
        assert!(lines[4].contains(&format!("{}…  2", "x".repeat(59))), "{}", lines[4]);
        assert!(lines[4].ends_with(&"y".repeat(80)), "the last column is never cut");
        assert!(lines.iter().all(|line| !line.ends_with(' ')));
    }
}
