//! Writing the own log anew: when something in it has to vanish.

use super::{Exchange, Name, Offers, Outcome, Pushed, Replica, SyncError};
use crate::sync::backend::Backend;
use crate::sync::random::Random;

impl<L: Replica, B: Backend + ?Sized, R: Random> Exchange<'_, L, B, R> {
    /// As [`Exchange::push`]; then all that this device says is said once more in one piece, and
    /// everything before is removed at once, whoever has not read it: what they miss is in the new
    /// piece. What was never sent and is replaced is not sent any more. Returns what was pushed and
    /// how many segments were removed.
    pub(crate) fn push_anew(&mut self, offers: &Offers) -> Outcome<(Pushed, u32), L> {
        let records = self.atomically(|this| this.write(offers))?;
        let own = self.own()?;
        self.atomically(|this| this.write_snapshot(&own))?;
        let own = self.own()?;
        let waiting = self.replica.outbox().map_err(SyncError::Ledger)?;
        let replaced: Vec<Name> = waiting
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.sequence < own.since)
            .collect();
        self.keep(|this| this.replica.confirm(&replaced))?;
        let mut pushed = self.send()?;
        pushed.records = records;
        let removed = self.drop_old(&own)?;
        Ok((pushed, removed))
    }
}
