//! What deriving a key from a passphrase costs.

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::sync::crypto::Secret;

/// Cost of Argon2id (RFC 9106), version 0x13.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cost {
    /// KiB of memory.
    pub(crate) memory: u32,
    /// Passes over it.
    pub(crate) passes: u32,
    /// Lanes.
    pub(crate) lanes: u32,
}

/// A cost outside of the range that is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Unbearable;

impl Cost {
    /// RFC 9106's second choice: 64 MiB, three passes, four lanes.
    pub(crate) const DEFAULT: Self = Self { memory: 64 << 10, passes: 3, lanes: 4 };

    /// The least at which a key box on a remote is believed.
    pub(crate) const LEAST: Self = Self { memory: 46 << 10, passes: 1, lanes: 1 };

    /// The least that is accepted at all.
    #[cfg(test)]
    pub(crate) const CHEAP: Self = Self { memory: 19 << 10, passes: 1, lanes: 1 };

    /// Whether the cost is neither a downgrade nor an attempt to exhaust this machine. Asked
    /// before anything is computed.
    pub(super) fn is_bearable(self) -> bool {
        (19 << 10..=1 << 20).contains(&self.memory)
            && (1..=10).contains(&self.passes)
            && (1..=8).contains(&self.lanes)
    }

    /// Whether guessing is cheaper than at `other`: less memory filled, in all passes.
    pub(crate) fn is_weaker_than(self, other: Self) -> bool {
        let filled = |cost: Self| u64::from(cost.memory) * u64::from(cost.passes);
        filled(self) < filled(other)
    }

    /// The key of a passphrase.
    pub(super) fn derive(self, passphrase: &[u8], salt: &[u8; 16]) -> Result<Secret, Unbearable> {
        self.derive_from(passphrase, salt)
    }

    /// The same for a salt of any length that Argon2 allows, as published values need.
    pub(super) fn derive_from(self, passphrase: &[u8], salt: &[u8]) -> Result<Secret, Unbearable> {
        if !self.is_bearable() {
            return Err(Unbearable);
        }
        let params =
            Params::new(self.memory, self.passes, self.lanes, Some(32)).map_err(|_| Unbearable)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, salt, key.as_mut())
            .map_err(|_| Unbearable)?;
        Ok(key)
    }
}
