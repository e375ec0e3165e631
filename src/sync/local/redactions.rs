//! Patterns that were taken back everywhere, and where words of them may stand still.

use std::collections::BTreeSet;

use crate::model::ids::PatternId;
use crate::storage::{Reader, StorageError, Store};
use crate::sync::engine::Own;
use crate::sync::ledger::{LogState, OWN};
use crate::sync::record::cursor::Cursor;
use crate::sync::segment::LogId;

/// A pattern that was taken back everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Redaction {
    /// The pattern.
    pub(crate) pattern: PatternId,
    /// Logs in which it may still stand on the remote, each with the last segment that can hold it.
    pub(crate) held: Vec<(LogId, u64)>,
}

impl Redaction {
    fn encode(&self) -> Vec<u8> {
        let log = |(log, sequence): &(LogId, u64)| {
            [&log.device[..], &log.incarnation, &sequence.to_be_bytes()].concat()
        };
        self.held.iter().flat_map(log).collect()
    }

    fn decode(pattern: PatternId, bytes: &[u8]) -> Self {
        let (chunks, _) = bytes.as_chunks::<56>();
        let log = |chunk: &[u8; 56]| {
            let mut cursor = Cursor::new(chunk);
            let log = LogId { device: cursor.array().ok()?, incarnation: cursor.array().ok()? };
            Some((log, cursor.u64().ok()?))
        };
        Self { pattern, held: chunks.iter().filter_map(log).collect() }
    }
}

/// Notes patterns that a trusted device has taken back everywhere since the last time, and in whose
/// logs they may stand; `before` is how far those were read until then. Returns those that are new.
pub(crate) fn note_redactions(
    store: &mut Store,
    before: &[LogState],
) -> Result<Vec<Redaction>, StorageError> {
    let known: BTreeSet<PatternId> =
        store.redactions()?.into_iter().map(|(pattern, _)| pattern).collect();
    let redacted = store.redacted_patterns()?.into_iter();
    let new: Vec<PatternId> = redacted.filter(|pattern| !known.contains(pattern)).collect();
    new.into_iter().map(|pattern| note_redaction(store, pattern, before)).collect()
}

/// Notes in whose logs a pattern may stand that is taken back everywhere: those of devices that
/// spoke of it. A snapshot behind what was read `before` does not hold it. Call it before what is
/// known of it is dropped.
pub(crate) fn note_redaction(
    store: &mut Store,
    pattern: PatternId,
    before: &[LogState],
) -> Result<Redaction, StorageError> {
    let speakers = store.speakers(pattern)?;
    let logs = store.shared_logs()?.into_iter().map(|state| state.log);
    let spoke = logs.filter(|log| speakers.contains(&log.device));
    let read = |log: LogId| {
        let state = before.iter().find(|state| state.log == log);
        (log, state.map_or(0, |state| state.sequence))
    };
    let redaction = Redaction { pattern, held: spoke.map(read).collect() };
    store.put_redaction(pattern, &redaction.encode())?;
    Ok(redaction)
}

/// Patterns that were taken back everywhere, with the logs in which they may stand still, as far as
/// those were read: each device rewrites its own.
pub(crate) fn redactions(store: &Reader) -> Result<Vec<Redaction>, StorageError> {
    let logs = store.shared_logs()?;
    let own = store.sharing_value(OWN)?.and_then(|bytes| Own::decode(&bytes));
    let rewritten = |log: &LogId, sequence: u64| match &own {
        // The own one is rewritten when what was before is gone.
        Some(own) if own.incarnation == log.incarnation => own.kept > sequence,
        _ => logs.iter().any(|state| state.log == *log && state.since > sequence),
    };
    let all = store.redactions()?.into_iter().map(|(pattern, bytes)| {
        let mut redaction = Redaction::decode(pattern, &bytes);
        redaction.held.retain(|(log, sequence)| !rewritten(log, *sequence));
        redaction
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_comes_back() {
        let pattern = PatternId::derive("decision", "", "use tabs", "");
        let log = |n| LogId { device: [n; 32], incarnation: [n + 1; 16] };
        let redaction = Redaction { pattern, held: vec![(log(1), 0), (log(3), u64::MAX)] };
        assert_eq!(Redaction::decode(pattern, &redaction.encode()), redaction);
    }
}
