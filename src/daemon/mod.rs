//! The daemon: starts learning and consolidation at intervals. Optional; nothing else needs it.
//!
//! It is a supervisor and does no work itself: each job is a process of its own, which may crash
//! or be killed without harm, and whose memory is gone when it ends. So the daemon stays as small
//! after weeks as at its start. [`schedule`] decides, [`mod@run`] waits and starts, [`instance`] sees to
//! it that there is one at most, [`state`] is what `mana daemon status` shows.

pub(crate) mod instance;
mod run;
mod schedule;
mod signals;
mod state;
pub(crate) mod strain;

use std::path::PathBuf;

pub(crate) use run::{Work, run};
pub(crate) use schedule::{Intervals, Job};
pub(crate) use state::{JobState, State};

/// A daemon that cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    /// Another one runs.
    #[error("a daemon runs already, as process {pid}")]
    Running {
        /// Its number.
        pid: u32,
    },
    /// A file or a signal cannot be had.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was tried, as a verb phrase.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system refuses handlers of signals.
    #[error("cannot listen to signals")]
    Signals(#[source] std::io::Error),
}
