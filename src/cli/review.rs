//! `mana review`: what waits for approval.

use serde::Serialize;

use super::args::{ReviewArgs, ReviewCommand};
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::publish::publish;
use super::{scope, show, time};
use crate::config::{self, Settings};
use crate::model::ids::PatternId;
use crate::model::pattern::{Pattern, State};
use crate::model::suspicion;
use crate::model::trial::{Score, Trial};
use crate::storage::{Reader, StorageError, Store, Teller};

/// A pattern that waits, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    kind: &'static str,
    text: String,
    reason: String,
    rejected: bool,
    sessions: u32,
    last: String,
    from: Option<From>,
    trial: Option<TrialShown>,
    others: Vec<Other>,
}

/// What another device says of the same.
#[derive(Debug, Serialize)]
pub(super) struct Other {
    from: From,
    pub(super) text: String,
}

impl Other {
    /// Whether it is what this device says, by the beginning of its fingerprint or by its name.
    #[cfg(feature = "sync")]
    pub(super) fn is_of(&self, device: &str) -> bool {
        device.len() >= 4 && self.from.device.starts_with(device)
            || !device.is_empty() && self.from.name == device
    }
}

/// Whose words a pattern has.
#[derive(Debug, Serialize)]
pub(super) struct From {
    /// Beginning of a hash of its key, as `mana sync peer` prints it.
    device: String,
    name: String,
    /// When it said so.
    at: Option<String>,
}

/// What came of trying it on what happened here.
#[derive(Debug, Serialize)]
pub(super) struct TrialShown {
    verdict: &'static str,
    /// Sessions that were gone through, of those that there are.
    sessions: u32,
    known: u32,
    /// Sessions in which it would have been told, and was right or wrong.
    told: u32,
    right: u32,
    wrong: u32,
    /// Share of right ones that it has to have, at the lower end of the interval.
    need: f64,
    at: String,
    #[serde(skip)]
    meaning: &'static str,
}

pub(crate) fn run(args: &ReviewArgs, output: &mut Output) -> Result<(), CliError> {
    #[cfg(feature = "sync")]
    match &args.command {
        None if args.score => return score(output),
        Some(_) if args.score => return Err(CliError::new(Kind::Failed, "--score stands alone")),
        _ => {}
    }
    match &args.command {
        None => list(false, false, output),
        #[cfg(feature = "sync")]
        Some(ReviewCommand::List(args)) if args.differing => differing(args.all, output),
        Some(ReviewCommand::List(args)) => list(args.all, args.rejected, output),
        Some(ReviewCommand::Approve(args)) => judge(&args.ids, true, output),
        Some(ReviewCommand::Reject(args)) => judge(&args.ids, false, output),
    }
}

/// `mana review --score`.
#[cfg(feature = "sync")]
fn score(output: &mut Output) -> Result<(), CliError> {
    use super::trial;

    let settings = Settings::load(config::current_dir().as_deref())?;
    let report = trial::run(&settings, trial::ASKED, output.shows_progress())?;
    output.object(&report);
    trial::tell(&report, output);
    if report.tried == 0 {
        output.line("Nothing that waits is due to be tried.");
    }
    Ok(())
}

fn list(all: bool, rejected: bool, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let project = if all { None } else { scope::of_folder(&reader, &settings, cwd.as_deref())? };
    let waiting = reader.waiting(project.map(|scope| scope.project), rejected)?;
    let items = waiting.into_iter().map(|(p, rejected)| item(&reader, p, rejected));
    let items: Vec<Item> = items.collect::<Result<_, _>>()?;
    show_items(&items, output);
    if items.is_empty() {
        output.line("Nothing waits for approval.");
    }
    Ok(())
}

/// What devices tell in different words.
#[cfg(feature = "sync")]
fn differing(all: bool, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    let reader = Reader::open(&settings.home)?;
    let scope = if all { None } else { scope::of_folder(&reader, &settings, cwd.as_deref())? };
    let here = |pattern: &Pattern| {
        scope.as_ref().is_none_or(|scope| pattern.project.is_none_or(|at| at == scope.project))
    };
    let mut items = Vec::new();
    for id in reader.differing_patterns()? {
        if let Some(pattern) = show::find(&reader, &id.to_string())?.filter(here) {
            let waits = pattern.state == State::Quarantined;
            let mut item = item(&reader, pattern, false)?;
            if !waits {
                item.reason = match &item.from {
                    Some(from) => format!("told in the words of {}", named(from)),
                    None => "told in the words of this device".into(),
                };
            }
            items.push(item);
        }
    }
    items.retain(|item| !item.others.is_empty());
    show_items(&items, output);
    output.line(if items.is_empty() {
        "Devices agree on the words of everything."
    } else {
        "To decide: `mana edit ID --take DEVICE`, or `mana edit ID` for other words."
    });
    Ok(())
}

fn show_items(items: &[Item], output: &mut Output) {
    output.object(&items);
    for Item { id, kind, text, reason, rejected, trial, others, .. } in items {
        output.line(format!("{id}  {kind:<8}  {text}"));
        let rejected = if *rejected { " (rejected)" } else { "" };
        output.line(format!("          {reason}{rejected}"));
        for line in trial.iter().map(tried) {
            output.line(format!("          {line}"));
        }
        for other in others {
            output.line(format!("          {}", instead(other)));
        }
    }
}

