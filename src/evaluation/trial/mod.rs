//! What patterns of other devices would have been worth here: what happened is gone through once
//! more, hooks answer as if these patterns and nothing else was known, and what was done without
//! them tells whether they were right.
//!
//! The history is what the store keeps of it: masked, without what is excluded or was forgotten,
//! and still there when transcripts are gone. `docs/sync/trials.md` has the rules, and why nobody
//! can talk a pattern through them.

mod deeds;
mod form;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::hooks::event::{HookEvent, Moment as Event, ToolCall};
use crate::hooks::inject::{Surroundings, inject_from};
use crate::learning::extract::View;
use crate::model::exclude;
use crate::model::ids::PatternId;
use crate::model::pattern::{Pattern, State, Tally};
use crate::model::rank::cost;
use crate::model::trajectory::{Outcome, is_on_file};
use crate::model::trial::{Score, Trial, Verdict};
use crate::storage::{Audition, Reader, Recall, StorageError, StoredTrajectory, Waiting};
use judge::{Deeds, Hindsight, Moment, Played};

/// Keys of a pattern at most: one that is found by more of them is about nothing.
const KEYS: usize = 16;

/// Patterns that are tried at once; the others follow in the next run.
const MOST: usize = 2_000;

/// Where a trial stands, for a progress bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// This many sessions are to be gone through.
    Found(u64),
    /// One more is done.
    Done,
}

/// Those of `waiting` that were not tried yet in these words, or of whose projects much was
/// learned since; with how many sessions there are. Of several devices one after the other, so
/// that none keeps the others waiting.
pub(crate) fn due(
    reader: &Reader,
    waiting: Vec<Waiting>,
) -> Result<Vec<(Waiting, u32)>, StorageError> {
    let mut sessions: BTreeMap<Option<i64>, u32> = BTreeMap::new();
    let mut by_device: BTreeMap<String, Vec<(Waiting, u32)>> = BTreeMap::new();
    for waiting in waiting {
        let project = waiting.pattern.project;
        let known = match sessions.get(&project) {
            Some(known) => *known,
            None => reader.sessions_of(project)?,
        };
        sessions.insert(project, known);
        if waiting.trial.is_none_or(|trial| trial.is_outdated(known)) {
            by_device.entry(waiting.device.clone()).or_default().push((waiting, known));
        }
    }
    let mut turns: Vec<(usize, (Waiting, u32))> =
        by_device.into_values().flat_map(|of_one| of_one.into_iter().enumerate()).collect();
    turns.sort_by_key(|(turn, _)| *turn);
    Ok(turns.into_iter().map(|(_, waiting)| waiting).take(MOST).collect())
}

/// Tries patterns on what happened here, the latest sessions first, for as long as `goes_on` says
/// so. What hooks note meanwhile is written below `scratch`, which must be empty.
pub(crate) fn score(
    reader: &Reader,
    due: &[(Waiting, u32)],
    scratch: &Path,
    now: i64,
    goes_on: &dyn Fn() -> bool,
    progress: &dyn Fn(Progress),
) -> Result<Vec<(PatternId, Trial)>, StorageError> {
    let mut tried = Tried::new(due);
    let projects = tried.projects(reader)?;
    let mut all = Vec::new();
    for project in projects {
        all.push((project, sessions(reader.trajectories_of(project)?)));
    }
    progress(Progress::Found(all.iter().map(|(_, sessions)| sessions.len() as u64).sum()));
    for (n, (project, sessions)) in all.into_iter().enumerate() {
        let home = scratch.join(n.to_string());
        let mut stages = tried.stages(reader, project, &home)?;
        let mut usual = Usual::new(tried.wanted.len());
        for session in sessions {
            if !goes_on() {
                break;
            }
            for trajectory in session {
                tried.play(reader, &trajectory, &mut stages, &mut usual)?;
            }
            tried.end_session(project);
            progress(Progress::Done);
        }
        tried.end_project(project, &usual);
        drop(stages);
        // The rest is removed with the folder above.
        let _kept = std::fs::remove_dir_all(&home);
    }
    Ok(tried.trials(now))
}

/// A project's runs by session, the latest session first.
fn sessions(trajectories: Vec<StoredTrajectory>) -> Vec<Vec<StoredTrajectory>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut all: Vec<Vec<StoredTrajectory>> = Vec::new();
    for trajectory in trajectories {
        let session = trajectory.key.session.clone();
        let place = *places.entry(session).or_insert(all.len());
        match all.get_mut(place) {
            Some(known) => known.push(trajectory),
            None => all.push(vec![trajectory]),
        }
    }
    all
}

