//! Holds SPECIFICATION.md against the tree: every promise names a test, and every named test exists.
//!
//! In the promise tables the last column names the tests, each in backquotes. A row without one, or a name that no
//! `fn` in the tree has, fails the check.

use anyhow::{Context, bail};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

/// The heading below which rows are promises; the section ends at the next heading of its level.
const PROMISES: &str = "## Promises";

/// Checks the specification of the workspace at `root`.
///
/// # Errors
/// What is wrong, a line for each.
pub fn check(root: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(root.join("SPECIFICATION.md")).context("SPECIFICATION.md")?;
    let tests = functions(root)?;
    let mut wrong = Vec::new();
    let mut promises = 0;
    for row in rows(&text) {
        promises += 1;
        let named = names(row);
        if named.is_empty() {
            wrong.push(format!("no test is named: {row}"));
        }
        let missing = named.into_iter().filter(|name| !tests.contains(*name));
        wrong.extend(missing.map(|name| format!("there is no test `{name}`: {row}")));
    }
    if !wrong.is_empty() {
        bail!("SPECIFICATION.md:\n  {}", wrong.join("\n  "));
    }
    println!("specification: {promises} promises, each with its test");
    Ok(())
}

/// The rows of the promise tables, without heads and rules.
fn rows(text: &str) -> impl Iterator<Item = &str> {
    let section = text.split_once(PROMISES).map_or("", |(_, rest)| rest);
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"))
}

/// What stands in backquotes in the last column.
fn names(row: &str) -> Vec<&str> {
    let last = row.trim_end_matches([' ', '|']).rsplit_once(" | ").map_or("", |(_, last)| last);
    last.split('`').skip(1).step_by(2).collect()
}

/// Every `fn` name in the sources that git knows, and every C client's file name.
fn functions(root: &Path) -> anyhow::Result<HashSet<String>> {
    let out = Command::new("git")
        .current_dir(root)
        .args(["grep", "-hoE", "fn [a-z0-9_]+", "--", "*.rs"])
        .output()
        .context("git grep")?;
    let text = String::from_utf8(out.stdout).context("the sources are UTF-8")?;
    Ok(text.lines().filter_map(|line| line.strip_prefix("fn ")).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::{names, rows};

    #[test]
    fn only_rows_of_the_promises_count_and_their_last_column_names_tests() {
        let text = "## Calls\n| `01` | x |\n## Promises\n| promise | kept by |\n|---|---|\n| with `code` | `a_test`, `b_test` |\n\n## After\n| no | `c` |\n";
        let rows: Vec<_> = rows(text).collect();
        assert_eq!(rows, ["| with `code` | `a_test`, `b_test` |"]);
        assert_eq!(names(rows[0]), ["a_test", "b_test"]);
    }
}
