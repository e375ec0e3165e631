//! Between the store's patterns and the ledger: what this device offers to others ([`leaving`]), and
//! what of their words becomes patterns here ([`hearing`]). On both ways a project goes by its label
//! ([`labels`]). What was taken back everywhere has to vanish from all logs ([`mod@redactions`]).

mod hearing;
mod labels;
mod leaving;
mod redactions;

pub(crate) use hearing::{Hearing, project};
#[cfg(test)]
pub(crate) use labels::project_label;
pub(crate) use labels::{LABELS, Projects, label_key};
pub(crate) use leaving::{Leaves, all_leaves};
pub(super) use leaving::{counts, leaves};
pub(crate) use redactions::{Redaction, note_redaction, note_redactions, redactions};
