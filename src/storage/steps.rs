//! Trajectories and their steps.
//!
//! A resumed or forked session repeats steps of the session it came from, and a subagent's steps
//! can stand in its parent's file too. A step is stored once, and which copy that is must not
//! depend on which was read first: the one whose session, agent and transcript are the smallest
//! in the order of their texts. Copies have the same times, so that no better rule is at hand
//! that looks at nothing but the two copies.

use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};

use super::error::{Attempt, StorageError};
use super::open::Reader;
use super::store::Store;
use crate::model::ids::StepId;
use crate::model::paths;
use crate::model::trajectory::{Author, Body, Call, Outcome, Step, TrajectoryKey};

/// Numbers of the step kinds in the table; never reuse or renumber one.
mod body {
    pub(super) const PROMPT: i64 = 1;
    pub(super) const CALL: i64 = 2;
    pub(super) const FEEDBACK: i64 = 3;
    pub(super) const INTERRUPT: i64 = 4;
    pub(super) const COMPACTION: i64 = 5;
    pub(super) const INJECTION: i64 = 6;
}

/// A trajectory's row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoredTrajectory {
    /// Row number.
    pub(crate) id: i64,
    /// Session and agent.
    pub(crate) key: TrajectoryKey,
    /// Row of its project.
    pub(crate) project: i64,
    /// The project's folder, to which paths are relative.
    pub(crate) root: String,
}

/// Where a step was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StepPlace {
    /// Row of its trajectory.
    pub(crate) trajectory: i64,
    /// Row of its transcript.
    pub(crate) transcript: i64,
}

/// The times between which a trajectory's steps happened, as far as they tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    started: Option<i64>,
    ended: Option<i64>,
}

impl Span {
    /// The span of `steps`; none without any step.
    pub(crate) fn of(steps: &[Step]) -> Option<Self> {
        let times = || steps.iter().filter_map(|step| step.at);
        (!steps.is_empty()).then(|| Self { started: times().min(), ended: times().max() })
    }
}

/// The stored copy of a step.
#[derive(Debug)]
struct Stored {
    row: i64,
    place: StepPlace,
    owner: Owner,
    outcome: Outcome,
    error: String,
    detail: String,
    settled: Option<i64>,
}

/// How a call ended, as a transcript tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallResult<'a> {
    /// The call's step.
    pub(crate) call: StepId,
    /// Row of the transcript that tells it.
    pub(crate) transcript: i64,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The message of a failure.
    pub(crate) error: &'a str,
    /// The call's new detail; empty if what its input told stands.
    pub(crate) detail: &'a str,
}

/// What decides which copy of a step is kept: session, agent, path of the transcript.
type Owner = (String, String, String);

fn outcome_number(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Unknown => 0,
        Outcome::Success => 1,
        Outcome::Failure => 2,
        Outcome::MaskedFailure => 3,
        Outcome::Rejected => 4,
        Outcome::Cancelled => 5,
        Outcome::Interrupted => 6,
    }
}

fn outcome_from(number: i64) -> Outcome {
    match number {
        1 => Outcome::Success,
        2 => Outcome::Failure,
        3 => Outcome::MaskedFailure,
        4 => Outcome::Rejected,
        5 => Outcome::Cancelled,
        6 => Outcome::Interrupted,
        _ => Outcome::Unknown,
    }
}

/// The columns body, tool, subject, detail, outcome, error of a step.
type Columns<'a> = (i64, &'a str, &'a str, &'a str, i64, String);

fn columns(body: &Body) -> Columns<'_> {
    match body {
        Body::Prompt { text, author } => {
            let author = match author {
                Author::Human => "human",
                Author::Agent => "agent",
                Author::Command => "command",
            };
            (body::PROMPT, "", text, author, 0, String::new())
        }
        Body::Call(call) => (
            body::CALL,
            &call.tool,
            &call.subject,
            &call.detail,
            outcome_number(call.outcome),
            call.error.clone(),
        ),
        Body::Feedback { text, about } => (body::FEEDBACK, "", text, about, 0, String::new()),
        Body::Interrupt => (body::INTERRUPT, "", "", "", 0, String::new()),
        Body::Compaction => (body::COMPACTION, "", "", "", 0, String::new()),
        Body::Injection { event, tool_use, patterns } => {
            (body::INJECTION, "", event, tool_use, 0, patterns.join(","))
        }
    }
}

