//! The memory of a hook: handed out from one stretch, one piece after the other, and taken back only
//! from its end.
//!
//! A hook lives for a millisecond, asks for some hundred small pieces, and ends. To look for a place
//! for each of them takes longer than to let lie what it no longer needs; but what was handed out last
//! is often given back first, and memory that was used before costs no page that was not. All other
//! commands, other threads and large pieces have the C library's memory, and so has what comes when
//! the stretch is full.

#![expect(unsafe_code, reason = "memory that is handed out is raw")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{MADV_POPULATE_WRITE, c_void, madvise};

/// Bytes that there are.
const ROOM: usize = 1 << 20;

/// Bytes that the kernel is asked for at once: what a hook that says nothing touches. A page costs
/// about as much when it is asked for as when it is touched, and one that is never touched costs it
/// for nothing.
const AT_ONCE: usize = 32 << 10;

/// Bytes of the largest piece.
const LARGEST: usize = 64 << 10;

/// Bytes at whose multiples the stretch begins.
const PAGE: usize = 4 << 10;

#[repr(C, align(4096))]
struct Stretch(UnsafeCell<[u8; ROOM]>);

// SAFETY: only the thread that opened it hands out pieces of it, and no byte is in two at a time.
unsafe impl Sync for Stretch {}

static STRETCH: Stretch = Stretch(UnsafeCell::new([0; ROOM]));

/// How far the stretch is used, in bytes from its beginning.
#[derive(Clone, Copy, Debug)]
struct Marks {
    /// Where the next piece begins.
    next: usize,
    /// Behind this, nothing was ever written.
    used: usize,
    /// Up to here the kernel was asked for it.
    ready: usize,
}

thread_local! {
    /// All zero until the stretch is opened, and in all other threads.
    static MARKS: Cell<Marks> = const { Cell::new(Marks { next: 0, used: 0, ready: 0 }) };
}

/// Whether a thread has the stretch.
static OPENED: AtomicBool = AtomicBool::new(false);

/// From now on, this thread's memory comes from the stretch, unless another thread's does.
pub fn open() {
    if !OPENED.swap(true, Ordering::Relaxed) {
        MARKS.set(Marks { next: 0, used: 0, ready: ask_for(0, AT_ONCE) });
    }
}

/// Asks the kernel for the next `more` bytes of the stretch, `ready` bytes of which are there, or for
/// what is left of it. Returns how many are there then.
#[cold]
fn ask_for(ready: usize, more: usize) -> usize {
    let more = more.min(ROOM - ready);
    // SAFETY: pages of the stretch. A kernel that does not know this gives them one by one.
    unsafe {
        let part = STRETCH.0.get().cast::<c_void>().byte_add(ready);
        madvise(part, more, MADV_POPULATE_WRITE);
    }
    ready + more
}

/// What hands out memory.
#[derive(Debug)]
pub struct Arena;

impl Arena {
    /// The next piece, if there is room; and how many of its first bytes may have been written to
    /// before, while all others are zero.
    #[inline]
    fn piece(layout: Layout) -> Option<(*mut u8, usize)> {
        let Marks { next, used, .. } = MARKS.get();
        let begin = next.next_multiple_of(layout.align());
        if layout.align() > PAGE || !Self::hand_out(begin, layout.size()) {
            return None;
        }
        // SAFETY: inside the stretch, which begins at a page.
        Some((unsafe { STRETCH.0.get().cast::<u8>().add(begin) }, used.saturating_sub(begin)))
    }

    /// Hands out all up to the end of a piece, if there is room for it.
    #[inline]
    fn hand_out(begin: usize, size: usize) -> bool {
        let Marks { used, mut ready, .. } = MARKS.get();
        let end = begin + size.min(ROOM);
        if size > LARGEST || end > ready && (ready == 0 || end > ROOM) {
            return false;
        }
        if end > ready {
            ready = ask_for(ready, (end - ready).next_multiple_of(AT_ONCE));
        }
        MARKS.set(Marks { next: end, used: used.max(end), ready });
        true
    }

    /// Takes back what a piece of `size` bytes has beyond the first `left`, if nothing was handed out
    /// behind it.
    #[inline]
    fn take_back(place: usize, size: usize, left: usize) {
        let marks = MARKS.get();
        if place + size == marks.next {
            MARKS.set(Marks { next: place + left, ..marks });
        }
    }

    /// Where in the stretch a piece begins, if it is one of its.
    #[inline]
    fn place(piece: *mut u8) -> Option<usize> {
        let place = piece.addr().wrapping_sub(STRETCH.0.get().addr());
        (place < ROOM).then_some(place)
    }
}

