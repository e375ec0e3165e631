//! `WordPiece` as BERT's uncased models use it, over a table that needs no start-up.
//!
//! A text becomes the same tokens as with the `tokenizers` crate, whose tokeniser takes some 20 ms
//! to build: longer than a whole hook may take. A test compares the two. One thing differs on
//! purpose: names of special tokens inside a text (`[SEP]`) are text, as
//! `set_encode_special_tokens(true)` makes them there.

mod normal;
mod vocabulary;
mod word;

use std::ops::ControlFlow;

#[cfg(test)]
pub(crate) use vocabulary::build;
pub(crate) use vocabulary::{Token, Vocabulary};
use word::Word;

impl Vocabulary<'_> {
    /// Calls `each` with the tokens of `text`, in their order, until it breaks.
    ///
    /// A word that the vocabulary cannot spell is [`Token::UNKNOWN`]. Nothing is allocated.
    pub(crate) fn tokens(&self, text: &str, mut each: impl FnMut(Token) -> ControlFlow<()>) {
        let mut word = Word::default();
        // Broken off or at the end, there is nothing more to say.
        let _end = if text.is_ascii() {
            self.ascii(text.as_bytes(), &mut word, &mut each)
        } else {
            self.unicode(text, &mut word, &mut each)
        };
    }

    /// The tokens of an ASCII text: most texts by far, and a byte is a character.
    fn ascii(
        &self,
        text: &[u8],
        word: &mut Word,
        each: &mut impl FnMut(Token) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for &byte in text {
            match byte {
                b'\t' | b'\n' | b'\r' | b' ' => word.finish(self, each)?,
                // Control characters are dropped before words are told apart.
                0..b' ' | 0x7f => {}
                _ if byte.is_ascii_punctuation() => {
                    word.finish(self, each)?;
                    word.push_ascii(byte);
                    word.finish(self, each)?;
                }
                _ => word.push_ascii(byte.to_ascii_lowercase()),
            }
        }
        word.finish(self, each)
    }

    /// The tokens of any text.
    fn unicode(
        &self,
        text: &str,
        word: &mut Word,
        each: &mut impl FnMut(Token) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        for character in normal::normalised(text) {
            if character.is_whitespace() {
                word.finish(self, each)?;
            } else if normal::is_punctuation(character) {
                word.finish(self, each)?;
                word.push(character);
                word.finish(self, each)?;
            } else {
                word.push(character);
            }
        }
        word.finish(self, each)
    }
}

#[cfg(test)]
mod tests;
