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
    Terms { rest: text, run: Run::new(), given: 0, left: MAX_TERMS }
}

/// The terms of `text`, separated by spaces: the form in which full-text documents are stored.
pub(crate) fn joined(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut terms = terms(text);
    while let Some(term) = terms.next_term() {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(term);
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
    let mut terms = terms(text);
    while found.len() < most
        && let Some(term) = terms.next_term()
    {
        if found.iter().all(|known| known != term) {
            found.push(term.to_owned());
        }
    }
    found
}

/// Iterator over the terms of a text.
pub(crate) struct Terms<'a> {
    rest: &'a str,
    /// The run that is being handed out.
    run: Run,
    /// How many of its terms were handed out.
    given: usize,
    left: usize,
}

impl Terms<'_> {
    /// The next term, without making a string of it.
    pub(crate) fn next_term(&mut self) -> Option<&str> {
        if self.left == 0 {
            return None;
        }
        while self.given == self.run.ends.len() {
            let start = position(self.rest, is_word)?;
            let run = &self.rest[start..];
            let end = position(run, |c| !is_word(c) && !is_joint(c)).unwrap_or(run.len());
            self.rest = &run[end..];
            self.run.split(run[..end].trim_end_matches(is_joint));
            self.given = 0;
        }
        self.left -= 1;
        self.given += 1;
        Some(self.run.term(self.given - 1))
    }
}

impl Iterator for Terms<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.next_term().map(str::to_owned)
    }
}

/// Where the first character begins of which `is` holds. Most are ASCII, and those need no
/// decoding.
#[inline]
fn position(text: &str, is: impl Fn(char) -> bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let (found, length) = if byte.is_ascii() {
            (is(char::from(*byte)), 1)
        } else {
            let character = text[at..].chars().next()?;
            (is(character), character.len_utf8())
        };
        if found {
            return Some(at);
        }
        at += length;
    }
    None
}

/// The terms of one run (`a_b.cD`), the whole run first.
struct Run {
    /// The terms, one directly after the other.
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Run {
    /// Nothing, with room for what most runs are.
    fn new() -> Self {
        Self { text: String::with_capacity(2 * MAX_TERM), ends: Vec::with_capacity(8) }
    }

    fn term(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }

    /// Becomes the terms of `run`, which begins and ends with a character of a word.
    fn split(&mut self, run: &str) {
        self.text.clear();
        self.ends.clear();
        let compound = run.bytes().any(|byte| is_joint(byte.into()));
        if compound && run.len() <= MAX_TERM {
            push_lowercase(&mut self.text, run);
            self.ends.push(self.text.len());
        }
        let mut rest = run;
        while !rest.is_empty() {
            let end = rest.bytes().position(|byte| is_joint(byte.into()));
            let piece = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or("", |end| &rest[end + 1..]);
            if (1..=MAX_TERM).contains(&piece.len()) {
                self.push_piece(piece, compound);
            }
        }
    }

    /// Adds a piece of a run, and the humps of which it consists.
    fn push_piece(&mut self, piece: &str, compound: bool) {
        if !piece.bytes().skip(1).any(|byte| byte.is_ascii_uppercase()) {
            return self.push(piece, !compound);
        }
        let mut humps = humps(piece);
        let first = humps.next().unwrap_or(piece);
        self.push(piece, !compound && first.len() == piece.len());
        if first.len() < piece.len() {
            self.push(first, false);
            humps.for_each(|hump| self.push(hump, false));
        }
    }

    /// Adds one word in its folded form, unless it is too short or too common to tell anything.
    fn push(&mut self, word: &str, keep_short: bool) {
        let start = self.text.len();
        push_lowercase(&mut self.text, word);
        let lower = &self.text[start..];
        let short = if lower.is_ascii() {
            lower.len() < 2
        } else {
            lower.chars().nth(usize::from(!keep_short)).is_none()
        };
        if short || is_stop_word(lower) {
            self.text.truncate(start);
            return;
        }
        fold(&mut self.text, start);
        let last = self.ends.len().checked_sub(1).map(|last| self.term(last));
        if last == Some(&self.text[start..]) {
            self.text.truncate(start);
        } else {
            self.ends.push(self.text.len());
        }
    }
}

/// Appends `word` in lower case.
fn push_lowercase(text: &mut String, word: &str) {
    if word.is_ascii() {
        let start = text.len();
        text.push_str(word);
        text[start..].make_ascii_lowercase();
    } else {
        text.push_str(&word.to_lowercase());
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric()
}

/// Characters that join the parts of one name.
fn is_joint(character: char) -> bool {
    matches!(character, '_' | '-' | '.')
}

/// The humps of a camel-case word: `parseHTTPHeader2` gives `parse`, `HTTP`, `Header2`.
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let bytes = word.as_bytes();
    let begins = move |at: usize| {
        let (before, here) = (bytes[at - 1], bytes[at]);
        let next_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let rises =
            (before.is_ascii_lowercase() || before.is_ascii_digit()) && here.is_ascii_uppercase();
        let ends_acronym = before.is_ascii_uppercase() && here.is_ascii_uppercase() && next_lower;
        rises || ends_acronym
    };
    let mut start = 0;
    std::iter::from_fn(move || {
        (start < word.len()).then_some(())?;
        let end = (start + 1..bytes.len()).find(|at| begins(*at)).unwrap_or(bytes.len());
        let hump = &word[start..end];
        start = end;
        Some(hump)
    })
}

/// Folds the commonest English endings of the plain word that `text` holds from `start` on, so
/// that `tests`, `testing` and `tested` meet at `test`. Words with digits or other letters stay.
fn fold(text: &mut String, start: usize) {
    let word = &text[start..];
    if word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return;
    }
    singular(text, start);
    // Most words end otherwise.
    let endings: &[&str] = if text.ends_with(['g', 'd']) { &["ing", "ed"] } else { &[] };
    for ending in endings {
        let Some(stem) = text[start..].strip_suffix(*ending) else { continue };
        if stem.len() < 3 || !stem.bytes().any(is_vowel) {
            continue;
        }
        let bytes = stem.as_bytes();
        let (last, before) = (bytes[bytes.len() - 1], bytes[bytes.len() - 2]);
        // `running` and `stopped` doubled the letter, `passing` and `called` did not.
        let doubled =
            last == before && !matches!(last, b's' | b'l' | b'z' | b'f') && !is_vowel(last);
        text.truncate(start + bytes.len() - usize::from(doubled));
        if doubled {
            return;
        }
        break;
    }
    drop_e(text, start);
}

