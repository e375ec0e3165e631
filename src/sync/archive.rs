//! Files: what a device learned, to be carried by hand. `docs/sync/format.md` has each byte.
//!
//! A file is proven whole before anything of it is used, and then is as what its device said over
//! a carrier: records for the ledger, under that device's name.

mod plain;
mod sealed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::device::Device;
use super::engine::{Own, Replica as _, of_this_life};
use super::keys::{Cost, KeyBoxError, WorkspaceKeys};
use super::ledger::{self, Ledger as _, Taken, Trust};
use super::local::{LABELS, Leaves, Projects};
use super::random::{NoRandom, Random};
use super::record::{Field, Record, Wording};
use super::sanitise::harmless;
use super::segment::{LogId, SegmentError};
use super::texts::LeavingText;
use crate::model::clock::Hlc;
use crate::model::ids::PatternId;
use crate::storage::{StorageError, Store};

/// Bytes of a file that is read.
pub(crate) const LARGEST: usize = 512 << 20;
/// Label keys of files that are kept: those of the last so many devices.
const LABEL_KEYS: usize = 256;

/// Why a file cannot be read. Nothing of it is used then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("this is no file that `mana export` wrote")]
    Foreign,
    #[error("the file is of version {0}, and this program reads version 1: update MANA")]
    Newer(u64),
    #[error("the file is larger than a file may be")]
    TooLarge,
    #[error("the file is cut off: its end is missing")]
    Truncated,
    #[error("the file is damaged, or somebody changed it")]
    Damaged,
    #[error("the file's signature is not that of the device that it names")]
    Signature,
    #[error("line {0} of the file is not what the format says")]
    Line(usize),
    #[error(transparent)]
    Key(#[from] KeyBoxError),
    #[error("part {0} of the file cannot be read: {1}")]
    Segment(usize, SegmentError),
}

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Archive {
    /// Whose it is.
    pub(crate) log: LogId,
    /// When it was written, in milliseconds since the Unix epoch.
    pub(crate) created: i64,
    /// The key of its projects' labels.
    pub(crate) labels: [u8; 32],
    /// The facts.
    pub(crate) records: Vec<Record>,
}

/// Whether a file is sealed, as far as it goes: then a passphrase is needed.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    let begun = bytes.len().min(sealed::MAGIC.len());
    begun > 0 && bytes[..begun] == sealed::MAGIC[..begun]
}

impl Archive {
    /// What a device says of its patterns, and what people wrote about them there.
    pub(crate) fn new(
        log: LogId,
        labels: [u8; 32],
        leaves: &[Leaves],
        texts: &[LeavingText],
        now: i64,
    ) -> Self {
        let mut records = Vec::with_capacity(2 * leaves.len() + texts.len());
        let hlc = Hlc::at(now);
        let documents: BTreeMap<PatternId, &[u8]> =
            texts.iter().map(|text| (text.pattern, text.document.as_slice())).collect();
        for Leaves { pattern, wording, counts, .. } in leaves {
            let (pattern, value) = (*pattern, wording.encode());
            records.push(Record::Field { pattern, field: Field::WORDING, hlc, value });
            let (incarnation, counts) = (log.incarnation, *counts);
            records.push(Record::Counts { pattern, incarnation, counts });
            if let Some(bytes) = documents.get(&pattern) {
                records.push(Record::Document { pattern, hlc, bytes: bytes.to_vec() });
            }
        }
        Self { log, created: now, labels, records }
    }

    /// As a file that anybody can read.
    pub(crate) fn plain(&self, device: &Device, program: &str) -> Vec<u8> {
        plain::write(self, device, program)
    }

    /// As a file that only those with the passphrase can read. `keys` are those that
    /// [`keys_of_file`] gave for it.
    pub(crate) fn sealed(
        &self,
        device: &Device,
        keys: &WorkspaceKeys,
        passphrase: &[u8],
        cost: Cost,
        random: &mut impl Random,
    ) -> Result<Vec<u8>, NoRandom> {
        sealed::write(self, device, keys, passphrase, cost, random)
    }

    /// Reads a file that anybody can read.
    pub(crate) fn open_plain(bytes: &[u8]) -> Result<Self, ArchiveError> {
        if bytes.len() > LARGEST { Err(ArchiveError::TooLarge) } else { plain::read(bytes) }
    }

