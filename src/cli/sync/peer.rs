//! `mana sync peer`: whose word counts.

use std::path::Path;

use serde::Serialize;

use super::open;
use super::status::SILENCE;
use crate::cli::args::SyncPeerCommand;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::{Output, count};
use crate::cli::publish::publish;
use crate::cli::{hearing, time};
use crate::config::{self, Settings};
use crate::storage::{Reader, Store};
use crate::sync::device::{Device, fingerprint};
use crate::sync::hex::hex;
use crate::sync::ledger::{DeviceState, Trust};
use crate::sync::segment::DeviceKey;
use crate::sync::workspace;

/// A device, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Peer {
    pub(super) device: String,
    pub(super) key: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) trust: &'static str,
    /// Whether it is this one.
    pub(super) this: bool,
    pub(super) heard: Option<String>,
    /// Whether it has not been heard for three days, though it may speak.
    pub(super) silent: bool,
    pub(super) items: u64,
    pub(super) waiting: u64,
}

pub(super) fn run(command: &SyncPeerCommand, output: &mut Output) -> Result<(), CliError> {
    match command {
        SyncPeerCommand::List => list(output),
        SyncPeerCommand::Trust(args) => decide(&args.device, Trust::Trusted, output),
        SyncPeerCommand::Refuse(args) => decide(&args.device, Trust::Refused, output),
        SyncPeerCommand::Reset(args) => decide(&args.device, Trust::Unknown, output),
    }
}

/// All devices that were heard of.
pub(super) fn peers(reader: &Reader, home: &Path) -> Result<Vec<Peer>, CliError> {
    let me = Device::kept(&open::folder(home))?.map(|device| hex(&device.key()));
    let now = time::now().timestamp_millis();
    let counts = reader.hearsay_counts()?;
    let peers = reader.shared_devices()?.into_iter().map(|(key, state)| {
        let DeviceState { trust, name, version, heard, .. } = state;
        let key = (fingerprint(&key), hex(&key));
        let said = counts.iter().find(|(device, _, _)| *device == key.1);
        let this = me.as_ref() == Some(&key.1);
        let ago = now.saturating_sub(heard.millis());
        Peer {
            this,
            silent: !this && trust != Trust::Refused && heard.0 > 0 && ago > SILENCE,
            device: key.0,
            name,
            version,
            trust: trust.name(),
            heard: (heard.0 > 0).then(|| time::shown(heard.millis())),
            items: said.map_or(0, |(_, items, _)| *items),
            waiting: said.map_or(0, |(_, _, waiting)| *waiting),
            key: key.1,
        }
    });
    Ok(peers.collect())
}

fn list(output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let peers = peers(&reader, &settings.home)?;
    output.object(&peers);
    for peer in &peers {
        output.line(line(peer));
    }
    if peers.is_empty() {
        output.line("No device was heard of.");
    }
    Ok(())
}

/// A device in a line.
pub(super) fn line(peer: &Peer) -> String {
    let heard = peer.heard.as_deref().unwrap_or("never");
    let name = if peer.name.is_empty() { String::new() } else { format!(" ({})", peer.name) };
    let note = match peer {
        Peer { this: true, .. } => ", this device",
        Peer { silent: true, .. } => ", silent for more than three days",
        _ => "",
    };
    let items = count(peer.items, "item", "items");
    let Peer { device, trust, waiting, .. } = peer;
    format!("{device}  {trust:<8}  heard {heard}, {items}, {waiting} waiting{name}{note}")
}

fn decide(wanted: &str, trust: Trust, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let mut store = Store::open(&settings.home, true)?;
    let key = find(&store, wanted)?;
    let me = open::device(&settings.home)?.key();
    if key == me {
        return Err(CliError::new(Kind::Failed, "that is this device itself"));
    }
    let mut state = store.shared_device(&key)?;
    state.trust = trust;
    store.atomically(|store| {
        store.put_shared_device(&key, &state)?;
        let redacted = store.removals_of(&key)?;
        let redacted = redacted.iter().filter(|(_, removal)| removal.redacted);
        for (pattern, _) in redacted.filter(|_| trust == Trust::Trusted) {
            store.purge_shared(*pattern, None)?;
        }
        let spoken = store.spoken_of(&key)?;
        store.note_changed(&spoken)
    })?;
    let keys = workspace::load(&open::folder(&settings.home))?;
    let now = time::now().timestamp_millis();
    let heard = hearing::hear(&mut store, &settings, keys.as_ref(), (Some(&me), None), now)?;
    publish(&mut store, &settings.home)?;
    let peers = peers(&store, &settings.home)?;
    let peer = peers.into_iter().find(|peer| peer.key == hex(&key));
    output.object(&peer);
    output.line(format!(
        "{} is {} now; {} changed.",
        fingerprint(&key),
        trust.name(),
        count(heard.patterns as u64, "item", "items")
    ));
    for text in &heard.refused {
        output.line(text.line());
    }
    Ok(())
}

/// The device whose fingerprint, key or name begins so.
fn find(store: &Store, wanted: &str) -> Result<DeviceKey, CliError> {
    let all = store.shared_devices()?;
    let fits = |key: &DeviceKey, state: &DeviceState| {
        wanted.len() >= 4 && (fingerprint(key).starts_with(wanted) || hex(key).starts_with(wanted))
            || state.name == wanted && !wanted.is_empty()
    };
    let found: Vec<DeviceKey> =
        all.iter().filter(|(key, state)| fits(key, state)).map(|(key, _)| *key).collect();
    match found[..] {
        [key] => Ok(key),
        [] => Err(CliError::new(Kind::Nothing, format!("no device is {wanted:?}"))
            .hint("`mana sync peer list` shows those that were heard of.")),
        _ => Err(CliError::new(Kind::Failed, format!("more than one device is {wanted:?}"))
            .hint("Give more of its fingerprint.")),
    }
}
