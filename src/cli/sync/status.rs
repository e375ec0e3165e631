//! `mana sync status`: what is shared with whom, without asking the remote.

use std::collections::BTreeMap;

use serde::Serialize;

use super::peer::{self, Peer};
use super::{exchange, open};
use crate::cli::error::CliError;
use crate::cli::hearing::RefusedText;
use crate::cli::output::{Output, count};
use crate::cli::time;
use crate::config::{self, Settings};
use crate::model::trial::Verdict;
use crate::storage::{Leaving, Reader};
use crate::sync::device::{Device, fingerprint};
use crate::sync::engine::Offer;
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::local::{self, Redaction};
use crate::sync::quota;
use crate::sync::settings::{self, Carrier, Visibility};
use crate::sync::unchanged::Unchanged;
use crate::sync::workspace;

/// Milliseconds of silence after which a device is told of.
pub(super) const SILENCE: i64 = 3 * 24 * 3600 * 1000;

/// The state, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether there is a `sync.toml`; where there is none, no more than this is told.
    set_up: bool,
    enabled: bool,
    backend: &'static str,
    /// Where the remote lies; none where its section is missing.
    remote: Option<String>,
    visibility: &'static str,
    workspace: Option<String>,
    epoch: Option<u32>,
    /// When an exchange last went well.
    exchanged: Option<String>,
    /// What failed since.
    failed: Option<Failed>,
    /// What was wrong at exchanges of the last 30 days.
    noticed: Vec<exchange::Noticed>,
    /// Items that may leave, and those of them whose words the others do not have yet.
    local: usize,
    pending_items: usize,
    /// Items about which people wrote something that may leave, and what the others do not have.
    texts: usize,
    pending_texts: usize,
    /// Items that were forgotten, or are to vanish everywhere, and the others are not told yet.
    pending_removals: usize,
    heard: u64,
    quarantined: u64,
    /// Texts that others wrote into and that wait for approval.
    waiting_texts: u64,
    /// Items that devices tell in different words: the last ones count.
    differing: u64,
    /// Texts of others that the last pull left out.
    refused_texts: Vec<RefusedText>,
    /// What came of trying items of others on what happened here, by verdict.
    tried: BTreeMap<&'static str, u64>,
    pending_segments: u64,
    rejected_segments: u64,
    parked_records: u64,
    waiting_for_project: u64,
    /// New items of devices that have told more of them today than is taken up in a day.
    held_back: u64,
    /// Items that were taken back everywhere.
    redacted: Vec<Held>,
    devices: Vec<Peer>,
}

/// An exchange that failed.
#[derive(Debug, Serialize)]
struct Failed {
    at: String,
    reason: String,
}

/// What the others do not have yet.
#[derive(Debug, Default)]
struct Pending {
    items: usize,
    texts: usize,
    all_texts: usize,
    removals: usize,
}

/// What a push would say, without saying it. Texts are told by their pages.
fn pending(
    reader: &Reader,
    settings: &Settings,
    sharing: &settings::Settings,
    keys: Option<&WorkspaceKeys>,
    leaving: &Leaving,
) -> Result<Pending, CliError> {
    let device = Device::kept(&open::folder(&settings.home))?;
    let (Some(keys), Some(device)) = (keys, device) else { return Ok(Pending::default()) };
    let me = device.key();
    let sanitiser = open::sanitiser(reader, settings, sharing, keys)?;
    let label_key = local::label_key(keys);
    let mut said = reader.said_words(&me)?;
    let redacted = reader.redacted_patterns()?;
    let mut pending = Pending::default();
    let before = Unchanged::of(reader, &label_key, &sanitiser)?;
    let (offers, _) = before.offers(reader.leaving(leaving)?, &said, &label_key, &sanitiser);
    for Offer { pattern, words, .. } in offers {
        pending.items +=
            usize::from(!redacted.contains(&pattern) && said.remove(&pattern) != words);
    }
    for edited in reader.edits_leaving(leaving)? {
        pending.all_texts += 1;
        pending.texts += usize::from(reader.is_unsaid(edited.pattern.id)?);
    }
    for pattern in said.into_keys() {
        let gone = reader.is_forgotten_pattern(pattern)? || !reader.knows_pattern(pattern)?;
        pending.removals += usize::from(gone && !reader.is_taken_back(pattern, &me)?);
    }
    for pattern in reader.redacting()? {
        pending.removals += usize::from(!redacted.contains(&pattern));
    }
    Ok(pending)
}

