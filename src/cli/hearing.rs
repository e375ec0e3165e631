//! What others said becomes patterns, and hooks hear of it at once: the end of every command that
//! takes something in.

use std::path::Path;

use super::encoder;
use crate::storage::{StorageError, Store};
use crate::sync::keys::WorkspaceKeys;
use crate::sync::local::{self, Projects};
use crate::sync::segment::DeviceKey;

/// Brings the patterns in line with what is known of them now. `me` is as for
/// [`local::project`]. Returns how many patterns that touched.
pub(super) fn hear(
    store: &mut Store,
    keys: Option<&WorkspaceKeys>,
    me: Option<&DeviceKey>,
    now: i64,
) -> Result<usize, StorageError> {
    let projects = Projects::of(store, keys)?;
    local::project(store, &projects, me, now)
}

/// Writes what hooks answer from. Also after a command that changed no pattern: hooks ask the
/// database from any change of it on, which takes longer.
pub(super) fn publish(store: &mut Store, home: &Path) -> Result<(), StorageError> {
    store.encode_with(Some(Box::new(encoder::of_home(home))));
    store.refresh_postings()?;
    store.publish()
}
