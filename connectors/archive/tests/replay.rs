//! Files as a source: the shared conformance test, compressed files, folders, broken lines, resume in the middle.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;

use streife_sdk::conformance;
use streife_sdk::{Connector, Pace, SourceConfig};

fn connector(path: &std::path::Path) -> Box<dyn Connector> {
    let config: SourceConfig =
        toml::from_str(&format!("name='t'\nkind='archive'\n[settings]\npath='{}'", path.display())).unwrap();
    streife_archive::replay::connect(&config, &conformance::deps()).unwrap()
}

fn lines(from: usize, to: usize) -> String {
    (from..to).map(|id| format!("{{\"id\":\"{id}\",\"text\":\"x\"}}\n")).collect()
}

#[tokio::test]
async fn conforms_over_a_folder_of_plain_and_packed_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.jsonl"), lines(0, 1_500)).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(lines(1_500, 2_600).as_bytes()).unwrap();
    std::fs::write(folder.path().join("b.jsonl.gz"), gz.finish().unwrap()).unwrap();
    std::fs::write(folder.path().join("c.csv"), "id,text\n2600,x\n2601,y\n").unwrap();
    let wanted: Vec<String> = (0..2_602).map(|id| id.to_string()).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    conformance::check(&streife_archive::KINDS[0], || connector(folder.path()), &wanted).await;
}

#[tokio::test]
async fn a_replaced_file_is_read_anew_and_a_missing_one_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, lines(0, 1_200)).unwrap();
    let first = connector(&path).fetch(None).await.unwrap();
    assert_eq!((first.parsed.events.len(), first.pace), (1_000, Pace::Now));
    std::fs::write(&path, lines(5_000, 5_003)).unwrap();
    let second = connector(&path).fetch(Some(&first.cursor)).await.unwrap();
    assert_eq!(second.parsed.events[0].event.native_id, "5000");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(connector(&path).fetch(None).await.unwrap_err().class().as_str(), "gone");
}

#[tokio::test]
async fn broken_lines_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, [lines(0, 2).as_bytes(), b"{broken\n\xff\xfe\n", lines(2, 4).as_bytes()].concat())
        .unwrap();
    let fetched = connector(&path).fetch(None).await.unwrap();
    assert_eq!((fetched.parsed.events.len(), fetched.parsed.problems.len()), (4, 2));
    assert_eq!(fetched.parsed.problems[0].raw, &b"{broken"[..]);
}
