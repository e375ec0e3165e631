//! How a call ended, told from its result.
//!
//! The client marks failures, refusals, denials, interrupts and cancelled batches all with
//! `is_error`; what sets them apart is the fixed text each begins with, and newer clients add
//! fields. The texts are matched first because old files have nothing else.

use std::borrow::Cow;

use super::scan::Object;
use super::wire::{self, Structured, Top};
use crate::model::masked::masked_failure;
use crate::model::shell::normalise;
use crate::model::signature;
use crate::model::trajectory::{Call, Outcome};

/// Openings of a result that say the user refused the call.
const REFUSALS: &[&str] = &[
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "User rejected tool use",
    "User chose to stay in plan mode",
    "User declined to answer questions",
];

/// The opening of a result, and of a user line, that say the user stopped the agent.
pub(super) const INTERRUPT: &str = "[Request interrupted by user";

/// Openings of a result that say a permission rule or a hook stopped the call.
const DENIALS: &[&str] = &[
    "Permission to use ",
    "Permission for this ",
    "Claude requested permissions to ",
    "This command requires approval",
    "This Bash command contains multiple operations. The following part",
];

/// What precedes the user's comment in a refusal, and the same in a subagent's run.
const SAID: &[&str] = &["the user said:", "The user said:"];

/// What the client appends to the user's comment.
const SAID_NOTE: &str = "Note: The user's next message may contain";

/// The client's own words in place of a comment, when the user wants to talk about the questions.
const CLARIFY: &str = "The user wants to clarify these questions";

/// A tool's result as its line gives it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToolResult<'a> {
    /// Raw content of the `tool_result` block.
    pub(super) content: &'a [u8],
    /// Its `is_error`.
    pub(super) is_error: bool,
    /// The line it stands on.
    pub(super) top: &'a Top<'a>,
}

impl<'a> ToolResult<'a> {
    /// Its text.
    pub(super) fn text(&self) -> Cow<'a, str> {
        wire::content_text(self.content)
    }

    /// The same in the client's own structure.
    pub(super) fn structured(&self) -> &'a Structured<'a> {
        &self.top.structured
    }
}

/// How `call` ended, and the message to keep (not yet masked or cut), from its result.
pub(super) fn classify(call: &Call, result: &ToolResult) -> (Outcome, String) {
    if result.is_error {
        return of_error(&result.text(), result.top);
    }
    // A call from another file comes without its tool; the opening is telling enough then.
    if call.tool == "Bash" || call.tool.is_empty() {
        return of_command(&call.subject, result);
    }
    (Outcome::Success, String::new())
}

/// How a shell command ended whose result is not marked as an error.
fn of_command(command: &str, result: &ToolResult) -> (Outcome, String) {
    let text = result.text();
    if exit_code(&text).is_some_and(|code| code != 0) {
        return (Outcome::Failure, text.into_owned());
    }
    let structured = result.structured();
    if wire::is_true(structured.interrupted) && structured.timed_out.is_none() {
        return (Outcome::Interrupted, String::new());
    }
    // An exit code that the client itself interprets (grep without a match) hides nothing.
    if !command.is_empty()
        && structured.interpretation.is_none()
        && let Some(telling) = masked_failure(&normalise(command), &text)
    {
        return (Outcome::MaskedFailure, telling);
    }
    (Outcome::Success, String::new())
}

/// How a call ended whose result is marked as an error.
fn of_error(text: &str, top: &Top) -> (Outcome, String) {
    let message = without_tags(text.trim());
    if interrupted(message) {
        return (Outcome::Interrupted, String::new());
    }
    // The client writes down who let a call through as well: that says nothing of its failure.
    let refusal = top
        .decision
        .filter(|decision| wire::string_member(decision, "decision").as_deref() != Some("accept"));
    let source = refusal.and_then(|decision| wire::string_member(decision, "source"));
    // To a subagent a refusal with a comment looks like any denied permission.
    let denied_by_user = begins(message, DENIALS) && after_said(message).is_some();
    let refused_by_user = begins(message, REFUSALS) || source.as_deref() == Some("user_reject");
    if refused_by_user || denied_by_user {
        return (refused(message, top), String::new());
    }
    if signature::is_of_batch(message) {
        return (Outcome::Cancelled, String::new());
    }
    let denied = begins(message, DENIALS)
        || hook_denial(message)
        || top.denial.and_then(wire::string).is_some()
        || matches!(source.as_deref(), Some("config" | "hook"));
    let outcome = if denied { Outcome::Cancelled } else { Outcome::Failure };
    (outcome, message.to_owned())
}

/// Whether the user refused the call or stopped it while it ran. Both texts are the same; newer
/// clients say whether the call had begun.
fn refused(message: &str, top: &Top) -> Outcome {
    let ran = top.denial.is_some() && !top.denied_before_run;
    if ran && top.feedback.is_none() && after_said(message).is_none() && message.contains("STOP") {
        Outcome::Interrupted
    } else {
        Outcome::Rejected
    }
}

