//! The program's own search over the documents of a set: words by the store, meaning by encoders.

use std::collections::HashMap;
use std::ops::ControlFlow;
#[cfg(feature = "encoder")]
use std::path::Path;

use super::error::{Attempted, QualityError};
use crate::embeddings::{Embedder, shipped};
use crate::model::ids::{PatternId, StepId};
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
use crate::model::tokens;
use crate::model::trajectory::TrajectoryKey;
use crate::model::vector::Encode;
use crate::storage::{Corpus, Extract, Query, Recall, Store, StoredTrajectory};

/// Query terms at most, as at a prompt.
const TERMS: usize = 64;

/// Texts that the full encoder takes at once, between two words of progress.
const BATCH: usize = 64;

/// The project of the documents.
const PROJECT: &str = "name:quality";

/// Documents in a store of their own.
pub(super) struct Shelf {
    store: Store,
    project: i64,
    numbers: HashMap<PatternId, usize>,
    _home: tempfile::TempDir,
}

impl Shelf {
    /// Stores and lists `texts`, in an order that does not matter.
    pub(super) fn of(texts: &[String]) -> Result<Self, QualityError> {
        let home = tempfile::tempdir().attempted("make a folder")?;
        let mut store = Store::open(home.path(), true).attempted("make a store")?;
        let drafts: Vec<Draft> = texts.iter().enumerate().map(|(n, text)| draft(n, text)).collect();
        let numbers = (0..).zip(&drafts).map(|(n, draft)| (draft.id(PROJECT), n)).collect();
        let extract = Extract { drafts, ..Extract::default() };
        let stored = store.atomically(|store| {
            let project = store.ensure_project(PROJECT, "quality")?;
            let key = TrajectoryKey { session: "quality".into(), agent: String::new() };
            let id = store.ensure_trajectory(&key, project, "~/quality", "~/quality", 0)?;
            let trajectory = StoredTrajectory { id, key, project, root: "~/quality".into() };
            store.replace_extracts(&[(&trajectory, &extract)], 0)?;
            Ok(project)
        });
        let project = stored.attempted("store the documents")?;
        store.refresh_postings().attempted("list the documents")?;
        Ok(Self { store, project, numbers, _home: home })
    }

    /// The BM25 scores of all documents, in their order; 0 for one without a word in common.
    pub(super) fn bm25(&self, question: &str) -> Result<Vec<f64>, QualityError> {
        let terms = tokens::first_distinct(question, TERMS);
        let all = self.numbers.len();
        let corpora = [Corpus::Episodes];
        let terms = self.store.look_up(self.project, &corpora, &terms);
        let terms = terms.attempted("look up the words of a question")?;
        let hits = self
            .store
            .search(self.project, Corpus::Episodes, &Query::words(&terms), all)
            .attempted("search the documents")?;
        let mut scores = vec![0.0; all];
        for hit in hits {
            let found = self.store.pattern_in(self.project, hit.row);
            if let Some(pattern) = found.attempted("read a document")? {
                scores[self.numbers[&pattern.id]] = hit.bm25;
            }
        }
        Ok(scores)
    }
}

/// A document as a pattern that is active and is searched by all of its words.
fn draft(n: usize, text: &str) -> Draft {
    let number = n.to_string();
    let evidence = Evidence { step: StepId::derive(&number), at: 0, role: Role::Success };
    Draft {
        kind: Kind::Episode,
        tool: String::new(),
        category: "",
        identity: (number, String::new()),
        keys: Vec::new(),
        trigger: text.to_owned(),
        text: String::new(),
        payload: Payload::default(),
        evidence: vec![evidence],
    }
}

/// The encoders that there are.
pub(super) struct Encoders {
    full: Option<Box<dyn Embedder>>,
}

/// The vectors of some texts, each of length 1; `None` where nothing in a text is known.
pub(super) type Vectors = Vec<Option<Vec<f32>>>;

impl Encoders {
    /// The static encoder alone.
    pub(super) fn built_in() -> Self {
        Self { full: None }
    }

