//! `docs/invariants.md`: every invariant names its test as `` `test_name` `` in the last column, and the test exists.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// One line for each test that is named and does not exist.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string("docs/invariants.md").context("docs/invariants.md")?;
    let mut sources = String::new();
    for folder in ["pipeline", "connectors", "desk", "tests", "xtask"] {
        read_rust(Path::new(folder), &mut sources)?;
    }
    Ok(named_tests(&text)
        .into_iter()
        .filter(|test| !sources.contains(&format!("fn {test}(")))
        .map(|test| format!("docs/invariants.md names the test {test}, which does not exist"))
        .collect())
}

fn named_tests(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|-") && !line.starts_with("| invariant"))
        .filter_map(|line| line.trim_end_matches([' ', '|']).rsplit('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

fn read_rust(folder: &Path, into: &mut String) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            read_rust(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_last_column() {
        let text = "| invariant | test |\n|---|---|\n| `x` holds | `a_test`, `b_test` |\n";
        assert_eq!(named_tests(text), ["a_test", "b_test"]);
    }
}
