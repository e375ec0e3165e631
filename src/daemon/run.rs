//! The loop: wait until something is due or a signal says to end, start it, see how it ends.

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use super::DaemonError;
use super::instance::Instance;
use super::schedule::{Intervals, Job};
use super::signals::Signals;
use super::state::State;

/// Longest time without a look at the clock: it may be set, and machines sleep.
const NAP: Duration = Duration::from_mins(1);

/// What a job that is to end may take until it is killed; so a daemon stops within a second.
const GRACE: Duration = Duration::from_millis(600);

/// What the daemon needs from the program around it.
pub(crate) trait Work {
    /// Milliseconds since the Unix epoch.
    fn now(&self) -> i64;

    /// A number that is another one when there is something to learn from that was not there.
    fn news(&self) -> u64;

    /// Why the machine should be spared, if it should.
    fn strain(&self) -> Option<&'static str>;

    /// The folder of the logs.
    fn logs(&self) -> String;

    /// Milliseconds from one exchange with other devices to the next; `None` where nothing is
    /// shared.
    fn sync_interval(&self) -> Option<i64>;

    /// Starts a job as a process of its own.
    fn start(&self, job: Job) -> std::io::Result<Child>;

    /// Says what happened, for the log.
    fn tell(&self, what: &str);

    /// Says what went wrong.
    fn complain(&self, what: &str);
}

/// Starts in a row that find no program, after which a daemon ends: it was removed.
const GONE: u32 = 3;

/// Is the daemon of the home at `home` until a signal ends it, or until its home or its program is
/// gone.
///
/// # Errors
/// When another one runs, and when its lock or its signals cannot be had. What goes wrong later is
/// told and tried again.
pub(crate) fn run(home: &Path, each: Intervals, work: &dyn Work) -> Result<(), DaemonError> {
    let pid = std::process::id();
    let instance = Instance::take(home, pid)?;
    let signals = Signals::listen().map_err(DaemonError::Signals)?;
    let mut daemon = Daemon {
        home,
        each,
        work,
        signals,
        state: State::begin(pid, work.now()),
        news: None,
        fed: true,
        missing: 0,
    };
    let seconds = |millis: i64| u32::try_from(millis / 1_000).unwrap_or(u32::MAX);
    daemon.state.learn_interval = seconds(each.learn);
    daemon.state.consolidate_interval = seconds(each.consolidate);
    daemon.state.logs = work.logs();
    work.tell("started");
    let why = loop {
        if Signals::stopped() {
            break "stopped";
        }
        if !instance.holds() {
            break "stopped: its home was removed or replaced";
        }
        if daemon.missing >= GONE {
            break "stopped: its program was removed";
        }
        daemon.turn();
    };
    work.tell(why);
    Ok(())
}

struct Daemon<'a> {
    home: &'a Path,
    each: Intervals,
    work: &'a dyn Work,
    signals: Signals,
    state: State,
    /// What [`Work::news`] was at the last successful run of learning.
    news: Option<u64>,
    /// Whether anything was learned since the last consolidation.
    fed: bool,
    /// Starts in a row that found no program.
    missing: u32,
}

impl Daemon<'_> {
    /// Does what is due, or waits until something is.
    fn turn(&mut self) {
        let now = self.work.now();
        let strain = self.work.strain();
        self.state.strain = strain.map(String::from);
        self.each.sync = self.work.sync_interval();
        match self.each.next(&self.state, strain.is_some(), now) {
            Ok(job) => {
                self.attend(job, now, strain.is_some());
                self.save(strain.is_some());
            }
            Err(next) => {
                self.save(strain.is_some());
                let left = u64::try_from(next.saturating_sub(now)).unwrap_or(0).max(1);
                self.signals.wait(Duration::from_millis(left).min(NAP));
            }
        }
    }

    /// Sees to `job`, which is due.
    fn attend(&mut self, job: Job, now: i64, strained: bool) {
        self.state.of_mut(job).last = Some(now);
        let news = match job {
            Job::Learn => Some(self.work.news()),
            Job::Consolidate | Job::Sync => None,
        };
        let idle = match job {
            Job::Learn => news == self.news,
            Job::Consolidate => !self.fed,
            // Others may have said something.
            Job::Sync => false,
        };
        // A failure is tried again, whether there is anything new or not.
        if idle && self.state.of(job).failures == 0 {
            self.state.of_mut(job).idle += 1;
            return;
        }
        self.state.of_mut(job).since = Some(now);
        self.save(strained);
        let problem = self.do_it(job);
        if Signals::stopped() {
            // That is no failure: the next daemon's first run goes on.
            self.state.of_mut(job).since = None;
            return;
        }
        let took = self.work.now().saturating_sub(now).max(0);
        let state = self.state.of_mut(job);
        state.since = None;
        state.ran = Some(now);
        state.took = took;
        state.runs += 1;
        match problem {
            None => {
                state.failures = 0;
                state.error = None;
                match job {
                    Job::Learn => {
                        self.news = news;
                        self.fed = true;
                    }
                    Job::Consolidate => self.fed = false,
                    Job::Sync => {}
                }
            }
            Some(problem) => {
                self.work.complain(&format!("{} failed: {problem}", job.name()));
                state.failures = state.failures.saturating_add(1);
                state.error = Some(problem);
            }
        }
    }

    /// Runs `job` to its end, or ends it when the daemon has to. Returns what went wrong.
    fn do_it(&mut self, job: Job) -> Option<String> {
        let mut child = match self.work.start(job) {
            Ok(child) => child,
            Err(error) => {
                self.missing += u32::from(error.kind() == ErrorKind::NotFound);
                return Some(format!("cannot be started: {error}"));
            }
        };
        self.missing = 0;
        while !Signals::stopped() {
            match child.try_wait() {
                Ok(None) => self.signals.wait(NAP),
                Ok(Some(status)) => return problem(status),
                Err(error) => return Some(format!("cannot be waited for: {error}")),
            }
        }
        end(&mut child);
        self.work.tell(&format!("{} ended with it; the next run goes on", job.name()));
        None
    }

    /// Writes the state for those who ask. A full disk costs them the news only.
    fn save(&mut self, strained: bool) {
        let now = self.work.now();
        for job in Job::ALL {
            let next = self.each.due(job, self.state.of(job), strained, now);
            self.state.of_mut(job).next = next;
        }
        if let Err(error) = self.state.write(self.home) {
            self.work.complain(&format!("its state cannot be written: {error}"));
        }
    }
}

/// What was wrong with a job that ended so.
fn problem(status: ExitStatus) -> Option<String> {
    match (status.success(), status.code(), status.signal()) {
        (true, ..) => None,
        (_, Some(code), _) => Some(format!("it ended with {code}; the log says why")),
        (_, _, Some(signal)) => Some(format!("it was ended by signal {signal}")),
        _ => Some("it ended, and the system does not say how".into()),
    }
}

/// Ends a job: politely, and then not.
fn end(child: &mut Child) {
    if let Some(pid) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        // It may have ended by itself.
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let started = Instant::now();
    while started.elapsed() < GRACE {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _gone = child.kill();
    let _reaped = child.wait();
}
