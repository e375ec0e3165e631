//! Keeps the test tree whole: a file that no module names would never run.

use std::fs;
use std::path::Path;

#[test]
fn every_test_file_is_a_module() {
    for folder in ["tests/it", "tests/client", "tests/torture"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let main = fs::read_to_string(folder.join("main.rs")).expect("each folder is one binary");
        for entry in fs::read_dir(&folder).expect("the folder exists").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(module) = name.strip_suffix(".rs").filter(|name| *name != "main") else {
                continue;
            };
            let declared = main.lines().any(|line| line.trim() == format!("mod {module};"));
            assert!(declared, "{} is not declared in main.rs", entry.path().display());
        }
    }
}
