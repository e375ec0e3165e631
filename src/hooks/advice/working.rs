//! At a failure that no fix is known for: the folder in which that command works.

use super::Question;
use super::wording;
use crate::hooks::context::Item;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::shell::{Normal, Part, normalise};
use crate::model::{paths, rank};
use crate::storage::StorageError;

/// The command that failed, as it is run in another folder where it works.
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
            let known = pattern.payload.commands.first().map(|known| folder_in(known));
            let confidence = rank::elsewhere(&pattern);
            if known.is_some_and(|known| known != here)
                && best.as_ref().is_none_or(|(least, _)| confidence > *least)
            {
                best = Some((confidence, pattern));
            }
        }
    }
    let best = best.filter(|(confidence, _)| *confidence >= rank::FAILED_THRESHOLD);
    Ok(best.map(|(confidence, pattern)| Item {
        id: pattern.id,
        text: match pattern.payload.commands.first().map(|known| folder_in(known)) {
            Some(".") => format!(
                "in the project's root it works: {}",
                wording::with_evidence(&pattern, question.now)
            ),
            _ => format!("it works as {}", wording::with_evidence(&pattern, question.now)),
        },
        confidence,
        also: Vec::new(),
    }))
}

/// The folder in which a command ran, relative to the project.
fn folder_of(question: &Question<'_>, part: &Part) -> String {
    let folder = part.dir.as_deref().unwrap_or(".");
    paths::relative(folder, &question.scope.root, &question.event.cwd)
}

/// The folder in which a recipe runs, relative to the project.
fn folder_in(recipe: &str) -> &str {
    let in_folder = recipe.strip_prefix("cd ").and_then(|rest| rest.split_once(" && "));
    in_folder.map_or(".", |(folder, _)| folder)
}
