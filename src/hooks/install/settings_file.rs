//! One settings file: reads it, plans on it, and carries a plan out with a backup.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::document::{self, Document, SettingsError};
use super::entries::{BinaryError, HookEntries};
use super::plan::{Plan, PlanError, made_from, plan_install, plan_uninstall};
use crate::storage::file::{self, PathContext, PathError};

/// What a backup is called: the settings file's name with this behind it.
const BACKUP: &str = ".mana-backup";

/// The user's settings, for all projects, in Claude Code's folder `config`.
pub(crate) fn user_settings(config: &Path) -> PathBuf {
    config.join("settings.json")
}

/// The settings that the project in the folder `project` shares with everyone who works on it.
pub(crate) fn project_settings(project: &Path) -> PathBuf {
    project.join(".claude").join("settings.json")
}

/// Why the settings were not changed; in every case the file is as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// The binary cannot be named in the settings.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The settings are not what the client could read.
    #[error("cannot edit {}", path.display())]
    Refused {
        /// The settings file.
        path: PathBuf,
        /// Where and why.
        source: SettingsError,
    },
    /// A defect of ours, noticed before anything was written.
    #[error("the edit of {} would have changed other settings, so it was dropped", .0.display())]
    Unsafe(PathBuf),
    /// Somebody else wrote the file between reading and writing.
    #[error("{} has been changed by another program meanwhile", .0.display())]
    Changed(PathBuf),
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] PathError),
}

impl InstallError {
    /// What the user can do about it, as a sentence.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Binary(BinaryError::Relative(_) | BinaryError::NotUnicode(_)) => {
                "Install the binary under an absolute path in plain text."
            }
            Self::Binary(BinaryError::Renamed(_)) => "Rename the binary to `mana`.",
            Self::Refused { source, .. } => source.problem.hint(),
            Self::Unsafe(_) => {
                "Please report this with the file's hooks. Until then copy the entries from \
                 hooks/claude-code.json by hand."
            }
            Self::Changed(_) => "Run the command again.",
            Self::File(_) => {
                "The settings are as they were or as they should be, never half of it. Make the file \
                 and its folder writable, then run the command again."
            }
        }
    }
}

/// A settings file as it was when it was read.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    text: Option<String>,
    /// The text from before MANA was installed, if a backup has it.
    origin: Option<String>,
}

/// What carrying out a plan did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Nothing had to be done.
    Nothing,
    /// The file has its new content; the old one is in the backup, if there was an old one that
    /// no other backup holds.
    Written {
        /// The backup that was written just now.
        backup: Option<PathBuf>,
    },
    /// The file, which had held nothing but our entries, is gone.
    Deleted,
}

impl SettingsFile {
    /// Reads the settings at `path`, which need not exist, and the backups beside it.
    pub(crate) fn read(path: &Path) -> Result<Self, InstallError> {
        let text = read_text(path)?;
        let origin = find_origin(path, text.as_deref())?;
        Ok(Self { path: path.to_owned(), text, origin })
    }

    /// Its text; `None` when it does not exist.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Plans to have exactly `entries` in it; see [`plan_install`].
    pub(crate) fn plan_install(&self, entries: &HookEntries) -> Result<Plan, InstallError> {
        plan_install(self.text(), entries).map_err(|error| self.refused(error))
    }

    /// Plans to have no entries of ours in it; see [`plan_uninstall`].
    pub(crate) fn plan_uninstall(&self) -> Result<Plan, InstallError> {
        plan_uninstall(self.text(), self.origin.as_deref()).map_err(|error| self.refused(error))
    }

    /// The change as a unified diff under the file's path; empty when there is none.
    pub(crate) fn diff(&self, plan: &Plan) -> String {
        plan.diff(&self.path.display().to_string())
    }

