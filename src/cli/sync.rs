//! `mana sync`: sharing through a carrier.

mod exchange;
mod init;
mod key;
pub(super) mod open;
mod peer;
mod preview;
mod redact;
mod status;

use super::args::{SyncArgs, SyncCommand};
use super::error::{CliError, Kind};
use super::output::Output;
use crate::storage::StorageError;
use crate::sync::backend::BackendError;
use crate::sync::device::DeviceError;
use crate::sync::engine::SyncError;
use crate::sync::keys::KeyBoxError;
use crate::sync::random::NoRandom;
use crate::sync::settings::SettingsError;
use crate::sync::workspace::WorkspaceError;

pub(crate) fn run(args: &SyncArgs, output: &mut Output) -> Result<(), CliError> {
    match &args.command {
        None => exchange::run(exchange::Way::Both, args.supervised, output),
        Some(SyncCommand::Init(args)) => init::run(args, output),
        Some(SyncCommand::Push(args)) if args.dry_run => preview::run(output),
        Some(SyncCommand::Push(_)) => exchange::run(exchange::Way::Push, false, output),
        Some(SyncCommand::Pull) => exchange::run(exchange::Way::Pull, false, output),
        Some(SyncCommand::Status) => status::run(output),
        Some(SyncCommand::SetKey(args)) => key::run(args, output),
        Some(SyncCommand::Redact(args)) => redact::run(args, output),
        Some(SyncCommand::Peer(command)) => peer::run(command, output),
    }
}

impl From<BackendError> for CliError {
    fn from(error: BackendError) -> Self {
        let hint = match &error {
            BackendError::Transient(_) => {
                "Nothing is lost: what was to be sent is kept, and `mana sync` tries again."
            }
            BackendError::Denied(_) => "docs/sync/git.md says which keys and tokens are used.",
            BackendError::Refused(_) => "Look at the address in sync.toml.",
            BackendError::Local(_) => "The folder sync/ in MANA's home has to be writable.",
        };
        Self { kind: Kind::Failed, source: error.into(), hints: vec![hint.into()] }
    }
}

impl From<NoRandom> for CliError {
    fn from(error: NoRandom) -> Self {
        Self { kind: Kind::Failed, source: error.into(), hints: Vec::new() }
    }
}

impl From<SyncError<StorageError>> for CliError {
    fn from(error: SyncError<StorageError>) -> Self {
        match error {
            SyncError::Ledger(error) => error.into(),
            SyncError::Backend(error) => error.into(),
            SyncError::Random(error) => error.into(),
        }
    }
}

impl From<DeviceError> for CliError {
    fn from(error: DeviceError) -> Self {
        let hints = match &error {
            DeviceError::Key(_) => {
                vec![
                    "Remove the file to become a new device; the others keep what this one said."
                        .into(),
                ]
            }
            _ => Vec::new(),
        };
        Self { kind: Kind::Failed, source: error.into(), hints }
    }
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        Self { kind: Kind::Configuration, source: error.into(), hints: Vec::new() }
    }
}

impl From<WorkspaceError> for CliError {
    fn from(error: WorkspaceError) -> Self {
        let hint = match &error {
            WorkspaceError::Damaged(_) => Some(
                "Set it aside and run `mana sync init` again: with the passphrase, the keys come \
                 from the remote or from the file keybox beside it.",
            ),
            WorkspaceError::Box(KeyBoxError::Passphrase) => Some(
                "It is the passphrase of the first device; MANA_SYNC_KEY or a prompt takes it.",
            ),
            WorkspaceError::KeysElsewhere => Some(
                "Bring the file sync/keybox from a device that is in, and pass it with --key-box.",
            ),
            WorkspaceError::Weaker => Some("Ask whoever runs the other devices before you go on."),
            _ => None,
        };
        match error {
            WorkspaceError::Backend(error) => error.into(),
            error => Self {
                kind: Kind::Failed,
                source: error.into(),
                hints: hint.map(String::from).into_iter().collect(),
            },
        }
    }
}
