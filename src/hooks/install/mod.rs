//! The idempotent edit of the agent's settings: puts MANA's hook entries in and takes them out.
//!
//! First a [`Plan`] is made from the text, then it is carried out on the file. The settings belong
//! to the user, so the edit is one of text: what is not ours keeps its bytes, and taking out what
//! was put in gives the old bytes back.

mod document;
mod edit;
mod entries;
mod layout;
mod notices;
mod plan;
mod recognise;
mod rewrite;
mod settings_file;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use entries::HookEntries;
pub(crate) use notices::{calls, notices};
pub(crate) use plan::{Action, Plan};
pub(crate) use settings_file::{
    Applied, InstallError, SettingsFile, project_settings, user_settings,
};
