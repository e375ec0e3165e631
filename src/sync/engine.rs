//! Push and pull: between what is known here and what lies with a carrier.
//!
//! A pull takes in every segment that was not read before, in whatever order the carrier shows
//! them; numbers and hashes only tell what is missing. A push first keeps what it is about to say
//! and then says it, so that a crash between the two loses nothing and says nothing twice.

mod alarms;
mod rewrite;
#[cfg(test)]
mod simulation;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

pub(crate) use self::alarms::Alarm;
use super::backend::{Backend, BackendError, Object};
use super::device::Device;
use super::keys::WorkspaceKeys;
use super::ledger::{self, Claim, Fate, Ledger, LogState, Removal, Trust};
use super::random::{NoRandom, Random};
use super::record::cursor::Cursor;
use super::record::{Counts, Field, Incarnation, Record};
use super::segment::{self, Content, DeviceKey, LogId, Name, Place, Seen};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;

/// Segments of the own log since the last snapshot, from which on a new one is made.
const COMPACT: u64 = 64;
/// Milliseconds after which a snapshot's predecessors go, even if not every device has read it.
const PATIENCE: i64 = 30 * 24 * 3600 * 1000;
/// Milliseconds between two signs of life.
const HEARTBEAT: i64 = 24 * 3600 * 1000;
/// How often a segment may end the program before it is left out.
const ATTEMPTS: u32 = 2;

/// What this device knows of its own log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Own {
    /// The life of its store.
    pub(crate) incarnation: Incarnation,
    /// Earlier lives, whose logs this device wrote until something was wrong with them.
    pub(crate) past: Vec<Incarnation>,
    /// Number and hash of the last segment.
    pub(crate) sequence: u64,
    /// See `sequence`.
    pub(crate) hash: [u8; 32],
    /// Segments before this one are not needed any more; 0 when all are.
    pub(crate) since: u64,
    /// When that was so, in milliseconds since the Unix epoch.
    pub(crate) since_at: i64,
    /// The first segment that the carrier may still have.
    pub(crate) kept: u64,
    /// The last sign of life, in milliseconds since the Unix epoch.
    pub(crate) beat: i64,
}

impl Own {
    /// As bytes for the store.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.incarnation.to_vec();
        for number in [self.sequence, self.since, self.kept] {
            bytes.extend(number.to_be_bytes());
        }
        for time in [self.since_at, self.beat] {
            bytes.extend(time.to_be_bytes());
        }
        bytes.extend(self.hash);
        bytes.extend(self.past.as_flattened());
        bytes
    }

    /// From the store's bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let incarnation = cursor.array().ok()?;
        let [sequence, since, kept] = [cursor.u64(), cursor.u64(), cursor.u64()];
        let [since_at, beat] = [cursor.i64(), cursor.i64()];
        let hash = cursor.array().ok()?;
        let (past, []) = cursor.rest().as_chunks() else { return None };
        Some(Self {
            incarnation,
            past: past.to_vec(),
            sequence: sequence.ok()?,
            hash,
            since: since.ok()?,
            since_at: since_at.ok()?,
            kept: kept.ok()?,
            beat: beat.ok()?,
        })
    }
}

