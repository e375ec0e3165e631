//! Push and pull: between what is known here and what lies with a carrier.
//!
//! A pull takes in every segment that was not read before, in whatever order the carrier shows
//! them; numbers and hashes only tell what is missing. A push first keeps what it is about to say
//! and then says it, so that a crash between the two loses nothing and says nothing twice. While it
//! waits for the carrier, it holds nothing that others need ([`Desk`]).

mod alarms;
mod lives;
mod own;
mod replica;
mod rewrite;
mod saying;
#[cfg(test)]
mod simulation;
mod taking;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

pub(crate) use self::alarms::Alarm;
pub(crate) use self::lives::{Anew, of_this_life};
pub(crate) use self::own::{Own, begin};
pub(crate) use self::replica::{Desk, Replica};
use super::backend::{Backend, BackendError, Object};
use super::device::Device;
use super::hex::hex;
use super::keys::WorkspaceKeys;
use super::ledger::Ledger;
use super::random::{NoRandom, Random};
use super::record::{Counts, Record};
use super::segment::{self, LogId, Name};
use crate::model::ids::PatternId;

/// Segments of the own log since the last snapshot, from which on a new one is made.
const COMPACT: u64 = 64;
/// Milliseconds after which a snapshot's predecessors go, even if not every device has read it.
const PATIENCE: i64 = 30 * 24 * 3600 * 1000;
/// Milliseconds between two signs of life.
const HEARTBEAT: i64 = 24 * 3600 * 1000;
/// How often in a row a segment may end the program.
const ATTEMPTS: u32 = 3;
/// Bytes of segments from which on they are taken in before more are fetched.
const PORTION: usize = 4 << 20;

/// Under which key it is noted that the own log has to be written anew ([`Exchange::push_anew`]).
pub(crate) const REWRITE: &str = "rewrite";

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
    /// Whether the carrier showed that this store was copied or set back. Then it goes on as a new
    /// log, and says everything again at the next push, to a carrier that knows its new label.
    pub(crate) copied: bool,
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
pub(crate) struct Exchange<'a, D, B: ?Sized, R> {
    /// Where what is known here can be had.
    pub(crate) desk: &'a mut D,
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

/// What is done in one go with the ledger, without a word to the carrier.
struct Sitting<'a, L, R> {
    replica: &'a mut L,
    keys: &'a WorkspaceKeys,
    device: &'a Device,
    now: i64,
    random: &'a mut R,
    trusting: bool,
}

pub(crate) type Outcome<T, L> = Result<T, SyncError<<L as Ledger>::Error>>;

/// What a carrier shows of each log.
type Shown = BTreeMap<[u8; 16], BTreeSet<Name>>;

