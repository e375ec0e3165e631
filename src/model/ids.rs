//! Identifiers as newtypes, so that one kind cannot be passed for another.

use std::fmt;

use sha2::{Digest, Sha256};

/// The first 16 bytes of SHA-256 over `parts`, each preceded by its length, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
fn digest(domain: &str, parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in std::iter::once(&domain).chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let full = hash.finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&full[..16]);
    id
}

/// Identity of one step, derived from the transcript's own identifier (`tool_use` id for a call,
/// line `uuid` otherwise), so that a line that a resumed or forked session repeats is one step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct StepId([u8; 16]);

impl StepId {
    /// The id of the step that the transcript names `source`.
    pub(crate) fn derive(source: &str) -> Self {
        Self(digest("step", &[source]))
    }

    /// The id's 16 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id from its stored bytes.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Identity of a pattern, derived from its meaning, so that two machines that learn the same
/// thing make the same pattern.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct PatternId([u8; 16]);

impl PatternId {
    /// The id of the pattern with this kind, project key (empty for a global one), normalised
    /// trigger and normalised text.
    pub(crate) fn derive(kind: &str, project: &str, trigger: &str, text: &str) -> Self {
        Self(digest("pattern", &[kind, project, trigger, text]))
    }

    /// The id's 16 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id from its stored bytes.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The first eight hex digits: what injected text carries and `mana show` accepts.
    pub(crate) fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(8);
        digits
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(
                &[byte >> 4, byte & 15].map(|n| b"0123456789abcdef"[usize::from(n)]),
            );
        }
        f.write_str(std::str::from_utf8(&digits).expect("hex digits are ASCII"))
    }
}
