//! The keys of a workspace: whoever has them is in.

mod cost;
mod keybox;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

pub(crate) use self::cost::Cost;
pub(crate) use self::keybox::{KeyBoxError, LARGEST, open_box, seal_box};
use super::crypto::{self, Secret};
use super::random::{NoRandom, Random};
use super::record::cursor::{Cursor, Malformed};

/// Epochs that a box may hold: a new one every 90 days for a thousand years.
const EPOCHS: usize = 4096;

/// The keys of a workspace. Random; a passphrase only wraps them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WorkspaceKeys {
    /// Which workspace.
    pub(crate) id: [u8; 16],
    /// What labels are made with. It stays the same for ever.
    root: Secret,
    /// The key of each epoch; the last one seals what is new.
    epochs: BTreeMap<u32, Secret>,
}

impl fmt::Debug for WorkspaceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkspaceKeys({}, epoch {})", super::hex::hex(&self.id), self.epoch())
    }
}

impl WorkspaceKeys {
    /// Those of a new workspace.
    pub(crate) fn generate(random: &mut impl Random) -> Result<Self, NoRandom> {
        let id = random.array()?;
        let root = Zeroizing::new(random.array()?);
        let epochs = BTreeMap::from([(1, Zeroizing::new(random.array()?))]);
        Ok(Self { id, root, epochs })
    }

    /// Those of one file, of which only labels are like those of other files with this root.
    pub(crate) fn of_file(root: Secret, random: &mut impl Random) -> Result<Self, NoRandom> {
        Ok(Self { root, ..Self::generate(random)? })
    }

    /// The epoch that seals what is new.
    pub(crate) fn epoch(&self) -> u32 {
        self.epochs.last_key_value().map_or(0, |(epoch, _)| *epoch)
    }

    /// The key of an epoch.
    pub(super) fn key(&self, epoch: u32) -> Option<&Secret> {
        self.epochs.get(&epoch)
    }

    /// Begins a new epoch: what is sealed from now on is unreadable to whoever had only the keys
    /// before. What was sealed before stays readable to those that have the new ones.
    pub(crate) fn rotate(&mut self, random: &mut impl Random) -> Result<(), NoRandom> {
        self.epochs.insert(self.epoch() + 1, Zeroizing::new(random.array()?));
        Ok(())
    }

    /// Takes over epochs that only `other` has; `false` when it is of another workspace or says
    /// something else of an epoch.
    pub(crate) fn learn(&mut self, other: &Self) -> bool {
        let agrees = self.id == other.id
            && self.root == other.root
            && other
                .epochs
                .iter()
                .all(|(epoch, key)| self.key(*epoch).is_none_or(|own| own == key));
        if agrees {
            self.epochs.extend(other.epochs.clone());
        }
        agrees
    }

    /// A label for what stands under `purpose`: equal for everyone in the workspace, and nothing
    /// that anybody else could guess.
    pub(crate) fn label(&self, purpose: &str, what: &[&[u8]]) -> [u8; 16] {
        let key = crypto::derived(&self.root, purpose);
        let mut label = [0; 16];
        label.copy_from_slice(&crypto::mac(&key, what)[..16]);
        label
    }

    /// A key for one purpose of this workspace.
    pub(crate) fn purpose(&self, purpose: &str) -> Secret {
        crypto::derived(&self.root, purpose)
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(64 + 36 * self.epochs.len()));
        bytes.extend(self.id);
        bytes.extend(*self.root);
        bytes.extend((self.epochs.len() as u32).to_be_bytes());
        for (epoch, key) in &self.epochs {
            bytes.extend(epoch.to_be_bytes());
            bytes.extend(key.as_ref());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let id = cursor.array()?;
        let root = Zeroizing::new(cursor.array()?);
        let count = cursor.u32()? as usize;
        if count == 0 || count > EPOCHS {
            return Err(Malformed);
        }
        let mut epochs = BTreeMap::new();
        for _ in 0..count {
            epochs.insert(cursor.u32()?, Zeroizing::new(cursor.array()?));
        }
        cursor.finish()?;
        if epochs.len() == count { Ok(Self { id, root, epochs }) } else { Err(Malformed) }
    }

    /// As bytes for a file that only this user can read.
    pub(crate) fn to_file(&self) -> Zeroizing<Vec<u8>> {
        self.encode()
    }

    /// From the bytes of such a file.
    pub(crate) fn from_file(bytes: &[u8]) -> Result<Self, Malformed> {
        Self::decode(bytes)
    }
}
