//! Gives the patterns vectors of the full encoder, when all else of a run is stored.
//!
//! It takes minutes where everything is new, so it holds the write lock only while it stores what
//! it has computed: others learn, tidy up and forget in between. What they changed meanwhile is
//! looked at under the lock, so that no pattern gets the vector of words that it does not have.
//! It is safe to kill, and can be told to stop: what is encoded is stored every few seconds, and a
//! later run goes on with the rest. Hooks do not notice: they answer from snapshots, and the
//! catalogue is brought in line each time.

use std::collections::HashMap;
use std::path::Path;

use thiserror::Error;

use crate::embeddings::{Embedder, EmbeddingError};
use crate::storage::{EncodingLock, NewVector, Reader, StorageError, Store};

/// Patterns that are encoded and stored together: some seconds of work, which is what a process
/// that is killed loses.
const BATCH: usize = 128;

/// Why encoding ended before its time.
#[derive(Debug, Error)]
pub(crate) enum EncodingError {
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EmbeddingError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StorageError),
}

/// What encoding works on: a home in which no other process encodes.
pub(crate) struct Work<'a> {
    /// The home.
    home: &'a Path,
    /// Opens its store to write, when no other process does.
    open: &'a dyn Fn() -> Result<Store, StorageError>,
    _alone: EncodingLock,
}

impl<'a> Work<'a> {
    /// Work on `home`, whose store `open` opens.
    pub(crate) fn new(
        home: &'a Path,
        open: &'a dyn Fn() -> Result<Store, StorageError>,
        alone: EncodingLock,
    ) -> Self {
        Self { home, open, _alone: alone }
    }

    /// Makes room for the encoder with this name: the vectors of others are dropped. Returns the
    /// rows of the patterns that it has to encode, the latest first.
    pub(crate) fn begin(&self, encoder: &str) -> Result<Vec<i64>, StorageError> {
        let mut store = (self.open)()?;
        store.drop_vectors_but_of(encoder)?;
        publish(&mut store)?;
        store.unencoded(encoder)
    }

    /// Encodes the patterns in the rows `due`, and then those that others learned or changed
    /// meanwhile, for as long as `goes_on` says so. `progress` gets how many more were encoded.
    /// Returns how many that were in all.
    pub(crate) fn encode(
        &self,
        encoder: &dyn Embedder,
        mut due: Vec<i64>,
        goes_on: &dyn Fn() -> bool,
        progress: &dyn Fn(u64),
    ) -> Result<u64, EncodingError> {
        let mut done = 0;
        'rounds: loop {
            let before = done;
            for batch in due.chunks(BATCH) {
                if !goes_on() {
                    break 'rounds;
                }
                let stored = self.encode_batch(encoder, batch)?;
                done += stored;
                progress(stored);
            }
            due = Reader::open(self.home)?.unencoded(encoder.name())?;
            // What changes faster than it is encoded waits for the next run.
            if due.is_empty() || done == before {
                break;
            }
        }
        let mut store = (self.open)()?;
        // Where the static table was fitted to this encoder, hooks search its vectors too.
        store.refresh_postings()?;
        publish(&mut store)?;
        Ok(done)
    }

    /// Encodes the patterns in the rows of `batch` and stores the vectors of those that still say
    /// what was encoded. Returns how many these are.
    fn encode_batch(&self, encoder: &dyn Embedder, batch: &[i64]) -> Result<u64, EncodingError> {
        let texts = Reader::open(self.home)?.meaningful_texts(batch)?;
        if texts.is_empty() {
            return Ok(0);
        }
        let words: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        let vectors = encoder.embed(&words)?;
        let new: Vec<NewVector<'_>> = texts
            .iter()
            .zip(vectors)
            .map(|((pattern, text), vector)| NewVector { pattern: *pattern, text, vector })
            .collect();
        let mut store = (self.open)()?;
        let stored = store.atomically(|store| {
            let present: HashMap<i64, String> =
                store.meaningful_texts(batch)?.into_iter().collect();
            let unchanged = |new: &NewVector<'_>| {
                present.get(&new.pattern).is_some_and(|text| text == new.text)
            };
            let kept: Vec<NewVector<'_>> = new.into_iter().filter(unchanged).collect();
            store.put_vectors(encoder.name(), &kept)?;
            Ok(kept.len() as u64)
        })?;
        publish(&mut store)?;
        Ok(stored)
    }
}

