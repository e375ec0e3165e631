//! From texts to vectors: sentence encoders behind one trait.
//!
//! Two texts that mean the same have vectors with a large scalar product. Which vectors may be
//! compared is decided by the encoder's [name](Embedder::name): those of different encoders mean
//! nothing to each other.
//!
//! [`Bert`] runs a full encoder from a model folder. It takes milliseconds a text and some hundred
//! megabytes, so it never runs in a hook, and it can be built without (feature `encoder`).
//!
//! [`StaticEncoder`] looks up rows of a table that [`distill`] has fitted to a full encoder. It
//! takes microseconds and is part of the program, so hooks have it too.

#[cfg(feature = "encoder")]
mod bert;
#[cfg(any(test, feature = "encoder"))]
pub(crate) mod distill;
mod error;
pub(crate) mod shipped;
pub(crate) mod static_table;
#[cfg(test)]
#[cfg_attr(not(feature = "encoder"), expect(dead_code, reason = "only the encoder's tests use it"))]
pub(crate) mod testing;
pub(crate) mod wordpiece;

#[cfg(feature = "encoder")]
pub(crate) use bert::Bert;
pub(crate) use error::EmbeddingError;
pub(crate) use static_table::StaticEncoder;

/// A sentence encoder.
pub(crate) trait Embedder {
    /// Names the encoder and with it the space of its vectors.
    fn name(&self) -> &str;

    /// Numbers in a vector.
    fn dimensions(&self) -> usize;

    /// One vector of length 1 for each text, in the order of `texts`.
    ///
    /// The vector of a text does not depend on the other texts, up to rounding. Whoever wants to be
    /// interruptible calls it with a few texts at a time.
    ///
    /// # Errors
    /// [`EmbeddingError`]; then no vector was made.
    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError>;
}

/// Scales `vector` to length 1; `None` when it has no direction.
#[cfg(feature = "encoder")]
fn normalised(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if !length.is_normal() {
        return None;
    }
    for x in &mut vector {
        *x /= length;
    }
    Some(vector)
}