// SAFETY: pieces lie in the stretch, apart from each other, or are the system's.
unsafe impl GlobalAlloc for Arena {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match Self::piece(layout) {
            Some((piece, _)) => piece,
            // SAFETY: passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on, or bytes of the piece.
        unsafe {
            let Some((piece, written)) = Self::piece(layout) else {
                return System.alloc_zeroed(layout);
            };
            piece.write_bytes(0, written.min(layout.size()));
            piece
        }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        match Self::place(piece) {
            Some(place) => Self::take_back(place, layout.size(), 0),
            // SAFETY: the system's own.
            None => unsafe { System.dealloc(piece, layout) },
        }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(place) = Self::place(piece) else {
            // SAFETY: the system's own.
            return unsafe { System.realloc(piece, layout, size) };
        };
        if size <= layout.size() {
            Self::take_back(place, layout.size(), size);
            return piece;
        }
        // The last piece grows where it is.
        if place + layout.size() == MARKS.get().next && Self::hand_out(place, size) {
            return piece;
        }
        // SAFETY: a new piece of at least this size, apart from the old one.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(piece, new, layout.size());
                // It may have been the last, if the new one is the system's.
                Self::take_back(place, layout.size(), 0);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

    use super::*;

    /// A piece, what it was asked for with, and the byte that fills it.
    struct Held(*mut u8, Layout, u8);

    impl Held {
        fn fill(&self) {
            // SAFETY: its own bytes.
            unsafe { self.0.write_bytes(self.2, self.1.size()) }
        }

        /// Whether the first `size` bytes are what it was filled with.
        fn is_whole(&self, size: usize) -> bool {
            // SAFETY: its own bytes, all of which were written.
            unsafe { std::slice::from_raw_parts(self.0, size) }.iter().all(|byte| *byte == self.2)
        }
    }

    #[derive(Clone, Debug)]
    enum Act {
        Take { size: usize, align: u8, zeroed: bool },
        Resize { which: usize, size: usize },
        Give { which: usize },
    }

    fn act() -> impl Strategy<Value = Act> {
        let size = || prop_oneof![8 => 1_usize..600, 2 => 1..40_000_usize, 1 => 1..90_000_usize];
        prop_oneof![
            4 => (size(), 0_u8..14, any::<bool>())
                .prop_map(|(size, align, zeroed)| Act::Take { size, align, zeroed }),
            2 => (any::<usize>(), size()).prop_map(|(which, size)| Act::Resize { which, size }),
            1 => any::<usize>().prop_map(|which| Act::Give { which }),
        ]
    }

    /// Plays `acts`, in the stretch as long as there is room in it.
    fn play(acts: Vec<Act>) -> Result<(), TestCaseError> {
        let mut held: Vec<Held> = Vec::new();
        for (n, act) in acts.into_iter().enumerate() {
            let byte = n as u8 | 1;
            match act {
                Act::Take { size, align, zeroed } => {
                    let layout = Layout::from_size_align(size, 1 << align).unwrap();
                    // SAFETY: the size is not zero.
                    let piece = unsafe {
                        if zeroed { Arena.alloc_zeroed(layout) } else { Arena.alloc(layout) }
                    };
                    prop_assert!(!piece.is_null() && piece.addr().is_multiple_of(1 << align));
                    prop_assert!(!zeroed || Held(piece, layout, 0).is_whole(size));
                    held.push(Held(piece, layout, byte));
                    held.last().unwrap().fill();
                }
                Act::Resize { which, size } if !held.is_empty() => {
                    let at = which % held.len();
                    let Held(piece, layout, byte) = held[at];
                    // SAFETY: what was handed out with this layout, and a size that is not zero.
                    let piece = unsafe { Arena.realloc(piece, layout, size) };
                    let new = Layout::from_size_align(size, layout.align()).unwrap();
                    prop_assert!(!piece.is_null() && piece.addr().is_multiple_of(layout.align()));
                    held[at] = Held(piece, new, byte);
                    prop_assert!(held[at].is_whole(size.min(layout.size())));
                    held[at].fill();
                }
                Act::Give { which } if !held.is_empty() => {
                    let Held(piece, layout, _) = held.swap_remove(which % held.len());
                    // SAFETY: what was handed out with this layout.
                    unsafe { Arena.dealloc(piece, layout) }
                }
                Act::Resize { .. } | Act::Give { .. } => {}
            }
            // Nothing that is written to one is in another.
            prop_assert!(held.iter().all(|held| held.is_whole(held.1.size())));
        }
        for Held(piece, layout, _) in held {
            // SAFETY: what was handed out with this layout.
            unsafe { Arena.dealloc(piece, layout) }
        }
        Ok(())
    }

    #[test]
    fn pieces_are_apart_and_keep_what_they_hold() {
        let config = ProptestConfig { cases: 40, ..ProptestConfig::default() };
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let mut runner = TestRunner::new_with_rng(config, random);
        open();
        let acts = prop::collection::vec(act(), 1..120);
        runner.run(&acts, play).unwrap();
        // The first of them were in the stretch, and the rest when it was full.
        let Marks { next, used, ready } = MARKS.get();
        assert!(next <= used && used > ROOM / 2 && ready == ROOM, "{next}, {used} of {ready}");
    }

    #[test]
    fn threads_that_did_not_open_it_have_the_systems() {
        let layout = Layout::new::<[u8; 100]>();
        // SAFETY: the size is not zero, and what comes is given back.
        let piece = std::thread::spawn(move || unsafe {
            let piece = Arena.alloc(layout);
            let is_ours = Arena::place(piece).is_some();
            Arena.dealloc(piece, layout);
            is_ours
        });
        assert!(!piece.join().unwrap());
    }
}
