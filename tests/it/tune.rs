//! `mana tune` as a person meets it: weights that fit the history are used, others are not.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

const TOPICS: [&str; 10] = [
    "refund",
    "invoice",
    "shipping",
    "discount",
    "voucher",
    "currency",
    "stock",
    "catalogue",
    "newsletter",
    "wishlist",
];

/// Sessions of four prompts each, every one of which leads to a new file: what earlier sessions
/// worked on at the same words is never the answer.
fn history(sandbox: &Sandbox, sessions: u32) {
    let root = sandbox.project();
    for number in 0..sessions {
        let mut transcript = Transcript::new(sandbox, number + 1);
        for turn in 0..4 {
            let topic = TOPICS[(number as usize * 3 + turn) % TOPICS.len()];
            let name = format!("src/{topic}/part{number}.ts");
            // What is gone is not told.
            sandbox.write(&name, "text");
            let path = root.join(name);
            transcript = transcript
                .prompt(&format!("please change how the {topic} is worked out for the report"))
                .call("Write", &json!({ "file_path": path, "content": "text" }))
                .ok("written");
        }
        let _path = transcript.write();
    }
}

/// What the hook says to a prompt in a new session.
fn told(sandbox: &Sandbox, session: &str) -> String {
    let event = json!({
        "session_id": session,
        "transcript_path": sandbox.home().join("none.jsonl"),
        "cwd": sandbox.project(),
        "hook_event_name": "UserPromptSubmit",
        "prompt": "please change how the voucher is worked out for the report",
    });
    let output =
        sandbox.mana(["inject"]).env("MANA_HOLDOUT", "0").stdin(event.to_string()).run().success();
    let answer: Value = serde_json::from_str(&output.text()).unwrap_or_default();
    let text = answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
    text.to_owned()
}

#[test]
fn weights_that_fit_the_history_change_what_hooks_say() {
    let sandbox = Sandbox::new();
    history(&sandbox, 60);
    let _learned = sandbox.mana(["learn"]).run().success();
    let shipped = told(&sandbox, "shipped");
    assert!(shipped.contains("src/voucher/"), "{shipped}");
    let weights = || sandbox.mana(["status", "--json"]).run().success().json()["weights"].clone();
    assert_eq!(weights(), json!({ "fitted": false, "since": null }));

    let foretold = sandbox.mana(["tune", "--dry-run", "--json"]).run().success().json();
    assert_eq!(foretold["verdict"], "better", "{foretold:#}");
    assert_eq!((&foretold["kept"], &foretold["dry_run"]), (&json!(false), &json!(true)));
    assert_eq!(told(&sandbox, "after the dry run"), shipped);

    let fitted = sandbox.mana(["tune", "--json"]).run().success().json();
    assert_eq!(fitted["kept"], true, "{fitted:#}");
    assert_eq!(fitted["weights"], foretold["weights"], "the same history, the same weights");
    assert!(fitted["prompts"].as_u64().unwrap() >= 100, "{fitted:#}");
    let loss = |side: &str| fitted[side]["log_loss"].as_f64().unwrap();
    assert!(loss("after") < loss("before"), "{fitted:#}");
    assert_eq!(told(&sandbox, "fitted"), "", "they never were the answer");

    let since = weights()["since"].as_i64().unwrap();
    assert_eq!(weights(), json!({ "fitted": true, "since": since }));
    let status = sandbox.mana(["status"]).run().success().text();
    assert!(status.contains("Weights for files: fitted to this history since "), "{status}");

    let text = sandbox.mana(["tune"]).run().success().text();
    assert!(text.contains("a document that nobody asked for"), "{text}");
    assert!(text.contains("The fitted weights are used from now on"), "{text}");

    let _reset = sandbox.mana(["tune", "--reset"]).run().success();
    assert_eq!(told(&sandbox, "reset"), shipped);
    assert_eq!(weights()["fitted"], false);
    assert!(weights()["since"].as_i64() >= Some(since), "{}", weights());
}

/// As an upgrade may leave it: the term lists are to be made anew.
#[test]
fn what_is_not_listed_is_before_hooks_are_answered_from_it() {
    let sandbox = Sandbox::new();
    history(&sandbox, 6);
    let _learned = sandbox.mana(["learn"]).run().success();
    let shipped = told(&sandbox, "learned");
    assert!(shipped.contains("src/voucher/"), "{shipped}");
    let unlist = || {
        let database = sandbox.mana_home().join("metadata.sqlite");
        let changes = "DELETE FROM postings; DELETE FROM meanings; UPDATE projects SET listed = 0;";
        Connection::open(database).unwrap().execute_batch(changes).unwrap();
    };
    for (session, mends) in [("tuned", &["tune", "--reset"][..]), ("mended", &["doctor", "--fix"])]
    {
        unlist();
        // Without hooks doctor has something left to say.
        let _published = sandbox.mana(mends.iter().copied()).run();
        let doctor = sandbox.mana(["doctor"]).run().text();
        assert!(doctor.contains("hooks are answered from them"), "{mends:?}: {doctor}");
        assert_eq!(told(&sandbox, session), shipped, "{mends:?}");
    }
}

#[test]
fn too_little_history_changes_nothing() {
    let sandbox = Sandbox::new();
    history(&sandbox, 6);
    let missing = sandbox.mana(["tune"]).run();
    assert_eq!(missing.code, Some(4), "there is no home yet: {missing:?}");
    let _learned = sandbox.mana(["learn"]).run().success();
    let before = snapshot(&sandbox.mana_home().join("snapshots"));
    let text = sandbox.mana(["tune", "--dry-run"]).run().success().text();
    assert!(text.contains("Nothing changes: at least 100 prompts"), "{text}");
    assert_eq!(snapshot(&sandbox.mana_home().join("snapshots")), before);
    let told = sandbox.mana(["tune", "--json"]).run().success().json();
    assert_eq!((&told["verdict"], &told["kept"]), (&json!("too_few"), &json!(false)));
}

#[test]
fn runs_that_hooks_start_do_it_once_a_week_and_can_be_told_not_to() {
    let sandbox = Sandbox::new();
    history(&sandbox, 60);
    let _learned = sandbox.mana(["learn"]).run().success();
    let shipped = told(&sandbox, "after a person's run");
    assert!(!shipped.is_empty(), "no run of a person's does it");

    let config = sandbox.mana_home().join("config.toml");
    std::fs::write(&config, "[rank]\nrefit = false\n").unwrap();
    let _learned = sandbox.mana(["learn", "--detached"]).run().success();
    assert_eq!(told(&sandbox, "told not to"), shipped);

    std::fs::remove_file(&config).unwrap();
    let _learned = sandbox.mana(["learn", "--detached"]).run().success();
    assert_eq!(told(&sandbox, "due"), "", "the fitted weights are used");
    let _reset = sandbox.mana(["tune", "--reset"]).run().success();
    let _learned = sandbox.mana(["learn", "--detached"]).run().success();
    assert_eq!(told(&sandbox, "within a week"), shipped);
}

#[test]
fn runs_of_the_daemon_do_it_as_well() {
    let sandbox = Sandbox::new();
    history(&sandbox, 60);
    let fitted =
        || sandbox.mana(["status", "--json"]).run().success().json()["weights"]["fitted"].clone();
    let _learned = sandbox.mana(["learn", "--supervised"]).run().success();
    assert_eq!(fitted(), true);
    let _reset = sandbox.mana(["tune", "--reset"]).run().success();
    let _learned = sandbox.mana(["learn", "--supervised"]).run().success();
    assert_eq!(fitted(), false, "within a week");
}
