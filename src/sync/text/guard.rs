//! Has documents read by a process of their own, and believes nothing of what it answers.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::document::{Author, LIMIT};
use super::error::TextError;
use super::wire::{Answer, Request, answer_from, read_frame, write_frame};
use crate::model::page::Page;

/// How long one request may take, by the clock on the wall.
const PATIENCE: Duration = Duration::from_secs(10);

/// How the process that reads documents is started. One that runs serves several requests; it ends
/// with this value.
#[derive(Debug)]
pub(crate) struct WorkerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    patience: Duration,
    running: Mutex<Option<Running>>,
    /// Whether requests are answered without a process.
    #[cfg(test)]
    here: bool,
}

/// A process at work. Pipes block, so a thread stands at them: what matters here is that waiting
/// ends.
#[derive(Debug)]
struct Running {
    child: Child,
    requests: Option<Sender<Vec<u8>>>,
    answers: Receiver<io::Result<Option<Vec<u8>>>>,
    /// Requests that it has answered.
    served: u32,
}

/// `ours` and `theirs` in one, with its page; without `ours`, `theirs` in our own encoding.
///
/// # Errors
/// Says what is wrong with the documents; [`TextError::Worker`] where reading them did not end well.
pub(crate) fn merge_guarded(
    worker: &WorkerCommand,
    ours: Option<&[u8]>,
    theirs: &[u8],
) -> Result<(Vec<u8>, Page), TextError> {
    worker.ask(&Request::Merge { ours: ours.map(<[u8]>::to_vec), theirs: theirs.to_vec() })
}

/// As [`super::document::edit`].
pub(crate) fn edit_guarded(
    worker: &WorkerCommand,
    document: &[u8],
    seen: Option<&[u8]>,
    author: &Author,
    page: &Page,
) -> Result<(Vec<u8>, Page), TextError> {
    worker.ask(&Request::Edit {
        document: document.to_vec(),
        seen: seen.map(<[u8]>::to_vec),
        author: *author,
        page: page.clone(),
    })
}

/// As [`super::document::renew`]: for a text in which something was found that has to go.
pub(crate) fn renew_guarded(
    worker: &WorkerCommand,
    document: &[u8],
    page: Option<&Page>,
) -> Result<(Vec<u8>, Page), TextError> {
    worker.ask(&Request::Renew { document: document.to_vec(), page: page.cloned() })
}

impl WorkerCommand {
    /// The process is `program` with `arguments`.
    pub(crate) fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            patience: PATIENCE,
            running: Mutex::new(None),
            #[cfg(test)]
            here: false,
        }
    }

    /// For documents that no enemy wrote: they are read by this process.
    #[cfg(test)]
    pub(crate) fn here() -> Self {
        Self { here: true, ..Self::new("", [""; 0]) }
    }

    fn ask(&self, request: &Request) -> Answer {
        let found = request.largest();
        if found > LIMIT {
            return Err(TextError::Large { found });
        }
        #[cfg(test)]
        if self.here {
            return super::worker::answer(request);
        }
        let frame = request.to_bytes();
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut running = match slot.take() {
                Some(running) => running,
                None => self.start()?,
            };
            match running.ask(frame.clone(), self.patience) {
                Ok(answer) => {
                    running.served += 1;
                    *slot = Some(running);
                    return answer;
                }
                // What it read before may have left it short of memory: that is not this one's
                // fault.
                Err(_) if running.served > 0 => {}
                Err(reason) => return Err(TextError::Worker(reason)),
            }
        }
    }

    fn start(&self) -> Result<Running, TextError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a hostile document makes it say is nobody's business.
            .stderr(Stdio::null())
            .spawn()
            .map_err(TextError::Start)?;
        let (Some(mut input), Some(mut output)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both were asked for");
        };
        let (requests, asked) = channel::<Vec<u8>>();
        let (answering, answers) = channel();
        thread::spawn(move || {
            for request in asked {
                let answer =
                    write_frame(&mut input, &request).and_then(|()| read_frame(&mut output));
                let over = !matches!(answer, Ok(Some(_)));
                if answering.send(answer).is_err() || over {
                    return;
                }
            }
        });
        Ok(Running { child, requests: Some(requests), answers, served: 0 })
    }
}

impl Running {
    /// The answer to a request, or why there is none: then the process is of no use any more.
    fn ask(&mut self, frame: Vec<u8>, patience: Duration) -> Result<Answer, &'static str> {
        const DIED: &str = "took too much memory or time";
        const SILENT: &str = "took too long";
        const NONSENSE: &str = "led to an answer that makes no sense";
        let requests = self.requests.as_ref().ok_or(DIED)?;
        requests.send(frame).map_err(|_| DIED)?;
        match self.answers.recv_timeout(patience) {
            Ok(Ok(Some(answer))) => answer_from(&answer).ok_or(NONSENSE),
            Ok(Ok(None) | Err(_)) | Err(RecvTimeoutError::Disconnected) => Err(DIED),
            Err(RecvTimeoutError::Timeout) => Err(SILENT),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.requests.take());
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn worker(script: &str) -> WorkerCommand {
        WorkerCommand::new("/bin/sh", ["-c", script])
    }

    fn refused(worker: &WorkerCommand) -> String {
        merge_guarded(worker, None, b"document").unwrap_err().to_string()
    }

    #[test]
    fn whatever_the_process_does_is_an_answer_or_an_error() {
        for (script, reason) in [
            ("exit 0", "took too much memory or time"),
            ("kill -9 $$", "took too much memory or time"),
            ("head -c 3", "took too much memory or time"),
            ("cat", "led to an answer that makes no sense"),
            (
                "head -c 1 > /dev/null; printf '\\377\\377\\377\\377'",
                "took too much memory or time",
            ),
            ("yes >&2 & kill $!; cat", "makes no sense"),
        ] {
            let refused = refused(&worker(script));
            assert!(refused.contains(reason), "{script}: {refused}");
        }
        let missing = WorkerCommand::new("/nonexistent/mana", [""; 0]);
        assert_eq!(refused(&missing), "cannot start the process that reads documents");
        let large = merge_guarded(&missing, None, &vec![0; LIMIT + 1]).unwrap_err().to_string();
        assert!(large.contains("65537 bytes"), "it is not even started: {large}");
    }

    #[test]
    fn one_that_says_nothing_is_stopped() {
        let silent = WorkerCommand { patience: Duration::from_millis(100), ..worker("sleep 600") };
        let started = Instant::now();
        assert!(refused(&silent).contains("took too long"));
        assert!(started.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn one_that_has_served_before_is_given_another_try() {
        // Answers the first request of its life, and dies at the second.
        let answers =
            "head -c 18 > /dev/null; printf '\\001\\000\\000\\000\\003'; head -c 1 > /dev/null";
        let worker = worker(answers);
        for _ in 0..4 {
            assert!(refused(&worker).contains("any person's length"));
        }
        let named = TextError::Long.about(crate::model::ids::PatternId::derive("", "", "", ""));
        assert!(named.to_string().contains("cannot be used"), "{named}");
    }
}
