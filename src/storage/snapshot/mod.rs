//! Snapshots: what hooks answer from.
//!
//! A snapshot is one immutable file for each project: exact keys, term lists,
//! patterns, files, in the form in which an event asks for them. A catalogue beside them says
//! which project a folder belongs to, and of which state of the database they are. Answering
//! takes no lock and opens no database.
//!
//! They are a cache. Learning writes them when it is done, each replaced by a rename, the
//! catalogue last. Whatever does not fit — a snapshot that is missing, damaged or of another
//! generation, a catalogue of another state of the database — is answered by SQLite instead, with
//! the same words. `docs/storage.md` describes the files.

mod blocks;
mod catalogue;
pub(super) mod encode;
mod files;
mod layout;
mod map;
mod part;
mod project;
mod publish;
mod query;
mod sheet;
mod slots;
mod terms;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::DATABASE;
use super::dense::Dense;
use super::error::StorageError;
use super::open::{Reader, Rest};
use super::postings::{Corpus, Directory};
use super::recall::{Companion, KnownFile, Recall, Said, Term};
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::Weights;
use catalogue::Catalogue;
use layout::Damage;
pub(crate) use map::map;
use project::ProjectSnapshot;

/// Folder of the snapshots in the home.
const FOLDER: &str = "snapshots";

/// File name of the catalogue.
const CATALOGUE: &str = "catalogue";

/// Answers from the snapshots of the home at `home` or, where they are not up to date, from its
/// database. `read` may run more than once and must have no effects. Hot.
///
/// # Errors
/// As [`Reader::with`].
pub(crate) fn recall<T>(
    home: &Path,
    read: impl Fn(&dyn Recall) -> Result<T, StorageError>,
) -> Result<T, StorageError> {
    if let Some(snapshots) = Snapshots::open(home)
        && let Ok(answer) = read(&snapshots)
    {
        // The process ends soon, and unmapping would be noticed.
        std::mem::forget(snapshots);
        return Ok(answer);
    }
    Reader::with(home, |reader| read(reader))
}

/// The same from snapshots alone; `None` where there are none of the database as it is.
pub(crate) fn from_snapshots<T>(home: &Path, read: impl Fn(&dyn Recall) -> T) -> Option<T> {
    Snapshots::open(home).map(|snapshots| read(&snapshots))
}

/// Whether the home's hooks are answered from snapshots, as far as the catalogue tells.
pub(crate) fn answered_from_snapshots(home: &Path) -> bool {
    Snapshots::open(home).is_some()
}

/// The folder of the snapshots of the home at `home`.
pub(super) fn folder(home: &Path) -> PathBuf {
    home.join(FOLDER)
}

/// Path of the catalogue of the home at `home`.
fn catalogue_path(home: &Path) -> PathBuf {
    home.join(FOLDER).join(CATALOGUE)
}

/// Path of a project's snapshot.
fn project_path(home: &Path, project: i64) -> PathBuf {
    home.join(FOLDER).join(project.to_string())
}

/// The snapshots of a home, all of the database as it is.
#[derive(Debug)]
struct Snapshots {
    home: PathBuf,
    catalogue: Catalogue,
    /// The snapshot of the project that the event is about.
    scope: OnceCell<(i64, ProjectSnapshot)>,
}

impl Snapshots {
    /// The snapshots of the home at `home`; `None` where they are not up to date.
    fn open(home: &Path) -> Option<Self> {
        let database = Rest::of(&home.join(DATABASE))?;
        let catalogue = Catalogue::open(&catalogue_path(home)).ok()?;
        let scope = OnceCell::new();
        catalogue.is_of(&database).then(|| Self { home: home.into(), catalogue, scope })
    }

    /// Names the catalogue, should it be damaged.
    fn listed<T>(&self, read: Result<T, Damage>) -> Result<T, StorageError> {
        read.map_err(|Damage| StorageError::Snapshot { path: catalogue_path(&self.home) })
    }

    /// Reads the snapshot of a project.
    fn of<'a, T>(
        &'a self,
        project: i64,
        read: impl FnOnce(&'a ProjectSnapshot) -> Result<T, Damage>,
    ) -> Result<T, StorageError> {
        let damaged = || StorageError::Snapshot { path: project_path(&self.home, project) };
        let (row, snapshot) = if let Some(scope) = self.scope.get() {
            scope
        } else {
            let generation = self.catalogue.generation(project).ok_or_else(damaged)?;
            let path = project_path(&self.home, project);
            let opened =
                ProjectSnapshot::open(&path, project, generation).map_err(|_| damaged())?;
            self.scope.get_or_init(|| (project, opened))
        };
        if *row != project {
            return Err(damaged());
        }
        read(snapshot).map_err(|Damage| damaged())
    }
}