    /// Reads a sealed file.
    pub(crate) fn open_sealed(bytes: &[u8], passphrase: &[u8]) -> Result<Self, ArchiveError> {
        if bytes.len() > LARGEST {
            return Err(ArchiveError::TooLarge);
        }
        sealed::read(bytes, passphrase)
    }

    /// The words in it, with their clocks.
    fn words(&self) -> impl Iterator<Item = (PatternId, Hlc, &[u8])> {
        self.records.iter().filter_map(|record| match record {
            Record::Field { pattern, field: Field::WORDING, hlc, value } => {
                Some((*pattern, *hlc, value.as_slice()))
            }
            _ => None,
        })
    }
}

/// The keys of one file of a device. Only labels are the same in all of them: so a pattern that did
/// not change is the same in the next file.
pub(crate) fn keys_of_file(
    device: &Device,
    random: &mut impl Random,
) -> Result<WorkspaceKeys, NoRandom> {
    WorkspaceKeys::of_file(Zeroizing::new(device.secret(b"MANA file labels 1\0")), random)
}

/// The device's log, begun if there is none, and its earlier lives. Nothing is kept without `keep`.
pub(crate) fn own(
    store: &mut Store,
    device: &Device,
    keep: bool,
    random: &mut impl Random,
) -> Result<Result<Own, NoRandom>, StorageError> {
    if let Some(own) = store.own()? {
        return Ok(Ok(own));
    }
    let incarnation = match random.array() {
        Ok(incarnation) => incarnation,
        Err(error) => return Ok(Err(error)),
    };
    let own = Own { incarnation, kept: 1, ..Own::default() };
    if keep {
        // As `engine::begin` does: the trust first.
        let mut state = store.device(&device.key())?;
        state.trust = Trust::Trusted;
        store.put_device(&device.key(), &state)?;
        store.put_own(&own)?;
    }
    Ok(Ok(own))
}

/// Takes from counts what earlier lives of the store have said already.
pub(crate) fn less_the_past(
    store: &mut Store,
    leaves: &mut [Leaves],
    device: &Device,
    own: &Own,
) -> Result<(), StorageError> {
    let device = device.key();
    for leaves in leaves {
        leaves.counts = of_this_life(store, &device, own, leaves.pattern, leaves.counts)?;
    }
    Ok(())
}

/// What importing a pattern comes to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Change {
    /// It was not known.
    New,
    /// Its device said something else of it before.
    Changed,
    /// Its device said the same before.
    Same,
    /// Its device has said something later.
    Older,
    /// It was learned here, or another device told it.
    Known,
    /// The user had it forgotten, or a trusted device took it back for ever: it stays away.
    Forgotten,
    /// It is of a project that is not known here yet.
    Waiting,
    /// Its clock is ahead of this machine's: it counts when the time has come.
    Ahead,
}

impl Change {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 8] = [
        Self::New,
        Self::Changed,
        Self::Same,
        Self::Older,
        Self::Known,
        Self::Forgotten,
        Self::Waiting,
        Self::Ahead,
    ];

    /// Its name, as shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Same => "same",
            Self::Older => "older",
            Self::Known => "known",
            Self::Forgotten => "forgotten",
            Self::Waiting => "waiting",
            Self::Ahead => "ahead",
        }
    }
}

/// What importing a file comes to.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Imported {
    /// Each of its patterns with what becomes of it and its words, if they are words.
    pub(crate) patterns: Vec<(PatternId, Option<Change>, Option<Wording>)>,
    /// Patterns about which people wrote something that its device did not say before.
    pub(crate) texts: Vec<PatternId>,
    /// How much of what it says was not known, or waits for its time.
    pub(crate) news: usize,
}

impl Imported {
    /// How many patterns come to `change`.
    pub(crate) fn count(&self, change: Change) -> u64 {
        self.patterns.iter().filter(|(_, of, _)| *of == Some(change)).count() as u64
    }

    /// Whether all that the file says was known: it changed nothing.
    pub(crate) fn is_known(&self) -> bool {
        self.news == 0 && self.texts.is_empty() && !self.patterns.is_empty()
    }

