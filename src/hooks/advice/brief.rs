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

/// A pattern that may be named: its score, and its row. It is read again when its turn comes.
type Ranked = (f64, i64);

/// Best first; of two with the same score the one that was learned first.
fn sort(ranked: &mut [Ranked]) {
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
}

/// The first `most` of `ranked` that are news, each with its score.
fn news(
    question: &Question<'_>,
    ranked: &[Ranked],
    most: usize,
) -> Result<Vec<(f64, Pattern)>, StorageError> {
    let mut found = Vec::with_capacity(most);
    for (score, row) in ranked {
        if found.len() == most {
            break;
        }
        let pattern = question.recall.pattern_in(question.scope.project, *row)?;
        let pattern = pattern.filter(|pattern| question.is_news(pattern));
        found.extend(pattern.map(|pattern| (*score, pattern)));
    }
    Ok(found)
}

/// One line for each purpose: the best command's id stands for the line.
fn recipes(question: &Question<'_>, items: &mut Vec<Item>) -> Result<(), StorageError> {
    let mut ranked = [const { Vec::new() }; PURPOSES.len()];
    question.recall.each_active(question.scope.project, Kind::Recipe, &mut |p| {
        let purpose = PURPOSES.iter().position(|(purpose, _)| p.category == *purpose);
        // Twice in one session may be one attempt; what lasts comes back.
        let lasts = p.tally.sessions >= 2 || p.tally.successes >= 3;
        if let Some(purpose) = purpose.filter(|_| lasts) {
            let score = rank::recipe(&p, question.reference);
            if score >= cost::recipe(p.text.len()) {
                ranked[purpose].push((score, p.row));
            }
        }
    })?;
    for ((purpose, most), mut ranked) in PURPOSES.iter().zip(ranked) {
        sort(&mut ranked);
        let of_purpose = news(question, &ranked, *most)?;
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
    let project = question.scope.project;
    let score = |p: &Pattern| {
        let score = rank::costliness(p, question.reference);
        // Before what reads their words.
        (score >= cost::mistake(p.text.len()) && !names_files(p)).then_some(score)
    };
    let mut pitfalls: Vec<(Ranked, String)> = Vec::new();
    question.recall.each_active(project, Kind::Pitfall, &mut |p| {
        pitfalls.extend(score(&p).map(|score| ((score, p.row), p.text)));
    })?;
    let mut ranked: Vec<Ranked> = Vec::new();
    question.recall.each_active(project, Kind::Fix, &mut |p| {
        // A failure without a fix may have one since: a fix begins with the failure's words.
        pitfalls.retain(|(_, pitfall)| !p.text.starts_with(pitfall.as_str()));
        ranked.extend(score(&p).map(|score| (score, p.row)));
    })?;
    ranked.extend(pitfalls.into_iter().map(|(pitfall, _)| pitfall));
    sort(&mut ranked);
    for (_, pattern) in news(question, &ranked, MISTAKES)? {
        items.push(Item {
            id: pattern.id,
            text: wording::with_evidence(&pattern, question.now),
            confidence: rank::fix_in_brief(rank::fix(&pattern, 1.0, question.reference)),
            also: Vec::new(),
        });
    }
    Ok(())
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
