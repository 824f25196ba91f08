//! Every shipped source template is sound: it parses, its envelope has nothing wrong, the default set can start.

use serde::Deserialize;
use streife_sdk::SourceConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    source: Vec<SourceConfig>,
}

#[test]
fn templates_are_sound() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/sources");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let sources: Sources = toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for source in sources.source {
            assert_eq!(source.problems(true, "2026-11-22"), [], "{}", path.display());
            let is_default = path.file_name().is_some_and(|n| n == "default.toml");
            assert_eq!(
                source.enabled,
                is_default,
                "{}: templates are off, the default set is on",
                path.display()
            );
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
