//! The workspace that a home belongs to: its keys on the disk, and how a device gets in.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::backend::{Backend, BackendError, Object};
use super::hex::hex;
use super::keys::{self, Cost, KeyBoxError, WorkspaceKeys};
use super::random::{NoRandom, Random};
use crate::storage::file::{self, PathError};

/// The folder of sharing in the home.
pub(crate) const FOLDER: &str = "sync";
/// In it: the keys, for whoever can read this user's files.
const KEYS: &str = "workspace.key";
/// In it: the keys under the passphrase, to take to another device.
pub(crate) const BOX: &str = "keybox";
/// Words of a passphrase that is made up here.
const WORDS: usize = 8;

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    #[error(transparent)]
    File(#[from] PathError),
    #[error("{} holds no keys of a workspace", .0.display())]
    Damaged(PathBuf),
    #[error(transparent)]
    Backend(#[from] BackendError),
    #[error(transparent)]
    Box(#[from] KeyBoxError),
    #[error(transparent)]
    Random(#[from] NoRandom),
    #[error("the remote already holds a workspace, but not its keys")]
    KeysElsewhere,
    #[error(
        "the key box asks for less work than one that was seen before: somebody may have replaced it"
    )]
    Weaker,
}

/// The keys of the workspace that this home belongs to; `None` when it belongs to none.
pub(crate) fn load(folder: &Path) -> Result<Option<WorkspaceKeys>, WorkspaceError> {
    let path = folder.join(KEYS);
    let Some(bytes) = file::read(&path)?.map(Zeroizing::new) else { return Ok(None) };
    WorkspaceKeys::from_file(&bytes).map(Some).map_err(|_| WorkspaceError::Damaged(path))
}

/// Keeps the keys.
pub(crate) fn save(folder: &Path, keys: &WorkspaceKeys) -> Result<(), WorkspaceError> {
    Ok(file::replace(&folder.join(KEYS), &keys.to_file())?)
}

/// The keys under a passphrase, also kept in `folder`.
pub(crate) fn seal(
    folder: &Path,
    keys: &WorkspaceKeys,
    passphrase: &[u8],
    random: &mut impl Random,
) -> Result<Vec<u8>, WorkspaceError> {
    let sealed = keys::seal_box(keys, passphrase, Cost::DEFAULT, random)?;
    file::replace(&folder.join(BOX), &sealed)?;
    Ok(sealed)
}

/// The name of a key box on a backend.
fn box_name(keys: &WorkspaceKeys, sealed: &[u8]) -> String {
    format!("v1/{}/key/{}", hex(&keys.id), hex(&Sha256::digest(sealed)[..16]))
}

/// Puts a key box where other devices find it, and removes older ones of this workspace.
pub(crate) fn publish(
    backend: &mut (impl Backend + ?Sized),
    keys: &WorkspaceKeys,
    sealed: Vec<u8>,
) -> Result<(), WorkspaceError> {
    let name = box_name(keys, &sealed);
    backend.put(&[Object { name: name.clone(), bytes: sealed }])?;
    withdraw(backend, keys, Some(&name))
}

/// Removes the key boxes of this workspace but for `kept`.
pub(crate) fn withdraw(
    backend: &mut (impl Backend + ?Sized),
    keys: &WorkspaceKeys,
    kept: Option<&str>,
) -> Result<(), WorkspaceError> {
    let old: Vec<String> = backend
        .list(&format!("v1/{}/key/", hex(&keys.id)), None)?
        .into_iter()
        .filter(|name| Some(name.as_str()) != kept)
        .collect();
    Ok(backend.delete_own(&old)?)
}

/// What lies on a remote.
pub(crate) enum Remote {
    /// Nothing of MANA's.
    Empty,
    /// A workspace, with its key boxes.
    Workspace(Vec<Vec<u8>>),
}

/// Looks at a remote.
pub(crate) fn look(backend: &mut (impl Backend + ?Sized)) -> Result<Remote, WorkspaceError> {
    backend.refresh()?;
    let names = backend.list("v1/", None)?;
    if names.is_empty() {
        return Ok(Remote::Empty);
    }
    let mut boxes = Vec::new();
    for name in names.iter().filter(|name| name.contains("/key/")) {
        boxes.extend(backend.get(name)?.filter(|bytes| bytes.len() <= keys::LARGEST));
    }
    Ok(Remote::Workspace(boxes))
}

/// Opens the first of the key boxes that the passphrase fits.
pub(crate) fn enter(boxes: &[Vec<u8>], passphrase: &[u8]) -> Result<WorkspaceKeys, WorkspaceError> {
    let mut first = None;
    for sealed in boxes {
        match keys::open_box(sealed, passphrase) {
            Ok((_, cost)) if cost.is_weaker_than(Cost::LEAST) => {
                return Err(WorkspaceError::Weaker);
            }
            Ok((keys, _)) => return Ok(keys),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.map_or(WorkspaceError::KeysElsewhere, WorkspaceError::Box))
}

/// A passphrase of eight made-up words of four letters, 96 bits in all: nobody guesses it, even
/// with the key box in hand.
pub(crate) fn made_up(random: &mut impl Random) -> Result<Zeroizing<String>, NoRandom> {
    const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aiou";
    let mut text = Zeroizing::new(String::with_capacity(WORDS * 5));
    for word in 0..WORDS {
        if word > 0 {
            text.push('-');
        }
        let bits = u16::from_be_bytes(random.array()?);
        // Twelve bits a word: consonant, vowel, consonant, vowel.
        for shift in [0, 6] {
            let consonant = CONSONANTS[usize::from(bits >> shift & 15)];
            let vowel = VOWELS[usize::from(bits >> (shift + 4) & 3)];
            text.push(char::from(consonant));
            text.push(char::from(vowel));
        }
    }
    Ok(text)
}

/// Whether a passphrase that a person chose may lie with a server under Argon2id: at least this
/// many characters.
pub(crate) fn is_long(passphrase: &str) -> bool {
    passphrase.chars().count() >= 24
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::backend::memory::Memory;
    use crate::sync::random::Seeded;

    #[test]
    fn keys_are_kept_and_found_by_those_with_the_passphrase() {
        let home = tempfile::tempdir().unwrap();
        assert!(load(home.path()).unwrap().is_none());
        let keys = WorkspaceKeys::generate(&mut Seeded(1, 0)).unwrap();
        save(home.path(), &keys).unwrap();
        assert_eq!(load(home.path()).unwrap().unwrap(), keys);
        let mut backend = Memory::new().view("me");
        assert!(matches!(look(&mut backend).unwrap(), Remote::Empty));
        let sealed = seal(home.path(), &keys, b"old", &mut Seeded(2, 0)).unwrap();
        publish(&mut backend, &keys, sealed).unwrap();
        let sealed = seal(home.path(), &keys, b"secret", &mut Seeded(3, 0)).unwrap();
        publish(&mut backend, &keys, sealed).unwrap();
        let Remote::Workspace(boxes) = look(&mut backend).unwrap() else { panic!("it is empty") };
        assert_eq!(boxes.len(), 1, "the old box is gone");
        assert_eq!(enter(&boxes, b"secret").unwrap(), keys);
        assert!(matches!(enter(&boxes, b"old"), Err(WorkspaceError::Box(KeyBoxError::Passphrase))));
        assert!(matches!(enter(&[], b"secret"), Err(WorkspaceError::KeysElsewhere)));
    }

    #[test]
    fn made_up_passphrases_are_long_and_differ() {
        let one = made_up(&mut Seeded(1, 0)).unwrap();
        let other = made_up(&mut Seeded(2, 0)).unwrap();
        assert_eq!(one.len(), 39);
        assert!(*one != *other && is_long(&one));
        assert!(one.split('-').all(|word| word.len() == 4));
    }

    #[test]
    fn broken_keys_are_told_and_stay() {
        let home = tempfile::tempdir().unwrap();
        file::replace(&home.path().join(KEYS), b"short").unwrap();
        assert!(matches!(load(home.path()), Err(WorkspaceError::Damaged(_))));
        assert_eq!(file::read(&home.path().join(KEYS)).unwrap().unwrap(), b"short");
    }
}
