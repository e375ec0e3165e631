//! The use case behind `mana inject`: event → project → advice → context. Hot.

use std::path::Path;

pub(crate) use super::advice::Proposed;
use super::advice::{self, Advice, Question};
use super::checkout::{Checkout, Disk};
use super::context::{self, Item};
use super::event::{HookEvent, Moment};
use super::scope;
use crate::model::exclude::Exclusions;
use crate::model::paths;
use crate::model::trajectory::is_on_file;
use crate::model::vector::Encode;
use crate::storage::{Journal, Recall, Record, StorageError, recall};

/// What a run needs to know beside the event.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// MANA's home.
    pub(crate) home: &'a Path,
    /// The client's project folder, if it says so.
    pub(crate) project_dir: Option<&'a str>,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// Makes the vector of a prompt; `None` to go by words alone.
    pub(crate) encoder: Option<&'a dyn Encode>,
    /// Share of matching items that is held back to compare with, from 0 to 1.
    pub(crate) holdout: f64,
    /// What may be looked at beside the home; `None` where what is on this disk has nothing to do
    /// with the event.
    pub(crate) disk: Option<Disk<'a>>,
    /// What is not learned, and therefore not noted either.
    pub(crate) exclusions: &'a Exclusions,
}

/// What MANA says to an event: the JSON for standard output, or nothing. What was shown is noted
/// in the session's journal; a journal that cannot be written costs only the memory of it.
pub(crate) fn inject(
    event: &HookEvent,
    around: &Surroundings<'_>,
) -> Result<Option<String>, StorageError> {
    if matches!(event.moment, Moment::Other | Moment::End { .. }) {
        return Ok(None);
    }
    let journal_path = Journal::path(around.home, &event.session, &event.agent);
    let answered = recall(around.home, |recall| answer(recall, event, around, &journal_path));
    let (records, said) = match answered {
        Err(error) if error.is_missing() => return Ok(None),
        other => other?,
    };
    let _unwritten = Journal::append(&journal_path, around.now, &records);
    Ok(said.map(|said| context::answer(&event.name, &said.text)))
}

/// What was said to an event.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Said {
    /// What the agent reads.
    pub(crate) text: String,
    /// What it is made of, in order.
    pub(crate) items: Vec<Item>,
}

/// The same from a store that is open, for one who asks about many events in a row.
pub(crate) fn inject_from(
    recall: &dyn Recall,
    event: &HookEvent,
    around: &Surroundings<'_>,
) -> Result<Option<Said>, StorageError> {
    if matches!(event.moment, Moment::Other | Moment::End { .. }) {
        return Ok(None);
    }
    let journal_path = Journal::path(around.home, &event.session, &event.agent);
    let (records, said) = answer(recall, event, around, &journal_path)?;
    let _unwritten = Journal::append(&journal_path, around.now, &records);
    Ok(said)
}

/// The files that the prompt of an event may lead to; nothing is noted.
pub(crate) fn propose_from(
    recall: &dyn Recall,
    event: &HookEvent,
    around: &Surroundings<'_>,
) -> Result<Vec<Proposed>, StorageError> {
    let journal_path = Journal::path(around.home, &event.session, &event.agent);
    let asked = ask(recall, event, around, &journal_path, advice::propose)?;
    Ok(asked.unwrap_or_default())
}

/// What to note and what to say.
fn answer(
    recall: &dyn Recall,
    event: &HookEvent,
    around: &Surroundings<'_>,
    journal: &Path,
) -> Result<(Vec<Record>, Option<Said>), StorageError> {
    let answered = ask(recall, event, around, journal, |question| {
        let mut records = notes(question, around.exclusions);
        let advice = advice::advise(question)?;
        let said = say(question, advice, around.holdout, &mut records);
        Ok((records, said))
    })?;
    Ok(answered.unwrap_or_default())
}

