//! The account of a reading: what every line of the file came to.

use std::collections::BTreeMap;

/// How many damaged lines are kept with their number; all are counted.
const KEPT_BAD_LINES: usize = 20;

/// How many unknown type names are kept; lines of further ones are counted without a name.
const KEPT_UNKNOWN: usize = 32;

/// Milliseconds of a hook above which it does not matter how many: bounds how many there are.
const SLOWEST: u64 = 10_000;

/// What [`Skip::Excluded`] is called.
pub(crate) const EXCLUDED: &str = "excluded";

/// Why a line gave no step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Skip {
    /// Nothing on it.
    Blank,
    /// A type that says nothing about the work: titles, modes, snapshots, queue operations.
    Housekeeping,
    /// A copy of a request to the model.
    ApiRequest,
    /// An attachment that is neither MANA's own context nor a message from the user.
    Attachment,
    /// Progress of a call other than a subagent's own calls.
    Progress,
    /// A system line other than a compaction.
    System,
    /// A type this version does not know.
    UnknownType,
    /// The agent's words and thoughts without a tool call.
    AgentText,
    /// An error message that the client wrote in the agent's name.
    ApiError,
    /// Text that the client or a hook wrote in the user's name.
    MachineText,
    /// The summary after a compaction: it repeats what is known.
    Summary,
    /// A command of the client itself or a shell line of the user, with its output.
    LocalCommand,
    /// Notice about a background task.
    TaskNotice,
    /// A prompt without words (an image alone, or only text that MANA had injected).
    NoWords,
    /// A line that stood in this file before.
    Repeated,
    /// It touches what the user does not want learned.
    Excluded,
    /// Damaged; see [`Bad`].
    Bad,
}

impl Skip {
    /// The reason in a few words, for the account that is stored and for `mana doctor`.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Housekeeping => "housekeeping",
            Self::ApiRequest => "copy of a request",
            Self::Attachment => "attachment",
            Self::Progress => "progress",
            Self::System => "system note",
            Self::UnknownType => "unknown type",
            Self::AgentText => "agent's text",
            Self::ApiError => "API error",
            Self::MachineText => "machine-made text",
            Self::Summary => "compaction summary",
            Self::LocalCommand => "local command",
            Self::TaskNotice => "task notice",
            Self::NoWords => "no words",
            Self::Repeated => "repeated",
            Self::Excluded => EXCLUDED,
            Self::Bad => "damaged",
        }
    }
}

/// What is wrong with a damaged line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Bad {
    /// A `//` comment.
    Comment,
    /// A run of NUL bytes, as a crash leaves them.
    Nul,
    /// Not UTF-8.
    NotUtf8,
    /// Longer than the cap, and therefore not read.
    TooLong,
    /// Not JSON.
    NotJson,
    /// JSON, but not of the shape its type has.
    Shape,
}

impl Bad {
    /// The reason in a few words for `mana doctor`.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Comment => "a comment, not JSON",
            Self::Nul => "NUL bytes",
            Self::NotUtf8 => "not UTF-8",
            Self::TooLong => "longer than the line limit",
            Self::NotJson => "not JSON",
            Self::Shape => "unexpected shape",
        }
    }
}

/// A damaged line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadLine {
    /// Its number in the file, from 1.
    pub(crate) line: u64,
    /// What is wrong with it.
    pub(crate) reason: Bad,
}

/// What one line came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It gave a step or settled a call.
    Learned,
    /// It gave nothing, for this reason.
    Skipped(Skip),
    /// It is damaged.
    Bad(Bad),
}

impl Verdict {
    /// The verdict on a line of which one part came to `self` and another to `other`: learned if
    /// any part was, else damaged if any part is.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Learned, _) | (_, Self::Learned) => Self::Learned,
            (Self::Bad(_), _) => self,
            (_, Self::Bad(_)) => other,
            _ => self,
        }
    }
}

/// What a reading saw. `learned` and the sum of `skipped` are always `lines`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Account {
    /// Lines consumed.
    pub(crate) lines: u64,
    /// Lines that gave a step or settled a call.
    pub(crate) learned: u64,
    /// Lines that gave nothing, by reason.
    pub(crate) skipped: BTreeMap<Skip, u64>,
    /// The first damaged lines; how many there are in all is `skipped[&Skip::Bad]`.
    pub(crate) bad: Vec<BadLine>,
    /// Line types this version does not know, with their counts.
    pub(crate) unknown: BTreeMap<String, u64>,
    /// How often MANA's hooks took so many milliseconds, as the client measured it.
    pub(crate) hooks: BTreeMap<u64, u64>,
}

impl Account {
    /// Adds the line `number` with its verdict.
    pub(super) fn add(&mut self, number: u64, verdict: Verdict) {
        self.lines += 1;
        let skip = match verdict {
            Verdict::Learned => {
                self.learned += 1;
                return;
            }
            Verdict::Skipped(skip) => skip,
            Verdict::Bad(reason) => {
                if self.bad.len() < KEPT_BAD_LINES {
                    self.bad.push(BadLine { line: number, reason });
                }
                Skip::Bad
            }
        };
        *self.skipped.entry(skip).or_default() += 1;
    }

    /// Notes that a hook of MANA's took so many milliseconds.
    pub(super) fn add_hook(&mut self, time: u64) {
        *self.hooks.entry(time.min(SLOWEST)).or_default() += 1;
    }

    /// Notes a line type that this version does not know.
    pub(super) fn add_unknown(&mut self, kind: &str) {
        let name: String = kind.chars().take(64).collect();
        if self.unknown.len() < KEPT_UNKNOWN || self.unknown.contains_key(&name) {
            *self.unknown.entry(name).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_counted_once_and_few_bad_ones_are_kept() {
        let mut account = Account::default();
        account.add(1, Verdict::Learned);
        account.add(2, Verdict::Skipped(Skip::Blank));
        for line in 3..53 {
            account.add(line, Verdict::Bad(Bad::Nul));
        }
        assert_eq!((account.lines, account.learned, account.skipped.values().sum()), (52, 1, 51));
        assert_eq!(account.skipped[&Skip::Bad], 50);
        assert_eq!(account.bad.len(), KEPT_BAD_LINES);
        assert_eq!(account.bad[0], BadLine { line: 3, reason: Bad::Nul });
    }

    #[test]
    fn parts_of_a_line_share_one_verdict() {
        let (skip, bad) = (Verdict::Skipped(Skip::System), Verdict::Bad(Bad::NotJson));
        assert_eq!(skip.and(Verdict::Learned), Verdict::Learned);
        assert_eq!(skip.and(bad), bad);
        assert_eq!(bad.and(skip), bad);
        assert_eq!(skip.and(Verdict::Skipped(Skip::Blank)), skip);
    }

    #[test]
    fn unknown_types_are_bounded() {
        let mut account = Account::default();
        for i in 0..1000 {
            account.add_unknown(&format!("kind-{i}"));
        }
        account.add_unknown("kind-0");
        assert_eq!(account.unknown.len(), KEPT_UNKNOWN);
        assert_eq!(account.unknown["kind-0"], 2);
    }
}
