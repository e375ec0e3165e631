//! The clock, read once by each command, and how times are shown.

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};

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

/// The time that a person wrote, in milliseconds since the Unix epoch: a day or a time on the
/// user's own clock, or a time with its zone. A day is its beginning, or its end when `end`.
pub(crate) fn parse(text: &str, end: bool) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let local = if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        let day = if end { day.checked_add_days(Days::new(1))? } else { day };
        day.and_time(NaiveTime::MIN)
    } else {
        let forms = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"];
        forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?
    };
    // In the hour that a clock leaves out in spring there is no such time; then it is that of UTC.
    let time = Local.from_local_datetime(&local).earliest();
    Some(time.map_or_else(|| local.and_utc().timestamp_millis(), |time| time.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_times_are_understood() {
        let zoned = parse("2026-11-02T15:30:00+01:00", false).unwrap();
        assert_eq!(zoned, 1_793_629_800_000);
        assert_eq!(parse("2026-11-02T14:30:00Z", true), Some(zoned));
        let day = |end| parse("2026-11-02", end).unwrap();
        assert!((22..=26).contains(&((day(true) - day(false)) / 3_600_000)));
        assert_eq!(parse("2026-11-02T00:00", false), Some(day(false)));
        assert_eq!(parse("2026-11-02 00:00:00", false), Some(day(false)));
        for nonsense in ["", "yesterday", "2026-13-01", "2026-11-02T25:00", "11/02/2026"] {
            assert_eq!(parse(nonsense, false), None, "{nonsense}");
        }
    }
}
