//! Markdown as far as the checks need it: tables by their head, and what stands in backticks.

/// One row of a table, as (column, cell) in order.
pub(crate) struct Row {
    /// The line in the file, from 1.
    pub(crate) line: usize,
    cells: Vec<(String, String)>,
}

impl Row {
    /// The cell under that head, compared without case.
    pub(crate) fn cell(&self, column: &str) -> Option<&str> {
        self.cells
            .iter()
            .find(|(head, _)| head.eq_ignore_ascii_case(column))
            .map(|(_, cell)| cell.as_str())
    }
}

/// All rows of all tables in the text, outside code blocks.
pub(crate) fn table_rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut head: Option<Vec<String>> = None;
    for (number, line) in outside_code(text) {
        let Some(cells) = split(line) else {
            head = None;
            continue;
        };
        match &head {
            None => head = Some(cells),
            Some(_)
                if cells
                    .iter()
                    .all(|cell| !cell.is_empty() && cell.chars().all(|c| c == '-' || c == ':')) => {
            }
            Some(columns) => {
                rows.push(Row { line: number, cells: columns.iter().cloned().zip(cells).collect() })
            }
        }
    }
    rows
}

/// What stands in backticks, with its line, outside code blocks.
pub(crate) fn backticked(text: &str) -> Vec<(usize, &str)> {
    outside_code(text)
        .flat_map(|(number, line)| {
            line.split('`').skip(1).step_by(2).map(move |code| (number, code))
        })
        .collect()
}

/// Targets of links `[text](target)`, with their line, outside code blocks and code spans.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in outside_code(text) {
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        for part in prose.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            inside = !inside;
            return None;
        }
        (!inside).then_some((index + 1, line))
    })
}

/// The cells of a table line; `\|` does not part cells.
fn split(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(
        inner
            .replace("\\|", "\u{0}")
            .split('|')
            .map(|cell| cell.trim().replace('\u{0}', "|"))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_by_their_heads() {
        let text = "x\n\n| Crate | may depend on |\n|---|:--|\n| `a` | `b`, `c` |\n| `d` | a\\|b |\n\n```\n| `no` | no |\n```\n";
        let rows = table_rows(text);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].cell("crate"), Some("`a`"));
        assert_eq!(rows[1].cell("may depend on"), Some("a|b"));
        assert_eq!(rows[1].line, 6);
    }

    #[test]
    fn code_spans_and_links() {
        let text = "see `crates/x` and [here](docs/a.md) `[not](this)`\n```\n`nor this`\n```\n";
        assert_eq!(backticked(text), [(1, "crates/x"), (1, "[not](this)")]);
        assert_eq!(links(text), [(1, "docs/a.md".to_owned())]);
    }
}
