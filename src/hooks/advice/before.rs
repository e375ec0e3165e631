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
use crate::storage::StorageError;

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
    let (runs, failures) = question.recall.command_rate(project, key)?;
    let mut likely: Vec<(f64, &Pattern)> = known
        .iter()
        .map(|p| {
            let alike: u32 =
                known.iter().filter(|q| is_alike(p, q)).map(|q| q.tally.failures).sum();
            (rank::before_command(p, runs, failures.min(alike), question.reference), p)
        })
        .collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0));
    let item = likely
        .into_iter()
        .map(|(confidence, pattern)| (pattern, said(question, pattern, confidence)))
        .filter(|(_, item)| item.confidence >= cost::before(item.text.len()))
        .find(|(pattern, _)| question.still_holds(pattern));
    Ok(item.map(|(_, item)| item).into_iter().collect())
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
    let failure = failure_of(pattern);
    let Some((_, headline)) = failure.split_once("` failed (") else { return false };
    let Some(failed) = pattern.payload.commands.first() else { return false };
    error_class("Bash", headline) == ErrorClass::Usage
        && part.words.iter().skip(1).any(|word| {
            let option = word.split_once('=').map_or(word.as_str(), |(option, _)| option);
            is_option(option) && has_word(headline, option) && has_word(failed, option)
        })
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
    failure_of(a) == failure_of(b)
        || remedies_of(a).any(|remedy| remedies_of(b).any(|other| other == remedy))
}

/// The part of a pattern's text that tells the failure.
fn failure_of(pattern: &Pattern) -> &str {
    pattern.text.split_once("; ").map_or(pattern.text.as_str(), |(failure, _)| failure)
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
