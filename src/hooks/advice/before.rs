//! Before a tool call. The text reaches the model after the call ran, so it speaks of what to
//! do next: the known failure of this command, what else changes with this file.

use super::wording;
use super::{Advice, Question};
use crate::hooks::context::Item;
use crate::hooks::event::ToolCall;
use crate::model::key::{Key, Space};
use crate::model::paths;
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::{self, cost};
use crate::model::shell::{Normal, Part, normalise};
use crate::model::signature::{ErrorClass, error_class};
use crate::model::trajectory::path_of;
use crate::storage::{Recall, StorageError};

pub(super) fn advise(question: &Question<'_>, call: &ToolCall) -> Result<Advice, StorageError> {
    let items = match call.tool.as_str() {
        "Bash" => known_failure(question, call)?,
        tool => match path_of(tool, &call.subject) {
            Some(path) => known_path(question, path)?,
            None => Vec::new(),
        },
    };
    Ok(Advice { header: "", items })
}

/// Failures of this very command, when it fails often enough to be worth a line.
fn known_failure(question: &Question<'_>, call: &ToolCall) -> Result<Vec<Item>, StorageError> {
    let command = normalise(&call.subject);
    let key = Key::new(Space::Command, &command.key());
    let project = question.scope.project;
    let known = question.recall.by_key(project, key, &[Kind::Fix, Kind::Pitfall])?;
    if known.is_empty() {
        return in_another_form(question, &command);
    }
    let rate = question.recall.command_rate(project, key)?;
    let mut likely: Vec<(&Pattern, Item)> = known
        .iter()
        .map(|p| (p, said(question, p, chance(p, &known, rate, question.reference))))
        .filter(|(_, item)| item.confidence >= cost::before(item.text.len()))
        .collect();
    likely.sort_by(|(_, a), (_, b)| b.confidence.total_cmp(&a.confidence));
    let Some(best) = likely.iter().position(|(p, _)| question.still_holds(p)) else {
        return Ok(Vec::new());
    };
    // Of those that stand for the same the one that was seen most often is told: one that
    // happened once would be taken for all there is.
    let first = likely[best].0;
    let oftener = |p: &Pattern| p.tally.failures > first.tally.failures && is_alike(first, p);
    let told = (best + 1..likely.len())
        .filter(|n| oftener(likely[*n].0) && question.still_holds(likely[*n].0))
        .max_by_key(|n| (likely[*n].0.tally.failures, std::cmp::Reverse(*n)));
    Ok(vec![likely.swap_remove(told.unwrap_or(best)).1])
}

/// Chance that a command, which ran and failed as often as `rate` says, fails as `pattern` says,
/// which is one of those that are `known` about it.
fn chance(pattern: &Pattern, known: &[Pattern], rate: (u32, u32), reference: i64) -> f64 {
    let alike = known.iter().filter(|other| is_alike(pattern, other));
    let alike: u32 = alike.map(|other| other.tally.failures).sum();
    let (runs, failures) = rate;
    rank::before_command(pattern, runs, failures.min(alike), reference)
}

/// The same as the store has it, for who wants to know why something is said or not.
pub(crate) fn chance_before(
    recall: &dyn Recall,
    pattern: &Pattern,
    reference: i64,
) -> Result<f64, StorageError> {
    let (Some(project), Some(command)) = (pattern.project, pattern.payload.commands.first()) else {
        return Ok(0.0);
    };
    let key = Key::new(Space::Command, &normalise(command).key());
    let known = recall.by_key(project, key, &[Kind::Fix, Kind::Pitfall])?;
    Ok(chance(pattern, &known, recall.command_rate(project, key)?, reference))
}

/// A command that is not known as it stands, with an option or a program that an earlier failure
/// says there is none of: it fails whatever else is asked of it.
fn in_another_form(question: &Question<'_>, command: &Normal) -> Result<Vec<Item>, StorageError> {
    for part in &command.parts {
        let key = Key::new(Space::Head, &part.head);
        let known =
            question.recall.by_key(question.scope.project, key, &[Kind::Fix, Kind::Recipe])?;
        let fixes = known.iter().filter(|p| p.kind == Kind::Fix);
        let item = fixes
            .filter(|p| names_wrong_option(p, part))
            // What worked with that option since was not refused.
            .filter(|p| !known.iter().any(|q| works_since(q, p, part)))
            .map(|p| (said(question, p, rank::in_another_form(p, question.reference)), p))
            .filter(|(item, _)| item.confidence >= cost::before(item.text.len()))
            .find(|(_, p)| question.still_holds(p));
        if let Some((item, _)) = item {
            return Ok(vec![item]);
        }
    }
    Ok(Vec::new())
}

