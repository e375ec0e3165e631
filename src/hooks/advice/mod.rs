//! What there is to say at each moment of a session. Hot.

mod before;
mod brief;
mod decisions;
mod failed;
mod places;
mod prompt;
#[cfg(test)]
mod tests;
mod wording;
mod working;

pub(crate) use before::chance_before;
pub(crate) use brief::names_files;
pub(crate) use places::Proposed;
pub(crate) use wording::with_evidence;

use super::checkout::Checkout;
use super::context::Item;
use super::event::{HookEvent, Moment};
use super::scope::Scope;
use crate::model::pattern::Pattern;
use crate::model::vector::Encode;
use crate::storage::{Journal, Recall, StorageError};

/// An event with everything that is needed to answer it.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// What earlier sessions taught.
    pub(crate) recall: &'a dyn Recall,
    /// The project.
    pub(crate) scope: &'a Scope,
    /// Its checkout on this disk.
    pub(crate) checkout: &'a Checkout<'a>,
    /// Makes the vector of what is asked; `None` to go by words alone.
    pub(crate) encoder: Option<&'a dyn Encode>,
    /// The event.
    pub(crate) event: &'a HookEvent,
    /// What was noted of the session.
    pub(crate) journal: &'a Journal,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// The project's own clock: when anything last happened in it, at most `now`. Ages that
    /// ranking counts are from there.
    pub(crate) reference: i64,
}

impl Question<'_> {
    /// Whether there is a point in saying it: it still holds, and the agent does not read it in a
    /// file anyway. Asks the disk, so last.
    fn is_news(&self, pattern: &Pattern) -> bool {
        self.still_holds(pattern) && !self.checkout.states(pattern)
    }

    /// Whether all that the pattern hangs on is still there. Asks the disk, so last.
    fn still_holds(&self, pattern: &Pattern) -> bool {
        self.checkout.holds(pattern, &|name| {
            let files = self.recall.files_named(self.scope.project, name).unwrap_or_default();
            files.into_iter().map(|file| file.path).collect()
        })
    }
}

/// What to say: a header for several items, and the items, best first.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Advice {
    /// Stands above the items; may be empty.
    pub(crate) header: &'static str,
    /// Best first.
    pub(crate) items: Vec<Item>,
}

/// The advice for an event.
pub(crate) fn advise(question: &Question<'_>) -> Result<Advice, StorageError> {
    match &question.event.moment {
        Moment::Start { .. } | Moment::SubagentStart => brief::advise(question),
        Moment::Prompt(text) => prompt::advise(question, text),
        Moment::Before(call) => before::advise(question, call),
        Moment::Failed { call, error } => failed::advise(question, call, error),
        Moment::End { .. } | Moment::Other => Ok(Advice::default()),
    }
}

/// The files that the prompt of an event may lead to; none for other events.
pub(crate) fn propose(question: &Question<'_>) -> Result<Vec<Proposed>, StorageError> {
    match &question.event.moment {
        Moment::Prompt(text) => prompt::propose(question, text),
        _ => Ok(Vec::new()),
    }
}
