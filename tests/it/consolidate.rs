//! `mana consolidate` as a person meets it.

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

/// A session in which the user lays something down.
fn laid_down(sandbox: &Sandbox, number: u32, words: &str) {
    Transcript::new(sandbox, number)
        .prompt("Please run the checks")
        .bash("./check")
        .ok("12 checks passed")
        .prompt(words)
        .bash("./check --all")
        .ok("13 checks passed")
        .write();
}

const RULE: &str = "No, always describe every new helper in one short plain sentence so that a \
    reader who has never seen the module understands what it is good for and what it returns";

#[test]
fn the_plan_says_what_the_run_does_and_a_second_run_changes_nothing() {
    let sandbox = Sandbox::new();
    laid_down(&sandbox, 1, RULE);
    laid_down(&sandbox, 2, &format!("{RULE} to whom"));
    let _learned = sandbox.mana(["learn"]).run().success();

    let plan = sandbox.mana(["consolidate", "--dry-run", "--json"]).run().success().json();
    assert_eq!(plan["report"]["merged"], 1, "{plan}");
    let item = &plan["items"][0];
    assert_eq!(item["change"], "merged", "{plan}");
    assert!(item["why"].as_str().unwrap().contains("says the same as"), "{plan}");
    let text = sandbox.mana(["consolidate", "--dry-run"]).run().success().text();
    assert!(text.contains("Would change:") && text.contains("says the same as"), "{text}");

    // So far nothing has changed.
    let id = item["id"].as_str().unwrap().to_owned();
    let before = sandbox.mana(["show", &id, "--json"]).run().success().json();
    assert_eq!(before["state"], "active");
    let report = sandbox.mana(["consolidate", "--json"]).run().success().json();
    assert_eq!(report["report"], plan["report"]);
    let merged = sandbox.mana(["show", &id, "--json"]).run().success().json();
    assert_eq!((&merged["state"], &merged["reason"]), (&"retired".into(), &"merged".into()));
    let stands = merged["merged_into"].as_str().unwrap();
    let stands = sandbox.mana(["show", stands]).run().success().text();
    assert!(stands.contains("in 2 sessions") && stands.contains("now       shown"), "{stands}");
    let shown = sandbox.mana(["show", &id]).run().success().text();
    assert!(shown.contains("now       not shown: it was merged into"), "{shown}");

    let again = sandbox.mana(["consolidate"]).run().success().text();
    assert_eq!(again.trim(), "Nothing to change.");
    let _learned = sandbox.mana(["learn"]).run().success();
    let again = sandbox.mana(["consolidate", "--dry-run"]).run().success().text();
    assert_eq!(again.trim(), "Nothing to change.");
}

#[test]
fn runs_that_hooks_start_do_it_once_a_day() {
    let sandbox = Sandbox::new();
    laid_down(&sandbox, 1, RULE);
    laid_down(&sandbox, 2, &format!("{RULE} to whom"));
    let _learned = sandbox.mana(["learn", "--detached"]).run().success();
    let again = sandbox.mana(["consolidate", "--dry-run"]).run().success().text();
    assert_eq!(again.trim(), "Nothing to change.");
    laid_down(&sandbox, 3, &format!("{RULE} to them"));
    let _learned = sandbox.mana(["learn", "--detached"]).run().success();
    let later = sandbox.mana(["consolidate", "--dry-run", "--json"]).run().success().json();
    assert_ne!(later["report"]["merged"], 0, "the third waits until a day is over: {later}");
}

#[test]
fn nothing_was_learned_yet() {
    let sandbox = Sandbox::new();
    for arguments in [&["consolidate"][..], &["consolidate", "--dry-run"]] {
        let output = sandbox.mana(arguments).run().code(4);
        assert!(output.errors().contains("mana learn"), "{output:?}");
    }
    assert!(!sandbox.mana_home().exists(), "looking made a home");
    let _learned = sandbox.mana(["learn"]).run().success();
    let output = sandbox.mana(["consolidate"]).run().success();
    assert_eq!(output.text().trim(), "Nothing to change.");
}
