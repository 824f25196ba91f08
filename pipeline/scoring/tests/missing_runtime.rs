//! What is said when ONNX Runtime is not there. A process keeps the first library it loads, so this test has a process of its own.

use std::path::Path;

use streife_scoring::{Device, Models, OpenOptions};

#[test]
fn a_missing_runtime_is_named() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let open = |parts: &Path| {
        let options = OpenOptions { models: &models, parts, encoder: true, device: Device::Cpu, sessions: 1 };
        Models::open(&options).unwrap_err().to_string()
    };
    let error = open(Path::new("/nowhere"));
    assert!(error.contains("the file is not there") && error.contains("streife setup"), "{error}");

    let parts = tempfile::tempdir().unwrap();
    let library = parts.path().join(streife_scoring::LIBRARY);
    std::fs::create_dir_all(library.parent().unwrap()).unwrap();
    std::fs::write(library, b"no library").unwrap();
    let error = open(parts.path());
    assert!(error.contains("cannot be loaded") && error.contains("streife setup"), "{error}");
}
