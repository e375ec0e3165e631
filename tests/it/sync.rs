//! `mana sync`: two homes over a bare repository.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, snapshot};
use crate::transcript::Transcript;

const PASSPHRASE: &str = "correct horse battery staple";

/// A remote that holds nothing.
fn remote(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.root().join("remote.git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&path).status();
    assert!(made.unwrap().success());
    path
}

/// A machine that knows the project, and learned of it that `./check-WORD` needs `--all`.
fn learned(word: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for number in [0, 1] {
        Transcript::new(&sandbox, number)
            .prompt(&format!("Please make the {word} checks pass"))
            .bash(&format!("./check-{word}"))
            .failed(3, &format!("error: no such suite: {word}"))
            .bash(&format!("./check-{word} --all"))
            .ok("12 checks passed")
            .write();
    }
    drop(sandbox.mana(["learn"]).run().success());
    sandbox
}

fn sync(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let all = ["--json", "sync"].iter().chain(arguments);
    sandbox.mana(all).env("MANA_SYNC_KEY", PASSPHRASE).run().success().json()
}

fn join(sandbox: &Sandbox, remote: &std::path::Path) -> Value {
    sync(sandbox, &["init", "--url", remote.to_str().unwrap()])
}

/// What a hook says when `./check-WORD` has failed.
fn told(sandbox: &Sandbox, word: &str) -> String {
    let event = json!({
        "hook_event_name": "PostToolUseFailure", "cwd": sandbox.project(), "tool_name": "Bash",
        "tool_use_id": "toolu_1", "tool_input": {"command": format!("./check-{word}")},
        "error": format!("Exit code 3\nerror: no such suite: {word}"), "transcript_path": "",
        "session_id": "00000009-5e55-4000-8000-000000000009",
    });
    // Each time as in a session that was told nothing.
    let _absent = fs::remove_dir_all(sandbox.mana_home().join("sessions"));
    sandbox.mana(["inject"]).stdin(event.to_string()).run().success().text()
}

fn make_a_team(sandbox: &Sandbox) {
    let path = sandbox.mana_home().join("sync.toml");
    let text = fs::read_to_string(&path).unwrap();
    let team =
        text.replace("visibility = \"private\"", "visibility = \"team\"\nteam_id = \"ours\"");
    assert_ne!(text, team);
    fs::write(path, team).unwrap();
}

#[test]
fn own_machines_help_each_other_at_once_and_the_remote_reads_nothing() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    assert_eq!(join(&one, &remote)["joined"], false);
    assert_eq!(join(&other, &remote)["joined"], true);
    assert!(sync(&one, &[])["pushed_records"].as_u64() > Some(0));
    assert!(sync(&other, &[])["patterns"].as_u64() > Some(0));
    let said = told(&other, "quuxodrome");
    assert!(said.contains("./check-quuxodrome --all"), "{said}");
    drop(sync(&one, &["pull"]));
    assert!(told(&one, "plughology").contains("./check-plughology --all"));
    // The second time nothing is new.
    let again = sync(&one, &[]);
    assert_eq!((&again["pushed_records"], &again["pulled_segments"]), (&json!(0), &json!(0)));
    assert_eq!(again["alarms"], json!([]));
    for (path, bytes) in snapshot(&remote) {
        for word in ["quuxodrome", "plughology", "check-"] {
            let found = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            assert!(!found, "{} shows {word}", path.display());
        }
    }
}

#[test]
fn what_a_team_says_waits_and_a_decision_reaches_hooks_at_once() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    drop(join(&one, &remote));
    drop(join(&other, &remote));
    make_a_team(&other);
    drop(sync(&one, &[]));
    drop(sync(&other, &[]));
    assert!(!told(&other, "quuxodrome").contains("quuxodrome"));
    let waiting = other.mana(["--json", "review", "list", "--all"]).run().success().json();
    let reason = waiting[0]["reason"].as_str().unwrap();
    assert!(reason.contains("another device"), "{reason}");
    let peers = sync(&other, &["peer", "list"]);
    let stranger = peers.as_array().unwrap().iter().find(|peer| peer["trust"] == "unknown");
    let device = stranger.unwrap()["device"].as_str().unwrap().to_owned();
    for (decision, tells) in [("trust", true), ("refuse", false), ("trust", true), ("reset", false)]
    {
        drop(sync(&other, &["peer", decision, &device]));
        let said = told(&other, "quuxodrome");
        assert_eq!(said.contains("check-quuxodrome --all"), tells, "{decision}: {said}");
    }
}

#[test]
fn what_is_forgotten_is_taken_back_everywhere() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    for sandbox in [&one, &other] {
        drop(join(sandbox, &remote));
        drop(sync(sandbox, &[]));
    }
    let found = one.mana(["--json", "search", "quuxodrome"]).run().success().json();
    let ids: Vec<String> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(!ids.is_empty() && told(&other, "quuxodrome").contains("check-quuxodrome --all"));
    for id in ids {
        // Forgetting one takes those with it that were learned from the same steps.
        drop(one.mana(["forget", &id]).run());
    }
    drop(sync(&one, &[]));
    drop(sync(&other, &[]));
    assert!(!told(&other, "quuxodrome").contains("check-quuxodrome --all"));
    assert!(told(&other, "plughology").contains("check-plughology --all"), "what is its own stays");
}

#[test]
fn who_has_no_passphrase_does_not_get_in() {
    let (one, other) = (learned("quuxodrome"), learned("plughology"));
    let remote = remote(&one);
    drop(join(&one, &remote));
    let arguments = ["sync", "init", "--url", remote.to_str().unwrap()];
    let refused = other.mana(arguments).env("MANA_SYNC_KEY", "wrong").run().code(1).errors();
    assert!(refused.contains("passphrase is not the right one"), "{refused}");
    let silent = other.mana(arguments).run().code(1).errors();
    assert!(silent.contains("MANA_SYNC_KEY"), "{silent}");
}