/// Whether the message of a failed call says that the user interrupted it.
fn interrupted(message: &str) -> bool {
    let output = match message.split_once('\n') {
        Some((first, rest)) if exit_code(first).is_some() => rest.trim_start(),
        _ => message,
    };
    let last = message.lines().next_back().unwrap_or_default();
    output.starts_with(INTERRUPT) || last.starts_with(INTERRUPT)
}

/// Whether the message is a hook's reason for stopping the call: `PreToolUse:Bash hook error: …`.
fn hook_denial(message: &str) -> bool {
    let Some(rest) = message.strip_prefix("PreToolUse:") else { return false };
    let tool_end = rest.find(' ').unwrap_or(rest.len());
    rest[tool_end..].trim_start().starts_with("hook ")
}

/// Whether `text` begins with one of `openings`.
fn begins(text: &str, openings: &[&str]) -> bool {
    openings.iter().any(|opening| text.starts_with(opening))
}

/// `text` without the tags around a tool's own refusal.
fn without_tags(text: &str) -> &str {
    let inner = text.strip_prefix("<tool_use_error>").unwrap_or(text);
    inner.strip_suffix("</tool_use_error>").unwrap_or(inner).trim()
}

/// The code of a result that begins with `Exit code N`.
fn exit_code(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let rest = text.strip_prefix("Error: ").unwrap_or(text).strip_prefix("Exit code ")?;
    rest.lines().next()?.trim().parse().ok()
}

/// What stands after the announcement of the user's comment in `text`.
fn after_said(text: &str) -> Option<&str> {
    SAID.iter().find_map(|said| text.split_once(said)).map(|(_, comment)| comment)
}

/// What the user said when refusing the call.
pub(super) fn comment<'a>(result: &ToolResult<'a>) -> Option<Cow<'a, str>> {
    if let Some(feedback) = result.top.feedback.and_then(wire::string) {
        return Some(feedback).filter(|said| !said.trim().is_empty());
    }
    let text = result.text();
    let said = after_said(&text)?;
    let said = said.split(SAID_NOTE).next().unwrap_or(said).trim();
    (!said.is_empty() && !said.starts_with(CLARIFY)).then(|| Cow::Owned(said.to_owned()))
}

/// The user's answers to the agent's questions as (question, answer).
pub(super) fn answers(result: &ToolResult) -> Vec<(String, String)> {
    let Some(mut given) = result.structured().answers.and_then(Object::open) else {
        return quoted_answers(&result.text());
    };
    let mut all = Vec::new();
    while let Ok(Some((key, value))) = given.next_member() {
        let question = wire::string(&[b"\"", key, b"\""].concat()).map(Cow::into_owned);
        let answer = wire::string(value).unwrap_or_else(|| wire::content_text(value)).into_owned();
        if let Some(question) = question
            && !answer.trim().is_empty()
        {
            all.push((question, answer));
        }
    }
    if let Some(reply) = result.structured().response.and_then(wire::string) {
        all.push((String::new(), reply.into_owned()));
    }
    all
}

