//! `mana export`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use super::args::ExportArgs;
use super::error::{CliError, Kind};
use super::output::{self, Output, count};
use super::sync::open;
use super::time;
use crate::config::{self, Settings};
use crate::storage::{Leaving, Reader, StorageError, Store, file};
use crate::sync::archive::{self, Archive};
use crate::sync::device::Device;
use crate::sync::keys::{Cost, WorkspaceKeys};
use crate::sync::local::{self, Leaves};
use crate::sync::random::{Random as _, System};
use crate::sync::segment::LogId;
use crate::sync::settings;

/// A pattern as it leaves, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    tool: String,
    category: String,
    trigger: String,
    text: String,
    files: Vec<String>,
    commands: Vec<String>,
    remedy: Vec<String>,
    changed: Vec<Finding>,
}

/// What was changed in it.
#[derive(Debug, Serialize)]
struct Finding {
    rule: &'static str,
    field: &'static str,
    count: usize,
}

/// What was done, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    encrypted: bool,
    dry_run: bool,
    patterns: usize,
    bytes: usize,
    changed_by_rule: BTreeMap<&'static str, usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Item>,
}

pub(crate) fn run(args: &ExportArgs, output: &mut Output) -> Result<(), CliError> {
    let to_stdout = args.file.as_os_str() == "-";
    if to_stdout && output.is_json() && !args.dry_run {
        return Err(CliError::new(
            Kind::Failed,
            "--json and a file on standard output exclude each other",
        ));
    }
    let settings = Settings::load(config::current_dir().as_deref())?;
    // A home where nothing was learned is not made for this.
    drop(Reader::open(&settings.home)?);
    let passphrase = passphrase(args)?;
    let mut store = Store::open(&settings.home, true)?;
    let device = device(&settings.home, args.dry_run)?;
    let keys = archive::keys_of_file(&device, &mut System)?;
    let mut leaves = leaving(args, &store, &settings, &keys)?;
    let now = time::now().timestamp_millis();
    let own = archive::own(&mut store, &device, !args.dry_run, &mut System)??;
    archive::less_the_past(&mut store, &mut leaves, &device, &own)?;
    drop(store);
    let log = LogId { device: device.key(), incarnation: own.incarnation };
    let archive = Archive::new(log, local::label_key(&keys), &leaves, now);
    let bytes = match &passphrase {
        None => archive.plain(&device, env!("CARGO_PKG_VERSION")),
        Some(passphrase) => {
            let passphrase = passphrase.as_bytes();
            archive.sealed(&device, &keys, passphrase, Cost::DEFAULT, &mut System)?
        }
    };
    if args.dry_run {
        // Nothing is written.
    } else if to_stdout {
        output::bytes(&bytes).map_err(|error| {
            CliError::new(Kind::Failed, format!("standard output cannot be written: {error}"))
        })?;
    } else {
        file::replace(&args.file, &bytes).map_err(StorageError::from)?;
    }
    show(args, &leaves, bytes.len(), output);
    Ok(())
}

/// The passphrase, if the file is to be sealed. Typed ones are typed twice.
fn passphrase(args: &ExportArgs) -> Result<Option<Zeroizing<String>>, CliError> {
    if !args.encrypted || args.dry_run {
        return Ok(None);
    }
    let file = args.key_file.as_deref();
    let passphrase = open::passphrase(file, "Passphrase for the file: ")?;
    let passphrase = passphrase.filter(|text| !text.is_empty()).ok_or_else(no_passphrase)?;
    let typed = file.is_none() && config::sharing().passphrase.is_none();
    if typed && open::passphrase(None, "Once more: ")?.as_ref() != Some(&passphrase) {
        return Err(CliError::new(Kind::Failed, "the two passphrases differ"));
    }
    Ok(Some(passphrase))
}

/// That there is no passphrase.
pub(super) fn no_passphrase() -> CliError {
    CliError::new(Kind::Configuration, "a sealed file needs a passphrase")
        .hint("Set MANA_SYNC_KEY, name a file with --key-file, or run it in a terminal.")
}

