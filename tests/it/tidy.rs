//! The borders that no lint can express, read from the sources themselves.
//!
//! Every rule is a table in `rules.rs`; a finding names the file, the line and the rule, so that a
//! failure says what to do. `scan.rs` turns a Rust file into code without comments, literals and
//! unit tests; what is left is what ships.

mod documents;
mod pipeline;
mod rules;
mod scan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use scan::Source;

/// The checkout: where `Cargo.toml` lies.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose extension is one of `extensions` (all files for none), as paths
/// relative to the checkout, sorted. A folder that does not exist has no files.
fn files(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() { walk(&path, found)? } else { found.push(path) }
        }
        Ok(())
    }
    let mut found = Vec::new();
    let folder = root().join(folder);
    if folder.is_dir() {
        walk(&folder, &mut found).unwrap();
    }
    let wanted = |path: &PathBuf| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        extensions.is_empty() || extensions.contains(&extension)
    };
    let mut relative: Vec<_> = found
        .into_iter()
        .filter(wanted)
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    relative.sort();
    relative
}

/// The text of a file of the checkout; bytes that are no text become replacement characters.
fn text(path: &Path) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The shipped sources, scanned; files that are modules of tests only are left out.
fn sources() -> Vec<Source> {
    let mut all = Vec::new();
    let mut tests = Vec::new();
    for path in files("src", &["rs"]) {
        let text = text(&path);
        tests.extend(scan::test_modules(&path, &text));
        all.push(Source::new(&path, &text));
    }
    all.retain(|source| !tests.iter().any(|test| rules::covers(test, &source.path)));
    all
}

/// Fails with all findings at once, so that one run shows the whole list.
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}\n\n  {}\n", findings.join("\n  "));
}

#[test]
fn arrows_point_down() {
    let mut findings = Vec::new();
    for source in sources() {
        let Some(module) = source.top_module() else { continue };
        let Some((_, allowed)) = rules::ARROWS.iter().find(|(name, _)| *name == module) else {
            findings.push(format!("{}: `{module}` is not in ARROWS", source.path));
            continue;
        };
        for (line, used) in source.crate_uses() {
            if used != module && !allowed.contains(&used.as_str()) {
                findings.push(format!("{}:{line}: `{module}` must not use `{used}`", source.path));
            }
        }
    }
    assert_none(
        &findings,
        "modules use only what lies below them (ARROWS in tests/it/tidy/rules.rs)",
    );
}

#[test]
fn the_allowed_arrows_have_no_cycle() {
    for (index, (module, below)) in rules::ARROWS.iter().enumerate() {
        for used in *below {
            let place = rules::ARROWS.iter().position(|(name, _)| name == used);
            assert!(place.is_some_and(|p| p > index), "`{module}` → `{used}` does not point down");
        }
    }
}

#[test]
fn words_stay_in_their_modules() {
    let mut findings = Vec::new();
    for source in sources() {
        for rule in rules::WORDS {
            if rule.applies_to(&source.path) {
                findings.extend(source.lines_with(rule.words).map(|(line, word)| {
                    format!("{}:{line}: `{word}`: {}", source.path, rule.reason)
                }));
            }
        }
    }
    assert_none(&findings, "a word stands where it must not (WORDS in tests/it/tidy/rules.rs)");
}

#[test]
fn hot_modules_are_found() {
    let sources = sources();
    for entry in rules::HOT {
        let covered = sources.iter().any(|source| rules::covers(entry, &source.path));
        assert!(covered, "{entry} in HOT names no file");
    }
}

#[test]
fn every_source_file_has_a_module_doc() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in files(folder, &["rs"]) {
            if !path.starts_with("tests/fixtures") && !text(&path).starts_with("//! ") {
                findings.push(path.display().to_string());
            }
        }
    }
    assert_none(&findings, "the first line of a file says in a `//!` doc what it owns");
}

#[test]
fn nothing_is_left_open() {
    let mut findings = Vec::new();
    for folder in ["src", "tests", "benches", "scripts", "hooks", ".github", ".ci"] {
        for path in files(folder, &[]) {
            if path.starts_with("tests/fixtures") {
                continue;
            }
            for (number, line) in text(&path).lines().enumerate() {
                for word in rules::OPEN.iter().filter(|word| scan::has_word(line, word)) {
                    findings.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert_none(&findings, "finish it, or write down what is missing in the issue");
}

#[test]
fn no_file_names_a_private_machine() {
    let mut findings = Vec::new();
    for (name, _) in rules::TOP_LEVEL {
        let listed = if root().join(name).is_dir() { files(name, &[]) } else { vec![name.into()] };
        for path in listed.iter().filter(|path| root().join(path).is_file()) {
            for (number, line) in text(path).lines().enumerate() {
                for part in rules::MACHINE_PATHS.iter().filter(|part| line.contains(**part)) {
                    findings.push(format!("{}:{}: {part}", path.display(), number + 1));
                }
            }
        }
    }
    assert_none(&findings, "a path that exists on one machine only");
}

#[test]
fn the_top_level_holds_what_was_planned() {
    let mut findings = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let known = rules::TOP_LEVEL.iter().any(|(known, _)| *known == name);
        if !known && !rules::NOT_OURS.contains(&name.as_str()) {
            findings.push(name);
        }
    }
    assert_none(&findings, "new at the top level (TOP_LEVEL in tests/it/tidy/rules.rs)");
}

#[test]
fn migrations_are_never_edited() {
    use sha2::{Digest, Sha256};
    use std::fmt::Write;

    let recorded: BTreeSet<String> = text(Path::new("tests/fixtures/migrations.sha256"))
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(str::to_owned)
        .collect();
    let mut present = BTreeSet::new();
    for path in files("src/storage/migrations", &[]) {
        let mut line = String::new();
        for byte in Sha256::digest(fs::read(root().join(&path)).unwrap()) {
            write!(line, "{byte:02x}").unwrap();
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        present.insert(format!("{line}  {name}"));
    }
    let edited: Vec<_> = recorded.difference(&present).collect();
    // The newest one may still be in the making; a release records it.
    let name = |line: &str| line.split("  ").last().unwrap_or_default().to_owned();
    let newest = present.iter().map(|line| name(line)).max().unwrap_or_default();
    let new: Vec<_> = present.difference(&recorded).filter(|line| name(line) != newest).collect();
    assert!(
        edited.is_empty(),
        "these migrations are released; write a new one instead: {edited:#?}"
    );
    assert!(new.is_empty(), "add these lines to tests/fixtures/migrations.sha256: {new:#?}");
}
