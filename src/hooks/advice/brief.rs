//! At the start of a context window: the commands that work here, the costliest known mistakes,
//! the user's standing decisions.

use super::{Advice, Question};
use super::{decisions, wording};
use crate::hooks::context::Item;
use crate::model::paths;
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::{self, cost};
use crate::storage::StorageError;

/// Purposes in the order in which they are named, with how many commands each may have.
const PURPOSES: &[(&str, usize)] =
    &[("test", 3), ("lint", 2), ("format", 2), ("build", 2), ("typecheck", 1), ("run", 1)];

/// Mistakes that a brief names.
const MISTAKES: usize = 3;

pub(super) fn advise(question: &Question<'_>) -> Result<Advice, StorageError> {
    let mut items = Vec::new();
    recipes(question, &mut items)?;
    mistakes(question, &mut items)?;
    items.extend(decisions::standing(question)?);
    Ok(Advice { header: "Seen in earlier sessions of this project:", items })
}

/// One line for each purpose: the best command's id stands for the line.
fn recipes(question: &Question<'_>, items: &mut Vec<Item>) -> Result<(), StorageError> {
    let known = question.recall.active(question.scope.project, Kind::Recipe)?;
    for (purpose, most) in PURPOSES {
        let mut of_purpose: Vec<(f64, &Pattern)> = known
            .iter()
            .filter(|p| p.category == *purpose)
            // Twice in one session may be one attempt; what lasts comes back.
            .filter(|p| p.tally.sessions >= 2 || p.tally.successes >= 3)
            .map(|p| (rank::recipe(p, question.reference), p))
            .filter(|(score, p)| *score >= cost::recipe(p.text.len()))
            .collect();
        of_purpose.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.row.cmp(&b.1.row)));
        let there = |(_, p): &(f64, &Pattern)| question.is_news(p);
        let of_purpose: Vec<_> = of_purpose.into_iter().filter(there).take(*most).collect();
        let Some((confidence, best)) = of_purpose.first() else { continue };
        let commands: Vec<String> = of_purpose
            .iter()
            .map(|(_, p)| format!("{} ({} of {})", p.text, p.tally.successes, runs(p)))
            .collect();
        items.push(Item {
            id: best.id,
            text: format!("{purpose}: {}", commands.join(", ")),
            confidence: *confidence,
            also: Vec::new(),
        });
    }
    Ok(())
}

fn runs(pattern: &Pattern) -> u32 {
    pattern.tally.successes + pattern.tally.failures
}

fn mistakes(question: &Question<'_>, items: &mut Vec<Item>) -> Result<(), StorageError> {
    let fixes = question.recall.active(question.scope.project, Kind::Fix)?;
    let pitfalls = question.recall.active(question.scope.project, Kind::Pitfall)?;
    let mut scored: Vec<(f64, &Pattern)> = fixes
        .iter()
        .chain(&pitfalls)
        .map(|p| (rank::costliness(p, question.reference), p))
        // Before what reads their words.
        .filter(|(score, p)| *score >= cost::mistake(p.text.len()))
        .filter(|(_, p)| !names_files(p) && !is_settled(p, &fixes))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.row.cmp(&b.1.row)));
    let there = scored.into_iter().filter(|(_, pattern)| question.is_news(pattern));
    for (_, pattern) in there.take(MISTAKES) {
        items.push(Item {
            id: pattern.id,
            text: wording::with_evidence(pattern, question.now),
            confidence: rank::fix_in_brief(rank::fix(pattern, 1.0, question.reference)),
            also: Vec::new(),
        });
    }
    Ok(())
}

/// Whether a failure without a fix has one among `fixes`: a fix begins with the failure's words.
fn is_settled(pattern: &Pattern, fixes: &[Pattern]) -> bool {
    pattern.kind == Kind::Pitfall && fixes.iter().any(|fix| fix.text.starts_with(&pattern.text))
}

/// Whether the pattern is about particular files: that is for the moment when they come up.
fn names_files(pattern: &Pattern) -> bool {
    let payload = &pattern.payload;
    !payload.files.is_empty()
        || payload.commands.iter().chain(&payload.remedy).any(|command| {
            command.split_whitespace().any(|word| {
                let name = paths::name(word);
                word.contains('/') && name.find('.').is_some_and(|dot| dot > 0)
            })
        })
}
