//! Sessions in a few lines, for tests.
//!
//! A line is a step:
//!
//! ```text
//! > text                   a prompt of the user
//! agent> text              a prompt of the parent agent
//! command> text            a slash command
//! says text                the user's words beside a call
//! $ command                a command that worked
//! $ command !! error       one that failed; `\n` in the error begins a new line
//! $ command !~ error       one that failed without being marked
//! $ command ?? rejected    one that was refused; also cancelled, interrupted, unknown
//! Edit path :: symbols     a call of another tool, ended like a command
//! in folder                changes the folder for what follows
//! interrupt, compaction    what they say
//! ```

use crate::model::ids::StepId;
use crate::model::pattern::{Draft, Kind};
use crate::model::trajectory::{Author, Body, Call, Outcome, Step};

/// The folder in which scripted sessions start.
pub(crate) const ROOT: &str = "~/app";

/// When the first step of a scripted session happens: 2026-01-02 03:04:05 UTC.
pub(crate) const NOW: i64 = 1_767_323_045_000;

const MINUTE: i64 = 60_000;

/// The steps of a script, as those of session `s`.
pub(crate) fn steps(script: &str) -> Vec<Step> {
    steps_of("s", NOW, script)
}

/// The steps of a script in the session of that name, a minute apart from `start` on.
pub(crate) fn steps_of(session: &str, start: i64, script: &str) -> Vec<Step> {
    let mut cwd = ROOT.to_string();
    let mut steps = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(folder) = line.strip_prefix("in ") {
            cwd = folder.to_string();
            continue;
        }
        let n = steps.len() as i64;
        steps.push(Step {
            id: StepId::derive(&format!("{session} {n}")),
            at: Some(start + n * MINUTE),
            cwd: cwd.clone(),
            line: n as u64 + 1,
            body: body(line),
        });
    }
    steps
}

fn body(line: &str) -> Body {
    let prompt = |text: &str, author| Body::Prompt { text: text.replace("\\n", "\n"), author };
    match line.split_once(' ').unwrap_or((line, "")) {
        (">", text) => prompt(text, Author::Human),
        ("agent>", text) => prompt(text, Author::Agent),
        ("command>", text) => prompt(text, Author::Command),
        ("says", text) => Body::Feedback { text: text.into(), about: String::new() },
        ("interrupt", _) => Body::Interrupt,
        ("compaction", _) => Body::Compaction,
        ("$", rest) => Body::Call(call("Bash", rest)),
        (tool, rest) => Body::Call(call(tool, rest)),
    }
}

fn call(tool: &str, rest: &str) -> Call {
    let split = |mark: &str| rest.split_once(mark);
    let (rest, outcome, error) = if let Some((rest, error)) = split(" !! ") {
        (rest, Outcome::Failure, error)
    } else if let Some((rest, error)) = split(" !~ ") {
        (rest, Outcome::MaskedFailure, error)
    } else if let Some((rest, end)) = split(" ?? ") {
        let outcome = match end {
            "rejected" => Outcome::Rejected,
            "cancelled" => Outcome::Cancelled,
            "interrupted" => Outcome::Interrupted,
            "unknown" => Outcome::Unknown,
            other => panic!("no such end: {other}"),
        };
        (rest, outcome, "")
    } else {
        (rest, Outcome::Success, "")
    };
    let (subject, detail) = rest.split_once(" :: ").unwrap_or((rest, ""));
    Call {
        tool: tool.into(),
        subject: subject.into(),
        detail: detail.into(),
        outcome,
        error: error.replace("\\n", "\n"),
    }
}

/// What a script's main conversation says.
pub(crate) fn drafts(script: &str) -> Vec<Draft> {
    super::extract(&steps(script), ROOT, true).drafts
}

/// The texts of a script's drafts of these kinds, in order, each with its kind unless there is
/// only one, and with what makes it count less.
pub(crate) fn texts(script: &str, kinds: &[Kind]) -> Vec<String> {
    let named = |draft: &Draft| {
        let kind = if kinds.len() > 1 { format!("{}: ", draft.kind) } else { String::new() };
        let routine = if draft.payload.routine { " [routine]" } else { "" };
        let next = if draft.payload.next_only { " [next]" } else { "" };
        format!("{kind}{}{routine}{next}", draft.text)
    };
    drafts(script).iter().filter(|draft| kinds.contains(&draft.kind)).map(named).collect()
}

/// Checks a table of named cases: script → texts of drafts of these kinds. All that differ are
/// reported at once.
pub(crate) fn check(kinds: &[Kind], cases: &[(&str, &str, &[&str])]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(name, script, expected)| (name, texts(script, kinds), expected))
        .filter(|(_, found, expected)| found != *expected)
        .map(|(name, found, expected)| format!("{name}:\n  {found:#?}\n  not {expected:#?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
