//! Gives the patterns vectors of the full encoder, when all else of a run is stored.
//!
//! It takes minutes where everything is new, so it is safe to kill, and can be told to stop: what
//! is encoded is stored every few seconds, and a later run goes on with the rest. Hooks do not
//! notice: they answer from snapshots, and the catalogue is brought in line each time.

use thiserror::Error;

use crate::embeddings::{Embedder, EmbeddingError};
use crate::storage::{NewVector, StorageError, Store};

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

/// Makes room for the encoder with this name: the vectors of others are dropped. Returns the rows
/// of the patterns that it has to encode, the latest first.
pub(crate) fn begin(store: &mut Store, encoder: &str) -> Result<Vec<i64>, StorageError> {
    store.drop_vectors_but_of(encoder)?;
    publish(store)?;
    store.unencoded(encoder)
}

/// Encodes the patterns in the rows `due` for as long as `goes_on` says so. `progress` gets how
/// many more patterns were encoded. Returns how many that were in all.
pub(crate) fn encode(
    store: &mut Store,
    encoder: &dyn Embedder,
    due: &[i64],
    goes_on: &dyn Fn() -> bool,
    progress: &dyn Fn(u64),
) -> Result<u64, EncodingError> {
    let mut done = 0;
    for batch in due.chunks(BATCH) {
        if !goes_on() {
            break;
        }
        let texts = store.meaningful_texts(batch)?;
        let vectors =
            encoder.embed(&texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>())?;
        let vectors: Vec<NewVector<'_>> = texts
            .iter()
            .zip(vectors)
            .map(|((pattern, text), vector)| NewVector { pattern: *pattern, text, vector })
            .collect();
        store.atomically(|store| store.put_vectors(encoder.name(), &vectors))?;
        publish(store)?;
        done += batch.len() as u64;
        progress(batch.len() as u64);
    }
    // Where the static table was fitted to this encoder, hooks search its vectors too.
    store.refresh_postings()?;
    publish(store)?;
    Ok(done)
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
        store: Store,
    }

    impl Known {
        fn new(patterns: usize) -> Self {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), true).unwrap();
            let mut known = Self { home, store };
            let drafts = (0..patterns).map(|n| (format!("fix {n}"), format!("{n} helps")));
            known.learn("first", &drafts.collect::<Vec<_>>());
            known
        }

        /// Stores what a session says: names of fixes and their texts.
        fn learn(&mut self, session: &str, fixes: &[(String, String)]) {
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
            let extract =
                Extract { drafts: fixes.iter().map(draft).collect(), ..Extract::default() };
            let store = &mut self.store;
            let project = store.ensure_project("name:app", "app").unwrap();
            let key = TrajectoryKey { session: session.into(), agent: String::new() };
            let id = store.ensure_trajectory(&key, project, "~/app", "~/app", at).unwrap();
            let trajectory = StoredTrajectory { id, key, project, root: "~/app".into() };
            store
                .atomically(|store| store.replace_extracts(&[(&trajectory, &extract)], at))
                .unwrap();
            store.refresh_postings().unwrap();
            publish(store).unwrap();
        }

        fn encode(
            &mut self,
            encoder: &Letters,
            goes_on: &dyn Fn() -> bool,
        ) -> Result<u64, EncodingError> {
            let due = begin(&mut self.store, encoder.name).unwrap();
            encode(&mut self.store, encoder, &due, goes_on, &|_| {})
        }

        fn counts(&self, encoder: &str) -> (u64, u64) {
            self.store.vector_counts(encoder).unwrap()
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
        let row = known.store.patterns_by_prefix(&known.id("fix 1")).unwrap()[0].row;
        known.store.forget(&Forget::Pattern(row), NOW).unwrap();
        known.store.purge().unwrap();
        assert_eq!(known.counts("letters@1"), (1, 1));
        // The pattern stays, with the words of the session that is left.
        known.store.forget(&Forget::Session("later".into()), NOW).unwrap();
        known.store.purge().unwrap();
        assert_eq!(known.counts("letters@1"), (0, 1));
    }

    impl Known {
        /// The id of a fix.
        fn id(&self, name: &str) -> String {
            let all = self.store.best(Kind::Fix, 99).unwrap();
            all.into_iter().find(|pattern| pattern.trigger == name).unwrap().id.to_string()
        }
    }
}
