//! What people write about patterns, mergeable letter by letter.
//!
//! Each pattern that was edited by hand has one small automerge document ([`document`]), made at
//! its first edit and carried whole: merging is commutative, associative and idempotent, so no
//! delivery is too late, too often or in the wrong order. What was learned stays outside.
//!
//! The library that reads documents is not made for hostile bytes: some make it panic, some make it
//! take gigabytes. So bytes that others wrote are read in a process of their own ([`guard`] starts
//! it, [`worker`] is what runs in it), which may die without anybody noticing more than an error.
//! `docs/sync/text.md` has the details.

mod document;
mod error;
mod guard;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

pub(crate) use document::{Author, LIMIT, create, edit};
pub(crate) use error::TextError;
pub(crate) use guard::{WorkerCommand, edit_guarded, merge_guarded, renew_guarded};
pub(crate) use worker::serve;
