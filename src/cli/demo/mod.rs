//! `mana demo`: the whole loop on bundled sample transcripts, in a temporary home.

use std::path::Path;

use super::encoder;
use super::error::{CliError, Kind};
use super::output::Output;
use crate::hooks::event::HookEvent;
use crate::hooks::inject::{Surroundings, inject};
use crate::hooks::wire::Wire;
use crate::learning::discover::Root;
use crate::learning::learn;
use crate::model::exclude;
use crate::storage::{Store, file};

/// The samples: two sessions of one project, by the names under which the client keeps them.
const SAMPLES: [(&str, &str); 2] = [
    ("11111111-1111-4111-8111-111111111111.jsonl", include_str!("first.jsonl")),
    ("22222222-2222-4222-8222-222222222222.jsonl", include_str!("second.jsonl")),
];

/// A moment of the third session: what happens, and the event that the client would send.
struct Scene {
    title: &'static str,
    event: &'static str,
}

const SCENES: [Scene; 4] = [
    Scene {
        title: "A new session starts.",
        event: r#"{"hook_event_name":"SessionStart","source":"startup"}"#,
    },
    Scene {
        title: "The user writes: \"totals.ts rounds the gift card discount wrongly.\"",
        event: r#"{"hook_event_name":"UserPromptSubmit","prompt":"totals.ts rounds the gift card discount wrongly."}"#,
    },
    Scene {
        title: "The agent reads `src/cart/total.ts`, as in the second session.",
        event: r#"{"hook_event_name":"PreToolUse","tool_name":"Read","tool_use_id":"t2",
            "tool_input":{"file_path":"/home/sam/shop/src/cart/total.ts"}}"#,
    },
    Scene {
        title: "`npm test -- cart` fails: Cannot find module '@shop/pricing'.",
        event: r#"{"hook_event_name":"PostToolUseFailure","tool_name":"Bash","tool_use_id":"t1",
            "tool_input":{"command":"npm test -- cart"},
            "error":"Exit code 1\nError: Cannot find module '@shop/pricing'"}"#,
    },
];

/// When the third session runs, in milliseconds since the Unix epoch: three days after the
/// second, 2026-01-17.
const NOW: i64 = 1_768_640_400_000;

pub(crate) fn run(output: &mut Output) -> Result<(), CliError> {
    let scratch = tempfile::tempdir()
        .map_err(|error| CliError::new(Kind::Failed, format!("no temporary folder: {error}")))?;
    let home = scratch.path().join("home");
    let sessions = scratch.path().join("projects").join("-home-sam-shop");
    for (name, text) in SAMPLES {
        file::replace(&sessions.join(name), text.as_bytes()).map_err(|error| CliError {
            kind: Kind::Failed,
            source: error.into(),
            hints: vec![],
        })?;
    }
    let mut store = Store::open(&home, true)?;
    store.encode_with(Some(Box::new(encoder::of_home(&home))));
    let roots = [Root::Projects(scratch.path().join("projects"))];
    let report = learn::learn(&mut store, &home, &roots, &exclude::NOTHING, NOW, &|_| {})?;
    drop(store);
    output.line(format!(
        "Two sample sessions of a web shop were learned: {} lines, {} of them told something.\n\
         In the first, a test failed until the packages were built, and the user laid down a \
         rule.\nNow a third session; what MANA tells the agent stands behind `>`.",
        report.lines, report.account.learned
    ));
    let mut told = Vec::new();
    for scene in &SCENES {
        let context = play(scene, &home)?;
        output.line(format!("\n{}", scene.title));
        match &context {
            Some(text) => text.lines().for_each(|line| output.line(format!("  > {line}"))),
            None => output.line("  (silence: it knows nothing that it has not said already)"),
        }
        told.push(serde_json::json!({ "moment": scene.title, "context": context }));
    }
    output.line("\nNothing of this was kept. `mana init` does the same with your own history.");
    output.object(&told);
    Ok(())
}

fn play(scene: &Scene, home: &Path) -> Result<Option<String>, CliError> {
    let wire: Wire<'_> = serde_json::from_str(scene.event).expect("the scenes are valid JSON");
    let mut event = HookEvent::from_wire(wire);
    event.session = "33333333-3333-4333-8333-333333333333".into();
    event.cwd = "/home/sam/shop".into();
    let around = Surroundings {
        home,
        project_dir: None,
        now: NOW,
        encoder: None,
        holdout: 0.0,
        disk: None,
        exclusions: &exclude::NOTHING,
    };
    let Some(answer) = inject(&event, &around)? else { return Ok(None) };
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("answers are valid JSON");
    Ok(answer["hookSpecificOutput"]["additionalContext"].as_str().map(String::from))
}
