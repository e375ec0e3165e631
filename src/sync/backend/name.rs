//! Names of objects, the same on every carrier.

/// The longest name, in bytes.
const MAX: usize = 160;
/// What stands in a key box's name where others name their device.
const KEY: &str = "key";

/// A well-formed name: `v1/WORKSPACE/DEVICE/FILE` for a segment, `v1/WORKSPACE/key/FILE` for a key
/// box.
///
/// Workspace and device are 32 hexadecimal digits, lower case. A segment's file is its sequence
/// number in 16 digits, a `-`, and the first 16 bytes of the SHA-256 of its bytes; a key box's is
/// 32 digits. Nothing else is ever taken from a server or given to one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Name<'a> {
    workspace: &'a str,
    device: &'a str,
    file: &'a str,
}

impl<'a> Name<'a> {
    /// Takes `name` apart; `None` when it is not well-formed.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        if name.len() > MAX {
            return None;
        }
        let (workspace, rest) = name.strip_prefix("v1/")?.split_once('/')?;
        let (device, file) = rest.split_once('/')?;
        let well_formed = is_hex(workspace, 32)
            && if device == KEY {
                is_hex(file, 32)
            } else {
                let sequence = file.split_once('-');
                is_hex(device, 32)
                    && sequence.is_some_and(|(number, hash)| is_hex(number, 16) && is_hex(hash, 32))
            };
        well_formed.then_some(Self { workspace, device, file })
    }

    /// Label or identity of the workspace that it belongs to.
    pub(crate) fn workspace(&self) -> &'a str {
        self.workspace
    }

    /// Label of the device that it belongs to; `None` for a key box, which may be anybody's.
    pub(crate) fn device(&self) -> Option<&'a str> {
        (self.device != KEY).then_some(self.device)
    }

    /// What stands between workspace and file: the device's label, or the word for key boxes.
    pub(crate) fn folder(&self) -> &'a str {
        self.device
    }

    /// The last part.
    pub(crate) fn file(&self) -> &'a str {
        self.file
    }
}

/// Whether `text` is exactly `digits` hexadecimal digits in lower case.
fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_key_boxes_are_taken_apart() {
        let (w, d, h) = ("0123456789abcdef".repeat(2), "ab".repeat(16), "cd".repeat(16));
        let segment = format!("v1/{w}/{d}/00000000000000ff-{h}");
        let name = Name::parse(&segment).unwrap();
        assert_eq!((name.workspace(), name.device()), (&*w, Some(&*d)));
        assert_eq!((name.folder(), name.file()), (&*d, &*format!("00000000000000ff-{h}")));

        let key = format!("v1/{w}/key/{h}");
        let name = Name::parse(&key).unwrap();
        assert_eq!((name.device(), name.folder(), name.file()), (None, "key", &*h));
    }

    #[test]
    fn nothing_else_is_a_name() {
        let (w, d, h) = ("a".repeat(32), "b".repeat(32), "c".repeat(32));
        let sound = format!("v1/{w}/{d}/{}-{h}", "0".repeat(16));
        assert!(Name::parse(&sound).is_some());
        for wrong in [
            String::new(),
            "v1".into(),
            sound[..sound.len() - 1].into(),
            format!("{sound}0"),
            format!("{sound}/x"),
            format!("/{sound}"),
            sound.replacen("v1", "v2", 1),
            sound.to_uppercase(),
            sound.replace('-', "/"),
            sound.replace('b', "g"),
            format!("v1/../{d}/{}-{h}", "0".repeat(16)),
            format!("v1/{w}/key/{}-{h}", "0".repeat(16)),
            format!("v1/{w}/{d}/{h}"),
            format!("v1/{w}/key/../{h}"),
            sound.replace('0', "\u{660}"),
        ] {
            assert_eq!(Name::parse(&wrong), None, "{wrong:?}");
        }
    }
}
