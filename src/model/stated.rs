//! Whether a text for agents, such as `CLAUDE.md`, already states what a pattern says. Hot.
//!
//! What is stated is not told once more, so a wrong yes would lose it: in doubt the answer is no.
//! A rule is the same when it has the same words in the same order, and the same words that turn
//! or bound it ("not", "instead", "unless") in the same places.

use std::cell::OnceCell;

use super::pattern::{Kind, Pattern};
use super::tokens;

/// The beginning of the line that begins a section which MANA wrote.
pub(crate) const BEGIN: &str = "<!-- mana:begin";

/// The line that ends such a section.
pub(crate) const END: &str = "<!-- mana:end -->";

/// Words that all say "not".
const NEGATIONS: &[&str] = &[
    "not",
    "no",
    "never",
    "dont",
    "avoid",
    "avoids",
    "stop",
    "without",
    "cannot",
    "cant",
    "wont",
    "nor",
    "neither",
    "none",
    "nothing",
    "forbidden",
    "prohibited",
    "refuse",
    "nie",
    "niemals",
    "nicht",
    "kein",
    "keine",
    "keinen",
    "ohne",
    "jamais",
    "pas",
    "ne",
    "sans",
    "nunca",
    "sin",
    "non",
];

/// Words that bound or turn what is said, each in its own way.
const BOUNDS: &[&str] = &[
    "instead",
    "rather",
    "over",
    "than",
    "except",
    "unless",
    "only",
    "until",
    "before",
    "after",
    "but",
    "or",
    "if",
    "when",
    "while",
    "may",
    "might",
    "can",
    "could",
    "optional",
    "optionally",
    "sometimes",
    "usually",
    "mostly",
    "rarely",
    "seldom",
    "least",
    "most",
    "more",
    "less",
    "fewer",
    "above",
    "below",
    "under",
    "outside",
];

/// Words of a heading or lead-in that turn all that stands below it.
const TURNING: &[&str] = &["bad", "wrong", "anti", "antipatterns", "deprecated", "old", "mistakes"];

/// A text for agents that patterns are compared with. What is made of it is made once.
#[derive(Debug)]
pub(crate) struct Guide {
    text: String,
    /// Whether MANA wrote a section of it.
    is_written_to: bool,
    lower: OnceCell<String>,
    sentences: OnceCell<Vec<String>>,
}

impl Guide {
    /// The guide with this text.
    pub(crate) fn new(text: String) -> Self {
        let is_written_to = text.contains(BEGIN);
        Self { text, is_written_to, lower: OnceCell::new(), sentences: OnceCell::new() }
    }

    /// Whether it states what the pattern says: a recipe's command as it stands, a decision in
    /// nearly the same words, and anything that MANA itself wrote there.
    pub(crate) fn states(&self, pattern: &Pattern) -> bool {
        let commands = &pattern.payload.commands;
        let here = match pattern.kind {
            Kind::Recipe => commands.first().is_some_and(|c| has_command(&self.text, c)),
            Kind::Decision => self.has_rule(&pattern.text),
            _ => false,
        };
        here || self.is_written_to && is_exported(&self.text, &pattern.id.short())
    }

    /// Whether it has every sentence of the decision.
    fn has_rule(&self, decision: &str) -> bool {
        let Some(said) = said(decision) else { return false };
        let wanted: Vec<Sentence> =
            sentences(&said).map(Sentence::of).filter(|s| !s.terms.is_empty()).collect();
        if wanted.is_empty() {
            return false;
        }
        let lower = self.lower.get_or_init(|| self.text.to_lowercase());
        // Most texts lack a word of it, and then need not be read.
        if !wanted.iter().all(|wanted| wanted.may_be_in(lower)) {
            return false;
        }
        let given = self.sentences.get_or_init(|| rules(&self.text));
        wanted.iter().all(|wanted| {
            let mut near = given.iter().filter(|given| wanted.may_be_in(given));
            near.any(|given| same(wanted, &Sentence::of(given)))
        })
    }
}

