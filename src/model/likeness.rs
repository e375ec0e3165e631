//! How alike the words of two patterns are. Pure.
//!
//! What a text names (commands, paths, flags, numbers, identifiers, and the words that turn a
//! sentence into its opposite) decides what it says, so patterns are alike only when they name the
//! same things in the same order; the share of the words that they have in common counts after
//! that.

use super::key::{Key, Space};

/// Share of the words in common from which on two patterns are the same: more than this.
pub(crate) const SAME: f64 = 0.9;

/// Words that turn a sentence into its opposite, or its order round.
const TURNING: &[&str] = &[
    "after", "always", "before", "cannot", "don", "instead", "except", "first", "last", "never",
    "no", "not", "off", "on", "only", "unless", "until", "with", "without",
];

/// The words of a pattern in small.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Likeness {
    /// Hash over what the text names, in order.
    pub(crate) named: u64,
    /// How many things that is.
    pub(crate) names: u32,
    /// Hashes of the other words, sorted, each once.
    pub(crate) words: Box<[u32]>,
}

impl Likeness {
    /// The likeness of what is said in `texts`.
    pub(crate) fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut named, mut count, mut words) = (0_u64, 0, Vec::new());
        for text in texts {
            // Between backticks everything is a name.
            for (n, part) in text.split('`').enumerate() {
                for word in part.split_whitespace() {
                    let word = if n % 2 == 1 { word } else { bare(word) };
                    if n % 2 == 1 || is_name(word) {
                        let hash = Key::new(Space::Term, word).to_i64() as u64;
                        named = (named.rotate_left(5) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        count += 1;
                    } else if !word.is_empty() {
                        let hash = Key::new(Space::Term, &word.to_lowercase()).to_i64();
                        words.push((hash >> 16) as u32);
                    }
                }
            }
            // Where one text ends and the next begins is part of what is named.
            named = named.rotate_left(5) ^ 1;
        }
        words.sort_unstable();
        words.dedup();
        Self { named, names: count, words: words.into() }
    }

    /// The share of the words in common, from 0 to 1; 0 when they name different things.
    pub(crate) fn with(&self, other: &Self) -> f64 {
        if (self.named, self.names) != (other.named, other.names) {
            return 0.0;
        }
        let names = f64::from(self.names);
        let common = common(&self.words, &other.words) as f64;
        let all = names + (self.words.len() + other.words.len()) as f64 - common;
        if all == 0.0 { 1.0 } else { (names + common) / all }
    }
}

/// How many numbers two sorted lists have in common.
fn common(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, count) = (i + 1, j + 1, count + 1),
        }
    }
    count
}

/// The word without the punctuation around it.
fn bare(word: &str) -> &str {
    let word = word.trim_start_matches(['"', '\'', '(', '[', '{', '<', '“', '‘', '*']);
    word.trim_end_matches([
        '"', '\'', ')', ']', '}', '>', '”', '’', '*', '.', ',', ';', ':', '!', '?', '…',
    ])
}

/// Whether a word is more than a word of prose.
fn is_name(word: &str) -> bool {
    let mut characters = word.chars();
    let Some(first) = characters.next() else { return false };
    let plain = first.is_alphabetic() && characters.all(|c| c.is_alphabetic() && !c.is_uppercase());
    let lower = word.to_lowercase();
    !plain || TURNING.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The share of the words in common, in percent.
    fn alike(a: &str, b: &str) -> u32 {
        (Likeness::of([a]).with(&Likeness::of([b])) * 100.0).round() as u32
    }

    const LONG: &str = "the user wants every new helper to be described in one short sentence that \
        says what it does, what it returns and which callers would miss it most";

    #[test]
    fn prose_may_differ_and_names_may_not() {
        assert_eq!(alike(LONG, LONG), 100);
        assert!(alike(LONG, &LONG.replace("short", "brief")) > 90);
        assert_eq!(alike(LONG, &LONG.replace("the user", "The user:")), 100);
        for (from, to) in [("helper", "parse_x"), ("one", "2"), ("helper", "src/x"), ("be", "not")]
        {
            let (a, b) = (LONG.to_owned(), LONG.replace(from, to));
            assert_eq!(alike(&a, &b), 0, "{from} and {to}");
        }
        assert_eq!(alike("run `make all` here", "run `make one` here"), 0);
        assert_eq!(alike("`a/x` is not there, `b/x` is", "`b/x` is not there, `a/x` is"), 0);
        assert!(alike("the same words", "other words") < 90);
    }

    #[test]
    fn texts_do_not_run_into_each_other() {
        let (a, b) = (Likeness::of(["`x` `y`", "`z`"]), Likeness::of(["`x`", "`y` `z`"]));
        assert_ne!(a.named, b.named);
        assert_eq!(alike("", " "), 100);
    }

    proptest! {
        #[test]
        fn likeness_is_the_same_both_ways(a in "([a-d]{1,2} ){0,9}", b in "([a-d]{1,2} ){0,9}") {
            let (x, y) = (Likeness::of([a.as_str()]), Likeness::of([b.as_str()]));
            prop_assert_eq!(x.with(&y).to_bits(), y.with(&x).to_bits());
            prop_assert_eq!(alike(&a, &a), 100);
            prop_assert!((0.0..=1.0).contains(&x.with(&y)));
        }
    }
}
