//! The threads that read and extract while the store writes, and the order in which what they find
//! arrives.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Most threads at work beside the one that stores. It keeps up with more, but each holds the lines
/// it reads: with four, learning a gigabyte took 50 MB, with two 43.
const MOST: usize = 3;

/// How many parts of one item may wait to be taken.
const PARTS: usize = 2;

/// As many threads as there are processors, but a few at most.
#[derive(Debug)]
pub(crate) struct Workers(ThreadPool);

/// What is found in each item, in the order of the items.
pub(crate) type Arriving<P> = Receiver<Receiver<P>>;

impl Workers {
    /// Starts them.
    ///
    /// # Panics
    /// Where not a single thread can be had, as the standard library does.
    pub(crate) fn start() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool(processors.min(MOST)).or_else(|_| pool(1));
        Self(pool.expect("a process may have a second thread"))
    }

    /// Does `work` on the items side by side: with what `prepare` made for the thread, an item,
    /// and where to send the parts that are found in it. Meanwhile `take` takes them, item by item
    /// in the order of `items`, on the calling thread. Returns its result; when it returns early,
    /// the items that were not begun are left.
    ///
    /// Memory stays flat: when what was found in `ahead` items waits to be taken, the threads wait
    /// too.
    pub(crate) fn in_order<'i, I: Sync, W, P: Send, T>(
        &self,
        items: &'i [I],
        ahead: usize,
        prepare: impl Fn() -> W + Sync,
        work: impl Fn(&mut W, &'i I, &SyncSender<P>) + Sync,
        take: impl FnOnce(&Arriving<P>) -> T,
    ) -> T {
        let (queue, found) = sync_channel(ahead);
        // Gone with the last of the threads, which tells `take` that nothing follows.
        let line = Arc::new(Mutex::new(Line { items: items.iter(), queue }));
        let (prepare, work) = (&prepare, &work);
        self.0.in_place_scope(move |scope| {
            for _ in 0..self.0.current_num_threads() {
                let line = Arc::clone(&line);
                scope.spawn(move |_| {
                    let mut prepared = prepare();
                    while let Some((item, parts)) = next(&line) {
                        work(&mut prepared, item, &parts);
                    }
                });
            }
            drop(line);
            let result = take(&found);
            drop(found);
            result
        })
    }
}

/// The items that were not begun, and where their parts are announced.
struct Line<'a, I, P> {
    items: std::slice::Iter<'a, I>,
    queue: SyncSender<Receiver<P>>,
}

/// Takes the next item, and its place in the order; `None` when there is none, or when nobody
/// takes what is found any more.
///
/// It waits with the line in hand, and the others behind it: none of them may be announced before.
fn next<'a, I, P>(line: &Mutex<Line<'a, I, P>>) -> Option<(&'a I, SyncSender<P>)> {
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    let item = line.items.next()?;
    let (parts, found) = sync_channel(PARTS);
    line.queue.send(found).ok()?;
    Some((item, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_arrives_in_order() {
        let items: Vec<u64> = (0..100).collect();
        let work = |(): &mut (), item: &u64, parts: &SyncSender<(u64, u64)>| {
            // The earlier the item, the more there is to do.
            for part in 0..100 - item {
                parts.send((*item, part)).unwrap();
            }
        };
        let taken: Vec<Vec<(u64, u64)>> = Workers::start().in_order(
            &items,
            8,
            || (),
            work,
            |found| found.iter().map(|parts| parts.iter().collect()).collect(),
        );
        let expected = |item| (0..100 - item).map(|part| (item, part)).collect::<Vec<_>>();
        assert_eq!(taken, items.iter().map(|item| expected(*item)).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_for_one_who_stopped_taking() {
        let items = [(); 1000];
        let work = |(): &mut (), (): &(), parts: &SyncSender<()>| {
            while parts.send(()).is_ok() {}
        };
        let first = Workers::start().in_order(
            &items,
            8,
            || (),
            work,
            |found| found.recv().map(|parts| parts.recv()),
        );
        assert_eq!(first, Ok(Ok(())));
    }

    #[test]
    #[should_panic(expected = "a defect")]
    fn a_panic_ends_the_work() {
        let work = |(): &mut (), item: &u8, parts: &SyncSender<u8>| {
            assert_ne!(*item, 2, "a defect");
            parts.send(*item).unwrap();
        };
        Workers::start().in_order(
            &[1, 2, 3],
            8,
            || (),
            work,
            |found| {
                found.iter().flat_map(|parts| parts.iter().collect::<Vec<_>>()).collect::<Vec<_>>()
            },
        );
    }
}
