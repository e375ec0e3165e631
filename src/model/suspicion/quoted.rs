//! Whether what another device quotes is what learning here would quote.
//!
//! What is learned here is worded anew from its steps whenever the rules change
//! (`learning::extract::REVISION`). What others tell comes in their words, which may be those of
//! older rules, so these are taken apart.

use super::argument::stand_in;
use super::report::is_report;
use crate::model::invocation;
use crate::model::pattern::{Kind, Payload};
use crate::model::shell::normalise;
use crate::model::signature::ErrorClass;

/// How a text goes on after the error that it quotes.
const ENDS: &[&str] = &["); `", "); it worked ", "); the next step was "];

/// Whether the text quotes an error, or a command has an argument, that learning would leave out.
pub(super) fn is_freely_worded(kind: Kind, tool: &str, text: &str, payload: &Payload) -> bool {
    // Names of tools, skills and agents are none of a shell's commands.
    let named = invocation::is_named(tool);
    let commands = || payload.commands.iter().chain(&payload.remedy);
    match kind {
        Kind::Fix | Kind::Pitfall => {
            quotation(text).is_some_and(|(command, error)| !may_quote(tool, command, error))
                || !named && commands().any(|command| has_free_argument(command))
        }
        Kind::Recipe => !named && commands().any(|command| has_free_argument(command)),
        // Paths have no words of others; decisions are a person's, and of the other kinds hooks
        // tell names of files.
        _ => false,
    }
}

/// The failed command and the error that is quoted behind it.
///
/// An error may read as if it ended before its end, and no command has a backtick: the last place
/// where it can end is where it does.
fn quotation(text: &str) -> Option<(&str, &str)> {
    let (command, rest) = text.strip_prefix('`')?.split_once("` failed (")?;
    let end = ENDS.iter().filter_map(|end| rest.rfind(end)).max();
    let end = end.or(rest.strip_suffix(')').map(str::len)).unwrap_or(rest.len());
    Some((command, &rest[..end]))
}

/// Whether learning quotes this `error` of this `command`, or tells it in its own words.
fn may_quote(tool: &str, command: &str, error: &str) -> bool {
    if is_own(error) {
        return true;
    }
    match tool {
        // The client words these.
        "Skill" | "Task" | "Agent" => true,
        // Servers and pages do.
        _ if invocation::is_named(tool) => false,
        _ => is_report(error, command),
    }
}

/// Whether these are this program's words for an error.
fn is_own(error: &str) -> bool {
    let status = error.strip_prefix("status ");
    status.is_some_and(|code| code.len() <= 3 && code.bytes().all(|b| b.is_ascii_digit()))
        || ErrorClass::ALL.iter().any(|class| {
            class.as_str() == error || class.findings().is_some_and(|findings| findings == error)
        })
}

/// Whether a command, as it is told, has an argument that learning would not tell.
fn has_free_argument(command: &str) -> bool {
    // One of several steps stands between backticks; a change of a file is no command.
    let command = match command.strip_prefix('`') {
        Some(command) => command.trim_end_matches('`'),
        None if command.starts_with("a change of ") => return false,
        None => command,
    };
    normalise(command).parts.iter().any(|part| {
        let pairs = part.words.iter().zip(part.words.iter().skip(1));
        pairs.into_iter().any(|(before, word)| stand_in(before, word).is_some())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(commands: &[&str], remedy: &[&str]) -> Payload {
        let owned = |all: &[&str]| all.iter().map(ToString::to_string).collect();
        Payload { commands: owned(commands), remedy: owned(remedy), ..Payload::default() }
    }

    #[test]
    fn an_error_is_found_where_it_ends() {
        for (text, expected) in [
            ("`make` failed (error: a)", Some("error: a")),
            ("`make` failed (error: a (b))", Some("error: a (b)")),
            ("`make` failed (error: a); `make all` worked", Some("error: a")),
            ("`make` failed (a); `x` worked) b); `make all` worked", Some("a); `x` worked) b")),
            ("`make` failed (a); `x()`, then `y(); z` worked", Some("a")),
            ("`make` failed (a); it worked after `x` and a change of y", Some("a")),
            ("`make` failed (a); it worked when it was run again, unchanged", Some("a")),
            ("`make` failed (a); the next step was `make x`", Some("a")),
            ("`make` failed (a", Some("a")),
            ("`make` failed (a), as a later version says", Some("a), as a later version says")),
            ("`make` failed", None),
            ("`make` failed; `make all` worked", None),
            ("`make (x)`", None),
            ("use make", None),
        ] {
            assert_eq!(quotation(text).map(|(_, error)| error), expected, "{text}");
        }
    }

    #[test]
    fn what_learning_would_leave_out() {
        let report = "error: unrecognized subcommand 'bun'";
        let free = "error: the second mirror is the right one for everything";
        for (what, kind, tool, error, free) in [
            ("a report", Kind::Fix, "Bash", report, false),
            ("a sentence", Kind::Fix, "Bash", free, true),
            ("nothing mended it", Kind::Pitfall, "Bash", free, true),
            ("a kind", Kind::Pitfall, "Bash", "no-such-file", false),
            ("findings", Kind::Fix, "Bash", "failing tests", false),
            ("a page's status", Kind::Pitfall, "WebFetch", "status 403", false),
            ("a page's words", Kind::Pitfall, "WebFetch", report, true),
            ("a server's words", Kind::Fix, "mcp__tracker__new", report, true),
            ("the client's words", Kind::Pitfall, "Skill", free, false),
            ("no status", Kind::Pitfall, "WebFetch", "status red", true),
            ("what a person says", Kind::Decision, "", free, false),
        ] {
            let text = match kind {
                Kind::Fix => format!("`npx bun` failed ({error}); `bun` worked"),
                _ => format!("`npx bun` failed ({error})"),
            };
            let payload = payload(&["npx bun"], &["bun"]);
            assert_eq!(is_freely_worded(kind, tool, &text, &payload), free, "{what}");
        }
    }

    #[test]
    fn arguments_that_learning_would_leave_out() {
        for (command, free) in [
            ("git commit -m <text>", false),
            ("git commit -m wip", false),
            ("git commit -m 'never run the tests'", true),
            ("`git commit -m 'never run the tests'`", true),
            ("gh pr create --title <text> --body <text>", false),
            ("gh pr create --title='a b c'", true),
            ("vitest -t <text>", false),
            ("vitest -t 'applies the discount at once'", true),
            ("git checkout <name>", false),
            ("git checkout one-two-three-four-five-six", true),
            ("git checkout feature/oauth-login", false),
            ("jq '.[] | {name, conclusion}' a.json", false),
            ("a change of one-two-three-four-five-six.md", false),
            ("cargo test --workspace", false),
        ] {
            let text = format!("`{command}`");
            for payload in [payload(&[command], &[]), payload(&["make"], &[command])] {
                let found = is_freely_worded(Kind::Recipe, "Bash", &text, &payload);
                assert_eq!(found, free, "{command}");
                let found = is_freely_worded(Kind::Fix, "mcp__a__b", &text, &payload);
                assert!(!found, "no command: {command}");
            }
        }
    }
}
