//! Ends a hook command when its time is up, or its memory fails. Hot.
//!
//! Timers of the kernel and no second thread: on a machine with two cores a thread that only
//! sleeps made a hook 8 % slower. At [`LIMIT`] a signal ends the process with 0, wherever it
//! waits. What waits for a dead network mount hears only a signal that kills; that one comes
//! [`GRACE`] later.
//!
//! A full stack, and a mapped file that became shorter, are signals too; they end a hook as anything
//! else that goes wrong does: with 0, without an answer, with a line in the log.

use std::ffi::c_int;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::alarm;

use crate::cli::time;
use crate::storage::log::LastWords;

/// Longest time that a hook command takes, in seconds.
const LIMIT: u32 = 2;

/// How long the log may take after that, in milliseconds: it may be what never ends.
#[cfg(target_os = "linux")]
const GRACE: i64 = 200;

/// What the handler of a fault stands on, since the stack may be full: with room for what a processor
/// keeps of its registers.
const ROOM: usize = 64 << 10;

/// Set by whoever is first: the work when it is done, or the signal when the time is up.
static OVER: AtomicBool = AtomicBool::new(false);

/// What is told when the time is up, and where.
static LAST_WORDS: OnceLock<LastWords> = OnceLock::new();

/// A time that runs.
#[derive(Debug)]
pub(super) struct Watch {
    #[cfg(target_os = "linux")]
    kill: Option<nix::sys::timer::Timer>,
}

/// Lets the time of this process run. Where a timer cannot be had, the work goes on without it:
/// the client has a limit of its own.
#[expect(
    unsafe_code,
    reason = "a signal's handler may do very little: `time_is_up` says why it may"
)]
pub(super) fn begin() -> Watch {
    let action =
        SigAction::new(SigHandler::Handler(time_is_up), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: `time_is_up` calls nothing but system calls and reads two statics that need no lock.
    if unsafe { sigaction(Signal::SIGALRM, &action) }.is_ok() {
        alarm::set(LIMIT);
    }
    end_at_faults();
    Watch {
        #[cfg(target_os = "linux")]
        kill: kill_timer().ok(),
    }
}

/// From now on a fault of memory ends the process with 0.
#[expect(unsafe_code, reason = "a stack for signals has no safe interface")]
fn end_at_faults() {
    static mut STACK: [u8; ROOM] = [0; ROOM];

    let stack = libc::stack_t { ss_sp: (&raw mut STACK).cast(), ss_flags: 0, ss_size: ROOM };
    let action = SigAction::new(SigHandler::Handler(fault), SaFlags::SA_ONSTACK, SigSet::empty());
    // SAFETY: the stack is used by nothing else and lasts as long as the process; `fault` calls
    // nothing but system calls, and reads a static that needs no lock. Where one fails, a fault ends
    // the process as any other's.
    unsafe {
        if libc::sigaltstack(&raw const stack, std::ptr::null_mut()) == 0 {
            let _without =
                sigaction(Signal::SIGSEGV, &action).and(sigaction(Signal::SIGBUS, &action));
        }
    }
}

/// A timer that kills this process a little after its time.
#[cfg(target_os = "linux")]
fn kill_timer() -> nix::Result<nix::sys::timer::Timer> {
    use nix::sys::signal::{SigEvent, SigevNotify};
    use nix::sys::time::{TimeSpec, TimeValLike};
    use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
    use nix::time::ClockId;

    let kill = SigevNotify::SigevSignal { signal: Signal::SIGKILL, si_value: 0 };
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, SigEvent::new(kill))?;
    let end = TimeSpec::milliseconds(i64::from(LIMIT) * 1_000 + GRACE);
    timer.set(Expiration::OneShot(end), TimerSetTimeFlags::empty())?;
    Ok(timer)
}

impl Watch {
    /// The work is done; if the time was up before, this does not return.
    pub(super) fn end(self) {
        #[cfg(target_os = "linux")]
        drop(self.kill);
        OVER.store(true, Ordering::Relaxed);
    }
}

/// Where to tell what ended it: the log in `folder`.
pub(super) fn tell(folder: &Path) {
    if let Some(words) = LastWords::new(folder, &time::now().to_rfc3339()) {
        let _first = LAST_WORDS.set(words);
    }
}

/// Handler of the signal: half an answer is worse than none, so that nothing is printed.
extern "C" fn time_is_up(_signal: c_int) {
    if !OVER.load(Ordering::Relaxed) {
        end("no end in time")
    }
}

/// Handler of the signals of faults.
extern "C" fn fault(_signal: c_int) {
    end("a fault of memory: the stack is full, or a file became shorter")
}

/// Tells why, and ends the process.
#[expect(unsafe_code, reason = "what an ordinary exit runs may wait for what never ends")]
fn end(why: &str) -> ! {
    if let Some(words) = LAST_WORDS.get() {
        words.write(why);
    }
    // SAFETY: it ends the process at once and is allowed in a signal's handler.
    unsafe { libc::_exit(0) }
}
