//! What the query of `mana search` means: its vectors, by the encoder in use and by the table.

use super::encoder;
use super::error::CliError;
use super::output::Output;
use crate::config::Settings;
use crate::embeddings::StaticEncoder;
use crate::model::vector::{Encode as _, Quantised};
use crate::storage::{Means, Reader};

/// How much the meaning of a query counts beside its words. The best single value over questions
/// of several kinds; `docs/embeddings.md` has the measurements.
const WEIGHT: f64 = 2.0;

/// A query's vectors.
pub(super) struct Meaning {
    /// The encoder's name, and its vector.
    encoded: Option<(String, Vec<f32>)>,
    table: StaticEncoder<'static>,
    /// The table's vector; `None` when it knows no word of the query.
    vector: Option<Quantised>,
}

impl Meaning {
    /// The meaning of `text`. An encoder that cannot be used is named, and the table takes its
    /// place.
    pub(super) fn of(
        settings: &Settings,
        reader: &Reader,
        text: &str,
        output: &mut Output,
    ) -> Result<Self, CliError> {
        let encoded = encoded(settings, reader, text, output)?;
        let table = encoder::of_home(&settings.home);
        let vector = table.encode(text);
        Ok(Self { encoded, table, vector })
    }

    /// What the store compares with.
    pub(super) fn means(&self) -> Means<'_> {
        Means {
            encoded: self.encoded.as_ref().map(|(name, vector)| (name.as_str(), vector.as_slice())),
            table: self.vector.clone().map(|vector| (&self.table as _, vector)),
            weight: WEIGHT,
        }
    }

    /// What made the vectors, for people.
    pub(super) fn source(&self) -> &str {
        self.encoded.as_ref().map_or("by the static table", |(name, _)| name)
    }
}

/// The vector of the encoder in use, where anything was encoded with it.
#[cfg(feature = "encoder")]
fn encoded(
    settings: &Settings,
    reader: &Reader,
    text: &str,
    output: &mut Output,
) -> Result<Option<(String, Vec<f32>)>, CliError> {
    use super::hook;
    use crate::embeddings::Embedder as _;
    use crate::library::Library;

    let library = Library::of(&settings.home);
    let unusable = |error: &dyn std::error::Error, output: &mut Output| {
        let what = hook::chain(error);
        output.notice(format!("The encoder cannot be used, so the static table is: {what}"));
        Ok(None)
    };
    let model = match library.active() {
        Err(error) => return unusable(&error, output),
        Ok(None) => return Ok(None),
        Ok(Some(model)) => model,
    };
    if !reader.has_vectors(&model.space)? {
        return Ok(None);
    }
    let encoder = match library.open(&model) {
        Err(error) => return unusable(&error, output),
        Ok(encoder) => encoder,
    };
    match encoder.embed(&[text]) {
        Err(error) => unusable(&error, output),
        Ok(mut vectors) => Ok(vectors.pop().map(|vector| (model.space, vector))),
    }
}

#[cfg(not(feature = "encoder"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with the encoder can fail here")]
fn encoded(
    _: &Settings,
    _: &Reader,
    _: &str,
    _: &mut Output,
) -> Result<Option<(String, Vec<f32>)>, CliError> {
    Ok(None)
}
