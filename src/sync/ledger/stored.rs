//! The ledger in the store.

use std::collections::BTreeMap;

use super::{Claim, DeviceState, Fate, Ledger, LogState, Removal};
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::storage::{SegmentRow, StorageError, Store};
use crate::sync::engine::{Own, Replica};
use crate::sync::record::cursor::Cursor;
use crate::sync::record::{self, Counts, Field, Incarnation, Record};
use crate::sync::segment::{DeviceKey, LogId, Name};

/// Under which key the state of the own log is kept.
pub(crate) const OWN: &str = "own";

fn row_of(name: &Name) -> SegmentRow {
    (name.label, name.sequence, name.hash)
}

fn name_of((label, sequence, hash): SegmentRow) -> Name {
    Name { label, sequence, hash }
}

impl Ledger for Store {
    type Error = StorageError;

    fn device(&mut self, key: &DeviceKey) -> Result<DeviceState, StorageError> {
        self.shared_device(key)
    }

    fn put_device(&mut self, key: &DeviceKey, state: &DeviceState) -> Result<(), StorageError> {
        self.put_shared_device(key, state)
    }

    fn log(&mut self, log: &LogId) -> Result<Option<LogState>, StorageError> {
        self.shared_log(log)
    }

    fn put_log(&mut self, state: &LogState) -> Result<(), StorageError> {
        self.put_shared_log(state)
    }

    fn put_fate(&mut self, name: &Name, fate: &Fate) -> Result<(), StorageError> {
        self.put_segment_fate(&row_of(name), fate)
    }

    fn is_double(&mut self, name: &Name) -> Result<bool, StorageError> {
        self.has_double(&row_of(name))
    }

    fn claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
    ) -> Result<Option<Claim>, StorageError> {
        self.shared_claim(pattern, field, device)
    }

    fn put_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
        claim: &Claim,
    ) -> Result<(), StorageError> {
        self.put_shared_claim(pattern, field, device, claim)
    }

    fn claims(
        &mut self,
        pattern: PatternId,
        field: Field,
    ) -> Result<Vec<(DeviceKey, Claim)>, StorageError> {
        self.shared_claims(pattern, field)
    }

    fn purge(
        &mut self,
        pattern: PatternId,
        device: Option<&DeviceKey>,
    ) -> Result<(), StorageError> {
        self.purge_shared(pattern, device)
    }

    fn counts(&mut self, pattern: PatternId, log: &LogId) -> Result<Option<Counts>, StorageError> {
        self.shared_counts(pattern, log)
    }

    fn put_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        counts: Counts,
    ) -> Result<(), StorageError> {
        self.put_shared_counts(pattern, log, counts)
    }

    fn all_counts(&mut self, pattern: PatternId) -> Result<Vec<(LogId, Counts)>, StorageError> {
        self.all_shared_counts(pattern)
    }

    fn removals(&mut self, pattern: PatternId) -> Result<Vec<(DeviceKey, Removal)>, StorageError> {
        self.shared_removals(pattern)
    }

    fn put_removal(
        &mut self,
        pattern: PatternId,
        device: &DeviceKey,
        removal: Removal,
    ) -> Result<(), StorageError> {
        self.put_shared_removal(pattern, device, removal)
    }

    fn park(&mut self, log: &LogId, hlc: Hlc, record: &Record) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        record.put(&mut bytes);
        self.park_record(log, hlc, &bytes)
    }

    fn unpark(&mut self, until: Hlc) -> Result<Vec<(LogId, Record)>, StorageError> {
        let rows = self.unpark_records(until)?;
        let decoded = rows.into_iter().filter_map(|(log, bytes)| {
            let records = record::read_all(Cursor::new(&bytes), 1).ok()?;
            Some((log, records.into_iter().next()?))
        });
        Ok(decoded.collect())
    }

    fn observe(&mut self, hlc: Hlc) -> Result<(), StorageError> {
        self.observe_hlc(hlc)
    }
}

impl Replica for Store {
    fn begin(&mut self) -> Result<(), StorageError> {
        self.begin_sharing()
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        self.commit_sharing()
    }

    fn rollback(&mut self) {
        self.rollback_sharing();
    }

    fn become_another(&mut self) -> Result<(), StorageError> {
        self.renew_incarnation()
    }

    fn note(&mut self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.sharing_value(key)
    }

    fn put_note(&mut self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        self.put_sharing_value(key, value)
    }

    fn own(&mut self) -> Result<Option<Own>, StorageError> {
        let value = self.sharing_value(OWN)?;
        Ok(value.and_then(|bytes| Own::decode(&bytes)))
    }

    fn put_own(&mut self, own: &Own) -> Result<(), StorageError> {
        self.put_sharing_value(OWN, &own.encode())
    }

    fn tick(&mut self, now: i64) -> Result<Hlc, StorageError> {
        self.next_hlc(now)
    }

    fn outbox(&mut self) -> Result<Vec<(Name, Vec<u8>)>, StorageError> {
        let rows = Self::outbox(self)?;
        Ok(rows.into_iter().map(|(row, bytes)| (name_of(row), bytes)).collect())
    }

    fn put_outbox(&mut self, name: &Name, bytes: &[u8]) -> Result<(), StorageError> {
        Self::put_outbox(self, &row_of(name), bytes)
    }

    fn confirm(&mut self, names: &[Name]) -> Result<(), StorageError> {
        names.iter().try_for_each(|name| self.confirm_outbox(&row_of(name)))
    }

    fn logs(&mut self) -> Result<Vec<LogState>, StorageError> {
        self.shared_logs()
    }

    fn fates(&mut self, label: &[u8; 16]) -> Result<BTreeMap<Name, Fate>, StorageError> {
        let rows = self.segment_fates(label)?;
        Ok(rows.into_iter().map(|(row, fate)| (name_of(row), fate)).collect())
    }

    fn drop_fates(&mut self, label: &[u8; 16], sequence: u64) -> Result<(), StorageError> {
        self.drop_segment_fates(label, sequence)
    }

    fn note_changed(&mut self, patterns: &[PatternId]) -> Result<(), StorageError> {
        Self::note_changed(self, patterns)
    }

    fn claims_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Field, Claim)>, StorageError> {
        self.claims_of(device)
    }

    fn counts_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Incarnation, Counts)>, StorageError> {
        self.counts_of(device)
    }

    fn removals_by(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Removal)>, StorageError> {
        self.removals_of(device)
    }
}
