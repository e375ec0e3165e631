//! A damaged database: hooks are silent, the next `mana learn` sets it aside and begins anew.

use std::fs;

use serde_json::json;

use crate::process::Output;
use crate::sandbox::Sandbox;
use crate::transcript::Transcript;

fn taught() -> Sandbox {
    let sandbox = Sandbox::new();
    for number in 1..=2 {
        let transcript = Transcript::new(&sandbox, number)
            .prompt("Please run the checks")
            .bash("./check")
            .failed(3, "error: no suite selected")
            .bash("./check --all")
            .ok("12 checks passed");
        transcript.write();
    }
    let _output = sandbox.mana(["learn"]).run().success();
    sandbox
}

/// What the hook says to the command that failed.
fn inject(sandbox: &Sandbox, session: &str) -> Output {
    let event = json!({
        "session_id": session,
        "transcript_path": sandbox.home().join(".claude/projects/-none/0f0e0d0c.jsonl"),
        "cwd": sandbox.project(),
        "hook_event_name": "PostToolUseFailure",
        "tool_name": "Bash",
        "tool_input": {"command": "./check"},
        "tool_use_id": "toolu_1",
        "error": "Exit code 3\nerror: no suite selected",
    });
    sandbox.mana(["inject"]).stdin(event.to_string()).run().success()
}

#[test]
fn a_damaged_database_is_rebuilt_by_the_next_learning() {
    let sandbox = taught();
    let database = sandbox.mana_home().join("metadata.sqlite");
    assert!(inject(&sandbox, "one").text().contains("./check --all"));
    fs::write(&database, "This is not a database. ".repeat(500)).expect("the home is ours");

    let silent = inject(&sandbox, "two");
    assert!(silent.stdout.is_empty() && silent.stderr.is_empty(), "{silent:?}");
    let status = sandbox.mana(["status"]).run().code(1);
    assert!(status.errors().contains("mana learn"), "no way out is named: {status:?}");

    let learned = sandbox.mana(["learn"]).run().success();
    assert!(learned.errors().contains("metadata.sqlite.damaged-"), "{learned:?}");
    assert!(inject(&sandbox, "three").text().contains("./check --all"));
    let kept: Vec<String> = fs::read_dir(sandbox.mana_home())
        .expect("the home is there")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().contains(".damaged-"))
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .collect();
    assert!(kept.iter().any(|text| text.starts_with("This is not")), "it is kept");

    let again = sandbox.mana(["learn"]).run().success();
    assert!(!again.errors().contains("damaged"), "{again:?}");
}

#[test]
fn a_detached_run_rebuilds_it_too_and_says_nothing() {
    let sandbox = taught();
    let database = sandbox.mana_home().join("metadata.sqlite");
    fs::write(&database, "x").expect("the home is ours");
    let output = sandbox.mana(["learn", "--detached"]).run().success();
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    assert!(inject(&sandbox, "four").text().contains("./check --all"));
}

/// Opening a pipe that nobody writes to would wait for ever.
#[test]
fn what_is_no_file_is_refused_by_name() {
    let sandbox = Sandbox::new();
    let home = sandbox.mana_home();
    let _made = sandbox
        .shell(&format!("mkdir -p '{0}' && mkfifo '{0}/metadata.sqlite'", home.display()))
        .run()
        .success();
    for verb in ["learn", "status", "consolidate"] {
        let output = sandbox.mana([verb]).run().code(1);
        assert!(output.errors().contains("not a regular file"), "{verb}: {output:?}");
    }
}
