//! The threads that read and extract.

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Most threads at work beside the one that stores. Two read faster than one stores, and every
/// further one costs several megabytes for the lines it holds.
const MOST: usize = 2;

/// A few threads, however many processors there are.
#[derive(Debug)]
pub(super) struct Workers(Option<ThreadPool>);

impl Workers {
    /// Starts them. Where no thread can be had, the caller's does the work.
    pub(super) fn start() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self(ThreadPoolBuilder::new().num_threads(processors.min(MOST)).build().ok())
    }

    /// Does `work`, whose parallel parts run on these threads.
    pub(super) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}