/// A pattern that is tried.
struct Actor<'a> {
    waiting: &'a Waiting,
    /// Sessions that there are.
    known: u32,
    /// What it says to do, by number; `None` where that cannot be compared.
    wish: Option<Deeds>,
    /// Whether its text has the form, and few keys lead to it.
    in_form: bool,
    /// Words that it quotes and that were not met yet.
    unmet: BTreeSet<String>,
    sessions: u32,
    score: Score,
    need: f64,
    /// When it would have been told in the project that is being gone through.
    told: Told,
    /// What was said of it in the session that is being played.
    session: Option<InSession>,
}

/// What was said of a pattern in one session.
#[derive(Clone, Copy, Default)]
struct InSession {
    right: bool,
    wrong: bool,
    at: i64,
}

/// One device's patterns as all that is known, in one project.
struct Stage<'a> {
    audition: Audition<'a>,
    /// Which of the patterns an id is.
    actors: HashMap<PatternId, usize>,
    home: PathBuf,
    /// The project's own clock.
    now: i64,
}

/// What follows calls in general, and failures in particular: how often a deed was done after one.
struct Usual {
    calls: Group,
    failures: Group,
}

/// Calls, and after how many of them each deed was done.
#[derive(Default)]
struct Group {
    number: u32,
    done: Vec<u32>,
}

impl Usual {
    fn new(deeds: usize) -> Self {
        let group = || Group { number: 0, done: vec![0; deeds] };
        Self { calls: group(), failures: group() }
    }

    fn add(&mut self, played: &Played<'_, '_>) {
        for (at, seen) in played.view.calls.iter().enumerate() {
            let later = played.later(at).filter(|(_, seen)| seen.worked());
            let done: BTreeSet<u32> =
                later.flat_map(|(n, _)| played.said[n].iter().copied()).collect();
            self.calls.add(&done);
            if seen.call.outcome.failed() {
                self.failures.add(&done);
            }
        }
    }

    /// The share of calls after which `wish` may have been done although it was not told, of all
    /// or of those that failed, whichever is larger.
    fn share(&self, wish: &[u32], told: Told) -> f64 {
        let calls = self.calls.share(wish, told.calls);
        calls.max(self.failures.share(wish, told.failures))
    }
}

impl Group {
    fn add(&mut self, done: &BTreeSet<u32>) {
        self.number += 1;
        for deed in done {
            self.done[*deed as usize] += 1;
        }
    }

    /// Of calls but those `told`; few of them say little.
    fn share(&self, wish: &[u32], told: [u32; 2]) -> f64 {
        let rarest = wish.iter().map(|deed| self.done[*deed as usize]).min().unwrap_or(0);
        let done = rarest.saturating_sub(told[1]);
        f64::from(done) / f64::from(self.number.saturating_sub(told[0]) + 2)
    }
}

/// Calls at which a pattern would have been told, and after how many of them it was done.
#[derive(Clone, Copy, Default)]
struct Told {
    calls: [u32; 2],
    failures: [u32; 2],
}

/// All that is tried.
struct Tried<'a> {
    actors: Vec<Actor<'a>>,
    /// The deeds that any of them says to do, by number.
    wanted: HashMap<String, u32>,
    /// Which of them quote a word that was not met yet.
    quoting: HashMap<String, Vec<usize>>,
}

impl<'a> Tried<'a> {
    fn new(due: &'a [(Waiting, u32)]) -> Self {
        let mut tried = Self {
            actors: Vec::with_capacity(due.len()),
            wanted: HashMap::new(),
            quoting: HashMap::new(),
        };
        for (at, (waiting, known)) in due.iter().enumerate() {
            let wish = deeds::wished(&waiting.pattern)
                .map(|wish| wish.into_iter().map(|deed| tried.number(deed)).collect());
            let quoted = form::quoted(&waiting.pattern);
            let unmet: BTreeSet<String> =
                quoted.iter().flatten().flat_map(|text| form::words(text)).collect();
            for word in &unmet {
                tried.quoting.entry(word.clone()).or_default().push(at);
            }
            tried.actors.push(Actor {
                waiting,
                known: *known,
                wish,
                in_form: quoted.is_some() && waiting.keys.len() <= KEYS,
                unmet,
                sessions: 0,
                score: Score::default(),
                need: 0.0,
                told: Told::default(),
                session: None,
            });
        }
        tried
    }

