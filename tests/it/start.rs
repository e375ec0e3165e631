//! The start of a hook: `src/start.rs` takes the place of the C library's, and must not be noticed.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;

use crate::sandbox::binary_under_test;

/// What was seen of a start: up to the first look at standard input, when a hook's is over.
#[derive(Debug)]
struct Start {
    instructions: u64,
    /// Whether it asked the processor what it is (`cpuid`): 0 or 1.
    questions: u64,
    /// How often it asked the kernel where a link leads.
    links: u64,
    /// Standard input was read.
    over: bool,
}

/// Runs `mana` with `arguments` one instruction at a time, up to the first question or the end of
/// the start.
#[expect(unsafe_code, reason = "tracing a process has no safe interface")]
fn follow(arguments: &[&str]) -> Start {
    use libc::{PTRACE_GETREGS, PTRACE_PEEKTEXT, PTRACE_SINGLESTEP, PTRACE_TRACEME};

    /// `cpuid`, as it lies in memory.
    const CPUID: u64 = 0xa20f;
    /// `syscall`.
    const SYSCALL: u64 = 0x050f;

    let program = CString::new(binary_under_test().as_os_str().as_bytes()).unwrap();
    let words: Vec<CString> = [program.as_c_str()]
        .into_iter()
        .map(Into::into)
        .chain(arguments.iter().map(|word| CString::new(*word).unwrap()))
        .collect();
    let argv: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect();
    let environment = [std::ptr::null()];
    let empty = File::open("/dev/null").unwrap();
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: between `fork` and `execve` the child calls only what signal handlers may call; the
    // parent follows it by the numbers that the kernel gave, and ends it.
    unsafe {
        // On one processor, so that neither has to wake another one for each instruction: in a
        // virtual machine that takes longer than everything else.
        let mut processor: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(usize::try_from(libc::sched_getcpu()).unwrap_or(0), &mut processor);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const processor);
        let child = libc::fork();
        if child == 0 {
            libc::dup2(empty.as_raw_fd(), 0);
            libc::dup2(empty.as_raw_fd(), 1);
            libc::ptrace(PTRACE_TRACEME, 0, nothing, nothing);
            libc::execve(program.as_ptr(), argv.as_ptr(), environment.as_ptr());
            libc::_exit(127);
        }
        assert!(child > 0, "{}", std::io::Error::last_os_error());
        let mut start = Start { instructions: 0, questions: 0, links: 0, over: false };
        let mut status = 0;
        while !start.over
            && start.questions == 0
            && libc::waitpid(child, &raw mut status, 0) == child
            && libc::WIFSTOPPED(status)
        {
            let mut registers: libc::user_regs_struct = std::mem::zeroed();
            libc::ptrace(PTRACE_GETREGS, child, nothing, &raw mut registers);
            let next = libc::ptrace(PTRACE_PEEKTEXT, child, registers.rip as *const u8, nothing);
            start.instructions += 1;
            match next as u64 & 0xffff {
                CPUID => start.questions += 1,
                SYSCALL if registers.rax == 0 && registers.rdi == 0 => start.over = true,
                SYSCALL if registers.rax == libc::SYS_readlink as u64 => start.links += 1,
                _ => {}
            }
            libc::ptrace(PTRACE_SINGLESTEP, child, nothing, nothing);
        }
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, &raw mut status, 0);
        start
    }
}

/// How often a start is followed until one comes to its end.
const TRIES: usize = 25;

#[test]
fn a_hook_starts_without_asking_the_processor() {
    for arguments in [&["inject", "--tool", "bash"][..], &["session-end"]] {
        // A hook ends itself after two seconds, which step by step a crowded machine may take.
        let mut starts = (0..TRIES).map(|_| follow(arguments));
        let start = starts.find(|start| start.over || start.questions > 0);
        let start = start.expect("one of many comes to its end");
        assert!(start.over, "{arguments:?}: {start:?}");
        assert_eq!(start.questions, 0, "{arguments:?}: {start:?}");
        assert_eq!(start.links, 0, "{arguments:?}: it does not ask where its file is: {start:?}");
    }
}

/// What is not a hook, however alike its name is, starts as the C library wants it.
#[test]
fn other_commands_start_as_ever() {
    for arguments in [&["--version"][..], &["injector"], &["injec"], &["session-en"], &["search"]] {
        let start = follow(arguments);
        assert!(start.questions > 0, "{arguments:?}: {start:?}");
    }
}