/// Whether the pattern with this short id stands in a section that MANA wrote.
fn is_exported(text: &str, id: &str) -> bool {
    let mut inside = false;
    text.lines().any(|line| {
        inside = line.starts_with(BEGIN) || (inside && line != END);
        inside && line.starts_with("- ") && line.contains(id)
    })
}

/// Whether the command stands in the text, and not as a part of a longer word or with options of
/// its own after it.
fn has_command(text: &str, command: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "-_./:@".contains(c);
    // Looking for the first one is much faster than for all, and nearly always there is none.
    !command.is_empty()
        && text.contains(command)
        && text.match_indices(command).any(|(at, _)| {
            let after = &text[at + command.len()..];
            // A full stop or a colon may end the sentence.
            let next = after.trim_start_matches(['.', ':']);
            let ends = if next.len() < after.len() {
                !next.starts_with(|c: char| joins(c))
            } else {
                !after.starts_with(joins)
            };
            let option = after.trim_start_matches(' ').strip_prefix('-');
            let is_option = option.is_some_and(|rest| rest.starts_with(|c: char| joins(c)));
            ends && !is_option && !text[..at].ends_with(joins)
        })
}

/// What the user said, with what it was about before it; `None` when it was cut or was no word.
fn said(decision: &str) -> Option<String> {
    let (frame, quote) = decision.split_once(": \"")?;
    let quote = quote.strip_suffix('"')?;
    let about =
        frame.strip_prefix("on ").map_or("", |about| about.trim_end_matches("the user said"));
    (!quote.ends_with('…')).then(|| format!("{about} {quote}"))
}

/// A sentence as it is compared.
#[derive(Debug, PartialEq, Eq)]
struct Sentence {
    /// Its telling words, each with how many turning words stand before it.
    terms: Vec<(String, usize)>,
    /// Its turning words.
    turns: Vec<&'static str>,
    /// Whether it is in a language whose turning words are not known.
    foreign: bool,
}

impl Sentence {
    fn of(text: &str) -> Self {
        let mut sentence = Self { terms: Vec::new(), turns: Vec::new(), foreign: false };
        let lower = text.to_lowercase().replace('’', "'");
        let inside = |c: char| c.is_alphanumeric() || "_-.'".contains(c);
        for word in lower.split(|c| !inside(c)) {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            sentence.foreign |= word.chars().any(|c| c.is_alphabetic() && !c.is_ascii());
            if let Some(turn) = turn(word) {
                sentence.turns.push(turn);
                continue;
            }
            let before = sentence.turns.len();
            if !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()) {
                sentence.terms.push((word.to_owned(), before));
            } else {
                sentence.terms.extend(tokens::terms(word).map(|term| (term, before)));
            }
        }
        sentence.terms.retain(|(term, _)| !matches!(term.as_str(), "always" | "alway" | "please"));
        sentence
    }

    /// Whether a text in lower case has as many of the telling words as what says the same must
    /// have, as far as their beginnings tell.
    fn may_be_in(&self, lower: &str) -> bool {
        // A term may have another ending than its word: "queries" is "query".
        let is_silent =
            |term: &&(String, usize)| !lower.contains(term.0.trim_end_matches(['e', 'y']));
        // One more than may be missing settles it, and looking for a word that is not there takes
        // longest.
        let most = self.terms.len() / 5;
        self.terms.iter().filter(is_silent).take(most + 1).count() <= most
    }
}

/// What a turning word stands for.
fn turn(word: &str) -> Option<&'static str> {
    if NEGATIONS.contains(&word) || word.ends_with("n't") {
        return Some("not");
    }
    BOUNDS.iter().find(|bound| **bound == word).copied()
}

