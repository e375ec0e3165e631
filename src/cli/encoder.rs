//! The static encoder for a command: of the user's own table where there is a sound one, else of
//! the one in the program. Hot.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::path::Path;

use crate::embeddings::{StaticEncoder, shipped};
use crate::storage::file::open_own;

/// The encoder of the home at `home`. A table of the user's own is kept until the process ends.
pub(super) fn of_home(home: &Path) -> StaticEncoder<'static> {
    let Ok(own) = own_table(home) else { return shipped::encoder() };
    shipped::encoder_with(Vec::leak(own)).unwrap_or_else(|_| shipped::encoder())
}

/// The bytes of the user's own table. A pipe in its place keeps nobody waiting, and what another
/// user put there is none.
fn own_table(home: &Path) -> io::Result<Vec<u8>> {
    let mut file = open_own(&home.join(shipped::OWN_TABLE), OpenOptions::new().read(true))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
