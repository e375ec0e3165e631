//! What the user decided: the standing rules, and what was said on a prompt's subject. Of two
//! decisions on the same subject only the later one is in force.

use super::Question;
use super::wording;
use crate::hooks::context::Item;
use crate::model::key::Key;
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::{self, cost};
use crate::model::subject;
use crate::storage::{Corpus, Query, StorageError, Term};

/// Standing rules that a brief names.
const STANDING: usize = 3;

/// Decisions that a prompt is told.
const ON_SUBJECT: usize = 2;

/// Decisions that full text proposes: enough for a later one on the same subject to be there.
const PROPOSED: usize = 24;

/// The standing rules, those said in most sessions and latest first.
pub(super) fn standing(question: &Question<'_>) -> Result<Vec<Item>, StorageError> {
    let mut rules: Vec<Pattern> = Vec::new();
    let mut others: Vec<(i64, Vec<String>)> = Vec::new();
    question.recall.each_active(question.scope.project, Kind::Decision, &mut |p| {
        if p.payload.standing {
            rules.push(p.clone());
        } else {
            others.push((p.tally.last, p.payload.subject.clone()));
        }
    })?;
    rules.sort_by_key(|p| std::cmp::Reverse((p.tally.sessions, p.tally.last, p.row)));
    let all = || {
        let others = others.iter().map(|(last, subject)| (*last, subject.as_slice()));
        others.chain(rules.iter().map(said))
    };
    // Each is compared with all, so only those that may be named are looked at.
    let in_force = rules.iter().filter(|rule| !is_replaced(said(rule), all()));
    let told = in_force.filter(|rule| question.is_news(rule)).take(STANDING);
    Ok(told
        .map(|rule| item(question, rule, rank::decision(rule, 1.0, question.reference)))
        .collect())
}

/// What was said on the subject of a prompt.
pub(super) fn on_subject(
    question: &Question<'_>,
    query: &Query<'_>,
) -> Result<Vec<Item>, StorageError> {
    let project = question.scope.project;
    let hits = question.recall.search(project, Corpus::Decisions, query, PROPOSED)?;
    if hits.is_empty() {
        return Ok(Vec::new());
    }
    let documents = question.recall.patterns(project)?;
    let mut asked: Vec<Key> = query.terms.iter().map(|term| term.key).collect();
    asked.sort_unstable();
    let telling = query.terms.iter().filter(|term| rank::is_telling(term.patterns, documents));
    let telling: Vec<Term<'_>> = telling.copied().collect();
    let found: Vec<u32> = hits.iter().map(|hit| hit.document).collect();
    let may_share =
        question.recall.may_hold(project, Corpus::Decisions, (&telling, rank::SHARED), &found)?;
    let mut overlaps = Vec::with_capacity(hits.len());
    for (hit, may_share) in hits.iter().zip(may_share) {
        let overlap = if may_share {
            let about = question.recall.decision_terms(project, hit.row)?;
            rank::weighted_overlap(&asked, &about, documents)
        } else {
            0.0
        };
        // Other words for the same may add a decision; they take nothing from a match by words.
        overlaps.push(overlap.max(hit.cosine.map_or(0.0, rank::same_subject)));
    }
    // Most prompts are on no decision's subject, and then none has to be read.
    let mut chosen = Vec::new();
    for (hit, overlap) in hits.iter().zip(overlaps) {
        if !rank::decision_may_apply(overlap) {
            continue;
        }
        let Some(pattern) = question.recall.pattern_in(project, hit.row)? else { continue };
        let confidence = rank::decision(&pattern, overlap, question.reference);
        if confidence >= cost::decision(pattern.text.len()) {
            chosen.push((confidence, pattern));
        }
    }
    let Some(oldest) = chosen.iter().map(|(_, pattern)| pattern.tally.last).min() else {
        return Ok(Vec::new());
    };
    // A later one on the same subject may apply less by its words, and replaces it all the same.
    let mut later = Vec::new();
    for hit in &hits {
        later.extend(question.recall.said_after(project, hit.row, oldest)?);
    }
    let later = || later.iter().map(|(last, subject)| (*last, subject.as_slice()));
    chosen.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    // Few are told, so of few it is asked whether they are news.
    let told = chosen
        .iter()
        .filter(|(_, pattern)| !is_replaced(said(pattern), later()) && question.is_news(pattern));
    let told = told.take(ON_SUBJECT);
    Ok(told.map(|(confidence, pattern)| item(question, pattern, *confidence)).collect())
}

/// When a decision was last said, and on what subject.
type Said<'a> = (i64, &'a [String]);

fn said(decision: &Pattern) -> Said<'_> {
    (decision.tally.last, &decision.payload.subject)
}

/// Whether one of `decisions` is later and on the same subject.
fn is_replaced<'a>(
    (since, about): Said<'_>,
    mut decisions: impl Iterator<Item = Said<'a>>,
) -> bool {
    decisions.any(|(last, subject)| last > since && subject::overrides(subject, about))
}

fn item(question: &Question<'_>, pattern: &Pattern, confidence: f64) -> Item {
    let ago = wording::ago(pattern.tally.last, question.now);
    Item {
        id: pattern.id,
        text: format!("{} ({ago})", pattern.text),
        confidence,
        also: Vec::new(),
        again: false,
    }
}
