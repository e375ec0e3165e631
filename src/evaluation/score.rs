//! What a replay counts, and the measures that come out of it.

use std::collections::BTreeMap;

use serde::Serialize;

/// Characters of a token, as costs are counted.
const TOKEN: f64 = 4.0;

/// Bins of stated confidence, each of the same width.
const BINS: usize = 10;

/// What one or several replays counted.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Score {
    /// Sessions that were replayed.
    pub(super) sessions: u64,
    /// Hook events that were asked about.
    pub(super) events: u64,
    /// Events with an injection.
    pub(super) injections: u64,
    /// Characters that were injected.
    pub(super) characters: u64,
    /// Failures that a related call soon mended.
    pub(super) mended: u64,
    /// Those whose mend an earlier session knew.
    pub(super) learnable: u64,
    /// Those of them that were met with the mend's words by the time the failure was reported.
    pub(super) recovered: u64,
    /// The same, before the failing call was made.
    pub(super) prevented: u64,
    /// Prompts that led to changes of files that earlier sessions knew.
    pub(super) prompts: u64,
    /// Over these prompts: sum of the shares of such files that were named.
    pub(super) recall: f64,
    /// Files that were named.
    pub(super) named: u64,
    /// Named files that were read or changed.
    pub(super) named_right: u64,
    /// By hook event.
    by_event: BTreeMap<&'static str, Asked>,
    /// Suggestions by kind and hook event.
    by_kind: BTreeMap<(&'static str, &'static str), Told>,
    /// Suggestions that can be judged, by kind and tenth of stated confidence.
    bins: BTreeMap<(&'static str, usize), Bin>,
}

/// Counts of one kind of event.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Asked {
    events: u64,
    injections: u64,
    characters: u64,
}

/// Counts of one kind of suggestion at one kind of event.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Told {
    suggestions: u64,
    judged: u64,
    right: u64,
    before_calls: u64,
    false_alarms: u64,
}

/// Counts of the suggestions in one bin.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Bin {
    suggestions: u64,
    stated: f64,
    right: u64,
}

/// What hindsight says about a suggestion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Verdict {
    /// Whether it was right; `None` when that cannot be told.
    pub(super) right: Option<bool>,
    /// Before a call whose outcome is known: whether the call succeeded anyway and the suggestion
    /// was not followed.
    pub(super) false_alarm: Option<bool>,
}

impl Score {
    /// Counts an event at which `characters` were injected.
    pub(super) fn count_event(&mut self, event: &'static str, characters: u64) {
        let injected = u64::from(characters > 0);
        self.events += 1;
        self.injections += injected;
        self.characters += characters;
        let asked = self.by_event.entry(event).or_default();
        asked.events += 1;
        asked.injections += injected;
        asked.characters += characters;
    }

    /// Counts a suggestion.
    pub(super) fn count_suggestion(
        &mut self,
        kind: &'static str,
        event: &'static str,
        confidence: f64,
        verdict: Verdict,
    ) {
        let told = self.by_kind.entry((kind, event)).or_default();
        told.suggestions += 1;
        if let Some(alarm) = verdict.false_alarm {
            told.before_calls += 1;
            told.false_alarms += u64::from(alarm);
        }
        let Some(right) = verdict.right else { return };
        told.judged += 1;
        told.right += u64::from(right);
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        let bin = self.bins.entry((kind, bin)).or_default();
        bin.suggestions += 1;
        bin.stated += confidence;
        bin.right += u64::from(right);
    }

    /// Adds what another replay counted.
    pub(super) fn add(&mut self, other: &Self) {
        self.sessions += other.sessions;
        self.events += other.events;
        self.injections += other.injections;
        self.characters += other.characters;
        self.mended += other.mended;
        self.learnable += other.learnable;
        self.recovered += other.recovered;
        self.prevented += other.prevented;
        self.prompts += other.prompts;
        self.recall += other.recall;
        self.named += other.named;
        self.named_right += other.named_right;
        for (event, theirs) in &other.by_event {
            let ours = self.by_event.entry(event).or_default();
            ours.events += theirs.events;
            ours.injections += theirs.injections;
            ours.characters += theirs.characters;
        }
        for (key, theirs) in &other.by_kind {
            let ours = self.by_kind.entry(*key).or_default();
            ours.suggestions += theirs.suggestions;
            ours.judged += theirs.judged;
            ours.right += theirs.right;
            ours.before_calls += theirs.before_calls;
            ours.false_alarms += theirs.false_alarms;
        }
        for (key, theirs) in &other.bins {
            let ours = self.bins.entry(*key).or_default();
            ours.suggestions += theirs.suggestions;
            ours.stated += theirs.stated;
            ours.right += theirs.right;
        }
    }

    /// The measures.
    pub(super) fn measures(&self) -> Measures {
        let share = |part: u64, of: u64| ratio(part as f64, of as f64);
        Measures {
            sessions: self.sessions,
            events: self.events,
            mended: self.mended,
            learnable: self.learnable,
            recovered: self.recovered,
            prevented: self.prevented,
            recovery: share(self.recovered, self.learnable),
            prevention: share(self.prevented, self.learnable),
            prompts: self.prompts,
            named: self.named,
            named_right: self.named_right,
            recall: ratio(self.recall, self.prompts as f64),
            precision: share(self.named_right, self.named),
            tokens_per_session: ratio(self.characters as f64 / TOKEN, self.sessions as f64),
            events_with_injection: share(self.injections, self.events),
        }
    }

