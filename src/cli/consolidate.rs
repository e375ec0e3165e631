//! `mana consolidate`.

use serde::Serialize;

use super::args::ConsolidateArgs;
use super::cycle::{Cycle, Source};
use super::error::CliError;
use super::output::{Output, count};
use super::{encoder, scratch, time};
use crate::config::{self, Settings};
use crate::consolidation::{self, Change, Rehearsal, Report, Rules, Way};
use crate::model::ids::PatternId;
use crate::model::skill::Skill;
use crate::model::text;
use crate::storage::{Edge, Reader, StorageError, Store};

/// Lines of each list that are printed for people; `--all` and `--json` have all of them.
const LISTED: usize = 40;

/// Bytes of a text on a line.
const TEXT: usize = 100;

/// Bytes of a text that shares its line with another one.
const HALF: usize = 60;

/// A change to a pattern, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    project: Option<String>,
    change: &'static str,
    why: String,
    text: Option<String>,
}

/// A change to a skill.
#[derive(Debug, Serialize)]
struct SkillItem {
    id: String,
    project: String,
    change: Way,
    why: String,
    title: String,
}

/// A change to a pair of patterns of which one tends to come before the other.
#[derive(Debug, Serialize)]
struct PairItem {
    change: Way,
    why: String,
    before: End,
    after: End,
    /// Trajectories in which the second followed; as it was where the pair is dropped.
    support: u32,
    /// How much more often than by chance.
    lift: f64,
}

/// One pattern of a pair.
#[derive(Debug, Serialize)]
struct End {
    id: String,
    text: Option<String>,
}

/// All that would change.
#[derive(Debug, Serialize)]
struct Changes {
    items: Vec<Item>,
    skills: Vec<SkillItem>,
    pairs: Vec<PairItem>,
}

/// What `mana consolidate --json` prints.
#[derive(Debug, Serialize)]
struct Told {
    dry_run: bool,
    report: Report,
    /// In detail, only where it was asked what would change.
    #[serde(flatten)]
    changes: Option<Changes>,
}

pub(crate) fn run(args: &ConsolidateArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let rules = rules(&settings);
    let now = time::now().timestamp_millis();
    if args.dry_run {
        let reader = Reader::open(&settings.home)?;
        let scratch = scratch::folder()?;
        let rehearsal = consolidation::rehearse(&reader, scratch.path(), rules, now)?;
        let changes = changes(&reader, &rehearsal)?;
        tell_changes(&changes, if args.all { usize::MAX } else { LISTED }, output);
        tell(&rehearsal.report, true, output);
        output.object(&Told { dry_run: true, report: rehearsal.report, changes: Some(changes) });
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
    let source = if args.supervised { Source::Daemon } else { Source::User };
    let cycle = Cycle::begin(&settings, "consolidate", source);
    let report = consolidation::consolidate(&mut store, rules, now);
    cycle.end(report.as_ref());
    let report = report?;
    tell(&report, false, output);
    output.object(&Told { dry_run: false, report, changes: None });
    Ok(())
}

/// The rules that the settings ask for.
pub(crate) fn rules(settings: &Settings) -> Rules {
    Rules { half_life: settings.consolidate.half_life_days }
}

/// What would change, with the words of what there is now and of what would be made.
fn changes(reader: &Reader, rehearsal: &Rehearsal) -> Result<Changes, StorageError> {
    let text = |id: PatternId| match rehearsal.after.text_of(id)? {
        None => reader.text_of(id),
        found => Ok(found),
    };
    let mut changes = Changes { items: Vec::new(), skills: Vec::new(), pairs: Vec::new() };
    for project in &rehearsal.plan.projects {
        for item in &project.items {
            changes.items.push(Item {
                id: item.id.to_string(),
                kind: item.kind.name(),
                project: (!project.name.is_empty()).then(|| project.name.clone()),
                change: item.fate.reason().map_or("restored", |reason| reason.name()),
                why: item.fate.why(),
                text: text(item.id)?,
            });
        }
    }
    for (project, skill) in &rehearsal.skills {
        changes.skills.push(SkillItem {
            id: skill.latest().id.to_string(),
            project: rehearsal.after.project_names(*project)?.1,
            change: skill.way(),
            why: why_skill(skill),
            title: skill.latest().title.clone(),
        });
    }
    for pair in &rehearsal.edges {
        let Edge { cause, effect, support, lift } = *pair.latest();
        let end = |id: PatternId| -> Result<End, StorageError> {
            Ok(End { id: id.to_string(), text: text(id)? })
        };
        changes.pairs.push(PairItem {
            change: pair.way(),
            why: why_pair(pair),
            before: end(cause)?,
            after: end(effect)?,
            support,
            lift,
        });
    }
    Ok(changes)
}

/// Why a skill changes, for people.
fn why_skill(change: &Change<Skill>) -> String {
    let parts = |skill: &Skill| {
        let body = &skill.body;
        [
            count(body.steps.len() as u64, "command that works", "commands that work"),
            count(body.pitfalls.len() as u64, "mistake", "mistakes"),
            count(body.rules.len() as u64, "rule", "rules"),
            count(body.files.len() as u64, "file", "files"),
        ]
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let (old, new) = (parts(before), parts(after));
            let grown: Vec<String> = old
                .iter()
                .zip(&new)
                .filter(|(old, new)| old != new)
                .map(|(old, new)| format!("{new} instead of {old}"))
                .collect();
            if grown.is_empty() {
                return "its parts were exchanged, or more sessions speak for them".into();
            }
            grown.join(", ")
        }
        (None, Some(after)) => format!("known: {}", parts(after).join(", ")),
        (_, None) => "too little is known about it now, or others have more evidence".into(),
    }
}

