//! The few operations that sealing is made of; `docs/sync/format.md` says where each is used.

use std::io::Read as _;

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

/// A secret of 32 bytes: wiped when it is dropped, and never printed.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// Bytes that the tag adds.
pub(super) const TAG: usize = 16;

/// What was decrypted or unpacked is not what somebody sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Broken;

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA-256 (RFC 5869): `N` bytes from a secret.
fn expand<const N: usize>(secret: &[u8], salt: &[u8], info: &[&[u8]]) -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|expanded| expanded.fill(bytes.as_mut()))
        .expect("HKDF gives up to 8,160 bytes");
    bytes
}

/// A key, and a commitment to it that may be seen: GCM alone lets one ciphertext open under two
/// keys.
pub(super) fn committed(secret: &[u8; 32], salt: &[u8], info: &[&[u8]]) -> (Secret, [u8; 32]) {
    let both: Zeroizing<[u8; 64]> = expand(secret, salt, info);
    let (mut key, mut commitment) = (Zeroizing::new([0; 32]), [0; 32]);
    key.copy_from_slice(&both[..32]);
    commitment.copy_from_slice(&both[32..]);
    (key, commitment)
}

/// A key for one purpose.
pub(super) fn derived(secret: &[u8; 32], purpose: &str) -> Secret {
    expand(secret, b"mana", &[purpose.as_bytes()])
}

/// HMAC-SHA-256.
pub(super) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    mac_under(key, parts)
}

/// The same under a key of any length.
fn mac_under(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut sum = [0; 32];
    sum.copy_from_slice(context.sign().as_ref());
    sum
}

/// The nonce of every message: a key seals one only.
const NONCE: [u8; 12] = [0; 12];

/// Seals one message with AES-256-GCM.
pub(super) fn encrypt(key: &Secret, plain: &[u8], header: &[u8]) -> Vec<u8> {
    encrypt_under(key, NONCE, plain, header)
}

fn encrypt_under(key: &Secret, nonce: [u8; 12], plain: &[u8], header: &[u8]) -> Vec<u8> {
    Aes256Gcm::new_from_slice(key.as_ref())
        .expect("the key has 32 bytes")
        .encrypt(&nonce.into(), Payload { msg: plain, aad: header })
        .expect("a message is shorter than 64 GB")
}

/// Opens what [`encrypt`] made.
pub(super) fn decrypt(key: &Secret, sealed: &[u8], header: &[u8]) -> Result<Vec<u8>, Broken> {
    decrypt_under(key, NONCE, sealed, header)
}

fn decrypt_under(
    key: &Secret,
    nonce: [u8; 12],
    sealed: &[u8],
    header: &[u8],
) -> Result<Vec<u8>, Broken> {
    Aes256Gcm::new_from_slice(key.as_ref())
        .expect("the key has 32 bytes")
        .decrypt(&nonce.into(), Payload { msg: sealed, aad: header })
        .map_err(|_| Broken)
}

/// Compares in constant time.
pub(super) fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().zip(b).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// The length, the compressed bytes, and zeros up to a length that says little about it.
pub(super) fn pack(plain: &[u8]) -> Vec<u8> {
    let compressed = zstd::bulk::compress(plain, 3).expect("memory is enough");
    let mut packed = (compressed.len() as u32).to_be_bytes().to_vec();
    packed.extend(compressed);
    packed.resize(padded(packed.len() as u64) as usize, 0);
    packed
}

/// What [`pack`] packed, if that is at most `cap` bytes.
pub(super) fn unpack(packed: &[u8], cap: usize) -> Result<Vec<u8>, Broken> {
    let (length, rest) = packed.split_first_chunk::<4>().ok_or(Broken)?;
    let compressed = rest.get(..u32::from_be_bytes(*length) as usize).ok_or(Broken)?;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed).map_err(|_| Broken)?;
    // 8 MiB: what a decoder may be told to remember.
    decoder.window_log_max(23).map_err(|_| Broken)?;
    let mut plain = Vec::new();
    decoder.take(cap as u64 + 1).read_to_end(&mut plain).map_err(|_| Broken)?;
    if plain.len() > cap { Err(Broken) } else { Ok(plain) }
}

