//! Claude Code's hook input as it is on standard input.
//!
//! Every field is optional and of any type: the client adds and drops fields with each release,
//! and a field that is not what it was must not cost us the others.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One hook event. Unknown fields are skipped.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wire<'a> {
    /// The session's UUID.
    #[serde(borrow)]
    pub(crate) session_id: Text<'a>,
    /// The transcript's file; at the first events of a session it does not exist yet.
    #[serde(borrow)]
    pub(crate) transcript_path: Text<'a>,
    /// The client's current folder.
    #[serde(borrow)]
    pub(crate) cwd: Text<'a>,
    /// Which event.
    #[serde(borrow)]
    pub(crate) hook_event_name: Text<'a>,
    /// Inside a subagent: its id.
    #[serde(borrow)]
    pub(crate) agent_id: Text<'a>,
    /// `SessionStart`: startup, resume, clear, compact or fork.
    #[serde(borrow)]
    pub(crate) source: Text<'a>,
    /// `UserPromptSubmit`: the prompt.
    #[serde(borrow)]
    pub(crate) prompt: Text<'a>,
    /// Tool events: the tool's name.
    #[serde(borrow)]
    pub(crate) tool_name: Text<'a>,
    /// Tool events: the call's id.
    #[serde(borrow)]
    pub(crate) tool_use_id: Text<'a>,
    /// Tool events: the call's input.
    #[serde(borrow)]
    pub(crate) tool_input: Input<'a>,
    /// `PostToolUseFailure`: what the model gets to see.
    #[serde(borrow)]
    pub(crate) error: Text<'a>,
    /// `PostToolUseFailure`: the user interrupted the call.
    #[serde(deserialize_with = "truth")]
    pub(crate) is_interrupt: bool,
}

/// A string; anything else counts as absent.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw form first: a string with a lone surrogate must not fail the whole event.
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(string_of(raw.get())))
    }
}

fn string_of(raw: &str) -> Cow<'_, str> {
    let Some(inside) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed("");
    };
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    match serde_json::from_str::<String>(raw) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(without_surrogates(raw)),
    }
}

/// Decodes a JSON string whose only fault is `\uD800`–`\uDFFF` without their other half.
fn without_surrogates(raw: &str) -> String {
    let mut clean = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        let escape = &rest[at..];
        let lone = escape.as_bytes().get(1) == Some(&b'u')
            && escape.as_bytes().get(2).is_some_and(|b| matches!(b, b'd' | b'D'))
            && escape.as_bytes().get(3).is_some_and(|b| b"89abcdefABCDEF".contains(b));
        let length = if lone { 6 } else { 2 };
        let length = escape.floor_char_boundary(length);
        clean.push_str(if lone { "\\ufffd" } else { &escape[..length] });
        rest = &escape[length..];
    }
    clean.push_str(rest);
    serde_json::from_str(&clean).unwrap_or_default()
}

fn truth<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(raw.get() == "true")
}

/// The parts of a tool's input that MANA looks at.
#[derive(Debug, Default)]
pub(crate) struct Input<'a>(pub(crate) Fields<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Input<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(serde_json::from_str(raw.get()).unwrap_or_default()))
    }
}

/// See [`Input`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields<'a> {
    /// Bash.
    #[serde(borrow)]
    pub(crate) command: Text<'a>,
    /// Read, Edit, Write, `MultiEdit`.
    #[serde(borrow)]
    pub(crate) file_path: Text<'a>,
    /// `NotebookEdit`.
    #[serde(borrow)]
    pub(crate) notebook_path: Text<'a>,
    /// Grep, Glob.
    #[serde(borrow)]
    pub(crate) pattern: Text<'a>,
    /// Grep, Glob.
    #[serde(borrow)]
    pub(crate) path: Text<'a>,
    /// Skill.
    #[serde(borrow)]
    pub(crate) skill: Text<'a>,
    /// Task, Agent.
    #[serde(borrow)]
    pub(crate) subagent_type: Text<'a>,
    /// `WebFetch`.
    #[serde(borrow)]
    pub(crate) url: Text<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_any_type_are_tolerated() {
        let text = r#"{"session_id": 7, "cwd": null, "prompt": ["x"], "tool_input": "no",
            "is_interrupt": "yes", "hook_event_name": "Stop", "new": {"a": [1]}}"#;
        let wire: Wire<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(wire.hook_event_name.0, "Stop");
        assert_eq!(wire.session_id.0, "");
        assert!(!wire.is_interrupt);
    }

    #[test]
    fn lone_surrogates_do_not_cost_the_event() {
        let text = r#"{"prompt": "a\ud83d \"b\" \\ c", "error": "\ud83d\ude00"}"#;
        let wire: Wire<'_> = serde_json::from_str(text).unwrap();
        assert_eq!(wire.prompt.0, "a\u{fffd} \"b\" \\ c");
        assert_eq!(wire.error.0, "😀");
    }
}