/// A ledger with what is needed to write a log of one's own.
pub(crate) trait Replica: Ledger {
    /// Begins changes that are kept together.
    fn begin(&mut self) -> Result<(), Self::Error>;
    /// Keeps them.
    fn commit(&mut self) -> Result<(), Self::Error>;
    /// Drops them.
    fn rollback(&mut self);
    /// What is known of the own log; `None` before the first time.
    fn own(&mut self) -> Result<Option<Own>, Self::Error>;
    /// Keeps it.
    fn put_own(&mut self, own: &Own) -> Result<(), Self::Error>;
    /// The next reading of the own clock.
    fn tick(&mut self, now: i64) -> Result<Hlc, Self::Error>;
    /// Segments that the carrier has not confirmed, in order.
    fn outbox(&mut self) -> Result<Vec<(Name, Vec<u8>)>, Self::Error>;
    /// Keeps a segment until it is confirmed.
    fn put_outbox(&mut self, name: &Name, bytes: &[u8]) -> Result<(), Self::Error>;
    /// Drops segments that are confirmed.
    fn confirm(&mut self, names: &[Name]) -> Result<(), Self::Error>;
    /// All logs that are known, the own ones included.
    fn logs(&mut self) -> Result<Vec<LogState>, Self::Error>;
    /// What became of the segments of one label.
    fn fates(&mut self, label: &[u8; 16]) -> Result<BTreeMap<Name, Fate>, Self::Error>;
    /// Forgets what became of segments of one label before `sequence`.
    fn drop_fates(&mut self, label: &[u8; 16], sequence: u64) -> Result<(), Self::Error>;
    /// Notes patterns of which something new is known, until it was looked at.
    fn note_changed(&mut self, patterns: &[PatternId]) -> Result<(), Self::Error>;
    /// The claims of a device.
    fn claims_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Field, Claim)>, Self::Error>;
    /// The counts of a log.
    fn counts_by(&mut self, log: &LogId) -> Result<Vec<(PatternId, Counts)>, Self::Error>;
    /// What a device removed.
    fn removals_by(&mut self, device: &DeviceKey)
    -> Result<Vec<(PatternId, Removal)>, Self::Error>;
}

/// What may leave of one pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Offer {
    /// The pattern.
    pub(crate) pattern: PatternId,
    /// Its words, encoded; `None` when only its document or counts are offered.
    pub(crate) words: Option<Vec<u8>>,
    /// How often it was seen here, and what came of it.
    pub(crate) counts: Counts,
    /// The document of its text, if people edited it.
    pub(crate) document: Option<Vec<u8>>,
}

/// What this device wants to say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Offers {
    /// What may leave.
    pub(crate) patterns: Vec<Offer>,
    /// Patterns that the user deleted, and whether they must vanish everywhere.
    pub(crate) removed: Vec<(PatternId, bool)>,
    /// What the device calls itself.
    pub(crate) name: String,
    /// Its version of the program.
    pub(crate) version: String,
}

/// What a pull came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pulled {
    /// Segments that were taken in.
    pub(crate) segments: u32,
    /// Records that wait because their clock is ahead.
    pub(crate) parked: u32,
    /// Segments that cannot be taken in: their names, and why.
    pub(crate) rejected: Vec<(String, String)>,
    /// What is wrong.
    pub(crate) alarms: Vec<Alarm>,
}

/// What a push came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pushed {
    /// Records that were said.
    pub(crate) records: u32,
    /// Segments that the carrier confirmed.
    pub(crate) segments: u32,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// Why sharing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError<E> {
    #[error(transparent)]
    Ledger(E),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// One exchange with one carrier.
pub(crate) struct Exchange<'a, L, B: ?Sized, R> {
    /// What is known here.
    pub(crate) replica: &'a mut L,
    /// Where the others' words are.
    pub(crate) backend: &'a mut B,
    /// Who can read them.
    pub(crate) keys: &'a WorkspaceKeys,
    /// Who this is.
    pub(crate) device: &'a Device,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// Where random numbers come from.
    pub(crate) random: &'a mut R,
    /// Whether devices that are new are trusted at once: they all are one user's.
    pub(crate) trusting: bool,
}

type Outcome<T, L> = Result<T, SyncError<<L as Ledger>::Error>>;

