//! What each prompt of a session led to.

use std::collections::BTreeSet;

use super::session::{Event, Session};
use super::words::file_key;

/// A prompt and the work after it, up to the next prompt. Files are known by their keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Episode {
    /// Place of the prompt among the session's events.
    pub(super) prompt: usize,
    /// Files that were changed.
    pub(super) edited: BTreeSet<String>,
    /// Files that were read or changed.
    pub(super) touched: BTreeSet<String>,
    /// Files that the session had read or changed before.
    pub(super) before: BTreeSet<String>,
}

/// The session's episodes in order.
pub(super) fn episodes(session: &Session) -> Vec<Episode> {
    let mut all: Vec<Episode> = Vec::new();
    for (n, event) in session.events.iter().enumerate() {
        match event {
            Event::Prompt(_) => {
                let before = all.last().map(|last| &last.before | &last.touched);
                let before = before.unwrap_or_default();
                all.push(Episode { prompt: n, before, ..Episode::default() });
            }
            Event::Call(call) if call.is_on_file() && call.succeeded() => {
                let Some(current) = all.last_mut() else { continue };
                let key = file_key(&call.file(), &session.root);
                if call.is_edit() {
                    current.edited.insert(key.clone());
                }
                current.touched.insert(key);
            }
            Event::Call(_) => {}
        }
    }
    all
}
