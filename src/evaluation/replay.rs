//! The replay of one project: learn the past, ask at every event of the next part, score, go on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::episode::{Episode, episodes};
use super::history::History;
use super::judge::{Hindsight, Moment};
use super::mistakes::{Hit, Miss, listed, listed_words, names_call, place};
use super::recovery::{Mend, lost_calls, mends};
use super::score::Score;
use super::scratch::Scratch;
use super::session::{Call, Event, Prompt, Session};
use super::words::{file_key, names, words};
use super::{EvaluationError, Options};
use crate::model::rank::fit::Example;

/// Characters from which on a prompt says enough to expect files of it.
const INFORMATIVE: usize = 30;

/// Sessions from which on a project is replayed: fewer leave nothing to learn from or to ask about.
pub(crate) const LEAST_SESSIONS: usize = 4;

/// What the replay of a project showed.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The counts.
    pub(super) score: Score,
    /// Learnable failures that were not met.
    /// Those that were met with their mend.
    pub(super) hits: Vec<Hit>,
    pub(super) misses: Vec<Miss>,
    /// Prompts with the files that were candidates, where they are asked for.
    pub(super) prompts: Vec<Asked>,
}

/// A prompt with the files that it might have led to.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Asked {
    /// When its session began, as it is written.
    pub(super) start: String,
    /// The candidates, and whether it led to them.
    pub(super) candidates: Vec<Example>,
}

/// Replays the sessions of `project`, oldest first. `done` is told how many were gone through.
pub(super) fn replay(
    project: &str,
    sessions: &[Session],
    scratch: Scratch,
    options: &Options,
    done: &dyn Fn(u64),
) -> Result<Replayed, EvaluationError> {
    let mut run = Run {
        project,
        collects: options.collects,
        scratch,
        history: History::default(),
        replayed: Replayed::default(),
    };
    let (first, parts) = parts(sessions.len(), options);
    run.learn(&sessions[..first])?;
    done(first as u64);
    for part in parts {
        for session in &sessions[part.clone()] {
            run.session(session)?;
            done(1);
        }
        if !part.is_empty() {
            run.learn(&sessions[part])?;
        }
    }
    Ok(run.replayed)
}

/// How many of `number` sessions are learned first, and the parts in which the others follow.
fn parts(number: usize, options: &Options) -> (usize, Vec<std::ops::Range<usize>>) {
    let first = ((number as f64 * options.train) as usize).clamp(1, number);
    let folds = options.folds.max(1);
    let share = |n: u32| (number - first) as f64 * f64::from(n) / f64::from(folds);
    let cut = |n: u32| first + share(n).round_ties_even() as usize;
    (first, (0..folds).map(|n| cut(n)..cut(n + 1)).collect())
}

struct Run<'a> {
    project: &'a str,
    /// Whether the candidates of prompts are kept.
    collects: bool,
    scratch: Scratch,
    history: History,
    replayed: Replayed,
}

/// What was said in a session that is being replayed.
#[derive(Debug, Default)]
struct Heard {
    /// At its start.
    opening: String,
    /// Since the last prompt.
    since_prompt: Vec<String>,
}

impl Heard {
    /// All of it that the agent has before it.
    fn all(&self) -> String {
        format!("{}\n{}", self.since_prompt.join("\n"), self.opening)
    }
}

