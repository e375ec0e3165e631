//! The failures that came back, and the learnable ones that nothing was said about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::history::Place;
use super::recovery::{Mend, is_mistake, lost_calls};
use super::session::{Call, Session};
use super::words::{Words, words};
use crate::model::paths;
use crate::model::shell::{Part, normalise};
use crate::model::signature::{error_class, signature};
use crate::model::text;
use crate::model::trajectory::path_of;
use crate::redact;

/// Bytes of a text that are listed.
const LISTED: usize = 160;

/// A failure whose mend an earlier session knew and that was not met with it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Miss {
    /// The project.
    pub(crate) project: String,
    /// Where it happened.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// What was called, with secrets masked.
    pub(crate) call: String,
    /// What it said.
    pub(crate) error: String,
    /// The words of the mend that nothing said, with secrets left out.
    pub(crate) novel: Words,
    /// The first earlier call that held them.
    pub(crate) known_from: Place,
    /// Calls that it cost.
    pub(crate) lost_calls: u64,
}

/// A failure whose mend an earlier session knew and that was met with it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Hit {
    /// The project.
    pub(crate) project: String,
    /// Where it happened.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// What was called, with secrets masked.
    pub(crate) call: String,
    /// What it said.
    pub(crate) error: String,
    /// The line that would have told the mend; empty where it took several.
    pub(crate) said: String,
    /// Whether that line names what failed.
    pub(crate) to_the_point: bool,
    /// Whether it would have been told before the call was made.
    pub(crate) prevented: bool,
    /// The first earlier call that held the mend's words.
    pub(crate) known_from: Place,
    /// Calls that the failure cost.
    pub(crate) lost_calls: u64,
}

/// A mistake that was made in several sessions.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Mistake {
    /// The project.
    pub(crate) project: String,
    /// What was called the first time, with secrets masked.
    pub(crate) call: String,
    /// What it said.
    pub(crate) error: String,
    /// How often it failed.
    pub(crate) failures: u64,
    /// In how many sessions.
    pub(crate) sessions: u64,
    /// Calls that it cost in all.
    pub(crate) lost_calls: u64,
    /// Where it happened first.
    pub(crate) first: Place,
    /// Where it happened last.
    pub(crate) last: Place,
}

/// The place of a call.
pub(super) fn place(session: &Session, call: &Call) -> Place {
    Place { session: session.id.clone(), transcript: session.path.clone(), line: call.line }
}

/// A call and its error as they are listed.
pub(super) fn listed(call: &Call) -> (String, String) {
    let subject = redact::clean(&call.text);
    let shown = text::one_line(&format!("{} {subject}", call.tool), LISTED);
    let error = signature(&call.tool, &redact::clean(&call.error)).headline;
    (shown, error)
}

/// Whether `line` names what `call` was about: its command, or its file.
pub(super) fn names_call(line: &str, call: &Call) -> bool {
    if call.tool != "Bash" {
        return path_of(&call.tool, &call.text)
            .is_some_and(|path| line.contains(paths::name(path)));
    }
    let named = |part: &Part| !part.head.is_empty() && line.contains(&part.head);
    normalise(&call.text).parts.iter().any(named)
}

/// The words of a mend as they are listed: without secrets and other people's home folders.
pub(super) fn listed_words(session: &Session, mend: &Mend) -> Words {
    let Some(call) = session.events[mend.success].call() else { return Words::new() };
    &mend.novel & &words(&redact::clean(&call.text))
}

/// A call that failed.
struct Failure<'a> {
    session: &'a Session,
    /// Its place among the session's events.
    at: usize,
    call: &'a Call,
}

impl Failure<'_> {
    fn place(&self) -> Place {
        place(self.session, self.call)
    }
}

/// The mistakes of `sessions`, oldest first, that were made in more than one of them. Failing
/// tests, findings and code that does not compile yet are no mistakes.
pub(super) fn repeated(project: &str, sessions: &[Session]) -> Vec<Mistake> {
    // The same tool and command with the same error are the same mistake.
    let mut groups: BTreeMap<[String; 3], Vec<Failure<'_>>> = BTreeMap::new();
    for session in sessions {
        for (at, event) in session.events.iter().enumerate() {
            let Some(call) = event.call().filter(|call| is_mistake(call)) else { continue };
            if !error_class(&call.tool, &call.error).is_mistake() {
                continue;
            }
            let command =
                if call.tool == "Bash" { normalise(&call.text).key() } else { String::new() };
            let key = [call.tool.clone(), command, signature(&call.tool, &call.error).key];
            groups.entry(key).or_default().push(Failure { session, at, call });
        }
    }
    groups.into_values().filter_map(|failures| mistake(project, &failures)).collect()
}

/// Failures of one kind as a mistake, if they are of several sessions.
fn mistake(project: &str, failures: &[Failure<'_>]) -> Option<Mistake> {
    let sessions: BTreeSet<&str> = failures.iter().map(|f| f.session.id.as_str()).collect();
    let (first, last) = (failures.first()?, failures.last()?);
    if sessions.len() < 2 {
        return None;
    }
    let (call, error) = listed(first.call);
    Some(Mistake {
        project: project.to_owned(),
        call,
        error,
        failures: failures.len() as u64,
        sessions: sessions.len() as u64,
        lost_calls: failures.iter().map(|f| lost_calls(f.session, f.at)).sum(),
        first: first.place(),
        last: last.place(),
    })
}
