//! Which sentences decide something, and how lastingly.
//!
//! A sentence counts when one of its clauses *directs* (`always`, `don't`, `use x, not y`, `we
//! prefer`, `x should be y`), when what it directs stands in it (a rule about "this" is of no
//! use in another session), and when it is not about the work at hand only ("don't change
//! anything yet"). When in doubt it does not count: a wrong rule costs more than a missed one.

use super::foreign;
use super::signs::{Directive, Sign, directive};
use super::speech::{Border, Sentence, Word};
use super::tables::{COMMON, GENERAL, LEADS, MOMENTARY, OF_THE_PROJECT, TALK, WHICH};
use crate::model::tokens;

/// Where in the conversation a sentence was said; later ones let weaker signs count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Context {
    /// The first prompt: it asks for work.
    Opening,
    /// A later prompt: it may correct what was done.
    Following,
    /// Right after the user stopped the agent or refused a call, or while the agent worked.
    Correcting,
    /// The comment of a refusal: what it is about is known.
    Refusal,
}

/// What a sentence lays down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ruling {
    /// The words to quote.
    pub(super) quote: String,
    /// Whether it stands beyond the work at hand.
    pub(super) standing: bool,
}

/// Longest sentence that is considered, in bytes.
const SENTENCE_LIMIT: usize = 480;

/// Longest quotation, in bytes.
pub(super) const QUOTE_LIMIT: usize = 220;

/// What `sentence` lays down, if it does.
pub(super) fn judge(sentence: &Sentence, context: Context) -> Option<Ruling> {
    let words = &sentence.words;
    if words.len() < 3 || sentence.text.len() > SENTENCE_LIMIT || sentence.text.ends_with(':') {
        return foreign::judge(sentence);
    }
    let text: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    for at in clause_starts(words) {
        let core = skip_leads(&text, at);
        let Some(found) = directive(&text, words, core, context) else { continue };
        if sentence.question && !found.polite || is_passing(&text, words, core, &found, context) {
            continue;
        }
        let standing = found.sign == Sign::Rule
            || is_general(&text) && found.sign.may_stand()
            || found.sign == Sign::Correct && rules_next(&text, words, at, context);
        return Some(Ruling { quote: quote(sentence, &text, at, core), standing });
    }
    foreign::judge(sentence)
}

/// Whether a rule follows a clause of one word: "No, never x" corrects and rules.
fn rules_next(text: &[&str], words: &[Word], first: usize, context: Context) -> bool {
    clause_starts(words).any(|at| at == first + 1)
        && directive(text, words, first + 1, context).is_some_and(|found| {
            found.sign == Sign::Rule && !is_passing(text, words, first + 1, &found, context)
        })
}

/// Where clauses start.
fn clause_starts(words: &[Word]) -> impl Iterator<Item = usize> {
    words
        .iter()
        .enumerate()
        .filter(|(at, w)| *at == 0 || w.border != Border::None)
        .map(|(at, _)| at)
}

/// The end of the clause that holds `at`: the next hard border.
pub(super) fn clause_end(words: &[Word], at: usize) -> usize {
    let after = at + 1;
    words
        .iter()
        .skip(after)
        .position(|w| w.border == Border::Hard)
        .map_or(words.len(), |n| after + n)
}

/// Past words that only lead in: "ok", "please", "I think".
pub(super) fn skip_leads(text: &[&str], mut at: usize) -> usize {
    loop {
        let rest = &text[at..];
        let lead = LEADS.iter().filter(|lead| rest.starts_with(lead)).map(|lead| lead.len()).max();
        match lead {
            Some(length) if rest.len() > length => at += length,
            _ => return at,
        }
    }
}

