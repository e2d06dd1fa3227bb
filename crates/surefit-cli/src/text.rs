//! Text on a screen of some width: wrapped lines and aligned columns.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

/// A verdict that is good news.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// An answer with a reservation.
pub const FAIR: Style = AnsiColor::Yellow.on_default().bold();
/// No answer.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Labels and column heads.
pub const FAINT: Style = Style::new().dimmed();

/// `text` in `style`.
pub fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Columns on the screen.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Breaks `text` at spaces into lines of at most `limit` columns where words allow it; all but the first
/// start with `hang` spaces. Runs of spaces inside a line are kept.
pub fn wrap(text: &str, limit: usize, hang: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut blank = true;
    for word in text.split_inclusive(' ') {
        if !blank && width(&line) + width(word.trim_end()) > limit {
            lines.push(line.trim_end().to_owned());
            line = " ".repeat(hang);
        }
        blank &= word.trim().is_empty();
        line.push_str(word);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// `text` cut to `limit` columns, with `…` where something is missing.
pub fn shorten(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        if width(&short) + width(character.encode_utf8(&mut [0; 4])) + 1 > limit {
            break;
        }
        short.push(character);
    }
    short.push('…');
    short
}

/// A column of a [`table`].
pub struct Column {
    /// Its head.
    pub head: &'static str,
    /// One cell a row.
    pub cells: Vec<String>,
    /// Whether numbers line up at the right.
    pub right: bool,
    /// Columns of the highest rank go first when the screen is narrow; rank 0 always stays.
    pub rank: u8,
}

impl Column {
    fn width(&self) -> usize {
        self.cells.iter().map(|cell| width(cell)).chain([width(self.head)]).max().unwrap_or(0)
    }
}

/// Aligned columns two spaces apart, behind `indent` spaces, in at most `limit` columns: the least
/// important go when there is no room, and the first is cut short if that is not enough. Also the heads of
/// those that went.
pub fn table(mut columns: Vec<Column>, indent: usize, limit: usize) -> (Vec<String>, Vec<&'static str>) {
    let heads: Vec<&'static str> = columns.iter().map(|column| column.head).collect();
    let total = |columns: &[Column]| indent + columns.iter().map(|c| c.width() + 2).sum::<usize>() - 2;
    while columns.len() > 1 && total(&columns) > limit {
        let Some(worst) = columns.iter().map(|column| column.rank).max().filter(|rank| *rank > 0) else {
            break;
        };
        columns.retain(|column| column.rank != worst);
    }
    let excess = total(&columns).saturating_sub(limit);
    if let Some(first) = columns.first_mut().filter(|_| excess > 0) {
        let room = first.width().saturating_sub(excess).max(4);
        first.cells.iter_mut().for_each(|cell| *cell = shorten(cell, room));
    }
    let widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, wide)| {
            let text = cell(column);
            let gap = " ".repeat(wide.saturating_sub(width(&text)));
            if column.right { format!("{gap}{text}") } else { format!("{text}{gap}") }
        });
        let joined = cells.collect::<Vec<_>>().join("  ");
        format!("{}{}", " ".repeat(indent), joined.trim_end())
    };
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let mut lines = Vec::with_capacity(rows + 1);
    if columns.iter().any(|column| !column.head.is_empty()) {
        lines.push(styled(FAINT, &line(&|column| column.head.to_owned())));
    }
    lines.extend((0..rows).map(|row| line(&|column| column.cells.get(row).cloned().unwrap_or_default())));
    let stay = |head: &&'static str| columns.iter().any(|column| column.head == *head);
    (lines, heads.into_iter().filter(|head| !stay(head)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width_and_hang() {
        let lines = wrap("    why   mean(temp) = 18.7 is 4.9× its spread", 30, 10);
        assert_eq!(lines, ["    why   mean(temp) = 18.7 is", "          4.9× its spread"]);
    }

    #[test]
    fn a_word_longer_than_the_line_stands_alone() {
        assert_eq!(wrap("ab cdefghijkl mn", 6, 1), ["ab", " cdefghijkl", " mn"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(shorten("温度温度", 5), "温度…");
        assert_eq!(shorten("temp", 4), "temp");
    }

    #[test]
    fn a_narrow_screen_loses_the_least_important_columns() {
        let column =
            |head, cell: &str, rank| Column { head, cells: vec![cell.to_owned()], right: true, rank };
        let columns = || vec![column("", "temp", 0), column("estimate", "30", 0), column("p", "0.5", 2)];
        assert_eq!(table(columns(), 0, 19).0[1], "temp        30  0.5");
        let (lines, gone) = table(columns(), 0, 18);
        assert_eq!((lines[1].as_str(), gone), ("temp        30", vec!["p"]));
        let long = vec![column("", "temperature", 0), column("estimate", "30", 0)];
        assert_eq!(table(long, 0, 16).0[1], "tempe…        30");
    }
}
