//! Cuts text into the terms by which it is indexed and searched. Hot.
//!
//! Text of programmers is made of identifiers, so a term is an identifier, and so is each of its
//! parts: `getUserName` is found by `getusername`, by `user` and by `name`. The same rules run when text is stored and when it is asked for; changing them
//! means indexing again.

/// Bytes of a text that are cut into terms.
const MAX_TEXT: usize = 64 * 1024;

/// Terms taken from one text.
const MAX_TERMS: usize = 4096;

/// Bytes of a term; longer runs are data, not words.
const MAX_TERM: usize = 64;

/// The terms of `text`, in order, lower-cased, with repetitions.
pub(crate) fn terms(text: &str) -> Terms<'_> {
    let text = &text[..text.floor_char_boundary(MAX_TEXT)];
    Terms { rest: text, pending: Vec::new(), left: MAX_TERMS }
}

/// The terms of `text`, separated by spaces: the form in which full-text documents are stored.
pub(crate) fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for term in terms(text) {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&term);
    }
    joined
}

/// The different terms of `text`, in order of appearance.
pub(crate) fn distinct(text: &str) -> Vec<String> {
    first_distinct(text, MAX_TERMS)
}

/// The first `most` different terms of `text`, in order of appearance; what comes after them is
/// not looked at.
pub(crate) fn first_distinct(text: &str, most: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for term in terms(text) {
        if found.len() == most {
            break;
        }
        if !found.contains(&term) {
            found.push(term);
        }
    }
    found
}

/// Iterator over the terms of a text.
pub(crate) struct Terms<'a> {
    rest: &'a str,
    /// Parts of the last run that were not handed out yet, last first.
    pending: Vec<String>,
    left: usize,
}

impl Iterator for Terms<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.left > 0 {
            if let Some(term) = self.pending.pop() {
                self.left -= 1;
                return Some(term);
            }
            let start = self.rest.find(is_word)?;
            let run = &self.rest[start..];
            let end = run.find(|c| !is_word(c) && !is_joint(c)).unwrap_or(run.len());
            self.rest = &run[end..];
            self.split(run[..end].trim_end_matches(is_joint));
        }
        None
    }
}

impl Terms<'_> {
    /// Puts the terms of one run (`a_b.cD`) into `pending`, the whole run first.
    fn split(&mut self, run: &str) {
        let mut found: Vec<String> = Vec::new();
        let pieces = || run.split(is_joint).filter(|piece| !piece.is_empty());
        let compound = pieces().nth(1).is_some();
        if compound && run.len() <= MAX_TERM {
            found.push(lower(run));
        }
        for piece in pieces() {
            if piece.len() > MAX_TERM {
                continue;
            }
            let humps = humps(piece);
            push_term(&mut found, piece, !compound && humps.len() == 1);
            if humps.len() > 1 {
                for hump in humps {
                    push_term(&mut found, hump, false);
                }
            }
        }
        found.reverse();
        self.pending = found;
    }
}

/// Adds one word in its folded form, unless it is too short or too common to tell anything.
fn push_term(found: &mut Vec<String>, word: &str, keep_short: bool) {
    let lower = lower(word);
    let shortest = if keep_short && !lower.is_ascii() { 1 } else { 2 };
    if lower.chars().nth(shortest - 1).is_none() || is_stop_word(&lower) {
        return;
    }
    let term = fold(lower);
    if found.last() != Some(&term) {
        found.push(term);
    }
}

fn lower(word: &str) -> String {
    // Nearly all words; and what comes with all of Unicode's cases is not cheap.
    if word.is_ascii() { word.to_ascii_lowercase() } else { word.to_lowercase() }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// Characters that join the parts of one name.
fn is_joint(character: char) -> bool {
    matches!(character, '_' | '-' | '.')
}

/// The humps of a camel-case word: `parseHTTPHeader2` gives `parse`, `HTTP`, `Header2`.
fn humps(word: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    let bytes = word.as_bytes();
    for at in 1..bytes.len() {
        let (before, here) = (bytes[at - 1], bytes[at]);
        let next_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let rises =
            (before.is_ascii_lowercase() || before.is_ascii_digit()) && here.is_ascii_uppercase();
        let ends_acronym = before.is_ascii_uppercase() && here.is_ascii_uppercase() && next_lower;
        if rises || ends_acronym {
            found.push(&word[start..at]);
            start = at;
        }
    }
    found.push(&word[start..]);
    found
}

/// Folds the commonest English endings of plain words, so that `tests`, `testing` and `tested`
/// meet at `test`. Words with digits or other letters stay.
fn fold(word: String) -> String {
    if word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word;
    }
    let word = singular(word);
    for ending in ["ing", "ed"] {
        let Some(stem) = word.strip_suffix(ending) else { continue };
        if stem.len() < 3 || !stem.bytes().any(is_vowel) {
            continue;
        }
        let bytes = stem.as_bytes();
        let (last, before) = (bytes[bytes.len() - 1], bytes[bytes.len() - 2]);
        // `running` and `stopped` doubled the letter, `passing` and `called` did not.
        if last == before && !matches!(last, b's' | b'l' | b'z' | b'f') && !is_vowel(last) {
            return stem[..stem.len() - 1].to_owned();
        }
        return drop_e(stem.to_owned());
    }
    drop_e(word)
}

