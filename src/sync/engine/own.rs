//! What a device keeps of its own log.

use super::replica::Replica;
use super::{Outcome, SyncError};
use crate::sync::device::Device;
use crate::sync::ledger::Trust;
use crate::sync::random::Random;
use crate::sync::record::Incarnation;
use crate::sync::record::cursor::Cursor;

/// What this device knows of its own log.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Own {
    /// The life of its store.
    pub(crate) incarnation: Incarnation,
    /// Earlier lives, whose logs this device wrote until something was wrong with them.
    pub(crate) past: Vec<Incarnation>,
    /// Number and hash of the last segment.
    pub(crate) sequence: u64,
    /// See `sequence`.
    pub(crate) hash: [u8; 32],
    /// Segments before this one are not needed any more; 0 when all are.
    pub(crate) since: u64,
    /// When that was so, in milliseconds since the Unix epoch.
    pub(crate) since_at: i64,
    /// The first segment that the carrier may still have.
    pub(crate) kept: u64,
    /// The last sign of life, in milliseconds since the Unix epoch.
    pub(crate) beat: i64,
}

impl Own {
    /// As bytes for the store.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.incarnation.to_vec();
        for number in [self.sequence, self.since, self.kept] {
            bytes.extend(number.to_be_bytes());
        }
        for time in [self.since_at, self.beat] {
            bytes.extend(time.to_be_bytes());
        }
        bytes.extend(self.hash);
        bytes.extend(self.past.as_flattened());
        bytes
    }

    /// From the store's bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        let incarnation = cursor.array().ok()?;
        let [sequence, since, kept] = [cursor.u64(), cursor.u64(), cursor.u64()];
        let [since_at, beat] = [cursor.i64(), cursor.i64()];
        let hash = cursor.array().ok()?;
        let (past, []) = cursor.rest().as_chunks() else { return None };
        Some(Self {
            incarnation,
            past: past.to_vec(),
            sequence: sequence.ok()?,
            hash,
            since: since.ok()?,
            since_at: since_at.ok()?,
            kept: kept.ok()?,
            beat: beat.ok()?,
        })
    }
}

/// The log of `device`, begun if there is none. A device trusts itself.
pub(crate) fn begin<L: Replica>(
    replica: &mut L,
    device: &Device,
    random: &mut impl Random,
) -> Outcome<Own, L> {
    if let Some(own) = replica.own().map_err(SyncError::Ledger)? {
        return Ok(own);
    }
    let own = Own { incarnation: random.array()?, kept: 1, ..Own::default() };
    // The trust first: whoever finds a log takes it for begun.
    let key = device.key();
    let mut state = replica.device(&key).map_err(SyncError::Ledger)?;
    state.trust = Trust::Trusted;
    replica.put_device(&key, &state).map_err(SyncError::Ledger)?;
    replica.put_own(&own).map_err(SyncError::Ledger)?;
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let own = Own {
            incarnation: [1; 16],
            past: vec![[2; 16], [3; 16]],
            sequence: 4,
            hash: [5; 32],
            since: 6,
            since_at: -7,
            kept: 8,
            beat: i64::MAX,
        };
        for own in [Own::default(), own] {
            let bytes = own.encode();
            assert_eq!(Own::decode(&bytes), Some(own));
            assert_eq!(Own::decode(&bytes[..bytes.len() - 1]), None, "cut off");
        }
    }
}
