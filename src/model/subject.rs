//! What a decision is about, so that a later one on the same subject can replace an earlier. Hot.

use super::tokens;

/// Terms that are kept of one subject.
const MAX_TERMS: usize = 12;

/// Marks a term that holds the whole purpose: in "use x for y", y.
const PURPOSE: &str = "for:";

/// Marks a term that holds a whole question.
const QUESTION: &str = "asked:";

/// Words that direct; the subject is what they are about. As the index folds them.
const DIRECTING: &[&str] = &[
    "alway",
    "always",
    "never",
    "ever",
    "avoid",
    "prefer",
    "instead",
    "rather",
    "remember",
    "stop",
    "forward",
    "future",
    "rule",
    "convention",
    "keep",
    "ok",
    "okay",
    "yeah",
    "hmm",
    "think",
    "feel",
    "going",
    "go",
    "better",
    "explicitly",
    "actually",
    "don",
    "dont",
    "shouldn",
    "won",
    "can",
    "anymor",
    "wrong",
    "correct",
    "just",
    "still",
    "call",
    "nam",
    "writ",
    "project",
    "repo",
];

/// The key terms of what the user said.
pub(crate) fn of_statement(said: &str) -> Vec<String> {
    let mut terms: Vec<String> = purpose(said).into_iter().collect();
    terms.extend(plain(said));
    terms.truncate(MAX_TERMS);
    terms
}

/// The subject of an answer: its question.
pub(crate) fn of_question(question: &str) -> Vec<String> {
    let terms = tokens::first_distinct(question, MAX_TERMS);
    if terms.is_empty() { Vec::new() } else { vec![format!("{QUESTION}{}", terms.join(" "))] }
}

/// Whether the later of two decisions replaces the earlier: both answer the same question, serve
/// the same purpose, or are about nearly the same terms.
pub(crate) fn overrides(later: &[String], earlier: &[String]) -> bool {
    let whole = |term: &&String| term.starts_with(PURPOSE) || term.starts_with(QUESTION);
    if later.iter().filter(whole).any(|term| earlier.contains(term)) {
        return true;
    }
    let of = |terms: &[String]| terms.iter().filter(|t| !whole(t)).count();
    let (ours, theirs) = (of(later), of(earlier));
    let shared = later.iter().filter(|t| !whole(t) && earlier.contains(t)).count();
    let all = ours + theirs - shared;
    let equal = shared > 0 && shared == all;
    // Six of ten terms in common: rules about neighbouring things share one or two words, two
    // wordings of the same rule share most.
    equal || shared >= 2 && shared * 10 >= all * 6
}

fn plain(said: &str) -> impl Iterator<Item = String> {
    let lower = said.to_lowercase().replace('’', "'").replace("n't", " not");
    tokens::distinct(&lower).into_iter().filter(|term| !DIRECTING.contains(&term.as_str()))
}

/// What follows "for" or "to" in "use x for y".
fn purpose(said: &str) -> Option<String> {
    let lower = said.to_lowercase();
    let (_, used) = lower.split_once("use ")?;
    let clause = &used[..used.find([',', ';', '(']).unwrap_or(used.len())];
    let (means, after) = [" for ", " to "].iter().find_map(|by| clause.split_once(by))?;
    let end = after.split(" instead").next().unwrap_or_default();
    let terms: Vec<String> = plain(end).take(4).collect();
    // Far from "use", the preposition belongs to something else.
    (!terms.is_empty() && means.split(' ').count() <= 4)
        .then(|| format!("{PURPOSE}{}", terms.join(" ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn later_words_replace_earlier_ones_on_the_same_subject() {
        let cases = [
            // The same choice turned round.
            ("use npm instead of pnpm", "use pnpm, not npm", true),
            ("never use pnpm", "always use pnpm", true),
            ("don't squash merge commits", "we squash merge commits", true),
            (
                "it's fine to commit the docs/plans folder",
                "never commit the docs/plans folder",
                true,
            ),
            // The same purpose, another means.
            ("use spaces for indentation", "use tabs for indentation", true),
            ("use ssh keys to authenticate", "use `gh` to authenticate", true),
            ("use `mise run test:ci` for the tests", "please use go test for tests", true),
            // Neighbouring subjects.
            ("always commit docs/adr", "never commit docs/plans", false),
            ("use gh for issues", "use gh for pull requests", false),
            ("never push to main", "never store PII in local storage", false),
            ("telemetry should be on by default", "logging should be off by default", false),
            ("steps should be shown per session", "checkpoints should be listed per branch", false),
            ("", "never push to main", false),
            ("", "", false),
        ];
        for (later, earlier, expected) in cases {
            let (later_terms, earlier_terms) = (of_statement(later), of_statement(earlier));
            assert_eq!(
                overrides(&later_terms, &earlier_terms),
                expected,
                "{later} {later_terms:?} / {earlier} {earlier_terms:?}"
            );
        }
    }

    #[test]
    fn a_new_answer_replaces_the_old_one_to_the_same_question() {
        let old = of_question("Where should users find their public key?");
        assert!(overrides(&of_question("where should users find their Public Key"), &old));
        assert!(!overrides(&of_question("Where should users find their sessions?"), &old));
        assert!(!overrides(&of_question("?"), &of_question("?")));
    }

    proptest! {
        #[test]
        fn a_statement_replaces_itself(said in "[a-z]{3,9}( [a-z]{3,9}){0,8}") {
            let subject = of_statement(&said);
            prop_assert_eq!(overrides(&subject, &subject), !subject.is_empty());
        }
    }
}