fn item(reader: &Reader, pattern: Pattern, rejected: bool) -> Result<Item, StorageError> {
    let from = from(reader, pattern.id)?;
    let Pattern { kind, tool, text, payload, .. } = &pattern;
    let reason = match &from {
        Some(_) => suspicion::of_hearsay(*kind, tool, text, payload),
        None => suspicion::of_pattern(*kind, text, payload),
    };
    let foreign = match &from {
        _ if rejected => "it was rejected".into(),
        Some(from) => format!("{}: {}", show::FOREIGN, named(from)),
        None => show::FOREIGN.into(),
    };
    Ok(Item {
        id: pattern.id.short(),
        kind: pattern.kind.name(),
        reason: reason.map_or(foreign, String::from),
        rejected,
        sessions: pattern.tally.sessions,
        last: time::shown(pattern.tally.last),
        trial: trial(reader, pattern.id)?,
        others: others(reader, &pattern)?,
        from,
        text: pattern.text,
    })
}

/// Whose words a pattern has, where another device's stand.
pub(super) fn from(reader: &Reader, id: PatternId) -> Result<Option<From>, StorageError> {
    Ok(reader.teller(id)?.map(shown))
}

fn shown(Teller { device, name, at }: Teller) -> From {
    From { device: fingerprint(&device), name, at: (at > 0).then(|| time::shown(at)) }
}

/// What other devices say of a pattern that has the words of one, where these differ: merging
/// lets one stand, and the others are kept.
#[cfg(feature = "sync")]
pub(super) fn others(reader: &Reader, pattern: &Pattern) -> Result<Vec<Other>, StorageError> {
    use crate::sync::record::Wording;
    use crate::sync::sanitise::harmless;

    let all = reader.other_words(pattern.id)?.into_iter();
    let decoded = all.filter_map(|(teller, value)| {
        let text = harmless(Wording::decode(&value).ok()?).wording.text;
        (text != pattern.text).then(|| Other { from: shown(teller), text })
    });
    Ok(decoded.collect())
}

/// A build that cannot share cannot read what devices say either.
#[cfg(not(feature = "sync"))]
#[expect(clippy::unnecessary_wraps, reason = "with sharing, it reads the store")]
pub(super) fn others(_: &Reader, _: &Pattern) -> Result<Vec<Other>, StorageError> {
    Ok(Vec::new())
}

/// What another device says instead, in a line for people.
pub(super) fn instead(other: &Other) -> String {
    format!("{} says: {}", named(&other.from), other.text)
}

#[cfg(feature = "sync")]
fn fingerprint(device: &[u8]) -> String {
    device.try_into().map_or_else(|_| String::new(), crate::sync::device::fingerprint)
}

/// A build that cannot share knows no device by its fingerprint.
#[cfg(not(feature = "sync"))]
fn fingerprint(device: &[u8]) -> String {
    let digits =
        |byte: &u8| [byte >> 4, byte & 15].map(|n| char::from(b"0123456789abcdef"[usize::from(n)]));
    device.iter().take(10).flat_map(digits).collect()
}

/// A device for people.
pub(super) fn named(From { device, name, at }: &From) -> String {
    let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
    let at = at.as_ref().map_or(String::new(), |at| format!(", {at}"));
    format!("{device}{name}{at}")
}

/// What came of trying a pattern.
pub(super) fn trial(reader: &Reader, id: PatternId) -> Result<Option<TrialShown>, StorageError> {
    let shown = |Trial { known, sessions, score, need, verdict, at, .. }| {
        let Score { told, right, wrong, .. } = score;
        let at = time::shown(at);
        let (verdict, meaning) = (verdict.name(), verdict.meaning());
        TrialShown { verdict, sessions, known, told, right, wrong, need, at, meaning }
    };
    Ok(reader.trial(id)?.map(shown))
}

/// What came of trying a pattern, in a line for people.
pub(super) fn tried(trial: &TrialShown) -> String {
    let TrialShown { meaning, told, right, wrong, sessions, at, .. } = trial;
    let sessions = count(u64::from(*sessions), "session", "sessions");
    format!(
        "tried {at} on {sessions}: would have been told in {told}, right in {right}, wrong in \
         {wrong}; {meaning}"
    )
}

fn judge(ids: &[String], approved: bool, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let mut store = Store::open(&settings.home, true)?;
    // All of them are found before one is changed.
    let mut patterns = Vec::new();
    for id in ids {
        let pattern = show::find(&store, id)?
            .ok_or_else(|| CliError::new(Kind::Nothing, format!("no item has the id {id}")))?;
        if approved && pattern.state != State::Quarantined {
            return Err(CliError::new(Kind::Failed, format!("{id} does not wait for approval"))
                .hint("`mana review` lists what does."));
        }
        patterns.push(pattern);
    }
    let now = time::now().timestamp_millis();
    for pattern in &patterns {
        store.review(pattern, approved, now)?;
    }
    publish(&mut store, &settings.home)?;
    let done = if approved { "approved" } else { "rejected" };
    let ids: Vec<String> = patterns.iter().map(|pattern| pattern.id.short()).collect();
    output.object(&serde_json::json!({ done: ids }));
    let what = count(ids.len() as u64, "item", "items");
    output.line(format!("{what} {done}: {}.", ids.join(", ")));
    Ok(())
}
