//! What MANA knows: a [`Pattern`] is one observation with its evidence.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{PatternId, StepId};
use super::key::Key;

/// What sort of observation a pattern is. The numbers are stored: never reuse or renumber one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A call failed; a related call, or the same call after other steps, then worked.
    Fix = 1,
    /// The same failure in several sessions, with no fix seen.
    Pitfall = 2,
    /// A command that keeps working here, by purpose.
    Recipe = 3,
    /// A path that did not exist, and the one that was then used.
    Path = 4,
    /// What the user laid down, corrected or refused.
    Decision = 5,
    /// A prompt's subject, and the files and commands that settled it.
    Episode = 6,
    /// A cluster of the above, built by consolidation.
    Skill = 7,
}

impl Kind {
    /// All kinds in the order of their numbers.
    pub(crate) const ALL: [Self; 7] = [
        Self::Fix,
        Self::Pitfall,
        Self::Recipe,
        Self::Path,
        Self::Decision,
        Self::Episode,
        Self::Skill,
    ];

    /// Which of a pattern's two texts says what it means. What was asked for and what a command
    /// is good for stand in the trigger; for the others the text has all of it, in whole sentences.
    pub(crate) fn meaningful<'a>(self, trigger: &'a str, text: &'a str) -> &'a str {
        match self {
            Self::Recipe | Self::Episode => trigger,
            _ => text,
        }
    }

    /// The kind's name, as shown and as part of derived ids.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Pitfall => "pitfall",
            Self::Recipe => "recipe",
            Self::Path => "path",
            Self::Decision => "decision",
            Self::Episode => "episode",
            Self::Skill => "skill",
        }
    }

    /// The kind with this stored number.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == number)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a pattern may be shown. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum State {
    /// Too little evidence yet.
    Candidate = 0,
    /// May be shown.
    Active = 1,
    /// Came from elsewhere or looks suspicious: waits for approval.
    Quarantined = 2,
    /// Did not help, or was forgotten: never shown.
    Retired = 3,
}

impl State {
    /// The state's name, as shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Candidate => "candidate",
            Self::Active => "active",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
        }
    }

    /// The state with this stored number; an unknown one is not shown.
    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Candidate,
            1 => Self::Active,
            2 => Self::Quarantined,
            _ => Self::Retired,
        }
    }
}

/// Why consolidation set a pattern aside. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Reason {
    /// Another pattern of its project says the same.
    Merged = 1,
    /// It was not used for so long that what speaks for it weighs nothing any more.
    Faded = 2,
    /// It was seen once, long ago, and nothing ever matched it.
    Unmatched = 3,
    /// Things went well less often after it was shown.
    Harmful = 4,
    /// Several projects learned it: a pattern of all projects stands for it.
    Global = 5,
}

impl Reason {
    /// All reasons in the order of their numbers.
    pub(crate) const ALL: [Self; 5] =
        [Self::Merged, Self::Faded, Self::Unmatched, Self::Harmful, Self::Global];

    /// The reason's name, as `--json` prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Faded => "faded",
            Self::Unmatched => "unmatched",
            Self::Harmful => "harmful",
            Self::Global => "global",
        }
    }

    /// The reason with this stored number.
    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| *reason as i64 == number)
    }
}

/// What one step says about a pattern. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Role {
    /// The step supports the pattern: the fix worked, the recipe ran, the user said it.
    Success = 1,
    /// The step is the failure that the pattern is about, or a failed run of the recipe.
    Failure = 2,
}

/// One step as evidence for a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Evidence {
    /// The step.
    pub(crate) step: StepId,
    /// When, in milliseconds since the Unix epoch.
    pub(crate) at: i64,
    /// What it says.
    pub(crate) role: Role,
}

