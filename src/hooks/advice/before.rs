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
use crate::model::shell::normalise;
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
        return Ok(Vec::new());
    }
    let (runs, failures) = question.recall.command_rate(project, key)?;
    let mut likely: Vec<(f64, &Pattern)> = known
        .iter()
        .map(|p| (rank::before_command(p, runs, failures, question.reference), p))
        .collect();
    likely.sort_by(|a, b| b.0.total_cmp(&a.0));
    let item = likely
        .into_iter()
        .map(|(confidence, pattern)| (pattern, said(question, pattern, confidence)))
        .filter(|(_, item)| item.confidence >= cost::before(item.text.len()))
        .find(|(pattern, _)| question.still_holds(pattern));
    Ok(item.map(|(_, item)| item).into_iter().collect())
}

fn said(question: &Question<'_>, pattern: &Pattern, confidence: f64) -> Item {
    Item {
        id: pattern.id,
        text: wording::with_evidence(pattern, question.now),
        confidence,
        also: Vec::new(),
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
        })
        .filter(|item| item.confidence >= cost::before(item.text.len()))
        .take(1)
        .collect())
}