/// Whether both say the same. One may leave out one word in five, or add as many as the other has,
/// but not both: a word in the place of another is another rule.
fn same(wanted: &Sentence, given: &Sentence) -> bool {
    let mut rest = given.terms.iter();
    let found = wanted.terms.iter().filter(|term| {
        let ahead = rest.clone().position(|other| other == *term);
        ahead.is_some_and(|at| rest.nth(at).is_some())
    });
    let (found, all) = (found.count(), wanted.terms.len());
    let (missing, added) = (all - found, given.terms.len() - found);
    let exact = missing == 0 && added == 0;
    let near = if added == 0 { missing <= all / 5 } else { missing == 0 && added <= all };
    let strict = all < 2 || wanted.foreign || given.foreign;
    wanted.turns == given.turns && if strict { exact } else { near }
}

/// The sentences of a text of paragraphs and lists, in lower case, without those that stand below a
/// heading or a lead-in that turns them.
fn rules(text: &str) -> Vec<String> {
    let mut rules = Vec::new();
    let (mut block, mut heading, mut lead) = (String::new(), false, false);
    let mut end = |block: &mut String, turned: bool| -> bool {
        let turns = block.trim_end().ends_with(':') && turns_all(block);
        if !turned && !block.contains("~~") {
            rules.extend(sentences(block).map(str::to_lowercase));
        }
        block.clear();
        turns
    };
    for line in text.lines().chain([""]) {
        let line = line.trim();
        let item = line.starts_with(['-', '*', '+', '|', '>'])
            || line.split_once(['.', ')']).is_some_and(|(n, _)| n.parse::<u32>().is_ok());
        if line.is_empty() || item || line.starts_with('#') {
            let paragraph = !block.is_empty() && !block.starts_with(['-', '*', '+', '|', '>']);
            let turns = end(&mut block, heading || lead);
            // A lead-in holds until the next paragraph or heading.
            lead = if paragraph { turns } else { lead || turns };
        }
        if line.starts_with('#') {
            heading = turns_all(line);
            lead = false;
            continue;
        }
        if !line.is_empty() {
            block.push_str(line);
            block.push(' ');
        }
    }
    rules
}

/// Whether a heading or lead-in turns what stands below it.
fn turns_all(text: &str) -> bool {
    let lower = text.to_lowercase().replace('’', "'");
    let mut words = lower.split(|c: char| !(c.is_alphanumeric() || c == '\''));
    words.any(|word| turn(word) == Some("not") || TURNING.contains(&word))
}

