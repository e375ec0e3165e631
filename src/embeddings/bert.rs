//! The full sentence encoder: a BERT-shaped model, run by candle.
//!
//! A model folder holds three files, as published by their makers: `config.json` with the model's
//! shape, `tokenizer.json`, and `model.safetensors` with the weights in any float type; the
//! calculation is in f32. gte-small and all-MiniLM-L6-v2 are of this kind.

use std::error::Error;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use tokenizers::{Tokenizer, TruncationParams};

use super::{Embedder, EmbeddingError, normalised};

/// A text counts up to here, in tokens with the two that mark its ends. What a pattern says stands
/// at its beginning, and the cost of a text grows with the square of its length.
const MAX_TOKENS: usize = 256;

/// Tokens in one pass through the model, padding included. More gain no speed and cost memory:
/// about 27 kB a token for a hidden size of 384.
const BATCH_TOKENS: usize = 2048;

/// A BERT-shaped sentence encoder: mean over the tokens of the last layer, scaled to length 1.
pub(crate) struct Bert {
    name: String,
    dimensions: usize,
    pad: u32,
    tokenizer: Tokenizer,
    model: BertModel,
}

impl Bert {
    /// Loads the model in `folder` under `name` and tries it on one text.
    ///
    /// # Errors
    /// [`EmbeddingError`], naming the file that is missing, damaged, or of a model of another kind.
    pub(crate) fn load(name: &str, folder: &Path) -> Result<Self, EmbeddingError> {
        let config = config(&folder.join("config.json"))?;
        expect_mean_pooling(&folder.join("1_Pooling/config.json"))?;
        let tokenizer = tokenizer(&folder.join("tokenizer.json"), &config)?;
        let loaded = Self {
            name: name.to_owned(),
            dimensions: config.hidden_size,
            pad: u32::try_from(config.pad_token_id).unwrap_or(0),
            tokenizer,
            model: model(&folder.join("model.safetensors"), &config)?,
        };
        // Weights of a sound shape can still hold no numbers.
        loaded.embed(&["mana"])?;
        Ok(loaded)
    }

    /// The token numbers of each text, at least one.
    fn tokens(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, EmbeddingError> {
        let encodings = self
            .tokenizer
            .encode_batch_fast(texts.to_vec(), true)
            .map_err(|source| self.failed("tokenise", source))?;
        Ok(encodings
            .iter()
            .map(|encoding| match encoding.get_ids() {
                // Not every tokenizer marks the ends of a text, and then an empty one is nothing.
                [] => vec![self.pad],
                ids => ids.to_vec(),
            })
            .collect())
    }

    /// The means over the tokens of each of `texts`, which pass through the model together.
    fn pass(&self, texts: &[&[u32]]) -> candle_core::Result<Vec<Vec<f32>>> {
        let longest = texts.iter().map(|text| text.len()).max().unwrap_or_default();
        let shape = (texts.len(), longest);
        let mut ids = Vec::with_capacity(texts.len() * longest);
        let mut mask = Vec::with_capacity(texts.len() * longest);
        for text in texts {
            let padding = longest - text.len();
            ids.extend_from_slice(text);
            ids.extend(std::iter::repeat_n(self.pad, padding));
            mask.extend(std::iter::repeat_n(1_f32, text.len()));
            mask.extend(std::iter::repeat_n(0_f32, padding));
        }
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let weights = mask.unsqueeze(2)?;
        let sums = states.broadcast_mul(&weights)?.sum(1)?;
        sums.broadcast_div(&weights.sum(1)?)?.to_vec2()
    }

    fn failed(
        &self,
        attempt: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> EmbeddingError {
        EmbeddingError::Compute { attempt, name: self.name.clone(), source: source.into() }
    }
}

impl Embedder for Bert {
    fn name(&self) -> &str {
        &self.name
    }

    fn dimensions(&self) -> usize {
        self.dimensions
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let tokens = self.tokens(texts)?;
        let mut vectors = vec![Vec::new(); texts.len()];
        for batch in batches(&tokens) {
            let inputs: Vec<&[u32]> = batch.iter().map(|&text| tokens[text].as_slice()).collect();
            let means = self.pass(&inputs).map_err(|source| self.failed("encode", source))?;
            for (text, mean) in batch.into_iter().zip(means) {
                vectors[text] = normalised(mean)
                    .ok_or_else(|| EmbeddingError::NoDirection { name: self.name.clone() })?;
            }
        }
        Ok(vectors)
    }
}

/// Groups texts of about the same length, so that little is padded: the positions of each group's
/// texts, no group with more than [`BATCH_TOKENS`] unless it is a single text.
fn batches(tokens: &[Vec<u32>]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..tokens.len()).collect();
    order.sort_by_key(|&text| tokens[text].len());
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for text in order {
        // The text is the longest of the group so far, and all others are padded to its length.
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * tokens[text].len() <= BATCH_TOKENS => {
                batch.push(text);
            }
            _ => batches.push(vec![text]),
        }
    }
    batches
}

