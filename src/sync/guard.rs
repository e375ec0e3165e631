//! Whether the store is the one that wrote last here, and not a copy of it or an older state.
//!
//! A database cannot tell that it was copied or set back. So the store keeps the places at which it
//! was used, and a file beside it keeps how far its log had come: a copy finds itself at a new
//! place, and a store that was restored finds the file ahead of it. What neither notices, such as a
//! machine that was set back as a whole, is noticed when the carrier shows what this store never
//! wrote (`sync::engine`).

use std::path::Path;
use std::time::UNIX_EPOCH;
use std::{fs, io};

use sha2::{Digest as _, Sha256};

use super::device;
use super::engine::{Anew, Own, Replica as _};
use super::hex::{hex, unhex};
use super::record::Incarnation;
use crate::storage::file;
use crate::storage::{StorageError, Store};

/// The file's name in the folder of sharing.
const FILE: &str = "guard";
/// Under which key the store keeps its places, 16 bytes each, the latest last.
const PLACES: &str = "places";
/// So many places are kept. A home that several machines use in turn has one for each.
const MOST: usize = 64;

/// Which machine, and which folder on it.
type Place = [u8; 16];

/// How far the own log had come when it was last written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Mark {
    incarnation: Incarnation,
    sequence: u64,
    hash: [u8; 32],
}

impl Mark {
    fn of(own: &Own) -> Self {
        Self { incarnation: own.incarnation, sequence: own.sequence, hash: own.hash }
    }

    /// Whether a log that had come this far is now as `own` says, or once was: a process can have
    /// died between writing into the store and writing the mark.
    fn leads_to(&self, own: &Own) -> bool {
        if self.incarnation != own.incarnation {
            return own.past.contains(&self.incarnation);
        }
        self.sequence < own.sequence || self.sequence == own.sequence && self.hash == own.hash
    }

    fn encode(&self) -> String {
        format!("{} {} {}\n", hex(&self.incarnation), self.sequence, hex(&self.hash))
    }

    fn decode(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split_whitespace();
        Some(Self {
            incarnation: unhex(words.next()?)?,
            sequence: words.next()?.parse().ok()?,
            hash: unhex(words.next()?)?,
        })
    }
}

/// The guard of one home on one machine.
pub(crate) struct Guard<'a> {
    /// The folder of sharing, which holds the device's key.
    folder: &'a Path,
    /// What tells this machine from others, as far as that is known.
    machine: &'a str,
}

impl<'a> Guard<'a> {
    /// Of the folder of sharing `folder` on the machine with the id `machine`; an empty one is none.
    pub(crate) fn new(folder: &'a Path, machine: &'a str) -> Self {
        Self { folder, machine }
    }

    /// Whether the store may be a copy, or an older state, of one that had come further: then it
    /// must not go on with the same log. A store that shares for the first time is neither, nor is
    /// one that was last used by a program without a guard.
    pub(crate) fn doubts(&self, store: &mut Store) -> Result<Option<Anew>, StorageError> {
        let Some(own) = store.own()? else { return Ok(None) };
        let places = store.sharing_value(PLACES)?.unwrap_or_default();
        let (places, _) = places.as_chunks();
        if places.is_empty() {
            return Ok(None);
        }
        if !places.contains(&self.place()?) {
            return Ok(Some(Anew::Copied));
        }
        let mark = file::read(&self.folder.join(FILE))?.and_then(|text| Mark::decode(&text));
        let goes_on = mark.is_some_and(|mark| mark.leads_to(&own));
        Ok((!goes_on).then_some(Anew::SetBack))
    }

    /// Notes how far the log has come, and that the store is used here. Call it before anything of
    /// the log leaves this machine.
    pub(crate) fn note(&self, store: &mut Store) -> Result<(), StorageError> {
        let Some(own) = store.own()? else { return Ok(()) };
        let (path, text) = (self.folder.join(FILE), Mark::of(&own).encode());
        // The file first: a store that knows its place wants to see it.
        if file::read(&path)?.as_deref() != Some(text.as_bytes()) {
            file::replace_own(&path, text.as_bytes())?;
        }
        let mut places = store.sharing_value(PLACES)?.unwrap_or_default();
        let here = self.place()?;
        if places.as_chunks().0.contains(&here) {
            return Ok(());
        }
        places.extend(here);
        let too_many = places.len().saturating_sub(MOST * here.len());
        store.put_sharing_value(PLACES, &places[too_many..])
    }

