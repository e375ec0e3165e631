//! Brings the snapshots in line with the database.

use std::collections::HashMap;
use std::sync::Arc;

use super::catalogue::Catalogue;
use super::write::{write_catalogue, write_project};
use super::{FOLDER, Snapshots, catalogue_path, project_path};
use crate::storage::error::StorageError;
use crate::storage::open::{Reader, Rest};
use crate::storage::store::Store;
use crate::storage::{DATABASE, file};

/// Projects that may be written before the log is moved; only their generations wait.
const AHEAD: usize = 64;

impl Store {
    /// Whether hooks answer from snapshots of the database as it is.
    pub(in crate::storage) fn is_published(&self) -> bool {
        Snapshots::open(&self.home).is_some()
    }

    /// Writes the snapshots of the projects that changed since the last time, and the catalogue.
    /// Meanwhile it moves the write-ahead log into the database and then empties it: while a
    /// process keeps it from that, there is no catalogue that fits and hooks ask the database.
    ///
    /// A crash in between leaves a catalogue that fits no more: hooks ask the database, and the
    /// next run writes all snapshots.
    pub(crate) fn publish(&mut self) -> Result<(), StorageError> {
        if self.unpublished.is_empty() && self.is_published() {
            return Ok(());
        }
        let mut known: HashMap<i64, u64> = HashMap::new();
        if self.published
            && let Ok(catalogue) = Catalogue::open(&catalogue_path(&self.home))
        {
            let unchanged = |row: &i64| !self.unpublished.contains(row);
            known = catalogue.generations().filter(|(row, _)| unchanged(row)).collect();
        }
        known.retain(|project, _| project_path(&self.home, *project).is_file());
        let projects: Vec<i64> = self.projects()?.into_iter().map(|(row, ..)| row).collect();
        known.extend(self.write_projects(projects.iter().filter(|row| !known.contains_key(row)))?);
        let emptied = self.checkpoint()?;
        let Some(database) = Rest::of(&self.home.join(DATABASE)).filter(|_| emptied) else {
            return Ok(());
        };
        let generations: Vec<(i64, u64)> =
            projects.into_iter().map(|row| (row, known[&row])).collect();
        write_catalogue(self, &database, &generations, &catalogue_path(&self.home))?;
        self.unpublished.clear();
        self.published = true;
        self.remove_snapshots(|name| {
            name.parse::<i64>().is_ok_and(|row| generations.iter().all(|(known, _)| *known != row))
        })
    }

    /// Writes the snapshots of all projects anew, whatever there is, after the term lists that are
    /// still to be made.
    pub(crate) fn publish_all(&mut self) -> Result<(), StorageError> {
        self.refresh_postings()?;
        self.published = false;
        self.unpublished = self.projects()?.into_iter().map(|(row, ..)| row).collect();
        self.publish()
    }

    /// Writes the snapshots of these projects, on threads of their own, while the log moves into
    /// the database: both wait for the disk. Returns their generations.
    fn write_projects<'p>(
        &mut self,
        projects: impl Iterator<Item = &'p i64>,
    ) -> Result<Vec<(i64, u64)>, StorageError> {
        let projects: Vec<i64> = projects.copied().collect();
        let home = self.home.clone();
        let write = |reader: &mut Option<Reader>, project| {
            let reader = match reader {
                Some(reader) => reader,
                None => reader.insert(Reader::beside(&home)?),
            };
            Ok((project, write_project(reader, project, &project_path(&home, project))?))
        };
        Arc::clone(self.workers()).in_order(
            &projects,
            AHEAD,
            || None,
            |reader, project, generations| {
                // Nobody listens any more when the log could not be moved, and that says so.
                let _stopped = generations.send(write(reader, *project));
            },
            |found| {
                self.move_log()?;
                found.iter().flatten().collect()
            },
        )
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
                file::remove_own(&entry.path())?;
            }
        }
        Ok(())
    }
}
