//! What is known of everything that devices said, and the rules by which it is put together.
//!
//! Every part only grows in its own order: a field of a device by its clock, counts upwards, a
//! removal once it is there. So the same records give the same ledger in any order and however
//! often each arrives (Shapiro et al., "Conflict-free Replicated Data Types", 2011). Each device
//! can change only what is its own; whose word counts is decided when the ledger is read
//! ([`view()`]), since that is each user's own choice.

#[cfg(test)]
mod laws;
#[cfg(test)]
pub(crate) mod memory;
mod stored;
mod view;

use super::record::{Counts, Field, Record};
use super::segment::{Content, DeviceKey, LogId, Name, Segment};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
pub(crate) use crate::model::sharing::{Claim, DeviceState, Fate, LogState, Removal, Trust};

pub(crate) use self::stored::OWN;
pub(crate) use self::view::{View, is_redacted, seen, view};

/// Where the ledger is kept. Of several changes in a row, all are kept or none.
pub(crate) trait Ledger {
    /// Why it cannot be read or written.
    type Error;

    /// The device's state; the default of one that is new.
    fn device(&mut self, key: &DeviceKey) -> Result<DeviceState, Self::Error>;
    /// Keeps a device's state.
    fn put_device(&mut self, key: &DeviceKey, state: &DeviceState) -> Result<(), Self::Error>;
    /// The state of a log.
    fn log(&mut self, log: &LogId) -> Result<Option<LogState>, Self::Error>;
    /// Keeps a log's state.
    fn put_log(&mut self, state: &LogState) -> Result<(), Self::Error>;
    /// Keeps what became of a segment.
    fn put_fate(&mut self, name: &Name, fate: &Fate) -> Result<(), Self::Error>;
    /// Whether another segment of the same log and number was taken in.
    fn is_double(&mut self, name: &Name) -> Result<bool, Self::Error>;
    /// What a device says of a field.
    fn claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
    ) -> Result<Option<Claim>, Self::Error>;
    /// Keeps what a device says of a field.
    fn put_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
        claim: &Claim,
    ) -> Result<(), Self::Error>;
    /// All that devices say of a field, each device once.
    fn claims(
        &mut self,
        pattern: PatternId,
        field: Field,
    ) -> Result<Vec<(DeviceKey, Claim)>, Self::Error>;
    /// Forgets the claims of `device`, or of all devices, to a pattern's fields.
    fn purge(&mut self, pattern: PatternId, device: Option<&DeviceKey>) -> Result<(), Self::Error>;
    /// A device's counts of a pattern in one life of its store.
    fn counts(&mut self, pattern: PatternId, log: &LogId) -> Result<Option<Counts>, Self::Error>;
    /// Keeps counts.
    fn put_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        counts: Counts,
    ) -> Result<(), Self::Error>;
    /// All counts of a pattern.
    fn all_counts(&mut self, pattern: PatternId) -> Result<Vec<(LogId, Counts)>, Self::Error>;
    /// Who removed a pattern.
    fn removals(&mut self, pattern: PatternId) -> Result<Vec<(DeviceKey, Removal)>, Self::Error>;
    /// Keeps that a device removed a pattern.
    fn put_removal(
        &mut self,
        pattern: PatternId,
        device: &DeviceKey,
        removal: Removal,
    ) -> Result<(), Self::Error>;
    /// Keeps a record whose clock is ahead, until its time has come.
    fn park(&mut self, log: &LogId, hlc: Hlc, record: &Record) -> Result<(), Self::Error>;
    /// Takes out the records whose clock is not after `until`.
    fn unpark(&mut self, until: Hlc) -> Result<Vec<(LogId, Record)>, Self::Error>;
    /// Moves the own clock forward to `hlc`, if it is behind.
    fn observe(&mut self, hlc: Hlc) -> Result<(), Self::Error>;
}

/// What taking in a segment came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Taken {
    /// Patterns of which something is now known that was not before, in order.
    pub(crate) changed: Vec<PatternId>,
    /// Records whose clock is ahead of this machine's.
    pub(crate) parked: u32,
    /// Records of types that this version does not know.
    pub(crate) unknown: u32,
}

/// Takes in a segment: its records, and how far its log is read now. `me` is this device's own log.
pub(crate) fn apply<L: Ledger>(
    ledger: &mut L,
    segment: &Segment,
    me: &LogId,
    now: i64,
) -> Result<Taken, L::Error> {
    let content = &segment.content;
    let mut taken = Taken::default();
    for record in &content.records {
        apply_record(ledger, &content.log, record, now, &mut taken)?;
    }
    note_log(ledger, segment)?;
    note_seen(ledger, content, me)?;
    let mut device = ledger.device(&content.log.device)?;
    if !content.hlc.is_ahead(now) && content.hlc > device.heard {
        device.heard = content.hlc;
    }
    ledger.put_device(&content.log.device, &device)?;
    let name = Name::new(&segment.place, &segment.hash);
    ledger.put_fate(&name, &Fate::Applied)?;
    taken.changed.sort_unstable();
    taken.changed.dedup();
    Ok(taken)
}

/// Takes in what a device says in a file.
pub(crate) fn apply_records<L: Ledger>(
    ledger: &mut L,
    log: &LogId,
    records: &[Record],
    now: i64,
) -> Result<Taken, L::Error> {
    let mut taken = Taken::default();
    for record in records {
        apply_record(ledger, log, record, now, &mut taken)?;
    }
    // From now on it is listed.
    let device = ledger.device(&log.device)?;
    ledger.put_device(&log.device, &device)?;
    taken.changed.sort_unstable();
    taken.changed.dedup();
    Ok(taken)
}

