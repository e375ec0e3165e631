//! `sync.toml`: with whom what was learned is shared, by which way, and what may leave.
//!
//! [`parse`] is pure and reports everything that is wrong at once; [`read`] and [`write()`] are the
//! only functions here that touch the disk; [`change()`] edits a text and keeps its comments.
//! Every section is checked, whether it is in use or not, so that a mistake shows when it is made.
//! `docs/sync/settings.md` names every key.

mod change;
mod check;
mod sections;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::storage::file::{self, PathError};

pub(crate) use change::{Unchanged, Value, change, fresh};
pub(crate) use sections::{Git, P2p, Postgres, S3, Security, Sharing, Supabase, parse};

/// The file's name in the home.
pub(crate) const FILE: &str = "sync.toml";

/// Bytes of a file that is read at most.
const LONGEST: usize = 64 * 1024;

/// What carries segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    /// A repository at a provider.
    Git,
    /// A repository on an own server.
    GitSelfhosted,
    /// A bucket at Amazon.
    S3,
    /// A bucket on another server.
    S3Selfhosted,
    /// A Supabase project.
    Supabase,
    /// A PostgreSQL database.
    Postgres,
    /// The members' machines themselves.
    P2p,
}

impl Carrier {
    /// All of them.
    pub(crate) const ALL: [Self; 7] = [
        Self::Git,
        Self::GitSelfhosted,
        Self::S3,
        Self::S3Selfhosted,
        Self::Supabase,
        Self::Postgres,
        Self::P2p,
    ];

    /// Its name, which is also that of its section.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::GitSelfhosted => "git_selfhosted",
            Self::S3 => "s3",
            Self::S3Selfhosted => "s3_selfhosted",
            Self::Supabase => "supabase",
            Self::Postgres => "postgres",
            Self::P2p => "p2p",
        }
    }

    /// The one of this name; a hyphen is as good as an underscore.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let name = name.replace('-', "_");
        Self::ALL.into_iter().find(|carrier| carrier.name() == name)
    }
}

/// Who may see what is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Visibility {
    /// The user's own machines.
    Private,
    /// The members of a team.
    Team,
    /// Everybody who has the address.
    Public,
}

/// `sync.toml` as it holds, with defaults for what is not said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// Whether anything is shared by itself.
    pub(crate) enabled: bool,
    /// What carries it.
    pub(crate) backend: Carrier,
    /// Minutes from one exchange to the next.
    pub(crate) interval_minutes: u32,
    /// `[sync.git]`
    pub(crate) git: Option<Git>,
    /// `[sync.git_selfhosted]`
    pub(crate) git_selfhosted: Option<Git>,
    /// `[sync.s3]`
    pub(crate) s3: Option<S3>,
    /// `[sync.s3_selfhosted]`
    pub(crate) s3_selfhosted: Option<S3>,
    /// `[sync.supabase]`
    pub(crate) supabase: Option<Supabase>,
    /// `[sync.postgres]`
    pub(crate) postgres: Option<Postgres>,
    /// `[sync.p2p]`
    pub(crate) p2p: Option<P2p>,
    /// `[sync.security]`
    pub(crate) security: Security,
    /// `[sync.sharing]`
    pub(crate) sharing: Sharing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: false,
            backend: Carrier::Git,
            interval_minutes: 30,
            git: None,
            git_selfhosted: None,
            s3: None,
            s3_selfhosted: None,
            supabase: None,
            postgres: None,
            p2p: None,
            security: Security::default(),
            sharing: Sharing::default(),
        }
    }
}

impl Settings {
    /// Whether `carrier` has a section.
    pub(crate) fn has(&self, carrier: Carrier) -> bool {
        match carrier {
            Carrier::Git => self.git.is_some(),
            Carrier::GitSelfhosted => self.git_selfhosted.is_some(),
            Carrier::S3 => self.s3.is_some(),
            Carrier::S3Selfhosted => self.s3_selfhosted.is_some(),
            Carrier::Supabase => self.supabase.is_some(),
            Carrier::Postgres => self.postgres.is_some(),
            Carrier::P2p => self.p2p.is_some(),
        }
    }
}

/// One thing that is wrong in a `sync.toml`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problem {
    /// Line, from 1.
    pub(crate) line: usize,
    /// The key with its section, as `sync.git.remote`; empty when the text is no TOML.
    pub(crate) key: String,
    /// What is wrong, as a fragment without the value of a key that may be secret.
    pub(crate) cause: String,
    /// What to do, as a sentence.
    pub(crate) help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.key.is_empty() {
            write!(f, ", {}", self.key)?;
        }
        write!(f, ": {}. {}", self.cause, self.help)
    }
}

/// Everything that is wrong in a text, at least one thing, in the order of lines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            let parted = if at == 0 { "" } else { "\n" };
            write!(f, "{parted}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// A `sync.toml` that cannot be used or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The disk does not do what is asked.
    #[error(transparent)]
    File(#[from] PathError),
    /// The file is no text, or far too long for settings.
    #[error("{path} is not a text of at most 64 kB")]
    NoText {
        /// The file.
        path: PathBuf,
    },
    /// The file says what cannot hold.
    #[error("{path} cannot be used")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What and where.
        source: Problems,
    },
    /// The file is written in a way that is not changed by program.
    #[error("{path} was not changed")]
    Unchanged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Unchanged,
    },
}

/// The settings in the file at `path`; `None` when there is none.
///
/// # Errors
/// [`SettingsError`] when it cannot be read or says what cannot hold.
pub(crate) fn read(path: &Path) -> Result<Option<Settings>, SettingsError> {
    let Some(text) = text_of(path)? else { return Ok(None) };
    parse(&text)
        .map(Some)
        .map_err(|source| SettingsError::Invalid { path: path.to_owned(), source })
}

/// Sets `keys` (as `sync.git.remote`) in the file at `path` and leaves all else as it stands,
/// comments too; a missing file is made from a template. What would not hold is not written.
/// Only this user can read the file afterwards.
///
/// # Errors
/// [`SettingsError`]; the file is as before then.
pub(crate) fn write(path: &Path, keys: &[(&str, Value)]) -> Result<Settings, SettingsError> {
    let old = text_of(path)?;
    let text = match &old {
        Some(text) => change(text, keys),
        None => fresh(keys),
    };
    let text = text.map_err(|source| SettingsError::Unchanged { path: path.to_owned(), source })?;
    let settings =
        parse(&text).map_err(|source| SettingsError::Invalid { path: path.to_owned(), source })?;
    if old.as_deref() != Some(&*text) {
        file::replace(path, text.as_bytes())?;
    }
    make_private(path)?;
    Ok(settings)
}

/// The text of the file at `path`.
fn text_of(path: &Path) -> Result<Option<String>, SettingsError> {
    let Some(bytes) = file::read(path)? else { return Ok(None) };
    let no_text = || SettingsError::NoText { path: path.to_owned() };
    if bytes.len() > LONGEST {
        return Err(no_text());
    }
    String::from_utf8(bytes).map(Some).map_err(|_| no_text())
}

/// Takes from all but the user the right to read the file at `path`: where things are kept is
/// nobody else's business.
fn make_private(path: &Path) -> Result<(), SettingsError> {
    use std::os::unix::fs::PermissionsExt;

    use crate::storage::file::PathContext as _;

    let mode = std::fs::metadata(path).context("look at", path)?.permissions().mode();
    if mode & 0o077 != 0 {
        let private = std::fs::Permissions::from_mode(mode & 0o700);
        std::fs::set_permissions(path, private).context("make private", path)?;
    }
    Ok(())
}
