//! What the daemon did and will do: a file that others read.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schedule::Job;
use crate::storage::file::{self, PathError};

/// Name of the file in the home.
const FILE: &str = "daemon.json";

/// Largest file that is read.
const LIMIT: usize = 64 << 10;

/// Times are milliseconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    /// Process that wrote it.
    pub(crate) pid: u32,
    /// When that started.
    pub(crate) started: i64,
    /// The version of its program; empty where it did not say.
    pub(crate) version: String,
    /// Seconds from one run of learning to the next, unless it spares the machine; 0 where it did
    /// not say.
    pub(crate) learn_interval: u32,
    /// The same of consolidation.
    pub(crate) consolidate_interval: u32,
    /// The folder of its logs; empty where it did not say.
    pub(crate) logs: String,
    /// Learning.
    pub(crate) learn: JobState,
    /// Consolidation.
    pub(crate) consolidate: JobState,
    /// Exchanging with other devices.
    pub(crate) sync: JobState,
    /// Why the intervals are longer than they were set to: the battery, or the load.
    pub(crate) strain: Option<String>,
}

/// The runs of one job.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct JobState {
    /// Since when it runs, while it does.
    pub(crate) since: Option<i64>,
    /// When it was last looked whether there is anything to do.
    pub(crate) last: Option<i64>,
    /// When it last ran.
    pub(crate) ran: Option<i64>,
    /// Milliseconds that this run took.
    pub(crate) took: i64,
    /// When it is due next.
    pub(crate) next: Option<i64>,
    /// Runs of this process.
    pub(crate) runs: u64,
    /// Times that this process found nothing to do.
    pub(crate) idle: u64,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// What the last failure was.
    pub(crate) error: Option<String>,
}

impl State {
    /// Of a daemon that starts: what went before does not matter to it.
    pub(crate) fn begin(pid: u32, now: i64) -> Self {
        let version = env!("CARGO_PKG_VERSION").into();
        Self { pid, started: now, version, ..Self::default() }
    }

    /// What went wrong, where a job's last run failed.
    pub(crate) fn problem(&self) -> Option<&str> {
        let jobs = Job::ALL.map(|job| self.of(job));
        jobs.into_iter().find_map(|job| job.error.as_deref())
    }

    /// What the last daemon of the home at `home` wrote. What cannot be read is as good as none: it
    /// will be written anew.
    pub(crate) fn read(home: &Path) -> Option<Self> {
        let bytes = file::read(&home.join(FILE)).ok()??;
        if bytes.len() > LIMIT { None } else { serde_json::from_slice(&bytes).ok() }
    }

    /// Writes it for others.
    pub(crate) fn write(&self, home: &Path) -> Result<(), PathError> {
        let bytes = serde_json::to_vec(self).expect("states have string keys");
        file::replace_own(&home.join(FILE), &bytes)
    }

    /// The runs of `job`.
    pub(crate) fn of(&self, job: Job) -> &JobState {
        match job {
            Job::Learn => &self.learn,
            Job::Consolidate => &self.consolidate,
            Job::Sync => &self.sync,
        }
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, job: Job) -> &mut JobState {
        match job {
            Job::Learn => &mut self.learn,
            Job::Consolidate => &mut self.consolidate,
            Job::Sync => &mut self.sync,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_none() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(State::read(home.path()), None);
        let mut state = State::begin(7, 1_000);
        state.of_mut(Job::Learn).error = Some("no".into());
        state.write(home.path()).unwrap();
        assert_eq!(State::read(home.path()), Some(state));
        std::fs::write(home.path().join(FILE), "{\"pid\": ").unwrap();
        assert_eq!(State::read(home.path()), None);
        std::fs::write(home.path().join(FILE), "{\"pid\": 3, \"new\": 1}").unwrap();
        assert_eq!(State::read(home.path()).unwrap().pid, 3);
    }
}
