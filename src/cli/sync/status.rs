//! `mana sync status`: what is shared with whom, without asking the remote.

use serde::Serialize;

use super::open;
use super::peer::{self, Peer};
use crate::cli::error::CliError;
use crate::cli::output::{Output, count};
use crate::cli::time;
use crate::config::{self, Settings};
use crate::storage::{Leaving, Reader};
use crate::sync::hex::hex;
use crate::sync::settings::Visibility;
use crate::sync::workspace;

/// Days of silence after which a device is told of.
const SILENCE: i64 = 3 * 24 * 3600 * 1000;

/// The state, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    enabled: bool,
    backend: &'static str,
    visibility: &'static str,
    workspace: Option<String>,
    epoch: Option<u32>,
    exchanged: Option<String>,
    local: usize,
    heard: u64,
    quarantined: u64,
    pending_segments: u64,
    rejected_segments: u64,
    parked_records: u64,
    waiting_for_project: u64,
    devices: Vec<Peer>,
}

pub(super) fn run(output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let sharing = open::settings(&settings.home)?;
    let keys = workspace::load(&open::folder(&settings.home))?;
    let reader = Reader::open(&settings.home)?;
    let leaving =
        Leaving { private: sharing.sharing.private_projects.clone(), ..Leaving::default() };
    let [pending_segments, rejected_segments, parked_records, waiting_for_project] =
        reader.sharing_counts()?;
    let exchanged: Option<i64> = reader
        .sharing_value("exchanged")?
        .and_then(|value| String::from_utf8(value).ok()?.parse().ok());
    let devices = peer::peers(&reader)?;
    let report = Report {
        enabled: sharing.enabled,
        backend: sharing.backend.name(),
        visibility: match sharing.sharing.visibility {
            Visibility::Private => "private",
            Visibility::Team => "team",
            Visibility::Public => "public",
        },
        workspace: keys.as_ref().map(|keys| hex(&keys.id)),
        epoch: keys.as_ref().map(crate::sync::keys::WorkspaceKeys::epoch),
        exchanged: exchanged.map(time::shown),
        local: reader.leaving(&leaving)?.len(),
        heard: devices.iter().map(|peer| peer.items).sum(),
        quarantined: devices.iter().map(|peer| peer.waiting).sum(),
        pending_segments,
        rejected_segments,
        parked_records,
        waiting_for_project,
        devices,
    };
    show(&report, exchanged, output);
    Ok(())
}

fn show(report: &Report, exchanged: Option<i64>, output: &mut Output) {
    output.object(report);
    let state = if report.enabled { "on" } else { "off" };
    output.line(format!("Sharing is {state}: {}, {}.", report.backend, report.visibility));
    match &report.workspace {
        Some(id) => {
            let epoch = report.epoch.unwrap_or_default();
            output.line(format!("Workspace {}, epoch {epoch}.", &id[..8]));
        }
        None => output.line("This home is in no workspace yet: run `mana sync init`."),
    }
    match (&report.exchanged, exchanged) {
        (Some(shown), Some(at)) => {
            let silent = time::now().timestamp_millis().saturating_sub(at) > SILENCE;
            let warning = if silent { ": that is more than three days ago" } else { "" };
            output.line(format!("Last exchange {shown}{warning}."));
        }
        _ => output.line("Nothing was exchanged yet."),
    }
    output.line(format!(
        "{} here may leave; {} came from others, {} of them wait for approval (`mana review`).",
        count(report.local as u64, "item", "items"),
        report.heard,
        report.quarantined,
    ));
    output.line(format!(
        "{} to be sent, {} left out, {} ahead of the clock, {} for projects unknown here.",
        count(report.pending_segments, "segment", "segments"),
        report.rejected_segments,
        report.parked_records,
        report.waiting_for_project,
    ));
    for device in &report.devices {
        output.line(peer::line(device));
    }
}
