//! Takes out of a text what must never be stored: secrets and home folders.
//!
//! Reading order: [`rules`] is the one table of what is masked, [`mask`](mod@mask) finds and
//! replaces it, [`judge`] holds the rules' checks, [`looks`] what they ask of a value, [`runs`]
//! finds secrets that have no form but randomness, [`homes`](mod@homes) shortens paths. Pure
//! functions; linear in the text's length.

mod homes;
mod judge;
mod looks;
mod mask;
mod rules;
mod runs;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use homes::homes;
pub(crate) use mask::mask;

/// `text` with every secret masked and every home folder written as `~`.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    // Home folders first: a path must not change length after the masks were decided on, and a
    // mask never makes a path.
    match homes(text) {
        Cow::Borrowed(same) => mask(same),
        Cow::Owned(shorter) => match mask(&shorter) {
            Cow::Borrowed(_) => Cow::Owned(shorter),
            Cow::Owned(masked) => Cow::Owned(masked),
        },
    }
}