/// Takes in what was parked and is no longer ahead.
pub(crate) fn apply_parked<L: Ledger>(ledger: &mut L, now: i64) -> Result<Taken, L::Error> {
    let mut taken = Taken::default();
    for (log, record) in ledger.unpark(Hlc::bearable(now))? {
        apply_record(ledger, &log, &record, now, &mut taken)?;
    }
    taken.changed.sort_unstable();
    taken.changed.dedup();
    Ok(taken)
}

/// Notes how far a segment's log is read.
fn note_log<L: Ledger>(ledger: &mut L, segment: &Segment) -> Result<(), L::Error> {
    let (place, content) = (&segment.place, &segment.content);
    let mut state = ledger.log(&content.log)?.unwrap_or_else(|| LogState::new(content.log));
    state.forked |= ledger.is_double(&Name::new(place, &segment.hash))?;
    if (place.sequence, segment.hash) > (state.sequence, state.hash) {
        (state.sequence, state.hash) = (place.sequence, segment.hash);
    }
    state.since = state.since.max(content.since.min(place.sequence));
    state.claimed = state.claimed.max(place.sequence);
    ledger.put_log(&state)
}

/// Notes how far a segment's author has read the logs of others. What an untrusted device says of
/// them could only raise false alarms.
fn note_seen<L: Ledger>(ledger: &mut L, content: &Content, me: &LogId) -> Result<(), L::Error> {
    let trusted = ledger.device(&content.log.device)?.trust == Trust::Trusted;
    for seen in &content.seen {
        if seen.log == *me {
            if let Some(mut state) = ledger.log(&content.log)? {
                state.read = state.read.max(seen.sequence);
                ledger.put_log(&state)?;
            }
        } else if trusted {
            let known = ledger.log(&seen.log)?;
            let mut state = known.unwrap_or_else(|| LogState::new(seen.log));
            if seen.sequence > state.claimed {
                state.claimed = seen.sequence;
                ledger.put_log(&state)?;
            }
        }
    }
    Ok(())
}

fn apply_record<L: Ledger>(
    ledger: &mut L,
    log: &LogId,
    record: &Record,
    now: i64,
    taken: &mut Taken,
) -> Result<(), L::Error> {
    if let Some(hlc) = record.hlc() {
        if hlc.is_ahead(now) {
            taken.parked += 1;
            return ledger.park(log, hlc, record);
        }
        ledger.observe(hlc)?;
    }
    let changed = match record {
        Record::Counts { pattern, incarnation, counts } => {
            let log = LogId { incarnation: *incarnation, ..*log };
            count(ledger, *pattern, &log, *counts)?
        }
        Record::Field { pattern, field, hlc, value } => {
            claim(ledger, *pattern, *field, log, *hlc, value)?
        }
        Record::Document { pattern, hlc, bytes } => {
            claim(ledger, *pattern, Field::DOCUMENT, log, *hlc, bytes)?
        }
        Record::Tombstone { pattern, hlc } => {
            remove(ledger, *pattern, log, Removal { deleted: *hlc, redacted: false })?
        }
        Record::Redact { pattern, hlc } => {
            remove(ledger, *pattern, log, Removal { deleted: *hlc, redacted: true })?
        }
        Record::Heartbeat { hlc, name, version } => {
            let mut state = ledger.device(&log.device)?;
            // The latest stands; of two at once, as copies of a store can make them, the greater.
            if (*hlc, name, version) > (state.named, &state.name, &state.version) {
                (state.named, state.name, state.version) = (*hlc, name.clone(), version.clone());
            }
            state.heard = state.heard.max(*hlc);
            ledger.put_device(&log.device, &state)?;
            false
        }
        Record::Unknown { .. } => {
            taken.unknown += 1;
            false
        }
    };
    taken.changed.extend(record.pattern().filter(|_| changed));
    Ok(())
}

fn count<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    log: &LogId,
    counts: Counts,
) -> Result<bool, L::Error> {
    let known = ledger.counts(pattern, log)?;
    let joined = known.unwrap_or_default().join(counts);
    if known == Some(joined) {
        return Ok(false);
    }
    ledger.put_counts(pattern, log, joined)?;
    Ok(true)
}

/// The later claim of a device stands; of two at once, as copies of a store can make them, the
/// one of the greater value.
fn claim<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    field: Field,
    log: &LogId,
    hlc: Hlc,
    value: &[u8],
) -> Result<bool, L::Error> {
    if is_redacted(ledger, pattern, &log.device)? {
        return Ok(false);
    }
    let new = Claim { hlc, value: value.to_vec() };
    if ledger.claim(pattern, field, &log.device)?.is_some_and(|known| known >= new) {
        return Ok(false);
    }
    ledger.put_claim(pattern, field, &log.device, &new)?;
    Ok(true)
}

fn remove<L: Ledger>(
    ledger: &mut L,
    pattern: PatternId,
    log: &LogId,
    new: Removal,
) -> Result<bool, L::Error> {
    let known = ledger
        .removals(pattern)?
        .into_iter()
        .find_map(|(device, removal)| (device == log.device).then_some(removal))
        .unwrap_or_default();
    let joined = Removal {
        deleted: known.deleted.max(new.deleted),
        redacted: known.redacted || new.redacted,
    };
    if joined == known {
        return Ok(false);
    }
    ledger.put_removal(pattern, &log.device, joined)?;
    if joined.redacted {
        let trusted = ledger.device(&log.device)?.trust == Trust::Trusted;
        ledger.purge(pattern, (!trusted).then_some(&log.device))?;
    }
    Ok(true)
}