/// Reads the model's shape and refuses what candle would compute wrongly or not at all.
fn config(path: &Path) -> Result<Config, EmbeddingError> {
    let config: Config =
        serde_json::from_slice(&read(path)?).map_err(|source| damaged(path, source))?;
    let unsupported = |what: String| EmbeddingError::Unsupported { path: path.into(), what };
    // Others have tensors of the same names and count positions from another number.
    if let Some(kind) = config.model_type.as_deref().filter(|&kind| kind != "bert") {
        return Err(unsupported(format!("a model of type {kind}; only bert can be computed")));
    }
    let sizes = [
        config.hidden_size,
        config.num_attention_heads,
        config.num_hidden_layers,
        config.max_position_embeddings,
    ];
    if sizes.contains(&0) || !config.hidden_size.is_multiple_of(config.num_attention_heads) {
        return Err(unsupported("a model without layers, heads or positions".into()));
    }
    Ok(config)
}

/// Refuses a model whose makers take another vector than the mean of its tokens. Where the folder
/// does not say, it is the mean.
fn expect_mean_pooling(path: &Path) -> Result<(), EmbeddingError> {
    #[derive(serde::Deserialize)]
    struct Pooling {
        pooling_mode_mean_tokens: bool,
    }
    let bytes = match read(path) {
        Err(EmbeddingError::Missing { .. }) => return Ok(()),
        bytes => bytes?,
    };
    let pooling: Pooling =
        serde_json::from_slice(&bytes).map_err(|source| damaged(path, source))?;
    if pooling.pooling_mode_mean_tokens {
        return Ok(());
    }
    let what = "a model that does not take the mean of its tokens; only that can be computed";
    Err(EmbeddingError::Unsupported { path: path.into(), what: what.into() })
}

/// Reads the tokenizer; its own rules for cutting and padding are replaced by this module's.
fn tokenizer(path: &Path, config: &Config) -> Result<Tokenizer, EmbeddingError> {
    let mut tokenizer =
        Tokenizer::from_bytes(read(path)?).map_err(|source| damaged(path, source))?;
    tokenizer.with_padding(None);
    let max_length = MAX_TOKENS.min(config.max_position_embeddings);
    tokenizer
        .with_truncation(Some(TruncationParams { max_length, ..TruncationParams::default() }))
        .map_err(|source| damaged(path, source))?;
    let words = tokenizer.get_vocab_size(true);
    if words > config.vocab_size {
        let what = format!(
            "{words} tokens, and the model knows {}; it belongs to another model",
            config.vocab_size
        );
        return Err(EmbeddingError::Unsupported { path: path.into(), what });
    }
    Ok(tokenizer)
}

/// Loads the weights, whose names may begin with `bert.` or not.
fn model(path: &Path, config: &Config) -> Result<BertModel, EmbeddingError> {
    // Opened first, because the mapping's own error does not tell a missing file from a torn one.
    open(path).map_err(|source| unreadable(path, source))?;
    let files: [PathBuf; 1] = [path.into()];
    #[expect(unsafe_code, reason = "weights are mapped, so that a second copy is never read")]
    // SAFETY: The mapping lives until the weights are copied out, in this function. Files of
    // installed models are replaced by rename and never written to in place.
    let weights = unsafe { VarBuilder::from_mmaped_safetensors(&files, DType::F32, &Device::Cpu) };
    weights
        .and_then(|weights| BertModel::load(weights, config))
        .map_err(|source| damaged(path, source))
}

fn read(path: &Path) -> Result<Vec<u8>, EmbeddingError> {
    let read = || {
        let mut bytes = Vec::new();
        open(path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| unreadable(path, source))
}

/// Opens the regular file at `path`: opening a pipe would wait for whoever is at its other end.
fn open(path: &Path) -> io::Result<fs::File> {
    const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = fs::OpenOptions::new().read(true).custom_flags(NONBLOCK).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

fn unreadable(path: &Path, source: io::Error) -> EmbeddingError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => EmbeddingError::Missing { path },
        _ => EmbeddingError::Read { path, source },
    }
}

fn damaged(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> EmbeddingError {
    EmbeddingError::Damaged { path: path.to_owned(), source: source.into() }
}

#[cfg(test)]
mod tests;