/// Whether the directive is of no use later: about the work at hand, or about something that
/// only the conversation knows.
fn is_passing(
    text: &[&str],
    words: &[Word],
    core: usize,
    found: &Directive,
    context: Context,
) -> bool {
    let mut end = clause_end(words, found.object.max(core));
    while end < words.len() && end - core < 6 {
        end = clause_end(words, end);
    }
    let scope = core..end.max(found.object);
    let said = &text[scope.clone()];
    let directed = &text[found.object..scope.end];
    if context == Context::Refusal {
        return said.len() < 3 || TALK.iter().any(|talk| contains(said, talk));
    }
    let lasting = found.sign == Sign::Rule && !said.contains(&"we");
    let momentary = !lasting && MOMENTARY.iter().any(|phrase| contains(said, phrase));
    let least = if found.sign == Sign::Rule { 1 } else { 2 };
    // "AGENTS.md is stale, always update it with the flags": the pronoun is named before.
    let named_before = lasting && words[..core].iter().any(|w| w.named);
    momentary || points_away(directed) && !named_before || names(&words[scope]) < least
}

/// Whether the words lean on something outside of the sentence.
fn points_away(said: &[&str]) -> bool {
    let telling = |words: &[&str]| words.iter().filter(|w| !is_common(w)).count();
    said.iter().enumerate().any(|(at, word)| {
        let next = said.get(at + 1).copied();
        match *word {
            "these" | "those" | "above" | "below" => true,
            "this" => !next.is_some_and(|n| OF_THE_PROJECT.contains(&n)),
            // A pronoun is clear when the words before name something, or when enough follows.
            "it" | "them" => {
                let before = telling(&said[..at]);
                before == 0 || before == 1 && telling(&said[at + 1..]) < 4
            }
            "that" => next.is_none() && telling(&said[..at]) < 2,
            "one" | "ones" => at > 0 && WHICH.contains(&said[at - 1]) && telling(&said[..at]) < 3,
            "option" | "step" | "line" | "lines" | "phase" | "pr" | "issue" | "item" => {
                next.is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit() || c == '#'))
            }
            word => word.starts_with('#') && word[1..].starts_with(|c: char| c.is_ascii_digit()),
        }
    })
}

/// How many things are named by which another session could recognise the subject.
pub(super) fn names(words: &[Word]) -> usize {
    let named = words.iter().filter(|w| w.named).count();
    let mut terms: Vec<String> = words
        .iter()
        .filter(|w| !w.named && !is_common(&w.text))
        .flat_map(|w| tokens::distinct(&w.text))
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.len() + named
}

/// Whether the word says nothing about a subject.
fn is_common(word: &str) -> bool {
    COMMON.contains(&word) || tokens::distinct(word).is_empty()
}

/// Whether the sentence is about all cases rather than one.
pub(super) fn is_general(text: &[&str]) -> bool {
    GENERAL.iter().any(|phrase| contains(text, phrase))
}

/// Whether the words of `phrase` follow each other in `text`.
pub(super) fn contains(text: &[&str], phrase: &[&str]) -> bool {
    text.windows(phrase.len()).any(|window| window == phrase)
}

/// The words to quote: the whole sentence, unless it is too long or its beginning is about
/// something else.
fn quote(sentence: &Sentence, text: &[&str], clause: usize, core: usize) -> String {
    let words = &sentence.words;
    let before = &text[..clause];
    let apart = points_away(before)
        || before.iter().any(|w| matches!(*w, "lets" | "can" | "could"))
        || contains(before, &["i", "am"]);
    let from = if clause == 0 {
        0
    } else if apart || sentence.text.len() > QUOTE_LIMIT {
        words[core].start
    } else {
        0
    };
    let end = sentence.text[from..].trim_end_matches([',', ';', ' ']).len();
    let quoted = &sentence.text[from..from + end];
    // A bracket that was opened before the clause closes nothing.
    let unopened =
        quoted.ends_with(')') && quoted.matches('(').count() < quoted.matches(')').count();
    if unopened { quoted[..quoted.len() - 1].to_owned() } else { quoted.to_owned() }
}
