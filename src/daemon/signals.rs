//! Waiting for a signal or for a time, whichever comes first.

use std::ffi::c_int;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

/// Signals that end the daemon.
const STOP: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// Set when the daemon is to end.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// End of the pipe into which the handler writes; below 0 while there is none.
static BELL: AtomicI32 = AtomicI32::new(-1);

/// The signals of this process, while it listens.
#[derive(Debug)]
pub(super) struct Signals {
    heard: OwnedFd,
    _bell: OwnedFd,
}

impl Signals {
    /// Listens from now on, to what ends the daemon and to children that ended.
    ///
    /// The handlers stay for the life of the process: it is called once.
    #[expect(
        unsafe_code,
        reason = "handlers of signals may do very little: `ring` says why it may"
    )]
    pub(super) fn listen() -> io::Result<Self> {
        let (heard, bell) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        BELL.store(bell.as_raw_fd(), Ordering::SeqCst);
        for signal in STOP.into_iter().chain([Signal::SIGCHLD]) {
            let action =
                SigAction::new(SigHandler::Handler(ring), SaFlags::SA_RESTART, SigSet::empty());
            // SAFETY: `ring` does one system call and touches two atomics.
            unsafe { sigaction(signal, &action) }?;
        }
        Ok(Self { heard, _bell: bell })
    }

    /// Whether a signal asked the daemon to end.
    pub(super) fn stopped() -> bool {
        STOPPED.load(Ordering::SeqCst)
    }

    /// Waits until a signal arrives, `time` at most. One that arrived before ends it at once.
    pub(super) fn wait(&self, time: Duration) {
        let timeout = Timespec {
            tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        // Interrupted or not: the caller looks again at what it waits for.
        let _ready = poll(&mut [PollFd::new(&self.heard, PollFlags::IN)], Some(&timeout));
        let mut rung = [0_u8; 64];
        while rustix::io::read(&self.heard, &mut rung).is_ok_and(|read| read > 0) {}
    }
}

/// Handler of the signals.
#[expect(unsafe_code, reason = "the pipe belongs to `Signals`, which a handler cannot reach")]
extern "C" fn ring(signal: c_int) {
    if signal != Signal::SIGCHLD as c_int {
        STOPPED.store(true, Ordering::SeqCst);
    }
    let bell = BELL.load(Ordering::SeqCst);
    if bell >= 0 {
        // SAFETY: the pipe is open for as long as the daemon listens, which is until it ends.
        let bell = unsafe { BorrowedFd::borrow_raw(bell) };
        // A full pipe has rung already.
        let _full = rustix::io::write(bell, &[1]);
    }
}
