//! Logs: how far each of them is read.

use rusqlite::{Row, params};

use crate::model::sharing::{LogId, LogState};
use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// All logs that are known.
    pub(crate) fn shared_logs(&self) -> Result<Vec<LogState>, StorageError> {
        self.all(
            "SELECT device, incarnation, sequence, hash, since, claimed, read, forked
             FROM shared_logs ORDER BY device, incarnation",
            [],
            log_from,
        )
    }
}

impl Store {
    /// See `sync::ledger::Ledger::log`.
    pub(crate) fn shared_log(&mut self, log: &LogId) -> Result<Option<LogState>, StorageError> {
        self.one(
            "SELECT device, incarnation, sequence, hash, since, claimed, read, forked
             FROM shared_logs WHERE device = ?1 AND incarnation = ?2",
            params![log.device, log.incarnation],
            log_from,
        )
    }

    /// See `sync::ledger::Ledger::put_log`.
    pub(crate) fn put_shared_log(&mut self, state: &LogState) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_logs
                 (device, incarnation, sequence, hash, since, claimed, read, forked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                state.log.device,
                state.log.incarnation,
                state.sequence as i64,
                state.hash,
                state.since as i64,
                state.claimed as i64,
                state.read as i64,
                state.forked,
            ],
        )
    }
}

fn log_from(row: &Row<'_>) -> rusqlite::Result<LogState> {
    let number = |n: usize| row.get::<_, i64>(n).map(|number| number as u64);
    Ok(LogState {
        log: LogId { device: row.get(0)?, incarnation: row.get(1)? },
        sequence: number(2)?,
        hash: row.get(3)?,
        since: number(4)?,
        claimed: number(5)?,
        read: number(6)?,
        forked: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_come_back_in_order_and_each_life_is_one() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let log = |device, life| LogId { device: [device; 32], incarnation: [life; 16] };
        let state = |log, sequence| LogState {
            sequence,
            hash: [9; 32],
            since: 2,
            claimed: u64::MAX,
            read: 4,
            forked: true,
            ..LogState::new(log)
        };
        let all = [state(log(1, 1), 5), state(log(1, 2), 6), state(log(2, 1), 7)];
        all.iter().rev().for_each(|state| store.put_shared_log(state).unwrap());
        assert_eq!(store.shared_logs().unwrap(), all);
        store.put_shared_log(&state(log(1, 2), 8)).unwrap();
        assert_eq!(store.shared_log(&log(1, 2)).unwrap().map(|state| state.sequence), Some(8));
        assert_eq!(store.shared_log(&log(3, 1)).unwrap(), None);
    }
}
