//! The full encoder's vectors in the space of the static table that was fitted to it: a hook
//! encodes its query by the table alone, and finds more when the documents are the teacher's.

use rusqlite::OptionalExtension;

use super::key;
use super::numbers::Numbers;
use crate::model::vector::{Encode, Quantised};
use crate::storage::error::{Attempt, StorageError};
use crate::storage::open::Reader;

const ATTEMPT: &str = "read a vector";

impl Reader {
    /// Whether there are vectors of the encoder that `table` was fitted to.
    pub(in crate::storage) fn has_teacher(&self, table: &dyn Encode) -> Result<bool, StorageError> {
        let known: Option<String> = self
            .conn
            .prepare_cached("SELECT encoder FROM vectors LIMIT 1")
            .and_then(|mut query| query.query_row([], |row| row.get(0)).optional())
            .attempt(ATTEMPT)?;
        Ok(known.is_some_and(|encoder| table.is_taught_by(&encoder)))
    }

    /// The vector of a pattern that says `text`, in the space of `table`; `None` when it has none
    /// of this text, or not of the encoder that `table` was fitted to.
    pub(in crate::storage) fn taught(
        &self,
        table: &dyn Encode,
        pattern: i64,
        text: &str,
    ) -> Result<Option<Quantised>, StorageError> {
        self.conn
            .prepare_cached("SELECT encoder, text, numbers FROM vectors WHERE pattern = ?1")
            .and_then(|mut query| {
                query
                    .query_row([pattern], |row| {
                        let encoder = row.get_ref(0)?.as_str().unwrap_or("");
                        if row.get::<_, i64>(1)? != key(text) || !table.is_taught_by(encoder) {
                            return Ok(None);
                        }
                        let numbers = Numbers::new(row.get_ref(2)?.as_blob()?);
                        Ok(numbers.and_then(|numbers| table.project(&numbers.values())))
                    })
                    .optional()
            })
            .map(Option::flatten)
            .attempt(ATTEMPT)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use crate::model::vector::Encode as _;
    use crate::model::vector::testing::Words;
    use crate::storage::recall::Recall as _;
    use crate::storage::{Corpus, NewVector, Store};

    const TEXT: &str = "never push on Fridays";
    const MEANT: &str = "release at the weekend";

    /// The cosine of [`MEANT`] and the only decision, as hooks compute it.
    fn cosine(store: &Store, project: i64) -> f32 {
        let query = Words.encode(MEANT).unwrap();
        let dense = store.dense(project, Corpus::Decisions).unwrap().unwrap();
        dense.cosine(&query, 0).unwrap().unwrap()
    }

    #[test]
    fn hooks_search_the_teachers_vectors_of_the_present_words() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        store.encode_with(Some(Box::new(Words)));
        let project = store.ensure_project("app", "app").unwrap();
        store
            .conn()
            .execute(
                "INSERT INTO patterns (row, id, kind, project, tool, category, trigger, text,
                                       payload, state, hlc, origin)
                 VALUES (1, ?1, 5, ?2, '', '', '', ?3, '{}', 1, 0, '')",
                params![[1_u8; 16], project, TEXT],
            )
            .unwrap();
        store.refresh_postings().unwrap();
        let plain = cosine(&store, project);
        assert!(plain < 0.5, "{plain}");

        let vector = Words.encode(MEANT).unwrap().values().to_vec();
        let put = |store: &mut Store, encoder: &str, text: &str| {
            let new = NewVector { pattern: 1, text, vector: vector.clone() };
            store.put_vectors(encoder, &[new]).unwrap();
            store.refresh_postings().unwrap();
            cosine(store, project)
        };
        let taught = put(&mut store, "teacher of words", TEXT);
        assert!(taught > 0.99, "{taught}");
        // Nothing is taken from another encoder, or for other words than it was made of.
        for (encoder, text) in [("another", TEXT), ("teacher of words", "push on Fridays")] {
            let _other = put(&mut store, encoder, text);
            store.unlist_project(Some(project)).unwrap();
            store.refresh_postings().unwrap();
            let found = cosine(&store, project);
            assert!((found - plain).abs() < 1e-6, "{encoder} {text}: {found} {plain}");
        }
    }
}
