//! The start of a hook: what the C library does before `main`, without asking the processor.
//!
//! A static program of the GNU C library executes `cpuid` dozens of times before `main`, to choose
//! between versions of `memcpy` and to learn the sizes of caches. In a virtual machine each of them
//! leaves the machine and comes back, and together they take longer than all that a hook does.
//! Hooks copy little, so they take the versions that every x86-64 processor has. Nor do they run the
//! constructors of libraries that they do not use, or the standard library's start.
//!
//! The linker hands calls of `__libc_start_main` and `_dl_get_origin` to this file (`--wrap`, in
//! `scripts/build.rs`). Hook commands begin here; every other command goes on to the C library's own
//! start. The steps and
//! their order are those of the versions that `scripts/build.rs` lists; with any other version, linked
//! dynamically or for another target, this file is not compiled.
//!
//! Until the relocations are applied and thread-local storage stands, nothing here may call the C
//! library's string functions, allocate, or panic.

#![expect(unsafe_code, reason = "the C library's start has no safe interface")]

use std::arch::asm;
use std::ffi::{CStr, OsStr, OsString, c_char, c_int, c_long, c_void};
use std::mem::transmute;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{SIG_IGN, SIGPIPE, signal};

type Main = extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;

/// An entry of the table of relocations (System V ABI, x86-64 supplement, 4.4).
#[repr(C)]
struct Relocation {
    place: *mut *const c_void,
    kind: u64,
    value: *const c_void,
}

/// `R_X86_64_IRELATIVE`: the place gets what the function at `value` returns.
const CHOSEN_AT_START: u64 = 37;

/// From how many bytes on a copy or a fill goes past the caches, and up to how many `rep movsb` is used: three
/// quarters of a shared cache of 1 MiB, which is what the C library takes where it knows nothing.
const LARGE_COPY: c_long = 0xc_0000;

unsafe extern "C" {
    fn __real___libc_start_main(
        main: Main,
        count: c_int,
        arguments: *mut *mut c_char,
        init: *const c_void,
        fini: *const c_void,
        rtld_fini: *const c_void,
        stack_end: *mut c_void,
    ) -> c_int;

    fn __real__dl_get_origin() -> *const c_char;

    static mut __environ: *mut *mut c_char;
    static mut __libc_stack_end: *mut c_void;
    static _dl_random: *const [usize; 2];
    static mut __x86_shared_non_temporal_threshold: c_long;
    static mut __x86_rep_movsb_stop_threshold: c_long;
    #[cfg(fills_by_threshold)]
    static mut __x86_memset_non_temporal_threshold: c_long;

    fn _dl_aux_init(auxiliary: *const c_void);
    fn _dl_relocate_static_pie();
    fn __libc_setup_tls();
    fn __libc_early_init(initial: bool);
    fn __libc_init_first(count: c_int, arguments: *mut *mut c_char, environment: *mut *mut c_char);
    fn __libc_check_standard_fds();
    fn exit(code: c_int) -> !;

    // Bounds of tables, which the linker names.
    static __rela_iplt_start: [Relocation; 0];
    static __rela_iplt_end: [Relocation; 0];
}

/// Where the linker sends the program's first call.
///
/// # Safety
///
/// Called once, by the program's entry, on the stack as the kernel laid it: `arguments` holds `count`
/// strings and a null, the environment and a null, and the auxiliary vector.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap___libc_start_main(
    main: Main,
    count: c_int,
    arguments: *mut *mut c_char,
    init: *const c_void,
    fini: *const c_void,
    rtld_fini: *const c_void,
    stack_end: *mut c_void,
) -> c_int {
    // SAFETY: the entry's own arguments, passed on or read within what the kernel laid.
    unsafe {
        if count >= 2 && is_hook(*arguments.add(1)) {
            start(count, arguments, stack_end)
        } else {
            __real___libc_start_main(main, count, arguments, init, fini, rtld_fini, stack_end)
        }
    }
}

/// Set when this process runs a hook.
static IS_HOOK: AtomicBool = AtomicBool::new(false);

/// Where the linker sends the library's question where the program's file is, which only loading
/// libraries at run time needs. The answer is a symbolic link in `/proc`, which the kernel has to make
/// for each new process.
///
/// # Safety
///
/// As for the library's own.
#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap__dl_get_origin() -> *const c_char {
    if IS_HOOK.load(Ordering::Relaxed) {
        // What the library says where it cannot tell.
        return ptr::without_provenance(usize::MAX);
    }
    // SAFETY: passed on.
    unsafe { __real__dl_get_origin() }
}

/// Whether an argument names a hook command: those that `cli::hook` answers.
///
/// # Safety
///
/// `argument` ends with a null byte.
unsafe fn is_hook(argument: *const c_char) -> bool {
    // SAFETY: `equals` reads no further than the null byte.
    unsafe { equals(argument, b"inject\0") || equals(argument, b"session-end\0") }
}

