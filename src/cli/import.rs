//! `mana import`.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde::Serialize;

use super::args::ImportArgs;
use super::error::{CliError, Kind};
use super::export::no_passphrase;
use super::hearing::{self, RefusedText};
use super::output::{Output, count};
use super::publish::publish;
use super::sync::open;
use super::{time, trial};
use crate::config::{self, Settings};
use crate::model::ids::PatternId;
use crate::storage::{Reader, StorageError, Store, file};
use crate::sync::archive::{self, Archive, ArchiveError, Change, Imported};
use crate::sync::device::{Device, fingerprint};
use crate::sync::keys::KeyBoxError;
use crate::sync::ledger::{Ledger as _, Trust};
use crate::sync::record::Wording;
use crate::sync::workspace;

/// A pattern of the file, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    change: &'static str,
    kind: &'static str,
    text: String,
}

/// What was done, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    device: String,
    trust: &'static str,
    created: String,
    dry_run: bool,
    patterns: usize,
    /// Whether all that the file says was known: it was imported before.
    nothing_new: bool,
    /// Whether its device said something else of all of it later.
    older: bool,
    changes: BTreeMap<&'static str, u64>,
    /// Items about which people wrote something that is new.
    texts: usize,
    refused_texts: Vec<RefusedText>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
    /// What came of trying what is new on what happened here.
    tried: trial::Report,
}

impl From<ArchiveError> for CliError {
    fn from(error: ArchiveError) -> Self {
        let hint = match &error {
            ArchiveError::Truncated | ArchiveError::Damaged | ArchiveError::Signature => {
                "Nothing of it was used. Have it sent once more."
            }
            ArchiveError::Key(KeyBoxError::Passphrase) => {
                "Nothing of it was used. Ask whoever exported it."
            }
            _ => "Nothing of it was used.",
        };
        Self { kind: Kind::Failed, source: error.into(), hints: vec![hint.into()] }
    }
}

pub(crate) fn run(args: &ImportArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let archive = read(args)?;
    let now = time::now().timestamp_millis();
    // To see what would change, a home that is not there yet need not be made.
    let scratch = tempfile::tempdir().map_err(|error| {
        CliError::new(Kind::Failed, format!("no temporary folder can be made: {error}"))
    })?;
    let missing = matches!(Reader::open(&settings.home), Err(StorageError::Missing { .. }));
    let home = if args.dry_run && missing { scratch.path() } else { settings.home.as_path() };
    let mut store = Store::open(home, true)?;
    let fresh = store.knows_nothing()?;
    if !args.merge && !fresh {
        return Err(CliError::new(Kind::Failed, "this home knows something already")
            .hint("`mana import --merge` adds the file to it; `--merge --dry-run` only says what would change."));
    }
    let keys = workspace::load(&open::folder(&settings.home))?;
    let imported = archive::take_in(&mut store, &archive, keys.as_ref(), args.dry_run, now)?;
    let mut refused = Vec::new();
    if !args.dry_run {
        let me = Device::kept(&open::folder(home))?.map(|device| device.key());
        // What a home that knows nothing wrote itself is all that is left of it.
        let me = me.filter(|_| !fresh);
        let whose = (me.as_ref(), Some(archive.log.device));
        let heard = hearing::hear(&mut store, &settings, keys.as_ref(), whose, now)?;
        refused = heard.refused;
        publish(&mut store, home)?;
    }
    let trust = store.device(&archive.log.device)?.trust;
    // Others have their turn while this process tries it.
    drop(store);
    let tried =
        if args.dry_run { trial::Report::default() } else { trial::afterwards(&settings, output) };
    let report = Report::new(args, &archive, trust, &imported, (refused, tried));
    show(&report, trust, &imported, output);
    Ok(())
}

/// The file, proven.
fn read(args: &ImportArgs) -> Result<Archive, CliError> {
    let bytes = bytes(&args.file)?;
    if !archive::is_sealed(&bytes) {
        return Ok(Archive::open_plain(&bytes)?);
    }
    let passphrase = open::passphrase(args.key_file.as_deref(), "Passphrase of the file: ")?;
    let passphrase = passphrase.ok_or_else(no_passphrase)?;
    Ok(Archive::open_sealed(&bytes, passphrase.as_bytes())?)
}

