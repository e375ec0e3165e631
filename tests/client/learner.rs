//! Learning starts by itself, in a process that neither delays the client nor dies with it.

use std::path::Path;

use serde_json::json;

use crate::Scenario;
use crate::sandbox::Sandbox;
use crate::stage::{self, WORKS};
use crate::transcript::Transcript;

/// This module's scenarios.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("learner::the_end_of_a_session_starts_it", session_end_starts_it),
    ("learner::stop_alone_starts_it_when_enough_waits", stop_starts_it),
    ("learner::it_outlives_the_client_and_ends_by_itself", outlives_the_client),
];

/// As many sessions as the largest threshold asks for before Stop starts a learning run.
const ENOUGH: u32 = 30;

fn session_end_starts_it(client: &Path) {
    let sandbox = stage::installed();
    let session = stage::stumble(client, &sandbox);
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
    let _found = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
}

fn stop_starts_it(client: &Path) {
    let sandbox = stage::installed();
    stage::keep_hooks(&sandbox, |event| event != "SessionEnd");
    let session = stage::stumble(client, &sandbox);
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
    for number in 1..=ENOUGH {
        let transcript = small_session(&sandbox, number);
        let event = json!({
            "session_id": transcript.session(), "transcript_path": transcript.path(),
            "cwd": sandbox.project(), "hook_event_name": "Stop", "stop_hook_active": false,
        });
        transcript.write();
        let _output = sandbox.mana(["session-end"]).stdin(event.to_string()).run().success();
    }
    let _found = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
}

fn outlives_the_client(client: &Path) {
    let sandbox = stage::installed();
    // So much history that learning it takes longer than the client needs to end.
    for number in 1..=400 {
        let mut transcript = small_session(&sandbox, number);
        for step in 0..100 {
            let output = format!("{step} lines of output\n").repeat(20);
            transcript = transcript.bash(&format!("./tool-{number} --step {step}")).ok(&output);
        }
        transcript.write();
    }
    let last = Transcript::new(&sandbox, 1_999)
        .prompt("Build the documentation")
        .bash("./docs build")
        .failed(2, "error: no theme selected")
        .bash("./docs build --theme plain")
        .ok("built 3 pages");
    last.write();
    let session = stage::stumble(client, &sandbox);
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
    // Both the old history and the session itself are learned, by a process that then ends.
    let _old = sandbox.wait_until_found("docs build", "./docs build --theme plain");
    let _new = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
}

/// A short session about nothing in particular.
fn small_session(sandbox: &Sandbox, number: u32) -> Transcript {
    Transcript::new(sandbox, number)
        .prompt(&format!("List the files of part {number}"))
        .bash(&format!("ls part-{number}"))
        .ok("notes.txt")
        .say("There is one file.")
}
