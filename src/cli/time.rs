//! The clock, read once by each command, and how times are shown.

use chrono::{DateTime, TimeZone, Utc};

/// Now.
#[expect(clippy::disallowed_methods, reason = "commands read the clock here, once, and pass it on")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A time in milliseconds since the Unix epoch as `2026-01-31 12:00`, in UTC.
pub(crate) fn shown(at: i64) -> String {
    match Utc.timestamp_millis_opt(at).single() {
        Some(time) if at > 0 => time.format("%Y-%m-%d %H:%M").to_string(),
        _ => "unknown".into(),
    }
}
