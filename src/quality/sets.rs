//! Questions and documents from the steps of a project. Pure.
//!
//! A document has labels, and a question wants some of them: a question is answered when one of
//! those is among the first few different labels that the found documents have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::pattern::{Draft, Kind};
use crate::model::signature::signature;
use crate::model::text::cut;
use crate::model::trajectory::{Body, Call, Step};

/// Bytes of a text that are kept; what counts is cut by tokens later.
const TEXT: usize = 2_000;

/// One trajectory, as far as sets need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    /// Its session.
    pub(super) session: &'a str,
    /// Its steps.
    pub(super) steps: &'a [Step],
    /// What was extracted from them.
    pub(super) drafts: &'a [Draft],
}

/// Something that can be found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Document {
    /// Its words.
    pub(super) text: String,
    /// What it stands for.
    pub(super) labels: Vec<String>,
    /// Where and when it was said.
    pub(super) place: Place,
}

/// Something that is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Question {
    /// Its words.
    pub(super) text: String,
    /// The labels of which one should be found.
    pub(super) wanted: BTreeSet<String>,
    /// Where and when it was said.
    pub(super) place: Place,
}

/// A session and a time in milliseconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) session: String,
    pub(super) at: i64,
}

/// Which documents a question may find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pool {
    /// All of the project.
    Project,
    /// Those of other sessions of the project.
    OtherSessions,
    /// Those of other sessions of the project that came before the question.
    EarlierSessions,
}

impl Pool {
    /// Whether something said at `document` may be found by a question asked at `question`.
    pub(super) fn holds(self, document: &Place, question: &Place) -> bool {
        let elsewhere = document.session != question.session;
        match self {
            Self::Project => true,
            Self::OtherSessions => elsewhere,
            Self::EarlierSessions => elsewhere && document.at < question.at,
        }
    }
}

/// The kinds of sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kinds {
    /// From a failing call to the same failure.
    Failures,
    /// From a description to its command.
    Commands,
    /// From a prompt to files.
    Files,
}

impl Kinds {
    /// All of them, in the order in which they are reported.
    pub(super) const ALL: [Self; 3] = [Self::Failures, Self::Commands, Self::Files];

    /// What is asked and what is wanted.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Failures => "failing call: the same failure in another session",
            Self::Commands => "description of a Bash call: its command",
            Self::Files => "prompt: a file that it led to, by earlier sessions' prompts",
        }
    }

    /// Which documents a question may find.
    pub(super) fn pool(self) -> Pool {
        match self {
            Self::Failures => Pool::OtherSessions,
            Self::Commands => Pool::Project,
            Self::Files => Pool::EarlierSessions,
        }
    }

    /// The set of a project.
    pub(super) fn of(self, runs: &[Run<'_>]) -> Set {
        let mut set = match self {
            Self::Failures => failures(runs),
            Self::Commands => commands(runs),
            Self::Files => files(runs),
        };
        set.keep_answerable(self.pool());
        set
    }
}

/// The documents of a project and the questions about them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Set {
    pub(super) documents: Vec<Document>,
    pub(super) questions: Vec<Question>,
}

impl Set {
    /// Drops the questions to which no document is an answer, and of the others what they want in
    /// vain.
    fn keep_answerable(&mut self, pool: Pool) {
        let mut places: HashMap<&str, Vec<&Place>> = HashMap::new();
        for document in &self.documents {
            for label in &document.labels {
                places.entry(label).or_default().push(&document.place);
            }
        }
        for question in &mut self.questions {
            let place = &question.place;
            question.wanted.retain(|label| {
                let said = places.get(label.as_str()).map(Vec::as_slice).unwrap_or_default();
                said.iter().any(|said| pool.holds(said, place))
            });
        }
        self.questions.retain(|question| !question.wanted.is_empty());
    }
}

fn calls<'a>(runs: &'a [Run<'_>]) -> impl Iterator<Item = (&'a Call, Place)> {
    runs.iter().flat_map(|run| {
        run.steps.iter().filter_map(|step| match &step.body {
            Body::Call(call) => Some((call, place(run, step.at))),
            _ => None,
        })
    })
}

fn place(run: &Run<'_>, at: Option<i64>) -> Place {
    Place { session: run.session.to_owned(), at: at.unwrap_or(0) }
}

