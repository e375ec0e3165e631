//! One word, cut into the longest pieces that the vocabulary has.

use std::ops::ControlFlow;

use super::vocabulary::{LONGEST_TOKEN, Token, Vocabulary, prefix_hashes};

/// Longer words are not spelled: they are unknown as a whole.
const LONGEST_WORD: usize = 100;

/// A word under construction, on the stack.
pub(super) struct Word {
    bytes: [u8; LONGEST_WORD * 4],
    len: usize,
    /// Characters, counted beyond what is kept.
    characters: usize,
}

impl Default for Word {
    fn default() -> Self {
        Self { bytes: [0; LONGEST_WORD * 4], len: 0, characters: 0 }
    }
}

impl Word {
    /// Adds a character. What does not fit is only counted.
    pub(super) fn push(&mut self, character: char) {
        self.characters += 1;
        if self.characters <= LONGEST_WORD {
            self.len += character.encode_utf8(&mut self.bytes[self.len..]).len();
        }
    }

    /// Adds an ASCII character.
    pub(super) fn push_ascii(&mut self, byte: u8) {
        self.characters += 1;
        if self.characters <= LONGEST_WORD {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
    }

    /// Gives `each` the tokens of the word, if there is one, and begins a new one.
    pub(super) fn finish(
        &mut self,
        vocabulary: &Vocabulary<'_>,
        each: &mut impl FnMut(Token) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (len, characters) = (self.len, self.characters);
        (self.len, self.characters) = (0, 0);
        if characters == 0 {
            return ControlFlow::Continue(());
        }
        if characters > LONGEST_WORD {
            return each(Token::UNKNOWN);
        }
        // Kept until the end, since one piece that is missing makes the whole word unknown.
        let mut pieces = [Token::UNKNOWN; LONGEST_WORD];
        let Some(count) = spell(vocabulary, &self.bytes[..len], &mut pieces) else {
            return each(Token::UNKNOWN);
        };
        pieces[..count].iter().try_for_each(|&piece| each(piece))
    }
}

/// Writes the pieces of `word` and says how many; `None` when the vocabulary cannot spell it.
///
/// A piece has at least one character, so the pieces never outnumber the word's.
fn spell(
    vocabulary: &Vocabulary<'_>,
    word: &[u8],
    pieces: &mut [Token; LONGEST_WORD],
) -> Option<usize> {
    let mut start = 0;
    let mut count = 0;
    while start < word.len() {
        let continues = start > 0;
        let rest = &word[start..word.len().min(start + LONGEST_TOKEN)];
        let hashes = prefix_hashes(rest, continues);
        let (len, token) = (1..=rest.len())
            .rev()
            .filter(|len| word.get(start + len).is_none_or(|&next| is_start(next)))
            .find_map(|len| {
                let token = vocabulary.find(&rest[..len], continues, hashes[len - 1])?;
                Some((len, token))
            })?;
        pieces[count] = token;
        count += 1;
        start += len;
    }
    Some(count)
}

/// Whether a byte of UTF-8 begins a character.
fn is_start(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}
