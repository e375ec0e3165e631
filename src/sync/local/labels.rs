//! What stands for a project where others read: a label that only who shares with it can make.

use std::collections::BTreeMap;

use crate::storage::{StorageError, Store};
use crate::sync::crypto;
use crate::sync::keys::WorkspaceKeys;

/// Under which key of the store the label keys of imported files are kept, 32 bytes each.
pub(crate) const LABELS: &str = "labels";

/// The key with which a workspace labels projects.
pub(crate) fn label_key(keys: &WorkspaceKeys) -> [u8; 32] {
    *keys.purpose("project labels")
}

/// The label of the project with this key.
pub(crate) fn project_label(label_key: &[u8; 32], project: &str) -> [u8; 16] {
    let mut label = [0; 16];
    label.copy_from_slice(&crypto::mac(label_key, &[project.as_bytes()])[..16]);
    label
}

/// Which projects labels stand for.
pub(crate) struct Projects(BTreeMap<[u8; 16], i64>);

impl Projects {
    /// The projects of the store, under the labels of the workspace, if there is one, and of the
    /// files that were imported.
    pub(crate) fn of(
        store: &Store,
        workspace: Option<&WorkspaceKeys>,
    ) -> Result<Self, StorageError> {
        let mut keys: Vec<[u8; 32]> = workspace.map(label_key).into_iter().collect();
        let imported = store.sharing_value(LABELS)?.unwrap_or_default();
        keys.extend(imported.as_chunks().0);
        let mut labels = BTreeMap::new();
        for (id, key, _) in store.projects()? {
            labels.extend(keys.iter().map(|label| (project_label(label, &key), id)));
        }
        Ok(Self(labels))
    }

    /// The project that a label stands for, if it is known.
    pub(super) fn of_label(&self, label: &[u8; 16]) -> Option<i64> {
        self.0.get(label).copied()
    }

    /// Whether a label stands for a project that is known.
    pub(crate) fn knows(&self, label: &[u8; 16]) -> bool {
        self.0.contains_key(label)
    }
}
