//! How good search is: questions made from real transcripts, each with what should be found.
//!
//! Nothing of the program uses this; `benches/quality` does, which is a crate of its own and could
//! not reach the program's own search otherwise. [`sets`] makes questions and documents from what
//! was learned, [`search`] asks the store and the encoders, [`measure`] counts.

mod error;
mod measure;
mod report;
mod search;
mod sets;

use std::path::PathBuf;

pub use error::QualityError;
pub use measure::run;
pub use report::{Measured, Report, SetReport};

/// What to measure.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Transcripts, or folders of them.
    pub transcripts: Vec<PathBuf>,
    /// The folder of a full encoder; without one only the static encoder is measured.
    pub model: Option<PathBuf>,
    /// Questions of a set at most; which ones is decided by `seed`.
    pub questions: usize,
    /// Decides which questions are asked when there are more.
    pub seed: u64,
    /// How much a cosine of 1 counts beside the best match by words, one hybrid for each.
    pub weights: Vec<f64>,
    /// Tokens of a text that count.
    pub tokens: usize,
}