/// What `answer` makes of the event with all that is known; `None` outside of any known project.
fn ask<T>(
    recall: &dyn Recall,
    event: &HookEvent,
    around: &Surroundings<'_>,
    journal: &Path,
    answer: impl FnOnce(&Question<'_>) -> Result<T, StorageError>,
) -> Result<Option<T>, StorageError> {
    let Some(scope) = scope::of_event(recall, event, around.project_dir)? else {
        return Ok(None);
    };
    let journal = Journal::read(journal);
    let checkout = Checkout::new(around.disk, event, around.project_dir, &scope);
    let question = Question {
        recall,
        scope: &scope,
        checkout: &checkout,
        encoder: around.encoder,
        event,
        journal: &journal,
        now: around.now,
        reference: recall.last_activity(scope.project)?.map_or(around.now, |at| at.min(around.now)),
    };
    answer(&question).map(Some)
}

/// What the event itself tells of the session.
fn notes(question: &Question<'_>, exclusions: &Exclusions) -> Vec<Record> {
    match &question.event.moment {
        moment if is_fresh(moment) => vec![Record::Fresh],
        Moment::Before(call) if is_on_file(&call.tool) => {
            if is_left_out(&call.tool, &call.subject, &question.event.cwd, exclusions) {
                return Vec::new();
            }
            let path = paths::relative(&call.subject, &question.scope.root, &question.event.cwd);
            let known = question.journal.touched().contains(&path.as_str());
            if known { Vec::new() } else { vec![Record::Touched(path)] }
        }
        _ => Vec::new(),
    }
}

/// Whether what `tool` does to the file `path`, called in `cwd`, is not to be noted.
fn is_left_out(tool: &str, path: &str, cwd: &str, exclusions: &Exclusions) -> bool {
    !exclusions.is_without_steps()
        && (exclusions.tool(tool) || exclusions.folder(cwd) || exclusions.path(path, cwd))
}

/// Whether a context window begins in which nothing of what the session was told is left.
fn is_fresh(moment: &Moment) -> bool {
    matches!(moment, Moment::Start { source } if matches!(source.as_str(), "compact" | "clear"))
}

/// Drops what was shown before, holds back a share to compare with, and renders the rest.
fn say(
    question: &Question<'_>,
    advice: Advice,
    holdout: f64,
    records: &mut Vec<Record>,
) -> Option<Said> {
    let event = question.event;
    let shown: Vec<_> = match &event.moment {
        moment if is_fresh(moment) => Vec::new(),
        _ => question.journal.shown().collect(),
    };
    let mut items = Vec::new();
    let mut held = Vec::new();
    for item in advice.items {
        if !item.again && !may_be_said(&item.id.to_string(), &event.name, &shown) {
            continue;
        }
        if is_held_back(&event.session, &item.id.to_string(), holdout) {
            held.push(item);
        } else {
            items.push(item);
        }
    }
    let (text, used) = context::render(advice.header, &items, context::budget(&event.name));
    let tool_use = match &event.moment {
        Moment::Before(call) | Moment::Failed { call, .. } => call.id.clone(),
        _ => String::new(),
    };
    let mut note = |item: &Item, withheld| {
        for id in std::iter::once(&item.id).chain(&item.also) {
            records.push(Record::Shown {
                pattern: id.to_string(),
                event: event.name.clone(),
                tool_use: tool_use.clone(),
                confidence: item.confidence,
                withheld,
            });
        }
    };
    for n in &used {
        note(&items[*n], false);
    }
    for item in &held {
        note(item, true);
    }
    let mut place = 0..;
    items.retain(|_| place.next().is_some_and(|n| used.contains(&n)));
    (!text.is_empty()).then_some(Said { text, items })
}

/// Whether an item may be said at `event`, given what was said in this context window. Never
/// twice, but for what only a brief has said: at the failure itself it is worth a second line.
fn may_be_said(id: &str, event: &str, shown: &[(&str, &str)]) -> bool {
    shown.iter().filter(|(pattern, _)| *pattern == id).all(|(_, at)| {
        event == "PostToolUseFailure" && matches!(*at, "SessionStart" | "SubagentStart")
    })
}

/// Whether this pattern is held back in this session: decided by a hash of both, so that it is
/// random over sessions and the same within one.
fn is_held_back(session: &str, pattern: &str, share: f64) -> bool {
    use crate::model::key::{Key, Space};
    let hash = Key::new(Space::Holdout, &format!("{session}\n{pattern}")).to_i64() as u64;
    // FNV's low bits mix well, its high bits poorly for short differences at the end: fold.
    let folded = (hash ^ (hash >> 32)) % 10_000;
    (folded as f64) < share * 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice_but_a_brief_at_the_failure() {
        let brief = ("a", "SessionStart");
        for (event, shown, expected) in [
            ("PreToolUse", &[][..], true),
            ("PreToolUse", &[("b", "PreToolUse")], true),
            ("PreToolUse", &[("a", "PreToolUse")], false),
            ("PreToolUse", &[brief], false),
            ("SessionStart", &[brief], false),
            ("PostToolUseFailure", &[brief], true),
            ("PostToolUseFailure", &[("a", "SubagentStart")], true),
            ("PostToolUseFailure", &[("a", "PreToolUse")], false),
            ("PostToolUseFailure", &[brief, ("a", "PostToolUseFailure")], false),
        ] {
            assert_eq!(may_be_said("a", event, shown), expected, "{event} after {shown:?}");
        }
    }

    #[test]
    fn the_holdout_keeps_its_share() {
        let held =
            (0..20_000).filter(|n| is_held_back(&format!("session-{n}"), "abcd", 0.1)).count();
        assert!((1_700..2_300).contains(&held), "{held}");
        assert!(!(0..1_000).any(|n| is_held_back(&n.to_string(), "abcd", 0.0)));
    }
}
