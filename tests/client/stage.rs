//! What the scenarios share: a project with something to learn, and the sessions that teach it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::api::{Block, Script};
use crate::sandbox::Sandbox;
use crate::session::{Finished, Session};
use crate::transcript::Transcript;

/// The command that fails in the stage's project.
pub(crate) const FAILS: &str = "./check";

/// The command that works there instead.
pub(crate) const WORKS: &str = "./check --all";

/// What every text that MANA injects begins with.
pub(crate) const MARKER: &str = "[mana ";

/// The project's program: it wants an option that nobody knows at first.
const CHECK: &str = "#!/bin/sh
if [ \"$1\" = --all ]; then
    echo '12 checks passed'
    exit 0
fi
echo 'error: no suite selected' >&2
exit 3
";

/// A sandbox with the project, its own copy of `mana`, and no hooks yet.
pub(crate) fn project() -> Sandbox {
    let sandbox = Sandbox::with_own_binary();
    sandbox.script("check", CHECK);
    sandbox.write("README.md", "# Sample\n");
    sandbox
}

/// The same after `mana init`.
pub(crate) fn installed() -> Sandbox {
    let sandbox = project();
    let _output = sandbox.mana(["init", "--yes"]).run().success();
    sandbox
}

/// The same after one session in which the agent found out which command works, and after
/// MANA learned it.
pub(crate) fn taught(client: &Path) -> Sandbox {
    let sandbox = installed();
    let _session = stumble(client, &sandbox);
    let _found = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
    sandbox
}

/// The same, taught by a transcript that is already there: no client needed, and quicker.
pub(crate) fn taught_by_history() -> Sandbox {
    let sandbox = project();
    history(&sandbox).write();
    let _output = sandbox.mana(["init", "--yes"]).run().success();
    let _found = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
    sandbox
}

/// The transcript of a session in which the agent found out which command works.
pub(crate) fn history(sandbox: &Sandbox) -> Transcript {
    Transcript::new(sandbox, 1)
        .prompt("Please run the checks")
        .bash(FAILS)
        .failed(3, "error: no suite selected")
        .bash(WORKS)
        .ok("12 checks passed")
        .say("The checks pass.")
}

/// A session in which the agent runs the command that fails, then the one that works.
#[track_caller]
pub(crate) fn stumble(client: &Path, sandbox: &Sandbox) -> Finished {
    let session = Session::new(client, sandbox, "Please run the checks").script(stumbling());
    session.run().said("The checks pass.")
}

/// The assistant's turns of that session.
pub(crate) fn stumbling() -> Script {
    vec![
        vec![Block::text("I run the checks."), Block::bash(FAILS)],
        vec![Block::text("It wants a suite."), Block::bash(WORKS)],
        vec![Block::text("The checks pass.")],
    ]
}

/// A session in which the agent runs only the command that fails.
#[track_caller]
pub(crate) fn fail_again(client: &Path, sandbox: &Sandbox) -> Finished {
    Session::new(client, sandbox, "Please run the checks once more")
        .script(vec![vec![Block::bash(FAILS)], vec![Block::text("I see.")]])
        .run()
        .said("I see.")
}

/// Removes the hook entries of all events but those that `keep` names from the user's settings.
pub(crate) fn keep_hooks(sandbox: &Sandbox, keep: impl Fn(&str) -> bool) {
    let path = sandbox.settings();
    let text = fs::read_to_string(&path).expect("init has written the settings");
    let mut settings: Value = serde_json::from_str(&text).expect("init has written JSON");
    let hooks = settings["hooks"].as_object_mut().expect("init has written hooks");
    hooks.retain(|event, _| keep(event));
    assert!(!hooks.is_empty(), "no hook is left of {text}");
    fs::write(&path, settings.to_string()).expect("the home is ours");
}

/// Writes user settings whose hooks run `program` with `arguments` at `events`.
pub(crate) fn write_hooks(
    sandbox: &Sandbox,
    program: &PathBuf,
    arguments: &[&str],
    events: &[&str],
) {
    let handler = json!({"type": "command", "command": program, "args": arguments, "timeout": 5});
    let hooks: serde_json::Map<String, Value> =
        events.iter().map(|event| ((*event).to_owned(), json!([{"hooks": [handler]}]))).collect();
    let settings = json!({"hooks": hooks});
    fs::write(sandbox.settings(), settings.to_string()).expect("the home is ours");
}
