//! Makes the term lists and vectors of a project from what the database holds.
//!
//! This is the reading half of [`super::listing`]: it runs on several threads, each with a
//! connection of its own.

use std::borrow::Cow;
use std::cmp::Reverse;

use rusqlite::params;

use super::dense;
use super::error::{Attempt, StorageError};
use super::inverted::{Dictionary, Lists, Patterns};
use super::open::Reader;
use super::postings::Corpus;
use crate::model::pattern::Kind;
use crate::model::tokens;
use crate::model::vector::Encode;

/// Ranges of terms, by where each begins. The files of a very large project have so many different
/// terms that they are listed range by range, to bound the memory.
const RANGES: &[&str] = &["", "c", "f", "l", "p", "s"];

/// The newest touches that a file's document is made of.
const TOUCHES: usize = 40;

/// The terms from one to another that comes after it in the alphabet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    from: &'static str,
    to: Option<&'static str>,
}

impl Range {
    /// The ranges that together are all terms, in order.
    pub(super) fn all(many: bool) -> Vec<Self> {
        let starts = if many { RANGES } else { &RANGES[..1] };
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        starts.iter().zip(ends).map(|(from, to)| Self { from, to }).collect()
    }

    /// Whether it is the first of them.
    pub(super) fn is_first(self) -> bool {
        self.from.is_empty()
    }

    fn holds(self, term: &str) -> bool {
        term >= self.from && self.to.is_none_or(|to| term < to)
    }
}

/// A part of a project's lists that can be made by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// The lists of all corpora of patterns.
    Patterns,
    /// The lists of the files, as far as their terms are in a range.
    Files(Range),
    /// The vectors of the documents of a corpus.
    Meanings(Corpus),
}

/// A part that is made.
#[derive(Debug)]
pub(super) enum Made {
    /// Lists of patterns.
    Patterns(Box<Patterns>),
    /// Lists of files.
    Files(Range, Dictionary, Lists),
    /// Vectors of a corpus, in the form in which they are stored; `None` when there are none.
    Meanings(Corpus, Option<Vec<u8>>),
}

impl Reader {
    /// Makes a part of the lists of `project`; vectors by `encoder`.
    pub(super) fn make_list(
        &self,
        project: i64,
        part: Part,
        encoder: Option<&(dyn Encode + Send + Sync)>,
    ) -> Result<Made, StorageError> {
        self.in_one_view(|| {
            Ok(match part {
                Part::Patterns => Made::Patterns(self.listed_patterns(project)?.into()),
                Part::Files(range) => {
                    let (terms, lists) = self.listed_files(project, range)?;
                    Made::Files(range, terms, lists)
                }
                Part::Meanings(corpus) => {
                    let made = encoder.map(|encoder| self.meanings_of(project, corpus, encoder));
                    Made::Meanings(corpus, made.transpose()?.flatten())
                }
            })
        })
    }

