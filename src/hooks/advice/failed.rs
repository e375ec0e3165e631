//! After a failed call: this error was seen before, and this fixed it. The most precise moment.

use super::places;
use super::wording;
use super::working;
use super::{Advice, Question};
use crate::hooks::context::Item;
use crate::hooks::event::ToolCall;
use crate::model::invocation;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::{self, cost};
use crate::model::shell::{Normal, normalise};
use crate::model::signature::{ErrorClass, Signature, is_of_batch, recognise};
use crate::model::tokens;
use crate::storage::{Corpus, Query, StorageError};

/// Fixes that are told at most.
const MOST: usize = 2;

/// Failures that their words propose.
const PROPOSED: usize = 12;

/// Query terms at most: the most telling words of an error stand at its start.
const TERMS: usize = 40;

pub(super) fn advise(
    question: &Question<'_>,
    call: &ToolCall,
    error: &str,
) -> Result<Advice, StorageError> {
    // That call has an event of its own.
    if is_of_batch(error) {
        return Ok(Advice::default());
    }
    let (signature, class) = recognise(&call.tool, error);
    let mut found = Found::default();
    let command = (call.tool == "Bash").then(|| normalise(&call.subject));
    if let Some(command) = &command {
        exact(question, command, &signature, class, &mut found)?;
        // Without a word of what went wrong, a like command says nothing.
        if !signature.key.is_empty() {
            near(question, command, &signature, class, &mut found)?;
        }
    } else if let Some(name) = invocation::name(&call.tool, &call.subject) {
        named(question, &name, &signature, &mut found)?;
    }
    let settled = found.settled;
    let mut items = found.items(question);
    if let Some(command) = command.filter(|_| !settled && is_missing(class)) {
        items.extend(working::elsewhere(question, &command)?);
    }
    if class == ErrorClass::NoSuchFile {
        items.extend(places::meant(question, call, error)?);
    }
    items.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    items.truncate(MOST);
    Ok(Advice { header: "", items })
}

/// Whether something was not there, which it may be in another folder.
fn is_missing(class: ErrorClass) -> bool {
    use ErrorClass::{CommandNotFound, NoSuchFile, NotADirectory, ScriptNotFound};
    matches!(class, CommandNotFound | NoSuchFile | NotADirectory | ScriptNotFound)
}

/// What is known of like failures.
#[derive(Default)]
struct Found {
    /// Patterns with the best score each was found with.
    patterns: Vec<(f64, Pattern)>,
    /// Whether one of them says what mended this very error.
    settled: bool,
}

impl Found {
    fn add(&mut self, pattern: Pattern, confidence: f64) {
        match self.patterns.iter_mut().find(|(_, known)| known.row == pattern.row) {
            Some((best, _)) => *best = best.max(confidence),
            None => self.patterns.push((confidence, pattern)),
        }
    }

    /// The best of them that still hold.
    fn items(self, question: &Question<'_>) -> Vec<Item> {
        let mut said: Vec<(Pattern, Item)> = self
            .patterns
            .into_iter()
            .map(|(score, p)| {
                let item = Item {
                    id: p.id,
                    text: wording::with_evidence(&p, question.now),
                    confidence: rank::fix_at_failure(&p, score),
                    also: Vec::new(),
                    again: false,
                };
                (p, item)
            })
            .filter(|(_, item)| item.confidence >= cost::failed(item.text.len()))
            .collect();
        said.sort_by(|(_, a), (_, b)| b.confidence.total_cmp(&a.confidence));
        said.into_iter()
            .filter(|(pattern, _)| question.still_holds(pattern))
            .take(MOST)
            .map(|(_, item)| item)
            .collect()
    }
}

/// The same command with the same error, the same error, the same command.
fn exact(
    question: &Question<'_>,
    command: &Normal,
    signature: &Signature,
    class: ErrorClass,
    found: &mut Found,
) -> Result<(), StorageError> {
    let command = command.key();
    let both = Key::new(Space::CommandError, &format!("{command}\n{}", signature.key));
    let mut keys = vec![
        (both, rank::SAME_CALL, true),
        (Key::new(Space::Command, &command), rank::SAME_COMMAND, false),
    ];
    if !signature.key.is_empty() {
        keys.push((Key::new(Space::Error, &signature.key), rank::SAME_ERROR, true));
    }
    for (key, quality, same_error) in keys {
        for pattern in
            question.recall.by_key(question.scope.project, key, &[Kind::Fix, Kind::Pitfall])?
        {
            if !same_error && !answers(&pattern, class) {
                continue;
            }
            let confidence = rank::fix(&pattern, quality, question.reference);
            found.settled |= same_error
                && pattern.kind == Kind::Fix
                && rank::fix_at_failure(&pattern, confidence) >= cost::failed(pattern.text.len());
            found.add(pattern, confidence);
        }
    }
    Ok(())
}

/// What worked instead of the same call with the same error.
fn named(
    question: &Question<'_>,
    name: &str,
    signature: &Signature,
    found: &mut Found,
) -> Result<(), StorageError> {
    let key = Key::new(Space::CommandError, &format!("{name}\n{}", signature.key));
    for pattern in question.recall.by_key(question.scope.project, key, &[Kind::Fix])? {
        let confidence = rank::fix(&pattern, rank::SAME_CALL, question.reference);
        found.add(pattern, confidence);
    }
    Ok(())
}

/// Whether a fix may answer an error of this class that is not the one it is known from: what
/// settles a check that found something is no answer to a command that could not run, nor the
/// reverse.
fn answers(pattern: &Pattern, class: ErrorClass) -> bool {
    pattern.payload.routine != class.is_mistake()
}

/// Failures in like words.
fn near(
    question: &Question<'_>,
    command: &Normal,
    signature: &Signature,
    class: ErrorClass,
    found: &mut Found,
) -> Result<(), StorageError> {
    let text = format!("{} {}", command.exact(), signature.headline);
    let terms = tokens::first_distinct(&text, TERMS);
    let project = question.scope.project;
    let known = question.recall.look_up(project, &[Corpus::Failures], &terms)?;
    let query = Query::words(&known);
    let hits = question.recall.search(project, Corpus::Failures, &query, PROPOSED)?;
    for hit in hits {
        let Some(pattern) = question.recall.pattern_in(project, hit.row)? else { continue };
        // That something like it failed as well is of no use without what mended it, nor that
        // something else works when it is run again.
        let mended = pattern.kind == Kind::Fix && !pattern.payload.is_rerun();
        if !mended || !answers(&pattern, class) {
            continue;
        }
        let same_program = command.parts.iter().any(|part| {
            let known = &pattern.payload.commands;
            known.iter().any(|known| known.split_whitespace().any(|word| word == part.program))
        });
        let quality = rank::lexical(&terms, &pattern.trigger, same_program, class);
        let confidence = rank::fix(&pattern, quality, question.reference);
        found.add(pattern, confidence);
    }
    Ok(())
}
