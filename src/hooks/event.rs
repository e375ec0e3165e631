//! The events that MANA acts on.

use super::wire::{Fields, Wire};

/// A hook event, reduced to what MANA needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct HookEvent {
    /// The event's name, to be repeated in the answer.
    pub(crate) name: String,
    /// The session's UUID.
    pub(crate) session: String,
    /// The subagent's id; empty in the main conversation.
    pub(crate) agent: String,
    /// The client's current folder.
    pub(crate) cwd: String,
    /// The transcript's file.
    pub(crate) transcript: String,
    /// What happened.
    pub(crate) moment: Moment,
}

/// What happened, by the moment in the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// A context window begins.
    Start {
        /// startup, resume, clear, compact or fork.
        source: String,
    },
    /// A subagent begins, with a context window of its own.
    SubagentStart,
    /// The user submits a prompt.
    Prompt(String),
    /// A tool is about to be called.
    Before(ToolCall),
    /// A tool call failed.
    Failed {
        /// The call.
        call: ToolCall,
        /// What the model gets to see.
        error: String,
    },
    /// A turn, subagent or session ended.
    End {
        /// Whether the whole session ended.
        session: bool,
    },
    /// Nothing for MANA.
    Other,
}

/// A tool call as hooks deliver it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ToolCall {
    /// The tool's name.
    pub(crate) tool: String,
    /// The call's id.
    pub(crate) id: String,
    /// What it is called on, formed as learning forms it: the command, the path, or
    /// `pattern path`; the skill, the agent or the page.
    pub(crate) subject: String,
}

impl HookEvent {
    /// Reduces the client's event.
    pub(crate) fn from_wire(wire: Wire<'_>) -> Self {
        let call = |wire: &Wire<'_>| ToolCall {
            tool: wire.tool_name.0.to_string(),
            id: wire.tool_use_id.0.to_string(),
            subject: subject(&wire.tool_name.0, &wire.tool_input.0),
        };
        let moment = match &*wire.hook_event_name.0 {
            "SessionStart" => Moment::Start { source: wire.source.0.to_string() },
            "SubagentStart" => Moment::SubagentStart,
            "UserPromptSubmit" => Moment::Prompt(wire.prompt.0.to_string()),
            "PreToolUse" => Moment::Before(call(&wire)),
            "PostToolUseFailure" if wire.is_interrupt => Moment::Other,
            "PostToolUseFailure" => {
                Moment::Failed { call: call(&wire), error: wire.error.0.to_string() }
            }
            "Stop" | "SubagentStop" => Moment::End { session: false },
            "SessionEnd" => Moment::End { session: true },
            _ => Moment::Other,
        };
        Self {
            name: wire.hook_event_name.0.into_owned(),
            session: wire.session_id.0.into_owned(),
            agent: wire.agent_id.0.into_owned(),
            cwd: wire.cwd.0.into_owned(),
            transcript: wire.transcript_path.0.into_owned(),
            moment,
        }
    }
}

/// What a call is on, in the same form as in learned steps.
fn subject(tool: &str, input: &Fields<'_>) -> String {
    match tool {
        "Bash" => input.command.0.to_string(),
        "Read" | "Edit" | "Write" | "MultiEdit" => input.file_path.0.to_string(),
        "NotebookEdit" | "NotebookRead" => {
            let path = &input.notebook_path.0;
            if path.is_empty() { input.file_path.0.to_string() } else { path.to_string() }
        }
        "Grep" | "Glob" => {
            let (pattern, path) = (&input.pattern.0, &input.path.0);
            if path.is_empty() { pattern.to_string() } else { format!("{pattern} {path}") }
        }
        "Skill" => {
            let skill = &input.skill.0;
            if skill.is_empty() { input.command.0.to_string() } else { skill.to_string() }
        }
        "Task" | "Agent" => input.subagent_type.0.to_string(),
        "WebFetch" => input.url.0.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> HookEvent {
        HookEvent::from_wire(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn tool_events_carry_their_subject() {
        for (tool, input, expected) in [
            ("Bash", r#"{"command": "ls"}"#, "ls"),
            ("Edit", r#"{"file_path": "/a/b"}"#, "/a/b"),
            ("NotebookEdit", r#"{"notebook_path": "/n"}"#, "/n"),
            ("Grep", r#"{"pattern": "x", "path": "src"}"#, "x src"),
            ("Glob", r#"{"pattern": "*.rs"}"#, "*.rs"),
            ("Skill", r#"{"skill": "commit", "args": "x"}"#, "commit"),
            ("Skill", r#"{"command": "commit"}"#, "commit"),
            ("Task", r#"{"subagent_type": "reviewer", "prompt": "x"}"#, "reviewer"),
            ("WebFetch", r#"{"url": "https://a.example", "prompt": "x"}"#, "https://a.example"),
            ("mcp__a__b", r#"{"command": "ls"}"#, ""),
        ] {
            let text = format!(
                r#"{{"hook_event_name": "PreToolUse", "tool_name": "{tool}", "tool_input": {input}}}"#
            );
            let Moment::Before(call) = event(&text).moment else { panic!("{tool}") };
            assert_eq!(call.subject, expected, "{tool}");
        }
    }

    #[test]
    fn unknown_events_and_interrupts_are_nothing() {
        for text in [
            "{}",
            r#"{"hook_event_name": "New"}"#,
            r#"{"hook_event_name": "PostToolUseFailure", "is_interrupt": true}"#,
        ] {
            assert_eq!(event(text).moment, Moment::Other, "{text}");
        }
    }
}
