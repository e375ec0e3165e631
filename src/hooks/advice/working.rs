//! At a failure that no fix is known for: the folder in which that command works.

use super::Question;
use super::wording;
use crate::hooks::context::Item;
use crate::model::key::{Key, Space};
use crate::model::paths;
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::{self, cost};
use crate::model::shell::{Normal, Part, normalise};
use crate::storage::StorageError;

/// The command that failed because something was not there, as it is run in another folder where
/// it works.
pub(super) fn elsewhere(
    question: &Question<'_>,
    failed: &Normal,
) -> Result<Option<Item>, StorageError> {
    let mut best: Option<(f64, Pattern)> = None;
    for part in &failed.parts {
        let here = folder_of(question, part);
        let key = Key::new(Space::Command, &normalise(&part.exact()).key());
        for pattern in question.recall.by_key(question.scope.project, key, &[Kind::Recipe])? {
            // One in the same folder is what has just failed.
            let confidence = rank::elsewhere(&pattern, question.reference);
            if folder_in(&pattern).is_some_and(|folder| folder != here)
                && best.as_ref().is_none_or(|(least, _)| confidence > *least)
                && confidence >= cost::failed(pattern.text.len())
                && question.still_holds(&pattern)
            {
                best = Some((confidence, pattern));
            }
        }
    }
    Ok(best.map(|(confidence, pattern)| Item {
        id: pattern.id,
        text: format!(
            "it works as `{}` ({})",
            from_anywhere(question, &pattern),
            wording::evidence(pattern.kind, &pattern.tally, question.now)
        ),
        confidence,
        also: Vec::new(),
        again: false,
    }))
}

/// The folder in which a command ran, relative to the project.
fn folder_of(question: &Question<'_>, part: &Part) -> String {
    let folder = part.dir.as_deref().unwrap_or(".");
    paths::relative(folder, &question.scope.root, &question.event.cwd)
}

/// The folder in which a recipe runs, relative to the project.
pub(super) fn folder_in(recipe: &Pattern) -> Option<&str> {
    recipe.payload.commands.first().map(|command| split(command).0)
}

/// A recipe's folder, relative to the project, and what it runs there.
fn split(recipe: &str) -> (&str, &str) {
    let in_folder = recipe.strip_prefix("cd ").and_then(|rest| rest.split_once(" && "));
    in_folder.unwrap_or((".", recipe))
}

/// The folder of the event, relative to the project; the project's own where that is not known.
pub(super) fn here(question: &Question<'_>) -> String {
    let cwd = paths::tilde(&question.event.cwd);
    let here = paths::relative(&cwd, &question.scope.root, &cwd);
    if question.scope.is_here && paths::is_inside(&here) { here } else { ".".into() }
}

/// The recipe as it is typed in the folder `here` of the event.
pub(super) fn typed(question: &Question<'_>, recipe: &Pattern, here: &str) -> String {
    let known = recipe.payload.commands.first().map_or("", String::as_str);
    match split(known) {
        (folder, command) if folder == here => command.to_string(),
        _ if here == "." => known.to_string(),
        _ => from_anywhere(question, recipe),
    }
}

/// The recipe as it is typed in the folder of the event, or in the one that its command went to.
fn from_anywhere(question: &Question<'_>, recipe: &Pattern) -> String {
    let known = recipe.payload.commands.first().map_or("", String::as_str);
    let (folder, command) = split(known);
    let cwd = paths::tilde(&question.event.cwd);
    let here = paths::relative(&cwd, &question.scope.root, &cwd);
    let top = if here == "." {
        cwd.as_str()
    } else {
        // In a worktree this is its own top, and not the folder in which the project was learned.
        let top = cwd.strip_suffix(here.as_str()).map(|top| top.trim_end_matches('/'));
        top.unwrap_or(&question.scope.root)
    };
    match folder {
        "." => format!("cd {top} && {command}"),
        _ if here == "." || folder.starts_with(['/', '~']) => known.to_string(),
        folder => format!("cd {top}/{folder} && {command}"),
    }
}
