//! What an exchange asks of whoever keeps the ledger, and how it comes by it.

use std::collections::BTreeMap;

use super::{Outcome, Own};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::sync::ledger::{Claim, Fate, Ledger, LogState, Removal};
use crate::sync::record::{Counts, Field, Incarnation};
use crate::sync::segment::{DeviceKey, Name};

/// A ledger with what is needed to write a log of one's own.
pub(crate) trait Replica: Ledger {
    /// Begins changes that are kept together.
    fn begin(&mut self) -> Result<(), Self::Error>;
    /// Keeps them.
    fn commit(&mut self) -> Result<(), Self::Error>;
    /// Drops them.
    fn rollback(&mut self);
    /// Makes sure that nothing that this store writes from now on is taken for what a copy of it
    /// writes.
    fn become_another(&mut self) -> Result<(), Self::Error>;
    /// What the writer of the own log keeps under `key`.
    fn note(&mut self, key: &str) -> Result<Option<Vec<u8>>, Self::Error>;
    /// Keeps it.
    fn put_note(&mut self, key: &str, value: &[u8]) -> Result<(), Self::Error>;
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
    /// The counts of a device, in each life of its store that is known.
    fn counts_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Incarnation, Counts)>, Self::Error>;
    /// What a device removed.
    fn removals_by(&mut self, device: &DeviceKey)
    -> Result<Vec<(PatternId, Removal)>, Self::Error>;
}

/// Where a ledger can be had for a short time, again and again: in between, others can change it.
pub(crate) trait Desk {
    /// The ledger.
    type Replica: Replica;

    /// Does `work` with the ledger, which nobody else changes meanwhile.
    fn sit<T>(
        &mut self,
        work: impl FnOnce(&mut Self::Replica) -> Outcome<T, Self::Replica>,
    ) -> Outcome<T, Self::Replica>;
}

/// A ledger that is in hand for the whole time.
impl<L: Replica> Desk for L {
    type Replica = L;

    fn sit<T>(&mut self, work: impl FnOnce(&mut L) -> Outcome<T, L>) -> Outcome<T, L> {
        work(self)
    }
}
