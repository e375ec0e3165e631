//! `mana sync redact`: takes an item back everywhere.

use serde::Serialize;

use super::exchange::{self, Parts};
use super::status;
use crate::cli::args::SyncRedactArgs;
use crate::cli::error::{CliError, Kind};
use crate::cli::output::{Output, count};
use crate::cli::{encoder, show};
use crate::learning::learn;
use crate::model::ids::PatternId;
use crate::model::pattern::Pattern;
use crate::storage::{Forget, Store};
use crate::sync::device::fingerprint;
use crate::sync::local;
use crate::sync::segment::DeviceKey;

/// What was done, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    ids: Vec<String>,
    dry_run: bool,
    /// Devices that spoke of it, and rewrite their logs when they hear of this.
    devices: Vec<String>,
    /// Whether the others were told.
    sent: bool,
    removed_segments: u32,
    /// Devices whose logs on the remote may still hold it.
    still_held_by: Vec<String>,
}

pub(super) fn run(args: &SyncRedactArgs, output: &mut Output) -> Result<(), CliError> {
    let Some(mut parts) = Parts::open(true)? else {
        unreachable!("it waits for others");
    };
    let me = parts.device.key();
    let Item { found, patterns, devices } = parts.desk.with(|store| find(store, &args.id))?;
    let mut report = Report {
        ids: patterns.iter().map(PatternId::short).collect(),
        dry_run: args.dry_run,
        devices: devices.iter().filter(|key| **key != me).map(fingerprint).collect(),
        sent: false,
        removed_segments: 0,
        still_held_by: Vec::new(),
    };
    if args.dry_run {
        show_plan(&report, found.as_ref().map(|pattern| pattern.text.as_str()), output);
        output.object(&report);
        return Ok(());
    }
    let (home, now) = (parts.settings.home.clone(), parts.now);
    parts.desk.with(|store| {
        let logs = store.shared_logs()?;
        for pattern in &patterns {
            local::note_redaction(store, *pattern, &logs)?;
            store.put_redacting(*pattern)?;
        }
        if let Some(pattern) = found {
            store.encode_with(Some(Box::new(encoder::of_home(&home))));
            learn::forget(store, &Forget::Pattern(pattern.row), now)?;
        }
        Ok::<_, CliError>(())
    })?;
    let sent = exchange::send_redactions(&mut parts);
    parts.note_end(&sent)?;
    let taken = sent.map_err(|error| {
        error.hint("It is forgotten here and noted: the next `mana sync` tells the others.")
    })?;
    (report.sent, report.removed_segments) = (true, taken.removed);
    report.still_held_by = parts
        .desk
        .with(|store| status::held(store))?
        .into_iter()
        .filter(|held| report.ids.contains(&held.id))
        .flat_map(|held| held.held_by)
        .collect();
    report.still_held_by.sort_unstable();
    report.still_held_by.dedup();
    tell(&report, output);
    output.object(&report);
    Ok(())
}

/// An item that is to be taken back.
struct Item {
    /// The pattern that is known here.
    found: Option<Pattern>,
    /// It, and what was said of it.
    patterns: Vec<PatternId>,
    /// Who spoke of it.
    devices: Vec<DeviceKey>,
}

fn find(store: &Store, id: &str) -> Result<Item, CliError> {
    let found = show::find(store, id)?;
    let patterns: Vec<PatternId> = match &found {
        Some(pattern) => store.family(pattern.row)?,
        // It may have been forgotten here before.
        None => match store.spoken_by_prefix(id)?[..] {
            [pattern] => vec![pattern],
            [] => {
                return Err(CliError::new(
                    Kind::Nothing,
                    format!("no item that is known or was shared has the id {id}"),
                ));
            }
            _ => {
                return Err(CliError::new(Kind::Failed, "more than one item has this id")
                    .hint("Give more of its digits."));
            }
        },
    };
    let mut devices = Vec::new();
    for pattern in &patterns {
        devices.extend(store.speakers(*pattern)?);
    }
    devices.sort_unstable();
    devices.dedup();
    Ok(Item { found, patterns, devices })
}

fn show_plan(report: &Report, text: Option<&str>, output: &mut Output) {
    output.line(format!("Would take back everywhere, for ever: {}", report.ids.join(", ")));
    if let Some(text) = text {
        output.line(format!("  {text}"));
    }
    let others = count(report.devices.len() as u64, "other device", "other devices");
    output.line(format!(
        "It is forgotten here, {others} spoke of it and would drop it, and this device's log on \
         the remote is written anew."
    ));
}

fn tell(report: &Report, output: &mut Output) {
    output.line(format!("Took back everywhere: {}.", report.ids.join(", ")));
    let segments = count(u64::from(report.removed_segments), "segment", "segments");
    output.line(format!("The own log was written anew: {segments} removed from the remote."));
    if report.still_held_by.is_empty() {
        output.line("No log on the remote holds it, as far as they were read.");
    } else {
        output.line(format!(
            "Logs that may still hold it until their devices exchange: {}; `mana sync status` tells.",
            report.still_held_by.join(", ")
        ));
    }
    output.line(
        "Who copied the remote before still has it, and a git server keeps what was removed until \
         its next `git gc`. If a secret was in it, replace the secret. To lock out whoever holds \
         the old keys: `mana sync set-key --rotate`.",
    );
}
