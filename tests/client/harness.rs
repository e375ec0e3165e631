//! The harness itself, proven with a stand-in hook: what these tests see in a request is what a
//! hook said.

use std::path::Path;

use crate::Scenario;
use crate::api::Block;
use crate::sandbox::Sandbox;
use crate::session::{Delivered, Session};
use crate::stage;

/// This module's scenarios.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("harness::sees_the_context_of_every_event", sees_the_context_of_every_event),
    ("harness::sees_silence", sees_silence),
    ("harness::sees_a_failing_hook", sees_a_failing_hook),
    ("harness::continues_a_session", continues_a_session),
];

/// A hook that answers every event but the last ones of a session with that event's name.
const ECHO: &str = r#"#!/bin/sh
event=$(sed -n 's/.*"hook_event_name":"\([A-Za-z]*\)".*/\1/p')
case $event in Stop|SessionEnd) exit 0 ;; esac
printf '{"hookSpecificOutput":{"hookEventName":"%s","additionalContext":"one %s\\n\\ntwo"}}' \
    "$event" "$event"
"#;

/// The events that the stand-in is asked at.
const EVENTS: &[&str] = &[
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "SessionEnd",
];

/// A project with `script` as the hook of every event.
fn hooked(script: &str) -> Sandbox {
    let sandbox = stage::project();
    let hook = sandbox.script("../hook", script);
    stage::write_hooks(&sandbox, &hook, &[], EVENTS);
    sandbox
}

fn sees_the_context_of_every_event(client: &Path) {
    let sandbox = hooked(ECHO);
    let session = stage::stumble(client, &sandbox);
    let expected = [
        (0, "SessionStart"),
        (0, "UserPromptSubmit"),
        (1, "PreToolUse"),
        (1, "PostToolUseFailure"),
        (2, "PreToolUse"),
        (2, "PostToolUse"),
    ];
    let mut delivered = session.delivered();
    delivered.dedup();
    // The second PreToolUse says the same as the first, which is where it is seen.
    let expected: Vec<Delivered> = expected
        .into_iter()
        .map(|(request, event)| Delivered {
            request: if event == "PreToolUse" { 1 } else { request },
            event: event.to_owned(),
            text: format!("one {event}\n\ntwo"),
        })
        .collect();
    assert_eq!(delivered, expected);
    assert_eq!(session.requests.len(), 3);
    assert_eq!(session.transcripts.len(), 1);
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
}

fn sees_silence(client: &Path) {
    let sandbox = hooked("#!/bin/sh\nexit 0\n");
    let session = stage::stumble(client, &sandbox);
    assert_eq!(session.delivered(), Vec::new());
    assert!(!session.mentions("hook additional context"));
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
}

fn sees_a_failing_hook(client: &Path) {
    let sandbox = hooked("#!/bin/sh\necho 'the hook is broken' >&2\nexit 1\n");
    let session = stage::stumble(client, &sandbox);
    assert!(!session.hook_faults().is_empty());
}

fn continues_a_session(client: &Path) {
    let sandbox = hooked(ECHO);
    let script = vec![vec![Block::text("First.")], vec![Block::text("Second.")]];
    let first = Session::new(client, &sandbox, "one").script(script.clone()).run().said("First.");
    let second = Session::new(client, &sandbox, "two")
        .script(script)
        .argument("--continue")
        .run()
        .said("Second.");
    assert_eq!(first.transcripts, second.transcripts);
    assert!(second.mentions("one") && second.mentions("two"));
}