fn singular(mut word: String) -> String {
    let ends = |ending: &str| word.ends_with(ending);
    if ends("ies") && word.len() > 4 {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if ends("sses") || ends("shes") || ends("ches") || ends("xes") {
        word.truncate(word.len() - 2);
    } else if ends("s") && !ends("ss") && !ends("us") && !ends("is") {
        word.pop();
    }
    word
}

/// `caching`, `cached` and `cache` all lose what is left of the silent e.
fn drop_e(mut word: String) -> String {
    if word.len() > 4 && word.ends_with('e') && !word.ends_with("ee") {
        word.pop();
    }
    word
}

fn is_vowel(byte: u8) -> bool {
    b"aeiouy".contains(&byte)
}

/// Words that stand in every text.
fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word).is_ok()
}

/// Sorted.
const STOP_WORDS: &[&str] = &[
    "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "both", "but", "by", "can", "could", "did", "do",
    "does", "doing", "done", "each", "else", "etc", "even", "every", "few", "for", "from", "had",
    "has", "have", "having", "he", "her", "here", "his", "how", "however", "if", "in", "into",
    "is", "it", "its", "just", "let", "like", "make", "many", "may", "me", "more", "most", "much",
    "must", "my", "need", "no", "nor", "not", "now", "of", "ok", "on", "once", "one", "only", "or",
    "other", "our", "out", "over", "own", "please", "same", "see", "she", "should", "since", "so",
    "some", "such", "sure", "than", "thank", "thanks", "that", "the", "their", "them", "then",
    "there", "these", "they", "thing", "things", "this", "those", "through", "to", "too", "under",
    "until", "up", "use", "used", "using", "very", "want", "was", "way", "we", "well", "were",
    "what", "when", "where", "which", "while", "who", "why", "will", "with", "would", "yes", "you",
    "your",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(text: &str) -> Vec<String> {
        terms(text).collect()
    }

    #[test]
    fn identifiers_and_their_parts() {
        let cases: &[(&str, &[&str])] = &[
            ("getUserName", &["getusernam", "get", "user", "name"]),
            ("snake_case-kebab", &["snake_case-kebab", "snak", "case", "kebab"]),
            ("src/model/parse.rs", &["src", "model", "parse.rs", "pars", "rs"]),
            ("HTTPServer2 v1.2", &["httpserver2", "http", "server2", "v1.2", "v1"]),
            ("the tests are running", &["test", "run"]),
            ("Größe ändern", &["größe", "ändern"]),
            ("a -- . _", &[]),
            ("--no-verify", &["no-verify", "verify"]),
        ];
        for (text, expected) in cases {
            assert_eq!(all(text), *expected, "{text}");
        }
    }

    #[test]
    fn forms_of_a_word_meet() {
        let groups = [
            "test tests testing tested",
            "cache caches caching cached",
            "run running",
            "stop stops stopped stopping",
            "query queries",
            "fix fixes fixing fixed",
            "pass passes passed passing",
            "file files",
            "match matches matching",
            "update updates updating",
        ];
        for group in groups {
            let mut found = all(group);
            found.dedup();
            assert_eq!(found.len(), 1, "{group}: {found:?}");
        }
        for (a, b) in [("status", "statu"), ("string", "str"), ("need", "ne"), ("class", "clas")] {
            assert_ne!(fold(a.to_owned()), b, "{a}");
        }
    }

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.is_sorted());
        assert_eq!(all("what the and it"), Vec::<String>::new());
    }

    #[test]
    fn long_input_is_bounded() {
        assert!(all(&"word_a ".repeat(50_000)).len() <= MAX_TERMS);
        assert_eq!(all(&"x".repeat(100)), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn never_panics_and_terms_are_lower_case(text in "(?s).{0,300}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty());
                prop_assert_eq!(term.to_lowercase(), term);
            }
        }

        #[test]
        fn case_and_spacing_do_not_matter(words in prop::collection::vec("[a-z]{2,9}", 1..8)) {
            let plain = words.join(" ");
            prop_assert_eq!(all(&plain), all(&plain.to_uppercase().replace(' ', "\n, ")));
        }
    }
}
