//! Bytes in `tests/fixtures/sync` that every version of the program must judge alike.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::hex::{hex, unhex_all};

/// Bytes, and what a reader must say of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Case {
    /// What is special about them.
    pub(super) name: String,
    /// What the reader says: the error, or `read`.
    pub(super) says: String,
    /// The bytes, in hex.
    bytes: String,
    /// Zeros that follow: not all of a large file is kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    zeros: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Case {
    /// A case of which a reader must say `says`.
    pub(super) fn new(name: &str, says: &str, bytes: &[u8]) -> Self {
        Self { name: name.into(), says: says.into(), bytes: hex(bytes), zeros: 0 }
    }

    /// The same with zeros at the end.
    pub(super) fn with_zeros(self, zeros: usize) -> Self {
        Self { zeros, ..self }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = unhex_all(&self.bytes).expect("a case is in hex");
        bytes.resize(bytes.len() + self.zeros, 0);
        bytes
    }
}

/// The file of this name.
pub(super) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sync").join(name)
}

/// The cases of a file. With `MANA_BLESS_FORMAT` set, the file is first made of what `make` gives: that
/// is for a new format only, since what is out there stays as it is.
pub(super) fn cases(name: &str, make: impl FnOnce() -> Vec<Case>) -> Vec<Case> {
    if std::env::var_os("MANA_BLESS_FORMAT").is_some() {
        let text = serde_json::to_string_pretty(&make()).expect("cases are JSON");
        std::fs::write(path(name), text + "\n").expect("fixtures can be written");
    }
    let text = std::fs::read_to_string(path(name)).expect("the fixture is there");
    serde_json::from_str(&text).expect("a fixture is a list of cases")
}

/// What a reader said, in the words of a case.
pub(super) fn said<T, E: std::fmt::Debug>(outcome: &Result<T, E>) -> String {
    outcome.as_ref().map_or_else(|error| format!("{error:?}"), |_| "read".into())
}
