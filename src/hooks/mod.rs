//! Claude Code's hooks: their input, MANA's answer, and their place in the agent's settings.

mod advice;
pub(crate) mod checkout;
pub(crate) mod context;
pub(crate) mod event;
mod folders;
pub(crate) mod inject;
pub(crate) mod install;
pub(crate) mod instructions;
pub(crate) mod scope;
pub(crate) mod session_end;
#[cfg(test)]
mod testing;
pub(crate) mod wire;

pub(crate) use advice::{chance_before, names_files, with_evidence};
