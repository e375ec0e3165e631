//! Runs one child process with bounded patience and gives everything it did as one value.

#![allow(dead_code, reason = "each of the two test binaries uses a part of it")]

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long after its end a child's output may stay open before the test says that something
/// which it started still holds it.
const DRAIN: Duration = Duration::from_secs(3);

/// What a child finds on its standard input.
pub(crate) enum Input {
    /// The end of the file at once.
    Empty,
    /// These bytes, then the end of the file.
    Bytes(Vec<u8>),
    /// These bytes, and then neither more nor an end for as long as the child lives.
    Endless(Vec<u8>),
}

/// Everything that one finished child did.
#[must_use = "assert on the status or on the output"]
pub(crate) struct Output {
    /// The bytes of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// The bytes of its standard error.
    pub(crate) stderr: Vec<u8>,
    /// Its exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// From the spawn to the exit.
    pub(crate) elapsed: Duration,
}

impl Output {
    /// Asserts that it exited with 0, and returns itself.
    #[track_caller]
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Asserts that it exited with `code`, and returns itself.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Its standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Its standard error as text.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Its standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on standard output ({error}): {self:?}"))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "exit code {:?} after {:?}", self.code, self.elapsed)?;
        writeln!(
            out,
            "--- standard output ({} bytes)\n{}",
            self.stdout.len(),
            start(&self.stdout)
        )?;
        write!(out, "--- standard error ({} bytes)\n{}", self.stderr.len(), start(&self.stderr))
    }
}

/// The first few thousand characters of `bytes`, enough to see what went wrong.
fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(4_000).collect()
}

/// Starts `command`. A binary that a test has just copied counts as being written while a child
/// that another test forked meanwhile still holds its descriptor, so that is waited for.
#[track_caller]
fn spawn(command: &mut Command) -> Child {
    for _ in 0..200 {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("cannot start {command:?}: {error}"),
            Ok(child) => return child,
        }
    }
    panic!("cannot start {command:?}: its file stays busy")
}

/// Runs `command` with `input` until it ends.
///
/// A child that is still running after `limit` is killed and the test fails; so does one whose
/// output stays open after its end, because something that it started holds it.
#[track_caller]
pub(crate) fn run(command: &mut Command, input: Input, limit: Duration) -> Output {
    command.stdin(match input {
        Input::Empty => Stdio::null(),
        Input::Bytes(_) | Input::Endless(_) => Stdio::piped(),
    });
    let started = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command);
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let held = feed(&mut child, input);
    let status = wait(&mut child, started, limit, command);
    let elapsed = started.elapsed();
    drop(held);
    let drained = |from: Receiver<Vec<u8>>| {
        from.recv_timeout(DRAIN).unwrap_or_else(|_| {
            panic!("{command:?} has ended, yet a process that it started holds its output open")
        })
    };
    let (stdout, stderr) = (drained(stdout), drained(stderr));
    Output { stdout, stderr, code: status, elapsed }
}

/// Waits for the end of `child` and returns its exit code.
#[track_caller]
fn wait(child: &mut Child, started: Instant, limit: Duration, command: &Command) -> Option<i32> {
    loop {
        if let Some(status) = child.try_wait().expect("the child is ours to wait for") {
            return status.code();
        }
        if started.elapsed() > limit {
            drop(child.kill());
            drop(child.wait());
            panic!("{command:?} was still running after {limit:?}");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Reads `pipe` to its end on a thread of its own and sends what came.
fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            drop(pipe.read_to_end(&mut bytes));
        }
        drop(sender.send(bytes));
    });
    receiver
}

/// Writes `input` to the child on a thread of its own.
///
/// A child may end without reading what it was sent, so a failed write is not an error. The
/// returned sender keeps an endless input open until it is dropped.
fn feed(child: &mut Child, input: Input) -> Option<std::sync::mpsc::Sender<()>> {
    let (bytes, endless) = match input {
        Input::Empty => return None,
        Input::Bytes(bytes) => (bytes, false),
        Input::Endless(bytes) => (bytes, true),
    };
    let mut pipe = child.stdin.take().expect("the input was asked to be a pipe");
    let (sender, receiver) = channel::<()>();
    thread::spawn(move || {
        drop(pipe.write_all(&bytes));
        if endless {
            // Returns when the other end is dropped, with nothing received.
            receiver.iter().for_each(drop);
        }
    });
    Some(sender)
}