/// The answers in the sentence that the model gets: `"question"="answer", …`.
fn quoted_answers(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\"=\"") {
        let question = before.rsplit_once('"').map_or(before, |(_, question)| question);
        let end = after.find('"').unwrap_or(after.len());
        all.push((question.to_owned(), after[..end].to_owned()));
        rest = &after[end..];
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Classifies the result on a user line whose first block is a `tool_result`.
    fn judge(tool: &str, text: &str, is_error: bool, fields: &str) -> (Outcome, String) {
        let content = serde_json::to_string(text).unwrap();
        let line = format!("{{\"type\":\"user\"{fields}}}");
        let (_, top, _) = Top::read(line.as_bytes()).unwrap();
        let call = Call { tool: tool.into(), ..Call::default() };
        classify(&call, &ToolResult { content: content.as_bytes(), is_error, top: &top })
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn results_marked_as_errors() {
        use Outcome::{Cancelled, Failure, Interrupted, Rejected};
        let stop = "The user doesn't want to proceed with this tool use. STOP what you are doing";
        let said = "The user doesn't want to proceed with this tool use. To tell you how to \
                    proceed, the user said:\nno";
        let cases = [
            ("exit code", "Exit code 1\nboom", "", Failure, "Exit code 1\nboom"),
            ("old client", "boom", "", Failure, "boom"),
            (
                "timeout",
                "Exit code 143\nCommand timed out after 2m 0.0s",
                "",
                Failure,
                "Exit code 143\nCommand timed out after 2m 0.0s",
            ),
            (
                "tool",
                "<tool_use_error>No such tool available: X</tool_use_error>",
                "",
                Failure,
                "No such tool available: X",
            ),
            ("plain", "File does not exist.", "", Failure, "File does not exist."),
            (
                "sibling",
                "<tool_use_error>Sibling tool call errored</tool_use_error>",
                "",
                Cancelled,
                "",
            ),
            (
                "parallel",
                "<tool_use_error>Cancelled: parallel tool call Bash(x) errored</tool_use_error>",
                "",
                Cancelled,
                "",
            ),
            (
                "rule",
                "Permission to use Bash with command x has been denied.",
                "",
                Cancelled,
                "Permission to use Bash with command x has been denied.",
            ),
            (
                "nobody to ask",
                "Claude requested permissions to write to /x, but you haven't granted it yet.",
                r#","toolDenialKind":"user-rejected""#,
                Cancelled,
                "Claude requested permissions to write to /x, but you haven't granted it yet.",
            ),
            (
                "hook",
                "PreToolUse:Bash hook error: [x.sh]: no",
                "",
                Cancelled,
                "PreToolUse:Bash hook error: [x.sh]: no",
            ),
            (
                "rule's own words",
                "Use the Read tool",
                r#","toolDenialKind":"permission-rule""#,
                Cancelled,
                "Use the Read tool",
            ),
            (
                "let through by the settings",
                "Exit code 3\nno suite",
                r#","permissionDecision":{"decision":"accept","source":"config"}"#,
                Failure,
                "Exit code 3\nno suite",
            ),
            (
                "refused by the settings",
                "not here",
                r#","permissionDecision":{"decision":"reject","source":"config"}"#,
                Cancelled,
                "not here",
            ),
            ("esc on the prompt, old", stop, "", Rejected, ""),
            (
                "esc on the prompt",
                stop,
                r#","toolDenialKind":"user-rejected","toolDenialBeforeRun":true"#,
                Rejected,
                "",
            ),
            ("esc while it runs", stop, r#","toolDenialKind":"user-rejected""#, Interrupted, ""),
            ("no with a comment", said, r#","toolDenialKind":"user-rejected""#, Rejected, ""),
            (
                "decision",
                "whatever",
                r#","permissionDecision":{"source":"user_reject"}"#,
                Rejected,
                "",
            ),
            (
                "no to a subagent",
                "Permission for this tool use was denied. The tool use was rejected (eg. x). The user said:\nwhat is it?",
                "",
                Rejected,
                "",
            ),
            ("plan", "User chose to stay in plan mode and continue planning", "", Rejected, ""),
            ("interrupt", "[Request interrupted by user for tool use]", "", Interrupted, ""),
            (
                "interrupt with output",
                "[Request interrupted by user for tool use]\nout",
                "",
                Interrupted,
                "",
            ),
            (
                "interrupt after code",
                "Exit code 137\n[Request interrupted by user for tool use]",
                "",
                Interrupted,
                "",
            ),
        ];
        for (name, text, fields, outcome, message) in cases {
            assert_eq!(judge("Bash", text, true, fields), (outcome, message.into()), "{name}");
        }
    }

    #[test]
    fn results_not_marked() {
        use Outcome::{Failure, Interrupted, Success};
        let cases = [
            ("fine", "Bash", "ok", "", Success),
            ("exit code in the text", "Bash", "Exit code 2\nx", "", Failure),
            ("exit code zero", "Bash", "Exit code 0\nx", "", Success),
            ("another tool's words", "Read", "Exit code 2\nx", "", Success),
            (
                "nothing found",
                "Bash",
                "",
                r#","toolUseResult":{"returnCodeInterpretation":"No matches found"}"#,
                Success,
            ),
            ("stopped", "Bash", "", r#","toolUseResult":{"interrupted":true}"#, Interrupted),
            (
                "went on in the background",
                "Bash",
                "",
                r#","toolUseResult":{"interrupted":true,"timedOutAfterMs":5}"#,
                Success,
            ),
        ];
        for (name, tool, text, fields, outcome) in cases {
            assert_eq!(judge(tool, text, false, fields).0, outcome, "{name}");
        }
    }

    #[test]
    fn comments_and_answers_are_the_users_words() {
        let read = |text: &str, fields: &str| {
            let content = serde_json::to_string(text).unwrap();
            let line = format!("{{\"type\":\"user\"{fields}}}");
            let (_, top, _) = Top::read(line.as_bytes()).unwrap();
            let result = ToolResult { content: content.as_bytes(), is_error: true, top: &top };
            (comment(&result).map(Cow::into_owned), answers(&result))
        };
        let said = |text: &str, fields: &str| read(text, fields).0;
        assert_eq!(
            said("x the user said:\nuse y\n\nNote: The user's next message may contain a z", ""),
            Some("use y".into())
        );
        assert_eq!(
            said("x the user said:\nlong", r#","userFeedback":"short""#),
            Some("short".into())
        );
        assert_eq!(
            said("x the user said:\nThe user wants to clarify these questions.\n  This", ""),
            None
        );
        assert_eq!(said("STOP", ""), None);

        let given = |text: &str, fields: &str| read(text, fields).1;
        let pair = |q: &str, a: &str| (q.to_owned(), a.to_owned());
        let fields =
            r#","toolUseResult":{"answers":{"Which \"one\"?":"B","Why?":""},"response":"both"}"#;
        assert_eq!(given("", fields), [pair("Which \"one\"?", "B"), pair("", "both")]);
        let text = r#"User has answered your questions: "A?"="x", "B?"="y, z". You can now"#;
        assert_eq!(given(text, ""), [pair("A?", "x"), pair("B?", "y, z")]);
    }
}
