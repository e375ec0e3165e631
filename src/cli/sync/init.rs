//! `mana sync init`: begins a workspace, or joins the one that the remote holds.

use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use super::open;
use crate::cli::args::SyncInitArgs;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Output;
use crate::cli::publish::publish;
use crate::cli::time;
use crate::config::{self, Settings};
use crate::storage::{ExchangeLock, StorageError, Store, file};
use crate::sync::backend::Backend;
use crate::sync::device::fingerprint;
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::random::System;
use crate::sync::settings::{self, Carrier, Value};
use crate::sync::workspace::{self, Remote};

/// What was done, as `--json` prints it. The passphrase is in it only when it was made up here.
#[derive(Debug, Serialize)]
struct Report {
    workspace: String,
    device: String,
    joined: bool,
    key_on_remote: bool,
    passphrase: Option<String>,
}

pub(super) fn run(args: &SyncInitArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let carrier = Carrier::from_name(&args.backend).ok_or_else(|| {
        CliError::new(Kind::Configuration, format!("there is no backend {:?}", args.backend))
            .hint("`git` and `git_selfhosted` are built.")
    })?;
    if !matches!(carrier, Carrier::Git | Carrier::GitSelfhosted) {
        return Err(open::not_built(carrier));
    }
    crate::storage::create_home(&settings.home)?;
    let _alone = ExchangeLock::wait(&settings.home)?;
    let mut store = Store::open(&settings.home, true)?;
    let folder = open::folder(&settings.home);
    let now = time::now().timestamp_millis();
    let sharing = write_settings(&settings.home, carrier, args)?;
    let device = open::device(&settings.home)?;
    let mut backend = open::backend(&settings.home, &sharing, String::new(), now)?;
    let found = workspace::look(backend.as_mut())?;
    let mut report = Report {
        workspace: String::new(),
        device: fingerprint(&device.key()),
        joined: true,
        key_on_remote: false,
        passphrase: None,
    };
    let keys = match (workspace::load(&folder)?, found) {
        (Some(keys), Remote::Workspace(boxes)) => {
            report.key_on_remote = !boxes.is_empty();
            keys
        }
        // A new remote for a workspace that this device is in.
        (Some(keys), Remote::Empty) => keys,
        (None, Remote::Workspace(boxes)) => {
            report.key_on_remote = !boxes.is_empty();
            join(args, boxes)?
        }
        (None, Remote::Empty) if args.key_box.is_some() => join(args, Vec::new())?,
        (None, Remote::Empty) => {
            report.joined = false;
            found_workspace(args, &folder, backend.as_mut(), &mut report)?
        }
    };
    crate::sync::engine::begin(&mut store, &device, &mut System)?;
    workspace::save(&folder, &keys)?;
    backend.introduce()?;
    publish(&mut store, &settings.home)?;
    report.workspace = hex(&keys.id);
    show(&report, output);
    Ok(())
}

/// Writes the address into sync.toml; other keys stay as they are.
fn write_settings(
    home: &Path,
    carrier: Carrier,
    args: &SyncInitArgs,
) -> Result<settings::Settings, CliError> {
    let section = carrier.name();
    let remote = format!("sync.{section}.remote");
    let branch = format!("sync.{section}.branch");
    let mut keys =
        vec![("sync.enabled", Value::Switch(true)), ("sync.backend", Value::Text(section.into()))];
    if let Some(url) = &args.url {
        keys.push((&remote, Value::Text(url.clone())));
    }
    if let Some(name) = &args.branch {
        keys.push((&branch, Value::Text(name.clone())));
    }
    Ok(settings::write(&home.join(settings::FILE), &keys)?)
}

/// The keys of the workspace that is there.
fn join(args: &SyncInitArgs, mut boxes: Vec<Vec<u8>>) -> Result<WorkspaceKeys, CliError> {
    if let Some(path) = &args.key_box {
        let bytes = file::read(path).map_err(StorageError::from)?;
        boxes.insert(0, bytes.ok_or_else(|| CliError::no_file(path))?);
    }
    if boxes.is_empty() {
        return Err(workspace::WorkspaceError::KeysElsewhere.into());
    }
    let typed = open::passphrase(args.key_file.as_deref(), "Passphrase of the workspace: ")?;
    let Some(passphrase) = typed else {
        return Err(CliError::new(
            Kind::Failed,
            "the remote holds a workspace: its passphrase is needed",
        )
        .hint("Set MANA_SYNC_KEY, name a file with --key-file, or run it in a terminal."));
    };
    Ok(workspace::enter(&boxes, passphrase.as_bytes())?)
}

/// Begins a workspace.
fn found_workspace(
    args: &SyncInitArgs,
    folder: &Path,
    backend: &mut dyn Backend,
    report: &mut Report,
) -> Result<WorkspaceKeys, CliError> {
    let keys = WorkspaceKeys::generate(&mut System)?;
    let prompt = "Passphrase for the workspace (empty: one is made up): ";
    let chosen = open::passphrase(args.key_file.as_deref(), prompt)?;
    let passphrase = if let Some(passphrase) = chosen {
        passphrase
    } else {
        let made_up: Zeroizing<String> = workspace::made_up(&mut System)?;
        report.passphrase = Some(made_up.to_string());
        made_up
    };
    let sealed = workspace::seal(folder, &keys, passphrase.as_bytes(), &mut System)?;
    report.key_on_remote = args.publish_key || workspace::is_long(&passphrase);
    if report.key_on_remote {
        workspace::publish(backend, &keys, sealed)?;
    }
    Ok(keys)
}

fn show(report: &Report, output: &mut Output) {
    output.object(report);
    let what = if report.joined { "Joined" } else { "Began" };
    output.line(format!("{what} workspace {}.", &report.workspace[..8]));
    output.line(format!("This device is {}.", report.device));
    if let Some(passphrase) = &report.passphrase {
        output.line("");
        output.line(format!("    {passphrase}"));
        output.line("");
        output.line("This passphrase was made up for you and is shown only now: write it down.");
        output.line("Another device joins with it (MANA_SYNC_KEY, --key-file or the prompt).");
    }
    if !report.key_on_remote {
        output.line(
            "The passphrase is too short to leave the keys with a server: take the file \
             sync/keybox to other devices and join with --key-box, or use --publish-key.",
        );
    }
    output.line("`mana sync` exchanges; the daemon does so at intervals.");
}