impl Run<'_> {
    fn learn(&mut self, sessions: &[Session]) -> Result<(), EvaluationError> {
        self.scratch.learn(sessions)?;
        for session in sessions {
            self.history.add(session);
        }
        Ok(())
    }

    fn session(&mut self, session: &Session) -> Result<(), EvaluationError> {
        let (mends, episodes) = (mends(session), episodes(session));
        let opening = self.ask(session, 0, Moment::Start, None, json!({ "source": "startup" }))?;
        let mut heard = Heard { opening, since_prompt: Vec::new() };
        for (at, event) in session.events.iter().enumerate() {
            match event {
                Event::Prompt(prompt) => {
                    let episode = episodes.iter().find(|episode| episode.prompt == at);
                    let fields = json!({ "prompt": prompt.text });
                    if let Some(episode) = episode.filter(|_| self.collects) {
                        self.collect(session, at, prompt, episode, &fields)?;
                    }
                    let text = self.ask(session, at, Moment::Prompt, episode, fields)?;
                    heard.since_prompt = vec![text];
                    if let Some(episode) = episode {
                        self.localise(prompt, episode, &heard.all());
                    }
                }
                Event::Call(call) if call.is_hooked() => {
                    let mend = mends.iter().find(|mend| mend.failure == at);
                    self.call(session, at, call, mend, &mut heard)?;
                }
                Event::Call(_) => {}
            }
        }
        self.replayed.score.sessions += 1;
        Ok(())
    }

    fn call(
        &mut self,
        session: &Session,
        at: usize,
        call: &Call,
        mend: Option<&Mend>,
        heard: &mut Heard,
    ) -> Result<(), EvaluationError> {
        let before = mend.map(|_| heard.all());
        let fields =
            || json!({ "tool_name": call.tool, "tool_input": call.input, "tool_use_id": call.id });
        heard.since_prompt.push(self.ask(session, at, Moment::Before, None, fields())?);
        if call.failed() {
            let mut fields = fields();
            fields["error"] = json!(call.error);
            fields["is_interrupt"] = json!(false);
            heard.since_prompt.push(self.ask(session, at, Moment::Failed, None, fields)?);
        }
        if let (Some(mend), Some(before)) = (mend, before) {
            self.recover(session, call, mend, &before, &heard.all());
        }
        Ok(())
    }

    /// Keeps the candidates of a prompt that says something and that calls followed.
    fn collect(
        &mut self,
        session: &Session,
        at: usize,
        prompt: &Prompt,
        episode: &Episode,
        fields: &Value,
    ) -> Result<(), EvaluationError> {
        let followed = session.events.get(at + 1).is_some_and(|next| next.call().is_some());
        if !followed || prompt.text.chars().count() < INFORMATIVE {
            return Ok(());
        }
        let mut proposed = self.scratch.propose(session, at, fields.clone())?;
        // In an order of their own: sums of the same numbers are then the same.
        proposed.sort_by(|a, b| a.path.cmp(&b.path));
        let candidates: Vec<Example> = proposed
            .into_iter()
            .map(|file| Example {
                right: episode.touched.contains(&file_key(&file.path, "")),
                characters: file.path.len(),
                features: file.features,
            })
            .collect();
        if !candidates.is_empty() {
            self.replayed.prompts.push(Asked { start: session.start.clone(), candidates });
        }
        Ok(())
    }

    /// Asks what is said, and judges it. Returns the text; empty for silence.
    fn ask(
        &mut self,
        session: &Session,
        at: usize,
        moment: Moment,
        episode: Option<&Episode>,
        fields: Value,
    ) -> Result<String, EvaluationError> {
        let said = self.scratch.ask(session, at, moment, fields)?;
        let score = &mut self.replayed.score;
        let characters = said.as_ref().map_or(0, |said| said.text.chars().count() as u64);
        score.count_event(moment.event(), characters);
        let Some(said) = said else { return Ok(String::new()) };
        let hindsight = Hindsight { session, at, moment, episode, history: &self.history };
        for item in said.items {
            let Some(subject) = self.scratch.subject(item.id)? else { continue };
            let verdict = hindsight.judge(subject);
            score.count_suggestion(subject.kind(), moment.event(), item.confidence, verdict);
        }
        Ok(said.text)
    }

    /// Whether the files that a prompt led to were named.
    fn localise(&mut self, prompt: &Prompt, episode: &Episode, shown: &str) {
        let files = &self.history.files;
        let wanted: BTreeSet<&String> =
            episode.edited.difference(&episode.before).filter(|key| files.contains(*key)).collect();
        if wanted.is_empty() || prompt.text.chars().count() < INFORMATIVE {
            return;
        }
        let named: BTreeSet<&String> =
            files.iter().filter(|key| !key.is_empty() && names(shown, key)).collect();
        let score = &mut self.replayed.score;
        score.prompts += 1;
        score.recall += wanted.intersection(&named).count() as f64 / wanted.len() as f64;
        score.named += named.len() as u64;
        score.named_right +=
            named.iter().filter(|key| episode.touched.contains(**key)).count() as u64;
    }

    /// Whether a failure was met with the words of its mend.
    fn recover(
        &mut self,
        session: &Session,
        call: &Call,
        mend: &Mend,
        before: &str,
        by_then: &str,
    ) {
        let score = &mut self.replayed.score;
        score.mended += 1;
        let Some(teacher) = self.history.teacher(&mend.novel) else { return };
        score.learnable += 1;
        let prevented = self.history.covers(&mend.novel, &words(before));
        score.prevented += u64::from(prevented);
        let recovered = self.history.covers(&mend.novel, &words(by_then));
        score.recovered += u64::from(recovered);
        let (shown, error) = listed(call);
        if recovered {
            let tells = |line: &&str| self.history.covers(&mend.novel, &words(line));
            let telling: Vec<&str> = by_then.lines().filter(tells).collect();
            let said = telling.iter().find(|line| names_call(line, call)).or(telling.first());
            let said = said.copied().unwrap_or_default();
            self.replayed.hits.push(Hit {
                project: self.project.to_owned(),
                place: place(session, call),
                call: shown,
                error,
                said: said.to_owned(),
                to_the_point: names_call(said, call),
                prevented,
                known_from: teacher.clone(),
                lost_calls: lost_calls(session, mend.failure),
            });
            return;
        }
        self.replayed.misses.push(Miss {
            project: self.project.to_owned(),
            place: place(session, call),
            call: shown,
            error,
            novel: listed_words(session, mend),
            known_from: teacher.clone(),
            lost_calls: lost_calls(session, mend.failure),
        });
    }
}
