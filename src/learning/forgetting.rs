//! What forgetting would remove: it is done on a copy of the store.
//!
//! What is left of a session is learned anew, so a count of what is named would say too much; only
//! the same steps on the same rows say what goes and what stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::learn::forget;
use crate::model::ids::PatternId;
use crate::storage::{Forget, Inventory, Known, Reader, StorageError, Store, file};

/// What would be forgotten.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Loss {
    /// The patterns of which nothing would be left.
    pub(crate) gone: Vec<(PatternId, Known)>,
    /// Those that would be left with less evidence or other words, as they would be.
    pub(crate) changed: Vec<(PatternId, Known)>,
    /// By how many rows each table would be shorter; those that would not be are left out.
    pub(crate) rows: BTreeMap<&'static str, u64>,
    /// Journals of hooks that would be removed.
    pub(crate) journals: u64,
}

impl Loss {
    /// Whether all would stay as it is.
    pub(crate) fn is_nothing(&self) -> bool {
        self.gone.is_empty()
            && self.changed.is_empty()
            && self.rows.is_empty()
            && self.journals == 0
    }
}

/// Forgets what is named, as of `now`, on a copy of the store of `reader` in the empty folder
/// `scratch`, and says what is gone. `home` is the store's home.
pub(crate) fn rehearse(
    reader: &Reader,
    home: &Path,
    scratch: &Path,
    what: &Forget,
    now: i64,
) -> Result<Loss, StorageError> {
    reader.copy_to(scratch)?;
    let journals = copy_names(home, scratch)?;
    let mut store = Store::open(scratch, true)?;
    let before = store.inventory()?;
    forget(&mut store, what, now)?;
    let mut loss = difference(before, &store.inventory()?);
    loss.journals = journals - names(scratch).count() as u64;
    Ok(loss)
}

/// What `after` has not any more, or has otherwise.
fn difference(before: Inventory, after: &Inventory) -> Loss {
    let mut loss = Loss::default();
    for (id, known) in before.patterns {
        match after.patterns.get(&id) {
            None => loss.gone.push((id, known)),
            Some(left) if *left != known => loss.changed.push((id, left.clone())),
            Some(_) => {}
        }
    }
    for (table, rows) in before.rows {
        let fewer = rows.saturating_sub(after.rows.get(table).copied().unwrap_or(0));
        if fewer > 0 {
            loss.rows.insert(table, fewer);
        }
    }
    loss
}

/// The files in the folder of journals in `home`.
fn names(home: &Path) -> impl Iterator<Item = std::ffi::OsString> {
    fs::read_dir(home.join("sessions"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
}

/// Makes an empty file in `scratch` for each journal in `home`, of which only the names matter.
/// Returns how many these are.
fn copy_names(home: &Path, scratch: &Path) -> Result<u64, StorageError> {
    let mut copied = 0;
    for name in names(home) {
        file::replace_own(&scratch.join("sessions").join(name), b"")?;
        copied += 1;
    }
    Ok(copied)
}
