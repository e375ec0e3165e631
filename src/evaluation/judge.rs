//! Whether a suggestion was right, by what the session did without it.
//!
//! Decisions of the user are not judged: a transcript does not tell whether one applied.

use super::episode::Episode;
use super::history::History;
use super::recovery::{is_mistake, known_of};
use super::score::Verdict;
use super::session::{Call, Session};
use super::words::{Words, file_key, is_telling, words};
use crate::model::pattern::{Kind, Pattern};
use crate::model::shell::normalise;

/// The moment of a suggestion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    /// The session starts.
    Start,
    /// The user submits a prompt.
    Prompt,
    /// A call is about to be made.
    Before,
    /// A call has failed.
    Failed,
}

impl Moment {
    /// The hook event's name.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Start => "SessionStart",
            Self::Prompt => "UserPromptSubmit",
            Self::Before => "PreToolUse",
            Self::Failed => "PostToolUseFailure",
        }
    }
}

/// What a suggestion is about.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Subject {
    /// A pattern.
    Pattern(Box<Pattern>),
    /// A file, by its path below the project's folder.
    File(String),
}

impl Subject {
    /// The kind's name.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Pattern(pattern) => pattern.kind.name(),
            Self::File(_) => "file",
        }
    }
}

/// A moment of a session, and what is needed to look back on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hindsight<'a> {
    /// The session.
    pub(super) session: &'a Session,
    /// Place of the prompt or call among its events.
    pub(super) at: usize,
    /// The moment.
    pub(super) moment: Moment,
    /// At a prompt: what it led to.
    pub(super) episode: Option<&'a Episode>,
    /// What earlier sessions hold.
    pub(super) history: &'a History,
}

impl Hindsight<'_> {
    /// What hindsight says about a suggestion.
    pub(super) fn judge(&self, subject: &Subject) -> Verdict {
        let followed = self.is_followed(subject);
        if self.moment != Moment::Before {
            return Verdict { right: followed, false_alarm: None };
        }
        // Something about a call: that it failed is what a warning without a remedy says.
        let Some(succeeded) = self.call().and_then(|call| call.ok) else {
            return Verdict::default();
        };
        let followed = followed.unwrap_or(!succeeded);
        Verdict { right: Some(followed), false_alarm: Some(succeeded && !followed) }
    }

    fn call(&self) -> Option<&Call> {
        self.session.events.get(self.at)?.call()
    }

    /// Whether the session came to do what is suggested; `None` when that cannot be told.
    fn is_followed(&self, subject: &Subject) -> Option<bool> {
        let pattern = match subject {
            Subject::File(path) => return self.is_opened(path),
            Subject::Pattern(pattern) => pattern,
        };
        match pattern.kind {
            Kind::Recipe => self.is_run(pattern),
            Kind::Path => self.is_opened(pattern.payload.files.first()?),
            Kind::Fix => self.is_mended(pattern),
            Kind::Pitfall | Kind::Decision | Kind::Episode | Kind::Skill => None,
        }
    }

    /// Whether the file was read or changed after that: in the prompt's episode, or by one of the
    /// next calls.
    fn is_opened(&self, path: &str) -> Option<bool> {
        let key = file_key(path, "");
        if let Some(episode) = self.episode {
            self.session.events.get(self.at + 1)?.call()?;
            return Some(episode.touched.contains(&key));
        }
        let opens = |call: &Call| {
            call.is_on_file()
                && call.succeeded()
                && file_key(&call.file(), &self.session.root) == key
        };
        let mut after = self.session.calls_after(self.at).map(|(_, call)| call).peekable();
        after.peek()?;
        Some(after.any(opens))
    }

    /// Whether a command with all words of this one succeeded in the session, after a failure
    /// among the next calls, if one of the same purpose did.
    fn is_run(&self, recipe: &Pattern) -> Option<bool> {
        let wanted = words(&recipe.text);
        let serves = |call: &Call| {
            let parts = normalise(&call.text).parts;
            parts.iter().any(|part| part.category().as_str() == recipe.category)
        };
        let worked = |call: &&Call| call.tool == "Bash" && call.succeeded();
        let run = |calls: &mut dyn Iterator<Item = &Call>| {
            let mut commands = calls.filter(|call| worked(call) && serves(call)).peekable();
            commands.peek()?;
            Some(commands.any(|call| wanted.is_subset(&words(&call.text))))
        };
        if self.moment == Moment::Failed {
            return run(&mut self.session.calls_after(self.at).map(|(_, call)| call));
        }
        run(&mut self.session.calls())
    }

    /// Whether what the fix says was done: after a failure by one of the next calls, at the start
    /// of a session by any, if what it is good against came up at all.
    fn is_mended(&self, pattern: &Pattern) -> Option<bool> {
        let failing = words(pattern.payload.commands.first().map_or("", String::as_str));
        let remedy = words(&without_placeholders(&pattern.payload.remedy.join("\n")));
        if self.moment == Moment::Start {
            let wanted = Wanted::new(&remedy, &failing, &failing)?;
            if self.session.calls().any(|call| wanted.is_met(call, self.history)) {
                return Some(true);
            }
            let mut failures = self.session.calls().filter(|call| is_mistake(call));
            return failures.any(|call| failing.is_subset(&words(&call.text))).then_some(false);
        }
        let wanted = Wanted::new(&remedy, &known_of(self.call()?), &failing)?;
        let mut after = self.session.calls_after(self.at).map(|(_, call)| call).peekable();
        after.peek()?;
        Some(after.any(|call| wanted.is_met(call, self.history)))
    }
}

/// How a call that follows a fix differs from the one that failed.
enum Wanted {
    /// It has most of these words.
    New(Words),
    /// It has all of the remedy's words and none of those that the remedy leaves out.
    Fewer { remedy: Words, left_out: Words },
}

impl Wanted {
    /// What the words of a remedy ask for, when `known` are there already and `failing` are those
    /// of the command that the fix is about. `None` when they ask for the same again.
    fn new(remedy: &Words, known: &Words, failing: &Words) -> Option<Self> {
        let new: Words =
            remedy.difference(known).filter(|word| is_telling(word)).cloned().collect();
        if !new.is_empty() {
            return Some(Self::New(new));
        }
        let left_out = failing - remedy;
        (!remedy.is_empty() && !left_out.is_empty())
            .then(|| Self::Fewer { remedy: remedy.clone(), left_out })
    }

    fn is_met(&self, call: &Call, history: &History) -> bool {
        if !call.succeeded() {
            return false;
        }
        let has = words(&call.text);
        match self {
            Self::New(words) => history.covers(words, &has),
            Self::Fewer { remedy, left_out } => {
                remedy.is_subset(&has) && left_out.is_disjoint(&has)
            }
        }
    }
}

/// A command without what stands for changing arguments: `<path>`, `<text>`.
fn without_placeholders(command: &str) -> String {
    let mut rest = command;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        kept.push_str(before);
        rest = after;
        if let Some((name, behind)) = after.split_once('>')
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase())
        {
            kept.push(' ');
            rest = behind;
        }
    }
    kept + rest
}