/// This device; for a dry run it need not stay.
fn device(home: &Path, dry_run: bool) -> Result<Device, CliError> {
    if !dry_run {
        return open::device(home);
    }
    Ok(match Device::kept(&open::folder(home))? {
        Some(device) => device,
        None => Device::from_seed(&Zeroizing::new(System.array()?)),
    })
}

/// What leaves, as it leaves.
fn leaving(
    args: &ExportArgs,
    store: &Store,
    settings: &Settings,
    keys: &WorkspaceKeys,
) -> Result<Vec<Leaves>, CliError> {
    let sharing = settings::read(&settings.home.join(settings::FILE))?.unwrap_or_default();
    if let Some(project) = &args.project {
        let known = store.projects()?;
        if !known.iter().any(|(_, key, name)| key == project || name == project) {
            let names: Vec<&str> = known.iter().map(|(_, _, name)| name.as_str()).collect();
            let message = format!("no project is called {project}");
            return Err(CliError::new(Kind::Nothing, message)
                .hint(format!("Known are: {}.", names.join(", "))));
        }
    }
    let wanted = Leaving {
        project: args.project.clone(),
        kind: args.kind,
        proven: args.proven,
        private: sharing.sharing.private_projects.clone(),
    };
    let sanitiser = open::sanitiser(store, settings, &sharing, keys)?;
    let label_key = local::label_key(keys);
    let leaves: Vec<Leaves> = store
        .leaving(&wanted)?
        .into_iter()
        .map(|pattern| local::leaves(pattern, &label_key, &sanitiser))
        .collect();
    if leaves.is_empty() {
        return Err(CliError::new(Kind::Nothing, "there is nothing to export")
            .hint("What waits for approval, what others told and what private projects taught stays here."));
    }
    Ok(leaves)
}

fn show(args: &ExportArgs, leaves: &[Leaves], bytes: usize, output: &mut Output) {
    let mut by_rule: BTreeMap<&'static str, usize> = BTreeMap::new();
    for finding in leaves.iter().flat_map(|leaves| &leaves.findings) {
        *by_rule.entry(finding.rule).or_default() += finding.count;
    }
    let name = args.file.display().to_string();
    let items: Vec<Item> =
        if args.dry_run { leaves.iter().map(item).collect() } else { Vec::new() };
    let what = count(leaves.len() as u64, "item", "items");
    if args.dry_run || args.file.as_os_str() != "-" {
        for item in &items {
            output.line(format!("{}  {:<8}  {}", item.id, item.kind, item.text));
            output.line(format!("          found by: {}", item.trigger));
            for Finding { rule, field, count } in &item.changed {
                output.line(format!("          changed: {rule} in {field}, {count}x"));
            }
        }
        let verb = if args.dry_run { "Would export" } else { "Exported" };
        output.line(format!("{verb} {what} to {name}."));
        if !by_rule.is_empty() {
            let rules: Vec<String> =
                by_rule.iter().map(|(rule, n)| format!("{rule} {n}x")).collect();
            output.line(format!("Taken out: {}.", rules.join(", ")));
        }
        if !args.encrypted {
            output.line("The file is not sealed: whoever has it can read it.");
        }
    }
    output.object(&Report {
        file: name,
        encrypted: args.encrypted,
        dry_run: args.dry_run,
        patterns: leaves.len(),
        bytes,
        changed_by_rule: by_rule,
        items,
    });
}

fn item(leaves: &Leaves) -> Item {
    let wording = leaves.wording.clone();
    let findings = leaves.findings.iter();
    Item {
        id: leaves.pattern.short(),
        kind: wording.kind.name(),
        tool: wording.tool,
        category: wording.category,
        trigger: wording.trigger,
        text: wording.text,
        files: wording.payload.files,
        commands: wording.payload.commands,
        remedy: wording.payload.remedy,
        changed: findings
            .map(|found| Finding { rule: found.rule, field: found.field, count: found.count })
            .collect(),
    }
}
