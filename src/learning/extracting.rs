//! Trajectories are loaded and extracted on threads of their own while what others say is stored.

use std::path::Path;

use super::contained;
use super::extract::{self, View};
use super::judging::judge;
use crate::model::trajectory::{Body, Step};
use crate::storage::{
    Arriving, Extract, Prepared, Reader, Span, StorageError, StoredTrajectory, Told, Verdict,
    Workers,
};

/// How many trajectories may be extracted before what the first of them says is stored: about as
/// many as are stored together, since extraction goes on meanwhile.
const AHEAD: usize = 64;

/// What one trajectory says; its steps are not needed any more.
#[derive(Debug)]
pub(super) struct Extracted<'a> {
    /// The trajectory.
    pub(super) trajectory: &'a StoredTrajectory,
    /// How many steps it has.
    pub(super) steps: usize,
    /// What they say.
    pub(super) extract: Extract,
    /// The same, ready to be stored.
    pub(super) prepared: Vec<Prepared>,
    /// What hooks delivered in it.
    pub(super) deliveries: Vec<Delivery>,
    /// What came of what they said or held back.
    pub(super) verdicts: Vec<Verdict>,
    /// When it was.
    pub(super) span: Option<Span>,
}

/// A pattern that a hook delivered.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The hook's event.
    pub(super) event: String,
    /// The call that the event was about; may be empty.
    pub(super) tool_use: String,
    /// The short id of the pattern.
    pub(super) pattern: String,
}

/// A trajectory that was extracted, or that it lays a defect bare.
pub(super) type Outcome<'a> = Result<Extracted<'a>, String>;

/// Extracts the trajectories side by side and hands what they say to `store`, in order, on the
/// calling thread. Their steps are in the database of the home at `home` and do not change
/// meanwhile. Returns the result of `store`; when it returns early, the rest is left.
pub(super) fn extract_each<'a, T>(
    home: &Path,
    due: &'a [StoredTrajectory],
    workers: &Workers,
    store: impl FnOnce(&Arriving<Result<Outcome<'a>, StorageError>>) -> T,
) -> T {
    let connect = || None;
    let load = |reader: &mut Option<Reader>, trajectory: &StoredTrajectory| {
        let reader = match reader {
            Some(reader) => reader,
            None => reader.insert(Reader::beside(home)?),
        };
        Ok((reader.steps(trajectory.id)?, reader.told(&trajectory.key)?))
    };
    workers.in_order(
        due,
        AHEAD,
        connect,
        |reader, trajectory: &'a StoredTrajectory, parts| {
            let loaded = load(reader, trajectory);
            let extracted = loaded.map(|(steps, told)| Extracted::of(trajectory, steps, &told));
            // Nobody listens any more when storing has failed, and it says so itself.
            let _stopped = parts.send(extracted);
        },
        store,
    )
}

impl<'a> Extracted<'a> {
    fn of(trajectory: &'a StoredTrajectory, steps: Vec<Step>, told: &[Told]) -> Outcome<'a> {
        let name = format!("session {}", trajectory.key.session);
        let (extract, prepared, verdicts) = contained(&name, || {
            let view = View::new(&steps, &trajectory.root);
            let main = trajectory.key.agent.is_empty();
            let verdicts = told.iter().map(|told| judge(told, &view)).collect();
            let extract = extract::extract_from(&view, main);
            let prepared = Prepared::all(&extract);
            (extract, prepared, verdicts)
        })?;
        let (count, span) = (steps.len(), Span::of(&steps));
        let deliveries = steps.into_iter().flat_map(deliveries).collect();
        Ok(Self { trajectory, steps: count, extract, prepared, deliveries, verdicts, span })
    }
}

fn deliveries(step: Step) -> Vec<Delivery> {
    let Body::Injection { event, tool_use, patterns } = step.body else { return Vec::new() };
    let delivery = |pattern| Delivery { event: event.clone(), tool_use: tool_use.clone(), pattern };
    patterns.into_iter().map(delivery).collect()
}
