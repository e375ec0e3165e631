//! The loading code and the calculation, with a tiny model of random weights.

#[cfg(feature = "teacher")]
mod reference;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::embeddings::testing::{self, HIDDEN, POSITIONS, write_model};

/// A folder with a sound model.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), "", 1);
    folder
}

/// Loads a sound model.
fn tiny() -> Bert {
    Bert::load("tiny", folder().path()).unwrap()
}

/// The error of loading a model of which one file was replaced.
fn refused(file: &str, content: &[u8]) -> EmbeddingError {
    let folder = folder();
    let path = folder.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    Bert::load("tiny", folder.path()).err().expect("must be refused")
}

/// The error of loading a model whose `config.json` says otherwise in one place.
fn refused_config(key: &str, value: Value) -> String {
    let mut config = testing::config();
    config[key] = value;
    refused("config.json", config.to_string().as_bytes()).to_string()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

#[test]
fn vectors_have_length_one_and_differ() {
    let bert = tiny();
    assert_eq!((bert.name(), bert.dimensions()), ("tiny", HIDDEN));
    let vectors = bert.embed(&["cargo test", "npm run build", ""]).unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        assert_eq!(vector.len(), HIDDEN);
        let length = vector.iter().map(|x| x * x).sum::<f32>();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
    }
    assert!(distance(&vectors[0], &vectors[1]) > 0.01);
    assert!(bert.embed(&[]).unwrap().is_empty());
}

#[test]
fn a_text_has_the_same_vector_alone_and_among_others() {
    let bert = tiny();
    // Lengths from nothing to more than fits, in no order, and enough for several passes.
    let texts: Vec<String> = (0..400)
        .map(|n| "ab c9 ".repeat(n * 7 % 13) + &n.to_string())
        .chain(["Größe ≠ 大小\u{0}".to_owned()])
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    assert!(batches(&bert.tokens(&texts).unwrap()).len() > 1);
    let together = bert.embed(&texts).unwrap();
    for (text, vector) in texts.iter().zip(&together) {
        let alone = &bert.embed(&[text]).unwrap()[0];
        assert!(distance(alone, vector) < 1e-5, "{text}: {alone:?} {vector:?}");
    }
}

#[test]
fn every_text_is_in_one_batch_and_no_batch_is_too_large() {
    let tokens: Vec<Vec<u32>> = (0..500).map(|n| vec![0; 1 + n * 31 % 256]).collect();
    let batches = batches(&tokens);
    let mut seen: Vec<usize> = batches.concat();
    seen.sort_unstable();
    assert_eq!(seen, (0..500).collect::<Vec<_>>());
    for batch in &batches {
        let longest = batch.iter().map(|&text| tokens[text].len()).max().unwrap();
        assert!(batch.len() * longest <= BATCH_TOKENS);
    }
    // Little is padded: at most one batch more than if nothing were.
    let total: usize = tokens.iter().map(Vec::len).sum();
    assert!(batches.len() <= total.div_ceil(BATCH_TOKENS) + 2, "{}", batches.len());
}

#[test]
fn a_long_text_is_cut_at_the_last_position() {
    let bert = tiny();
    let long = "a ".repeat(5000);
    assert_eq!(bert.tokens(&[&long]).unwrap()[0].len(), POSITIONS);
    let cut = "a ".repeat(POSITIONS - 2);
    let vectors = bert.embed(&[&long, &cut]).unwrap();
    assert!(distance(&vectors[0], &vectors[1]) < 1e-5);
}

#[test]
fn the_limits_of_the_tokenizer_file_do_not_count() {
    // It pads to five tokens and cuts there.
    let lengths: Vec<usize> =
        tiny().tokens(&["a", "a b c d e f"]).unwrap().iter().map(Vec::len).collect();
    assert_eq!(lengths, [3, 8]);
}

#[test]
fn names_of_weights_may_begin_with_bert() {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), "bert.", 1);
    let prefixed = Bert::load("tiny", folder.path()).unwrap();
    let text = ["cargo test"];
    assert_eq!(prefixed.embed(&text).unwrap(), tiny().embed(&text).unwrap());
}

#[test]
fn a_missing_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let folder = folder();
        fs::remove_file(folder.path().join(file)).unwrap();
        let error = Bert::load("tiny", folder.path()).err().unwrap();
        assert!(matches!(error, EmbeddingError::Missing { .. }), "{error:?}");
        assert!(error.to_string().contains(file), "{error}");
    }
}

#[test]
fn a_torn_file_is_named() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let whole = fs::read(folder().path().join(file)).unwrap();
        for length in [0, 1, 7, whole.len() / 2, whole.len() - 1] {
            let error = refused(file, &whole[..length]);
            assert!(matches!(error, EmbeddingError::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}

#[test]
fn weights_of_another_shape_are_refused() {
    for (key, value) in [
        ("vocab_size", json!(5000)),
        ("hidden_size", json!(16)),
        ("num_hidden_layers", json!(3)),
        ("max_position_embeddings", json!(512)),
    ] {
        let error = refused_config(key, value);
        assert!(error.contains("model.safetensors is damaged"), "{key}: {error}");
    }
}

#[test]
fn models_of_another_kind_are_refused() {
    for (key, value, expected) in [
        ("model_type", json!("roberta"), "a model of type roberta"),
        ("num_attention_heads", json!(0), "without layers, heads or positions"),
        ("num_attention_heads", json!(3), "without layers, heads or positions"),
        ("vocab_size", json!(4), "it belongs to another model"),
        ("hidden_act", json!("swish"), "config.json is damaged"),
    ] {
        let error = refused_config(key, value);
        assert!(error.contains(expected), "{key}: {error}");
    }
    let error = refused("1_Pooling/config.json", br#"{"pooling_mode_mean_tokens": false}"#);
    assert!(error.to_string().contains("does not take the mean"), "{error}");
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    let mut weights = fs::read(folder().path().join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize + 8;
    for number in weights[header..].chunks_mut(4) {
        number.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    let error = refused("model.safetensors", &weights);
    assert!(matches!(error, EmbeddingError::NoDirection { .. }), "{error:?}");
}
