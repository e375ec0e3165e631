//! Writing the own log anew: when something in it has to vanish.

use sha2::{Digest as _, Sha256};

use super::{Desk, Exchange, Ledger, Name, Offers, Outcome, Pushed, Replica, Sitting, SyncError};
use crate::sync::backend::{Backend, Object};
use crate::sync::hex::hex;
use crate::sync::ledger::{self, Fate};
use crate::sync::random::Random;
use crate::sync::record::Incarnation;
use crate::sync::segment::{self, Content, LogId, Place, Segment};

impl<D: Desk, B: Backend + ?Sized, R: Random> Exchange<'_, D, B, R> {
    /// As [`Exchange::push`]; then all that this device says is said once more in one piece, and
    /// everything before is removed at once, whoever has not read it: what they miss is in the new
    /// piece. What was never sent and is replaced is not sent any more. Returns what was pushed and
    /// how many segments were removed.
    pub(crate) fn push_anew(
        &mut self,
        offers: impl FnOnce(&mut D::Replica) -> Result<Offers, <D::Replica as Ledger>::Error>,
    ) -> Outcome<(Pushed, u32), D::Replica> {
        let records = self.sit(|sitting| {
            let offers = offers(sitting.replica).map_err(SyncError::Ledger)?;
            let records = sitting.atomically(|sitting| sitting.write(&offers))?;
            sitting.atomically(|sitting| {
                let own = sitting.own()?;
                sitting.write_snapshot(&own)
            })?;
            let own = sitting.own()?;
            let waiting = sitting.replica.outbox().map_err(SyncError::Ledger)?;
            let replaced: Vec<Name> = waiting
                .into_iter()
                .map(|(name, _)| name)
                .filter(|name| name.sequence < own.since)
                .collect();
            sitting.keep(|sitting| sitting.replica.confirm(&replaced))?;
            Ok(records)
        })?;
        let mut pushed = self.send()?;
        pushed.records = records;
        let (own, old) = self.sit(|sitting| {
            let own = sitting.own()?;
            let old = sitting.replaced(&own)?;
            Ok((own, old))
        })?;
        self.drop_old(&own, &old)?;
        pushed.copied = self.look_for_copies()?;
        Ok((pushed, old.len() as u32))
    }

    /// Ends the log of an earlier life of this store: a last segment says that none before it is
    /// needed, and then those that were read here are removed: what they say, the present log says
    /// since it was written anew, which must have been after they were read. A log of which something
    /// is still to be taken in, because the program died when it did so, is left as it is. The carrier
    /// has to take this device for the writer of that log. A store that still goes on with it,
    /// because one of the two is a copy, finds that out and goes on as another. Returns how many
    /// segments were removed.
    pub(crate) fn end_life(&mut self, incarnation: Incarnation) -> Outcome<u32, D::Replica> {
        let prefix = Name::prefix(self.keys);
        let log = LogId { device: self.device.key(), incarnation };
        let closing = self.sit(|sitting| sitting.closing(log))?;
        let Some((segment, bytes)) = closing else { return Ok(0) };
        let name = Name::new(&segment.place, &segment.hash);
        self.backend.put(&[Object { name: name.full(&prefix), bytes }])?;
        let old = self.sit(|sitting| {
            let own = sitting.own()?;
            let me = sitting.log_of(&own);
            sitting.keep(|sitting| {
                ledger::apply(sitting.replica, &segment, &me, sitting.now)?;
                let known = sitting.replica.fates(&name.label)?;
                Ok(known.into_keys().filter(|known| *known != name).collect::<Vec<Name>>())
            })
        })?;
        let names: Vec<String> = old.iter().map(|name| name.full(&prefix)).collect();
        self.backend.delete_own(&names)?;
        self.sit(|sitting| {
            sitting.keep(|sitting| {
                sitting.replica.drop_fates(&name.label, name.sequence)?;
                sitting.replica.put_note(&ended(&log), &name.sequence.to_be_bytes())
            })
        })?;
        Ok(old.len() as u32)
    }
}

/// Under which key it is kept with which segment an earlier life's log was ended.
fn ended(log: &LogId) -> String {
    format!("ended {}", hex(&log.incarnation))
}

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// The segment that ends the log of an earlier life; `None` when nothing else is in it.
    fn closing(&mut self, log: LogId) -> Outcome<Option<(Segment, Vec<u8>)>, L> {
        let label = segment::label(&log, self.keys);
        let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
        if known.values().any(Fate::is_unread) {
            return Ok(None);
        }
        let ended = self.replica.note(&ended(&log)).map_err(SyncError::Ledger)?;
        let ended = ended.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        let state = self.replica.log(&log).map_err(SyncError::Ledger)?;
        let Some(state) = state.filter(|_| known.keys().any(|name| name.sequence != ended)) else {
            return Ok(None);
        };
        let sequence = state.sequence + 1;
        let place = Place {
            workspace: self.keys.id,
            epoch: self.keys.epoch(),
            label,
            sequence,
            previous: state.hash,
        };
        let hlc = self.replica.tick(self.now).map_err(SyncError::Ledger)?;
        let content = Content { log, hlc, since: sequence, seen: Vec::new(), records: Vec::new() };
        let bytes = segment::seal(place, &content, self.keys, self.device, self.random)?;
        let hash = Sha256::digest(&bytes).into();
        Ok(Some((Segment { place, hash, content }, bytes)))
    }
}
