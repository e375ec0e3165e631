//! The hybrid logical clock of the store.

use super::error::{Attempt, StorageError};
use super::store::Store;

impl Store {
    /// The next reading of the hybrid logical clock: milliseconds in the upper 48 bits, a
    /// counter in the lower 16; never behind what was handed out before, however the machine's
    /// clock `now` jumps (Kulkarni et al., "Logical Physical Clocks", 2014).
    pub(super) fn tick(&mut self, now: i64) -> Result<i64, StorageError> {
        self.conn()
            .prepare_cached(
                "INSERT INTO meta (key, value) VALUES ('hlc', ?1)
                 ON CONFLICT (key) DO UPDATE SET
                     value = max(CAST(value AS INTEGER) + 1, CAST(excluded.value AS INTEGER))
                 RETURNING CAST(value AS INTEGER)",
            )
            .and_then(|mut upsert| upsert.query_row([now << 16], |row| row.get(0)))
            .attempt("advance the clock")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Store;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_clock_only_goes_forward(
            times in prop::collection::vec(0_i64..4_000_000_000_000, 1..40),
            reopened in 0..40_usize,
        ) {
            let home = tempfile::tempdir().unwrap();
            let mut store = Store::open(home.path(), true).unwrap();
            let mut last = 0;
            for (n, now) in times.into_iter().enumerate() {
                if n == reopened {
                    drop(store);
                    store = Store::open(home.path(), true).unwrap();
                }
                let next = store.tick(now).unwrap();
                prop_assert!(next > last && next >> 16 >= now, "{next} after {last} at {now}");
                last = next;
            }
        }
    }
}
