//! Errors as people see them: what failed, its causes, what to do; and the exit code.

use std::error::Error;
use std::path::Path;

use crate::config::{self, ConfigError, Settings};
#[cfg(feature = "encoder")]
use crate::embeddings::EmbeddingError;
#[cfg(feature = "encoder")]
use crate::embeddings::distill::DistillError;
use crate::evaluation::EvaluationError;
use crate::hooks::install::InstallError;
#[cfg(feature = "download")]
use crate::library::FetchError;
#[cfg(feature = "encoder")]
use crate::library::LibraryError;
use crate::storage::{Disk, StorageError};
#[cfg(feature = "sync")]
use crate::sync::text::TextError;

/// What kind of failure decides the exit code; `docs/cli.md` lists them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// The request could not be carried out.
    Failed,
    /// The configuration or the settings cannot be used.
    Configuration,
    /// Nothing was found.
    Nothing,
    /// A defect of MANA.
    Internal,
}

impl Kind {
    /// The exit code. 2 is what wrong arguments end with.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Configuration => 3,
            Self::Nothing => 4,
            Self::Internal => 70,
        }
    }
}

/// A failure with its cause and what to do about it.
#[derive(Debug)]
pub(crate) struct CliError {
    /// Decides the exit code.
    pub(crate) kind: Kind,
    /// What failed.
    pub(crate) source: Box<dyn Error>,
    /// What to do, a sentence each.
    pub(crate) hints: Vec<String>,
}

impl CliError {
    /// A failure with this message.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, source: message.into().into(), hints: Vec::new() }
    }

    /// That a file or folder that a person named is not there.
    pub(crate) fn no_file(path: &Path) -> Self {
        Self::new(Kind::Nothing, format!("there is no {}", path.display()))
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<EvaluationError> for CliError {
    fn from(error: EvaluationError) -> Self {
        match error {
            EvaluationError::Storage(error) => error.into(),
            error => Self { kind: Kind::Failed, source: error.into(), hints: Vec::new() },
        }
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> Self {
        let (kind, hint) = match &error {
            StorageError::Missing { .. } => {
                (Kind::Nothing, Some("Run `mana learn` to learn from your transcripts."))
            }
            StorageError::Newer { .. } => (
                Kind::Configuration,
                Some("Update mana; this version will not touch what a newer one wrote."),
            ),
            StorageError::Older { .. } => {
                (Kind::Failed, Some("Run `mana learn`: it brings the database up to date."))
            }
            error if error.is_damage() => (
                Kind::Failed,
                Some(
                    "Run `mana learn`: it sets the file aside and rebuilds the database from the \
                     transcripts.",
                ),
            ),
            StorageError::Read { .. } => {
                (Kind::Failed, Some("It is forgotten; run `mana learn` later to empty the log."))
            }
            StorageError::Locked { .. } => (Kind::Failed, Some("Try again when it has finished.")),
            _ => (Kind::Failed, None),
        };
        let hints = match error.disk() {
            Some(disk) if hint.is_none() => vec![about_disk(disk)],
            _ => hint.map(String::from).into_iter().collect(),
        };
        Self { kind, source: error.into(), hints }
    }
}

/// What to do about a disk. SQLite does not say which file it was about, so the home is named.
fn about_disk(disk: Disk) -> String {
    let home = Settings::load(config::current_dir().as_deref()).map(|settings| settings.home);
    let home = home.map_or_else(|_| "MANA's home".into(), |home| home.display().to_string());
    match disk {
        Disk::Full => format!(
            "There is no room for files in {home}: make some and run it again. Nothing that was \
             stored is lost."
        ),
        Disk::ReadOnly => format!("{home} and the files in it have to be writable."),
        Disk::Failing => format!(
            "The disk with {home} answers with errors: the system's log may say why. Nothing that \
             was stored is lost, and trying again is safe."
        ),
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::NoHome => "Set HOME, or MANA_HOME and CLAUDE_CONFIG_DIR.",
            ConfigError::Read { .. } | ConfigError::Parse { .. } => {
                "Mend or remove the file; without it the defaults hold."
            }
            ConfigError::Pattern { .. } => {
                "Mend the pattern: nothing is learned before it is clear what must not be."
            }
        };
        Self { kind: Kind::Configuration, source: error.into(), hints: vec![hint.into()] }
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        let hints = vec![error.hint().into()];
        Self { kind: Kind::Configuration, source: error.into(), hints }
    }
}

#[cfg(feature = "encoder")]
impl From<LibraryError> for CliError {
    fn from(error: LibraryError) -> Self {
        let (kind, hint) = match &error {
            LibraryError::NotInstalled { .. } => {
                (Kind::Nothing, Some("`mana model list` says what is installed."))
            }
            LibraryError::Exists { .. } => (
                Kind::Failed,
                Some("Take another name with --name, or run `mana model remove` first."),
            ),
            LibraryError::Busy { .. } => (Kind::Failed, Some("Try again when it has finished.")),
            LibraryError::File(error) if is_full(&error.source) => {
                (Kind::Failed, Some("Make room and try again; nothing is half installed."))
            }
            LibraryError::Model(error) => (Kind::Failed, Some(mend(error))),
            #[cfg(feature = "download")]
            LibraryError::Fetch(error) => (Kind::Failed, fetch_hint(error)),
            _ => (Kind::Failed, None),
        };
        Self { kind, source: error.into(), hints: hint.map(String::from).into_iter().collect() }
    }
}

/// What to do about a model that cannot be used.
#[cfg(feature = "encoder")]
fn mend(error: &EmbeddingError) -> &'static str {
    match error {
        EmbeddingError::Missing { .. } => {
            "A model folder holds config.json, tokenizer.json and model.safetensors."
        }
        EmbeddingError::Unsupported { .. } => {
            "Take a BERT-shaped sentence encoder, such as gte-small or all-MiniLM-L6-v2."
        }
        _ => "Get the model anew: `mana model remove NAME`, then `mana model install`.",
    }
}

#[cfg(feature = "download")]
fn fetch_hint(error: &FetchError) -> Option<&'static str> {
    Some(match error {
        FetchError::Cut { .. } => "Run the same command again: it goes on where it stopped.",
        FetchError::File(error) if is_full(&error.source) => {
            "Make room and run the same command again: it goes on where it stopped."
        }
        FetchError::Reach { .. } | FetchError::Setup { .. } => {
            "Without a network, copy the model's folder here and run `mana model install FOLDER`."
        }
        FetchError::Checksum { .. } | FetchError::TooLong { .. } => {
            "It was thrown away. The server, or something on the way to it, changed the file."
        }
        _ => return None,
    })
}

/// Whether a write failed because nothing more may be written.
#[cfg(feature = "encoder")]
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

#[cfg(feature = "sync")]
impl From<TextError> for CliError {
    fn from(error: TextError) -> Self {
        let hint = match &error {
            TextError::Start(_) => "Was the program removed or replaced? Then run it again.",
            _ => "Nothing was changed.",
        };
        Self { kind: Kind::Failed, source: error.into(), hints: vec![hint.into()] }
    }
}

#[cfg(feature = "encoder")]
impl From<DistillError> for CliError {
    fn from(error: DistillError) -> Self {
        let hint = match &error {
            DistillError::TooFew { .. } => {
                "Run `mana learn` first, or name files with texts by --texts."
            }
            DistillError::Teacher(error) => mend(error),
        };
        Self { kind: Kind::Failed, source: error.into(), hints: vec![hint.into()] }
    }
}
