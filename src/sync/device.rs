//! Who this device is: an Ed25519 key (RFC 8032) in the home, readable by this user only.

use std::fmt;
use std::path::{Path, PathBuf};

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::hex::{hex, unhex};
use super::random::{NoRandom, Random};
use super::segment::DeviceKey;
use crate::storage::file::{self, PathError};

/// The key's file in the folder of sharing: 32 bytes in hex.
pub(super) const FILE: &str = "device.key";

/// Why there is no key for this device.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeviceError {
    #[error(transparent)]
    File(#[from] PathError),
    #[error("{} is no device key: 64 hex digits are expected", .0.display())]
    Key(PathBuf),
    #[error(transparent)]
    Random(#[from] NoRandom),
}

/// This device's key.
pub(crate) struct Device {
    pair: Ed25519KeyPair,
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", hex(&self.key()))
    }
}

impl Device {
    /// The device whose key is in `folder`, made if there is none yet. Call it with the write lock
    /// held, so that two processes do not make two.
    pub(crate) fn in_folder(folder: &Path, random: &mut impl Random) -> Result<Self, DeviceError> {
        if let Some(device) = Self::kept(folder)? {
            return Ok(device);
        }
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(random.array()?);
        let text = Zeroizing::new(hex(seed.as_ref()));
        file::replace(&folder.join(FILE), text.as_bytes())?;
        Ok(Self::from_seed(&seed))
    }

    /// The device whose key is in `folder`, if there is one.
    pub(crate) fn kept(folder: &Path) -> Result<Option<Self>, DeviceError> {
        let path = folder.join(FILE);
        let Some(stored) = file::read(&path)?.map(Zeroizing::new) else { return Ok(None) };
        let text = std::str::from_utf8(&stored).unwrap_or_default();
        let Some(seed) = unhex::<32>(text.trim()) else { return Err(DeviceError::Key(path)) };
        Ok(Some(Self::from_seed(&Zeroizing::new(seed))))
    }

    /// The device with this secret.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("a seed has 32 bytes");
        Self { pair }
    }

    /// The public key.
    pub(crate) fn key(&self) -> DeviceKey {
        self.pair.public_key().as_ref().try_into().expect("an Ed25519 key has 32 bytes")
    }

    /// A secret for one purpose, always the same: the hash of a signature that only this device can
    /// make.
    pub(super) fn secret(&self, purpose: &[u8]) -> [u8; 32] {
        Sha256::digest(self.sign(purpose)).into()
    }

    /// The signature of `message`.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }
}

/// What people compare to tell devices apart: the first 80 bits of the key's hash, in groups.
pub(crate) fn fingerprint(key: &DeviceKey) -> String {
    let digits = hex(&Sha256::digest(key)[..10]);
    let groups: Vec<&str> = (0..5).map(|group| &digits[4 * group..4 * group + 4]).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::random::Seeded;

    #[test]
    fn keys_are_kept_and_never_printed() {
        let home = tempfile::tempdir().unwrap();
        let device = Device::in_folder(home.path(), &mut Seeded(1, 0)).unwrap();
        let again = Device::in_folder(home.path(), &mut Seeded(2, 0)).unwrap();
        assert_eq!(device.key(), again.key());
        let secret = file::read(&home.path().join(FILE)).unwrap().unwrap();
        assert!(!format!("{device:?}").contains(std::str::from_utf8(&secret).unwrap()));
        assert_eq!(fingerprint(&device.key()).len(), 24);
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // Section 7.1, test 2.
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let device = Device::from_seed(&unhex(seed).unwrap());
        let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
        assert_eq!(hex(&device.key()), key);
        let signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(hex(&device.sign(&[0x72])), signature);
    }

    #[test]
    fn a_broken_key_is_an_error_and_stays() {
        let home = tempfile::tempdir().unwrap();
        file::replace(&home.path().join(FILE), b"short").unwrap();
        let broken = Device::in_folder(home.path(), &mut Seeded(1, 0));
        assert!(matches!(broken, Err(DeviceError::Key(_))));
        assert_eq!(file::read(&home.path().join(FILE)).unwrap().unwrap(), b"short");
    }
}