impl<D: Desk, B: Backend + ?Sized, R: Random> Exchange<'_, D, B, R> {
    /// Takes in what others said since the last time.
    pub(crate) fn pull(&mut self) -> Outcome<Pulled, D::Replica> {
        self.backend.refresh()?;
        let prefix = Name::prefix(self.keys);
        let mut shown = Shown::new();
        for name in self.backend.list(&prefix, None)? {
            if let Some(name) = Name::parse(&prefix, &name) {
                shown.entry(name.label).or_default().insert(name);
            }
        }
        let mut pulled = Pulled::default();
        self.read_own(&prefix, &shown, &mut pulled)?;
        let unread = self.sit(|sitting| {
            sitting.look_at_own(&shown, &mut pulled)?;
            sitting.unread(&prefix, &shown, &mut pulled)
        })?;
        let mut unread = unread.into_iter().peekable();
        while unread.peek().is_some() {
            let (portion, failed) = self.portion(&prefix, &mut unread);
            // What has come is taken in, whatever came of the rest.
            self.sit(|sitting| {
                portion.iter().try_for_each(|(name, attempts, bytes)| {
                    sitting.take_in(&prefix, name, bytes, *attempts, &mut pulled)
                })
            })?;
            failed?;
        }
        self.sit(|sitting| {
            sitting.take_in_parked()?;
            sitting.raise_alarms(&shown, &mut pulled)
        })?;
        Ok(pulled)
    }

    /// Says what is new, and what the carrier has not confirmed yet. `offers` says what this device
    /// has to say; it is asked in one go with writing that down, so that nothing leaves that was
    /// forgotten meanwhile.
    pub(crate) fn push(
        &mut self,
        offers: impl FnOnce(&mut D::Replica) -> Result<Offers, <D::Replica as Ledger>::Error>,
    ) -> Outcome<Pushed, D::Replica> {
        let records = self.sit(|sitting| {
            let offers = offers(sitting.replica).map_err(SyncError::Ledger)?;
            sitting.atomically(|sitting| sitting.write(&offers))
        })?;
        let mut pushed = self.send()?;
        pushed.records = records;
        pushed.copied = self.look_for_copies()?;
        if !pushed.copied {
            self.clean_up()?;
        }
        Ok(pushed)
    }

    /// Whether the carrier shows what a copy of this store wrote into the own log, as far as it was
    /// asked: where two write, the second finds the log changed. Then this store goes on as another.
    fn look_for_copies(&mut self) -> Outcome<bool, D::Replica> {
        let prefix = Name::prefix(self.keys);
        let label = self.sit(|sitting| {
            let own = sitting.own()?;
            Ok(segment::label(&sitting.log_of(&own), sitting.keys))
        })?;
        let listed = self.backend.list(&format!("{prefix}{}/", hex(&label)), None)?;
        let shown = listed.iter().filter_map(|name| Name::parse(&prefix, name)).collect();
        self.sit(|sitting| {
            let own = sitting.own()?;
            let copied = sitting.is_copied(&own, &shown)?;
            if copied {
                sitting.begin_anew(Anew::SetBack)?;
            }
            Ok(copied)
        })
    }

    /// Reads back what this device has said and others still need. Where the carrier has something
    /// else under such a name, nobody but this device can say it again: the log is to be written
    /// anew.
    fn read_own(
        &mut self,
        prefix: &str,
        shown: &Shown,
        pulled: &mut Pulled,
    ) -> Outcome<(), D::Replica> {
        let names: Vec<Name> = self.sit(|sitting| {
            let own = sitting.own()?;
            let label = segment::label(&sitting.log_of(&own), sitting.keys);
            let known = sitting.replica.fates(&label).map_err(SyncError::Ledger)?;
            let needed = |name: &&Name| {
                name.sequence >= own.since.max(own.kept) && known.contains_key(*name)
            };
            Ok(shown.get(&label).into_iter().flatten().filter(needed).copied().collect())
        })?;
        let before = pulled.alarms.len();
        for name in names {
            let full = name.full(prefix);
            match self.backend.get(&full) {
                Ok(Some(bytes)) if name.fits(&Sha256::digest(&bytes).into()) => {}
                Ok(Some(bytes)) => pulled.alarms.push(Alarm::unsound(full, &bytes)),
                Ok(None) | Err(BackendError::Refused(_)) => {
                    pulled.alarms.push(Alarm::Damaged { name: full });
                }
                Err(error) => return Err(error.into()),
            }
        }
        if pulled.alarms.len() > before {
            self.sit(|sitting| sitting.keep(|sitting| sitting.replica.put_note(REWRITE, &[])))?;
        }
        Ok(())
    }

    /// Has the ledger for `work`.
    fn sit<T>(
        &mut self,
        work: impl FnOnce(&mut Sitting<'_, D::Replica, R>) -> Outcome<T, D::Replica>,
    ) -> Outcome<T, D::Replica> {
        let Self { desk, keys, device, now, random, trusting, .. } = self;
        let (now, trusting) = (*now, *trusting);
        desk.sit(|replica| work(&mut Sitting { replica, keys, device, now, random, trusting }))
    }

    /// The next of the `unread` segments, as many as are taken in at once, and what kept it from
    /// getting more.
    #[expect(clippy::type_complexity, reason = "two lists and an answer")]
    fn portion(
        &mut self,
        prefix: &str,
        unread: &mut impl Iterator<Item = (Name, u32)>,
    ) -> (Vec<(Name, u32, Vec<u8>)>, Result<(), BackendError>) {
        let mut portion = Vec::new();
        let mut bytes = 0;
        while bytes < PORTION {
            let Some((name, attempts)) = unread.next() else { break };
            match self.backend.get(&name.full(prefix)) {
                Ok(Some(object)) => {
                    bytes += object.len();
                    portion.push((name, attempts, object));
                }
                // One object that makes no sense does not hide the others.
                Ok(None) | Err(BackendError::Refused(_)) => {}
                Err(error) => return (portion, Err(error)),
            }
        }
        (portion, Ok(()))
    }

    /// Sends what is not confirmed.
    fn send(&mut self) -> Outcome<Pushed, D::Replica> {
        let prefix = Name::prefix(self.keys);
        let mut pushed = Pushed::default();
        let outbox = self.sit(|sitting| sitting.replica.outbox().map_err(SyncError::Ledger))?;
        // Not all at once: what is confirmed need not be sent again after a failure.
        for batch in outbox.chunks(16) {
            let objects: Vec<Object> = batch
                .iter()
                .map(|(name, bytes)| Object { name: name.full(&prefix), bytes: bytes.clone() })
                .collect();
            self.backend.put(&objects)?;
            let names: Vec<Name> = batch.iter().map(|(name, _)| *name).collect();
            self.sit(|sitting| sitting.keep(|sitting| sitting.replica.confirm(&names)))?;
            pushed.segments += batch.len() as u32;
            pushed.bytes += objects.iter().map(|object| object.bytes.len() as u64).sum::<u64>();
        }
        Ok(pushed)
    }

    /// Removes own segments that nobody needs any more: a later one holds what they say, and every
    /// device that counts has read that, or had a month to do so.
    fn clean_up(&mut self) -> Outcome<(), D::Replica> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "lifetimes need it")]
        let outdated = self.sit(|sitting| sitting.outdated())?;
        let Some((own, old)) = outdated else { return Ok(()) };
        self.drop_old(&own, &old)
    }

    /// Removes own segments that a later one of the log as in `own` replaces.
    fn drop_old(&mut self, own: &Own, old: &[Name]) -> Outcome<(), D::Replica> {
        let prefix = Name::prefix(self.keys);
        let old: Vec<String> = old.iter().map(|name| name.full(&prefix)).collect();
        self.backend.delete_own(&old)?;
        self.sit(|sitting| sitting.note_removed(own))
    }
}

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// The own log, begun if there is none.
    fn own(&mut self) -> Outcome<Own, L> {
        begin(self.replica, self.device, self.random)
    }

    fn log_of(&self, own: &Own) -> LogId {
        LogId { device: self.device.key(), incarnation: own.incarnation }
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

/// Goes on as a new log, because the store was copied or set back: what a copy of it says and what
/// it says itself stay apart. Nothing that was said is lost.
pub(crate) fn begin_anew<L: Replica>(
    replica: &mut L,
    keys: &WorkspaceKeys,
    device: &Device,
    now: i64,
    random: &mut impl Random,
    anew: Anew,
) -> Outcome<(), L> {
    Sitting { replica, keys, device, now, random, trusting: false }.begin_anew(anew)
}

/// What a push would say, without a sign of life; nothing is kept of it.
pub(crate) fn news<L: Replica>(
    replica: &mut L,
    keys: &WorkspaceKeys,
    device: &Device,
    now: i64,
    random: &mut impl Random,
    offers: &Offers,
) -> Outcome<Vec<Record>, L> {
    replica.begin().map_err(SyncError::Ledger)?;
    let mut sitting =
        Sitting { replica: &mut *replica, keys, device, now, random, trusting: false };
    let news = sitting.own().and_then(|own| sitting.news(&own, offers));
    replica.rollback();
    news
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
