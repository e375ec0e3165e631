//! Exact keys: what must be the same for a pattern to match without any search.

/// A 64-bit hash of a normalised text in its own name space.
///
/// Stored in the database, so the function never changes: FNV-1a over the space's number and
/// the text (Fowler, Noll, Vo; RFC 9923).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct Key(u64);

/// What a [`Key`] is made of. The numbers are part of the hash.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Space {
    /// A command's normalised template.
    Command = 1,
    /// A tool with its error's signature.
    Error = 2,
    /// A command's template with its error's signature.
    CommandError = 3,
    /// A path relative to the project.
    Path = 4,
    /// A file's name without its folders.
    FileName = 5,
    /// A command's program and subcommand.
    Head = 6,
    /// A session with a pattern, for the holdout.
    Holdout = 7,
    /// A term of the index.
    Term = 8,
    /// A text that was encoded.
    Encoded = 9,
}

impl Key {
    /// The key of `text` in `space`.
    pub(crate) fn new(space: Space, text: &str) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in std::iter::once(space as u8).chain(text.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(hash)
    }

    /// The key with this value, as [`Key::to_i64`] gives it.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The key as SQLite stores it.
    pub(crate) fn to_i64(self) -> i64 {
        self.0 as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stable_across_releases() {
        // Stored values: a change here would orphan every stored key.
        assert_eq!(Key::new(Space::Command, "cargo test").to_i64(), -3_962_079_690_517_041_692);
    }

    #[test]
    fn spaces_do_not_mix() {
        assert_ne!(Key::new(Space::Command, "x"), Key::new(Space::Error, "x"));
    }
}
