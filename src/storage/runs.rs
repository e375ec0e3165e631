//! The stored form of term lists: runs of terms in the order of their texts, each run a row of the
//! table `postings`. Hot.
//!
//! A row for each term would be half a million of them in a large project, most of a few bytes,
//! and all of them are written anew when anything in the project changes. In a run a term is its
//! text, the number of documents that hold it, the number of patterns, and its list; numbers are
//! LEB128, the text and the list stand behind their lengths.

use std::cmp::Ordering;

use super::snapshot::encode::{Reading, put_number, put_text};

/// Bytes at which a run ends: with its row it fits into one page of the database.
const FULL: usize = 3_900;

/// Bytes of the four numbers of a term at most: two of 32 bits, and the lengths of a text and of a
/// list that fit into a run.
const NUMBERS: usize = 5 + 5 + 2 + 2;

/// What a run has of one term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Listed<'a> {
    /// The term.
    pub(super) term: &'a str,
    /// Documents that hold it.
    pub(super) entries: u32,
    /// Patterns of any kind that hold it; counted in the corpora of patterns only.
    pub(super) patterns: u32,
    /// The entries, as [`super::postings::Entries`] reads them.
    pub(super) list: &'a [u8],
}

/// Terms with their lists on the way into runs.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// The first term of the run.
    pub(super) first: String,
    /// The run.
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    /// Whether there is no room for this term, and the run has to be stored first.
    pub(super) fn is_full_for(&self, listed: Listed<'_>) -> bool {
        let size = listed.term.len() + listed.list.len() + NUMBERS;
        !self.bytes.is_empty() && self.bytes.len() + size > FULL
    }

    /// Adds a term, which comes after those before it in the alphabet.
    pub(super) fn add(&mut self, Listed { term, entries, patterns, list }: Listed<'_>) {
        if self.bytes.is_empty() {
            self.first.clear();
            self.first.push_str(term);
        }
        put_text(&mut self.bytes, term);
        put_number(&mut self.bytes, entries.into());
        put_number(&mut self.bytes, patterns.into());
        put_number(&mut self.bytes, list.len() as u64);
        self.bytes.extend(list);
    }
}

/// Reads a run from its first term to its last. A damaged run ends early.
#[derive(Debug)]
pub(super) struct Run<'a>(Option<Reading<'a>>);

impl<'a> Run<'a> {
    /// From the byte `at`, where a term begins.
    pub(super) fn from(run: &'a [u8], at: usize) -> Self {
        Self(Reading::at(run, at as u64).ok())
    }

    /// How many bytes are left behind what was read.
    pub(super) fn left(&self) -> usize {
        self.0.map_or(0, |reading| reading.left())
    }
}

impl<'a> Iterator for Run<'a> {
    type Item = Listed<'a>;

    fn next(&mut self) -> Option<Listed<'a>> {
        let mut reading = self.0.take().filter(|reading| !reading.is_done())?;
        let term = reading.text().ok()?;
        let mut small = || u32::try_from(reading.number().ok()?).ok();
        let (entries, patterns) = (small()?, small()?);
        let listed = Listed { term, entries, patterns, list: reading.bytes().ok()? };
        self.0 = Some(reading);
        Some(listed)
    }
}

/// What `run` has of `term`. Texts on the way there are compared, and not looked at otherwise.
pub(super) fn find<'a>(run: &'a [u8], term: &str) -> Option<Listed<'a>> {
    let mut reading = Reading::at(run, 0).ok()?;
    while !reading.is_done() {
        let at = run.len() - reading.left();
        match reading.bytes().ok()?.cmp(term.as_bytes()) {
            Ordering::Less => {}
            Ordering::Equal => return Run::from(run, at).next(),
            Ordering::Greater => return None,
        }
        reading.number().ok()?;
        reading.number().ok()?;
        reading.bytes().ok()?;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A list as most are, or one that fits into no run.
    fn list() -> impl Strategy<Value = Vec<u8>> {
        let bytes = |length| prop::collection::vec(any::<u8>(), length);
        prop_oneof![9 => bytes(0..900), 1 => bytes(FULL - 40..FULL + 40)]
    }

    proptest! {
        #[test]
        fn every_term_is_found_in_the_run_that_begins_before_it(
            known in prop::collection::btree_map(
                "[a-c]{1,3}|.{1,9}",
                (any::<u32>(), any::<u32>(), list()),
                0..40,
            ),
            others in prop::collection::vec("[a-c]{1,3}", 0..9),
        ) {
            let (mut runs, mut writer) = (BTreeMap::new(), Writer::default());
            for (term, (entries, patterns, list)) in &known {
                let listed = Listed { term, entries: *entries, patterns: *patterns, list };
                if writer.is_full_for(listed) {
                    let full = std::mem::take(&mut writer);
                    runs.insert(full.first, full.bytes);
                }
                writer.add(listed);
            }
            runs.insert(writer.first, writer.bytes);
            // A term that fits into none has one to itself.
            prop_assert!(runs.values().all(|run| run.len() <= FULL || Run::from(run, 0).count() == 1));
            let terms = runs.values().flat_map(|run| Run::from(run, 0));
            prop_assert!(terms.map(|listed| listed.term).eq(known.keys()));
            for term in known.keys().chain(&others) {
                let run = runs.range(..=term.clone()).next_back();
                let found = run.and_then(|(_, run)| find(run, term));
                let expected = known.get(term).map(|(entries, patterns, list)| Listed {
                    term, entries: *entries, patterns: *patterns, list,
                });
                prop_assert_eq!(found, expected);
            }
        }

        #[test]
        fn damaged_runs_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Run::from(&bytes, 0).count() <= bytes.len());
        }
    }
}
