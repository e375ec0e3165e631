//! What in the settings gets in the way of our hooks although nothing is wrong with them.

use std::fmt;

use serde_json::Value;

use super::document::Document;
use super::recognise::Owner;

/// Something a user who installs MANA should know; its text is a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The plugin of this id brings the same hooks, so that each would run twice.
    PluginCopy(String),
    /// `disableAllHooks` is set: nothing of ours will run.
    HooksOff,
    /// A line of the user's own calls `mana` too.
    OwnLine {
        /// The event it is listed under.
        event: String,
        /// The shell command.
        command: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PluginCopy(id) => write!(
                out,
                "The plugin `{id}` is enabled and has the same hooks, so MANA would run twice. \
                 Keep one of the two: `claude plugin disable {id}` or `mana uninstall`."
            ),
            Self::HooksOff => write!(
                out,
                "`disableAllHooks` is true in these settings, so Claude Code runs no hook."
            ),
            Self::OwnLine { event, command } => write!(
                out,
                "A hook of your own for {event} calls `mana` as well and is left as it is: \
                 {command}"
            ),
        }
    }
}

/// Looks through the settings `text`; says nothing about settings that cannot be read.
pub(crate) fn notices(text: &str) -> Vec<Notice> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let settings: Value = serde_json::from_str(document.text).unwrap_or_default();
    let mut notices: Vec<_> = plugin_copies(&settings).map(Notice::PluginCopy).collect();
    if settings.get("disableAllHooks") == Some(&Value::Bool(true)) {
        notices.push(Notice::HooksOff);
    }
    notices.extend(document.handlers().filter(|(_, handler)| handler.owner == Owner::Mixed).map(
        |(event, handler)| Notice::OwnLine {
            event: event.to_owned(),
            command: handler.value["command"].as_str().unwrap_or_default().to_owned(),
        },
    ));
    notices
}

/// The programs that handlers of MANA's in the settings `text` run, each once; none in settings
/// that cannot be read.
pub(crate) fn calls(text: &str) -> Vec<String> {
    let Ok(document) = Document::parse(text) else { return Vec::new() };
    let mut called: Vec<String> = Vec::new();
    for (_, handler) in document.handlers().filter(|(_, handler)| handler.owner == Owner::Mana) {
        let command = handler.value["command"].as_str().unwrap_or_default();
        // In exec form the command is one path, blanks and all; else it is a line for a shell.
        let program = match handler.value.get("args") {
            Some(_) => command,
            None => command.split_whitespace().next().unwrap_or_default(),
        };
        if !called.iter().any(|known| known == program) {
            called.push(program.to_owned());
        }
    }
    called
}

/// The ids of the enabled plugins that are MANA: `mana`, from whichever marketplace.
fn plugin_copies(settings: &Value) -> impl Iterator<Item = String> {
    let plugins = settings.get("enabledPlugins").and_then(Value::as_object);
    plugins.into_iter().flatten().filter_map(|(id, enabled)| {
        let ours = id.split('@').next() == Some("mana") && enabled == &Value::Bool(true);
        ours.then(|| id.clone())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enabled_plugin_is_a_second_copy() {
        let text = r#"{"enabledPlugins": {
            "mana@tools": true, "mana@old": false, "manatee@tools": true, "x@mana": true}}"#;
        assert_eq!(notices(text), [Notice::PluginCopy("mana@tools".to_owned())]);
    }

    #[test]
    fn hooks_that_are_switched_off_are_worth_a_word() {
        assert_eq!(notices(r#"{"disableAllHooks": true}"#), [Notice::HooksOff]);
        assert_eq!(notices(r#"{"disableAllHooks": false}"#), []);
    }

    #[test]
    fn lines_of_the_users_own_are_named() {
        let text = r#"{"hooks": {"Stop": [{"hooks": [
            {"type": "command", "command": "mana session-end && beep"},
            {"type": "command", "command": "mana session-end"}]}]}}"#;
        let command = "mana session-end && beep".to_owned();
        assert_eq!(notices(text), [Notice::OwnLine { event: "Stop".to_owned(), command }]);
    }

    #[test]
    fn called_programs_are_named_once() {
        let text = r#"{"hooks": {"Stop": [{"hooks": [
            {"type": "command", "command": "/my tools/mana", "args": ["session-end"]},
            {"type": "command", "command": "/my tools/mana", "args": ["inject"]},
            {"type": "command", "command": "/opt/mana session-end"},
            {"type": "command", "command": "beep"}]}]}}"#;
        assert_eq!(calls(text), ["/my tools/mana", "/opt/mana"]);
        assert_eq!(calls("{"), Vec::<String>::new());
    }

    #[test]
    fn settings_that_cannot_be_read_say_nothing() {
        for text in ["", "{", "[]", r#"{"hooks": 1}"#, r#"{"enabledPlugins": ["mana@x"]}"#] {
            assert_eq!(notices(text), [], "{text}");
        }
    }
}
