//! `mana export`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use zeroize::Zeroizing;

use super::args::ExportArgs;
use super::error::{CliError, Kind};
use super::hearing::{Desk, RefusedText};
use super::output::{self, Output, count};
use super::sync::open;
use super::time;
use crate::config::{self, Settings};
use crate::model::page::Page;
use crate::storage::{self, Reader, StorageError, Store, file};
use crate::sync::archive::{self, Archive};
use crate::sync::device::Device;
use crate::sync::keys::{Cost, WorkspaceKeys};
use crate::sync::local::{self, Leaves};
use crate::sync::random::{Random as _, System};
use crate::sync::segment::LogId;
use crate::sync::settings;
use crate::sync::texts::LeavingText;

/// A pattern as it leaves, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Item {
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
    /// What people wrote about it; the text that agents read is `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    by_hand: Option<ByHand>,
}

/// What people wrote about a pattern, as it leaves.
#[derive(Debug, Serialize)]
pub(super) struct ByHand {
    title: String,
    text: String,
    tags: Vec<String>,
    notes: String,
    /// Bytes of its document, which holds earlier versions as they left.
    bytes: usize,
    changed: Vec<Finding>,
}

/// What was changed in it.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
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
    /// How many of them people wrote about.
    texts: usize,
    bytes: usize,
    refused_texts: Vec<RefusedText>,
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
    let Leaving { mut leaves, texts, refused } = leaving(args, &mut store, &settings, &keys)?;
    let now = time::now().timestamp_millis();
    let own = archive::own(&mut store, &device, !args.dry_run, &mut System)??;
    archive::less_the_past(&mut store, &mut leaves, &device, &own)?;
    drop(store);
    let log = LogId { device: device.key(), incarnation: own.incarnation };
    let archive = Archive::new(log, local::label_key(&keys), &leaves, &texts, now);
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
        output::bytes(&bytes).map_err(|error| output::unwritten(&error))?;
    } else {
        file::replace(&args.file, &bytes).map_err(StorageError::from)?;
    }
    show(args, &leaves, &texts, refused, bytes.len(), output);
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
struct Leaving {
    leaves: Vec<Leaves>,
    texts: Vec<LeavingText>,
    /// Texts that cannot be used.
    refused: Vec<RefusedText>,
}

fn leaving(
    args: &ExportArgs,
    store: &mut Store,
    settings: &Settings,
    keys: &WorkspaceKeys,
) -> Result<Leaving, CliError> {
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
    let wanted = storage::Leaving {
        project: args.project.clone(),
        kind: args.kind,
        proven: args.proven,
        private: sharing.sharing.private_projects.clone(),
    };
    let desk = Desk::open(store, settings, &sharing, Some(keys))?;
    let label_key = local::label_key(keys);
    let leaves: Vec<Leaves> =
        local::all_leaves(store.leaving(&wanted)?, &label_key, desk.sanitiser());
    if leaves.is_empty() {
        let nothing = CliError::new(Kind::Nothing, "there is nothing to export")
            .hint("What waits for approval, what others told and what private projects taught stays here.");
        return Err(if args.proven {
            nothing.hint("With --proven, only what helped more often than it hurt, as `mana stats` tells, leaves.")
        } else {
            nothing
        });
    }
    let mut pen = desk.texts();
    let mut texts = pen.leaving(store, &wanted, !args.dry_run, true)?;
    // The others' words are not in the file.
    texts.retain(|text| text.learned_here);
    let refused = pen.refused.iter().map(RefusedText::new).collect();
    Ok(Leaving { leaves, texts, refused })
}

