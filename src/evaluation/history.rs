//! What earlier sessions hold: the bound of what anyone could have learned from them.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use foldhash::HashMap as FastMap;
use serde::Serialize;

use super::session::Session;
use super::words::{Words, file_key, words};

/// Share of the weight of a mend's words that must be there.
const SHARE: f64 = 0.6;

/// A line of a transcript.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(crate) struct Place {
    /// The session's UUID.
    pub(crate) session: String,
    /// The transcript.
    pub(crate) transcript: PathBuf,
    /// Line in it, from 1.
    pub(crate) line: u64,
}

/// The calls and files of the sessions that were learned.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Successful calls that hooks know of, in order.
    worked: Vec<Place>,
    /// Which of them hold a word.
    holders: FastMap<String, Vec<u32>>,
    /// How many calls, whatever became of them, hold a word.
    frequency: FastMap<String, u32>,
    /// Calls, whatever became of them.
    calls: u32,
    /// Files that were read or changed, by their keys.
    pub(super) files: BTreeSet<String>,
}

impl History {
    /// Adds what a session holds.
    pub(super) fn add(&mut self, session: &Session) {
        for call in session.calls() {
            let words = words(&call.text);
            self.calls += 1;
            if call.succeeded() && call.is_hooked() {
                let number = self.worked.len() as u32;
                self.worked.push(Place {
                    session: session.id.clone(),
                    transcript: session.path.clone(),
                    line: call.line,
                });
                for word in &words {
                    self.holders.entry(word.clone()).or_default().push(number);
                }
            }
            for word in words {
                *self.frequency.entry(word).or_default() += 1;
            }
            if call.is_on_file() && call.succeeded() {
                self.files.insert(file_key(&call.field("file_path"), &session.root));
            }
        }
    }

    /// How much a word tells: the rarer, the more.
    fn weight(&self, word: &str) -> f64 {
        let frequency = self.frequency.get(word).copied().unwrap_or_default();
        ((f64::from(self.calls) + 1.0) / (f64::from(frequency) + 0.5)).ln()
    }

    /// Whether most of the weight of `novel` is in `have`.
    pub(super) fn covers(&self, novel: &Words, have: &Words) -> bool {
        let total: f64 = novel.iter().map(|word| self.weight(word)).sum();
        let found: f64 =
            novel.iter().filter(|word| have.contains(*word)).map(|word| self.weight(word)).sum();
        total > 0.0 && found >= SHARE * total
    }

    /// The first successful call that covers `novel`: what it teaches was there to be learned.
    pub(super) fn teacher(&self, novel: &Words) -> Option<&Place> {
        let total: f64 = novel.iter().map(|word| self.weight(word)).sum();
        let mut found: HashMap<u32, f64> = HashMap::new();
        for word in novel {
            let weight = self.weight(word);
            for call in self.holders.get(word).into_iter().flatten() {
                *found.entry(*call).or_default() += weight;
            }
        }
        let covering = found.iter().filter(|(_, weight)| total > 0.0 && **weight >= SHARE * total);
        covering.map(|(call, _)| *call).min().map(|call| &self.worked[call as usize])
    }
}
