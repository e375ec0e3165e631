//! The vocabulary as a table in bytes, used as it lies in the file.
//!
//! ```text
//! header   magic "mana/wp\n" · version u32 · tokens u32 · bytes u32 · unused u32
//! slots    65536 × (check u16 · token u16), an open hash table; token 0xffff is an empty slot
//! starts   (tokens + 1) × u32, where each token's text begins in `texts`
//! texts    the tokens' texts one after another, as the model's vocab.txt has them
//! ```
//!
//! Numbers are little-endian. Opening looks at the header alone, whatever the rest holds, and each
//! look-up is bounded: a damaged table gives wrong tokens or none, and never a panic.

const MAGIC: &[u8; 8] = b"mana/wp\n";
const VERSION: u32 = 1;
const HEADER: usize = 24;
/// Twice the tokens of BERT's vocabulary, so that most look-ups end at the first slot.
const SLOTS: usize = 1 << 16;
const EMPTY: u16 = u16::MAX;
/// Longest text of a token in bytes, without the mark of a continuation. BERT's has 18.
pub(super) const LONGEST_TOKEN: usize = 24;
/// What stands before a piece that continues a word.
const CONTINUES: &[u8] = b"##";

/// A token: its row in the vocabulary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Token(u16);

impl Token {
    /// What stands for a word that cannot be spelled: the row of `[UNK]` in BERT's vocabularies.
    pub(crate) const UNKNOWN: Self = Self(100);

    /// The token's row.
    pub(crate) fn row(self) -> usize {
        usize::from(self.0)
    }
}

/// A view of a vocabulary table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vocabulary<'a> {
    slots: &'a [u8],
    starts: &'a [u8],
    texts: &'a [u8],
    tokens: usize,
}

impl<'a> Vocabulary<'a> {
    /// The table in `bytes`; `None` when they are none, or one of another version.
    pub(crate) fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        let number = |at: usize| u32_at(header, at).map(|n| n as usize);
        if !header.starts_with(MAGIC) || number(8)? != VERSION as usize {
            return None;
        }
        let (tokens, len) = (number(12)?, number(16)?);
        if tokens == 0 || tokens >= usize::from(EMPTY) {
            return None;
        }
        let (slots, rest) = bytes[HEADER..].split_at_checked(SLOTS * 4)?;
        let (starts, texts) = rest.split_at_checked((tokens + 1) * 4)?;
        (texts.len() == len).then_some(Self { slots, starts, texts, tokens })
    }

    /// How many tokens it has.
    pub(crate) fn len(&self) -> usize {
        self.tokens
    }

    /// All tokens' texts, in their order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        (0..self.tokens).map(|row| str::from_utf8(self.text(row as u16)).unwrap_or_default())
    }

    /// What each token looks like inside a text, in their order: its text without the mark of a
    /// continuation.
    pub(crate) fn words(&self) -> Vec<&'a str> {
        self.texts().map(|text| text.strip_prefix("##").unwrap_or(text)).collect()
    }

    /// The text of a token as the model's vocabulary has it; empty for one it does not have.
    fn text(&self, token: u16) -> &'a [u8] {
        let at = usize::from(token) * 4;
        let range = u32_at(self.starts, at).zip(u32_at(self.starts, at + 4));
        range.and_then(|(from, to)| self.texts.get(from as usize..to as usize)).unwrap_or_default()
    }

    /// The token of a piece, whose hash is the last of [`prefix_hashes`].
    pub(super) fn find(&self, piece: &[u8], continues: bool, hash: u64) -> Option<Token> {
        let (first, check) = place(hash);
        // A full table would be searched for ever, so the search ends after one round.
        for n in 0..SLOTS {
            let at = (first + n) % SLOTS * 4;
            let token = u16_at(self.slots, at + 2)?;
            if token == EMPTY {
                return None;
            }
            if u16_at(self.slots, at)? == check && usize::from(token) < self.tokens {
                let text = self.text(token);
                let same = match text.strip_prefix(CONTINUES) {
                    Some(text) if continues => text == piece,
                    _ => !continues && text == piece,
                };
                if same {
                    return Some(Token(token));
                }
            }
        }
        None
    }
}

/// The hashes of all beginnings of `piece`: number `n` is that of its first `n + 1` bytes (FNV-1a).
pub(super) fn prefix_hashes(piece: &[u8], continues: bool) -> [u64; LONGEST_TOKEN] {
    let mut hash: u64 = if continues { 0x8422_2325_cbf2_9ce4 } else { 0xcbf2_9ce4_8422_2325 };
    let mut hashes = [0; LONGEST_TOKEN];
    for (slot, byte) in hashes.iter_mut().zip(piece) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        *slot = hash;
    }
    hashes
}

/// The slot where the search for a hash begins, and the check that a slot holds.
fn place(hash: u64) -> (usize, u16) {
    let mixed = hash ^ (hash >> 32);
    (mixed as usize % SLOTS, (mixed >> 16) as u16)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

/// Makes the table of a vocabulary; the row of a token is its place in `tokens`.
#[cfg(test)]
pub(crate) fn build(tokens: &[&str]) -> Vec<u8> {
    let mut slots = vec![(0u16, EMPTY); SLOTS];
    let mut starts = vec![0u32];
    let mut texts = Vec::new();
    assert!(tokens.len() < SLOTS * 3 / 4, "the table is made for BERT's vocabularies");
    for (row, token) in tokens.iter().enumerate() {
        let bytes = token.as_bytes();
        texts.extend_from_slice(bytes);
        starts.push(texts.len() as u32);
        // `##` alone is no continuation of anything: it is the text of two signs.
        let (piece, continues) = match bytes.strip_prefix(CONTINUES) {
            Some(piece) if !piece.is_empty() => (piece, true),
            _ => (bytes, false),
        };
        assert!(piece.len() <= LONGEST_TOKEN, "{token:?} is too long");
        let Some(last) = piece.len().checked_sub(1) else { continue };
        let (first, check) = place(prefix_hashes(piece, continues)[last]);
        let free = (0..SLOTS).map(|n| (first + n) % SLOTS).find(|&at| slots[at].1 == EMPTY);
        slots[free.expect("a quarter of the slots is empty")] = (check, row as u16);
    }
    let mut table = MAGIC.to_vec();
    for number in [VERSION, tokens.len() as u32, texts.len() as u32, 0] {
        table.extend(number.to_le_bytes());
    }
    for (check, token) in slots {
        table.extend(check.to_le_bytes());
        table.extend(token.to_le_bytes());
    }
    table.extend(starts.into_iter().flat_map(u32::to_le_bytes));
    table.extend(texts);
    table
}
