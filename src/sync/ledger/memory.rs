//! A ledger in memory, for simulations.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::{Claim, DeviceState, Fate, Ledger, LogState, Removal};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::sync::engine::{Own, Replica};
use crate::sync::record::{Counts, Field, Incarnation, Record};
use crate::sync::segment::{DeviceKey, LogId, Name};

/// All of it in maps, with the own log.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) devices: BTreeMap<DeviceKey, DeviceState>,
    pub(crate) logs: BTreeMap<LogId, LogState>,
    pub(crate) fates: BTreeMap<Name, Fate>,
    pub(crate) claims: BTreeMap<(PatternId, Field, DeviceKey), Claim>,
    pub(crate) counts: BTreeMap<(PatternId, LogId), Counts>,
    pub(crate) removals: BTreeMap<(PatternId, DeviceKey), Removal>,
    pub(crate) parked: Vec<(LogId, Hlc, Record)>,
    pub(crate) clock: Hlc,
    pub(crate) own: Option<Own>,
    pub(crate) notes: BTreeMap<String, Vec<u8>>,
    pub(crate) outbox: BTreeMap<Name, Vec<u8>>,
    before: Option<Box<Self>>,
}

impl Ledger for Memory {
    type Error = Infallible;

    fn device(&mut self, key: &DeviceKey) -> Result<DeviceState, Infallible> {
        Ok(self.devices.get(key).cloned().unwrap_or_default())
    }

    fn put_device(&mut self, key: &DeviceKey, state: &DeviceState) -> Result<(), Infallible> {
        self.devices.insert(*key, state.clone());
        Ok(())
    }

    fn log(&mut self, log: &LogId) -> Result<Option<LogState>, Infallible> {
        Ok(self.logs.get(log).copied())
    }

    fn put_log(&mut self, state: &LogState) -> Result<(), Infallible> {
        self.logs.insert(state.log, *state);
        Ok(())
    }

    fn put_fate(&mut self, name: &Name, fate: &Fate) -> Result<(), Infallible> {
        self.fates.insert(*name, fate.clone());
        Ok(())
    }

    fn is_double(&mut self, name: &Name) -> Result<bool, Infallible> {
        let double = |(other, fate): (&Name, &Fate)| {
            (other.label, other.sequence) == (name.label, name.sequence)
                && other.hash != name.hash
                && *fate == Fate::Applied
        };
        Ok(self.fates.iter().any(double))
    }

    fn claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
    ) -> Result<Option<Claim>, Infallible> {
        Ok(self.claims.get(&(pattern, field, *device)).cloned())
    }

    fn put_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
        claim: &Claim,
    ) -> Result<(), Infallible> {
        self.claims.insert((pattern, field, *device), claim.clone());
        Ok(())
    }

    fn claims(
        &mut self,
        pattern: PatternId,
        field: Field,
    ) -> Result<Vec<(DeviceKey, Claim)>, Infallible> {
        let range = (pattern, field, [0; 32])..=(pattern, field, [255; 32]);
        let all = self.claims.range(range);
        Ok(all.map(|((_, _, device), claim)| (*device, claim.clone())).collect())
    }

    fn purge(&mut self, pattern: PatternId, device: Option<&DeviceKey>) -> Result<(), Infallible> {
        self.claims
            .retain(|(of, _, by), _| *of != pattern || device.is_some_and(|device| device != by));
        Ok(())
    }

    fn counts(&mut self, pattern: PatternId, log: &LogId) -> Result<Option<Counts>, Infallible> {
        Ok(self.counts.get(&(pattern, *log)).copied())
    }

    fn put_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        counts: Counts,
    ) -> Result<(), Infallible> {
        self.counts.insert((pattern, *log), counts);
        Ok(())
    }

    fn all_counts(&mut self, pattern: PatternId) -> Result<Vec<(LogId, Counts)>, Infallible> {
        let of = |((of, log), counts): (&(PatternId, LogId), &Counts)| {
            (*of == pattern).then_some((*log, *counts))
        };
        Ok(self.counts.iter().filter_map(of).collect())
    }

    fn removals(&mut self, pattern: PatternId) -> Result<Vec<(DeviceKey, Removal)>, Infallible> {
        let range = (pattern, [0; 32])..=(pattern, [255; 32]);
        Ok(self.removals.range(range).map(|((_, device), removal)| (*device, *removal)).collect())
    }

    fn put_removal(
        &mut self,
        pattern: PatternId,
        device: &DeviceKey,
        removal: Removal,
    ) -> Result<(), Infallible> {
        self.removals.insert((pattern, *device), removal);
        Ok(())
    }

    fn park(&mut self, log: &LogId, hlc: Hlc, record: &Record) -> Result<(), Infallible> {
        let entry = (*log, hlc, record.clone());
        if !self.parked.contains(&entry) {
            self.parked.push(entry);
        }
        Ok(())
    }

    fn unpark(&mut self, until: Hlc) -> Result<Vec<(LogId, Record)>, Infallible> {
        let due = self.parked.extract_if(.., |(_, hlc, _)| *hlc <= until);
        Ok(due.map(|(log, _, record)| (log, record)).collect())
    }

    fn observe(&mut self, hlc: Hlc) -> Result<(), Infallible> {
        self.clock = self.clock.max(hlc);
        Ok(())
    }
}