    /// Carries out a plan that was made on this file.
    ///
    /// The old text is kept beside it as `settings.json.mana-backup`; where that one exists with
    /// another text, under a name with the time `now`. When a plan restores precisely what a
    /// backup holds, nothing is lost and the backup has served: it is deleted.
    pub(crate) fn apply(&self, plan: &Plan, now: DateTime<Utc>) -> Result<Applied, InstallError> {
        if plan.is_noop() {
            return Ok(Applied::Nothing);
        }
        let restores = plan.new_text() == self.origin.as_deref();
        let backup = match self.text() {
            Some(text) if !restores => self.back_up(text, now)?,
            _ => None,
        };
        // The client writes this file too. What remains after this look is the time of a rename.
        if read_text(&self.path)? != self.text {
            return Err(InstallError::Changed(self.path.clone()));
        }
        let Some(text) = plan.new_text() else {
            file::remove(&self.path)?;
            return Ok(Applied::Deleted);
        };
        file::replace(&self.path, text.as_bytes())?;
        if restores {
            for backup in backups(&self.path)? {
                if file::read(&backup)?.as_deref() == Some(text.as_bytes()) {
                    file::remove(&backup)?;
                }
            }
        }
        Ok(Applied::Written { backup })
    }

    /// Keeps `text` in a backup, unless one has it already; returns the one that was written.
    fn back_up(&self, text: &str, now: DateTime<Utc>) -> Result<Option<PathBuf>, PathError> {
        for backup in backups(&self.path)? {
            if file::read(&backup)?.as_deref() == Some(text.as_bytes()) {
                return Ok(None);
            }
        }
        let plain = with_suffix(&self.path, BACKUP);
        let dated = format!("{BACKUP}-{}", now.format("%Y%m%dT%H%M%SZ"));
        // A clock may stand still or go back, so that a dated name can be taken as well.
        let names = std::iter::once(plain).chain(
            std::iter::once(with_suffix(&self.path, &dated))
                .chain((2..).map(|n| with_suffix(&self.path, &format!("{dated}-{n}")))),
        );
        for name in names {
            if fs::symlink_metadata(&name).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
                file::replace(&name, text.as_bytes())?;
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn refused(&self, error: PlanError) -> InstallError {
        match error {
            PlanError::Refused(source) => InstallError::Refused { path: self.path.clone(), source },
            PlanError::Unsafe => InstallError::Unsafe(self.path.clone()),
        }
    }
}

fn read_text(path: &Path) -> Result<Option<String>, InstallError> {
    let Some(bytes) = file::read(path)? else { return Ok(None) };
    let refused = |source| InstallError::Refused { path: path.to_owned(), source };
    document::decode(bytes).map(Some).map_err(refused)
}

/// The text from before MANA was installed in the settings `text` at `path`, as far as backups
/// tell: the one that `text` was made from, else the newest one without entries of ours.
fn find_origin(path: &Path, text: Option<&str>) -> Result<Option<String>, PathError> {
    let mut newest = None;
    for backup in backups(path)?.into_iter().rev() {
        // A backup that cannot be read says nothing.
        let Ok(Some(old)) = read_text(&backup) else { continue };
        let clean = Document::parse(&old)
            .is_ok_and(|document| !document.handlers().any(|(_, handler)| handler.is_ours()));
        if clean && text.is_some_and(|text| made_from(text, &old)) {
            return Ok(Some(old));
        }
        if clean && newest.is_none() {
            newest = Some(old);
        }
    }
    Ok(newest)
}

/// The backups of the settings at `path`, oldest first: the one without a date, then by name.
fn backups(path: &Path) -> Result<Vec<PathBuf>, PathError> {
    let plain = with_suffix(path, BACKUP);
    let Some((folder, prefix)) = plain.parent().zip(plain.file_name()) else {
        return Ok(Vec::new());
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.context("list", folder)?,
    };
    let prefix = prefix.as_encoded_bytes();
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.context("list", folder)?;
        if entry.file_name().as_encoded_bytes().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// `path` with `suffix` behind its file name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
