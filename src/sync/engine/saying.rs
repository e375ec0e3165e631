//! Saying: what is written into the own log, and what of it is needed no more.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::lives::of_this_life;
use super::{
    COMPACT, HEARTBEAT, Offer, Offers, Outcome, Own, PATIENCE, Replica, Sitting, SyncError, chunks,
};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::sync::ledger::{self, Claim, Trust};
use crate::sync::random::Random;
use crate::sync::record::{Field, Record};
use crate::sync::segment::{self, Content, DeviceKey, LogId, Name, Place, Seen};

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// Writes what is new into the own log, and returns how many records that is.
    pub(super) fn write(&mut self, offers: &Offers) -> Outcome<u32, L> {
        let mut own = self.own()?;
        let mut records = self.news(&own, offers)?;
        let due = self.now.saturating_sub(own.beat) >= HEARTBEAT || self.now < own.beat;
        if due || !records.is_empty() {
            let hlc = self.replica.tick(self.now).map_err(SyncError::Ledger)?;
            let (name, version) = (offers.name.clone(), offers.version.clone());
            own.beat = self.now;
            let beat = Record::Heartbeat { hlc, name, version };
            let count = records.len() as u32;
            records.push(beat);
            self.append(&mut own, &records, None)?;
            if own.sequence >= own.since + COMPACT {
                self.write_snapshot(&own)?;
            }
            return Ok(count);
        }
        Ok(0)
    }

    /// What is new of what this device wants to say.
    pub(super) fn news(&mut self, own: &Own, offers: &Offers) -> Outcome<Vec<Record>, L> {
        let mut records = Vec::new();
        let device = self.device.key();
        for offer in &offers.patterns {
            // What has to vanish everywhere is not said again by those who know it too.
            let gone = ledger::is_redacted(self.replica, offer.pattern, &device);
            if !gone.map_err(SyncError::Ledger)? {
                self.changes(own, offer, &mut records).map_err(SyncError::Ledger)?;
            }
        }
        for (pattern, everywhere) in &offers.removed {
            self.removal(own, *pattern, *everywhere, &mut records).map_err(SyncError::Ledger)?;
        }
        Ok(records)
    }

    /// What is new of one pattern.
    fn changes(
        &mut self,
        own: &Own,
        offer: &Offer,
        records: &mut Vec<Record>,
    ) -> Result<(), L::Error> {
        let log = self.log_of(own);
        let pattern = offer.pattern;
        if let Some(words) = &offer.words {
            let said = self.replica.claim(pattern, Field::WORDING, &log.device)?;
            let gone = self.deleted_since(pattern, &log, said.as_ref().map(|claim| claim.hlc))?;
            let new = match said {
                None => true,
                Some(claim) => {
                    (gone || claim.value != *words) && !self.is_said(own, pattern, words)?
                }
            };
            if new {
                self.note_said(own, pattern, Some(words))?;
                let (hlc, value) = (self.replica.tick(self.now)?, words.clone());
                records.push(Record::Field { pattern, field: Field::WORDING, hlc, value });
            }
        }
        if let Some(document) = &offer.document {
            let said = self.replica.claim(pattern, Field::DOCUMENT, &log.device)?;
            if said.is_none_or(|claim| claim.value != *document) {
                let (hlc, bytes) = (self.replica.tick(self.now)?, document.clone());
                records.push(Record::Document { pattern, hlc, bytes });
            }
        }
        let counts = of_this_life(self.replica, &log.device, own, pattern, offer.counts)?;
        let said = self.replica.counts(pattern, &log)?;
        let counts = said.unwrap_or_default().join(counts);
        if said != Some(counts) {
            let incarnation = log.incarnation;
            records.push(Record::Counts { pattern, incarnation, counts });
        }
        Ok(())
    }

    /// Whether this device deleted the pattern after it last said its words.
    fn deleted_since(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        said: Option<Hlc>,
    ) -> Result<bool, L::Error> {
        let Some(said) = said else { return Ok(false) };
        let removals = self.replica.removals(pattern)?;
        Ok(removals
            .iter()
            .any(|(device, removal)| *device == log.device && removal.deleted >= said))
    }

    fn removal(
        &mut self,
        own: &Own,
        pattern: PatternId,
        everywhere: bool,
        records: &mut Vec<Record>,
    ) -> Result<(), L::Error> {
        let device = self.device.key();
        let removals = self.replica.removals(pattern)?;
        let known = removals.iter().find(|(by, _)| *by == device).map(|(_, removal)| *removal);
        let words = self.replica.claim(pattern, Field::WORDING, &device)?;
        let document = self.replica.claim(pattern, Field::DOCUMENT, &device)?;
        let said = words.into_iter().chain(document).map(|claim| claim.hlc).max();
        let deleted = known.is_some_and(|known| said.is_none_or(|said| known.deleted >= said));
        if everywhere && !known.is_some_and(|known| known.redacted) {
            let hlc = self.replica.tick(self.now)?;
            records.push(Record::Redact { pattern, hlc });
            self.note_said(own, pattern, None)?;
        } else if !everywhere && said.is_some() && !deleted {
            let hlc = self.replica.tick(self.now)?;
            records.push(Record::Tombstone { pattern, hlc });
            self.note_said(own, pattern, None)?;
        }
        Ok(())
    }

    /// Says once more all that this device says, and that nothing before is needed.
    pub(super) fn write_snapshot(&mut self, own: &Own) -> Outcome<(), L> {
        let mut own = own.clone();
        let records = self.statements().map_err(SyncError::Ledger)?;
        let since = own.sequence + 1;
        self.append(&mut own, &records, Some(since))?;
        (own.since, own.since_at) = (since, self.now);
        self.replica.put_own(&own).map_err(SyncError::Ledger)
    }

    /// All that this device says now: its claims, counts and removals. The counts are those of all
    /// lives that are known, not only of this store's own: a copy's log can be ended here too. What
    /// copies said, and what was said before the store was set back, may still wait for its time.
    pub(super) fn statements(&mut self) -> Result<Vec<Record>, L::Error> {
        let device = self.device.key();
        let mut records = Vec::new();
        for (pattern, field, Claim { hlc, value }) in self.replica.claims_by(&device)? {
            records.push(match field {
                Field::DOCUMENT => Record::Document { pattern, hlc, bytes: value },
                _ => Record::Field { pattern, field, hlc, value },
            });
        }
        for (pattern, incarnation, counts) in self.replica.counts_by(&device)? {
            records.push(Record::Counts { pattern, incarnation, counts });
        }
        for (pattern, removal) in self.replica.removals_by(&device)? {
            let hlc = removal.deleted;
            records.push(if removal.redacted {
                Record::Redact { pattern, hlc }
            } else {
                Record::Tombstone { pattern, hlc }
            });
        }
        records.extend(self.waiting(&device)?);
        Ok(records)
    }

    /// What a device said that waits for its time here, but for words that are taken back
    /// everywhere.
    fn waiting(&mut self, device: &DeviceKey) -> Result<Vec<Record>, L::Error> {
        let mut waiting = Vec::new();
        for (by, record) in self.replica.unpark(Hlc(i64::MAX as u64))? {
            let Some(hlc) = record.hlc() else { continue };
            self.replica.park(&by, hlc, &record)?;
            let gone = match &record {
                Record::Field { pattern, .. } | Record::Document { pattern, .. } => {
                    ledger::is_redacted(self.replica, *pattern, device)?
                }
                _ => false,
            };
            if by.device == *device && !gone {
                waiting.push(record);
            }
        }
        Ok(waiting)
    }

    /// Seals records as the next segments of the own log and takes them in. The last of them says
    /// `since`.
    fn append(&mut self, own: &mut Own, records: &[Record], since: Option<u64>) -> Outcome<(), L> {
        let chunks = chunks(records);
        for (n, chunk) in chunks.iter().enumerate() {
            let last = n + 1 == chunks.len();
            self.append_one(own, chunk, since.filter(|_| last).unwrap_or(0))?;
        }
        Ok(())
    }

    fn append_one(&mut self, own: &mut Own, records: &[Record], since: u64) -> Outcome<(), L> {
        let log = self.log_of(own);
        let place = Place {
            workspace: self.keys.id,
            epoch: self.keys.epoch(),
            label: segment::label(&log, self.keys),
            sequence: own.sequence + 1,
            previous: own.hash,
        };
        let seen = self.seen(&log)?;
        let hlc = self.replica.tick(self.now).map_err(SyncError::Ledger)?;
        let content = Content { log, hlc, since, seen, records: records.to_vec() };
        let bytes = segment::seal(place, &content, self.keys, self.device, self.random)?;
        let hash = Sha256::digest(&bytes).into();
        let name = Name::new(&place, &hash);
        let segment = segment::Segment { place, hash, content };
        (own.sequence, own.hash) = (place.sequence, hash);
        // The own clock cannot be ahead of itself, whatever the machine's clock says now.
        let now = self.now.max(hlc.millis());
        ledger::apply(self.replica, &segment, &log, now)
            .and_then(|_| self.replica.put_outbox(&name, &bytes))
            .and_then(|()| self.replica.put_own(own))
            .map_err(SyncError::Ledger)
    }

    /// How far the logs of others are read.
    fn seen(&mut self, own: &LogId) -> Outcome<Vec<Seen>, L> {
        let logs = self.replica.logs().map_err(SyncError::Ledger)?;
        let read = logs.into_iter().filter(|state| state.sequence > 0 && state.log != *own);
        Ok(read
            .map(|state| Seen { log: state.log, sequence: state.sequence, hash: state.hash })
            .collect())
    }

    /// The own segments that nobody needs any more, if there are some: a later one holds what they
    /// say, and every device that counts has read that, or had a month to do so.
    pub(super) fn outdated(&mut self) -> Outcome<Option<(Own, Vec<Name>)>, L> {
        let own = self.own()?;
        if own.since <= own.kept {
            return Ok(None);
        }
        let log = self.log_of(&own);
        let logs = self.replica.logs().map_err(SyncError::Ledger)?;
        let mut newest: BTreeMap<_, u64> = BTreeMap::new();
        for state in
            logs.iter().filter(|state| state.log.device != log.device && state.sequence > 0)
        {
            let device = self.replica.device(&state.log.device).map_err(SyncError::Ledger)?;
            if device.trust != Trust::Refused {
                let read = newest.entry(state.log.device).or_default();
                *read = (*read).max(state.read);
            }
        }
        let all_read = newest.values().all(|read| *read >= own.since);
        if !all_read && self.now.saturating_sub(own.since_at) < PATIENCE {
            return Ok(None);
        }
        // One from before, which came to light after the rest was removed, was written by a copy, or
        // by this store before it was set back; nobody says that what is in it is said again.
        let mut old = self.replaced(&own)?;
        old.retain(|name| name.sequence >= own.kept);
        Ok(Some((own, old)))
    }

    /// The own segments that the carrier may have, and whose words a later one has, if that was
    /// written after the last of them was read.
    pub(super) fn replaced(&mut self, own: &Own) -> Outcome<Vec<Name>, L> {
        let label = segment::label(&self.log_of(own), self.keys);
        let mut known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        known.retain(|name, fate| name.sequence < own.since && !fate.is_unread());
        Ok(known.into_keys().collect())
    }

    /// Notes that the carrier has removed what was outdated when the own log was as `then`.
    pub(super) fn note_removed(&mut self, then: &Own) -> Outcome<(), L> {
        let own = self.own()?;
        if own.incarnation != then.incarnation {
            return Ok(());
        }
        let label = segment::label(&self.log_of(&own), self.keys);
        self.keep(|this| {
            this.replica.drop_fates(&label, then.since)?;
            this.replica.put_own(&Own { kept: then.since, ..own })
        })
    }
}