    /// Lists the terms of the project's patterns.
    fn listed_patterns(&self, project: i64) -> Result<Patterns, StorageError> {
        const ATTEMPT: &str = "read the patterns' words";
        // The rows are put in order by themselves: with them, texts would be moved as well.
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT p.row, p.kind, p.state, p.trigger, p.text
                 FROM (SELECT row FROM patterns WHERE project = ?1 OR project IS NULL
                       ORDER BY row LIMIT -1) k
                 CROSS JOIN patterns p ON p.row = k.row",
            )
            .attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut patterns = Patterns::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let number = |column| row.get::<_, i64>(column).attempt(ATTEMPT);
            let text = |column| {
                row.get_ref(column).map(|text| text.as_str().unwrap_or("")).attempt(ATTEMPT)
            };
            let listed = u32::try_from(number(0)?).ok();
            let corpus = listed.and_then(|_| Corpus::of(number(1).ok()?, number(2).ok()?));
            patterns.add(listed.unwrap_or_default(), corpus, [text(3)?, text(4)?]);
        }
        Ok(patterns)
    }

    /// Lists the terms in `range` of the project's files: of their paths, of the symbols that were
    /// changed or shown, and of the prompts that changed them.
    fn listed_files(
        &self,
        project: i64,
        range: Range,
    ) -> Result<(Dictionary, Lists), StorageError> {
        const ATTEMPT: &str = "read the files' words";
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT f.id, f.path, t.edited, t.at, t.episode, t.words, t.symbols
                 FROM (SELECT id FROM files WHERE project = ?1 ORDER BY id LIMIT -1) k
                 CROSS JOIN files f ON f.id = k.id LEFT JOIN touches t ON t.file = f.id",
            )
            .attempt(ATTEMPT)?;
        let mut rows = query.query([project]).attempt(ATTEMPT)?;
        let mut files = Files::new(range);
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let Ok(id) = u32::try_from(row.get::<_, i64>(0).attempt(ATTEMPT)?) else { continue };
            let text = |column| {
                row.get_ref(column).map(|text| text.as_str().unwrap_or("")).attempt(ATTEMPT)
            };
            if files.file != Some(id) {
                files.begin(id, text(1)?);
            }
            // A file without touches has one row without any.
            if let Some(edited) = row.get(2).attempt(ATTEMPT)? {
                let (at, episode) = (row.get(3).attempt(ATTEMPT)?, row.get(4).attempt(ATTEMPT)?);
                files.touch(Touch { edited, at, episode }, text(5)?, text(6)?);
            }
        }
        Ok(files.finish())
    }

    /// The vectors of the project's documents of `corpus`.
    fn meanings_of(
        &self,
        project: i64,
        corpus: Corpus,
        encoder: &dyn Encode,
    ) -> Result<Option<Vec<u8>>, StorageError> {
        const ATTEMPT: &str = "read the documents";
        let taught = self.has_teacher(encoder)?;
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT p.row, p.trigger, p.text
                 FROM (SELECT row FROM patterns
                       WHERE (project = ?1 OR project IS NULL) AND kind = ?2 AND state = 1
                       ORDER BY row LIMIT -1) k
                 CROSS JOIN patterns p ON p.row = k.row",
            )
            .attempt(ATTEMPT)?;
        let kind = if corpus == Corpus::Decisions { Kind::Decision } else { Kind::Episode };
        let mut rows = query.query(params![project, kind as i64]).attempt(ATTEMPT)?;
        let mut vectors = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            // The same rows as in the directory, whose numbers these are.
            let pattern: i64 = row.get(0).attempt(ATTEMPT)?;
            if u32::try_from(pattern).is_err() {
                continue;
            }
            let column = corpus.meaningful();
            let text = row.get_ref(column).attempt(ATTEMPT)?.as_str().unwrap_or("");
            let vector = if taught { self.taught(encoder, pattern, text)? } else { None };
            vectors.push(vector.or_else(|| encoder.encode(text)));
        }
        let any = vectors.iter().any(Option::is_some);
        Ok(any.then(|| dense::build(encoder.space(), &vectors)))
    }
}

/// One episode's touch of the file that is being read.
#[derive(Clone, Copy, Debug)]
struct Touch {
    edited: bool,
    at: i64,
    episode: [u8; 16],
}

/// The files of a project as they are read.
struct Files {
    range: Range,
    terms: Dictionary,
    lists: Lists,
    /// Row of the file that is being read.
    file: Option<u32>,
    /// Its newest touches and some others, each with the words of its prompt and its symbols.
    touches: Vec<(Touch, String, String)>,
    /// How many of them are of this file; the rest keep their room for the next ones.
    touched: usize,
}

impl Files {
    fn new(range: Range) -> Self {
        let (terms, lists) = (Dictionary::default(), Lists::new(Corpus::Files));
        Self { range, terms, lists, file: None, touches: Vec::new(), touched: 0 }
    }

    /// Ends the file that was read, and begins the one in row `file`.
    fn begin(&mut self, file: u32, path: &str) {
        self.end();
        self.file = Some(file);
        let mut terms = tokens::terms(path);
        while let Some(term) = terms.next_term() {
            self.count(term, 0);
        }
    }

