//! A text that is searched for many marks. Hot.
//!
//! Which pairs of bytes stand next to each other in it is noted once, in a table of bits (a filter
//! as Bloom, 1970, with one hash). Nearly every mark that is not there has a pair that is not
//! there, which a look at the table tells.

/// Bits of the table.
const BITS: usize = 4_096;

/// A text with its pairs.
pub(super) struct Pairs<'a> {
    text: &'a str,
    seen: [u64; BITS / 64],
}

impl<'a> Pairs<'a> {
    /// Notes the pairs of `text`.
    pub(super) fn of(text: &'a str) -> Self {
        let mut seen = [0; BITS / 64];
        for pair in text.as_bytes().array_windows() {
            let bit = bit(*pair);
            seen[bit / 64] |= 1 << (bit % 64);
        }
        Self { text, seen }
    }

    /// Whether `mark` stands in the text.
    pub(super) fn contains(&self, mark: &str) -> bool {
        let there = |bit: usize| self.seen[bit / 64] >> (bit % 64) & 1 == 1;
        mark.as_bytes().array_windows().all(|pair| there(bit(*pair))) && self.text.contains(mark)
    }

    /// Whether any of `marks` stands in the text.
    pub(super) fn contains_any(&self, marks: &[&str]) -> bool {
        marks.iter().any(|mark| self.contains(mark))
    }
}

/// The bit of a pair: those of small letters are all different.
fn bit([first, second]: [u8; 2]) -> usize {
    (usize::from(first) << 6 ^ usize::from(second)) % BITS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_mark_is_there_when_the_text_has_it(
            text in "[a-c\u{e9} :]{0,40}", mark in "[a-c\u{e9} :]{0,3}", other in ".{0,4}",
        ) {
            let pairs = Pairs::of(&text);
            for mark in [&mark, &other, &text] {
                prop_assert_eq!(pairs.contains(mark), text.contains(mark.as_str()), "{}", mark);
            }
            prop_assert_eq!(
                pairs.contains_any(&[&mark, &other]),
                text.contains(&mark) || text.contains(&other)
            );
        }
    }

    #[test]
    fn pairs_of_small_letters_have_bits_of_their_own() {
        let letters = || b'a'..=b'z';
        let mut bits: Vec<usize> =
            letters().flat_map(|a| letters().map(move |b| bit([a, b]))).collect();
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), 26 * 26);
    }
}
