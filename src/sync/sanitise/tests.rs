//! Tests of the whole: the table, fields and limits, and the properties.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::super::record::Wording;
use super::rules::RULES;
use super::*;

/// Words with `text` as their text and nothing else.
pub(super) fn wording(text: &str) -> Wording {
    Wording {
        kind: Kind::Decision,
        project: None,
        tool: String::new(),
        category: String::new(),
        trigger: String::new(),
        text: text.into(),
        payload: Payload::default(),
        keys: Vec::new(),
    }
}

/// The machine of the samples.
pub(super) fn machine() -> Identity {
    let of = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Identity {
        homes: of(&["/home/lovelace", "/people/lovelace"]),
        users: of(&["lovelace", "Ada Lovelace"]),
        hosts: of(&["adas-macbook", "adas-macbook.acme.io"]),
        roots: of(&["/home/lovelace/shop", "/srv/acme/api", r"C:\dev\site"]),
        mails: of(&["ada.lovelace@acme.io"]),
    }
}

pub(super) fn sanitiser() -> Sanitiser {
    Sanitiser::new(&machine(), &[7; 32], true, true)
}

/// Keyed hashes written as `#`.
pub(super) fn unhashed(text: &str) -> String {
    static HASH: LazyLock<Regex> = LazyLock::new(|| Regex::new("(<[a-z]+) [0-9a-f]{8}>").unwrap());
    HASH.replace_all(text, "$1 #>").into_owned()
}

fn cleaned(text: &str) -> String {
    sanitiser().clean(wording(text)).wording.text
}

