//! What others said becomes patterns, and hooks hear of it at once: the end of every command that
//! takes something in.

use std::collections::BTreeSet;

use super::edit;
use super::error::CliError;
use super::sync::open;
use crate::config::Settings;
use crate::storage::Store;
use crate::sync::archive;
use crate::sync::device::{Device, fingerprint};
use crate::sync::keys::WorkspaceKeys;
use crate::sync::local::{self, Hearing, Projects};
use crate::sync::quota::Quota;
use crate::sync::random::System;
use crate::sync::sanitise::Sanitiser;
use crate::sync::segment::DeviceKey;
use crate::sync::settings::{self, Visibility};
use crate::sync::text::WorkerCommand;
use crate::sync::texts::{Refused, Texts};

/// What hearing came to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Patterns that it touched.
    pub(super) patterns: usize,
    /// Texts that cannot be used.
    pub(super) refused: Vec<RefusedText>,
}

/// A text that cannot be used, as `--json` prints it.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct RefusedText {
    /// The pattern that it is about.
    pub(super) id: String,
    /// Whose it is; none for this device's own.
    pub(super) device: Option<String>,
    /// Why.
    pub(super) reason: String,
}

impl RefusedText {
    pub(super) fn new(refused: &Refused) -> Self {
        let Refused { pattern, device, reason } = refused;
        let device = device.as_ref().map(fingerprint);
        Self { id: pattern.short(), device, reason: reason.clone() }
    }

    /// It in a line.
    pub(super) fn line(&self) -> String {
        let Self { id, device, reason } = self;
        let whose = device.as_ref().map_or_else(String::new, |device| format!(" of {device}"));
        format!("warning: the text{whose} about {id} was left out: {reason}")
    }
}

/// What reads and writes shared texts.
pub(super) struct Desk {
    worker: WorkerCommand,
    sanitiser: Sanitiser,
    me: DeviceKey,
    own_machines: BTreeSet<DeviceKey>,
}

impl Desk {
    /// The one of a home. Without `keys` it is in no workspace; then names are hashed as in the
    /// device's files.
    pub(super) fn open(
        store: &mut Store,
        settings: &Settings,
        sharing: &settings::Settings,
        keys: Option<&WorkspaceKeys>,
    ) -> Result<Self, CliError> {
        let device = Device::kept(&open::folder(&settings.home))?;
        let me = device.as_ref().map(Device::key).unwrap_or_default();
        let of_files = match (keys, device) {
            (None, Some(device)) => Some(archive::keys_of_file(&device, &mut System)?),
            (None, None) => Some(WorkspaceKeys::generate(&mut System)?),
            (Some(_), _) => None,
        };
        let names = keys.or(of_files.as_ref()).expect("one of both is there");
        let sanitiser = open::sanitiser(store, settings, sharing, names)?;
        let worker = edit::own_worker()?;
        // Those of a workspace of one user; whoever is known by a file alone may be anybody.
        let private = matches!(sharing.sharing.visibility, Visibility::Private);
        let own_machines = if private && keys.is_some() {
            store.shared_logs()?.into_iter().map(|state| state.log.device).collect()
        } else {
            BTreeSet::new()
        };
        Ok(Self { worker, sanitiser, me, own_machines })
    }

    /// Texts to read and to write.
    pub(super) fn texts(&self) -> Texts<'_> {
        Texts::new(&self.worker, &self.sanitiser, self.me, self.own_machines.clone())
    }

    /// What takes out of texts what must not leave.
    pub(super) fn sanitiser(&self) -> &Sanitiser {
        &self.sanitiser
    }
}

/// Brings the patterns in line with what is known of them now. `me` is as in [`local::Hearing`];
/// the file of the device `asked` was imported.
pub(super) fn hear(
    store: &mut Store,
    settings: &Settings,
    keys: Option<&WorkspaceKeys>,
    (me, asked): (Option<&DeviceKey>, Option<DeviceKey>),
    now: i64,
) -> Result<Heard, CliError> {
    let sharing = settings::read(&settings.home.join(settings::FILE))?.unwrap_or_default();
    let desk = Desk::open(store, settings, &sharing, keys)?;
    let projects = Projects::of(store, keys)?;
    let mut texts = desk.texts();
    let hearing = Hearing { projects: &projects, me, quota: Quota::on(now, asked), now };
    let patterns = local::project(store, &mut texts, &hearing)?;
    let refused = texts.refused.iter().map(RefusedText::new).collect();
    Ok(Heard { patterns, refused })
}