fn step_from(row: &Row<'_>) -> Result<Step, rusqlite::Error> {
    let text = |n| row.get::<_, String>(n);
    let body = match row.get::<_, i64>(4)? {
        body::PROMPT => {
            let author = match text(7)?.as_str() {
                "agent" => Author::Agent,
                "command" => Author::Command,
                _ => Author::Human,
            };
            Body::Prompt { text: text(6)?, author }
        }
        body::CALL => Body::Call(Call {
            tool: text(5)?,
            subject: text(6)?,
            detail: text(7)?,
            outcome: outcome_from(row.get(8)?),
            error: text(9)?,
        }),
        body::FEEDBACK => Body::Feedback { text: text(6)?, about: text(7)? },
        body::COMPACTION => Body::Compaction,
        body::INJECTION => Body::Injection {
            event: text(6)?,
            tool_use: text(7)?,
            patterns: text(9)?.split(',').filter(|id| !id.is_empty()).map(String::from).collect(),
        },
        _ => Body::Interrupt,
    };
    Ok(Step {
        id: StepId::from_bytes(row.get(0)?),
        line: row.get::<_, i64>(1)? as u64,
        at: row.get(2)?,
        cwd: text(3)?,
        body,
    })
}

impl Reader {
    /// Trajectories that the extraction of this revision has not seen, oldest first.
    pub(crate) fn trajectories_to_do(
        &self,
        revision: i64,
    ) -> Result<Vec<StoredTrajectory>, StorageError> {
        self.list_trajectories(
            "SELECT id, session, agent, project, root FROM trajectories
             WHERE revision <> ?1 ORDER BY started, id",
            revision,
        )
    }

    /// The newest trajectories, so many at most, the newest first.
    pub(crate) fn newest_trajectories(
        &self,
        limit: u32,
    ) -> Result<Vec<StoredTrajectory>, StorageError> {
        self.list_trajectories(
            "SELECT id, session, agent, project, root FROM trajectories
             ORDER BY started DESC, id DESC LIMIT ?1",
            limit.into(),
        )
    }

    /// All trajectories of a project, the newest first.
    #[cfg(feature = "sync")]
    pub(crate) fn trajectories_of(
        &self,
        project: i64,
    ) -> Result<Vec<StoredTrajectory>, StorageError> {
        self.list_trajectories(
            "SELECT id, session, agent, project, root FROM trajectories
             WHERE project = ?1 ORDER BY started DESC, id DESC",
            project,
        )
    }

    fn list_trajectories(
        &self,
        sql: &str,
        parameter: i64,
    ) -> Result<Vec<StoredTrajectory>, StorageError> {
        let mut query = self.conn.prepare_cached(sql).attempt("list the trajectories")?;
        let rows = query.query_map([parameter], |row| {
            Ok(StoredTrajectory {
                id: row.get(0)?,
                key: TrajectoryKey { session: row.get(1)?, agent: row.get(2)? },
                project: row.get(3)?,
                root: row.get(4)?,
            })
        });
        rows.and_then(Iterator::collect).attempt("list the trajectories")
    }

    /// The steps of a trajectory in the order of its transcript. When it has several, they
    /// follow in the order of their paths.
    pub(crate) fn steps(&self, trajectory: i64) -> Result<Vec<Step>, StorageError> {
        let transcripts = self.transcripts_of(trajectory)?;
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT id, line, at, cwd, body, tool, subject, detail, outcome, error
                 FROM steps WHERE trajectory = ?1 AND transcript = ?2 ORDER BY line, row",
            )
            .attempt("read a trajectory's steps")?;
        let mut steps = Vec::new();
        for transcript in transcripts {
            let rows = query.query_map([trajectory, transcript], step_from);
            for step in rows.attempt("read a trajectory's steps")? {
                steps.push(step.attempt("read a trajectory's steps")?);
            }
        }
        Ok(steps)
    }

    /// The transcripts in which steps of a trajectory stand, by their paths.
    fn transcripts_of(&self, trajectory: i64) -> Result<Vec<i64>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT f.id FROM (SELECT DISTINCT transcript FROM steps WHERE trajectory = ?1) s
                 JOIN transcripts f ON f.id = s.transcript ORDER BY f.path",
            )
            .attempt("list a trajectory's transcripts")?;
        let rows = query.query_map([trajectory], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt("list a trajectory's transcripts")
    }

    fn stored_step(&self, id: StepId) -> Result<Option<Stored>, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT s.row, s.trajectory, s.transcript, t.session, t.agent, f.path,
                        s.outcome, s.error, s.detail, s.settled
                 FROM steps s
                 JOIN trajectories t ON t.id = s.trajectory
                 JOIN transcripts f ON f.id = s.transcript
                 WHERE s.id = ?1",
            )
            .and_then(|mut query| {
                query
                    .query_row([id.as_bytes()], |row| {
                        Ok(Stored {
                            row: row.get(0)?,
                            place: StepPlace { trajectory: row.get(1)?, transcript: row.get(2)? },
                            owner: (row.get(3)?, row.get(4)?, row.get(5)?),
                            outcome: outcome_from(row.get(6)?),
                            error: row.get(7)?,
                            detail: row.get(8)?,
                            settled: row.get(9)?,
                        })
                    })
                    .optional()
            })
            .attempt("look up a step")
    }

    fn owner(&self, place: StepPlace) -> Result<Owner, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT t.session, t.agent, f.path FROM trajectories t, transcripts f
                 WHERE t.id = ?1 AND f.id = ?2",
            )
            .and_then(|mut query| {
                query.query_row([place.trajectory, place.transcript], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
            })
            .attempt("look up a step's place")
    }
}

