//! Writing the own log anew: when something in it has to vanish.

use super::{Desk, Exchange, Ledger, Name, Offers, Outcome, Pushed, Replica as _, SyncError};
use crate::sync::backend::Backend;
use crate::sync::random::Random;

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
        Ok((pushed, old.len() as u32))
    }
}
