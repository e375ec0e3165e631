//! A key box: the keys of a workspace, or of one file, wrapped under a passphrase.

use super::WorkspaceKeys;
use super::cost::Cost;
use crate::sync::crypto::{self, TAG};
use crate::sync::random::{NoRandom, Random};
use crate::sync::record::cursor::{Cursor, Malformed};

/// What a key box begins with.
const MAGIC: &[u8; 8] = b"MANAKEYS";
/// The version that this program writes and reads.
const VERSION: u16 = 1;
/// Argon2id, HKDF-SHA-256, AES-256-GCM.
const SUITE: u16 = 1;
/// Bytes of the header.
const HEADER: usize = 92;
/// Bytes of a whole box.
pub(crate) const LARGEST: usize = 256 << 10;

/// Why a key box does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum KeyBoxError {
    #[error("this is no key box of MANA")]
    Foreign,
    #[error("the key box is of version {0}, and this program reads version 1: update MANA")]
    Newer(u16),
    #[error("the key box asks for a method that this program does not know: update MANA")]
    UnknownSuite,
    #[error(
        "the key box asks for {memory} KiB, {passes} passes and {lanes} lanes, which is outside of what is safe; nothing was computed"
    )]
    Cost { memory: u32, passes: u32, lanes: u32 },
    #[error("the key box is cut off")]
    Truncated,
    #[error("the passphrase is not the right one")]
    Passphrase,
    #[error("the key box is damaged, or somebody changed it")]
    Damaged,
}

impl From<Malformed> for KeyBoxError {
    fn from(_: Malformed) -> Self {
        Self::Truncated
    }
}

/// Wraps `keys` under a passphrase.
pub(crate) fn seal_box(
    keys: &WorkspaceKeys,
    passphrase: &[u8],
    cost: Cost,
    random: &mut impl Random,
) -> Result<Vec<u8>, NoRandom> {
    let plain = keys.encode();
    let salt = random.array()?;
    let mut bytes = Vec::with_capacity(HEADER + plain.len() + TAG);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_be_bytes());
    bytes.extend(SUITE.to_be_bytes());
    bytes.extend(keys.id);
    for number in [cost.memory, cost.passes, cost.lanes] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(salt);
    bytes.extend(((plain.len() + TAG) as u32).to_be_bytes());
    let derived = cost.derive(passphrase, &salt).expect("the program's own cost is bearable");
    let (key, commitment) = crypto::committed(&derived, &salt, &[b"mana keys 1", &bytes]);
    bytes.extend(commitment);
    let sealed = crypto::encrypt(&key, &plain, &bytes);
    bytes.extend(sealed);
    Ok(bytes)
}

/// Opens a key box. Its cost is returned, so that a weaker one can be told from then on.
pub(crate) fn open_box(
    bytes: &[u8],
    passphrase: &[u8],
) -> Result<(WorkspaceKeys, Cost), KeyBoxError> {
    let mut cursor = Cursor::new(bytes);
    match cursor.take(MAGIC.len()) {
        Ok(magic) if magic == MAGIC => {}
        Err(Malformed) if !bytes.is_empty() && MAGIC.starts_with(bytes) => {
            return Err(KeyBoxError::Truncated);
        }
        _ => return Err(KeyBoxError::Foreign),
    }
    match cursor.u16()? {
        VERSION => {}
        newer => return Err(KeyBoxError::Newer(newer)),
    }
    if cursor.u16()? != SUITE {
        return Err(KeyBoxError::UnknownSuite);
    }
    let id: [u8; 16] = cursor.array()?;
    let (memory, passes, lanes) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
    let cost = Cost { memory, passes, lanes };
    let salt: [u8; 16] = cursor.array()?;
    let length = cursor.u32()? as usize;
    let commitment: [u8; 32] = cursor.array()?;
    let sealed = cursor.rest();
    if sealed.len() != length || length > LARGEST {
        return Err(if sealed.len() < length {
            KeyBoxError::Truncated
        } else {
            KeyBoxError::Damaged
        });
    }
    let derived =
        cost.derive(passphrase, &salt).map_err(|_| KeyBoxError::Cost { memory, passes, lanes })?;
    let (key, expected) =
        crypto::committed(&derived, &salt, &[b"mana keys 1", &bytes[..HEADER - 32]]);
    if !crypto::same(&commitment, &expected) {
        return Err(KeyBoxError::Passphrase);
    }
    let plain =
        crypto::decrypt(&key, sealed, &bytes[..HEADER]).map_err(|_| KeyBoxError::Damaged)?;
    let keys = WorkspaceKeys::decode(&plain).map_err(|_| KeyBoxError::Damaged)?;
    if keys.id == id { Ok((keys, cost)) } else { Err(KeyBoxError::Damaged) }
}