    fn number(&mut self, deed: String) -> u32 {
        let next = self.wanted.len() as u32;
        *self.wanted.entry(deed).or_insert(next)
    }

    /// The projects that have to be gone through.
    fn projects(&self, reader: &Reader) -> Result<BTreeSet<i64>, StorageError> {
        let own = |actor: &Actor<'_>| actor.waiting.pattern.project;
        let mut projects: BTreeSet<i64> = self.actors.iter().filter_map(own).collect();
        if self.actors.iter().any(|actor| own(actor).is_none()) {
            projects.extend(reader.projects()?.into_iter().map(|(project, ..)| project));
        }
        Ok(projects)
    }

    /// A stage for each device that says something of the project: alone, no device's patterns
    /// crowd out those of another.
    fn stages<'r>(
        &self,
        reader: &'r Reader,
        project: i64,
        home: &Path,
    ) -> Result<Vec<Stage<'r>>, StorageError> {
        let now = reader.last_activity(project)?.unwrap_or(0);
        let mut by_device: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, actor) in self.actors.iter().enumerate() {
            if actor.wish.is_some() && actor.plays_in(project) {
                by_device.entry(&actor.waiting.device).or_default().push(at);
            }
        }
        let stage = |(n, places): (usize, Vec<usize>)| {
            let of = |at: &usize| &self.actors[*at].waiting;
            let patterns =
                places.iter().map(|at| (known_well(&of(at).pattern, now), &of(at).keys[..]));
            Stage {
                audition: Audition::new(reader, patterns.collect()),
                actors: places.iter().map(|at| (of(at).pattern.id, *at)).collect(),
                home: home.join(n.to_string()),
                now,
            }
        };
        Ok(by_device.into_values().enumerate().map(stage).collect())
    }

    /// Goes through one run.
    fn play(
        &mut self,
        reader: &Reader,
        trajectory: &StoredTrajectory,
        stages: &mut [Stage<'_>],
        usual: &mut Usual,
    ) -> Result<(), StorageError> {
        let steps = reader.steps(trajectory.id)?;
        let view = View::new(&steps, &trajectory.root);
        let numbers = |seen| {
            let said = deeds::of_call(seen, &view).into_iter();
            said.filter_map(|deed| self.wanted.get(&deed).copied()).collect()
        };
        let said: Vec<Deeds> = view.calls.iter().map(numbers).collect();
        let played = Played { view: &view, said };
        self.meet(&view);
        usual.add(&played);
        for stage in stages {
            if trajectory.key.agent.is_empty() {
                self.ask(stage, trajectory, &played, Moment::Start)?;
            }
            for (at, seen) in view.calls.iter().enumerate() {
                let tool = seen.call.tool.as_str();
                if tool != "Bash" && !is_on_file(tool) {
                    continue;
                }
                self.ask(stage, trajectory, &played, Moment::Before(at))?;
                if seen.call.outcome == Outcome::Failure {
                    self.ask(stage, trajectory, &played, Moment::Failed(at))?;
                }
            }
        }
        Ok(())
    }

    /// Crosses the words of a run off those that were not met yet.
    fn meet(&mut self, view: &View<'_>) {
        for seen in &view.calls {
            if self.quoting.is_empty() {
                return;
            }
            for text in [&seen.call.subject, &seen.call.error] {
                for word in form::words(text) {
                    for at in self.quoting.remove(&word).into_iter().flatten() {
                        self.actors[at].unmet.remove(&word);
                    }
                }
            }
        }
    }

    /// Asks what would have been told at a moment, and judges it.
    fn ask(
        &mut self,
        stage: &Stage<'_>,
        trajectory: &StoredTrajectory,
        played: &Played<'_, '_>,
        moment: Moment,
    ) -> Result<(), StorageError> {
        let Some(event) = event(trajectory, played.view, moment) else { return Ok(()) };
        let around = Surroundings {
            home: &stage.home,
            project_dir: None,
            now: stage.now,
            encoder: None,
            holdout: 0.0,
            // What is on this disk today was not there then.
            disk: None,
            exclusions: &exclude::NOTHING,
        };
        let Some(said) = inject_from(&stage.audition, &event, &around)? else { return Ok(()) };
        for item in said.items {
            for id in std::iter::once(&item.id).chain(&item.also) {
                let Some(at) = stage.actors.get(id) else { continue };
                self.actors[*at].told(moment, item.text.len(), played);
            }
        }
        Ok(())
    }

    fn end_session(&mut self, project: i64) {
        for actor in self.actors.iter_mut().filter(|actor| actor.plays_in(project)) {
            actor.end_session();
        }
    }

    /// What is often done has to be right more often than that: whoever predicts what happens
    /// anyway has helped nobody.
    fn end_project(&mut self, project: i64, usual: &Usual) {
        for actor in self.actors.iter_mut().filter(|actor| actor.plays_in(project)) {
            let told = std::mem::take(&mut actor.told);
            let share = actor.wish.as_ref().map_or(0.0, |wish| usual.share(wish, told));
            actor.need = actor.need.max(share);
        }
    }

    fn trials(self, now: i64) -> Vec<(PatternId, Trial)> {
        let trial = |actor: Actor<'_>| {
            let familiar = actor.in_form && actor.wish.is_some() && actor.unmet.is_empty();
            let trial = Trial {
                words: actor.waiting.words,
                known: actor.known,
                sessions: actor.sessions,
                score: actor.score,
                need: actor.need,
                verdict: Verdict::of(actor.score, actor.need, familiar),
                at: now,
            };
            (actor.waiting.pattern.id, trial)
        };
        self.actors.into_iter().map(trial).collect()
    }
}