impl<L: Replica, B: Backend + ?Sized, R: Random> Exchange<'_, L, B, R> {
    /// Takes in what others said since the last time.
    pub(crate) fn pull(&mut self) -> Outcome<Pulled, L> {
        self.backend.refresh()?;
        let prefix = Name::prefix(self.keys);
        let mut shown: BTreeMap<[u8; 16], BTreeSet<Name>> = BTreeMap::new();
        for name in self.backend.list(&prefix, None)? {
            if let Some(name) = Name::parse(&prefix, &name) {
                shown.entry(name.label).or_default().insert(name);
            }
        }
        let mut pulled = Pulled::default();
        self.look_at_own(&shown, &mut pulled)?;
        for (label, names) in &shown {
            self.read_log(&prefix, label, names, &mut pulled)?;
        }
        self.keep(|this| {
            let taken = ledger::apply_parked(this.replica, this.now)?;
            this.replica.note_changed(&taken.changed)
        })?;
        self.raise_alarms(&shown, &mut pulled)?;
        Ok(pulled)
    }

    /// Says what is new, and what the carrier has not confirmed yet.
    pub(crate) fn push(&mut self, offers: &Offers) -> Outcome<Pushed, L> {
        let records = self.atomically(|this| this.write(offers))?;
        let mut pushed = self.send()?;
        pushed.records = records;
        self.clean_up()?;
        Ok(pushed)
    }

    /// The own log, begun if there is none.
    fn own(&mut self) -> Outcome<Own, L> {
        begin(self.replica, self.device, self.random)
    }

    fn log_of(&self, own: &Own) -> LogId {
        LogId { device: self.device.key(), incarnation: own.incarnation }
    }

    /// Whether the carrier shows segments under the own label that this store did not write: then
    /// it was copied or set back, and goes on as a new log. If it does not show some that it
    /// confirmed, everything is said again.
    fn look_at_own(
        &mut self,
        shown: &BTreeMap<[u8; 16], BTreeSet<Name>>,
        pulled: &mut Pulled,
    ) -> Outcome<(), L> {
        let own = self.own()?;
        let label = segment::label(&self.log_of(&own), self.keys);
        let none = BTreeSet::new();
        let shown = shown.get(&label).unwrap_or(&none);
        let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        if shown.iter().any(|name| name.sequence >= own.kept && !known.contains_key(name)) {
            pulled.alarms.push(Alarm::Copied);
            return self.begin_anew(&own);
        }
        let waiting = self.replica.outbox().map_err(SyncError::Ledger)?;
        let lost = known.keys().any(|name| {
            name.sequence >= own.since.max(own.kept)
                && !shown.contains(name)
                && !waiting.iter().any(|(unsent, _)| unsent == name)
        });
        if lost {
            pulled.alarms.push(Alarm::Lost);
            self.atomically(|this| this.write_snapshot(&own))?;
        }
        Ok(())
    }

    fn begin_anew(&mut self, own: &Own) -> Outcome<(), L> {
        let mut past = own.past.clone();
        past.push(own.incarnation);
        let new = Own { incarnation: self.random.array()?, past, kept: 1, ..Own::default() };
        self.keep(|this| {
            // What was not sent is said again under the new label.
            let unsent = this.replica.outbox()?;
            let names: Vec<Name> = unsent.iter().map(|(name, _)| *name).collect();
            this.replica.confirm(&names)?;
            this.replica.put_own(&new)
        })?;
        self.atomically(|this| this.write_snapshot(&new))
    }

    fn read_log(
        &mut self,
        prefix: &str,
        label: &[u8; 16],
        names: &BTreeSet<Name>,
        pulled: &mut Pulled,
    ) -> Outcome<(), L> {
        let known = self.replica.fates(label).map_err(SyncError::Ledger)?;
        for name in names {
            let attempts = match known.get(name) {
                Some(Fate::Applied) => continue,
                Some(Fate::Rejected(why)) => {
                    pulled.rejected.push((name.full(prefix), why.clone()));
                    continue;
                }
                Some(Fate::Attempted(times)) => *times,
                None => 0,
            };
            let Some(bytes) = self.get(&name.full(prefix))? else { continue };
            self.take_in(prefix, name, &bytes, attempts, pulled)?;
        }
        Ok(())
    }

    /// An object's bytes; `None` when it cannot be had now.
    fn get(&mut self, name: &str) -> Outcome<Option<Vec<u8>>, L> {
        match self.backend.get(name) {
            Ok(bytes) => Ok(bytes),
            // One object that makes no sense does not hide the others.
            Err(BackendError::Refused(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn take_in(
        &mut self,
        prefix: &str,
        name: &Name,
        bytes: &[u8],
        attempts: u32,
        pulled: &mut Pulled,
    ) -> Outcome<(), L> {
        if !name.fits(&Sha256::digest(bytes).into()) {
            // Damaged on the way or by the server: what the name promises may still come.
            pulled.alarms.push(Alarm::Damaged { name: name.full(prefix) });
            return Ok(());
        }
        let opened = segment::open(bytes, self.keys).and_then(|segment| {
            let fits = segment.place.label == name.label && segment.place.sequence == name.sequence;
            if fits { Ok(segment) } else { Err(segment::SegmentError::Misplaced) }
        });
        let refusal = match &opened {
            // The key of a new epoch, or a newer program, may come later.
            Err(error) if error.may_pass() => {
                pulled.rejected.push((name.full(prefix), error.to_string()));
                return Ok(());
            }
            Err(error) => Some(error.to_string()),
            Ok(_) if attempts >= ATTEMPTS => {
                Some("taking it in ended the program twice".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            pulled.rejected.push((name.full(prefix), why.clone()));
            return self.keep(|this| this.replica.put_fate(name, &Fate::Rejected(why)));
        }
        let Ok(segment) = opened else { return Ok(()) };
        self.keep(|this| this.replica.put_fate(name, &Fate::Attempted(attempts + 1)))?;
        let own = self.own()?;
        let me = self.log_of(&own);
        let taken = self.keep(|this| {
            this.welcome(&segment.content.log)?;
            let taken = ledger::apply(this.replica, &segment, &me, this.now)?;
            this.replica.note_changed(&taken.changed)?;
            Ok(taken)
        })?;
        pulled.segments += 1;
        pulled.parked += taken.parked;
        Ok(())
    }

    /// Where all devices of a workspace are one user's, a new one is trusted.
    fn welcome(&mut self, log: &LogId) -> Result<(), L::Error> {
        if !self.trusting || self.replica.log(log)?.is_some_and(|state| state.sequence > 0) {
            return Ok(());
        }
        let mut state = self.replica.device(&log.device)?;
        if state.trust == Trust::Unknown {
            state.trust = Trust::Trusted;
            self.replica.put_device(&log.device, &state)?;
        }
        Ok(())
    }

    /// Writes what is new into the own log, and returns how many records that is.
    fn write(&mut self, offers: &Offers) -> Outcome<u32, L> {
        let mut own = self.own()?;
        let mut records = Vec::new();
        let device = self.device.key();
        for offer in &offers.patterns {
            // What has to vanish everywhere is not said again by those who know it too.
            let gone = ledger::is_redacted(self.replica, offer.pattern, &device);
            if !gone.map_err(SyncError::Ledger)? {
                self.changes(&own, offer, &mut records).map_err(SyncError::Ledger)?;
            }
        }
        for (pattern, everywhere) in &offers.removed {
            self.removal(*pattern, *everywhere, &mut records).map_err(SyncError::Ledger)?;
        }
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
            if gone || said.is_none_or(|claim| claim.value != *words) {
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
        let mut counts = offer.counts;
        for past in &own.past {
            let before = LogId { incarnation: *past, ..log };
            counts = counts.minus(self.replica.counts(pattern, &before)?.unwrap_or_default());
        }
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
        } else if !everywhere && said.is_some() && !deleted {
            let hlc = self.replica.tick(self.now)?;
            records.push(Record::Tombstone { pattern, hlc });
        }
        Ok(())
    }

    /// Says once more all that this device says, and that nothing before is needed.
    fn write_snapshot(&mut self, own: &Own) -> Outcome<(), L> {
        let mut own = own.clone();
        let records = self.statements(&own).map_err(SyncError::Ledger)?;
        let since = own.sequence + 1;
        self.append(&mut own, &records, Some(since))?;
        (own.since, own.since_at) = (since, self.now);
        self.replica.put_own(&own).map_err(SyncError::Ledger)
    }

    /// All that this device says now: its claims, counts and removals.
    fn statements(&mut self, own: &Own) -> Result<Vec<Record>, L::Error> {
        let log = self.log_of(own);
        let mut records = Vec::new();
        for (pattern, field, Claim { hlc, value }) in self.replica.claims_by(&log.device)? {
            records.push(match field {
                Field::DOCUMENT => Record::Document { pattern, hlc, bytes: value },
                _ => Record::Field { pattern, field, hlc, value },
            });
        }
        for incarnation in own.past.iter().chain([&own.incarnation]) {
            let log = LogId { incarnation: *incarnation, ..log };
            let counts = self.replica.counts_by(&log)?.into_iter();
            records.extend(counts.map(|(pattern, counts)| Record::Counts {
                pattern,
                incarnation: *incarnation,
                counts,
            }));
        }
        for (pattern, removal) in self.replica.removals_by(&log.device)? {
            let hlc = removal.deleted;
            records.push(if removal.redacted {
                Record::Redact { pattern, hlc }
            } else {
                Record::Tombstone { pattern, hlc }
            });
        }
        Ok(records)
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

    /// Sends what is not confirmed.
    fn send(&mut self) -> Outcome<Pushed, L> {
        let prefix = Name::prefix(self.keys);
        let mut pushed = Pushed::default();
        let outbox = self.replica.outbox().map_err(SyncError::Ledger)?;
        // Not all at once: what is confirmed need not be sent again after a failure.
        for batch in outbox.chunks(16) {
            let objects: Vec<Object> = batch
                .iter()
                .map(|(name, bytes)| Object { name: name.full(&prefix), bytes: bytes.clone() })
                .collect();
            self.backend.put(&objects)?;
            let names: Vec<Name> = batch.iter().map(|(name, _)| *name).collect();
            self.keep(|this| this.replica.confirm(&names))?;
            pushed.segments += batch.len() as u32;
            pushed.bytes += objects.iter().map(|object| object.bytes.len() as u64).sum::<u64>();
        }
        Ok(pushed)
    }

    /// Removes own segments that nobody needs any more: a later one holds what they say, and every
    /// device that counts has read that, or had a month to do so.
    fn clean_up(&mut self) -> Outcome<(), L> {
        let own = self.own()?;
        if own.since <= own.kept {
            return Ok(());
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
            return Ok(());
        }
        self.drop_old(&own)?;
        Ok(())
    }

    /// Removes own segments that a later one replaces, and returns how many.
    fn drop_old(&mut self, own: &Own) -> Outcome<u32, L> {
        let (prefix, label) =
            (Name::prefix(self.keys), segment::label(&self.log_of(own), self.keys));
        let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        let old: Vec<String> = known
            .keys()
            .filter(|name| name.sequence < own.since)
            .map(|name| name.full(&prefix))
            .collect();
        self.backend.delete_own(&old)?;
        self.keep(|this| {
            this.replica.drop_fates(&label, own.since)?;
            this.replica.put_own(&Own { kept: own.since, ..own.clone() })
        })?;
        Ok(old.len() as u32)
    }

    /// Keeps all changes that `work` makes, or none of them.
    fn keep<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, L::Error>) -> Outcome<T, L> {
        self.atomically(|this| work(this).map_err(SyncError::Ledger))
    }

    /// As [`Self::keep`], where more than the ledger can fail.
    fn atomically<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T, L>) -> Outcome<T, L> {
        self.replica.begin().map_err(SyncError::Ledger)?;
        match work(self) {
            Ok(value) => {
                self.replica.commit().map_err(SyncError::Ledger)?;
                Ok(value)
            }
            Err(error) => {
                self.replica.rollback();
                Err(error)
            }
        }
    }
}

/// The log of `device`, begun if there is none. A device trusts itself.
pub(crate) fn begin<L: Replica>(
    replica: &mut L,
    device: &Device,
    random: &mut impl Random,
) -> Outcome<Own, L> {
    if let Some(own) = replica.own().map_err(SyncError::Ledger)? {
        return Ok(own);
    }
    let own = Own { incarnation: random.array()?, kept: 1, ..Own::default() };
    replica.put_own(&own).map_err(SyncError::Ledger)?;
    let key = device.key();
    let mut state = replica.device(&key).map_err(SyncError::Ledger)?;
    state.trust = Trust::Trusted;
    replica.put_device(&key, &state).map_err(SyncError::Ledger)?;
    Ok(own)
}

/// Records in pieces that fit into segments.
pub(super) fn chunks(records: &[Record]) -> Vec<&[Record]> {
    let mut chunks = Vec::new();
    let (mut from, mut bytes) = (0, 0);
    let mut scratch = Vec::new();
    for (n, record) in records.iter().enumerate() {
        scratch.clear();
        record.put(&mut scratch);
        if n > from && (n - from == segment::RECORDS || bytes + scratch.len() > segment::FULL) {
            chunks.push(&records[from..n]);
            (from, bytes) = (n, 0);
        }
        bytes += scratch.len();
    }
    chunks.push(&records[from..]);
    chunks
}
