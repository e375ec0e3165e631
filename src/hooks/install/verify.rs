//! The last check before an edit is believed: nothing but our entries has changed.
//!
//! The editor works on bytes; this works on values, by another parser, and shares no step with it.

use serde_json::Value;

use super::document::Document;
use super::plan::PlanError;
use super::recognise::{Owner, owner};

/// Checks that `after` is JSON and that it says, apart from entries of ours, what `before` says.
pub(super) fn check(before: &Document<'_>, after: &str) -> Result<(), PlanError> {
    let old = match before.root {
        Some(_) => before.text,
        None => "{}",
    };
    let new = after.strip_prefix(before.bom).ok_or(PlanError::Unsafe)?;
    // Compared as text, since two objects with their members in another order are equal values.
    if others(old).is_some_and(|old| others(new).as_ref() == Some(&old)) {
        Ok(())
    } else {
        Err(PlanError::Unsafe)
    }
}

/// What a settings text says without our entries, in a fixed spelling; `None` if it is no JSON.
///
/// An empty `hooks`, or an event without groups, says nothing, so it is left out.
fn others(text: &str) -> Option<String> {
    let mut settings: Value = serde_json::from_str(text).ok()?;
    let root = settings.as_object_mut()?;
    if let Some(hooks) = root.get_mut("hooks").and_then(Value::as_object_mut) {
        for groups in hooks.values_mut().filter_map(Value::as_array_mut) {
            groups.retain_mut(|group| !loses_everything(group));
        }
        hooks.retain(|_, groups| groups.as_array().is_none_or(|groups| !groups.is_empty()));
        if hooks.is_empty() {
            root.shift_remove("hooks");
        }
    }
    Some(settings.to_string())
}

/// Takes our handlers out of a group; says whether there were some, but no others.
fn loses_everything(group: &mut Value) -> bool {
    let Some(handlers) = group.get_mut("hooks").and_then(Value::as_array_mut) else {
        return false;
    };
    let before = handlers.len();
    handlers.retain(|handler| owner(handler) != Owner::Mana);
    handlers.is_empty() && before > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(before: &str, after: &str) -> bool {
        check(&Document::parse(before).unwrap(), after).is_ok()
    }

    #[test]
    fn only_our_entries_may_come_and_go() {
        let ours = r#"{"a": 1, "hooks": {"Stop": [{"hooks": [{"command": "mana inject"}]}]}}"#;
        let both = r#"{"a": 1, "hooks": {"Stop": [{"hooks": [
            {"command": "theirs"}, {"command": "mana inject"}]}]}}"#;
        let theirs = r#"{"a": 1, "hooks": {"Stop": [{"hooks": [{"command": "theirs"}]}]}}"#;
        assert!(accepts("{\"a\": 1}", ours));
        assert!(accepts("{\"a\": 1, \"hooks\": {\"Stop\": []}}", ours));
        assert!(accepts(ours, "{\"a\": 1}"));
        assert!(accepts(both, theirs));
        assert!(accepts(theirs, both));
        assert!(!accepts(theirs, ours));
        assert!(!accepts("{\"a\": 1, \"b\": 2}", ours));
        assert!(!accepts("{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}"));
        assert!(!accepts("{\"a\": 1}", "{\"a\": 1,}"));
        assert!(!accepts("\u{feff}{\"a\": 1}", "{\"a\": 1}"));
    }
}