fn show(
    args: &ExportArgs,
    leaves: &[Leaves],
    texts: &[LeavingText],
    refused_texts: Vec<RefusedText>,
    bytes: usize,
    output: &mut Output,
) {
    let by_rule = count_by_rule(leaves, texts);
    let name = args.file.display().to_string();
    let items: Vec<Item> =
        if args.dry_run { leaves.iter().map(|l| item(l, texts)).collect() } else { Vec::new() };
    let what = count(leaves.len() as u64, "item", "items");
    if args.dry_run || args.file.as_os_str() != "-" {
        for item in &items {
            item.tell(output);
        }
        let verb = if args.dry_run { "Would export" } else { "Exported" };
        let by_hand = match texts.len() as u64 {
            0 => String::new(),
            n => format!(", and what people wrote about {} of them", count(n, "item", "items")),
        };
        output.line(format!("{verb} {what} to {name}{by_hand}."));
        for text in &refused_texts {
            output.line(text.line());
        }
        Finding::tell_rules(&by_rule, output);
        if !args.encrypted {
            output.line("The file is not sealed: whoever has it can read it.");
        }
    }
    output.object(&Report {
        file: name,
        encrypted: args.encrypted,
        dry_run: args.dry_run,
        patterns: leaves.len(),
        texts: texts.len(),
        bytes,
        refused_texts,
        changed_by_rule: by_rule,
        items,
    });
}

/// How often each rule changed something in what leaves.
pub(super) fn count_by_rule(
    leaves: &[Leaves],
    texts: &[LeavingText],
) -> BTreeMap<&'static str, usize> {
    let mut by_rule = BTreeMap::new();
    let in_words = leaves.iter().flat_map(|leaves| &leaves.findings);
    for finding in in_words.chain(texts.iter().flat_map(|text| &text.findings)) {
        *by_rule.entry(finding.rule).or_default() += finding.count;
    }
    by_rule
}

impl Finding {
    /// Says how often each rule changed something, if one did.
    pub(super) fn tell_rules(by_rule: &BTreeMap<&'static str, usize>, output: &mut Output) {
        if !by_rule.is_empty() {
            let rules: Vec<String> =
                by_rule.iter().map(|(rule, n)| format!("{rule} {n}x")).collect();
            output.line(format!("Taken out: {}.", rules.join(", ")));
        }
    }
}

impl Item {
    /// Whether people wrote about it.
    pub(super) fn has_text(&self) -> bool {
        self.by_hand.is_some()
    }

    /// It as it leaves, and what was changed.
    pub(super) fn tell(&self, output: &mut Output) {
        output.line(format!("{}  {:<8}  {}", self.id, self.kind, self.text));
        output.line(format!("          found by: {}", self.trigger));
        for Finding { rule, field, count } in &self.changed {
            output.line(format!("          changed: {rule} in {field}, {count}x"));
        }
        if let Some(by_hand) = &self.by_hand {
            by_hand.tell(output);
        }
    }
}

impl ByHand {
    pub(super) fn new(text: &LeavingText) -> Self {
        let Page { title, body, tags, notes } = text.page.clone();
        let (bytes, changed) = (text.document.len(), findings(&text.findings));
        Self { title, text: body, tags, notes, bytes, changed }
    }

    pub(super) fn tell(&self, output: &mut Output) {
        let notes = self.notes.replace('\n', "\n                   ");
        let parts = [
            ("title", self.title.as_str()),
            ("text", &self.text),
            ("tags", &self.tags.join(", ")),
            ("notes", &notes),
        ];
        for (name, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            output.line(format!("          by hand: {name}: {value}"));
        }
        for Finding { rule, field, count } in &self.changed {
            output.line(format!("          changed by hand: {rule} in {field}, {count}x"));
        }
    }
}

fn findings(found: &[crate::sync::sanitise::Finding]) -> Vec<Finding> {
    let told = found.iter();
    told.map(|f| Finding { rule: f.rule, field: f.field, count: f.count }).collect()
}

/// A pattern as it leaves, with what people wrote about it.
pub(super) fn item(leaves: &Leaves, texts: &[LeavingText]) -> Item {
    let wording = leaves.wording.clone();
    let text = texts.iter().find(|text| text.pattern == leaves.pattern);
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
        changed: findings(&leaves.findings),
        by_hand: text.map(ByHand::new),
    }
}
