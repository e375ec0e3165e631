//! How many new patterns of another device are taken up in a day: nobody can flood a store, neither
//! on purpose nor by a fault.
//!
//! What is over the limit is known and sealed away in the ledger like everything else; it only
//! becomes a pattern on a later day. Days are those of this machine's own clock (UTC): no other
//! device can set it. What a person imports from a file is asked for, and not limited.

use sha2::{Digest as _, Sha256};

use super::hex::hex;
use super::segment::DeviceKey;
use crate::storage::{Reader, StorageError, Store};

/// New patterns in a day of a device that nobody has decided on.
const UNKNOWN: u64 = 200;
/// Of all such devices together: whoever has the passphrase can make more of them.
const ALL_UNKNOWN: u64 = 1_000;
/// Of a trusted device: more than anybody learns in years.
const TRUSTED: u64 = 100_000;

/// Milliseconds of a day.
const DAY: i64 = 24 * 3600 * 1000;

/// Under which key it is kept how many were taken up of all devices that nobody has decided on.
const ALL: &str = "taken";

/// The limits of today.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    day: i64,
    /// A device whose file was imported.
    asked: Option<DeviceKey>,
}

impl Quota {
    /// The limits at `now`, in milliseconds since the Unix epoch; none for the device of a file that
    /// was `asked` for.
    pub(crate) fn on(now: i64, asked: Option<DeviceKey>) -> Self {
        Self { day: now.div_euclid(DAY), asked }
    }

    /// How many new patterns of a device may still be taken up today.
    pub(super) fn left(
        &self,
        store: &Reader,
        device: &DeviceKey,
        trusted: bool,
    ) -> Result<u64, StorageError> {
        if self.asked == Some(*device) {
            return Ok(u64::MAX);
        }
        let own = self.taken(store, &of(device))?;
        if trusted {
            return Ok(TRUSTED.saturating_sub(own));
        }
        let all = self.taken(store, ALL)?;
        Ok(UNKNOWN.saturating_sub(own).min(ALL_UNKNOWN.saturating_sub(all)))
    }

    /// Counts a new pattern of a device, unless it is over the limit: then it has to wait.
    pub(super) fn take(
        &self,
        store: &mut Store,
        device: &DeviceKey,
        trusted: bool,
    ) -> Result<bool, StorageError> {
        if self.left(store, device, trusted)? == 0 {
            return Ok(false);
        }
        if self.asked != Some(*device) {
            self.count(store, &of(device))?;
            if !trusted {
                self.count(store, ALL)?;
            }
        }
        Ok(true)
    }

    /// How many were taken up today under `key`.
    fn taken(&self, store: &Reader, key: &str) -> Result<u64, StorageError> {
        let kept = store.sharing_value(key)?.unwrap_or_default();
        let Some((day, taken)) = kept.split_first_chunk::<8>() else { return Ok(0) };
        let today = i64::from_be_bytes(*day) == self.day;
        Ok(taken.try_into().ok().filter(|_| today).map_or(0, u64::from_be_bytes))
    }

    fn count(&self, store: &mut Store, key: &str) -> Result<(), StorageError> {
        let taken = self.taken(store, key)? + 1;
        let value = [self.day.to_be_bytes(), taken.to_be_bytes()];
        store.put_sharing_value(key, value.as_flattened())
    }
}

/// Under which key it is kept how many patterns of a device were taken up.
fn of(device: &DeviceKey) -> String {
    format!("{ALL} {}", hex(device))
}

/// What patterns of a device wait for that are over the limit, in the place of a project's label.
pub(super) fn label(device: &DeviceKey) -> [u8; 16] {
    let mut label = [0; 16];
    let hash = Sha256::new().chain_update(b"over the limit").chain_update(device).finalize();
    label.copy_from_slice(&hash[..16]);
    label
}

/// How many patterns of each device are over the limit, where there are some.
pub(crate) fn held_back(store: &Reader) -> Result<Vec<(DeviceKey, u64)>, StorageError> {
    let mut held = Vec::new();
    for (device, _) in store.shared_devices()? {
        let waiting = store.waiting_for(&label(&device))?;
        held.extend((waiting > 0).then_some((device, waiting)));
    }
    Ok(held)
}