    fn touch(&mut self, touch: Touch, words: &str, symbols: &str) {
        // A file may be touched in thousands of episodes.
        if self.touched == 2 * TOUCHES {
            newest_first(&mut self.touches);
            self.touched = TOUCHES;
        }
        if self.touched == self.touches.len() {
            self.touches.push((touch, String::new(), String::new()));
        }
        let (known, its_words, its_symbols) = &mut self.touches[self.touched];
        self.touched += 1;
        *known = touch;
        for (known, text) in [(its_words, words), (its_symbols, symbols)] {
            known.clear();
            known.push_str(text);
        }
    }

    /// Lists what the newest touches of the file say: words as often as they were said, each symbol
    /// once.
    fn end(&mut self) {
        let Some(file) = self.file.take() else { return };
        let mut all = std::mem::take(&mut self.touches);
        let touches = &mut all[..std::mem::take(&mut self.touched)];
        if touches.len() > TOUCHES {
            newest_first(touches);
        }
        let newest = || touches.iter().take(TOUCHES);
        for symbol in distinct(newest().map(|(_, _, symbols)| symbols.as_str())) {
            self.count(&lowercase(symbol), 1);
        }
        for (_, words, _) in newest().filter(|(touch, ..)| touch.edited) {
            for word in words.split(' ').filter(|word| !word.is_empty()) {
                self.count(word, 2);
            }
        }
        self.touches = all;
        self.lists.close(file);
    }

    /// Counts a term when it is in the range; in the length of the document it counts anyway.
    fn count(&mut self, term: &str, field: usize) {
        if self.range.holds(term) {
            self.lists.count(self.terms.number(term), field);
        } else {
            self.lists.pass_over();
        }
    }

    fn finish(mut self) -> (Dictionary, Lists) {
        self.end();
        (self.terms, self.lists)
    }
}

/// Puts touches of a file in order.
fn newest_first(touches: &mut [(Touch, String, String)]) {
    touches.sort_unstable_by_key(|(touch, ..)| (Reverse(touch.at), touch.episode));
}

/// A symbol in lower case.
fn lowercase(symbol: &str) -> Cow<'_, str> {
    if symbol.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        symbol.into()
    } else {
        symbol.to_lowercase().into()
    }
}

/// The different words of some texts.
fn distinct<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    let mut words: Vec<&str> =
        texts.flat_map(|text| text.split(' ')).filter(|word| !word.is_empty()).collect();
    // Mostly they are sorted already, as they come from a single touch.
    if !words.is_sorted_by(|a, b| a < b) {
        words.sort_unstable();
        words.dedup();
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_file_is_described_by_its_newest_touches() {
        let mut files = Files::new(Range::all(false)[0]);
        files.begin(7, "src/parse.rs");
        let many = 3 * TOUCHES as i64 + 5;
        for n in (0..many).map(|n| n * 7 % many) {
            let touch = Touch { edited: n % 2 == 0, at: n, episode: [0; 16] };
            files.touch(touch, &format!("w{n} again"), &format!("S{n} Same"));
        }
        assert!(files.touches.len() <= 2 * TOUCHES, "{}", files.touches.len());
        files.begin(9, "Makefile");
        files.touch(Touch { edited: true, at: 1, episode: [1; 16] }, "build", "");
        let (terms, lists) = files.finish();
        let found: Vec<&str> = lists.sorted(&terms).map(|(_, term, _)| term).collect();
        assert!(
            ["w86", "w124", "s85", "s124", "same", "parse.rs", "makefil", "build"]
                .iter()
                .all(|term| found.contains(term)),
            "{found:?}"
        );
        // Read but not edited; older than the newest; of neither file.
        assert!(["w87", "w84", "s84"].iter().all(|term| !found.contains(term)), "{found:?}");
        assert_eq!(lists.directory()[8..16], [7, 0, 0, 0, 9, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn every_term_is_in_one_range(term in ".{0,6}|[a-z]{1,6}") {
            for many in [false, true] {
                let holding = Range::all(many).iter().filter(|range| range.holds(&term)).count();
                prop_assert_eq!(holding, 1);
            }
        }
    }
}
