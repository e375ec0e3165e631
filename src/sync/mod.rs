//! Sharing: what devices tell each other, how it is sealed, carried and merged.
//!
//! [`record`] is what is said, [`segment`] how it travels, [`keys`] who can read it, [`backend`]
//! where it lies in between; [`ledger`] is what is known when all of it is put together, and
//! [`engine`] pushes and pulls. Clock and randomness are arguments.

pub(crate) mod archive;
pub(crate) mod backend;
mod crypto;
pub(crate) mod desk;
pub(crate) mod device;
pub(crate) mod engine;
#[cfg(test)]
mod fixtures;
pub(crate) mod guard;
pub(crate) mod hex;
pub(crate) mod keys;
pub(crate) mod ledger;
pub(crate) mod local;
pub(crate) mod nonsense;
pub(crate) mod quota;
pub(crate) mod random;
pub(crate) mod record;
pub(crate) mod sanitise;
pub(crate) mod segment;
pub(crate) mod settings;
pub(crate) mod text;
pub(crate) mod texts;
pub(crate) mod unchanged;
pub(crate) mod workspace;