    /// The place: a hash of the machine's id and of what tells the file of the device's key from a
    /// copy of it. The file is written once, stays itself when the home is moved, and is another one
    /// when the home is copied.
    fn place(&self) -> Result<Place, StorageError> {
        let path = self.folder.join(device::FILE);
        let (inode, born) = identity(&path).map_err(|source| StorageError::File {
            attempt: "look at",
            path: path.clone(),
            source,
        })?;
        let hash = Sha256::new()
            .chain_update(b"mana place 1\0")
            .chain_update(self.machine)
            .chain_update([0])
            .chain_update(inode.to_be_bytes())
            .chain_update(born.to_be_bytes())
            .finalize();
        let mut place = [0; 16];
        place.copy_from_slice(&hash[..16]);
        Ok(place)
    }
}

/// The number of a file, and when it was made in nanoseconds, where the file system says.
fn identity(path: &Path) -> io::Result<(u64, u128)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path)?;
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Ok((metadata.ino(), born.map_or(0, |born| born.as_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::device::Device;
    use crate::sync::engine;
    use crate::sync::keys::WorkspaceKeys;
    use crate::sync::random::Seeded;

    const NOW: i64 = 1_800_000_000_000;

    /// A home that shares, and a word said in it.
    struct Home {
        root: tempfile::TempDir,
        random: Seeded,
    }

    impl Home {
        fn new() -> Self {
            let home = Self { root: tempfile::tempdir().unwrap(), random: Seeded(1, 0) };
            fs::create_dir(home.folder()).unwrap();
            home
        }

        fn folder(&self) -> std::path::PathBuf {
            self.root.path().join("sync")
        }

        fn own(&self) -> Own {
            Store::open(self.root.path(), true).unwrap().own().unwrap().unwrap()
        }

        /// Says something, as an exchange does, on this machine, and returns whether there was a
        /// doubt.
        fn speak(&mut self, machine: &str) -> bool {
            let folder = self.folder();
            let mut store = Store::open(self.root.path(), true).unwrap();
            let device = Device::in_folder(&folder, &mut self.random).unwrap();
            engine::begin(&mut store, &device, &mut self.random).unwrap();
            let keys = WorkspaceKeys::generate(&mut Seeded(2, 0)).unwrap();
            let guard = Guard::new(&folder, machine);
            let doubts = guard.doubts(&mut store).unwrap();
            if let Some(anew) = doubts {
                let random = &mut self.random;
                engine::begin_anew(&mut store, &keys, &device, NOW, random, anew).unwrap();
            }
            let own = store.own().unwrap().unwrap();
            let sequence = own.sequence + 1;
            store.put_own(&Own { sequence, hash: [sequence as u8; 32], ..own }).unwrap();
            guard.note(&mut store).unwrap();
            doubts.is_some()
        }

        /// The home, copied as `cp -a` does.
        fn copy(&self, seed: u64) -> Self {
            let other = Self { root: tempfile::tempdir().unwrap(), random: Seeded(seed, 0) };
            let mut copy = std::process::Command::new("cp");
            let copied = copy.arg("-a").arg(self.root.path().join(".")).arg(other.root.path());
            assert!(copied.status().unwrap().success());
            other
        }
    }

    #[test]
    fn a_home_that_stays_where_it_is_goes_on() {
        let mut home = Home::new();
        let before = (0..3).map(|_| home.speak("one")).collect::<Vec<_>>();
        assert_eq!(before, [false; 3]);
        assert_eq!((home.own().sequence, home.own().past.len()), (3, 0));
        // Moved as a whole, it is still the same.
        let parent = tempfile::tempdir().unwrap();
        let moved = parent.path().join("moved");
        fs::create_dir(&moved).unwrap();
        file::rename(home.root.path(), &moved).unwrap();
        let mut home = Home { root: parent, random: Seeded(3, 0) };
        let aside = home.root.path().join("moved");
        for entry in fs::read_dir(aside).unwrap().flatten() {
            file::rename(&entry.path(), &home.root.path().join(entry.file_name())).unwrap();
        }
        assert!(!home.speak("one"));
    }

    #[test]
    fn a_copy_becomes_another_and_the_first_goes_on() {
        let mut home = Home::new();
        home.speak("one");
        for machine in ["one", "two"] {
            let mut copy = home.copy(7);
            let counted =
                |home: &Home| Store::open(home.root.path(), true).unwrap().incarnation().unwrap();
            let before = counted(&copy);
            assert!(copy.speak(machine), "{machine}");
            assert_eq!(copy.own().past, [home.own().incarnation]);
            assert_ne!(counted(&copy), before);
            assert!(!copy.speak(machine), "only once");
            // A copy of the copy, brought back to the first machine.
            assert!(copy.copy(8).speak("one"));
        }
        assert!(!home.speak("one"));
    }

    #[test]
    fn another_machine_on_the_same_disk_is_noticed_once() {
        // A copied disk of a virtual machine; or one home that several machines use in turn, which
        // is not to become another one each day.
        let mut home = Home::new();
        home.speak("one");
        assert!(home.speak("two"));
        for machine in ["one", "two", "one"] {
            assert!(!home.speak(machine), "{machine}");
        }
    }

    #[test]
    fn a_database_that_was_set_back_is_noticed() {
        let mut home = Home::new();
        home.speak("one");
        let store = Store::open(home.root.path(), true).unwrap();
        let kept = tempfile::tempdir().unwrap();
        store.copy_to(kept.path()).unwrap();
        drop(store);
        home.speak("one");
        let said = home.own();
        for name in fs::read_dir(home.root.path()).unwrap().flatten() {
            if name.file_type().unwrap().is_file() {
                fs::remove_file(name.path()).unwrap();
            }
        }
        for name in fs::read_dir(kept.path()).unwrap().flatten() {
            fs::copy(name.path(), home.root.path().join(name.file_name())).unwrap();
        }
        assert_eq!(home.own().sequence, 1);
        assert!(home.speak("one"));
        assert_eq!(home.own().past, [said.incarnation]);
        assert!(!home.speak("one"));
    }

    #[test]
    fn a_guard_that_is_gone_or_damaged_is_a_doubt_and_one_that_lags_is_none() {
        let mut home = Home::new();
        home.speak("one");
        let path = home.folder().join(FILE);
        let behind = fs::read(&path).unwrap();
        home.speak("one");
        // A process that died between store and file.
        fs::write(&path, behind).unwrap();
        assert!(!home.speak("one"));
        fs::write(&path, "torn").unwrap();
        assert!(home.speak("one"));
        fs::remove_file(&path).unwrap();
        assert!(home.speak("one"));
        // A store from before there was a guard.
        Store::open(home.root.path(), true).unwrap().put_sharing_value(PLACES, b"").unwrap();
        fs::remove_file(&path).unwrap();
        assert!(!home.speak("one"));
        assert!(path.exists());
    }

    #[test]
    fn marks_lead_only_forward() {
        let own = Own { incarnation: [2; 16], past: vec![[1; 16]], sequence: 5, ..Own::default() };
        let mark = Mark::of(&own);
        assert_eq!(Mark::decode(mark.encode().as_bytes()), Some(mark));
        assert!(mark.leads_to(&own));
        assert!(Mark { sequence: 4, hash: [9; 32], ..mark }.leads_to(&own));
        assert!(Mark { incarnation: [1; 16], sequence: 9, ..mark }.leads_to(&own));
        for other in [
            Mark { sequence: 6, ..mark },
            Mark { hash: [9; 32], ..mark },
            Mark { incarnation: [3; 16], ..mark },
        ] {
            assert!(!other.leads_to(&own), "{other:?}");
        }
    }
}
