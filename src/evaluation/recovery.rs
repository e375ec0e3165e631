//! Failures that were mended, and by which words.

use super::session::{Call, Session};
use super::words::{Words, is_telling, program, substance, words};
use crate::model::paths;

/// Characters of an error whose words are no news in a mend.
const ERROR_HEAD: usize = 4_000;

/// A failure after which a related call soon worked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mend {
    /// Place of the failed call among the session's events.
    pub(super) failure: usize,
    /// Place of the call that worked.
    pub(super) success: usize,
    /// The words of the call that worked which neither the failed call nor its error has.
    pub(super) novel: Words,
}

/// The failures of `session` that a related call soon mended, by words that were new.
pub(super) fn mends(session: &Session) -> Vec<Mend> {
    let mut found = Vec::new();
    for (failure, event) in session.events.iter().enumerate() {
        let Some(failed) = event.call().filter(|call| is_mistake(call)) else { continue };
        let mending = session.calls_after(failure).find(|(_, call)| mends_it(failed, call));
        let Some((success, mending)) = mending else { continue };
        let novel = novel(&substance(&mending.text), failed);
        if !novel.is_empty() {
            found.push(Mend { failure, success, novel });
        }
    }
    found
}

/// Whether a call is a failure of its own: neither refused nor stopped because another of its
/// batch failed.
pub(super) fn is_mistake(call: &Call) -> bool {
    call.is_hooked() && call.failed() && !call.error.contains("Sibling tool call errored")
}

/// Calls that a failure cost: itself, and the tries up to the one that worked, or as many as were
/// made in vain.
pub(super) fn lost_calls(session: &Session, failure: usize) -> u64 {
    let Some(failed) = session.events[failure].call() else { return 0 };
    1 + session.calls_after(failure).take_while(|(_, call)| !mends_it(failed, call)).count() as u64
}

fn mends_it(failed: &Call, call: &Call) -> bool {
    call.succeeded() && is_related(failed, call)
}

/// The telling words of `text` that neither the failed call nor the start of its error has.
fn novel(text: &str, failed: &Call) -> Words {
    let known = known_of(failed);
    words(text).into_iter().filter(|word| is_telling(word) && !known.contains(word)).collect()
}

/// The words of a failed call and of the start of its error.
pub(super) fn known_of(failed: &Call) -> Words {
    let error: String = failed.error.chars().take(ERROR_HEAD).collect();
    let mut known = words(&failed.text);
    known.append(&mut words(&error));
    known
}

/// Whether `later` plausibly is a second try of `failed`.
fn is_related(failed: &Call, later: &Call) -> bool {
    if failed.tool != later.tool {
        return false;
    }
    if failed.tool == "Bash" {
        let first = program(&failed.text);
        return !first.is_empty() && first == program(&later.text);
    }
    if failed.is_on_file() {
        let (first, second) = (failed.field("file_path"), later.field("file_path"));
        return paths::name(&first) == paths::name(&second);
    }
    true
}
