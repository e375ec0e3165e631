//! What hooks answer from, after a command that changed the database.

use std::path::Path;

use super::encoder;
use crate::storage::{StorageError, Store};

/// Writes it. Also after a command that changed no pattern: hooks ask the database from any change
/// of it on, which takes longer. What is still to be listed is: after an upgrade there may be no
/// term lists, and hooks would find nothing by its words.
pub(super) fn publish(store: &mut Store, home: &Path) -> Result<(), StorageError> {
    store.encode_with(Some(Box::new(encoder::of_home(home))));
    store.refresh_postings()?;
    store.publish()
}