    /// What was said at each kind of event.
    pub(super) fn events(&self) -> Vec<EventRow> {
        let row = |(event, asked): (&&'static str, &Asked)| EventRow {
            event,
            events: asked.events,
            injections: asked.injections,
            tokens: asked.characters as f64 / TOKEN,
        };
        self.by_event.iter().map(row).collect()
    }

    /// The suggestions by kind and event.
    pub(super) fn kinds(&self) -> Vec<KindRow> {
        let row = |(key, told): (&(&'static str, &'static str), &Told)| KindRow {
            kind: key.0,
            event: key.1,
            suggestions: told.suggestions,
            judged: told.judged,
            right: told.right,
            before_calls: told.before_calls,
            false_alarms: told.false_alarms,
        };
        self.by_kind.iter().map(row).collect()
    }

    /// How often suggestions of stated confidence were right: over all kinds first, then by kind.
    pub(super) fn calibration(&self) -> Vec<CalibrationRow> {
        let mut all: BTreeMap<usize, Bin> = BTreeMap::new();
        for ((_, number), bin) in &self.bins {
            let sum = all.entry(*number).or_default();
            sum.suggestions += bin.suggestions;
            sum.stated += bin.stated;
            sum.right += bin.right;
        }
        let row = |kind, number: usize, bin: &Bin| CalibrationRow {
            kind,
            from: number as f64 / BINS as f64,
            to: (number + 1) as f64 / BINS as f64,
            suggestions: bin.suggestions,
            stated: bin.stated / bin.suggestions as f64,
            observed: bin.right as f64 / bin.suggestions as f64,
        };
        let of_all = all.iter().map(|(number, bin)| row("all", *number, bin));
        let of_kinds = self.bins.iter().map(|((kind, number), bin)| row(*kind, *number, bin));
        of_all.chain(of_kinds).collect()
    }
}

fn ratio(part: f64, of: f64) -> Option<f64> {
    (of > 0.0).then_some(part / of)
}

/// The measures of a replay. A share of nothing is `None`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Measures {
    /// Sessions that were replayed.
    pub(crate) sessions: u64,
    /// Hook events that were asked about.
    pub(crate) events: u64,
    /// Failures that a related call soon mended.
    pub(crate) mended: u64,
    /// Those whose mend an earlier session knew.
    pub(crate) learnable: u64,
    /// Those of them that were met with the mend's words by the time the failure was reported.
    pub(crate) recovered: u64,
    /// The same, before the failing call was made.
    pub(crate) prevented: u64,
    /// `recovered` of `learnable`.
    pub(crate) recovery: Option<f64>,
    /// `prevented` of `learnable`.
    pub(crate) prevention: Option<f64>,
    /// Prompts that led to changes of files that earlier sessions knew.
    pub(crate) prompts: u64,
    /// Files that were named at these prompts.
    pub(crate) named: u64,
    /// Named files that were read or changed.
    pub(crate) named_right: u64,
    /// Mean share of the changed known files that were named.
    pub(crate) recall: Option<f64>,
    /// `named_right` of `named`.
    pub(crate) precision: Option<f64>,
    /// Injected tokens, at four characters each.
    pub(crate) tokens_per_session: Option<f64>,
    /// Share of the events with an injection.
    pub(crate) events_with_injection: Option<f64>,
}

/// What was said at one kind of event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct EventRow {
    /// The event's name.
    pub(crate) event: &'static str,
    /// How often it was asked about.
    pub(crate) events: u64,
    /// How often something was said.
    pub(crate) injections: u64,
    /// Tokens that were injected.
    pub(crate) tokens: f64,
}

/// The suggestions of one kind at one kind of event.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct KindRow {
    /// The kind of pattern, or `file`.
    pub(crate) kind: &'static str,
    /// The event's name.
    pub(crate) event: &'static str,
    /// How many were made.
    pub(crate) suggestions: u64,
    /// Those that hindsight can judge.
    pub(crate) judged: u64,
    /// Those of them that were right.
    pub(crate) right: u64,
    /// Those made before a call whose outcome is known.
    pub(crate) before_calls: u64,
    /// Those of them whose call succeeded anyway and that were not followed.
    pub(crate) false_alarms: u64,
}

/// Suggestions of about the same stated confidence.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct CalibrationRow {
    /// The kind of pattern, `file`, or `all`.
    pub(crate) kind: &'static str,
    /// Least confidence in the bin.
    pub(crate) from: f64,
    /// The next bin's least confidence.
    pub(crate) to: f64,
    /// Suggestions that hindsight can judge.
    pub(crate) suggestions: u64,
    /// Mean of what was stated.
    pub(crate) stated: f64,
    /// Share that was right.
    pub(crate) observed: f64,
}
