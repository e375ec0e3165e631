//! The static encoder for a command: of the user's own table where there is a sound one, else of
//! the one in the program. Hot.

use std::path::Path;

use crate::embeddings::{StaticEncoder, shipped};

/// The encoder of the home at `home`. A table of the user's own is kept until the process ends.
pub(super) fn of_home(home: &Path) -> StaticEncoder<'static> {
    let Ok(own) = std::fs::read(home.join(shipped::OWN_TABLE)) else { return shipped::encoder() };
    shipped::encoder_with(Vec::leak(own)).unwrap_or_else(|_| shipped::encoder())
}
