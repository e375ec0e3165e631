//! What the user decided: the standing rules, and what was said on a prompt's subject. Of two
//! decisions on the same subject only the later one is in force.

use super::Question;
use super::wording;
use crate::hooks::context::Item;
use crate::model::pattern::{Kind, Pattern};
use crate::model::{rank, subject, tokens};
use crate::storage::{Corpus, StorageError};

/// Standing rules that a brief names.
const STANDING: usize = 3;

/// Decisions that a prompt is told.
const ON_SUBJECT: usize = 2;

/// Decisions that full text proposes: enough for a later one on the same subject to be there.
const PROPOSED: usize = 24;

/// The standing rules, those said in most sessions and latest first.
pub(super) fn standing(question: &Question<'_>) -> Result<Vec<Item>, StorageError> {
    let known = question.recall.active(question.scope.project, Kind::Decision)?;
    let mut rules: Vec<&Pattern> = known.iter().filter(|p| p.payload.standing).collect();
    rules.sort_by_key(|p| std::cmp::Reverse((p.tally.sessions, p.tally.last, p.row)));
    // Each is compared with all, so only those that may be named are looked at.
    let rules = rules.into_iter().filter(|rule| !is_replaced(rule, &known)).take(STANDING);
    Ok(rules.map(|rule| item(question, rule, rank::decision(rule, 1.0))).collect())
}

/// What was said on the subject of a prompt with these terms.
pub(super) fn on_subject(
    question: &Question<'_>,
    terms: &[String],
) -> Result<Vec<Item>, StorageError> {
    let project = question.scope.project;
    let hits = question.recall.search(project, Corpus::Decisions, terms, PROPOSED)?;
    let (asked, documents) = question.recall.frequencies(project, terms.to_vec())?;
    let telling = |term: &&String| {
        asked.iter().any(|(known, df)| known == *term && rank::is_telling(*df, documents))
    };
    let mut items = Vec::new();
    let known: Vec<Pattern> = hits.into_iter().map(|hit| hit.pattern).collect();
    for pattern in in_force(&known) {
        let about = tokens::distinct(&pattern.text);
        // Two of them in common are the least that counts.
        if about.iter().filter(telling).nth(1).is_none() {
            continue;
        }
        let (about, documents) = question.recall.frequencies(project, about)?;
        let overlap = rank::weighted_overlap(terms, &about, documents);
        let confidence = rank::decision(pattern, overlap);
        if confidence >= rank::DECISION_THRESHOLD {
            items.push(item(question, pattern, confidence));
        }
    }
    items.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    items.truncate(ON_SUBJECT);
    Ok(items)
}

/// The decisions that no later one replaces.
fn in_force(decisions: &[Pattern]) -> impl Iterator<Item = &Pattern> {
    decisions.iter().filter(|decision| !is_replaced(decision, decisions))
}

/// Whether one of `decisions` is later and on the same subject.
fn is_replaced(earlier: &Pattern, decisions: &[Pattern]) -> bool {
    decisions.iter().any(|later| {
        later.tally.last > earlier.tally.last
            && subject::overrides(&later.payload.subject, &earlier.payload.subject)
    })
}

fn item(question: &Question<'_>, pattern: &Pattern, confidence: f64) -> Item {
    let ago = wording::ago(pattern.tally.last, question.now);
    Item { id: pattern.id, text: format!("{} ({ago})", pattern.text), confidence, also: Vec::new() }
}