impl Replica for Memory {
    fn begin(&mut self) -> Result<(), Infallible> {
        self.before = Some(Box::new(self.clone()));
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Infallible> {
        self.before = None;
        Ok(())
    }

    fn rollback(&mut self) {
        if let Some(before) = self.before.take() {
            *self = *before;
        }
    }

    fn become_another(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn note(&mut self, key: &str) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.notes.get(key).cloned())
    }

    fn put_note(&mut self, key: &str, value: &[u8]) -> Result<(), Infallible> {
        self.notes.insert(key.into(), value.into());
        Ok(())
    }

    fn own(&mut self) -> Result<Option<Own>, Infallible> {
        Ok(self.own.clone())
    }

    fn put_own(&mut self, own: &Own) -> Result<(), Infallible> {
        self.own = Some(own.clone());
        Ok(())
    }

    fn tick(&mut self, now: i64) -> Result<Hlc, Infallible> {
        self.clock = self.clock.next(now);
        Ok(self.clock)
    }

    fn outbox(&mut self) -> Result<Vec<(Name, Vec<u8>)>, Infallible> {
        let mut all: Vec<_> = self.outbox.clone().into_iter().collect();
        all.sort_by_key(|(name, _)| name.sequence);
        Ok(all)
    }

    fn put_outbox(&mut self, name: &Name, bytes: &[u8]) -> Result<(), Infallible> {
        self.outbox.insert(*name, bytes.to_vec());
        Ok(())
    }

    fn confirm(&mut self, names: &[Name]) -> Result<(), Infallible> {
        self.outbox.retain(|name, _| !names.contains(name));
        Ok(())
    }

    fn logs(&mut self) -> Result<Vec<LogState>, Infallible> {
        Ok(self.logs.values().copied().collect())
    }

    fn fates(&mut self, label: &[u8; 16]) -> Result<BTreeMap<Name, Fate>, Infallible> {
        let of =
            |(name, fate): (&Name, &Fate)| (name.label == *label).then(|| (*name, fate.clone()));
        Ok(self.fates.iter().filter_map(of).collect())
    }

    fn drop_fates(&mut self, label: &[u8; 16], sequence: u64) -> Result<(), Infallible> {
        self.fates.retain(|name, _| name.label != *label || name.sequence >= sequence);
        Ok(())
    }

    fn note_changed(&mut self, _patterns: &[PatternId]) -> Result<(), Infallible> {
        Ok(())
    }

    fn claims_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Field, Claim)>, Infallible> {
        let of = |((pattern, field, by), claim): (&(PatternId, Field, DeviceKey), &Claim)| {
            (by == device).then(|| (*pattern, *field, claim.clone()))
        };
        Ok(self.claims.iter().filter_map(of).collect())
    }

    fn counts_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Incarnation, Counts)>, Infallible> {
        let of = |((pattern, log), counts): (&(PatternId, LogId), &Counts)| {
            (log.device == *device).then_some((*pattern, log.incarnation, *counts))
        };
        Ok(self.counts.iter().filter_map(of).collect())
    }

    fn removals_by(&mut self, device: &DeviceKey) -> Result<Vec<(PatternId, Removal)>, Infallible> {
        let of = |((pattern, by), removal): (&(PatternId, DeviceKey), &Removal)| {
            (by == device).then_some((*pattern, *removal))
        };
        Ok(self.removals.iter().filter_map(of).collect())
    }
}
