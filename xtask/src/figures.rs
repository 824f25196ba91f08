//! Puts the output of `streife bench --json` into docs/benchmarks.md: each benchmark's figures stand between
//! `<!-- figures NAME -->` and `<!-- end -->`, as a table, under the line that says when and on what machine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    bench: String,
    figure: String,
    value: f64,
    unit: String,
    against: Option<Peer>,
    ratio: Option<f64>,
}

#[derive(Deserialize)]
struct Peer {
    name: String,
    value: f64,
}

/// Replaces the tables of the benchmarks in `output`; `about` says date, machine and load.
pub(crate) fn write(document: &Path, output: &Path, about: &str) -> anyhow::Result<()> {
    let lines = std::fs::read_to_string(output).with_context(|| output.display().to_string())?;
    let text = std::fs::read_to_string(document).with_context(|| document.display().to_string())?;
    std::fs::write(document, replaced(&text, &lines, about)?)?;
    Ok(())
}

fn replaced(document: &str, lines: &str, about: &str) -> anyhow::Result<String> {
    let mut tables: BTreeMap<String, String> = BTreeMap::new();
    for line in lines.lines().filter(|line| line.starts_with('{')) {
        let line: Line = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let table = tables.entry(line.bench.clone()).or_insert_with(|| {
            format!(
                "`streife bench {}`, {about}\n\n| figure | value | beside | ratio |\n|---|---|---|---|\n",
                line.bench
            )
        });
        let beside =
            line.against.map_or(String::new(), |peer| format!("{}: {}", peer.name, readable(peer.value)));
        let ratio = line.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| {} | {} {} | {beside} | {ratio} |",
            line.figure,
            readable(line.value),
            line.unit
        );
    }
    if tables.is_empty() {
        bail!("there is no line of `streife bench --json` in the file");
    }
    let mut text = document.to_owned();
    for (bench, table) in tables {
        let mark = format!("<!-- figures {bench} -->\n");
        let from =
            text.find(&mark).with_context(|| format!("the document has no place for {bench}: {mark}"))?
                + mark.len();
        let to = text[from..].find("<!-- end -->").context("a place for figures has no end")? + from;
        text.replace_range(from..to, &table);
    }
    Ok(text)
}

/// As `streife bench` prints them.
fn readable(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 1000.0 || magnitude == 0.0 => format!("{value:.0}"),
        magnitude if magnitude >= 100.0 => format!("{value:.1}"),
        magnitude if magnitude >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"bench":"store","figure":"written","value":1234.5,"unit":"posts/s","against":{"name":"plain","value":500.0},"ratio":2.469}"#;

    #[test]
    fn a_table_takes_the_place_of_the_one_before_and_nothing_else_changes() {
        let before = "# B\n<!-- figures store -->\nold\n<!-- end -->\nrest\n";
        let after = replaced(before, LINE, "on a day").unwrap();
        assert!(
            after.starts_with("# B\n<!-- figures store -->\n`streife bench store`, on a day\n"),
            "{after}"
        );
        assert!(
            after.contains("| written | 1234 posts/s | plain: 500.0 | 2.47 |\n<!-- end -->\nrest\n"),
            "{after}"
        );
        assert_eq!(replaced(&after, LINE, "on a day").unwrap(), after);
    }

    #[test]
    fn figures_without_a_place_and_files_without_figures_are_errors() {
        assert!(replaced("# B\n", LINE, "").is_err());
        assert!(replaced("<!-- figures store -->\n<!-- end -->", "no lines", "").is_err());
    }
}