    /// Whether the whole file is from before something that its device said later.
    pub(crate) fn is_old(&self) -> bool {
        self.count(Change::Older) > 0 && self.count(Change::New) + self.count(Change::Changed) == 0
    }
}

/// Takes a file's records into the ledger, all of them or none; with `dry_run` none. What becomes
/// of them as patterns is up to [`super::local::project`].
pub(crate) fn take_in(
    store: &mut Store,
    archive: &Archive,
    workspace: Option<&WorkspaceKeys>,
    dry_run: bool,
    now: i64,
) -> Result<Imported, StorageError> {
    store.begin_sharing()?;
    let done = take_in_now(store, archive, workspace, now);
    if dry_run || done.is_err() {
        store.rollback_sharing();
        return done;
    }
    store.commit_sharing()?;
    done
}

fn take_in_now(
    store: &mut Store,
    archive: &Archive,
    workspace: Option<&WorkspaceKeys>,
    now: i64,
) -> Result<Imported, StorageError> {
    keep_labels(store, &archive.labels)?;
    let projects = Projects::of(store, workspace)?;
    let mut patterns = Vec::new();
    for (pattern, hlc, value) in archive.words() {
        // As it would be shown: what a reader does not see is taken out.
        let wording = Wording::decode(value).ok().map(|wording| harmless(wording).wording);
        let change =
            change(store, archive, &projects, (pattern, hlc, value), wording.as_ref(), now)?;
        patterns.push((pattern, change, wording));
    }
    let mut texts = Vec::new();
    for record in &archive.records {
        let Record::Document { pattern, bytes, .. } = record else { continue };
        let said = store.claim(*pattern, Field::DOCUMENT, &archive.log.device)?;
        if said.is_none_or(|said| said.value != *bytes) && !store.is_forgotten_pattern(*pattern)? {
            texts.push(*pattern);
        }
    }
    let Taken { changed, parked, .. } =
        ledger::apply_records(store, &archive.log, &archive.records, now)?;
    store.note_changed(&changed)?;
    Ok(Imported { patterns, texts, news: changed.len() + parked as usize })
}

/// What becomes of one pattern; `None` if it has no words that can be read.
fn change(
    store: &mut Store,
    archive: &Archive,
    projects: &Projects,
    (pattern, hlc, value): (PatternId, Hlc, &[u8]),
    wording: Option<&Wording>,
    now: i64,
) -> Result<Option<Change>, StorageError> {
    let Some(wording) = wording else { return Ok(None) };
    if store.is_forgotten_pattern(pattern)? || ledger::view(store, pattern, None)?.redacted {
        return Ok(Some(Change::Forgotten));
    }
    if hlc.is_ahead(now) {
        return Ok(Some(Change::Ahead));
    }
    let said = store.claim(pattern, Field::WORDING, &archive.log.device)?;
    if let Some(said) = &said {
        if said.value == value {
            return Ok(Some(Change::Same));
        }
        if said.hlc >= hlc {
            return Ok(Some(Change::Older));
        }
    }
    if wording.project.is_some_and(|label| !projects.knows(&label)) {
        return Ok(Some(Change::Waiting));
    }
    Ok(Some(if said.is_some() {
        Change::Changed
    } else if store.knows_pattern(pattern)? {
        Change::Known
    } else {
        Change::New
    }))
}

/// Keeps a file's label key: projects that are learned later are recognised by it too.
fn keep_labels(store: &mut Store, key: &[u8; 32]) -> Result<(), StorageError> {
    let kept = store.sharing_value(LABELS)?.unwrap_or_default();
    let mut keys: Vec<[u8; 32]> = kept.as_chunks().0.to_vec();
    if keys.contains(key) {
        return Ok(());
    }
    keys.push(*key);
    let first = keys.len().saturating_sub(LABEL_KEYS);
    store.put_sharing_value(LABELS, keys[first..].as_flattened())
}

/// Reads `bytes` as each form, and as lines that are proven.
pub(super) fn feed(bytes: &[u8]) {
    drop(Archive::open_plain(bytes));
    drop(sealed::parts(bytes));
    let log = LogId { device: [0; 32], incarnation: [0; 16] };
    let blank = Archive { log, created: 0, labels: [0; 32], records: Vec::new() };
    drop(plain::records(blank, bytes, 0));
}