/// The next length that Padmé allows (Nikitin et al., "Reducing Metadata Leakage from Encrypted
/// Files", 2019): at most 12 % more.
fn padded(length: u64) -> u64 {
    let exponent = u64::BITS - 1 - length.max(2).leading_zeros();
    let bits = u64::BITS - exponent.leading_zeros();
    let mask = (1_u64 << exponent.saturating_sub(bits)) - 1;
    (length + mask) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::hex::unhex_all;

    #[test]
    fn gcm_is_that_of_nist() {
        // Test cases 13 to 16 of the GCM specification have a nonce of zero in 13 and 14: an empty
        // text, and a block of zeros.
        let key = Zeroizing::new([0; 32]);
        let empty = unhex_all("530f8afbc74536b9a963b4f1c4cb738b").unwrap();
        assert_eq!(encrypt(&key, b"", b""), empty);
        let want = "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919";
        assert_eq!(encrypt(&key, &[0; 16], b""), unhex_all(want).unwrap());
        assert_eq!(decrypt(&key, &unhex_all(want).unwrap(), b"").unwrap(), [0; 16]);
        assert_eq!(decrypt(&key, &unhex_all(want).unwrap(), b"x"), Err(Broken));
        // 15 and 16: four blocks, and less than that with associated data.
        let bytes = |digits: &str| unhex_all(digits).unwrap();
        let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let key: Secret = Zeroizing::new(bytes(key).try_into().unwrap());
        let nonce: [u8; 12] = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let plain = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        );
        let sealed = bytes(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
        );
        let header = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        for (length, header, tag) in [
            (64, &[][..], "b094dac5d93471bdec1a502270e3cc6c"),
            (60, &header, "76fc6ece0f4e1768cddf8853bb2d551b"),
        ] {
            let want = [&sealed[..length], &bytes(tag)].concat();
            assert_eq!(encrypt_under(&key, nonce, &plain[..length], header), want);
            assert_eq!(decrypt_under(&key, nonce, &want, header).unwrap(), plain[..length]);
            for at in 0..want.len() {
                let mut changed = want.clone();
                changed[at] ^= 1;
                assert_eq!(decrypt_under(&key, nonce, &changed, header), Err(Broken), "{at}");
            }
        }
    }

    #[test]
    fn hkdf_and_hmac_are_those_of_their_rfcs() {
        // RFC 4231, test case 2, has a key of 4 bytes; padding with zeros does not change it.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let want = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(
            mac(&key, &[b"what do ya want ", b"for nothing?"]).to_vec(),
            unhex_all(want).unwrap()
        );
        let key = [0x0b; 20];
        let want = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(mac_under(&key, &[b"Hi ", b"There"]).to_vec(), unhex_all(want).unwrap());
        // RFC 5869, A.1 to A.3.
        let all = |first: u8, last: u8| (first..=last).collect::<Vec<u8>>();
        let info = all(0xf0, 0xf9);
        assert_eq!(
            expand::<42>(&[0x0b; 22], &all(0, 0x0c), &[&info[..3], &info[3..]]).to_vec(),
            unhex_all(
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf\
                 34007208d5b887185865"
            )
            .unwrap()
        );
        assert_eq!(
            expand::<82>(&all(0, 0x4f), &all(0x60, 0xaf), &[&all(0xb0, 0xff)]).to_vec(),
            unhex_all(
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                 59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                 cc30c58179ec3e87c14c01d5c1f3434f1d87"
            )
            .unwrap()
        );
        assert_eq!(
            expand::<42>(&[0x0b; 22], &[], &[]).to_vec(),
            unhex_all(
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d\
                 9d201395faa4b61a96c8"
            )
            .unwrap()
        );
        // Key and commitment are one after the other what it gives.
        let (secret, salt) = ([7; 32], [9; 32]);
        let both: Zeroizing<[u8; 64]> = expand(&secret, &salt, &[b"info"]);
        let (key, commitment) = committed(&secret, &salt, &[b"in", b"fo"]);
        assert_eq!([*key, commitment].as_flattened(), &both[..]);
    }

    #[test]
    fn padding_is_small_and_what_is_packed_unpacks() {
        for length in [4, 9, 100, 1_000, 12_345, 1 << 20, (1 << 20) + 1] {
            let padded = padded(length);
            assert!(padded >= length && padded <= length + length / 8 + 1, "{length} {padded}");
        }
        let plain = vec![7; 5000];
        let packed = pack(&plain);
        assert_eq!(unpack(&packed, 5000).unwrap(), plain);
        assert_eq!(unpack(&packed, 4999), Err(Broken));
        for at in 0..packed.len() {
            let _torn = unpack(&packed[..at], 5000);
        }
        assert_eq!(unpack(&[0xff; 64], 5000), Err(Broken));
    }
}