/// The parts of a pattern that code needs apart from its text.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Payload {
    /// Files it is about, relative to the project where possible, most telling first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
    /// Commands it is about: the failing one first (fix, pitfall), else the ones that worked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<String>,
    /// For a fix: what worked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remedy: Vec<String>,
    /// For a fix or pitfall: the failure belongs to the normal edit-test loop and counts only
    /// when it repeats across sessions. For a decision: a refusal without a word, which counts
    /// only when it repeats.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) routine: bool,
    /// For a fix: what was done next, without proof that it mended anything.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) next_only: bool,
    /// For a decision: a standing rule rather than a remark on the work at hand.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) standing: bool,
    /// For a decision: what it is about; `subject::overrides` compares it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) subject: Vec<String>,
}

impl Payload {
    /// For a fix: whether the very same command is all of the remedy, because it fails now and then.
    pub(crate) fn is_rerun(&self) -> bool {
        !self.remedy.is_empty() && self.remedy == self.commands
    }
}

/// A pattern as extraction proposes it from one trajectory.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Draft {
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// Tool that it is about; empty when it is not about one.
    pub(crate) tool: String,
    /// Command category by name; empty when it is not about a command.
    pub(crate) category: &'static str,
    /// What makes two drafts the same pattern, beside kind and project: normalised trigger.
    pub(crate) identity: (String, String),
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<Key>,
    /// Words by which it is found.
    pub(crate) trigger: String,
    /// What the agent would read, without evidence counts.
    pub(crate) text: String,
    /// The parts that code needs.
    pub(crate) payload: Payload,
    /// The steps that say so.
    pub(crate) evidence: Vec<Evidence>,
}

impl Draft {
    /// The id that this draft has in the project with key `project`.
    pub(crate) fn id(&self, project: &str) -> PatternId {
        PatternId::derive(self.kind.name(), project, &self.identity.0, &self.identity.1)
    }
}

/// How often and when a pattern was seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tally {
    /// Steps that support it.
    pub(crate) successes: u32,
    /// Failures that it is about (fix, pitfall) or failed runs (recipe).
    pub(crate) failures: u32,
    /// Different sessions among all of these.
    pub(crate) sessions: u32,
    /// First and last time, in milliseconds since the Unix epoch.
    pub(crate) first: i64,
    /// See `first`.
    pub(crate) last: i64,
}

/// What came of showing a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Effect {
    /// Times it was followed and things went well.
    pub(crate) helped: u32,
    /// Times it was followed and they did not.
    pub(crate) hurt: u32,
}

/// A pattern as stored.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Pattern {
    /// Row number in the store.
    pub(crate) row: i64,
    /// Identity across machines.
    pub(crate) id: PatternId,
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// Row of its project; `None` for a global one.
    pub(crate) project: Option<i64>,
    /// Tool that it is about; may be empty.
    pub(crate) tool: String,
    /// Command category by name; may be empty.
    pub(crate) category: String,
    /// Words by which it is found.
    pub(crate) trigger: String,
    /// What the agent would read, without evidence counts.
    pub(crate) text: String,
    /// The parts that code needs.
    pub(crate) payload: Payload,
    /// Whether it may be shown.
    pub(crate) state: State,
    /// How often and when it was seen.
    pub(crate) tally: Tally,
    /// What came of showing it.
    pub(crate) effect: Effect,
}

