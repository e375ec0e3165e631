//! What could be wrong with an installation, one check after the other, and what mends it.
//!
//! Looking changes nothing. A [`Finding`] may carry a [`Mend`], which is data; [`mend`] carries it
//! out. Each file here is one subject: [`files`], [`database`], [`timings`], [`hooked`].

mod database;
mod files;
mod hooked;
mod timings;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::hooks::install::{HookEntries, InstallError, SettingsFile};
use crate::learning::discover::Root;
use crate::model::exclude::Exclusions;
use crate::model::vector::Encode;
use crate::storage::{StorageError, Store};

/// How a check went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Good,
    /// It works; something could be better.
    Warning,
    /// It does not work.
    Problem,
}

/// What a check found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at, in a word or two.
    pub(crate) about: &'static str,
    /// How it went.
    pub(crate) state: State,
    /// What was seen.
    pub(crate) says: String,
    /// What to do, where there is something to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
    /// What `--fix` does.
    #[serde(rename = "fix", skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<Mend>,
}

impl Finding {
    fn new(about: &'static str, state: State, says: impl Into<String>) -> Self {
        Self { about, state, says: says.into(), advice: None, mend: None }
    }

    fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    fn mend(mut self, mend: Mend) -> Self {
        self.mend = Some(mend);
        self
    }
}

/// What mends a finding without asking: nothing of it can lose what was learned or decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mend {
    /// Takes the rights of others from these files and folders.
    Protect(Vec<PathBuf>),
    /// Brings the hooks of these settings up to date.
    Hooks(PathBuf),
    /// Sets the damaged database aside and begins a new one, which the next run fills.
    Rebuild,
    /// Writes the snapshots that hooks answer from.
    Publish,
}

impl Serialize for Mend {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.describe())
    }
}

impl Mend {
    /// What it does, as a verb phrase.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Protect(paths) => {
                format!("take the rights of others from {} files and folders", paths.len())
            }
            Self::Hooks(path) => format!("bring the hooks in {} up to date", path.display()),
            Self::Rebuild => "set the damaged database aside; `mana learn` fills a new one".into(),
            Self::Publish => "write the snapshots that hooks answer from".into(),
        }
    }
}

/// A mend that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DoctorError {
    /// Rights cannot be changed.
    #[error("cannot protect {path}")]
    Protect {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The settings cannot be changed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The store cannot be changed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// What there is to look at.
#[derive(Debug)]
pub(crate) struct Patient<'a> {
    /// MANA's home.
    pub(crate) home: &'a Path,
    /// The folder of the logs.
    pub(crate) logs: &'a Path,
    /// The settings of the client that may hold hooks: the user's, and the project's.
    pub(crate) settings: Vec<PathBuf>,
    /// The hooks as they should be; `None` when this program's own place is not known.
    pub(crate) entries: Option<HookEntries>,
    /// The hooks as they may be as well; `None` where `PATH` does not lead to this program.
    pub(crate) by_name: Option<HookEntries>,
    /// Where the client's transcripts are.
    pub(crate) transcripts: Vec<Root>,
    /// What is not learned.
    pub(crate) exclusions: &'a Exclusions,
    /// Whether to read the whole database, however long it takes.
    pub(crate) deep: bool,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

/// Looks at everything.
pub(crate) fn examine(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = hooked::check(patient);
    findings.extend(files::check(patient));
    findings.extend(database::check(patient));
    findings.extend(timings::check(patient));
    findings
}

/// Carries out what a finding carries, and says what was done. `encoder` tells what those texts mean
/// whose terms are still to be listed.
pub(crate) fn mend(
    mend: &Mend,
    home: &Path,
    entries: Option<&HookEntries>,
    encoder: &dyn Fn() -> Box<dyn Encode + Send + Sync>,
    now: DateTime<Utc>,
) -> Result<String, DoctorError> {
    match mend {
        Mend::Protect(paths) => files::protect(paths)?,
        Mend::Hooks(path) => {
            let file = SettingsFile::read(path)?;
            if let Some(entries) = entries {
                let plan = file.plan_install(entries)?;
                file.apply(&plan, now)?;
            }
        }
        Mend::Rebuild => {
            let now = now.timestamp_millis();
            let mut store = Store::open_or_rebuild(home, true, now)?;
            // What only a check finds does not keep a database from being opened.
            if store.set_aside().is_none() {
                store.rebuild(now)?;
            }
            let aside = store.set_aside().map(|aside| aside.display().to_string());
            return Ok(format!(
                "set the damaged database aside as {}; `mana learn` fills a new one",
                aside.unwrap_or_default()
            ));
        }
        Mend::Publish => {
            let mut store = Store::open(home, true)?;
            store.encode_with(Some(encoder()));
            store.publish_all()?;
        }
    }
    Ok(mend.describe())
}

/// A size for people, in units of 1,000.
fn size(bytes: u64) -> String {
    let mega = bytes as f64 / 1e6;
    if mega < 0.1 {
        format!("{:.0} kB", (bytes as f64 / 1e3).ceil())
    } else if mega < 1_000.0 {
        format!("{mega:.1} MB")
    } else {
        format!("{:.1} GB", mega / 1e3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let shown = [0, 1, 99_000, 1_250_000, 3_400_000_000].map(size);
        assert_eq!(shown, ["0 kB", "1 kB", "99 kB", "1.2 MB", "3.4 GB"]);
    }
}
