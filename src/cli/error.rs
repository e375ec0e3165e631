//! Errors as people see them: what failed, its causes, what to do; and the exit code.

use std::error::Error;

use crate::config::ConfigError;
use crate::hooks::install::InstallError;
use crate::storage::StorageError;

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

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
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
        Self { kind, source: error.into(), hints: hint.map(String::from).into_iter().collect() }
    }
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::NoHome => "Set HOME, or MANA_HOME and CLAUDE_CONFIG_DIR.",
            ConfigError::Read { .. } | ConfigError::Parse { .. } => {
                "Mend or remove the file; without it the defaults hold."
            }
        };
        Self { kind: Kind::Configuration, source: error.into(), hints: vec![hint.into()] }
    }
}

impl From<InstallError> for CliError {
    fn from(error: InstallError) -> Self {
        let hints = error.hint().map(String::from).into_iter().collect();
        Self { kind: Kind::Configuration, source: error.into(), hints }
    }
}
