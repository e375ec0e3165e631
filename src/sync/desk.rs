//! The store as an exchange has it: for a moment at a time. Whoever learns beside it never waits for
//! a carrier.

use std::path::{Path, PathBuf};

use super::engine::{Desk, Outcome, SyncError};
use super::guard::Guard;
use super::workspace;
use crate::storage::{ExchangeLock, StorageError, Store};

/// The home of a store that is open only while something is done with it.
pub(crate) struct Briefly {
    home: PathBuf,
    /// See [`Guard::new`].
    machine: String,
    _lock: ExchangeLock,
}

impl Briefly {
    /// The store of the home at `home`, for one process that exchanges at a time. Another one, and
    /// whoever writes, is waited for if `patient`, and else told of by [`StorageError::Locked`];
    /// later on, writers are waited for in any case.
    pub(crate) fn at(home: &Path, machine: String, patient: bool) -> Result<Self, StorageError> {
        let lock = if patient { ExchangeLock::wait(home)? } else { ExchangeLock::take(home)? };
        drop(Store::open(home, patient)?);
        Ok(Self { home: home.into(), machine, _lock: lock })
    }

    /// Does `work` with the store, and then notes how far the own log has come.
    pub(crate) fn with<T, E: From<StorageError>>(
        &mut self,
        work: impl FnOnce(&mut Store) -> Result<T, E>,
    ) -> Result<T, E> {
        self.guarded(|store, _| work(store))
    }

    /// As [`Self::with`]; `work` can ask the guard.
    pub(crate) fn guarded<T, E: From<StorageError>>(
        &mut self,
        work: impl FnOnce(&mut Store, &Guard<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut store = Store::open(&self.home, true)?;
        let folder = self.home.join(workspace::FOLDER);
        let guard = Guard::new(&folder, &self.machine);
        let done = work(&mut store, &guard)?;
        guard.note(&mut store)?;
        Ok(done)
    }
}

impl Desk for Briefly {
    type Replica = Store;

    fn sit<T>(&mut self, work: impl FnOnce(&mut Store) -> Outcome<T, Store>) -> Outcome<T, Store> {
        self.with(work)
    }
}

impl From<StorageError> for SyncError<StorageError> {
    fn from(error: StorageError) -> Self {
        Self::Ledger(error)
    }
}