/// An item that was taken back everywhere.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) id: String,
    /// Devices whose logs on the remote may still hold it.
    pub(super) held_by: Vec<String>,
}

/// What was taken back everywhere, and where it may still lie.
pub(super) fn held(reader: &Reader) -> Result<Vec<Held>, CliError> {
    let all = local::redactions(reader)?.into_iter().map(|Redaction { pattern, held }| {
        let mut held_by: Vec<String> =
            held.iter().map(|(log, _)| fingerprint(&log.device)).collect();
        held_by.dedup();
        Held { id: pattern.short(), held_by }
    });
    Ok(all.collect())
}

pub(super) fn run(output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let Some(sharing) = settings::read(&settings.home.join(settings::FILE))? else {
        output.object(&serde_json::json!({ "set_up": false, "enabled": false }));
        output.line(format!("Sharing is not set up. {}", open::BEGINS));
        return Ok(());
    };
    let keys = workspace::load(&open::folder(&settings.home))?;
    let reader = Reader::open(&settings.home)?;
    let leaving =
        Leaving { private: sharing.sharing.private_projects.clone(), ..Leaving::default() };
    let [pending_segments, rejected_segments, parked_records, waiting] = reader.sharing_counts()?;
    let held_back = quota::held_back(&reader)?.into_iter().map(|(_, items)| items).sum();
    let exchanged: Option<i64> = reader
        .sharing_value(exchange::EXCHANGED)?
        .and_then(|value| String::from_utf8(value).ok()?.parse().ok());
    let failed = reader.sharing_value(exchange::FAILED)?.and_then(|value| {
        let value = String::from_utf8(value).ok()?;
        let (at, reason) = value.split_once(' ')?;
        Some(Failed { at: time::shown(at.parse().ok()?), reason: reason.to_owned() })
    });
    let refused_texts = reader.sharing_value(exchange::REFUSED)?;
    let refused_texts =
        refused_texts.and_then(|value| serde_json::from_slice(&value).ok()).unwrap_or_default();
    let pending = pending(&reader, &settings, &sharing, keys.as_ref(), &leaving)?;
    let section = match sharing.backend {
        Carrier::Git => sharing.git.as_ref(),
        Carrier::GitSelfhosted => sharing.git_selfhosted.as_ref(),
        _ => None,
    };
    let devices = peer::peers(&reader, &settings.home)?;
    let report = Report {
        set_up: true,
        enabled: sharing.enabled,
        backend: sharing.backend.name(),
        remote: section.map(|section| section.remote.clone()),
        visibility: match sharing.sharing.visibility {
            Visibility::Private => "private",
            Visibility::Team => "team",
            Visibility::Public => "public",
        },
        workspace: keys.as_ref().map(|keys| hex(&keys.id)),
        epoch: keys.as_ref().map(WorkspaceKeys::epoch),
        exchanged: exchanged.map(time::shown),
        failed,
        noticed: exchange::noticed(&reader)?,
        local: reader.leaving(&leaving)?.len(),
        pending_items: pending.items,
        texts: pending.all_texts,
        pending_texts: pending.texts,
        pending_removals: pending.removals,
        heard: devices.iter().map(|peer| peer.items).sum(),
        quarantined: devices.iter().map(|peer| peer.waiting).sum(),
        waiting_texts: reader.waiting_texts()?,
        differing: reader.differing_patterns()?.len() as u64,
        refused_texts,
        tried: reader.verdicts()?.into_iter().map(|(v, n)| (v.name(), n)).collect(),
        pending_segments,
        rejected_segments,
        parked_records,
        waiting_for_project: waiting.saturating_sub(held_back),
        held_back,
        redacted: held(&reader)?,
        devices,
    };
    show(&report, exchanged, output);
    Ok(())
}

