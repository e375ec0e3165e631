//! What a file is for, as its path tells: a test, or text for people. Hot.

use super::paths;

/// Folders that hold tests.
const TEST_FOLDERS: [&str; 6] = ["test", "tests", "__tests__", "spec", "specs", "e2e"];

/// What stands before or behind a stem, with a mark between, in a test's name.
const TEST_WORDS: [&str; 3] = ["test", "tests", "spec"];

/// Endings of texts for people.
const DOCUMENTS: [&str; 5] = ["md", "mdx", "rst", "txt", "adoc"];

/// Index terms by which a prompt speaks of tests.
const OF_TESTS: [&str; 4] = ["test", "spec", "e2e", "coverag"];

/// Index terms by which a prompt speaks of documents.
const OF_DOCUMENTS: [&str; 11] = [
    "doc",
    "document",
    "documentation",
    "readm",
    "changelog",
    "adr",
    "plan",
    "spec",
    "requirement",
    "claude.md",
    "agents.md",
];

/// Whether the file at `path` is a test.
pub(crate) fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if folders.split('/').any(|folder| TEST_FOLDERS.contains(&folder)) {
        return true;
    }
    subject(name).len() < paths::stem(name).len()
}

/// Whether the file at `path` is text for people.
pub(crate) fn is_document(path: &str) -> bool {
    let ending = paths::name(path).rsplit_once('.').map_or("", |(_, ending)| ending);
    DOCUMENTS.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// The stem of a file's name without what makes it the name of a test: what it is about.
pub(crate) fn subject(name: &str) -> &str {
    let stem = paths::stem(name);
    if let Some(rest) = stem.strip_prefix("test_")
        && !rest.is_empty()
    {
        return rest;
    }
    for word in TEST_WORDS {
        let before = stem.strip_suffix(word).and_then(|rest| rest.strip_suffix(['_', '.', '-']));
        if let Some(before) = before.filter(|before| !before.is_empty()) {
            return before;
        }
    }
    stem.strip_suffix("Test").filter(|before| !before.is_empty()).unwrap_or(stem)
}

/// The names that a test of the file called `name` has by the customs of the languages; for a test
/// the name of what it tests.
pub(crate) fn counterparts(name: &str) -> Vec<String> {
    let (stem, subject) = (paths::stem(name), subject(name));
    let ending = &name[stem.len()..];
    if ending.is_empty() {
        return Vec::new();
    }
    if subject.len() < stem.len() {
        return vec![format!("{subject}{ending}")];
    }
    let tests = ["{}_test", "{}.test", "{}.spec", "test_{}", "{}_spec", "{}Test"];
    tests.iter().map(|test| format!("{}{ending}", test.replace("{}", stem))).collect()
}

/// Whether a prompt with these index terms speaks of tests.
pub(crate) fn speaks_of_tests<'a>(mut terms: impl Iterator<Item = &'a str>) -> bool {
    terms.any(|term| OF_TESTS.contains(&term))
}

/// Whether a prompt with these index terms speaks of documents.
pub(crate) fn speaks_of_documents<'a>(mut terms: impl Iterator<Item = &'a str>) -> bool {
    terms.any(|term| OF_DOCUMENTS.contains(&term))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tokens;

    #[test]
    fn tests_are_told_by_their_path() {
        for path in [
            "cli/resume_test.go",
            "src/a.test.ts",
            "src/a.spec.tsx",
            "test_parse.py",
            "app/FooTest.java",
            "tests/it/main.rs",
            "web/__tests__/a.js",
            "x-spec.rb",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["cli/resume.go", "src/latest.ts", "contest.py", "test_", "Test.java", ""] {
            assert!(!is_test(path), "{path}");
        }
        assert!(is_document("docs/a.md") && is_document("README.MD") && !is_document("a.mdc"));
    }

    #[test]
    fn a_test_and_what_it_tests_find_each_other() {
        assert!(counterparts("resume.go").contains(&"resume_test.go".to_string()));
        assert!(counterparts("parse.py").contains(&"test_parse.py".to_string()));
        assert!(counterparts("a.b.ts").contains(&"a.b.spec.ts".to_string()));
        for test in ["resume_test.go", "resume.spec.go", "test_resume.go", "resumeTest.go"] {
            assert_eq!(counterparts(test), ["resume.go"], "{test}");
        }
        assert_eq!(counterparts("Makefile"), [""; 0]);
        assert_eq!(subject("index.test.ts"), "index");
    }

    #[test]
    fn prompts_say_what_they_are_about() {
        for said in
            ["add a test", "are these tested?", "an e2e run", "the specs", "coverage is low"]
        {
            assert!(
                speaks_of_tests(tokens::terms(said).collect::<Vec<_>>().iter().map(String::as_str)),
                "{said}"
            );
        }
        for said in [
            "update the docs",
            "write documentation",
            "the README is old",
            "in CLAUDE.md",
            "these documents",
            "an ADR",
            "the requirements",
        ] {
            let terms: Vec<String> = tokens::terms(said).collect();
            assert!(speaks_of_documents(terms.iter().map(String::as_str)), "{said}");
        }
        let plain: Vec<String> = tokens::terms("fix the latest contest").collect();
        assert!(!speaks_of_tests(plain.iter().map(String::as_str)));
    }

    proptest! {
        #[test]
        fn any_path_is_looked_at(path in ".{0,40}") {
            let _found = (is_test(&path), is_document(&path), counterparts(paths::name(&path)));
            prop_assert!(paths::name(&path).contains(subject(paths::name(&path))));
        }
    }
}
