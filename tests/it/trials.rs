//! What another device told is tried on what happened here: two homes, one exports, the other
//! imports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

const PASSPHRASE: &str = "correct horse battery staple";

const MISSING: &str = "Error: Cannot find module 'quux'";
const RULE: &str = "Error: no such rule zork";

/// A machine that learned three mends: one of which the other one has another occasion, one that
/// is no use there, and one about something that it never did.
fn author() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt("Check everything")
            .bash("./check-all")
            .failed(1, MISSING)
            .bash("./setup --deep")
            .ok("done")
            .bash("./check-all")
            .ok("12 checks passed")
            .prompt("Now lint everything")
            .bash("./lint-all")
            .failed(2, RULE)
            .bash("./lint-all --lenient")
            .ok("no findings")
            .prompt("And deploy it")
            .bash("./deploy")
            .failed(3, "error: no such bucket snark")
            .bash("./deploy --all")
            .ok("deployed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

/// A machine on which other commands failed in the same ways, in these sessions.
fn reader(sessions: std::ops::Range<u32>) -> Sandbox {
    let sandbox = Sandbox::new();
    work(&sandbox, sessions);
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

fn work(sandbox: &Sandbox, sessions: std::ops::Range<u32>) {
    for number in sessions {
        Transcript::new(sandbox, number)
            .prompt("Run the tests")
            .bash("./run-tests")
            .failed(1, MISSING)
            .bash("./setup --deep")
            .ok("done")
            .bash("./run-tests")
            .ok("7 tests passed")
            .bash("./check-all")
            .ok("12 checks passed")
            .prompt("Lint it")
            .bash("./run-lint")
            .failed(2, RULE)
            .bash("./run-lint --new")
            .ok("no findings")
            .bash("ls src")
            .ok("a.rs")
            .bash("./lint-all --help")
            .ok("usage: lint-all")
            .bash("ls docs")
            .ok("a.md")
            .write();
    }
}

fn import(author: &Sandbox, reader: &Sandbox) -> Value {
    let file = author.root().join("exported").display().to_string();
    drop(author.mana(["export", &file]).run().success());
    reader.mana(["--json", "import", "--merge", &file]).run().success().json()
}

fn waiting(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.mana(["--json", "review", "list", "--all"]).run().success().json();
    listed.as_array().unwrap().clone()
}

fn about<'a>(items: &'a [Value], word: &str) -> Option<&'a Value> {
    items.iter().find(|item| item["kind"] == "fix" && item["text"].as_str().unwrap().contains(word))
}

/// What a hook says when `command` has failed.
fn told(sandbox: &Sandbox, command: &str, error: &str) -> String {
    let event = json!({
        "hook_event_name": "PostToolUseFailure", "cwd": sandbox.project(), "tool_name": "Bash",
        "tool_use_id": "toolu_1", "tool_input": {"command": command},
        "error": format!("Exit code 1\n{error}"), "transcript_path": "",
        "session_id": "00000009-5e55-4000-8000-000000000009",
    });
    // Each time as in a session that was told nothing.
    let _absent = fs::remove_dir_all(sandbox.mana_home().join("sessions"));
    sandbox.mana(["inject"]).stdin(event.to_string()).run().success().text()
}

fn score(sandbox: &Sandbox) -> Value {
    sandbox.mana(["--json", "review", "--score"]).run().success().json()
}