fn show(report: &Report, exchanged: Option<i64>, output: &mut Output) {
    output.object(report);
    let state = if report.enabled { "on" } else { "off" };
    output.line(format!("Sharing is {state}: {}, {}.", report.backend, report.visibility));
    if let Some(remote) = &report.remote {
        output.line(format!("The remote is {remote}."));
    }
    match &report.workspace {
        Some(id) => {
            let epoch = report.epoch.unwrap_or_default();
            output.line(format!("Workspace {}, epoch {epoch}.", &id[..8]));
        }
        None => output.line("This home is in no workspace yet: run `mana sync init`."),
    }
    show_exchange(report, exchanged, output);
    show_items(report, output);
    output.line(format!(
        "{} to be sent, {} left out, {} ahead of the clock, {} for projects unknown here.",
        count(report.pending_segments, "segment", "segments"),
        report.rejected_segments,
        report.parked_records,
        report.waiting_for_project,
    ));
    if report.held_back > 0 {
        output.line(format!(
            "{} of devices that tell more than is taken up in a day: they come on the next days.",
            count(report.held_back, "new item", "new items"),
        ));
    }
    show_redacted(report, output);
    for device in &report.devices {
        output.line(peer::line(device));
    }
}

/// When it was last exchanged, and what failed since.
fn show_exchange(report: &Report, exchanged: Option<i64>, output: &mut Output) {
    match (&report.exchanged, exchanged) {
        (Some(shown), Some(at)) => {
            let silent = time::now().timestamp_millis().saturating_sub(at) > SILENCE;
            let warning = if silent { ": that is more than three days ago" } else { "" };
            output.line(format!("Last exchange {shown}{warning}."));
        }
        _ => output.line("Nothing was exchanged yet."),
    }
    if let Some(Failed { at, reason }) = &report.failed {
        output.line(format!("It failed {at}: {reason}"));
    }
    for exchange::Noticed { at, text, .. } in &report.noticed {
        output.line(format!("Noticed {}: {text}.", time::shown(*at)));
    }
}

/// What may leave, what came, and what waits.
fn show_items(report: &Report, output: &mut Output) {
    output.line(format!(
        "{} here may leave; {} came from others, {} of them wait for approval (`mana review`).",
        count(report.local as u64, "item", "items"),
        report.heard,
        report.quarantined,
    ));
    if !report.tried.is_empty() {
        let told = |verdict: Verdict| {
            let number = report.tried.get(verdict.name())?;
            Some(format!("{number}: {}", verdict.meaning()))
        };
        let told: Vec<String> = Verdict::ALL.into_iter().filter_map(told).collect();
        output.line(format!("Tried on what happened here: {}.", told.join("; ")));
    }
    output.line(format!(
        "New for the others are the words of {}, texts written by hand about {} of {}, {} taken back.",
        count(report.pending_items as u64, "item", "items"),
        report.pending_texts,
        report.texts,
        count(report.pending_removals as u64, "item", "items"),
    ));
    if report.waiting_texts > 0 {
        let texts = count(report.waiting_texts, "edited text", "edited texts");
        output.line(format!("{texts} with words of others wait for approval (`mana review`)."));
    }
    if report.differing > 0 {
        let items = count(report.differing, "item", "items");
        output.line(format!(
            "Devices tell {items} in different words: the last ones count (`mana review list \
             --differing`)."
        ));
    }
    for text in &report.refused_texts {
        output.line(text.line());
    }
}

/// What was taken back everywhere, and who may still have it.
fn show_redacted(report: &Report, output: &mut Output) {
    if report.redacted.is_empty() {
        return;
    }
    let items = count(report.redacted.len() as u64, "item", "items");
    let mut holders: Vec<&str> =
        report.redacted.iter().flat_map(|held| &held.held_by).map(String::as_str).collect();
    holders.sort_unstable();
    holders.dedup();
    output.line(if holders.is_empty() {
        format!("{items} taken back everywhere; no log on the remote holds any of it.")
    } else {
        let holders = holders.join(", ");
        format!(
            "{items} taken back everywhere; the remote may still hold it in the logs of {holders}."
        )
    });
}