/// Why a pair changes, for people.
fn why_pair(change: &Change<Edge>) -> String {
    let often = |edge: &Edge| {
        let times = count(edge.support.into(), "time", "times");
        format!("{times}, {:.2} × as often as by chance", edge.lift)
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}; it was {}", often(after), often(before)),
        (None, Some(after)) => often(after),
        (Some(before), None) => format!("not often enough any more; it was {}", often(before)),
        (None, None) => String::new(),
    }
}

fn tell_changes(changes: &Changes, most: usize, output: &mut Output) {
    for item in changes.items.iter().take(most) {
        let project = item.project.as_deref().unwrap_or("all projects");
        let said = text::one_line(item.text.as_deref().unwrap_or_default(), TEXT);
        output.line(format!(
            "{:<9} {} {} in {project}: {said}",
            item.change,
            &item.id[..8],
            item.kind
        ));
        output.line(format!("          {}", item.why));
    }
    tell_more(changes.items.len(), most, "patterns", output);
    for skill in changes.skills.iter().take(most) {
        output.line(format!(
            "{:<9} {} skill in {}: {}",
            name(skill.change),
            &skill.id[..8],
            skill.project,
            text::one_line(&skill.title, TEXT)
        ));
        output.line(format!("          {}", skill.why));
    }
    tell_more(changes.skills.len(), most, "skills", output);
    for pair in changes.pairs.iter().take(most) {
        let [before, after] = [&pair.before, &pair.after].map(|end| {
            let said = text::one_line(end.text.as_deref().unwrap_or_default(), HALF);
            format!("{} {said}", &end.id[..8])
        });
        output.line(format!("{:<9} pair: {before}  before  {after}", name(pair.change)));
        output.line(format!("          {}", pair.why));
    }
    tell_more(changes.pairs.len(), most, "pairs", output);
}

fn tell_more(number: usize, most: usize, what: &str, output: &mut Output) {
    if number > most {
        let more = number - most;
        output.line(format!("… and {more} more {what}; --all or --json lists all"));
    }
}

fn name(way: Way) -> &'static str {
    match way {
        Way::Made => "made",
        Way::Changed => "changed",
        Way::Dropped => "dropped",
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
        let skills = count(report.skills, "skill", "skills");
        output.line(format!("  {skills} made, changed or dropped"));
    }
    if report.edges > 0 {
        let pairs = count(report.edges, "pair", "pairs");
        output.line(format!("  {pairs} of patterns of which one tends to come before the other"));
    }
}