/// Lets hooks answer from snapshots again.
fn publish(store: &mut Store) -> Result<(), StorageError> {
    // A process that reads now keeps the log from being emptied; the next batch does it.
    let _emptied = store.checkpoint()?;
    store.publish()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::ids::StepId;
    use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
    use crate::model::trajectory::TrajectoryKey;
    use crate::storage::{Extract, Forget, StoredTrajectory, answered_from_snapshots};

    const NOW: i64 = 1_767_323_045_000;

    /// An encoder whose vectors depend on the text's first byte, and which counts its texts.
    struct Letters {
        name: &'static str,
        texts: Cell<usize>,
        /// It fails from this text on.
        sound: usize,
    }

    impl Letters {
        fn new(name: &'static str) -> Self {
            Self { name, texts: Cell::new(0), sound: usize::MAX }
        }
    }

    impl Embedder for Letters {
        fn name(&self) -> &str {
            self.name
        }

        fn dimensions(&self) -> usize {
            2
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
            self.texts.set(self.texts.get() + texts.len());
            if self.texts.get() > self.sound {
                return Err(EmbeddingError::NoDirection { name: self.name.into() });
            }
            let angle = |text: &&str| f32::from(text.as_bytes()[0]) / 100.0;
            Ok(texts.iter().map(|text| vec![angle(text).cos(), angle(text).sin()]).collect())
        }
    }

    struct Known {
        home: tempfile::TempDir,
        /// Nothing while it encodes, which takes the write lock by itself.
        store: Option<Store>,
    }

    /// Stores what a session says: names of fixes and their texts.
    fn learn(store: &mut Store, session: &str, fixes: &[(String, String)]) {
        let at = NOW + session.len() as i64;
        let draft = |(name, text): &(String, String)| Draft {
            kind: Kind::Fix,
            tool: "Bash".into(),
            category: "test",
            identity: (name.clone(), String::new()),
            keys: Vec::new(),
            trigger: name.clone(),
            text: text.clone(),
            payload: Payload::default(),
            evidence: vec![Evidence {
                step: StepId::derive(&format!("{session} {name}")),
                at,
                role: Role::Success,
            }],
        };
        let extract = Extract { drafts: fixes.iter().map(draft).collect(), ..Extract::default() };
        let project = store.ensure_project("name:app", "app").unwrap();
        let key = TrajectoryKey { session: session.into(), agent: String::new() };
        let id = store.ensure_trajectory(&key, project, "~/app", "~/app", at).unwrap();
        let trajectory = StoredTrajectory { id, key, project, root: "~/app".into() };
        store.atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], at)).unwrap();
        store.refresh_postings().unwrap();
        publish(store).unwrap();
    }

    impl Known {
        fn new(patterns: usize) -> Self {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), true).unwrap();
            let mut known = Self { home, store: Some(store) };
            let drafts = (0..patterns).map(|n| (format!("fix {n}"), format!("{n} helps")));
            known.learn("first", &drafts.collect::<Vec<_>>());
            known
        }

        /// Stores what a session says: names of fixes and their texts.
        fn learn(&mut self, session: &str, fixes: &[(String, String)]) {
            learn(self.store(), session, fixes);
        }

        fn store(&mut self) -> &mut Store {
            self.store.as_mut().expect("nothing is being encoded")
        }

        fn encode(
            &mut self,
            encoder: &dyn Embedder,
            goes_on: &dyn Fn() -> bool,
        ) -> Result<u64, EncodingError> {
            let home = self.home.path();
            drop(self.store.take());
            let open = || Store::open(home, false);
            let work = Work::new(home, &open, EncodingLock::take(home).unwrap());
            let due = work.begin(encoder.name()).unwrap();
            let done = work.encode(encoder, due, goes_on, &|_| {});
            self.store = Some(Store::open(home, false).unwrap());
            done
        }

        fn counts(&self, encoder: &str) -> (u64, u64) {
            self.store.as_ref().unwrap().vector_counts(encoder).unwrap()
        }
    }

    #[test]
    fn only_what_is_new_or_says_something_else_is_encoded() {
        let mut known = Known::new(3);
        let encoder = Letters::new("letters@1");
        assert_eq!(known.encode(&encoder, &|| true).unwrap(), 3);
        assert_eq!((known.counts("letters@1"), encoder.texts.get()), ((3, 3), 3));
        assert!(answered_from_snapshots(known.home.path()), "hooks do not notice");

        let fixes = [("fix 1", "other words"), ("fix 2", "2 helps"), ("fix 9", "new")];
        known.learn("second", &fixes.map(|(name, text)| (name.into(), text.into())));
        assert_eq!(known.encode(&encoder, &|| true).unwrap(), 2);
        assert_eq!((known.counts("letters@1"), encoder.texts.get()), ((4, 4), 5));

        assert_eq!((known.encode(&encoder, &|| true).unwrap(), encoder.texts.get()), (0, 5));
    }

    #[test]
    fn a_run_that_is_stopped_keeps_what_it_did_and_the_next_goes_on() {
        let mut known = Known::new(BATCH * 2 + 3);
        let encoder = Letters::new("letters@1");
        let checks = Cell::new(0);
        let once = || checks.replace(checks.get() + 1) == 0;
        assert_eq!(known.encode(&encoder, &once).unwrap(), BATCH as u64);
        assert!(answered_from_snapshots(known.home.path()));

        let failing = Letters { sound: BATCH, ..Letters::new("letters@1") };
        let error = known.encode(&failing, &|| true).unwrap_err();
        assert!(matches!(error, EncodingError::Encoder(_)), "{error}");
        assert_eq!(known.counts("letters@1").0, BATCH as u64 * 2);

        assert_eq!(known.encode(&encoder, &|| true).unwrap(), 3);
    }

    #[test]
    fn another_encoder_replaces_all_vectors() {
        let mut known = Known::new(2);
        known.encode(&Letters::new("letters@1"), &|| true).unwrap();
        known.encode(&Letters::new("letters@2"), &|| true).unwrap();
        assert_eq!((known.counts("letters@1"), known.counts("letters@2")), ((0, 2), (2, 2)));
    }

    #[test]
    fn what_is_forgotten_has_no_vector() {
        let mut known = Known::new(2);
        let encoder = Letters::new("letters@1");
        known.learn("later", &[("fix 0".into(), "words of the later session".into())]);
        known.encode(&encoder, &|| true).unwrap();
        let row = known.row("fix 1");
        known.store().forget(&Forget::Pattern(row), NOW).unwrap();
        known.store().purge().unwrap();
        assert_eq!(known.counts("letters@1"), (1, 1));
        // The pattern stays, with the words of the session that is left.
        known.store().forget(&Forget::Session("later".into()), NOW).unwrap();
        known.store().purge().unwrap();
        assert_eq!(known.counts("letters@1"), (0, 1));
    }

    impl Known {
        /// The row of a fix.
        fn row(&self, name: &str) -> i64 {
            row(self.store.as_ref().unwrap(), name)
        }
    }

    /// The row of a fix in `store`.
    fn row(store: &Store, name: &str) -> i64 {
        let all = store.best(Kind::Fix, 99).unwrap();
        let id = all.into_iter().find(|pattern| pattern.trigger == name).unwrap().id.to_string();
        store.patterns_by_prefix(&id).unwrap()[0].row
    }

    /// An encoder during whose first batch something happens.
    struct Meanwhile<'a> {
        letters: Letters,
        once: Cell<Option<&'a dyn Fn()>>,
    }

    impl Embedder for Meanwhile<'_> {
        fn name(&self) -> &str {
            self.letters.name()
        }

        fn dimensions(&self) -> usize {
            self.letters.dimensions()
        }

        fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
            if let Some(once) = self.once.take() {
                once();
            }
            self.letters.embed(texts)
        }
    }

    #[test]
    fn others_learn_and_forget_while_vectors_are_computed() {
        let mut known = Known::new(4);
        let home = known.home.path().to_path_buf();
        let others = || {
            // Whoever does not wait for the lock gets it.
            let mut store = Store::open(&home, false).unwrap();
            store.forget(&Forget::Pattern(row(&store, "fix 0")), NOW).unwrap();
            store.purge().unwrap();
            let fixes = [("fix 1", "other words"), ("fix 8", "8 helps"), ("fix 9", "9 helps")];
            learn(&mut store, "second", &fixes.map(|(name, text)| (name.into(), text.into())));
        };
        let letters = Letters::new("letters@1");
        let encoder = Meanwhile { letters, once: Cell::new(Some(&others)) };
        // Of the four that were due two are as they were; one has new words and two are new.
        assert_eq!(known.encode(&encoder, &|| true).unwrap(), 5);
        assert_eq!(encoder.letters.texts.get(), 4 + 3);
        assert_eq!(known.counts("letters@1"), (5, 5));
        assert_eq!(known.store().unencoded("letters@1").unwrap(), Vec::<i64>::new());
        assert!(answered_from_snapshots(&home));
    }

    #[test]
    fn what_a_run_that_is_stopped_computed_of_forgotten_words_is_not_stored() {
        let mut known = Known::new(2);
        let home = known.home.path().to_path_buf();
        let others = || {
            let mut store = Store::open(&home, false).unwrap();
            store.forget(&Forget::Session("first".into()), NOW).unwrap();
            store.purge().unwrap();
        };
        let letters = Letters::new("letters@1");
        let encoder = Meanwhile { letters, once: Cell::new(Some(&others)) };
        assert_eq!(known.encode(&encoder, &|| true).unwrap(), 0);
        assert_eq!((encoder.letters.texts.get(), known.counts("letters@1")), (2, (0, 0)));
    }

    #[test]
    fn one_process_encodes_at_a_time() {
        let known = Known::new(1);
        let first = EncodingLock::take(known.home.path()).unwrap();
        let error = EncodingLock::take(known.home.path()).unwrap_err();
        assert!(error.is_locked() && error.to_string().contains("encode.lock"), "{error}");
        drop(first);
        let _again = EncodingLock::take(known.home.path()).unwrap();
    }
}
