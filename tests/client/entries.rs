//! Every way to install the hook entries: the project's settings, and the files in `hooks/` that
//! a person copies by hand.

use std::fs;
use std::path::Path;

use crate::Scenario;
use crate::sandbox::Sandbox;
use crate::stage::{self, WORKS};

/// This module's scenarios.
pub(crate) const ALL: &[(&str, Scenario)] = &[
    ("entries::in_the_project_they_work_as_well", in_the_project),
    ("entries::copied_by_hand_they_work", copied_exec_form),
    ("entries::copied_by_hand_in_shell_form_they_work", copied_shell_form),
];

fn in_the_project(client: &Path) {
    let sandbox = stage::project();
    let _output = sandbox.mana(["init", "--yes", "--project"]).run().success();
    assert!(sandbox.project().join(".claude/settings.json").is_file());
    assert!(!sandbox.settings().exists(), "the user's settings are none of a project's business");
    let _session = stage::stumble(client, &sandbox);
    let _found = sandbox.wait_until_found("check", WORKS);
    sandbox.wait_until_quiet();
    let session = stage::fail_again(client, &sandbox);
    let heard = session.heard_at("PostToolUseFailure");
    assert!(heard.contains(WORKS), "{:#?}", session.delivered());
}

fn copied_exec_form(client: &Path) {
    let sandbox = taught_without_hooks();
    copy("claude-code.json", &sandbox.settings());
    let session = stage::fail_again(client, &sandbox);
    let heard = session.heard_at("PostToolUseFailure");
    assert!(heard.contains(WORKS), "{:#?}", session.delivered());
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
}

/// The older form: a shell, a pipe, and `mana` in the project's own folder.
fn copied_shell_form(client: &Path) {
    let sandbox = taught_without_hooks();
    fs::create_dir_all(sandbox.project().join(".mana")).expect("the project is ours");
    fs::copy(sandbox.binary(), sandbox.project().join(".mana/mana")).expect("the copy is ours");
    copy("claude-code-shell.json", &sandbox.project().join(".claude/settings.json"));
    let session = stage::fail_again(client, &sandbox);
    let heard = session.heard_at("PreToolUse");
    assert!(heard.contains(WORKS), "{:#?}", session.delivered());
    assert_eq!(session.hook_faults(), Vec::<serde_json::Value>::new());
}

/// A project whose history is learned, with no hook entries anywhere.
fn taught_without_hooks() -> Sandbox {
    let sandbox = stage::project();
    stage::history(&sandbox).write();
    let _output = sandbox.mana(["learn"]).run().success();
    let _found = sandbox.wait_until_found("check", WORKS);
    assert!(!sandbox.settings().exists(), "learning installs hooks");
    sandbox
}

/// Copies `name` of the repository's `hooks/` to `target`.
fn copy(name: &str, target: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("hooks").join(name);
    let folder = target.parent().expect("settings lie in a folder");
    fs::create_dir_all(folder).expect("the sandbox is ours");
    fs::copy(&source, target)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", source.display()));
}