/// Whether a string equals `name`, which ends with a null byte as the string does. Compared byte by
/// byte, since `strcmp` is one of the functions that are not chosen yet.
///
/// # Safety
///
/// `string` ends with a null byte.
unsafe fn equals(string: *const c_char, name: &[u8]) -> bool {
    let mut at = 0;
    while at < name.len() {
        // SAFETY: all bytes before were equal to those of `name`, whose only null byte is its last.
        // Volatile, lest the compiler makes it a call of the library.
        if unsafe { string.cast::<u8>().add(at).read_volatile() } != name[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The steps of the C library's `__libc_start_main` for a static program, without
/// `__init_cpu_features` and `_init`. Destructors of the program are not registered: a hook has none.
///
/// # Safety
///
/// As for the entry; called once.
unsafe fn start(count: c_int, arguments: *mut *mut c_char, stack_end: *mut c_void) -> ! {
    // SAFETY: the library's own functions and variables, in the library's own order, before any
    // other code runs; the kernel's block on the stack is read up to its nulls.
    unsafe {
        IS_HOOK.store(true, Ordering::Relaxed);
        let environment = arguments.add(count as usize + 1);
        __environ = environment;
        __libc_stack_end = stack_end;
        _dl_aux_init(behind_nulls(environment).cast());
        // The library's tunables keep their values: looking for them in each variable of the
        // environment takes a quarter of the instructions of a hook that says nothing.
        // In place of what is known of the processor: nothing, which is how the variables begin,
        // and those that have no beginning.
        __x86_shared_non_temporal_threshold = LARGE_COPY;
        __x86_rep_movsb_stop_threshold = LARGE_COPY;
        #[cfg(fills_by_threshold)]
        {
            __x86_memset_non_temporal_threshold = LARGE_COPY;
        }
        _dl_relocate_static_pie();
        relocate();
        __libc_setup_tls();
        guard();
        __libc_early_init(true);
        __libc_init_first(count, arguments, environment);
        // Constructors and `_init` are left out: they belong to the index's and the encryption's
        // libraries, which no hook uses.
        __libc_check_standard_fds();
        signal(SIGPIPE, SIG_IGN);
        mana::arena::open();
        exit(run(count, arguments))
    }
}

/// The place behind a list of pointers that ends with a null: there the auxiliary vector begins.
///
/// # Safety
///
/// `list` ends with a null.
unsafe fn behind_nulls(mut list: *mut *mut c_char) -> *mut *mut c_char {
    // SAFETY: read up to the null.
    unsafe {
        while !list.read_volatile().is_null() {
            list = list.add(1);
        }
        list.add(1)
    }
}

/// Puts the chosen versions of the library's functions in their places.
///
/// # Safety
///
/// Before any of these functions is called.
unsafe fn relocate() {
    let mut at: *const Relocation = (&raw const __rela_iplt_start).cast();
    let end: *const Relocation = (&raw const __rela_iplt_end).cast();
    while at < end {
        // SAFETY: the linker's table lies between the two names; its places are pointers of the
        // program, and its values functions without arguments that choose by what is known of the
        // processor.
        unsafe {
            if (*at).kind != CHOSEN_AT_START {
                asm!("ud2", options(noreturn));
            }
            let choose: extern "C" fn() -> *const c_void = transmute((*at).value);
            (*at).place.write(choose());
            at = at.add(1);
        }
    }
}

/// Sets what guards the stack and saved pointers (`tcbhead_t` of the C library) to the kernel's
/// random bytes. The first byte of the stack's guard is null, so that a string ends before it.
///
/// # Safety
///
/// After thread-local storage was set up.
unsafe fn guard() {
    // SAFETY: the kernel gives sixteen random bytes, wherever they fit; the places belong to the thread's block.
    unsafe {
        let [stack, pointers] = _dl_random.read_unaligned();
        asm!("mov fs:[0x28], {}", in(reg) stack & !0xff, options(nostack));
        asm!("mov fs:[0x30], {}", in(reg) pointers, options(nostack));
    }
}

/// Runs the command in place of the standard library's start, which would read the map of the
/// process to learn where the stack ends.
///
/// # Safety
///
/// `arguments` holds `count` strings.
unsafe fn run(count: c_int, arguments: *mut *mut c_char) -> c_int {
    let word = |at| {
        // SAFETY: one of the strings, which the kernel ended with a null byte.
        let bytes = unsafe { CStr::from_ptr(*arguments.add(at)) }.to_bytes();
        OsStr::from_bytes(bytes).to_owned()
    };
    let words: Vec<OsString> = (0..count as usize).map(word).collect();
    let code = catch_unwind(|| mana::run(words));
    // What is printed ends with its line, so that nothing waits in a buffer.
    c_int::from(!code.is_ok_and(|code| code == ExitCode::SUCCESS))
}
