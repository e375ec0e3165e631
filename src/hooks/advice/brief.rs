//! At the start of a context window: the commands that work here, the costliest known mistakes,
//! the user's standing decisions.

use std::cell::OnceCell;
use std::cmp::Ordering;

use super::{Advice, Question, before};
use super::{decisions, wording, working};
use crate::hooks::context::Item;
use crate::model::invocation;
use crate::model::key::{Key, Space};
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

/// Patterns that are kept of those that may be named: nearly always enough.
const KEPT: usize = 6;

/// Patterns that may be named, best first; of two with the same score the one that was learned
/// first.
#[derive(Default)]
struct Shortlist {
    best: Vec<(f64, Pattern)>,
    /// Scores and rows of others, in no order. They are read again should their turn come, and then it
    /// is asked whether they may be named.
    rest: Vec<(f64, i64)>,
}

impl Shortlist {
    /// Adds a pattern, unless it is clear by now that it may not be named: [`Self::news`] asks
    /// `may_be_named` of those that it was not asked of here.
    fn add(&mut self, score: f64, pattern: &Pattern, may_be_named: impl FnOnce(&Pattern) -> bool) {
        let place = self.best.partition_point(|(other, known)| {
            order((*other, known.row), (score, pattern.row)).is_lt()
        });
        if place == KEPT {
            return self.rest.push((score, pattern.row));
        }
        if !may_be_named(pattern) {
            return;
        }
        if self.best.len() == KEPT {
            self.rest.extend(self.best.pop().map(|(score, pattern)| (score, pattern.row)));
        }
        self.best.insert(place, (score, pattern.clone()));
    }

    /// The first `most` that may be named and are news, each with its score.
    fn news(
        mut self,
        question: &Question<'_>,
        most: usize,
        may_be_named: impl Fn(&Pattern) -> bool,
    ) -> Result<Vec<(f64, Pattern)>, StorageError> {
        self.rest.sort_by(|a, b| order(*a, *b));
        let (mut best, mut rest) = (self.best.into_iter().peekable(), self.rest.into_iter());
        let mut found = Vec::with_capacity(most);
        while found.len() < most {
            let ahead = best.peek().map(|(score, pattern)| (*score, pattern.row));
            let is_behind = |other| ahead.is_some_and(|ahead| order(ahead, other).is_lt());
            let next = match rest.as_slice().first().copied() {
                Some((score, row)) if !is_behind((score, row)) => {
                    rest.next();
                    let pattern = question.recall.pattern_in(question.scope.project, row)?;
                    pattern.filter(&may_be_named).map(|pattern| (score, pattern))
                }
                _ if ahead.is_none() => break,
                _ => best.next(),
            };
            found.extend(next.filter(|(_, pattern)| question.is_news(pattern)));
        }
        Ok(found)
    }
}

/// The order of two patterns by their scores and rows.
fn order(a: (f64, i64), b: (f64, i64)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// One line for each purpose: the best command's id stands for the line.
fn recipes(question: &Question<'_>, items: &mut Vec<Item>) -> Result<(), StorageError> {
    let here = working::here(question);
    let mut ranked: [Shortlist; PURPOSES.len()] = Default::default();
    question.recall.each_active(question.scope.project, Kind::Recipe, &mut |p| {
        let purpose = PURPOSES.iter().position(|(purpose, _)| p.category == *purpose);
        // Twice in one session may be one attempt; what lasts comes back.
        let lasts = p.tally.sessions >= 2 || p.tally.successes >= 3;
        if let Some(purpose) = purpose.filter(|_| lasts) {
            let folder = working::folder_in(p).unwrap_or(".");
            let score = rank::in_part(rank::recipe(p, question.reference), folder, &here);
            if score >= cost::recipe(p.text.len()) {
                ranked[purpose].add(score, p, |_| true);
            }
        }
    })?;
    for ((purpose, most), ranked) in PURPOSES.iter().zip(ranked) {
        let of_purpose = ranked.news(question, *most, |_| true)?;
        let Some((confidence, best)) = of_purpose.first() else { continue };
        let commands: Vec<String> = of_purpose
            .iter()
            .map(|(_, p)| {
                let command = working::typed(question, p, &here);
                format!("`{command}` ({} of {})", p.tally.successes, runs(p))
            })
            .collect();
        items.push(Item {
            id: best.id,
            text: format!("{purpose}: {}", commands.join(", ")),
            confidence: *confidence,
            also: Vec::new(),
            again: false,
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
        (score >= cost::mistake(p.text.len())).then_some(score)
    };
    let may_be_named = |p: &Pattern| !names_files(p) && !has_worked(question, p);
    let mut pitfalls = Shortlist::default();
    question.recall.each_active(project, Kind::Pitfall, &mut |p| {
        if let Some(score) = score(p) {
            pitfalls.add(score, p, may_be_named);
        }
    })?;
    let mut ranked = Shortlist::default();
    question.recall.each_active(project, Kind::Fix, &mut |p| {
        pitfalls.best.retain(|(_, pitfall)| !mends(p, pitfall));
        if let Some(score) = score(p) {
            ranked.add(score, p, may_be_named);
        }
    })?;
    for (score, pitfall) in &pitfalls.best {
        ranked.add(*score, pitfall, |_| true);
    }
    ranked.rest.extend(pitfalls.rest);
    // What is not among the best was compared with no fix. Where the store does not answer, it counts
    // as mended.
    let fixes = OnceCell::new();
    let is_mended = |pitfall: &Pattern| {
        let fixes: &Option<Vec<Pattern>> =
            fixes.get_or_init(|| question.recall.active(project, Kind::Fix).ok());
        fixes.as_ref().is_none_or(|fixes| fixes.iter().any(|fix| mends(fix, pitfall)))
    };
    let may_be_named = |p: &Pattern| may_be_named(p) && !(p.kind == Kind::Pitfall && is_mended(p));
    for (_, pattern) in ranked.news(question, MISTAKES, may_be_named)? {
        items.push(Item {
            id: pattern.id,
            text: wording::with_evidence(&pattern, question.now),
            confidence: rank::fix_in_brief(rank::fix(&pattern, 1.0, question.reference)),
            also: Vec::new(),
            again: false,
        });
    }
    Ok(())
}

/// Whether a failure without a fix has this one by now: a fix begins with the failure's words, unless
/// a person put other words in their place.
fn mends(fix: &Pattern, pitfall: &Pattern) -> bool {
    fix.text.starts_with(&pitfall.text) || before::fails_alike(fix, pitfall)
}

/// Whether what failed without anything to do instead, and is no command, has worked as well: the
/// skill may have been written since.
fn has_worked(question: &Question<'_>, pattern: &Pattern) -> bool {
    let Some(name) = pattern.payload.commands.first() else { return false };
    if pattern.kind != Kind::Pitfall || !invocation::is_named(&pattern.tool) {
        return false;
    }
    let key = Key::new(Space::Command, name);
    let rate = question.recall.command_rate(question.scope.project, key);
    rate.is_ok_and(|(runs, failures)| runs > failures)
}

/// Whether the pattern is about particular files: that is for the moment when they come up.
pub(crate) fn names_files(pattern: &Pattern) -> bool {
    let payload = &pattern.payload;
    !payload.files.is_empty()
        || payload.commands.iter().chain(&payload.remedy).any(|command| {
            // Of most there is nothing to take apart.
            command.contains('/')
                && command.split_whitespace().any(|word| {
                    let name = paths::name(word);
                    word.contains('/') && name.find('.').is_some_and(|dot| dot > 0)
                })
        })
}
