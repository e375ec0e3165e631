//! Characters as BERT's normaliser leaves them.
//!
//! The categories and decompositions come from the crates that `tokenizers` itself uses, so both
//! know the same version of Unicode. Their tables are constants, and ASCII never reaches them.

use std::iter;

use unicode_categories::UnicodeCategories;
use unicode_normalization_alignments::UnicodeNormalization;

/// The characters of `text`: control characters dropped, white space as spaces, ideographs with
/// spaces around them, accents taken off, in lower case.
pub(super) fn normalised(text: &str) -> impl Iterator<Item = char> {
    text.chars()
        .filter(|&character| !is_dropped(character))
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .flat_map(|character| {
            let space = is_ideograph(character).then_some(' ');
            space.into_iter().chain(iter::once(character)).chain(space)
        })
        .nfd()
        .map(|(character, _)| character)
        .filter(|character| !character.is_mark_nonspacing())
        .flat_map(char::to_lowercase)
}

/// Punctuation is a word of its own. All of ASCII that is no letter, digit or space counts.
pub(super) fn is_punctuation(character: char) -> bool {
    character.is_ascii_punctuation() || UnicodeCategories::is_punctuation(character)
}

fn is_dropped(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => false,
        '\u{fffd}' => true,
        _ => character.is_other(),
    }
}

/// The blocks of unified and compatibility ideographs, as BERT's authors listed them. Kana and
/// Hangul are not in it: they are written with spaces or spelled by pieces.
fn is_ideograph(character: char) -> bool {
    matches!(
        character,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b73f}'
            | '\u{2b740}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}
