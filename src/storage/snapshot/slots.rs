//! Tables from a 64-bit key to a few bytes, looked up in the file itself. Hot.
//!
//! Open addressing (Knuth, The Art of Computer Programming, volume 3, 6.4): a slot is the key and
//! its value; a value of zeroes is a free slot, so a value begins with a number that is not 0. At
//! most two thirds of the slots are taken, which makes a look-up one page of the file.

use super::layout::{Damage, u64_at};
use super::part::Part;

/// Bytes of a key.
const KEY: usize = 8;

/// Bytes that are read at once: a few slots, in which most look-ups end.
const RUN: usize = 96;

/// A table with values of `VALUE` bytes, as it lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<'a, const VALUE: usize>(Part<'a>);

impl<'a, const VALUE: usize> Slots<'a, VALUE> {
    pub(super) fn new(part: Part<'a>) -> Self {
        Self(part)
    }

    /// The values of `key`: keys are hashes, so that two different things may have the same one.
    pub(super) fn of(self, key: u64) -> impl Iterator<Item = Result<&'a [u8; VALUE], Damage>> {
        let slots = self.0.len() / (KEY + VALUE);
        let probes = if slots.is_power_of_two() { slots } else { 0 };
        let start = index(key);
        (0..probes)
            .map(move |probe| start.wrapping_add(probe) & (slots - 1))
            .map(move |slot| self.slot(slot))
            .take_while(|slot| !matches!(slot, Ok((_, value)) if *value == &[0; VALUE]))
            .filter_map(move |slot| match slot {
                Ok((found, value)) => (found == key).then_some(Ok(value)),
                Err(damage) => Some(Err(damage)),
            })
    }

    /// The first value of `key`.
    pub(super) fn first(self, key: u64) -> Result<Option<&'a [u8; VALUE]>, Damage> {
        self.of(key).next().transpose()
    }

    fn slot(self, slot: usize) -> Result<(u64, &'a [u8; VALUE]), Damage> {
        let slot = self.0.get_alone(slot * (KEY + VALUE), KEY + VALUE, RUN)?;
        Ok((u64_at(slot, 0)?, slot.last_chunk().ok_or(Damage)?))
    }
}

/// Where the search for a key begins, before it is cut to the number of slots. The hashes mix
/// well in their low bits and poorly in their high ones.
fn index(key: u64) -> usize {
    (key ^ (key >> 32)) as usize
}

/// The table of these entries, as bytes. No value is all zeroes.
pub(super) fn table<const VALUE: usize>(entries: &[(u64, [u8; VALUE])]) -> Vec<u8> {
    let mut table = Table::of(entries.len());
    for (key, value) in entries {
        table.insert(*key, value);
    }
    table.bytes
}

/// A table that is being made.
pub(super) struct Table<const VALUE: usize> {
    /// What is in it so far, as it lies in the file.
    pub(super) bytes: Vec<u8>,
}

impl<const VALUE: usize> Table<VALUE> {
    /// A table with room for `entries`.
    pub(super) fn of(entries: usize) -> Self {
        let slots = if entries == 0 { 0 } else { (entries * 3 / 2 + 1).next_power_of_two() };
        Self { bytes: vec![0; slots * (KEY + VALUE)] }
    }

    /// Puts an entry in, of which there is room for one more. Its value is not all zeroes.
    pub(super) fn insert(&mut self, key: u64, value: &[u8; VALUE]) {
        debug_assert!(value != &[0; VALUE], "a value of zeroes is a free slot");
        let last = self.bytes.len() / (KEY + VALUE) - 1;
        let mut slot = index(key) & last;
        while self.bytes[slot * (KEY + VALUE) + KEY..][..VALUE] != [0; VALUE] {
            slot = (slot + 1) & last;
        }
        let at = slot * (KEY + VALUE);
        self.bytes[at..at + KEY].copy_from_slice(&key.to_le_bytes());
        self.bytes[at + KEY..at + KEY + VALUE].copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_is_found_with_all_its_values(
            keys in prop::collection::vec(prop_oneof![0_u64..40, any::<u64>()], 0..200)
        ) {
            let entries: Vec<(u64, [u8; 4])> =
                (1_u32..).zip(&keys).map(|(n, key)| (*key, n.to_le_bytes())).collect();
            let bytes = table(&entries);
            let slots = Slots::<4>::new(bytes.as_slice().into());
            for key in (0..64).chain(keys.iter().copied()) {
                let mut found: Vec<[u8; 4]> = slots.of(key).map(|value| *value.unwrap()).collect();
                found.sort_by_key(|value| u32::from_le_bytes(*value));
                let expected: Vec<[u8; 4]> =
                    entries.iter().filter(|(known, _)| *known == key).map(|(_, v)| *v).collect();
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(1_u8..9, 0..400), key in any::<u64>()) {
            prop_assert!(Slots::<4>::new(bytes.as_slice().into()).of(key).count() <= bytes.len());
        }
    }
}
