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
    use ring::signature::{ED25519, UnparsedPublicKey};

    use super::*;
    use crate::sync::hex::unhex_all;
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
        // Section 7.1, tests 1, 2, 3 and that of SHA(abc): secret, public key, message, signature.
        let tests = [
            [
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ],
            [
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ],
            [
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ],
            [
                "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
                "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
                 09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
            ],
        ];
        for [seed, key, message, signature] in tests {
            let device = Device::from_seed(&unhex(seed).unwrap());
            assert_eq!(hex(&device.key()), key);
            let message = unhex_all(message).unwrap();
            let signed = device.sign(&message);
            assert_eq!(hex(&signed), signature);
            // As segments and files are proven.
            let theirs = UnparsedPublicKey::new(&ED25519, device.key());
            assert!(theirs.verify(&message, &signed).is_ok());
            assert!(theirs.verify(&[&message[..], b"x"].concat(), &signed).is_err());
            let mut changed = signed;
            changed[40] ^= 1;
            assert!(theirs.verify(&message, &changed).is_err());
        }
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
