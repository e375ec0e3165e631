//! `mana sync set-key`: another passphrase, and new keys.

use serde::Serialize;

use super::open;
use crate::cli::args::SyncSetKeyArgs;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Output;
use crate::cli::time;
use crate::config::{self, Settings};
use crate::storage::{ExchangeLock, Store};
use crate::sync::random::System;
use crate::sync::workspace::{self, Remote};

#[derive(Debug, Serialize)]
struct Report {
    epoch: u32,
    rotated: bool,
    key_on_remote: bool,
}

pub(super) fn run(args: &SyncSetKeyArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let sharing = open::settings(&settings.home)?;
    let mut keys = open::keys(&settings.home)?;
    let _alone = ExchangeLock::wait(&settings.home)?;
    let mut store = Store::open(&settings.home, true)?;
    let device = open::device(&settings.home)?;
    let folder = open::folder(&settings.home);
    let prompt = "New passphrase of the workspace: ";
    let Some(passphrase) = open::passphrase(args.key_file.as_deref(), prompt)? else {
        return Err(CliError::new(Kind::Failed, "the new passphrase is needed")
            .hint("Set MANA_SYNC_KEY, name a file with --key-file, or run it in a terminal."));
    };
    let label = open::label(&mut store, &keys, &device)?;
    let mut backend =
        open::backend(&settings.home, &sharing, label, time::now().timestamp_millis())?;
    // Another device may have begun an epoch meanwhile, under the same passphrase.
    if let Remote::Workspace(boxes) = workspace::look(backend.as_mut())?
        && let Ok(others) = workspace::enter(&boxes, passphrase.as_bytes())
        && !keys.learn(&others)
    {
        return Err(CliError::new(
            Kind::Failed,
            "the remote holds the keys of another workspace under this passphrase",
        ));
    }
    if args.rotate {
        keys.rotate(&mut System)?;
    }
    let sealed = workspace::seal(&folder, &keys, passphrase.as_bytes(), &mut System)?;
    workspace::save(&folder, &keys)?;
    let key_on_remote = args.publish_key || workspace::is_long(&passphrase);
    if key_on_remote {
        workspace::publish(backend.as_mut(), &keys, sealed)?;
    } else {
        workspace::withdraw(backend.as_mut(), &keys, None)?;
    }
    let report = Report { epoch: keys.epoch(), rotated: args.rotate, key_on_remote };
    output.object(&report);
    output.line("The passphrase is set.");
    if report.rotated {
        output.line(format!(
            "What is said from now on is sealed with new keys (epoch {}): run `mana sync set-key` \
             with the new passphrase on the other devices.",
            report.epoch
        ));
    }
    if !report.key_on_remote {
        output.line("The keys are not on the remote: take the file sync/keybox to other devices.");
    }
    Ok(())
}
