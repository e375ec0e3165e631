//! What devices tell each other: the plain types of it.
//!
//! Each part grows in its own order only, so that parts can be joined in any order and any number
//! of times (`sync::ledger`).

use super::clock::Hlc;

/// The public key of a device.
pub(crate) type DeviceKey = [u8; 32];

/// Which log of a workspace: a device in one life of its store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct LogId {
    /// The device.
    pub(crate) device: DeviceKey,
    /// The life of its store.
    pub(crate) incarnation: Incarnation,
}

/// Which life of a device's store: a new one whenever the store may have gone back in time.
pub(crate) type Incarnation = [u8; 16];

/// Whether a device's word counts. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub(crate) enum Trust {
    /// Nobody decided: what it says waits for approval.
    #[default]
    Unknown = 0,
    /// What it says counts as if it was learned here.
    Trusted = 1,
    /// Nothing that it says counts.
    Refused = 2,
}

impl Trust {
    /// Its name, as shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Trusted => "trusted",
            Self::Refused => "refused",
        }
    }

    /// The trust with this stored number; an unknown one is none.
    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Trusted,
            2 => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

/// What a device calls itself, and when it was last heard of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct DeviceState {
    /// Whether its word counts.
    pub(crate) trust: Trust,
    /// What it calls itself; may be empty.
    pub(crate) name: String,
    /// Its version of the program; may be empty.
    pub(crate) version: String,
    /// The clock of the sign of life that said name and version.
    pub(crate) named: Hlc,
    /// The latest clock of what it wrote.
    pub(crate) heard: Hlc,
}

/// How far a log was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LogState {
    /// The log.
    pub(crate) log: LogId,
    /// Its highest segment that was read, and the hash of that.
    pub(crate) sequence: u64,
    /// See `sequence`.
    pub(crate) hash: [u8; 32],
    /// Segments before this one are not needed.
    pub(crate) since: u64,
    /// The highest segment that a trusted device says there is.
    pub(crate) claimed: u64,
    /// How far its author has read this device's own log.
    pub(crate) read: u64,
    /// Whether two segments had one number: two stores wrote as this one.
    pub(crate) forked: bool,
}

impl LogState {
    /// Of a log that nothing was read of.
    pub(crate) fn new(log: LogId) -> Self {
        Self { log, sequence: 0, hash: [0; 32], since: 0, claimed: 0, read: 0, forked: false }
    }
}

/// What became of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Its records are in the ledger.
    Applied,
    /// It was begun this often without an end: the program died each time.
    Attempted(u32),
    /// It cannot be taken in, for this reason; the version of the program that said so.
    Rejected(String),
}

impl Fate {
    /// Whether it is still to be taken in.
    #[cfg(any(test, feature = "sync"))]
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self, Self::Attempted(_))
    }
}

/// What a device says of a field.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Claim {
    /// Since when.
    pub(crate) hlc: Hlc,
    /// The value.
    pub(crate) value: Vec<u8>,
}

/// That a device removed a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Removal {
    /// When it deleted it last; what is written later stands. Zero for never.
    pub(crate) deleted: Hlc,
    /// Whether it must vanish for ever.
    pub(crate) redacted: bool,
}

/// Which field of a pattern a device sets. The numbers travel: never reuse or renumber one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Field(pub(crate) u16);

impl Field {
    /// The words: a `Wording` of `sync::record`.
    pub(crate) const WORDING: Self = Self(1);
    /// The document of a text that people edit; travels as a record of its own.
    pub(crate) const DOCUMENT: Self = Self(2);
}

/// How often a pattern was seen and what came of showing it, on one device in one life of its
/// store. Never decreases.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counts {
    /// Successes, failures, sessions; shown, adopted, helped, hurt, withheld.
    pub(crate) numbers: [u32; 8],
    /// First and last time that it was seen, in milliseconds since the Unix epoch; 0 for never.
    pub(crate) first: i64,
    /// See `first`.
    pub(crate) last: i64,
}

impl Counts {
    /// The least that is not below either.
    #[must_use]
    pub(crate) fn join(self, other: Self) -> Self {
        let mut numbers = self.numbers;
        for (number, other) in numbers.iter_mut().zip(other.numbers) {
            *number = (*number).max(other);
        }
        let first = match (self.first, other.first) {
            (0, first) | (first, 0) => first,
            (one, other) => one.min(other),
        };
        Self { numbers, first, last: self.last.max(other.last) }
    }

    /// Both together: of different lives or devices.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut sum = self.join(other);
        for (n, number) in sum.numbers.iter_mut().enumerate() {
            *number = self.numbers[n].saturating_add(other.numbers[n]);
        }
        sum
    }

    /// What of the counts of one device weighs with others: none of them more than `most`, the share
    /// of successes as it is. So no device outweighs others by what it says, be it a lie or the work
    /// of a loop.
    #[must_use]
    pub(crate) fn weighed(self, most: u32) -> Self {
        let [successes, failures, ..] = self.numbers;
        let highest = u64::from(successes.max(failures));
        let share = |number: u32| {
            let nearest = (u64::from(number) * u64::from(most) + highest / 2) / highest;
            u32::try_from(nearest).unwrap_or(most)
        };
        let mut numbers = self.numbers.map(|number| number.min(most));
        if highest > u64::from(most) {
            numbers[..2].copy_from_slice(&[share(successes), share(failures)]);
        }
        Self { numbers, ..self }
    }

    /// What remains when `other` is taken away.
    #[must_use]
    pub(crate) fn minus(self, other: Self) -> Self {
        let mut rest = self;
        for (number, other) in rest.numbers.iter_mut().zip(other.numbers) {
            *number = number.saturating_sub(other);
        }
        rest
    }
}
