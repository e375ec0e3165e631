//! Cycles of learning and consolidation: a line in `learning.jsonl` for each, whoever asked for it.

use std::fmt::Display;
use std::time::Instant;

use serde::Serialize;
use serde_json::{Map, Value};

use super::time;
use crate::config::Settings;
use crate::storage::log;

/// Who asked for a cycle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// A person, or a script of theirs.
    User,
    /// The end of a turn or session.
    Hook,
    /// The daemon.
    Daemon,
}

/// A cycle that goes on.
#[derive(Debug)]
pub(crate) struct Cycle<'a> {
    settings: &'a Settings,
    what: &'static str,
    source: Source,
    at: String,
    began: Instant,
}

impl<'a> Cycle<'a> {
    /// Begins `what`: "learn" or "consolidate".
    pub(crate) fn begin(settings: &'a Settings, what: &'static str, source: Source) -> Self {
        super::logging::begin(settings);
        tracing::info!(?source, "{what} begins");
        let at = time::now().to_rfc3339();
        Self { settings, what, source, at, began: Instant::now() }
    }

    /// Writes what came of it: the report's numbers, or what went wrong. Texts stay out, since a
    /// report may quote names of files.
    pub(crate) fn end<R: Serialize, E: Display>(self, result: Result<&R, &E>) {
        let took = self.began.elapsed().as_millis();
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.into(), value);
        put("at", self.at.into());
        put("cycle", self.what.into());
        put("source", serde_json::to_value(self.source).unwrap_or_default());
        put("took_ms", u64::try_from(took).unwrap_or(u64::MAX).into());
        match result {
            Ok(report) => {
                let report = serde_json::to_value(report).unwrap_or_default();
                tracing::info!(took_ms = took as u64, "{} ends", self.what);
                put("done", numbers(report));
            }
            Err(error) => {
                let error = error.to_string();
                tracing::error!(took_ms = took as u64, "{} failed: {error}", self.what);
                put("error", error.into());
            }
        }
        let line = Value::Object(line).to_string();
        // A log that cannot be written leaves nothing else to try.
        let _lost = log::append_whole(&self.settings.logs, log::LEARNING, &line);
    }
}

/// The same with lists replaced by their lengths, and without texts.
fn numbers(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| (key, numbers(value)))
                .filter(|(_, value)| !value.is_null())
                .collect(),
        ),
        Value::Array(items) => items.len().into(),
        Value::String(_) => Value::Null,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_stay_and_texts_do_not() {
        let report = json!({"files": 3, "damaged": ["a:1: b"], "set_aside": "/x",
            "account": {"learned": 2, "why": "text"}, "encoding": null});
        let expected = json!({"files": 3, "damaged": 1, "account": {"learned": 2}});
        assert_eq!(numbers(report), expected);
    }
}