impl Actor<'_> {
    fn plays_in(&self, project: i64) -> bool {
        self.waiting.pattern.project.is_none_or(|own| own == project)
    }

    /// Takes down that it would have been told, in a line of so many characters.
    fn told(&mut self, moment: Moment, characters: usize, played: &Played<'_, '_>) {
        let Some(wish) = &self.wish else { return };
        if let Moment::Before(at) | Moment::Failed(at) = moment {
            let counts = [1, u32::from(played.is_done(wish, at))];
            let add = |sum: &mut [u32; 2]| {
                sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            };
            add(&mut self.told.calls);
            if played.view.calls[at].call.outcome.failed() {
                add(&mut self.told.failures);
            }
        }
        let session = self.session.get_or_insert_default();
        match played.judge(&self.waiting.pattern, wish, moment) {
            Hindsight::Right => {
                session.right = true;
                let at = match moment {
                    Moment::Start => 0,
                    Moment::Before(at) | Moment::Failed(at) => at,
                };
                session.at = session.at.max(played.view.calls[at].at());
            }
            Hindsight::Wrong => session.wrong = true,
            Hindsight::Open => return,
        }
        let break_even = match moment {
            Moment::Start => cost::recipe(characters),
            Moment::Before(_) => cost::before(characters),
            Moment::Failed(_) => cost::failed(characters),
        };
        self.need = self.need.max(break_even);
    }

    /// A session counts once, and for the worst that was said in it.
    fn end_session(&mut self) {
        self.sessions += 1;
        let Some(InSession { right, wrong, at }) = self.session.take() else { return };
        let score = &mut self.score;
        score.told += 1;
        if wrong {
            score.wrong += 1;
        } else if right {
            score.right += 1;
            score.last = score.last.max(at);
            score.first = if score.first == 0 { at } else { score.first.min(at) };
        }
    }
}

/// The pattern as if it was well known: how often others say that they saw it says nothing here.
fn known_well(pattern: &Pattern, now: i64) -> Pattern {
    let tally = Tally { successes: 3, failures: 3, sessions: 3, first: now, last: now };
    let tally = match pattern.kind {
        crate::model::pattern::Kind::Recipe => Tally { failures: 0, ..tally },
        _ => tally,
    };
    Pattern { state: State::Active, tally, ..pattern.clone() }
}

/// The event of a moment, as the client would have sent it.
fn event(trajectory: &StoredTrajectory, view: &View<'_>, moment: Moment) -> Option<HookEvent> {
    let call = |at: usize| {
        let call = view.calls[at].call;
        ToolCall { tool: call.tool.clone(), id: String::new(), subject: call.subject.clone() }
    };
    let (name, at, moment) = match moment {
        Moment::Start => ("SessionStart", 0, Event::Start { source: "startup".into() }),
        Moment::Before(at) => ("PreToolUse", at, Event::Before(call(at))),
        Moment::Failed(at) => {
            let error = view.calls[at].call.error.clone();
            ("PostToolUseFailure", at, Event::Failed { call: call(at), error })
        }
    };
    Some(HookEvent {
        name: name.into(),
        session: trajectory.key.session.clone(),
        agent: trajectory.key.agent.clone(),
        cwd: view.calls.get(at)?.step.cwd.clone(),
        transcript: String::new(),
        moment,
    })
}
