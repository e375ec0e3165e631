//! Where randomness comes from: an argument, so that a simulation can be repeated.

use ring::rand::{SecureRandom as _, SystemRandom};

/// The system gives no random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the system gives no random numbers")]
pub(crate) struct NoRandom;

/// A source of random bytes.
pub(crate) trait Random {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom>;

    /// `N` random bytes.
    fn array<const N: usize>(&mut self) -> Result<[u8; N], NoRandom>
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The system's.
pub(crate) struct System;

impl Random for System {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        SystemRandom::new().fill(bytes).map_err(|_| NoRandom)
    }
}

/// SHA-256 of a seed and a counter: the same seed gives the same bytes.
#[cfg(test)]
pub(crate) struct Seeded(pub(crate) u64, pub(crate) u64);

#[cfg(test)]
impl Random for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandom> {
        use sha2::{Digest as _, Sha256};
        for chunk in bytes.chunks_mut(32) {
            self.1 += 1;
            let block = Sha256::new()
                .chain_update(self.0.to_be_bytes())
                .chain_update(self.1.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}
