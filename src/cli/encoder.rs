//! The static encoder for a command: of the user's own table where there is a sound one, else of
//! the one in the program. Hot.

use std::path::Path;

use crate::embeddings::{StaticEncoder, shipped};
use crate::storage::map;

/// The encoder of the home at `home`. A table of the user's own stays mapped until the process
/// ends: a text needs few of its rows. A pipe in its place keeps nobody waiting, and what another
/// user put there is none.
pub(super) fn of_home(home: &Path) -> StaticEncoder<'static> {
    let Ok(own) = map(&home.join(shipped::OWN_TABLE)) else { return shipped::encoder() };
    shipped::encoder_with(Box::leak(Box::new(own))).unwrap_or_else(|_| shipped::encoder())
}
