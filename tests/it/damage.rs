//! A damaged database: hooks are silent, the next `mana learn` sets it aside and begins anew.

use std::fs;
use std::time::Duration;

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

/// So would reading or writing one of the small files beside it.
#[test]
fn a_pipe_in_the_place_of_a_small_file_keeps_nobody_waiting() {
    let sandbox = taught();
    let home = sandbox.mana_home();
    let session = "0f0e0d0c-0b0a-4000-8000-000000000001";
    for name in ["pending.log", "write.lock", "daemon.lock", "daemon.json", "config.toml"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("sessions/{session}.log")])
    {
        let path = home.join(&name);
        let kept = home.join("kept");
        let _absent = fs::rename(&path, &kept);
        let made = format!("mkdir -p '{0}/sessions' && mkfifo '{0}/{name}'", home.display());
        let _made = sandbox.shell(&made).run().success();
        let limit = Duration::from_secs(20);
        let _asked = inject(&sandbox, session);
        for verb in ["learn", "status", "consolidate"] {
            // Done or refused, but in good time.
            let output = sandbox.mana([verb]).limit(limit).run();
            let named = output.errors().contains("not a regular file");
            assert!(output.code == Some(0) || named, "{name}, {verb}: {output:?}");
        }
        let _told = sandbox.mana(["daemon", "status"]).limit(limit).run();
        fs::remove_file(&path).unwrap_or_default();
        let _absent = fs::rename(&kept, &path);
    }
    assert!(inject(&sandbox, "after").text().contains("./check --all"));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_that_is_told() {
    let sandbox = taught();
    let event = r#"{"session_id": "s", "hook_event_name": "Stop", "transcript_path": "/t"}"#;
    let hook = format!("ulimit -f 0; printf '%s' '{event}' | \"$MANA\" session-end");
    let output = sandbox.shell(&hook).run().success();
    assert!(output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    let learned = sandbox.shell("ulimit -f 0; \"$MANA\" learn --json").run();
    assert!(matches!(learned.code, Some(0 | 1)), "{learned:?}");
    let _learned = sandbox.mana(["learn"]).run().success();
    assert!(inject(&sandbox, "after").text().contains("./check --all"));
}
