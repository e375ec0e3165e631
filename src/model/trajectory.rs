//! What happened in a session, as learning sees it.
//!
//! A *trajectory* is the run of one session or of one of its subagents: a list of [`Step`]s in
//! file order. An *episode* is the part from one human prompt to the next.

use super::ids::StepId;

/// Which run a step belongs to.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct TrajectoryKey {
    /// The session's UUID as the transcript names it.
    pub(crate) session: String,
    /// The subagent's id; empty for the main conversation.
    pub(crate) agent: String,
}

/// One thing that happened, in the order of the transcript.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Step {
    /// Identity across files.
    pub(crate) id: StepId,
    /// Milliseconds since the Unix epoch; absent in some old files.
    pub(crate) at: Option<i64>,
    /// Working directory when it happened, as the transcript gives it.
    pub(crate) cwd: String,
    /// Line in its transcript, counted from 1.
    pub(crate) line: u64,
    /// What it was.
    pub(crate) body: Body,
}

/// The content of a [`Step`]. All texts are already masked and cut to their limits.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Body {
    /// A prompt that starts an episode.
    Prompt {
        /// Its words, without the client's own wrappings.
        text: String,
        /// Who wrote it.
        author: Author,
    },
    /// A tool call with its result.
    Call(Call),
    /// The user's words beside a tool call: the comment of a rejection, an answer to the agent's
    /// question, a message typed while the agent worked.
    Feedback {
        /// The user's words.
        text: String,
        /// What they answer: the agent's question, or the refused call's subject; may be empty.
        about: String,
    },
    /// The user stopped the agent.
    Interrupt,
    /// The conversation was compacted here: what was said before is no longer in the context.
    Compaction,
    /// A context that MANA's hook delivered.
    Injection {
        /// The hook event that carried it (`PreToolUse`, ...).
        event: String,
        /// The call it belongs to; empty for session and prompt events.
        tool_use: String,
        /// Short ids of the patterns it named.
        patterns: Vec<String>,
    },
}

/// Who wrote a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Author {
    /// A person typed it (or a script handed it to `claude -p`).
    Human,
    /// The parent agent wrote it for a subagent.
    Agent,
    /// A slash command's text or another machine-made prompt.
    Command,
}

/// A tool call and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Call {
    /// The tool's name as the client spells it (`Bash`, `Read`, `mcp__server__tool`).
    pub(crate) tool: String,
    /// What it was called on: the command (Bash), the path (file tools), `pattern path` (Grep,
    /// Glob), the URL or query (web tools), else the input as compact JSON.
    pub(crate) subject: String,
    /// What else tells about it: the description (Bash), the identifiers in the changed lines
    /// (Edit, Write), the symbols defined in what was read (Read), matched files (Grep, Glob).
    pub(crate) detail: String,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// For a failure its message, for a masked failure the telling part of the output.
    pub(crate) error: String,
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub(crate) enum Outcome {
    /// No result seen (yet).
    #[default]
    Unknown,
    /// It worked.
    Success,
    /// It ran, or was refused by the tool, and failed.
    Failure,
    /// The result is not marked as an error, but its text shows that the command failed.
    MaskedFailure,
    /// The user refused it.
    Rejected,
    /// The client cancelled it because a call of the same batch failed, a hook or a permission
    /// rule stopped it: no failure of its own.
    Cancelled,
    /// The user interrupted it while it ran.
    Interrupted,
}

/// Whether the tool changes the one file that it is called on.
pub(crate) fn changes_file(tool: &str) -> bool {
    matches!(tool, "Edit" | "MultiEdit" | "Write" | "NotebookEdit")
}

/// Whether the tool is called on one file.
pub(crate) fn is_on_file(tool: &str) -> bool {
    tool == "Read" || changes_file(tool)
}

/// Whether the tool looks for text or files, below a path if its call names one.
pub(crate) fn searches(tool: &str) -> bool {
    matches!(tool, "Grep" | "Glob")
}

/// The path that a call of a file or search tool is on, from the [subject](Call::subject): of a
/// search the last word, which without a path is that of the pattern.
pub(crate) fn path_of<'a>(tool: &str, subject: &'a str) -> Option<&'a str> {
    let path = if is_on_file(tool) {
        subject
    } else if searches(tool) {
        subject.rsplit(' ').next()?
    } else {
        return None;
    };
    (!path.is_empty()).then_some(path)
}

impl Outcome {
    /// Whether the call counts as failed.
    pub(crate) fn failed(self) -> bool {
        matches!(self, Self::Failure | Self::MaskedFailure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_file_and_search_tools_have_a_path() {
        for (tool, subject, expected) in [
            ("Read", "/a b/c", Some("/a b/c")),
            ("Write", "c", Some("c")),
            ("Grep", "fn main src/x", Some("src/x")),
            ("Glob", "**/*.rs", Some("**/*.rs")),
            ("Bash", "cat x", None),
            ("Read", "", None),
        ] {
            assert_eq!(path_of(tool, subject), expected, "{tool} {subject}");
        }
    }
}
