//! The hook commands' contract: whatever comes in, they exit with 0 in good time, print nothing
//! or one answer for the event that fired, complain to nobody, and write nothing into the
//! directory that they were started in.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::Output;
use crate::sandbox::{Mana, Sandbox, snapshot};
use crate::transcript::Transcript;

/// The hook commands.
const VERBS: &[&str] = &["inject", "session-end"];

/// Every event that the agent's settings may send to either of them.
const EVENTS: &[&str] = &[
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "Notification",
    "Stop",
    "SessionEnd",
];

/// The time limit that the agent gives a hook is 5 s; a hook that uses it up has failed. What
/// runs here is the unoptimised build on a machine with other work.
const DEADLINE: Duration = Duration::from_secs(3);

/// A sandbox in which MANA has learned a fix, so that there is something to say.
fn taught() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("README.md", "# Sample\n");
    let transcript = Transcript::new(&sandbox, 1)
        .prompt("Please run the checks")
        .bash("./check")
        .failed(3, "error: no suite selected")
        .bash("./check --all")
        .ok("12 checks passed")
        .say("The checks pass.");
    transcript.write();
    let _output = sandbox.mana(["learn"]).run().success();
    sandbox
}

/// The input of `event` with all that the client sends, in `sandbox`'s project.
fn event(sandbox: &Sandbox, event: &str) -> Value {
    json!({
        "session_id": "0f0e0d0c-0b0a-4000-8000-000000000001",
        "transcript_path": sandbox.home().join(".claude/projects/-none/0f0e0d0c.jsonl"),
        "cwd": sandbox.project(),
        "hook_event_name": event,
        "permission_mode": "default",
        "source": "startup",
        "prompt": "Please run the checks again",
        "tool_name": "Bash",
        "tool_input": {"command": "./check", "description": "Run the checks"},
        "tool_use_id": "toolu_01",
        "tool_response": {"stdout": "", "stderr": "", "interrupted": false},
        "error": "Exit code 3\nerror: no suite selected",
        "is_interrupt": false,
        "stop_hook_active": false,
        "last_assistant_message": "Done.",
        "reason": "other",
    })
}

/// The input of `name` with `change` made to it.
fn changed(sandbox: &Sandbox, name: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut value = event(sandbox, name);
    change(&mut value);
    value.to_string().into_bytes()
}

/// Asserts the contract for one finished hook; `event` is the one that fired, where it is known.
#[track_caller]
fn assert_contract(case: &str, output: &Output, event: Option<&str>) {
    assert_eq!(output.code, Some(0), "{case}: {output:?}");
    assert!(output.stderr.is_empty(), "{case}: {output:?}");
    assert!(output.elapsed < DEADLINE, "{case} took {:?}", output.elapsed);
    if output.stdout.is_empty() {
        return;
    }
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{case}: not one JSON document ({error}): {output:?}"));
    let specific = &answer["hookSpecificOutput"];
    assert!(specific.is_object(), "{case}: {output:?}");
    assert_eq!(specific["hookEventName"].as_str(), event, "{case}: {output:?}");
    assert_ne!(specific["permissionDecision"], "allow", "{case}: {output:?}");
    let context = specific["additionalContext"].as_str().unwrap_or_default();
    assert!(context.encode_utf16().count() <= 10_000, "{case}: {output:?}");
}

/// Runs both hook commands as `prepare` sets them up and asserts the contract, and that the
/// project is as it was.
fn both(sandbox: &Sandbox, case: &str, event: Option<&str>, prepare: impl Fn(Mana) -> Mana) {
    let before = snapshot(&sandbox.project());
    for verb in VERBS {
        let case = format!("{case}, {verb}");
        let output = prepare(sandbox.mana([verb])).run();
        assert_contract(&case, &output, event);
        assert_eq!(snapshot(&sandbox.project()), before, "{case} wrote into the project");
    }
}

/// Runs both hook commands with each input of `cases`: its name, its bytes, the event that a
/// correct answer may name.
fn table(cases: Vec<(&str, Vec<u8>, Option<&str>)>) {
    let sandbox = taught();
    for (case, input, event) in cases {
        both(&sandbox, case, event, |mana| mana.stdin(input.clone()));
    }
}

