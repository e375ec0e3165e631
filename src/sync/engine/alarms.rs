//! What is wrong with what a carrier shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Outcome, Pulled, Replica, Shown, Sitting, SyncError};
use crate::sync::device::fingerprint;
use crate::sync::ledger::{Fate, LogState, Trust};
use crate::sync::random::Random;
use crate::sync::segment::{self, DeviceKey, Name};

/// Something that should not be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alarm {
    /// Under this device's own name there is what this store did not write.
    Copied,
    /// The carrier lost segments of this device that it had confirmed.
    Lost,
    /// An object is not what its name promises.
    Damaged { name: String },
    /// The end of an object is missing.
    CutOff { name: String },
    /// A segment of a device lies in the place of another one: somebody says again what was said.
    Replayed { device: DeviceKey, sequence: u64, name: String },
    /// The carrier shows less of a device than was read of it before.
    RolledBack { device: DeviceKey, read: u64, shown: u64 },
    /// Another device has read more of a device than the carrier shows.
    Withheld { device: DeviceKey, said: u64, shown: u64 },
    /// Segments of a device are missing between others.
    Gap { device: DeviceKey, sequence: u64 },
    /// Two segments of a device have one number.
    Forked { device: DeviceKey },
}

impl Alarm {
    /// That an object with these bytes is not what its name promises.
    pub(super) fn unsound(name: String, bytes: &[u8]) -> Self {
        if segment::is_cut_off(bytes) { Self::CutOff { name } } else { Self::Damaged { name } }
    }

    /// The device that it is about, if it is about one.
    pub(crate) fn device(&self) -> Option<&DeviceKey> {
        match self {
            Self::Copied | Self::Lost | Self::Damaged { .. } | Self::CutOff { .. } => None,
            Self::Replayed { device, .. }
            | Self::RolledBack { device, .. }
            | Self::Withheld { device, .. }
            | Self::Gap { device, .. }
            | Self::Forked { device } => Some(device),
        }
    }

    /// Its name, as `--json` prints it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Lost => "lost",
            Self::Damaged { .. } => "damaged",
            Self::CutOff { .. } => "cut_off",
            Self::Replayed { .. } => "replayed",
            Self::RolledBack { .. } => "rolled_back",
            Self::Withheld { .. } => "withheld",
            Self::Gap { .. } => "gap",
            Self::Forked { .. } => "forked",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copied => f.write_str(
                "this store was copied, or set back to an older state: it goes on as a new one, \
                 and nothing is lost",
            ),
            Self::Lost => f.write_str(
                "the remote lost what this device had said: it was rolled back, or written by \
                 somebody else; everything is said again",
            ),
            Self::Damaged { name } => write!(
                f,
                "{name} is damaged on the remote: it counts for nothing until its device says it again"
            ),
            Self::CutOff { name } => write!(
                f,
                "{name} is cut off on the remote, its end is missing: it counts for nothing until \
                 its device says it again"
            ),
            Self::Replayed { device, sequence, name } => write!(
                f,
                "{name} is segment {sequence} of device {} once more, in a place that is not its \
                 own: somebody replayed it; it was left out",
                fingerprint(device)
            ),
            Self::RolledBack { device, read, shown } => write!(
                f,
                "the remote shows {shown} segments of device {}, and {read} were read before: it \
                 was rolled back; nothing of it is lost here",
                fingerprint(device)
            ),
            Self::Withheld { device, said, shown } => write!(
                f,
                "another device has read {said} segments of device {}, and the remote shows \
                 {shown} here: they are late, or held back",
                fingerprint(device)
            ),
            Self::Gap { device, sequence } => write!(
                f,
                "segment {sequence} of device {} is missing: it is late, or lost",
                fingerprint(device)
            ),
            Self::Forked { device } => write!(
                f,
                "two stores wrote as device {}: it was copied; both were read",
                fingerprint(device)
            ),
        }
    }
}

impl<L: Replica, R: Random> Sitting<'_, L, R> {
    /// Compares what the carrier shows with what is known of each log.
    pub(super) fn raise_alarms(&mut self, shown: &Shown, pulled: &mut Pulled) -> Outcome<(), L> {
        let own = self.own()?;
        let none = BTreeSet::new();
        for state in self.replica.logs().map_err(SyncError::Ledger)? {
            let device = self.replica.device(&state.log.device).map_err(SyncError::Ledger)?;
            let mine = state.log.device == self.device.key()
                && (state.log.incarnation == own.incarnation
                    || own.past.contains(&state.log.incarnation));
            if mine || device.trust == Trust::Refused {
                continue;
            }
            let label = segment::label(&state.log, self.keys);
            let known = self.replica.fates(&label).map_err(SyncError::Ledger)?;
            let names = shown.get(&label).unwrap_or(&none);
            pulled.alarms.extend(alarms_of(&state, names, &known));
        }
        pulled.alarms.sort();
        pulled.alarms.dedup();
        Ok(())
    }
}

/// What is wrong with one log.
fn alarms_of(state: &LogState, shown: &BTreeSet<Name>, known: &BTreeMap<Name, Fate>) -> Vec<Alarm> {
    let device = state.log.device;
    let last = shown.iter().map(|name| name.sequence).max().unwrap_or(0);
    let mut alarms = Vec::new();
    if last < state.sequence {
        alarms.push(Alarm::RolledBack { device, read: state.sequence, shown: last });
    } else if last < state.claimed {
        alarms.push(Alarm::Withheld { device, said: state.claimed, shown: last });
    }
    let read: BTreeSet<u64> = known.keys().chain(shown).map(|name| name.sequence).collect();
    let first = state.since.max(1);
    if let Some(sequence) = (first..=state.sequence).find(|sequence| !read.contains(sequence)) {
        alarms.push(Alarm::Gap { device, sequence });
    }
    alarms
}