impl Pattern {
    /// A pattern that says nothing yet: what is read of a known one is put into it.
    pub(crate) fn empty() -> Self {
        Self {
            row: 0,
            id: PatternId::from_bytes([0; 16]),
            kind: Kind::Fix,
            project: None,
            tool: String::new(),
            category: String::new(),
            trigger: String::new(),
            text: String::new(),
            payload: Payload::default(),
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }
}

/// The state that the evidence alone gives a pattern of this kind.
///
/// A real mistake with a fix that worked is worth telling from the first time on; a failure of
/// the normal edit-test loop, a failure without a fix and a command are so only when they repeat.
pub(crate) fn state_by_evidence(kind: Kind, payload: &Payload, tally: &Tally) -> State {
    let active = match kind {
        Kind::Fix if payload.routine || payload.is_rerun() => tally.sessions >= 2,
        Kind::Pitfall => tally.sessions >= 2,
        Kind::Decision if payload.routine => tally.successes >= 2,
        Kind::Recipe => tally.successes >= 2 && tally.successes >= tally.failures,
        Kind::Fix | Kind::Path | Kind::Decision | Kind::Episode | Kind::Skill => true,
    };
    if active { State::Active } else { State::Candidate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_across_releases() {
        // Stored values: a change here would turn what is known into something else.
        let numbers = [
            (1, Kind::Fix, "fix"),
            (2, Kind::Pitfall, "pitfall"),
            (3, Kind::Recipe, "recipe"),
            (4, Kind::Path, "path"),
            (5, Kind::Decision, "decision"),
            (6, Kind::Episode, "episode"),
            (7, Kind::Skill, "skill"),
        ];
        for (number, kind, name) in numbers {
            assert_eq!((Kind::from_number(number), kind.name()), (Some(kind), name));
        }
        assert_eq!(numbers.map(|(_, kind, _)| kind), Kind::ALL);
        assert_eq!((Kind::from_number(0), Kind::from_number(8)), (None, None));
        for state in [State::Candidate, State::Active, State::Quarantined, State::Retired] {
            assert_eq!(State::from_number(state as i64), state);
        }
        assert_eq!(State::from_number(99), State::Retired, "what is unknown is not shown");
        assert_eq!((Role::Success as u8, Role::Failure as u8), (1, 2));
        let reasons = Reason::ALL.map(|reason| (reason as u8, reason.name()));
        let stored = [(1, "merged"), (2, "faded"), (3, "unmatched"), (4, "harmful"), (5, "global")];
        assert_eq!(reasons, stored);
        assert_eq!(Reason::from_number(4), Some(Reason::Harmful));
        assert_eq!((Reason::from_number(0), Reason::from_number(6)), (None, None));
    }

    #[test]
    fn evidence_makes_patterns_active() {
        let routine = Payload { routine: true, ..Payload::default() };
        let plain = Payload::default();
        let tally = |successes, failures, sessions| Tally {
            successes,
            failures,
            sessions,
            ..Tally::default()
        };
        for (kind, payload, tally, active) in [
            (Kind::Fix, &plain, tally(1, 1, 1), true),
            (Kind::Fix, &routine, tally(5, 5, 1), false),
            (Kind::Fix, &routine, tally(2, 2, 2), true),
            (Kind::Pitfall, &plain, tally(0, 9, 1), false),
            (Kind::Pitfall, &plain, tally(0, 2, 2), true),
            (Kind::Recipe, &plain, tally(1, 0, 1), false),
            (Kind::Recipe, &plain, tally(2, 2, 1), true),
            (Kind::Recipe, &plain, tally(2, 3, 3), false),
            (Kind::Path, &plain, tally(1, 1, 1), true),
            (Kind::Decision, &plain, tally(1, 0, 1), true),
            (Kind::Decision, &routine, tally(1, 0, 1), false),
            (Kind::Decision, &routine, tally(2, 0, 1), true),
            (Kind::Episode, &plain, tally(1, 0, 1), true),
        ] {
            let expected = if active { State::Active } else { State::Candidate };
            assert_eq!(state_by_evidence(kind, payload, &tally), expected, "{kind} {tally:?}");
        }
    }

    #[test]
    fn a_payload_is_written_without_what_is_empty() {
        let json = |payload: &Payload| serde_json::to_string(payload).unwrap();
        assert_eq!(json(&Payload::default()), "{}");
        let full = Payload {
            files: vec!["a".into()],
            remedy: vec!["b".into()],
            next_only: true,
            ..Payload::default()
        };
        assert_eq!(json(&full), r#"{"files":["a"],"remedy":["b"],"next_only":true}"#);
        assert_eq!(serde_json::from_str::<Payload>(&json(&full)).unwrap(), full);
        // A newer version may know more.
        assert_eq!(serde_json::from_str::<Payload>(r#"{"new":1}"#).unwrap(), Payload::default());
    }
}
