//! Local checks, `.ci/run` and the workflows run the same steps.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::{documents, files, root, text};

/// The steps that `scripts/test` runs when it is given none.
fn steps() -> BTreeSet<String> {
    let output = Command::new("bash")
        .arg(root().join("scripts/test"))
        .arg("--list")
        .output()
        .expect("bash runs the project's scripts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn ci_runs_every_step_and_no_other() {
    let workflow = text(Path::new(".github/workflows/ci.yml"));
    let mut named = BTreeSet::new();
    for line in workflow.lines() {
        if let Some((_, arguments)) = line.split_once("run: scripts/test") {
            let words = arguments.split_whitespace().filter(|word| !word.starts_with("--"));
            named.extend(words.map(str::to_owned));
        }
    }
    assert_eq!(named, steps(), "ci.yml (left) and scripts/test (right) differ");
}

#[test]
fn ci_run_is_the_readmes_test_command() {
    let commands = |script: &str| -> Vec<String> {
        let kept = |line: &&str| !line.starts_with('#') && !line.trim().is_empty();
        text(Path::new(script)).lines().filter(kept).map(str::to_owned).collect()
    };
    let last = commands(".ci/run").pop().unwrap();
    assert_eq!(last, "exec scripts/test");
    let readme = text(Path::new("README.md"));
    assert!(readme.lines().any(|line| line.trim() == "scripts/test"), "README: scripts/test");
    let release = text(Path::new(".github/workflows/release.yml"));
    assert!(release.contains("run: .ci/run"), "a release passes the same checks");
}

#[test]
fn scripts_can_be_run() {
    for path in files("scripts", &[""]).iter().chain(&files(".ci", &[])) {
        assert!(documents::is_executable(&root().join(path)), "{}: chmod +x", path.display());
        let strict = text(path).lines().any(|line| line == "set -euo pipefail");
        assert!(strict, "{} goes on after an error", path.display());
    }
}

#[test]
fn actions_are_pinned_by_hash() {
    for path in files(".github/workflows", &["yml"]) {
        for line in text(&path).lines() {
            let Some((_, action)) = line.split_once("uses: ") else { continue };
            let hash = action.split('@').nth(1).and_then(|rest| rest.split(' ').next());
            let pinned =
                hash.is_some_and(|h| h.len() == 40 && h.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(pinned, "{}: {line}", path.display());
        }
    }
}
