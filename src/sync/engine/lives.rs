//! What a store keeps of its earlier lives, so that two copies of it neither count what both did
//! twice, nor contradict each other for ever.
//!
//! Copies sign as the same device. What one says therefore stands in the other's ledger as the
//! device's own word: without a note of what it said itself, each would put its words in the place
//! of the other's at every exchange. And what a life counts that is an earlier one here may go on
//! growing there: it is taken from the own counts as it was when the store was copied.

use sha2::{Digest as _, Sha256};

use super::{Outcome, Own, Replica, Sitting, SyncError};
use crate::model::ids::PatternId;
use crate::sync::hex::hex;
use crate::sync::random::Random;
use crate::sync::record::{Counts, Field, Incarnation};
use crate::sync::segment::{DeviceKey, LogId};

/// Under which key it is kept how many earlier lives are counted as they were then.
const FROZEN: &str = "frozen";

/// Under which key it is kept that a copy of the store was heard.
const TWIN: &str = "twin";

/// How a store came to begin another life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Anew {
    /// It is a copy, and what it was copied from may go on elsewhere.
    Copied,
    /// It was set back to an older state, as far as is known: nobody else goes on.
    SetBack,
}

/// What is kept of one pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Life {
    /// Hash of the words that this store itself said last.
    said: Option<[u8; 32]>,
    /// What the frozen lives had counted.
    base: Counts,
}

impl Life {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.said.unwrap_or_default().to_vec();
        bytes.extend(self.base.numbers.iter().flat_map(|number| number.to_be_bytes()));
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (said, numbers) = bytes.split_first_chunk()?;
        let mut life =
            Self { said: Some(*said).filter(|said| *said != [0; 32]), ..Self::default() };
        for (number, bytes) in life.base.numbers.iter_mut().zip(numbers.as_chunks().0) {
            *number = u32::from_be_bytes(*bytes);
        }
        Some(life)
    }
}

/// What is kept of a pattern.
fn life<L: Replica>(replica: &mut L, pattern: PatternId) -> Result<Life, L::Error> {
    let kept = replica.note(&key(pattern))?;
    Ok(kept.and_then(|bytes| Life::decode(&bytes)).unwrap_or_default())
}

/// Keeps it.
fn put_life<L: Replica>(replica: &mut L, pattern: PatternId, life: &Life) -> Result<(), L::Error> {
    replica.put_note(&key(pattern), &life.encode())
}

/// How many of the past lives are counted as they were when the store was copied.
fn frozen<L: Replica>(replica: &mut L) -> Result<usize, L::Error> {
    let kept = replica.note(FROZEN)?.and_then(|bytes| bytes.try_into().ok());
    Ok(kept.map_or(0, u64::from_be_bytes) as usize)
}

/// What of `counts`, which are those of the store in all its lives, belongs to the present one.
pub(crate) fn of_this_life<L: Replica>(
    replica: &mut L,
    device: &DeviceKey,
    own: &Own,
    pattern: PatternId,
    counts: Counts,
) -> Result<Counts, L::Error> {
    if own.past.is_empty() {
        return Ok(counts);
    }
    let lives = own.past.get(frozen(replica)?..).unwrap_or_default();
    let base = life(replica, pattern)?.base;
    Ok(counts.minus(base).minus(counted(replica, device, lives, pattern)?))
}

/// What some lives of the store have counted, as far as it is known now.
fn counted<L: Replica>(
    replica: &mut L,
    device: &DeviceKey,
    lives: &[Incarnation],
    pattern: PatternId,
) -> Result<Counts, L::Error> {
    let mut sum = Counts::default();
    for incarnation in lives {
        let log = LogId { device: *device, incarnation: *incarnation };
        sum = sum.plus(replica.counts(pattern, &log)?.unwrap_or_default());
    }
    Ok(sum)
}

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// Whether nobody else was ever heard under this device's key: then its word is this store's.
    fn is_alone(&mut self, own: &Own) -> Result<bool, L::Error> {
        Ok(own.past.is_empty() && self.replica.note(TWIN)?.is_none())
    }

    /// Whether this store has said these words of the pattern last, though its device's word is
    /// another one: then a copy said that, and it stands.
    pub(super) fn is_said(
        &mut self,
        own: &Own,
        pattern: PatternId,
        words: &[u8],
    ) -> Result<bool, L::Error> {
        if self.is_alone(own)? {
            return Ok(false);
        }
        Ok(life(self.replica, pattern)?.said == Some(Sha256::digest(words).into()))
    }

    /// Notes that this store says these words of a pattern, or that it takes them back.
    pub(super) fn note_said(
        &mut self,
        own: &Own,
        pattern: PatternId,
        words: Option<&[u8]>,
    ) -> Result<(), L::Error> {
        if self.is_alone(own)? {
            return Ok(());
        }
        let said = words.map(|words| Sha256::digest(words).into());
        let kept = life(self.replica, pattern)?;
        put_life(self.replica, pattern, &Life { said, ..kept })
    }

    /// Notes that a copy of this store is heard, if `log` is one's and it is the first time.
    pub(super) fn note_twin(&mut self, own: &Own, log: &LogId) -> Result<(), L::Error> {
        let known = log.incarnation == own.incarnation || own.past.contains(&log.incarnation);
        if log.device != self.device.key() || known || !self.is_alone(own)? {
            return Ok(());
        }
        self.keep_words()?;
        self.replica.put_note(TWIN, &log.incarnation)
    }

    /// Keeps what this store said and, if it is a copy, what all its lives have counted so far.
    /// `new` is the life that begins.
    pub(super) fn keep_lives(&mut self, new: &Own, anew: Anew) -> Outcome<(), L> {
        self.keep_words().map_err(SyncError::Ledger)?;
        if anew == Anew::Copied {
            self.freeze(new).map_err(SyncError::Ledger)?;
        }
        Ok(())
    }

    fn keep_words(&mut self) -> Result<(), L::Error> {
        let device = self.device.key();
        for (pattern, field, claim) in self.replica.claims_by(&device)? {
            if field == Field::WORDING {
                let kept = life(self.replica, pattern)?;
                let said = Some(Sha256::digest(&claim.value).into());
                put_life(self.replica, pattern, &Life { said: kept.said.or(said), ..kept })?;
            }
        }
        Ok(())
    }

    fn freeze(&mut self, new: &Own) -> Result<(), L::Error> {
        let device = self.device.key();
        let lives = new.past.get(frozen(self.replica)?..).unwrap_or_default();
        let counts = self.replica.counts_by(&device)?;
        let of_these = counts.iter().filter(|(_, life, _)| lives.contains(life));
        let mut patterns: Vec<PatternId> = of_these.map(|(pattern, ..)| *pattern).collect();
        patterns.sort_unstable();
        patterns.dedup();
        for pattern in patterns {
            let counted = counted(self.replica, &device, lives, pattern)?;
            let kept = life(self.replica, pattern)?;
            put_life(self.replica, pattern, &Life { base: kept.base.plus(counted), ..kept })?;
        }
        self.replica.put_note(FROZEN, &(new.past.len() as u64).to_be_bytes())
    }
}

fn key(pattern: PatternId) -> String {
    format!("life {}", hex(pattern.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let base = Counts { numbers: [1, 2, 3, 4, 5, 6, 7, u32::MAX], ..Counts::default() };
        for life in [Life::default(), Life { said: Some([9; 32]), base }] {
            assert_eq!(Life::decode(&life.encode()), Some(life));
        }
        assert_eq!(Life::decode(b"short"), None);
    }
}
