//! Which project a trajectory belongs to.

use std::collections::HashMap;
use std::path::Path;

use crate::model::paths;
use crate::storage::{Recall, StorageError, Store, StoredRoot};
use crate::workspace::{self, Project};

/// A trajectory's project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Belonging {
    /// Row of the project.
    pub(super) project: i64,
    /// The folder in which the trajectory started, with `~` for the home.
    pub(super) folder: String,
    /// The project's folder, to which paths are relative.
    pub(super) base: String,
}

/// Finds and remembers the projects of the folders in which sessions started.
#[derive(Debug, Default)]
pub(super) struct Projects {
    known: HashMap<(String, String), Belonging>,
}

impl Projects {
    /// The project of a session that started in `folder` and whose transcript lies in the
    /// client's folder `transcripts`. A session that does not say where it started belongs to
    /// the project of the others in that folder.
    pub(super) fn of(
        &mut self,
        store: &mut Store,
        folder: &str,
        transcripts: &str,
    ) -> Result<Belonging, StorageError> {
        let key = (folder.to_string(), transcripts.to_string());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let found = if folder.is_empty() {
            of_transcripts(store, transcripts)?
        } else {
            let found = of_folder(store, folder)?;
            note_transcripts(store, transcripts, &found)?;
            found
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

fn of_transcripts(store: &mut Store, transcripts: &str) -> Result<Belonging, StorageError> {
    let (project, base) = if let Some(known) = store.project_of_roots(&[transcripts])? {
        known
    } else {
        let project = ensure(store, &workspace::by_name(transcripts))?;
        store.note_root(&transcripts_root(transcripts, project, ""))?;
        (project, String::new())
    };
    Ok(Belonging { project, folder: transcripts.into(), base })
}

/// Remembers the client's folder of transcripts as one of the project that `found` belongs to.
/// Of the folders in which its sessions started the uppermost speaks for it.
fn note_transcripts(
    store: &mut Store,
    transcripts: &str,
    found: &Belonging,
) -> Result<(), StorageError> {
    let known = store.project_of_roots(&[transcripts])?;
    if known.is_some_and(|(_, base)| !base.is_empty() && base < found.folder) {
        return Ok(());
    }
    store.note_root(&transcripts_root(transcripts, found.project, &found.folder))
}

fn transcripts_root(transcripts: &str, project: i64, folder: &str) -> StoredRoot {
    StoredRoot { path: transcripts.into(), project, base: folder.into(), seen: false }
}

fn of_folder(store: &mut Store, folder: &str) -> Result<Belonging, StorageError> {
    let path = paths::tilde(folder);
    let known = store.project_of_roots(&[&path])?;
    let seen = Path::new(folder).exists();
    let found = if seen {
        workspace::identify(Path::new(folder))
    } else {
        // What it is called until `settle` has looked at the others.
        workspace::by_name(&path)
    };
    let keep = match &known {
        // What a repository told once stands when it tells no more: the folder is gone, or the
        // log that named its first commit has expired.
        Some((project, _)) if workspace::is_guess(&found.key) => {
            !seen || !workspace::is_guess(&store.project_names(*project)?.0)
        }
        _ => false,
    };
    let (project, base) = match known {
        Some(known) if keep => known,
        _ => {
            let base = match &found.top {
                Some(top) => paths::tilde(&top.to_string_lossy()),
                None => path.clone(),
            };
            (ensure(store, &found)?, base)
        }
    };
    store.note_root(&StoredRoot { path: path.clone(), project, base: base.clone(), seen })?;
    Ok(Belonging { project, folder: path, base })
}

/// The key of the project that `folder` belongs to: as its repository tells, and where that is
/// gone as it once told.
pub(super) fn key_of(store: &Store, folder: &str) -> Result<String, StorageError> {
    let found = workspace::identify(Path::new(folder));
    if !workspace::is_guess(&found.key) {
        return Ok(found.key);
    }
    let path = paths::tilde(folder);
    let above: Vec<&str> = paths::ancestors(&path).collect();
    match store.project_of_roots(&above)? {
        Some((project, _)) => Ok(store.project_names(project)?.0),
        None => Ok(found.key),
    }
}

fn ensure(store: &mut Store, project: &Project) -> Result<i64, StorageError> {
    store.ensure_project(&project.key, &project.name)
}

/// Settles the projects of folders that are not on this disk: only their repositories could say
/// whose they are. One that lies in a folder in which sessions of a project started belongs to
/// that project. This is asked when all transcripts are read, so that the order in which they
/// were does not matter. Trajectories follow their folders.
pub(super) fn settle(store: &mut Store) -> Result<(), StorageError> {
    let mut settled: HashMap<String, (i64, String)> = HashMap::new();
    let (transcripts, folders): (Vec<_>, Vec<_>) =
        store.roots()?.into_iter().partition(|root| root.path.starts_with("transcripts:"));
    // Upper folders come first, so that what a folder takes over is settled already.
    for root in folders {
        let above = paths::ancestors(&root.path).skip(1).find_map(|path| settled.get(path));
        let place = place_of(store, &root, above)?;
        if place != (root.project, root.base.clone()) {
            let (project, base) = place.clone();
            store.note_root(&StoredRoot { project, base, ..root.clone() })?;
        }
        settled.insert(root.path, place);
    }
    for root in transcripts {
        if let Some((project, _)) = settled.get(&root.base)
            && *project != root.project
        {
            store.note_root(&StoredRoot { project: *project, ..root })?;
        }
    }
    store.follow_roots()
}

/// Project and base of a folder, when `above` is those of the nearest folder above it.
fn place_of(
    store: &mut Store,
    root: &StoredRoot,
    above: Option<&(i64, String)>,
) -> Result<(i64, String), StorageError> {
    if root.seen || !workspace::is_guess(&store.project_names(root.project)?.0) {
        return Ok((root.project, root.base.clone()));
    }
    match above {
        Some(above) => Ok(above.clone()),
        None => Ok((ensure(store, &workspace::by_name(&root.path))?, root.path.clone())),
    }
}