    /// The full encoder in the folder `model` too.
    #[cfg(feature = "encoder")]
    pub(super) fn with(model: &Path) -> Result<Self, QualityError> {
        let full = crate::library::Library::open_folder(model).attempted("load the encoder")?;
        Ok(Self { full: Some(Box::new(full)) })
    }

    /// The vectors of the static encoder, in the form in which they are stored.
    pub(super) fn fixed(texts: &[String]) -> Vectors {
        let encoder = shipped::encoder();
        let encode = |text: &String| encoder.encode(text).map(|vector| vector.values().to_vec());
        texts.iter().map(encode).collect()
    }

    /// The vectors of the full encoder; `None` without one. `say` is told how far it is.
    pub(super) fn full(
        &self,
        texts: &[String],
        say: &dyn Fn(&str),
    ) -> Result<Option<Vectors>, QualityError> {
        let Some(full) = &self.full else { return Ok(None) };
        let mut vectors = Vectors::with_capacity(texts.len());
        for batch in texts.chunks(BATCH) {
            let batch: Vec<&str> = batch.iter().map(String::as_str).collect();
            vectors.extend(full.embed(&batch).attempted("encode the texts")?.into_iter().map(Some));
            say(&format!("{} of {} texts encoded", vectors.len(), texts.len()));
        }
        Ok(Some(vectors))
    }

    /// Vectors of the full encoder in the space of the static one; `None` when that was fitted to
    /// another.
    pub(super) fn projected(&self, vectors: &Vectors) -> Option<Vectors> {
        let sum = |name: &str| name.rsplit_once('@').map(|(_, sum)| sum.to_owned());
        let table = shipped::table();
        // The folder's name may differ; the checksum of the weights tells.
        let same = sum(self.full.as_ref()?.name()) == sum(&table.about().teacher);
        let project = |vector: &Option<Vec<f32>>| {
            let vector = table.project(vector.as_deref()?)?;
            Some(vector.quantised().values().to_vec())
        };
        same.then(|| vectors.iter().map(project).collect())
    }
}

/// The beginning of `text` that has at most `most` tokens, on one line; a word counts whole.
pub(super) fn first_tokens(text: &str, most: usize) -> String {
    let vocabulary = shipped::vocabulary();
    let mut cut = String::new();
    let mut left = most;
    for word in text.split_whitespace() {
        let mut tokens = 0;
        vocabulary.tokens(word, |_| {
            tokens += 1;
            if tokens > left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if tokens > left {
            break;
        }
        left -= tokens;
        if !cut.is_empty() {
            cut.push(' ');
        }
        cut.push_str(word);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_by_their_words_and_by_nothing_else() {
        let texts = ["mend the parser", "paint the door blue", "mend the door", "mend the parser"];
        let shelf = Shelf::of(&texts.map(String::from)).unwrap();
        let scores = shelf.bm25("the parser needs mending").unwrap();
        assert!(scores[0] > scores[2] && scores[2] > 0.0, "{scores:?}");
        assert_eq!(
            (scores[3], scores[1]),
            (scores[0], 0.0),
            "the same text twice is two documents"
        );
    }

    #[test]
    fn texts_are_cut_between_words() {
        assert_eq!(first_tokens("run  the\ntests now", 3), "run the tests");
        assert_eq!(first_tokens("run tokenisation", 2), "run", "the second word has three tokens");
        assert_eq!(first_tokens("", 2), "");
    }

    #[test]
    fn the_static_encoder_knows_like_words() {
        let vectors = Encoders::fixed(
            &["run the tests", "run all tests", "", "paint a door"].map(String::from),
        );
        let cosine = |a: usize, b: usize| {
            let (a, b) = (vectors[a].as_ref().unwrap(), vectors[b].as_ref().unwrap());
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()
        };
        assert!(cosine(0, 1) > cosine(0, 3));
        assert_eq!(vectors[2], None);
    }
}