#[test]
fn every_rule_does_what_its_samples_say() {
    let own = sanitiser();
    let mut wrong = Vec::new();
    for rule in RULES {
        for (text, want) in rule.samples {
            let once = own.clean(wording(text));
            let left = unhashed(&once.wording.text);
            let named = once.findings.iter().any(|f| f.rule == rule.name && f.field == "text");
            if left != *want || named == (text == want) {
                wrong.push(format!(
                    "{}: {text}\n  -> {left}\n not {want}, {:?}",
                    rule.name, once.findings
                ));
            }
            assert_eq!(cleaned(&once.wording.text), once.wording.text, "again: {text}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_document_names_every_rule() {
    let document = include_str!("../../../docs/sync/sanitising.md");
    for rule in RULES.iter().map(|rule| rule.name).chain(["error", "length"]) {
        assert!(document.contains(&format!("\n| `{rule}` |")), "{rule}");
    }
    for rule in arrive::names() {
        assert!(document.contains(&format!("`{rule}`")), "{rule}");
    }
}

#[test]
fn switches_switch_their_rules_off() {
    let text = "PASSWORD=hunter2 cat /home/bob/x/y/z.rs /home/lovelace/shop/a.rs bob@king.io";
    for (paths, secrets, want) in [
        (true, true, "PASSWORD=[secret:assigned] cat <path>/y/z.rs a.rs <email #>"),
        (false, true, "PASSWORD=[secret:assigned] cat ~/x/y/z.rs ~/shop/a.rs <email #>"),
        (true, false, "PASSWORD=hunter2 cat <path>/y/z.rs a.rs <email #>"),
    ] {
        let own = Sanitiser::new(&machine(), &[7; 32], paths, secrets);
        assert_eq!(unhashed(&own.clean(wording(text)).wording.text), want);
    }
}

#[test]
fn every_field_is_cleaned_and_counted() {
    let said = "~/shop/a.rs by lovelace".to_owned();
    let list = || vec![said.clone(), said.clone()];
    let full = Wording {
        kind: Kind::Fix,
        project: Some([1; 16]),
        tool: "mcp__lovelace__x".into(),
        category: "test".into(),
        trigger: said.clone(),
        text: said.clone(),
        payload: Payload {
            files: vec!["/home/lovelace/shop/a b.rs".into()],
            commands: list(),
            remedy: list(),
            subject: list(),
            routine: true,
            ..Payload::default()
        },
        keys: vec![1, 2],
    };
    let done = sanitiser().clean(full.clone());
    let shown = format!("{:?}", done.wording);
    assert!(!shown.contains("lovelace") && !shown.contains('~'), "{shown}");
    assert_eq!(done.wording.payload.files, ["a b.rs"]);
    assert!(done.wording.payload.routine && done.wording.keys == full.keys);
    assert_eq!((done.wording.kind, done.wording.project), (full.kind, full.project));
    let counted = |rule, field| {
        done.findings.iter().find(|f| f.rule == rule && f.field == field).map(|f| f.count)
    };
    assert_eq!(counted("name", "text"), Some(1));
    assert_eq!(counted("path", "commands"), Some(2));
    assert_eq!(counted("name", "tool"), Some(1));
    assert_eq!(counted("path", "files"), Some(1));
    assert_eq!(counted("name", "category"), None);
}

#[test]
fn equal_names_stay_equal_and_only_under_one_key() {
    let text = cleaned("a@king.io b@king.io A@king.io");
    let parts: Vec<&str> = text.split(' ').filter(|part| part.ends_with('>')).collect();
    assert!(parts[0] == parts[2] && parts[0] != parts[1], "{text}");
    let other = Sanitiser::new(&machine(), &[8; 32], true, true);
    assert_ne!(other.clean(wording("a@king.io")).wording.text, cleaned("a@king.io"));
}

#[test]
fn quoted_errors_are_one_short_line() {
    let fix = |text: &str| {
        sanitiser()
            .clean(Wording { kind: Kind::Fix, tool: "Bash".into(), ..wording(text) })
            .wording
            .text
    };
    let long = format!("`make` failed (error: {}); `make x` worked", "word ".repeat(60));
    let left = fix(&long);
    assert!(
        left.starts_with("`make` failed (error: word ") && left.ends_with("…); `make x` worked"),
        "{left}"
    );
    assert!(left.chars().count() < 200, "{left}");
    let lines = "`make` failed (gcc -c a.c\na.c:3:5: error: 'x' undeclared\nmake: *** [Makefile:3: a.o] Error 1); `make x` worked";
    assert_eq!(fix(lines), "`make` failed (a.c:3:5: error: 'x' undeclared); `make x` worked");
    let short = "`f(x)` failed (no f(x) here); `g` worked";
    assert_eq!(fix(short), short);
}

#[test]
fn limits_hold_for_a_whole_record() {
    let many = |text: &str| vec![text.repeat(400); 90];
    let huge = Wording {
        tool: "é".repeat(900),
        category: "é".repeat(900),
        trigger: "äö ".repeat(9_000),
        keys: vec![5; 900],
        payload: Payload {
            files: many("f"),
            commands: many("ü"),
            remedy: many("日"),
            subject: many("🙂"),
            ..Payload::default()
        },
        ..wording(&"日本 ".repeat(9_000))
    };
    for done in [sanitiser().clean(huge.clone()), harmless(huge.clone())] {
        let words = &done.wording;
        assert!(words.text.chars().count() <= 500 && words.text.ends_with('…'));
        assert!(words.trigger.chars().count() <= 2_000 && words.keys.len() == 64);
        assert!(words.tool.chars().count() <= 200 && words.category.chars().count() <= 40);
        let payload = serde_json::to_string(&words.payload).unwrap();
        assert!(payload.len() + words.trigger.len() + words.text.len() <= RECORD);
        assert!(words.encode().len() <= super::super::record::RECORD - 1_000);
        assert!(done.findings.iter().any(|f| f.rule == "length" && f.field == "payload"));
    }
    let lists = Payload { subject: vec!["x".into(); 25], ..Payload::default() };
    let done = sanitiser().clean(Wording { payload: lists, ..wording("") });
    assert_eq!(done.wording.payload.subject.len(), 24);
    assert_eq!(done.findings, [Finding { rule: "length", field: "payload", count: 1 }]);
    let once = sanitiser().clean(huge).wording;
    assert_eq!(sanitiser().clean(once.clone()).wording, once);
}

#[test]
fn a_name_at_the_limit_does_not_leave_in_half() {
    for before in 470..520 {
        for planted in ["ada.lovelace@acme.io", "/home/bob/secretive/x/plan.rs", "adas-macbook"] {
            let text = format!("{} {planted} {}", "x".repeat(before), "y ".repeat(3_000));
            let left = cleaned(&text);
            for part in ["lovel", "acme", "bob", "secre", "adas-"] {
                assert!(!left.contains(part), "{part} in {left}");
            }
        }
    }
    // Neither where the text is bounded before the rules are applied.
    let text = format!("{}lovelace", "/home/lovelace/shop/a/".repeat(91));
    assert!(!cleaned(&text).contains("lovel"));
}

proptest! {
    #[test]
    fn twice_is_the_same_as_once_on_anything(text in "(?s).{0,600}") {
        let once = sanitiser().clean(wording(&text));
        prop_assert!(once.wording.text.chars().count() <= 500);
        let twice = sanitiser().clean(once.wording.clone());
        prop_assert_eq!(&twice.wording, &once.wording);
        prop_assert_eq!(twice.findings, []);
    }

    #[test]
    fn twice_is_the_same_as_once_on_what_the_rules_know(
        text in "(/home/|/Users/|C:\\\\|\\\\|/|~/|~|lovelace|adas-macbook|Ada|bob|shop|srv|acme|api|tmp|\\.|@|@king\\.io|:|//|https://|ssh |git@|10\\.0\\.0\\.7|fd00::1|-|-home-|worktrees/|\\.claude/|%2F|Users|\"|'|`| |\n|<|>|\\[|\\]|\\(|\\)|<path>|<user 01234567>|\\[secret:x\\]|PASSWORD=|hunter2|9bad2d76-e873-4a87-932a-a62da8e61684|USER=|=|\\.local|\\.internal|…|é|\\$HOME|x){0,40}"
    ) {
        let once = sanitiser().clean(wording(&text));
        let twice = sanitiser().clean(once.wording.clone());
        prop_assert_eq!(&twice.wording, &once.wording);
        prop_assert_eq!(twice.findings, []);
    }

    #[test]
    fn twice_is_the_same_as_once_at_the_limit(
        words in proptest::collection::vec("(a@b\\.co|/home/bob/x/y\\.rs|10\\.0\\.0\\.7|lovelace|xy|`make` failed \\(|\\);|\n)", 0..160)
    ) {
        let fix = Wording { kind: Kind::Fix, ..wording(&words.join(" ")) };
        let once = sanitiser().clean(fix);
        prop_assert!(once.wording.text.chars().count() <= 500);
        let twice = sanitiser().clean(once.wording.clone());
        prop_assert_eq!(&twice.wording, &once.wording);
        prop_assert_eq!(twice.findings, []);
    }
}
