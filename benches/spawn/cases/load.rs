//! Something else to do for every core, as on a machine where agents run builds.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Keeps the cores busy until it is dropped.
pub(super) struct Load {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// A thread for every core.
    pub(super) fn on_every_core() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..cores).map(|_| thread::spawn(work(Arc::clone(&over)))).collect();
        Self { over, threads }
    }
}

/// Computes until it is over.
fn work(over: Arc<AtomicBool>) -> impl FnOnce() {
    move || {
        let mut number = 1_u64;
        while !over.load(Ordering::Relaxed) {
            for _ in 0..10_000 {
                number = black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
            }
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It cannot have panicked, and there would be nothing to do about it.
            let _ended = thread.join();
        }
    }
}