/// The contract tests below would hold for a program that never says anything. This one would
/// not.
#[test]
fn a_known_failure_is_answered() {
    let sandbox = taught();
    let input = event(&sandbox, "PostToolUseFailure").to_string();
    let output = sandbox.mana(["inject"]).stdin(input).run();
    assert_contract("a known failure", &output, Some("PostToolUseFailure"));
    let answer = output.json();
    let context = answer["hookSpecificOutput"]["additionalContext"].as_str().unwrap_or_default();
    assert!(context.contains("./check --all"), "{output:?}");
}

#[test]
fn every_event_is_met_in_its_own_name() {
    let sandbox = taught();
    for name in EVENTS {
        let input = event(&sandbox, name).to_string();
        both(&sandbox, name, Some(name), |mana| mana.stdin(input.clone()));
    }
}

#[test]
fn no_events_but_those_with_a_context_are_answered() {
    let sandbox = taught();
    for name in ["Stop", "SubagentStop", "SessionEnd", "PreCompact", "Notification"] {
        let input = event(&sandbox, name).to_string();
        for verb in VERBS {
            let output = sandbox.mana([verb]).stdin(input.clone()).run().success();
            assert!(output.stdout.is_empty(), "{verb} at {name}: {output:?}");
        }
    }
}

#[test]
fn input_that_is_no_json() {
    table(vec![
        ("empty", Vec::new(), None),
        ("whitespace", b" \n\t\r\n ".to_vec(), None),
        ("a word", b"hello".to_vec(), None),
        ("every byte", (0..=255).collect(), None),
        ("binary", (0_u32..65_536).map(|n| (n.wrapping_mul(40_503) >> 7) as u8).collect(), None),
        ("invalid UTF-8", b"{\"hook_event_name\": \"Stop\xff\xfe\"}".to_vec(), None),
        ("NUL bytes", vec![0; 4_096], None),
        ("an open brace", b"{".to_vec(), None),
        ("cut in the middle", b"{\"hook_event_name\": \"PreToolUse\", \"tool_na".to_vec(), None),
        ("20 MB of one letter", vec![b'a'; 20 << 20], None),
        ("20 MB of open brackets", vec![b'['; 20 << 20], None),
        ("20 MB of one string", [b"\"", vec![b'a'; 20 << 20].as_slice(), b"\""].concat(), None),
    ]);
}

#[test]
fn json_that_is_no_event() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!("{}{}", open.repeat(depth), close.repeat(depth)).into_bytes()
    };
    table(vec![
        ("null", b"null".to_vec(), None),
        ("a number", b"1e999".to_vec(), None),
        ("a list", b"[1, 2, 3]".to_vec(), None),
        ("an empty object", b"{}".to_vec(), None),
        ("two documents", b"{} {}".to_vec(), None),
        ("lists nested 100,000 deep", nested(100_000, "[", "]"), None),
        ("objects nested 100,000 deep", nested(100_000, "{\"a\":", "}"), None),
        ("objects nested and never closed", nested(100_000, "{\"a\":", ""), None),
    ]);
}