#[test]
fn what_would_have_helped_is_told_what_would_have_misled_is_held() {
    let (author, reader) = (author(), reader(0..4));
    let done = import(&author, &reader);
    assert!(done["tried"]["tried"].as_u64() >= Some(3), "{done}");
    assert_eq!(done["tried"]["verdicts"]["helpful"], 1, "{done}");
    let items = waiting(&reader);
    assert!(about(&items, "check-all").is_none(), "{items:#?}");
    let misled = about(&items, "lint-all").unwrap();
    assert_eq!(misled["trial"]["verdict"], "misleading", "{misled:#}");
    assert_eq!((&misled["trial"]["right"], &misled["trial"]["wrong"]), (&json!(0), &json!(4)));
    let unknown = about(&items, "deploy").unwrap();
    assert_eq!(unknown["trial"]["verdict"], "few", "{unknown:#}");
    // Named at starts, and never to the point.
    assert_eq!((&unknown["trial"]["right"], &unknown["trial"]["wrong"]), (&json!(0), &json!(0)));

    let said = told(&reader, "./check-all", MISSING);
    assert!(said.contains("check-all") && said.contains("./setup --deep"), "{said}");
    assert!(!told(&reader, "./lint-all", RULE).contains("--lenient"));
    assert!(!told(&reader, "./deploy", "error: no such bucket snark").contains("--all"));

    // Who said it, and when.
    let peers = reader.mana(["--json", "sync", "peer", "list"]).run().success().json();
    assert_eq!(unknown["from"]["device"], peers[0]["device"]);
    assert!(unknown["from"]["at"].is_string());
    let text = reader.mana(["review", "list", "--all"]).run().success().text();
    let device = peers[0]["device"].as_str().unwrap();
    assert!(text.contains(&format!("its words came from another device: {device}")), "{text}");
    assert!(text.contains("it would have misled here"), "{text}");
    let id = misled["id"].as_str().unwrap();
    let shown = reader.mana(["show", id]).run().success().text();
    assert!(shown.contains(&format!("from      {device}")), "{shown}");
    assert!(shown.contains("right in 0, wrong in 4"), "{shown}");

    assert_eq!(score(&reader)["tried"], 0, "a second run has nothing to do");
    // A person may think otherwise, both ways.
    drop(reader.mana(["review", "approve", id]).run().success());
    assert!(told(&reader, "./lint-all", RULE).contains("--lenient"));
    let found = reader.mana(["--json", "search", "check-all setup"]).run().success().json();
    let good = found.to_string();
    assert!(good.contains("./setup --deep"), "{good}");
}

#[test]
fn what_has_too_few_chances_waits_until_there_are_more() {
    let (author, reader) = (author(), reader(0..2));
    let done = import(&author, &reader);
    assert_eq!(done["tried"]["verdicts"]["helpful"], Value::Null, "{done}");
    let before = about(&waiting(&reader), "check-all").unwrap().clone();
    assert_eq!(
        (&before["trial"]["right"], &before["trial"]["verdict"]),
        (&json!(2), &json!("few"))
    );
    assert!(!told(&reader, "./check-all", MISSING).contains("check-all"));
    work(&reader, 2..5);
    // As hooks and the daemon start it.
    drop(reader.mana(["learn", "--supervised"]).run().success());
    assert!(about(&waiting(&reader), "check-all").is_none());
    assert!(told(&reader, "./check-all", MISSING).contains("check-all"));
    let again = import(&author, &reader);
    assert_eq!(again["tried"]["tried"], 0, "the same words were tried: {again}");
    assert!(told(&reader, "./check-all", MISSING).contains("check-all"));
}

fn sync(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let all = ["--json", "sync"].iter().chain(arguments);
    sandbox.mana(all).env("MANA_SYNC_KEY", PASSPHRASE).run().success().json()
}

#[test]
fn what_a_team_pulls_is_tried_as_well() {
    let (author, reader) = (author(), reader(0..4));
    let remote: PathBuf = author.root().join("remote.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&remote).status();
    assert!(made.unwrap().success());
    let join = |sandbox: &Sandbox, remote: &Path| {
        drop(sync(sandbox, &["init", "--url", remote.to_str().unwrap()]));
        let path = sandbox.mana_home().join("sync.toml");
        let text = fs::read_to_string(&path).unwrap();
        let team = "visibility = \"team\"\nteam_id = \"ours\"";
        fs::write(path, text.replace("visibility = \"private\"", team)).unwrap();
    };
    join(&author, &remote);
    join(&reader, &remote);
    drop(sync(&author, &[]));
    let pulled = sync(&reader, &["pull"]);
    assert_eq!(pulled["tried"]["verdicts"]["helpful"], 1, "{pulled}");
    let status = sync(&reader, &["status"]);
    assert_eq!(status["tried"]["helpful"], 1, "{status}");
    assert!(status["tried"]["misleading"].as_u64() >= Some(1), "{status}");
    assert!(told(&reader, "./check-all", MISSING).contains("check-all"));
    assert_eq!(sync(&reader, &["pull"])["tried"]["tried"], 0);
    // What a device that is refused said is told no more.
    let devices = status["devices"].as_array().unwrap();
    let theirs = devices.iter().find(|device| device["items"].as_u64() > Some(0)).unwrap();
    let device = theirs["device"].as_str().unwrap();
    drop(sync(&reader, &["peer", "refuse", device]));
    assert!(!told(&reader, "./check-all", MISSING).contains("check-all"));
}
