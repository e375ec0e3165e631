//! The hook entries MANA wants in the agent's settings.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The tools whose calls `PreToolUse` asks us about.
///
/// Every other tool would pay for a process that has nothing to say.
const TOOLS: &str = "Bash|Read|Edit|MultiEdit|Write|NotebookEdit|Grep|Glob";

/// One row per event: name, matcher, verb of ours, time limit in seconds.
///
/// The limit is only a safety net, since our own deadline is far shorter: without it a stuck
/// process could hold the session for the client's 600 s. `SessionEnd` gets more, because the
/// client otherwise gives all its hooks together 1.5 s.
const EVENTS: [(&str, Option<&str>, &str, u32); 8] = [
    ("SessionStart", None, "inject", 5),
    ("UserPromptSubmit", None, "inject", 5),
    ("PreToolUse", Some(TOOLS), "inject", 5),
    ("PostToolUseFailure", None, "inject", 5),
    ("SubagentStart", None, "inject", 5),
    ("Stop", None, "session-end", 5),
    ("SubagentStop", None, "session-end", 5),
    ("SessionEnd", None, "session-end", 10),
];

/// One hook of ours: for which event, with which matcher, and the handler the client runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HookEntry {
    /// The event's name in the settings.
    pub(super) event: &'static str,
    /// The tools it is for; `None` where the event has no matcher.
    pub(super) matcher: Option<&'static str>,
    /// The handler object, in exec form.
    pub(super) handler: Value,
}

impl HookEntry {
    /// The group object that holds this one handler.
    pub(super) fn group(&self) -> Value {
        let handlers = json!([self.handler]);
        match self.matcher {
            Some(matcher) => json!({ "matcher": matcher, "hooks": handlers }),
            None => json!({ "hooks": handlers }),
        }
    }
}

/// All hooks of ours, calling one particular binary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HookEntries(Vec<HookEntry>);

/// A binary that hook entries cannot name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BinaryError {
    /// Exec form expands neither `~` nor variables and looks a bare name up on `PATH`.
    #[error("the path of the binary is not absolute: {}", .0.display())]
    Relative(PathBuf),
    /// Settings are JSON, and JSON is Unicode.
    #[error("the path of the binary is not valid Unicode: {}", .0.display())]
    NotUnicode(PathBuf),
    /// Our entries are recognised by the binary's name; under another one the next run would add
    /// them a second time and `mana uninstall` would not find them.
    #[error("the binary is not called `mana`: {}", .0.display())]
    Renamed(PathBuf),
}

impl HookEntries {
    /// The entries that call the binary at the absolute path `binary`.
    pub(crate) fn for_binary(binary: &Path) -> Result<Self, BinaryError> {
        if !binary.is_absolute() {
            return Err(BinaryError::Relative(binary.to_owned()));
        }
        let Some(command) = binary.to_str() else {
            return Err(BinaryError::NotUnicode(binary.to_owned()));
        };
        if !super::recognise::names_mana(command) {
            return Err(BinaryError::Renamed(binary.to_owned()));
        }
        Ok(Self::for_command(command))
    }

    /// The entries of `hooks/claude-code.json`: a bare `mana`, which the client looks up on `PATH`.
    pub(crate) fn by_name() -> Self {
        Self::for_command("mana")
    }

    /// The entries that call `command` as it stands.
    pub(super) fn for_command(command: &str) -> Self {
        let entry = |(event, matcher, verb, timeout)| HookEntry {
            event,
            matcher,
            handler: json!({
                "type": "command",
                "command": command,
                "args": [verb],
                "timeout": timeout,
            }),
        };
        Self(EVENTS.map(entry).into())
    }

    /// The entries in the order in which they are written.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, HookEntry> {
        self.0.iter()
    }

    /// The entry for `event`, if we want one.
    pub(super) fn get(&self, event: &str) -> Option<&HookEntry> {
        self.0.iter().find(|entry| entry.event == event)
    }

    /// The whole `hooks` object, for settings that have none.
    pub(super) fn hooks(&self) -> Value {
        self.iter().map(|entry| (entry.event.to_owned(), json!([entry.group()]))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_named_by_its_absolute_path() {
        let entries = HookEntries::for_binary(Path::new("/opt/bin/mana")).unwrap();
        assert_eq!(
            entries.get("PreToolUse").unwrap().group(),
            json!({
                "matcher": "Bash|Read|Edit|MultiEdit|Write|NotebookEdit|Grep|Glob",
                "hooks": [{
                    "type": "command",
                    "command": "/opt/bin/mana",
                    "args": ["inject"],
                    "timeout": 5,
                }],
            })
        );
        assert_eq!(
            entries.get("SessionEnd").unwrap().group(),
            json!({
                "hooks": [{
                    "type": "command",
                    "command": "/opt/bin/mana",
                    "args": ["session-end"],
                    "timeout": 10,
                }],
            })
        );
        assert!(entries.get("PostToolUse").is_none());
    }

    #[test]
    fn binaries_that_would_not_work_are_refused() {
        let refused = |path: &str| HookEntries::for_binary(Path::new(path)).unwrap_err();
        assert!(matches!(refused("mana"), BinaryError::Relative(_)));
        assert!(matches!(refused("~/bin/mana"), BinaryError::Relative(_)));
        assert!(matches!(refused("/opt/bin/mana-1.2"), BinaryError::Renamed(_)));
    }
}