fn bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let most = archive::LARGEST as u64 + 1;
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(|error| {
            CliError::new(Kind::Failed, format!("standard input cannot be read: {error}"))
        })?;
        return Ok(bytes);
    }
    file::read(path).map_err(StorageError::from)?.ok_or_else(|| CliError::no_file(path))
}

impl Report {
    fn new(
        args: &ImportArgs,
        archive: &Archive,
        trust: Trust,
        imported: &Imported,
        (refused_texts, tried): (Vec<RefusedText>, trial::Report),
    ) -> Self {
        let changes = Change::ALL.into_iter().map(|change| (change.name(), imported.count(change)));
        Self {
            device: fingerprint(&archive.log.device),
            trust: trust.name(),
            created: time::shown(archive.created),
            dry_run: args.dry_run,
            patterns: imported.patterns.len(),
            nothing_new: imported.is_known(),
            older: imported.is_old(),
            changes: changes.collect(),
            texts: imported.texts.len(),
            refused_texts,
            items: if args.dry_run { items(imported) } else { Vec::new() },
            tried,
        }
    }
}

/// What becomes of each pattern of a file.
fn items(imported: &Imported) -> Vec<Item> {
    let item = |(pattern, change, wording): &(PatternId, Option<Change>, Option<Wording>)| {
        let (change, wording) = ((*change)?, wording.as_ref()?);
        Some(Item {
            id: pattern.short(),
            change: change.name(),
            kind: wording.kind.name(),
            text: wording.text.clone(),
        })
    };
    imported.patterns.iter().filter_map(item).collect()
}

fn show(report: &Report, trust: Trust, imported: &Imported, output: &mut Output) {
    for Item { id, change, kind, text } in &report.items {
        output.line(format!("{id}  {change:<9}  {kind:<8}  {text}"));
    }
    show_sum(report, output);
    show_what_stays(report, imported, output);
    show_texts(report, trust, output);
    if !report.nothing_new {
        show_trust(trust, output);
    }
    trial::tell(&report.tried, output);
    output.object(report);
}

/// How many items there were, and what became of them.
fn show_sum(report: &Report, output: &mut Output) {
    let told: Vec<String> = Change::ALL
        .into_iter()
        .filter_map(|change| {
            let count = report.changes.get(change.name()).filter(|count| **count > 0)?;
            Some(format!("{count} {}", change.name()))
        })
        .collect();
    let verb = if report.dry_run { "Would import" } else { "Imported" };
    let what = count(report.patterns as u64, "item", "items");
    let told = if told.is_empty() { String::new() } else { format!(": {}", told.join(", ")) };
    output.line(format!("{verb} {what} of device {}{told}.", report.device));
}

/// What of the file changes nothing, or not yet.
fn show_what_stays(report: &Report, imported: &Imported, output: &mut Output) {
    if report.older {
        output.line("The file is older than what its device said later; that stands.");
    } else if report.nothing_new {
        output.line(
            "Nothing in it is new: this file was imported before, or all that it says came another \
             way.",
        );
    }
    if imported.count(Change::Ahead) > 0 {
        output.line(
            "The clock that wrote the file is ahead; its items count when the time has come.",
        );
    }
    let elsewhere = imported.count(Change::Waiting);
    if elsewhere > 0 {
        output.line(format!(
            "{} of projects that are not known here: they are looked at once something was learned \
             of these.",
            count(elsewhere, "item is", "items are")
        ));
    }
}

/// What people wrote.
fn show_texts(report: &Report, trust: Trust, output: &mut Output) {
    if report.texts > 0 {
        let about = count(report.texts as u64, "item", "items");
        let what = match trust {
            Trust::Trusted => "it is merged with what was written here",
            Trust::Unknown => "it is merged with what was written here once the device is trusted",
            Trust::Refused => "it is left alone",
        };
        output.line(format!("Somebody wrote about {about} by hand: {what}."));
    }
    for text in &report.refused_texts {
        output.line(text.line());
    }
}

/// Whether it counts.
fn show_trust(trust: Trust, output: &mut Output) {
    match trust {
        Trust::Trusted => {}
        Trust::Refused => output.line("The device is refused: nothing that it says counts."),
        Trust::Unknown => output.line(
            "What is new waits for approval: `mana review`, or trust the device with `mana sync peer trust`.",
        ),
    }
}