/// Every failing call is a document; the first of its kind in a session is a question too.
fn failures(runs: &[Run<'_>]) -> Set {
    let mut set = Set::default();
    let mut asked = BTreeSet::new();
    for (call, place) in calls(runs) {
        if !call.outcome.failed() || call.error.is_empty() {
            continue;
        }
        let signature = signature(&call.tool, &call.error);
        if signature.key.is_empty() {
            continue;
        }
        let label = format!("{} {}", call.tool, signature.key);
        let text = format!("{} {}", cut(&call.subject, TEXT), signature.headline);
        if asked.insert((place.session.clone(), label.clone())) {
            let (wanted, place) = (BTreeSet::from([label.clone()]), place.clone());
            set.questions.push(Question { text: text.clone(), wanted, place });
        }
        set.documents.push(Document { text, labels: vec![label], place });
    }
    set
}

/// Every different command is a document, every different description a question.
fn commands(runs: &[Run<'_>]) -> Set {
    let mut set = Set::default();
    let mut known = BTreeSet::new();
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    let described: Vec<(&Call, Place)> =
        calls(runs).filter(|(call, _)| call.tool == "Bash" && !call.detail.is_empty()).collect();
    for (call, place) in &described {
        let label = cut(&call.subject, TEXT).to_owned();
        if known.insert(label.clone()) {
            let (text, labels) = (label.clone(), vec![label.clone()]);
            set.documents.push(Document { text, labels, place: place.clone() });
        }
        let next = set.questions.len();
        let question = *asked.entry(&call.detail).or_insert(next);
        if question == next {
            let (text, wanted) = (call.detail.clone(), BTreeSet::new());
            set.questions.push(Question { text, wanted, place: place.clone() });
        }
        set.questions[question].wanted.insert(label);
    }
    set
}

/// Every prompt that led to changes is a document, which stands for the files, and a question.
fn files(runs: &[Run<'_>]) -> Set {
    let mut set = Set::default();
    for run in runs {
        for draft in run.drafts.iter().filter(|draft| draft.kind == Kind::Episode) {
            let text = cut(&draft.trigger, TEXT).to_owned();
            let labels = draft.payload.files.clone();
            let place = place(run, draft.evidence.iter().map(|evidence| evidence.at).min());
            let wanted = labels.iter().cloned().collect();
            set.questions.push(Question { text: text.clone(), wanted, place: place.clone() });
            set.documents.push(Document { text, labels, place });
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::extract::extract;
    use crate::learning::extract::testing::{NOW, ROOT, steps_of};

    const DAY: i64 = 86_400_000;

    /// The set of sessions `a`, `b`, … a day apart.
    fn set(kinds: Kinds, scripts: &[&str]) -> Set {
        let sessions: Vec<(String, Vec<Step>, Vec<Draft>)> = ('a'..)
            .zip(scripts)
            .map(|(name, script)| {
                let start = NOW + DAY * i64::from(u32::from(name) - u32::from('a'));
                let steps = steps_of(&name.to_string(), start, script);
                let drafts = extract(&steps, ROOT, true).drafts;
                (name.to_string(), steps, drafts)
            })
            .collect();
        let runs: Vec<Run<'_>> = sessions
            .iter()
            .map(|(session, steps, drafts)| Run { session, steps, drafts })
            .collect();
        kinds.of(&runs)
    }

    fn asked(set: &Set) -> Vec<(&str, Vec<&str>)> {
        set.questions
            .iter()
            .map(|q| (q.place.session.as_str(), q.wanted.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn a_failure_is_asked_once_a_session_and_only_where_another_had_it() {
        let missing = "$ npm run lint !! npm error Missing script: \"lint\"";
        let found = set(
            Kinds::Failures,
            &[
                &format!("{missing}\n{missing}\n$ cat x !! cat: x: No such file or directory"),
                missing,
                "$ ls",
            ],
        );
        assert_eq!(found.documents.len(), 4, "{found:#?}");
        let sessions: Vec<&str> = asked(&found).into_iter().map(|(session, _)| session).collect();
        assert_eq!(sessions, ["a", "b"]);
        assert!(found.questions[0].text.starts_with("npm run lint npm error Missing script"));
    }

    #[test]
    fn a_prompt_is_asked_for_files_that_an_earlier_session_changed() {
        let found = set(
            Kinds::Files,
            &[
                "> add a logout button to the header\nEdit ~/app/src/header.ts\nEdit ~/app/src/out.ts",
                "> make the header of the page blue\nEdit ~/app/src/header.ts\nEdit ~/app/src/new.ts",
                "> write a page about prices\nEdit ~/app/src/prices.ts",
            ],
        );
        assert_eq!(found.documents.len(), 3);
        // Nothing came before the first, and nobody knew the other files.
        assert_eq!(asked(&found), [("b", vec!["src/header.ts"])]);
    }

    #[test]
    fn a_description_is_asked_once_with_all_its_commands() {
        let mut steps = steps_of("a", NOW, "$ npm test\n$ npm run test\n$ npm test\n$ ls");
        for (step, description) in steps.iter_mut().zip(["Run tests", "Run tests", "Test again"]) {
            let Body::Call(call) = &mut step.body else { panic!("a command is a call") };
            call.detail = description.into();
        }
        let run = Run { session: "a", steps: &steps, drafts: &[] };
        let found = Kinds::Commands.of(&[run]);
        let texts: Vec<&str> = found.documents.iter().map(|d| d.text.as_str()).collect();
        assert_eq!(texts, ["npm test", "npm run test"], "what nobody described is left out");
        assert_eq!(
            asked(&found),
            [("a", vec!["npm run test", "npm test"]), ("a", vec!["npm test"])]
        );
    }

    #[test]
    fn pools_leave_out_what_a_question_must_not_see() {
        let place = |session: &str, at| Place { session: session.into(), at };
        let question = place("a", 10);
        for (pool, expected) in [
            (Pool::Project, [true, true, true]),
            (Pool::OtherSessions, [false, true, true]),
            (Pool::EarlierSessions, [false, true, false]),
        ] {
            let documents = [place("a", 5), place("b", 5), place("b", 10)];
            assert_eq!(documents.map(|d| pool.holds(&d, &question)), expected, "{pool:?}");
        }
    }
}