/// A row that no snapshot can have is in none.
fn small(row: i64) -> Result<u32, Damage> {
    u32::try_from(row).map_err(|_| Damage)
}

impl Recall for Snapshots {
    fn project_of_roots(&self, folders: &[&str]) -> Result<Option<(i64, String)>, StorageError> {
        for folder in folders {
            let found = self.listed(self.catalogue.root(folder))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn project_by_key(&self, key: &str) -> Result<Option<i64>, StorageError> {
        self.listed(self.catalogue.project(key))
    }

    fn place_weights(&self) -> Result<Weights, StorageError> {
        Ok(self.catalogue.place_weights())
    }

    fn last_activity(&self, project: i64) -> Result<Option<i64>, StorageError> {
        self.of(project, ProjectSnapshot::last_activity)
    }

    fn by_key(&self, project: i64, key: Key, kinds: &[Kind]) -> Result<Vec<Pattern>, StorageError> {
        let mut found = self.of(project, |snapshot| snapshot.by_key(key))?;
        found.retain(|pattern| kinds.contains(&pattern.kind));
        Ok(found)
    }

    fn each_active(
        &self,
        project: i64,
        kind: Kind,
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), StorageError> {
        self.of(project, |snapshot| snapshot.each_active(kind, each))
    }

    fn command_rate(&self, project: i64, key: Key) -> Result<(u32, u32), StorageError> {
        self.of(project, |snapshot| snapshot.command_rate(key))
    }

    fn files_named(&self, project: i64, name: &str) -> Result<Vec<KnownFile>, StorageError> {
        let key = Key::new(Space::FileName, name);
        self.of(project, |snapshot| snapshot.files_named(key))
    }

    fn file_at(&self, project: i64, path: &str) -> Result<Option<KnownFile>, StorageError> {
        self.of(project, |snapshot| snapshot.file_at(path))
    }

    fn changed_with(
        &self,
        project: i64,
        path: &str,
        limit: usize,
    ) -> Result<(u32, Vec<Companion>), StorageError> {
        self.of(project, |snapshot| snapshot.changed_with(path, limit))
    }

    fn directory(
        &self,
        project: i64,
        corpus: Corpus,
    ) -> Result<Option<Directory<'_>>, StorageError> {
        self.of(project, |snapshot| snapshot.directory(corpus).map(Some))
    }

    fn look_up<'a>(
        &self,
        project: i64,
        _corpora: &[Corpus],
        terms: &'a [String],
    ) -> Result<Vec<Term<'a>>, StorageError> {
        self.of(project, |snapshot| terms.iter().map(|term| snapshot.term(term)).collect())
    }

    fn term_list(
        &self,
        project: i64,
        corpus: Corpus,
        term: &Term<'_>,
    ) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        self.of(project, |snapshot| Ok(snapshot.term_list(corpus, term)?.map(Cow::Borrowed)))
    }

    fn patterns(&self, project: i64) -> Result<u32, StorageError> {
        self.of(project, ProjectSnapshot::patterns_known)
    }

    fn dense(&self, project: i64, corpus: Corpus) -> Result<Option<Dense<'_>>, StorageError> {
        let vectors = self.of(project, |snapshot| snapshot.vectors(corpus))?;
        // Centroids and places are looked at where they are mapped, since all of them are compared or
        // they lie side by side; entries are read.
        Ok(vectors.and_then(|(bytes, part)| {
            let fill = move |at, entries: &mut [u8]| {
                part.fill(at, entries).map_err(|Damage| StorageError::Snapshot {
                    path: project_path(&self.home, project),
                })
            };
            Some(Dense::new(bytes.into())?.filled(fill))
        }))
    }

    fn decision_terms(&self, project: i64, row: i64) -> Result<Vec<(Key, u32)>, StorageError> {
        self.of(project, |snapshot| snapshot.decision_terms(small(row)?))
    }

    fn episode_files(&self, project: i64, row: i64) -> Result<Vec<KnownFile>, StorageError> {
        self.of(project, |snapshot| snapshot.episode_files(small(row)?))
    }

    fn pattern_in(&self, project: i64, row: i64) -> Result<Option<Pattern>, StorageError> {
        self.of(project, |snapshot| snapshot.pattern(small(row)?))
    }

    fn said_after(&self, project: i64, row: i64, since: i64) -> Result<Option<Said>, StorageError> {
        self.of(project, |snapshot| snapshot.said_after(small(row)?, since))
    }

    fn file_in(&self, project: i64, row: i64) -> Result<Option<KnownFile>, StorageError> {
        self.of(project, |snapshot| snapshot.file(small(row)?))
    }
}
