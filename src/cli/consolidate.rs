//! `mana consolidate`.

use serde::Serialize;

use super::args::ConsolidateArgs;
use super::cycle::{Cycle, Source};
use super::error::CliError;
use super::output::{Output, count};
use super::{encoder, time};
use crate::config::{self, Settings};
use crate::consolidation::{self, Plan, Report, Rules};
use crate::model::text;
use crate::storage::{Reader, StorageError, Store};

/// Items of a plan that are printed for people; `--json` has all of them.
const ITEMS: usize = 40;

/// Bytes of a text on a line.
const TEXT: usize = 100;

/// A change, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    project: Option<String>,
    change: &'static str,
    why: String,
    text: Option<String>,
}

/// What `mana consolidate --json` prints.
#[derive(Debug, Serialize)]
struct Told {
    dry_run: bool,
    report: Report,
    /// The plan, only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Item>>,
}

pub(crate) fn run(args: &ConsolidateArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let rules = rules(&settings);
    if args.dry_run {
        let reader = Reader::open(&settings.home)?;
        let plan = consolidation::plan(&reader, rules)?;
        let report = Report::foretold(&reader, &plan)?;
        let items = items(&reader, &plan)?;
        tell_items(&items, output);
        tell(&report, true, output);
        output.object(&Told { dry_run: true, report, items: Some(items) });
        return Ok(());
    }
    if let Err(error @ StorageError::Missing { .. }) = Reader::open(&settings.home) {
        if args.supervised {
            return Ok(());
        }
        // Opening it to write would make one.
        return Err(error.into());
    }
    let mut store = match Store::open(&settings.home, !args.supervised) {
        // It will be the daemon's turn again.
        Err(error) if args.supervised && error.is_locked() => return Ok(()),
        other => other?,
    };
    store.encode_with(Some(Box::new(encoder::of_home(&settings.home))));
    let now = time::now().timestamp_millis();
    let source = if args.supervised { Source::Daemon } else { Source::User };
    let cycle = Cycle::begin(&settings, "consolidate", source);
    let report = consolidation::consolidate(&mut store, rules, now);
    cycle.end(report.as_ref());
    let report = report?;
    tell(&report, false, output);
    output.object(&Told { dry_run: false, report, items: None });
    Ok(())
}

/// The rules that the settings ask for.
pub(crate) fn rules(settings: &Settings) -> Rules {
    Rules { half_life: settings.consolidate.half_life_days }
}

fn items(reader: &Reader, plan: &Plan) -> Result<Vec<Item>, StorageError> {
    let mut items = Vec::new();
    for project in &plan.projects {
        for item in &project.items {
            let text = item.row.map(|row| reader.wording(row)).transpose()?.map(|(_, text)| text);
            items.push(Item {
                id: item.id.to_string(),
                kind: item.kind.name(),
                project: (!project.name.is_empty()).then(|| project.name.clone()),
                change: item.fate.reason().map_or("restored", |reason| reason.name()),
                why: item.fate.why(),
                text,
            });
        }
    }
    Ok(items)
}

fn tell_items(items: &[Item], output: &mut Output) {
    for item in items.iter().take(ITEMS) {
        let project = item.project.as_deref().unwrap_or("all projects");
        let said = item.text.as_deref().map_or("", |said| text::cut(said, TEXT)).replace('\n', " ");
        output.line(format!(
            "{:<9} {} {} in {project}: {said}",
            item.change,
            &item.id[..8],
            item.kind
        ));
        output.line(format!("          {}", item.why));
    }
    if items.len() > ITEMS {
        output.line(format!("… and {} more; --json has all of them.", items.len() - ITEMS));
    }
}

fn tell(report: &Report, dry_run: bool, output: &mut Output) {
    let parts = [
        (report.merged, "merged with another that says the same"),
        (report.faded, "set aside, not used for long"),
        (report.unmatched, "set aside, nothing ever matched"),
        (report.harmful, "set aside, did harm"),
        (report.shared, "taken together as a pattern of all projects"),
        (report.restored, "restored"),
    ];
    if *report == Report::default() {
        output.line("Nothing to change.");
        return;
    }
    output.line(if dry_run { "Would change:" } else { "Changed:" });
    for (number, what) in parts.into_iter().filter(|(number, _)| *number > 0) {
        output.line(format!("  {} {what}", count(number, "pattern", "patterns")));
    }
    if report.skills > 0 {
        output.line(format!("  {}", count(report.skills, "skill", "skills")));
    }
    if report.edges > 0 {
        let pairs = count(report.edges, "pair", "pairs");
        output.line(format!("  {pairs} of patterns of which one tends to come before the other"));
    }
}