/// The sentences of one paragraph.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let ends = |at: usize| {
        let bytes = text.as_bytes();
        matches!(bytes[at], b'.' | b'!' | b'?' | b';')
            && bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace)
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < text.len()).then_some(())?;
        let end = (start..text.len()).find(|at| ends(*at)).map_or(text.len(), |at| at + 1);
        let sentence = &text[start..end];
        start = end;
        Some(sentence)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_stand_there_word_for_word() {
        for (text, command, expected) in [
            ("Run `npm test` first.", "npm test", true),
            ("npm test", "npm test", true),
            ("Run npm test.", "npm test", true),
            ("Commands: npm test: all tests", "npm test", true),
            ("npm test - runs all", "npm test", true),
            ("npm test:unit", "npm test", false),
            ("npm test.old", "npm test", false),
            ("pnpm test", "npm test", false),
            ("npm tests", "npm test", false),
            ("npm test -- --watch", "npm test", false),
            ("cargo test --workspace", "cargo test", false),
            ("cargo test --workspace\ncargo test\n", "cargo test", true),
            ("npm\ntest", "npm test", false),
            ("x", "", false),
        ] {
            assert_eq!(has_command(text, command), expected, "{command} in {text}");
        }
    }

    fn has_rule(text: &str, decision: &str) -> bool {
        Guide::new(text.to_owned()).has_rule(decision)
    }

    fn stated(text: &str, said: &str) -> bool {
        has_rule(text, &format!("the user said: \"{said}\""))
    }

    #[test]
    fn the_same_rule_is_the_same() {
        for (text, said) in [
            ("Never commit docs/plans.", "never commit docs/plans"),
            ("- Do not commit docs/plans", "never commit docs/plans"),
            ("## Rules\n\n1. Always use pnpm, not npm\n", "use pnpm, not npm"),
            ("Use tabs for\nindentation. Wrap at 100.", "please use tabs for indentation"),
            ("We use pnpm instead of npm here", "use pnpm instead of npm"),
            ("Run the linter. Use 2 spaces.", "use 2 spaces. Always run the linter"),
            ("Never push to main!", "don't push to main"),
        ] {
            assert!(stated(text, said), "{said} in {text}");
        }
    }

    #[test]
    fn another_rule_is_not_the_same() {
        for (text, said) in [
            // Turned round.
            ("Always commit docs/plans.", "never commit docs/plans"),
            ("Never commit docs/plans.", "always commit docs/plans"),
            ("Use npm, not pnpm", "use pnpm, not npm"),
            ("Use npm instead of pnpm", "use pnpm instead of npm"),
            ("Use npm and pnpm", "use npm instead of pnpm"),
            ("Run tests after commits", "run tests before commits"),
            ("Never push, always open pull requests", "always push, never open pull requests"),
            ("## Never\n\n- commit docs/plans", "commit docs/plans"),
            ("Don't do this:\n- commit docs/plans", "commit docs/plans"),
            ("Don't do this:\n\n- a thing\n- commit docs/plans", "commit docs/plans"),
            ("- ~~use tabs for indentation~~", "use tabs for indentation"),
            ("Verwende nicht pnpm workspaces", "verwende pnpm workspaces"),
            ("Push to main only when asked", "push to main"),
            // Something else.
            ("Use tabs for tables", "use tabs for indentation"),
            ("Use 4 spaces", "use 2 spaces"),
            ("Use pnpm for the web folder", "use pnpm"),
            ("Use feature branches with prefix feat", "use feature branches with prefix fix"),
            ("Use tabs. Indentation matters.", "use tabs for indentation"),
            ("- use tabs\n- mind indentation", "use tabs for indentation"),
            ("", "use tabs for indentation"),
            ("anything", ""),
        ] {
            assert!(!stated(text, said), "{said} in {text}");
        }
    }

    #[test]
    fn what_a_rule_is_about_belongs_to_it() {
        let decision = "on \"Which package manager?\" the user said: \"use pnpm\"";
        assert!(!has_rule("Use pnpm", decision));
        assert!(has_rule("Package manager: use pnpm", decision));
        assert!(!has_rule("make x", "the user refused `make x`"));
        assert!(!has_rule("use tabs for inden", "the user said: \"use tabs for inden…\""));
    }

    #[test]
    fn a_section_of_manas_own_counts_by_its_ids() {
        let section = format!("# x\n{BEGIN} (x) -->\n- Works: `a` (2 sessions, 01234567)\n{END}\n");
        assert!(is_exported(&section, "01234567"));
        assert!(!is_exported(&section, "76543210"));
        assert!(!is_exported("- Works: `a` (2 sessions, 01234567)", "01234567"));
        assert!(!is_exported(&format!("{section}- 76543210"), "76543210"));
    }

    #[test]
    fn endings_make_no_difference() {
        for said in ["aaaa aaies aaaa", "log all slow queries of the gateway"] {
            assert!(stated(said, said), "{said}");
        }
    }

    proptest! {
        #[test]
        fn a_rule_states_itself_and_not_its_opposite(said in "[a-z]{4,9}( [a-z]{4,9}){2,7}") {
            prop_assume!(!Sentence::of(&said).terms.is_empty());
            let never = format!("never {said}");
            let found = [stated(&said, &said), stated(&never, &said), stated(&said, &never)];
            prop_assert_eq!(found, [true, false, false]);
        }

        #[test]
        fn never_panics(text in "[a-z .:;#*é`~\n|-]{0,60}", said in "[a-z .é;'\"]{0,30}") {
            stated(&text, &said);
            has_command(&text, &said);
        }
    }
}
