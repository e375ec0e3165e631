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
fn the_plan_names_skills_and_pairs_and_cuts_long_lists() {
    let sandbox = Sandbox::new();
    for number in 1..9 {
        let mut session = Transcript::new(&sandbox, number).prompt("Please run the checks");
        for n in 0..10 {
            // Half of the sessions are about something else, so that the rest is no chance.
            let about = if number < 5 { "npm test" } else { "make" };
            session = session
                .bash(&format!("{about} --suite-{n}"))
                .failed(1, &format!("error: unknown option '--suite-{n}'"))
                .bash(&format!("{about} --pattern cart-{n}"))
                .ok("3 tests passed");
        }
        let _path = session.write();
    }
    let _learned = sandbox.mana(["learn"]).run().success();
    let plan = sandbox.mana(["consolidate", "--dry-run", "--json"]).run().success().json();
    let number = |list: &str| plan[list].as_array().map(Vec::len).unwrap_or_default();
    assert_eq!(plan["report"]["skills"], number("skills"), "{plan}");
    assert_eq!(plan["report"]["edges"], number("pairs"), "{plan}");
    let skill = &plan["skills"][0];
    assert_eq!((&skill["change"], &skill["project"]), (&"made".into(), &"project".into()));
    assert!(skill["title"].as_str().unwrap().contains('`'), "{skill}");
    let pair = &plan["pairs"][0];
    assert_eq!((&pair["change"], &pair["support"]), (&"made".into(), &4.into()), "{pair}");
    assert!(pair["before"]["text"].is_string() && pair["after"]["text"].is_string(), "{pair}");

    let pairs = number("pairs");
    assert!(pairs > 40, "{pairs}");
    let cut = sandbox.mana(["consolidate", "--dry-run"]).run().success().text();
    let lines =
        |text: &str| text.lines().filter(|line| line.starts_with("made      pair: ")).count();
    assert_eq!(lines(&cut), 40, "{cut}");
    assert!(cut.contains(&format!("… and {} more pairs; --all", pairs - 40)), "{cut}");
    let all = sandbox.mana(["consolidate", "--dry-run", "--all"]).run().success().text();
    assert_eq!(lines(&all), pairs, "{all}");
    assert!(all.contains("skill in project: ") && !all.contains("more pairs"), "{all}");

    let report = sandbox.mana(["consolidate", "--json"]).run().success().json();
    assert_eq!(report["report"], plan["report"]);
    assert!(report.get("skills").is_none(), "{report}");
    let again = sandbox.mana(["consolidate", "--dry-run"]).run().success().text();
    assert_eq!(again.trim(), "Nothing to change.");
    let _usage = sandbox.mana(["consolidate", "--all"]).run().code(2);
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