fn singular(text: &mut String, start: usize) {
    let word = &text[start..];
    if !word.ends_with('s') {
        return;
    }
    let (len, ends) = (text.len(), |ending: &str| word.ends_with(ending));
    if ends("ies") && word.len() > 4 {
        text.truncate(len - 3);
        text.push('y');
    } else if ends("sses") || ends("shes") || ends("ches") || ends("xes") {
        text.truncate(len - 2);
    } else if !ends("ss") && !ends("us") && !ends("is") {
        text.pop();
    }
}

/// `caching`, `cached` and `cache` all lose what is left of the silent e.
fn drop_e(text: &mut String, start: usize) {
    let word = &text[start..];
    if word.len() > 4 && word.ends_with('e') && !word.ends_with("ee") {
        text.pop();
    }
}

fn is_vowel(byte: u8) -> bool {
    b"aeiouy".contains(&byte)
}

/// Words that stand in every text.
fn is_stop_word(word: &str) -> bool {
    word.len() <= LONGEST_STOP_WORD && STOP_NUMBERS.binary_search(&number(word)).is_ok()
}

/// Bytes of the longest stop word.
const LONGEST_STOP_WORD: usize = 7;

/// A word as a number; the order of the words is that of their numbers. Numbers are compared
/// without a call.
const fn number(word: &str) -> u64 {
    let bytes = word.as_bytes();
    assert!(bytes.len() <= LONGEST_STOP_WORD);
    let (mut number, mut at) = (0, 0);
    while at < LONGEST_STOP_WORD {
        let byte = if at < bytes.len() { bytes[at] } else { 0 };
        number = number << 8 | byte as u64;
        at += 1;
    }
    number
}

/// The stop words as numbers.
static STOP_NUMBERS: [u64; STOP_WORDS.len()] = {
    let mut numbers = [0; STOP_WORDS.len()];
    let mut at = 0;
    while at < numbers.len() {
        numbers[at] = number(STOP_WORDS[at]);
        at += 1;
    }
    numbers
};

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
            let mut folded = a.to_owned();
            fold(&mut folded, 0);
            assert_ne!(folded, b, "{a}");
        }
    }

    #[test]
    fn stop_words_are_sorted_for_the_search() {
        assert!(STOP_WORDS.is_sorted());
        assert_eq!(STOP_WORDS.iter().map(|word| word.len()).max(), Some(LONGEST_STOP_WORD));
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
