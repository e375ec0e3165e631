//! Brings the snapshots in line with the database.

use std::collections::HashMap;

use super::catalogue::Catalogue;
use super::write::{write_catalogue, write_project};
use super::{FOLDER, Snapshots, catalogue_path, project_path};
use crate::storage::error::StorageError;
use crate::storage::open::{Rest, Store};
use crate::storage::{DATABASE, file};

impl Store {
    /// Whether hooks answer from snapshots of the database as it is.
    pub(in crate::storage) fn is_published(&self) -> bool {
        Snapshots::open(&self.home).is_some()
    }

    /// Writes the snapshots of the projects that changed since the last time, and the catalogue.
    /// Call it when the write-ahead log is empty: while a process keeps it from being emptied,
    /// nothing is written and hooks ask the database.
    ///
    /// A crash in between leaves a catalogue that fits no more: hooks ask the database, and the
    /// next run writes all snapshots.
    pub(crate) fn publish(&mut self) -> Result<(), StorageError> {
        if self.unpublished.is_empty() && self.is_published() {
            return Ok(());
        }
        let Some(database) = Rest::of(&self.home.join(DATABASE)) else { return Ok(()) };
        let mut known: HashMap<i64, u64> = HashMap::new();
        if self.published
            && let Ok(catalogue) = Catalogue::open(&catalogue_path(&self.home))
        {
            let unchanged = |row: &i64| !self.unpublished.contains(row);
            known = catalogue.generations().filter(|(row, _)| unchanged(row)).collect();
        }
        let mut generations = Vec::new();
        for (project, _, _) in self.projects()? {
            let path = project_path(&self.home, project);
            let generation = match known.get(&project) {
                Some(generation) if path.is_file() => *generation,
                _ => write_project(self, project, &path)?,
            };
            generations.push((project, generation));
        }
        write_catalogue(self, &database, &generations, &catalogue_path(&self.home))?;
        self.unpublished.clear();
        self.published = true;
        self.remove_snapshots(|name| {
            name.parse::<i64>().is_ok_and(|row| generations.iter().all(|(known, _)| *known != row))
        })
    }

    /// Deletes all snapshots: they hold words that are to be forgotten.
    pub(in crate::storage) fn withdraw(&mut self) -> Result<(), StorageError> {
        self.published = false;
        self.remove_snapshots(|_| true)
    }

    fn remove_snapshots(&self, needless: impl Fn(&str) -> bool) -> Result<(), StorageError> {
        let folder = self.home.join(FOLDER);
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(StorageError::File { attempt: "list", path: folder, source });
            }
        };
        for entry in entries.flatten() {
            if needless(&entry.file_name().to_string_lossy()) {
                file::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}
