//! The readers of sharing, for one who gives them nonsense (`crate::torture`).

use super::archive;
use super::hex::unhex_all;
use super::keys::{WorkspaceKeys, open_box};
use super::record::cursor::Cursor;
use super::record::{Record, Wording, read_all};
use super::sanitise::harmless;
use super::segment;

/// The keys of the worked example in `docs/sync/format.md`.
const KEYS: &str = "532deabf88729cb43995ab5a9cd49bf98c7654ecfd7b0b623b803e2f4e02ad1c\
                    c84278efdfcd7c4c9208edd81f17e11500000001000000013ed2b0611e97da9c\
                    fe87c83e7ed97c2dc38b94c45787cc566c9679487512b565";

/// What becomes of words that others say.
fn take_in(bytes: &[u8]) {
    drop(Wording::decode(bytes).map(harmless));
}

/// Gives `bytes` to the reader `name`; one that there is not reads nothing.
///
/// What lies behind a signature or a tag is fed as if that was right: a member can sign nonsense.
pub(crate) fn feed(name: &str, bytes: &[u8]) {
    match name {
        "segment" => {
            let keys = unhex_all(KEYS).expect("the keys are in hex");
            let keys = WorkspaceKeys::from_file(&keys).expect("the keys are whole");
            drop(segment::open(bytes, &keys));
            drop(segment::decode([0; 32], bytes));
        }
        "record" => {
            for record in read_all(Cursor::new(bytes), u32::MAX).into_iter().flatten() {
                if let Record::Field { value, .. } = record {
                    take_in(&value);
                }
            }
            take_in(bytes);
        }
        "keybox" => {
            let mut bytes = bytes.to_vec();
            // No memory is asked for, so that nothing is computed: that would take all the time.
            if let Some(memory) = bytes.get_mut(28..32) {
                memory.fill(0);
            }
            drop(open_box(&bytes, b""));
            drop(WorkspaceKeys::from_file(&bytes));
        }
        "export" => archive::feed(bytes),
        _ => {}
    }
}