/// Whether the failure that the pattern tells of is that an option is wrong which `part` has as
/// well.
fn names_wrong_option(pattern: &Pattern, part: &Part) -> bool {
    let headline = headline_of(pattern);
    let Some(failed) = pattern.payload.commands.first() else { return false };
    let named = part.words.iter().skip(1).any(|word| {
        let option = word.split_once('=').map_or(word.as_str(), |(option, _)| option);
        is_option(option) && has_word(headline, option) && has_word(failed, option)
    });
    named && error_class("Bash", headline) == ErrorClass::Usage
}

/// Whether the recipe was run with an option of `part` after the pattern's last failure.
fn works_since(recipe: &Pattern, failure: &Pattern, part: &Part) -> bool {
    recipe.kind == Kind::Recipe
        && recipe.tally.last > failure.tally.last
        && recipe
            .payload
            .commands
            .iter()
            .any(|command| part.words.iter().any(|word| is_option(word) && has_word(command, word)))
}

fn is_option(word: &str) -> bool {
    word.len() > 2 && word.starts_with('-') && word.as_bytes()[1..].iter().any(|b| *b != b'-')
}

/// Whether `word` stands in `text` by itself; dashes before it in the text, or missing there, do
/// not matter.
fn has_word(text: &str, word: &str) -> bool {
    let bare = word.trim_start_matches('-');
    text.split(|c: char| c.is_whitespace() || "\"'`,;:=()".contains(c))
        .any(|other| other.trim_start_matches('-').trim_end_matches('.') == bare)
}

/// Whether two patterns about one command tell of the same failure, or of the same remedy.
fn is_alike(a: &Pattern, b: &Pattern) -> bool {
    fails_alike(a, b) || remedies_of(a).any(|remedy| remedies_of(b).any(|other| other == remedy))
}

/// Whether two patterns are about the same failure of the same command.
pub(super) fn fails_alike(a: &Pattern, b: &Pattern) -> bool {
    // Most are about other commands, and a brief compares each with each.
    if a.payload.commands.first() != b.payload.commands.first() {
        return false;
    }
    let (one, other) = (headline_of(a), headline_of(b));
    one == other || a.payload.routine && b.payload.routine && finds_alike(one, other)
}

/// Whether two headlines of checks may be about the same sort of findings, which differ from run
/// to run. Not every headline says which sort it is.
fn finds_alike(one: &str, other: &str) -> bool {
    match (error_class("Bash", one), error_class("Bash", other)) {
        (ErrorClass::Other, class) | (class, ErrorClass::Other) => {
            class == ErrorClass::Other || !class.is_mistake()
        }
        (one, other) => one.findings().is_some() && one.findings() == other.findings(),
    }
}

/// What the failure says that the pattern is about. It is read out of the trigger, which stays as
/// it was learned: people may put other words in the place of the text.
fn headline_of(pattern: &Pattern) -> &str {
    let command = pattern.payload.commands.first().map_or("", String::as_str);
    let trigger = pattern.trigger.as_str();
    trigger.strip_prefix(command).map_or(trigger, str::trim_start)
}

fn remedies_of(pattern: &Pattern) -> impl Iterator<Item = &str> {
    pattern.payload.remedy.iter().map(|remedy| remedy.trim_matches('`'))
}

fn said(question: &Question<'_>, pattern: &Pattern, confidence: f64) -> Item {
    Item {
        id: pattern.id,
        text: wording::with_evidence(pattern, question.now),
        confidence,
        also: Vec::new(),
        again: false,
    }
}

/// A path that is known not to exist, unless it was made since.
fn known_path(question: &Question<'_>, path: &str) -> Result<Vec<Item>, StorageError> {
    let path = paths::relative(path, &question.scope.root, &question.event.cwd);
    let key = Key::new(Space::Path, &path);
    let project = question.scope.project;
    let known = question.recall.by_key(project, key, &[Kind::Path])?;
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let named = question.recall.files_named(project, paths::name(&path))?;
    let used = named.iter().find(|file| file.path == path).map_or(0, |file| file.last);
    Ok(known
        .iter()
        .filter(|p| p.tally.last > used && question.still_holds(p))
        .take(1)
        .map(|p| Item {
            id: p.id,
            text: wording::with_evidence(p, question.now),
            confidence: rank::fix(p, 1.0, question.reference),
            also: Vec::new(),
            again: false,
        })
        .filter(|item| item.confidence >= cost::before(item.text.len()))
        .take(1)
        .collect())
}
