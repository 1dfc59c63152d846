//! The rows of a table of comma- or otherwise separated values (RFC 4180), by named columns.

use crate::ExtractFault;

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// The columns, by name.
    pub columns: Vec<String>,
    /// The cells of each row, in the order of the columns.
    pub rows: Vec<Vec<String>>,
}

/// Reads a table whose first row names its columns. Without `wanted` all columns are taken.
///
/// # Errors
/// A column that is not there, and a table without rows.
pub fn rows(text: &str, wanted: &[String]) -> Result<Rows, ExtractFault> {
    let mut lines = cells(text).into_iter();
    let names = lines.next().ok_or(ExtractFault::Broken("the table has no rows"))?;
    let numbers: Vec<usize> = if wanted.is_empty() {
        (0..names.len()).collect()
    } else {
        let number = |name: &String| {
            let found = names.iter().position(|known| known.trim().eq_ignore_ascii_case(name));
            found.ok_or_else(|| ExtractFault::NoColumn(name.clone()))
        };
        wanted.iter().map(number).collect::<Result<_, _>>()?
    };
    let pick = |row: &Vec<String>| -> Vec<String> {
        numbers.iter().map(|number| row.get(*number).cloned().unwrap_or_default()).collect()
    };
    let columns = pick(&names);
    Ok(Rows { columns, rows: lines.map(|row| pick(&row)).collect() })
}

/// All cells, row by row; empty rows are left out.
fn cells(text: &str) -> Vec<Vec<String>> {
    let first = text.lines().next().unwrap_or_default();
    let count = |c: char| first.matches(c).count();
    let separator = [',', ';', '\t', '|'].into_iter().max_by_key(|c| (count(*c), *c == ','));
    let separator = separator.unwrap_or(',');
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut chars = text.trim_start_matches('\u{feff}').chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            c if c == separator && !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                finish(&mut rows, &mut row);
            }
            c => cell.push(c),
        }
    }
    row.push(cell);
    finish(&mut rows, &mut row);
    rows
}

fn finish(rows: &mut Vec<Vec<String>>, row: &mut Vec<String>) {
    let row = std::mem::take(row);
    if row.iter().any(|cell| !cell.trim().is_empty()) {
        rows.push(row);
    }
}
