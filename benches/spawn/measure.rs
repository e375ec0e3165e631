//! Starts a program, waits for it, and says what it took.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program with its arguments and its whole environment.
#[derive(Clone)]
pub(crate) struct Program {
    pub path: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(OsString, OsString)>,
}

/// What one run took.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// From just before the spawn until standard output was closed and the child was reaped: the
    /// client waits for both.
    pub wall: Duration,
    /// Processor time of the child, in user and kernel space.
    pub busy: Duration,
    /// The child's largest resident set, in bytes. It cannot read below this process's own
    /// (a few megabytes), which a child shares until it has become another program.
    pub peak_memory: u64,
    /// Bytes of standard output.
    pub said: usize,
    /// Whether it ended with exit code 0.
    pub succeeded: bool,
}

impl Program {
    /// Runs once, with the file `input` as standard input.
    pub(crate) fn run(&self, input: &Path) -> io::Result<Run> {
        let mut command = self.command();
        command.stdin(File::open(input)?).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut output = Vec::with_capacity(16 << 10);
        let start = Instant::now();
        let mut child = command.spawn()?;
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_end(&mut output)?;
        }
        let (status, usage) = reap(child.id())?;
        let wall = start.elapsed();
        Ok(Run {
            wall,
            busy: duration(usage.ru_utime) + duration(usage.ru_stime),
            peak_memory: kibibytes(usage.ru_maxrss) * 1024,
            said: output.len(),
            succeeded: status == 0,
        })
    }

    /// The command, for callers that want its output.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).env_clear().envs(self.environment.iter().cloned());
        command
    }
}

/// Waits for the child and returns its raw status with what it used. The standard library waits
/// without asking for the usage.
#[expect(unsafe_code, reason = "no safe wrapper hands out the usage of one child")]
fn reap(child: u32) -> io::Result<(libc::c_int, libc::rusage)> {
    let child = libc::pid_t::try_from(child).expect("the kernel hands out ids that fit");
    let mut status = 0;
    // SAFETY: a `rusage` is plain numbers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live values of the types that the call fills in, and the
        // child is ours and not waited for elsewhere: its handle is only ever dropped.
        let result = unsafe { libc::wait4(child, &raw mut status, 0, &raw mut usage) };
        if result == child {
            return Ok((status, usage));
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}

fn kibibytes(value: libc::c_long) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// What many runs of one program took.
pub(crate) struct Summary {
    pub runs: usize,
    pub median: Duration,
    pub p99: Duration,
    pub lowest: Duration,
    /// Median of the processor time: what neighbours on the machine change least.
    pub busy: Duration,
    /// The largest of all runs, in bytes.
    pub peak_memory: u64,
    /// How many runs wrote anything.
    pub answered: usize,
    /// How many runs ended with another exit code than 0.
    pub failures: usize,
}

impl Summary {
    /// Sums up `runs`, of which there is at least one.
    pub(crate) fn of(runs: &[Run]) -> Self {
        let sorted = |value: fn(&Run) -> Duration| {
            let mut values: Vec<Duration> = runs.iter().map(value).collect();
            values.sort_unstable();
            values
        };
        let (walls, busy) = (sorted(|run| run.wall), sorted(|run| run.busy));
        let rank = |share: f64| ((walls.len() - 1) as f64 * share).round() as usize;
        Self {
            runs: runs.len(),
            median: walls[rank(0.5)],
            p99: walls[rank(0.99)],
            lowest: walls[0],
            busy: busy[rank(0.5)],
            peak_memory: runs.iter().map(|run| run.peak_memory).max().unwrap_or(0),
            answered: runs.iter().filter(|run| run.said > 0).count(),
            failures: runs.iter().filter(|run| !run.succeeded).count(),
        }
    }
}

/// Runs all programs in turn, A B C A B C …, so that what happens on the machine meanwhile hits
/// them alike. `input` writes the standard input of round `n` and returns its path.
pub(crate) fn interleaved(
    programs: &[Program],
    rounds: usize,
    mut input: impl FnMut(usize) -> io::Result<PathBuf>,
) -> io::Result<Vec<Summary>> {
    const WARM_UP: usize = 3;
    let mut runs = vec![Vec::with_capacity(rounds); programs.len()];
    for round in 0..rounds + WARM_UP {
        let input = input(round)?;
        for (program, runs) in programs.iter().zip(&mut runs) {
            let run = program.run(&input)?;
            if round >= WARM_UP {
                runs.push(run);
            }
        }
    }
    Ok(runs.iter().map(|runs| Summary::of(runs)).collect())
}