#[test]
fn events_of_unknown_names_and_shapes() {
    let sandbox = taught();
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let with_raw = |field: &str, raw: &str| {
        format!(
            "{{\"hook_event_name\": \"PreToolUse\", \"tool_name\": \"Bash\", \"{field}\": {raw}}}"
        )
        .into_bytes()
    };
    let pre = Some("PreToolUse");
    table(vec![
        ("unknown event", changed(&sandbox, "TeaBreak", |_| {}), None),
        ("empty event", changed(&sandbox, "", |_| {}), None),
        ("event of a wrong type", changed(&sandbox, "", |v| v["hook_event_name"] = json!(7)), None),
        (
            "unknown tool",
            changed(&sandbox, "PreToolUse", |v| v["tool_name"] = json!("mcp__x__y")),
            pre,
        ),
        ("nothing but the event", br#"{"hook_event_name": "PreToolUse"}"#.to_vec(), pre),
        (
            "nothing but the start",
            br#"{"hook_event_name": "SessionStart"}"#.to_vec(),
            Some("SessionStart"),
        ),
        (
            "fields of wrong types",
            changed(&sandbox, "PreToolUse", |v| {
                for field in ["session_id", "transcript_path", "cwd", "tool_name", "error"] {
                    v[field] = json!([1, {"a": null}]);
                }
            }),
            pre,
        ),
        (
            "a tool input of a wrong type",
            changed(&sandbox, "PreToolUse", |v| v["tool_input"] = json!("./check")),
            pre,
        ),
        (
            "a command of a wrong type",
            changed(&sandbox, "PreToolUse", |v| v["tool_input"]["command"] = json!({"a": 1})),
            pre,
        ),
        ("a tool input nested 100,000 deep", with_raw("tool_input", &nested), pre),
        ("an unknown field nested 100,000 deep", with_raw("more", &nested), pre),
        (
            "a lone surrogate in the command",
            with_raw("tool_input", r#"{"command": "./check \ud83d"}"#),
            pre,
        ),
        ("a lone surrogate in a key", with_raw("\\udc00", "1"), pre),
        (
            "NUL in the command",
            changed(&sandbox, "PreToolUse", |v| v["tool_input"]["command"] = json!("./check\0\0")),
            pre,
        ),
        (
            "paths that no system takes",
            changed(&sandbox, "PreToolUse", |v| {
                v["cwd"] = json!("\0".repeat(10_000));
                v["transcript_path"] = json!("/".repeat(100_000));
            }),
            pre,
        ),
        (
            "twice the same field",
            br#"{"hook_event_name": "PreToolUse", "hook_event_name": "SessionStart"}"#.to_vec(),
            Some("SessionStart"),
        ),
    ]);
}

#[test]
fn large_events() {
    let sandbox = taught();
    let large = "all work and no play makes a dull line\n".repeat((20 << 20) / 39);
    table(vec![
        (
            "20 MB in a file to write",
            changed(&sandbox, "PreToolUse", |v| {
                v["tool_name"] = json!("Write");
                v["tool_input"] = json!({"file_path": "/x/y.txt", "content": large});
            }),
            Some("PreToolUse"),
        ),
        (
            "20 MB in a command",
            changed(&sandbox, "PreToolUse", |v| v["tool_input"]["command"] = json!(large)),
            Some("PreToolUse"),
        ),
        (
            "20 MB in an error",
            changed(&sandbox, "PostToolUseFailure", |v| v["error"] = json!(large)),
            Some("PostToolUseFailure"),
        ),
        (
            "20 MB in a prompt",
            changed(&sandbox, "UserPromptSubmit", |v| v["prompt"] = json!(large)),
            Some("UserPromptSubmit"),
        ),
        (
            "20 MB in the last message",
            changed(&sandbox, "Stop", |v| v["last_assistant_message"] = json!(large)),
            Some("Stop"),
        ),
    ]);
}

#[test]
fn input_that_never_ends() {
    let sandbox = taught();
    let whole = event(&sandbox, "PreToolUse").to_string();
    for (case, start) in [
        ("nothing ever comes", ""),
        ("half an event", &whole[..whole.len() / 2]),
        ("a whole event", &whole),
    ] {
        both(&sandbox, case, Some("PreToolUse"), |mana| mana.endless_stdin(start));
    }
}

#[test]
fn descriptors_that_are_closed() {
    let sandbox = taught();
    let before = snapshot(&sandbox.project());
    let input = event(&sandbox, "PostToolUseFailure").to_string();
    for verb in VERBS {
        for (case, redirect) in [
            ("closed input", "<&-"),
            ("closed output", ">&-"),
            ("full output", ">/dev/full"),
            ("closed error", "2>&-"),
            ("everything closed", "<&- >&- 2>&-"),
            ("input from a folder", "</"),
        ] {
            let case = format!("{case}, {verb}");
            let script = format!("exec \"$MANA\" {verb} {redirect}");
            let output = sandbox.shell(&script).stdin(input.clone()).run();
            assert_contract(&case, &output, Some("PostToolUseFailure"));
            assert_eq!(snapshot(&sandbox.project()), before, "{case} wrote into the project");
        }
        // `head` leaves before it has read anything, so the answer meets a broken pipe.
        let script =
            format!("(sleep 0.2; \"$MANA\" {verb}; echo $? >\"$TMPDIR/code\") | head -c 0");
        let _output = sandbox.shell(&script).stdin(input.clone()).run().success();
        let code = fs::read_to_string(sandbox.root().join("tmp/code")).expect("the shell wrote it");
        assert_eq!(code.trim(), "0", "broken pipe, {verb}");
    }
}

#[test]
fn an_environment_that_is_broken() {
    let sandbox = taught();
    let name = "PostToolUseFailure";
    let input = event(&sandbox, name).to_string();
    let file = sandbox.root().join("tmp/file");
    fs::write(&file, "not a folder").expect("the sandbox is ours");
    let read_only = sandbox.root().join("tmp/read-only");
    fs::create_dir(&read_only).expect("the sandbox is ours");
    let mut permissions = fs::metadata(&read_only).expect("it was just made").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&read_only, permissions).expect("the sandbox is ours");

    let missing = sandbox.root().join("tmp/missing/deep/down");
    let homes = [
        ("a missing home", missing.clone()),
        ("a home that is a file", file.clone()),
        ("a home below a file", file.join("below")),
        ("a read-only home", read_only),
        ("a home on a device", "/dev/null".into()),
        ("an empty home", "".into()),
        ("a relative home", "relative/home".into()),
        ("a very long home", "x".repeat(100_000).into()),
    ];
    for (case, home) in &homes {
        both(&sandbox, case, Some(name), |mana| mana.stdin(input.clone()).env("MANA_HOME", home));
    }
    both(&sandbox, "no HOME", Some(name), |mana| mana.stdin(input.clone()).unset("HOME"));
    both(&sandbox, "HOME is a file", Some(name), |mana| {
        mana.stdin(input.clone()).env("HOME", &file)
    });
    both(&sandbox, "HOME is missing", Some(name), |mana| {
        mana.stdin(input.clone()).env("HOME", &missing)
    });
}

/// Reading a pipe that nobody writes to never ends by itself.
#[test]
fn a_home_that_never_answers() {
    let input = |sandbox: &Sandbox| event(sandbox, "PostToolUseFailure").to_string();
    for name in ["config.toml", "metadata.sqlite", "pending.log"] {
        let sandbox = taught();
        let path = sandbox.mana_home().join(name);
        if path.exists() {
            fs::remove_file(&path).expect("the home is ours");
        }
        let pipe = format!("mkfifo '{}'", path.display());
        let _output = sandbox.shell(&pipe).run().success();
        let input = input(&sandbox);
        both(&sandbox, name, Some("PostToolUseFailure"), |mana| mana.stdin(input.clone()));
    }
}

/// Lets whoever opens the file at `path` wait, as a dead network mount does, until the value is
/// dropped: the kernel asks the holder of a lease first, and this one does not answer.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "leases have no safe interface")]
fn held(path: &std::path::Path) -> fs::File {
    use std::os::fd::AsRawFd;

    use nix::libc::{F_SETLEASE, F_WRLCK, SIGURG, c_int, fcntl};

    /// Which signal tells of a waiting opener; the C library's bindings lack its number.
    const F_SETSIG: c_int = 10;
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("it is ours");
    // SAFETY: the descriptor is open, and both calls take a number. The signal is one that is
    // ignored where nobody handles it.
    let taken = unsafe {
        fcntl(file.as_raw_fd(), F_SETSIG, SIGURG) == 0
            && fcntl(file.as_raw_fd(), F_SETLEASE, F_WRLCK) == 0
    };
    assert!(taken, "{}", std::io::Error::last_os_error());
    file
}

/// The time that ran out is told, wherever the hook waited.
#[cfg(target_os = "linux")]
#[test]
fn a_checkout_that_never_answers_is_in_the_log() {
    let sandbox = taught();
    let folder = sandbox.root().join("mounted");
    fs::create_dir_all(folder.join(".git")).expect("the folder is ours");
    fs::write(folder.join(".git/config"), "[core]\n").expect("the folder is ours");
    let mut event = event(&sandbox, "SessionStart");
    event["cwd"] = folder.display().to_string().into();
    event["transcript_path"] = "/nowhere/x.jsonl".into();
    let held = held(&folder.join(".git/config"));
    let output = sandbox.mana(["inject"]).stdin(event.to_string()).run();
    drop(held);
    assert_contract("a checkout that never answers", &output, None);
    let log = fs::read_to_string(sandbox.mana_home().join("logs/hooks.log")).unwrap_or_default();
    assert!(log.contains("no end in time"), "{log}");
}

/// A full stack, or a mapped file that became shorter: the kernel says so with these signals.
#[cfg(target_os = "linux")]
#[test]
fn a_fault_of_memory_ends_it_quietly() {
    let sandbox = taught();
    for (number, signal) in [(11, "SEGV"), (7, "BUS")] {
        // It waits for its event, as the shell holds the pipe open, and catches the signal by then.
        let script = format!(
            r#"mkfifo {signal}; exec 3<>{signal}; "{mana}" inject <{signal} & hook=$!
               until grep -q "^State:.S" /proc/$hook/status &&
                 [ $((0x$(sed -n "s/^SigCgt:.//p" /proc/$hook/status) >> ({number} - 1) & 1)) = 1 ]
               do :; done
               kill -{signal} $hook; wait $hook"#,
            mana = sandbox.binary().display()
        );
        let output = sandbox.shell(&script).run();
        assert_contract(signal, &output, None);
        let log = fs::read_to_string(sandbox.mana_home().join("logs/hooks.log")).unwrap();
        assert_eq!(log.matches("a fault of memory").count(), 1, "{log}");
        fs::remove_file(sandbox.mana_home().join("logs/hooks.log")).unwrap();
    }
}

/// What a hook may tell nobody, its log tells.
#[test]
fn what_went_wrong_is_in_the_log() {
    let sandbox = taught();
    let log = || fs::read_to_string(sandbox.mana_home().join("logs/hooks.log")).unwrap_or_default();
    let run = |input: &[u8]| sandbox.mana(["inject"]).stdin(input.to_vec()).run().success();
    let _output = run(event(&sandbox, "PostToolUseFailure").to_string().as_bytes());
    assert_eq!(log(), "", "nothing went wrong");
    let _output = run(b"{\"hook_event_name\": ");
    assert_eq!(log().lines().count(), 1, "{}", log());
    fs::write(sandbox.mana_home().join("config.toml"), "inject = maybe").expect("it is ours");
    let _output = run(b"{}");
    assert!(log().lines().last().is_some_and(|line| line.contains("config.toml")), "{}", log());
}

/// Between an update and the first learning run, and after a step back to an older version.
#[test]
fn a_database_of_another_version_is_not_asked_and_commands_say_why() {
    let sandbox = taught();
    let asked = || {
        let input = event(&sandbox, "PostToolUseFailure").to_string();
        let output = sandbox.mana(["inject"]).stdin(input).run();
        assert_contract("a database of another version", &output, Some("PostToolUseFailure"));
        output.text()
    };
    let database = sandbox.mana_home().join("metadata.sqlite");
    let database = rusqlite::Connection::open(database).expect("it was just made");
    let set = |schema: i64| {
        database.execute_batch(&format!("PRAGMA user_version = {schema}")).expect("it is ours");
    };
    let own: i64 = database
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .expect("the database has a number");
    for (schema, hint) in [(own - 1, "Run `mana learn`"), (own + 1, "Update mana")] {
        set(schema);
        assert_eq!(asked(), "", "schema {schema}");
        for command in [&["search", "check"][..], &["show", "abcd"], &["status"], &["stats"]] {
            let output = sandbox.mana(command).run();
            let said = output.errors();
            let named = format!("has schema {schema}, ");
            assert!(said.contains(&named) && said.contains(hint), "{command:?}: {output:?}");
        }
    }
    set(own);
    assert_ne!(asked(), "");
}

/// A reader never waits for a writer: the hooks keep their contract while learning runs.
#[test]
fn learning_runs_beside_it() {
    let sandbox = taught();
    for number in 2..150 {
        let mut transcript = Transcript::new(&sandbox, number).prompt("Please build it");
        for step in 0..20 {
            transcript = transcript
                .bash(&format!("./build {number} {step}"))
                .failed(1, "error: no target selected")
                .bash(&format!("./build {number} {step} --target all"))
                .ok("built");
        }
        transcript.write();
    }
    let before = snapshot(&sandbox.project());
    std::thread::scope(|scope| {
        let learning = scope.spawn(|| sandbox.mana(["learn"]).run());
        let mut asked = 0;
        while !learning.is_finished() || asked < 5 {
            // A new session each time: nothing is said twice in one.
            let input = changed(&sandbox, "PostToolUseFailure", |v| {
                v["session_id"] = json!(format!("0f0e0d0c-0b0a-4000-8000-{asked:012}"));
            });
            for verb in VERBS {
                let output = sandbox.mana([verb]).stdin(input.clone()).run();
                assert_contract(
                    &format!("{verb}, time {asked}"),
                    &output,
                    Some("PostToolUseFailure"),
                );
                let silent = output.stdout.is_empty();
                assert_eq!(silent, *verb != "inject", "{verb}, time {asked}: {output:?}");
            }
            asked += 1;
        }
        let _output = learning.join().expect("the learning run was joined once").success();
    });
    assert_eq!(snapshot(&sandbox.project()), before);
}

#[test]
fn a_working_directory_that_is_gone() {
    let sandbox = taught();
    let input = event(&sandbox, "PostToolUseFailure").to_string();
    for verb in VERBS {
        let script = format!(
            "mkdir \"$TMPDIR/gone\" && cd \"$TMPDIR/gone\" && rmdir ../gone && exec \"$MANA\" {verb}"
        );
        let output = sandbox.shell(&script).stdin(input.clone()).run();
        assert_contract(&format!("gone, {verb}"), &output, Some("PostToolUseFailure"));
    }
}

#[test]
fn arguments_that_are_wrong() {
    let sandbox = taught();
    let input = event(&sandbox, "PreToolUse").to_string();
    for verb in VERBS {
        for arguments in [
            vec![*verb, "--no-such-option"],
            vec![*verb, "--tool"],
            vec![*verb, "--tool", "teapot"],
            vec![*verb, "one", "two"],
            vec!["--json", *verb],
        ] {
            let output = sandbox.mana(&arguments).stdin(input.clone()).run();
            assert_contract(&format!("{arguments:?}"), &output, Some("PreToolUse"));
        }
    }
}

/// A home that was never set up: the hooks may be there before anything was learned.
#[test]
fn nothing_was_ever_learned() {
    let sandbox = Sandbox::new();
    for name in EVENTS {
        let input = event(&sandbox, name).to_string();
        both(&sandbox, name, Some(name), |mana| mana.stdin(input.clone()));
    }
    let input = event(&sandbox, "PostToolUseFailure").to_string();
    let output = sandbox.mana(["inject"]).stdin(input).run().success();
    assert!(output.stdout.is_empty(), "{output:?}");
}

/// Whoever holds the database for itself, the hook does not wait, and says what was committed:
/// what is being changed is not in the file yet.
#[test]
fn a_database_that_is_held_is_not_waited_for() {
    let sandbox = taught();
    let other = changed(&sandbox, "PostToolUseFailure", |v| v["session_id"] = json!("free"));
    let free = sandbox.mana(["inject"]).stdin(other).run();
    assert!(!free.stdout.is_empty(), "{free:?}");
    let held = rusqlite::Connection::open(sandbox.mana_home().join("metadata.sqlite")).unwrap();
    held.execute_batch(
        "pragma locking_mode = exclusive; begin exclusive; create table held (it integer);",
    )
    .expect("nobody else uses the database");
    let input = event(&sandbox, "PostToolUseFailure").to_string();
    let output = sandbox.mana(["inject"]).stdin(input).run();
    assert_contract("held", &output, Some("PostToolUseFailure"));
    assert_eq!(output.stdout, free.stdout, "{output:?}");
    assert!(output.elapsed < Duration::from_secs(1), "it took {:?}", output.elapsed);
}

#[test]
fn the_log_does_not_quote_what_was_read() {
    let sandbox = taught();
    for input in ["\"my secret plan\"", "{\"prompt\": my secret plan}"] {
        let output = sandbox.mana(["inject"]).stdin(input).run();
        assert_contract(input, &output, None);
    }
    let log = fs::read_to_string(sandbox.mana_home().join("logs/hooks.log")).expect("it was told");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(!log.contains("secret"), "{log}");
}