impl Store {
    /// The home, for those who read its database beside the store.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The row of a trajectory, made if it is new. Its extraction becomes due again. It started
    /// in `folder`, as far as is known at `at`; its paths are relative to `root`.
    pub(crate) fn ensure_trajectory(
        &mut self,
        key: &TrajectoryKey,
        project: i64,
        folder: &str,
        root: &str,
        at: i64,
    ) -> Result<i64, StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO trajectories
                     (session, agent, project, folder, root, started, ended, revision)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0)
                 ON CONFLICT (session, agent) DO UPDATE SET
                     started = min(started, excluded.started),
                     ended = max(ended, excluded.ended), revision = 0
                 RETURNING id",
            )
            .and_then(|mut insert| {
                insert
                    .query_row(params![key.session, key.agent, project, folder, root, at], |row| {
                        row.get(0)
                    })
            })
            .attempt("store a trajectory")
    }

    /// Stores a step. Of a step that is there already, the copy that is kept gets what the other
    /// knows of its outcome.
    pub(crate) fn put_step(&mut self, place: StepPlace, step: &Step) -> Result<(), StorageError> {
        if self.insert_step(place, step)? {
            return match &step.body {
                Body::Call(call) if call.outcome == Outcome::Unknown => self.take_result(step.id),
                _ => Ok(()),
            };
        }
        let stored = self.reader.stored_step(step.id)?;
        let stored = stored.expect("what the insert met is there");
        if stored.place == place {
            // The transcript is read again: it may have been rewritten.
            return self.replace_step(place, step, &stored);
        }
        let ours = self.reader.owner(place)?;
        if ours < stored.owner {
            self.mark_due(stored.place.trajectory)?;
            return self.replace_step(place, step, &stored);
        }
        match &step.body {
            Body::Call(call) if call.outcome != Outcome::Unknown => {
                let (outcome, error, detail) = (call.outcome, &*call.error, &*call.detail);
                let transcript = place.transcript;
                let result = CallResult { call: step.id, transcript, outcome, error, detail };
                self.set_result(&result).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Stores a step unless it is there; returns whether it was not.
    fn insert_step(&mut self, place: StepPlace, step: &Step) -> Result<bool, StorageError> {
        let (body, tool, subject, detail, outcome, error) = columns(&step.body);
        self.conn()
            .prepare_cached(
                "INSERT INTO steps (id, trajectory, transcript, line, at, cwd, body, tool, subject,
                                    detail, outcome, error, settled)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
                         CASE WHEN ?11 <> 0 THEN ?3 END)
                 ON CONFLICT (id) DO NOTHING",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    step.id.as_bytes(),
                    place.trajectory,
                    place.transcript,
                    step.line as i64,
                    step.at,
                    paths::tilde(&step.cwd),
                    body,
                    tool,
                    subject,
                    detail,
                    outcome,
                    error,
                ])
            })
            .map(|inserted| inserted == 1)
            .attempt("store a step")
    }

    /// Puts `step` in the place of its `stored` copy, with that one's outcome if it has none.
    fn replace_step(
        &mut self,
        place: StepPlace,
        step: &Step,
        stored: &Stored,
    ) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("DELETE FROM steps WHERE row = ?1")
            .and_then(|mut delete| delete.execute([stored.row]))
            .attempt("replace a step")?;
        self.insert_step(place, step)?;
        if let Some(transcript) = stored.settled {
            self.set_result(&CallResult {
                call: step.id,
                transcript,
                outcome: stored.outcome,
                error: &stored.error,
                detail: &stored.detail,
            })?;
        }
        Ok(())
    }

    /// Stores the result of a call that was read earlier; extraction of its trajectory is due
    /// again. A result whose call was never read waits for it.
    pub(crate) fn update_call(&mut self, result: &CallResult<'_>) -> Result<(), StorageError> {
        if self.set_result(result)? {
            return Ok(());
        }
        self.conn()
            .prepare_cached(
                "INSERT INTO results (call, transcript, outcome, error, detail)
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM steps WHERE id = ?1)
                 ON CONFLICT (call) DO NOTHING",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    result.call.as_bytes(),
                    result.transcript,
                    outcome_number(result.outcome),
                    result.error,
                    result.detail
                ])
            })
            .map(drop)
            .attempt("store a result")
    }

    /// Gives a call a result, and returns whether it took it. A result in the transcript that the
    /// call is kept from stands above those in copies; among these the first transcript's does.
    fn set_result(&mut self, result: &CallResult<'_>) -> Result<bool, StorageError> {
        let trajectory: Option<i64> = self
            .conn()
            .prepare_cached(
                "UPDATE steps SET outcome = ?3, error = ?4, settled = ?2,
                     detail = CASE WHEN ?5 = '' THEN detail ELSE ?5 END
                 WHERE id = ?1 AND body = 2 AND (outcome = 0 OR settled <> ?2 AND (
                     transcript = ?2 OR settled <> transcript
                     AND (SELECT path FROM transcripts WHERE id = ?2)
                         < (SELECT path FROM transcripts WHERE id = settled)))
                 RETURNING trajectory",
            )
            .and_then(|mut update| {
                update
                    .query_row(
                        params![
                            result.call.as_bytes(),
                            result.transcript,
                            outcome_number(result.outcome),
                            result.error,
                            result.detail
                        ],
                        |row| row.get(0),
                    )
                    .optional()
            })
            .attempt("store a call's result")?;
        if let Some(trajectory) = trajectory {
            self.mark_due(trajectory)?;
        }
        Ok(trajectory.is_some())
    }

    /// Gives a call the result that waited for it.
    fn take_result(&mut self, call: StepId) -> Result<(), StorageError> {
        let waiting: Option<(i64, i64, String, String)> = self
            .conn()
            .prepare_cached(
                "DELETE FROM results WHERE call = ?1
                 RETURNING transcript, outcome, error, detail",
            )
            .and_then(|mut delete| {
                delete
                    .query_row([call.as_bytes()], |row| {
                        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
                    })
                    .optional()
            })
            .attempt("look for a call's result")?;
        if let Some((transcript, outcome, error, detail)) = waiting {
            let outcome = outcome_from(outcome);
            let (error, detail) = (&*error, &*detail);
            self.set_result(&CallResult { call, transcript, outcome, error, detail })?;
        }
        Ok(())
    }

    /// Drops results that waited for calls which came with one.
    pub(crate) fn drop_needless_results(&mut self) -> Result<(), StorageError> {
        self.conn()
            .execute("DELETE FROM results WHERE call IN (SELECT id FROM steps)", [])
            .map(drop)
            .attempt("drop needless results")
    }

    /// Records that a trajectory has to be extracted again.
    pub(super) fn mark_due(&mut self, trajectory: i64) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("UPDATE trajectories SET revision = 0 WHERE id = ?1 AND revision <> 0")
            .and_then(|mut update| update.execute([trajectory]))
            .map(drop)
            .attempt("mark a trajectory")
    }

    /// Records that the extraction of `revision` has seen the trajectory, whose steps have this
    /// `span`. One without steps, because all of them are other trajectories' too, is dropped.
    pub(crate) fn mark_extracted(
        &mut self,
        trajectory: i64,
        revision: i64,
        span: Option<Span>,
    ) -> Result<(), StorageError> {
        let Some(Span { started, ended }) = span else {
            return self.drop_trajectory(trajectory);
        };
        self.conn()
            .prepare_cached(
                "UPDATE trajectories SET revision = ?2, started = coalesce(?3, started),
                     ended = coalesce(?4, ended)
                 WHERE id = ?1",
            )
            .and_then(|mut update| update.execute(params![trajectory, revision, started, ended]))
            .map(drop)
            .attempt("mark a trajectory")
    }

    /// Drops a trajectory of which nothing is left.
    pub(super) fn drop_trajectory(&mut self, trajectory: i64) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached("DELETE FROM trajectories WHERE id = ?1")
            .and_then(|mut delete| delete.execute([trajectory]))
            .map(drop)
            .attempt("drop a trajectory")
    }
}
