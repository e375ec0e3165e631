//! A tiny BERT-shaped model with random weights, for tests: sound in form, without any sense.
//!
//! `tests/it` includes this file too, so it uses nothing of the crate.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

/// Size of a token's vector, and so of a text's.
pub(crate) const HIDDEN: usize = 8;
/// The longest text in tokens.
pub(crate) const POSITIONS: usize = 24;
const LAYERS: usize = 2;
const INNER: usize = 16;
const SPECIAL: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];

/// Writes the model's three files into `folder`. The names of the weights begin with `prefix`, and
/// `seed` decides the weights.
pub(crate) fn write_model(folder: &Path, prefix: &str, seed: u64) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("config.json"), config().to_string()).unwrap();
    fs::write(folder.join("tokenizer.json"), tokenizer().to_string()).unwrap();
    fs::write(folder.join("model.safetensors"), weights(prefix, seed)).unwrap();
}

/// The model's shape, as its makers publish it.
pub(crate) fn config() -> Value {
    json!({
        "model_type": "bert", "vocab_size": words().len(), "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": INNER,
        "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    })
}

/// The marks, then each letter at the beginning of a word and inside of one.
fn words() -> Vec<String> {
    let letters = || ('a'..='z').chain('0'..='9');
    let marks = SPECIAL.iter().map(ToString::to_string);
    marks.chain(letters().map(String::from)).chain(letters().map(|l| format!("##{l}"))).collect()
}

fn tokenizer() -> Value {
    let vocabulary: Map<String, Value> =
        words().into_iter().enumerate().map(|(id, word)| (word, json!(id))).collect();
    let mark = |id: usize| json!({"SpecialToken": {"id": SPECIAL[id], "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let known = |id: usize| json!({"id": SPECIAL[id], "ids": [id], "tokens": [SPECIAL[id]]});
    json!({
        "version": "1.0",
        // The makers' own limits, which are none of ours.
        "truncation": {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 5}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]",
        },
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [mark(2), text, mark(3)], "pair": [mark(2), text, mark(3)],
            "special_tokens": {"[CLS]": known(2), "[SEP]": known(3)},
        },
        "decoder": null,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary,
        },
    })
}

/// The weights as a safetensors file: the header's length, the header, the numbers.
fn weights(prefix: &str, seed: u64) -> Vec<u8> {
    let mut header = Map::new();
    let mut numbers = Vec::new();
    let mut state = seed;
    for (name, shape) in shapes() {
        let begin = numbers.len();
        // A layer's scale is near one, as after training; else every text looks the same.
        let centre = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let share = (state >> 40) as f32 / (1_u64 << 24) as f32;
            numbers.extend_from_slice(&(centre + share - 0.5).to_le_bytes());
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [begin, numbers.len()]});
        header.insert(format!("{prefix}{name}"), entry);
    }
    let header = Value::Object(header).to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &numbers].concat()
}

fn shapes() -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut add = |name: String, shape: &[usize]| shapes.push((name, shape.to_vec()));
    for (table, rows) in [("word", words().len()), ("position", POSITIONS), ("token_type", 2)] {
        add(format!("embeddings.{table}_embeddings.weight"), &[rows, HIDDEN]);
    }
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        let part = |name: &str| format!("encoder.layer.{layer}.{name}");
        for (name, rows, columns) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", INNER, HIDDEN),
            ("output.dense", HIDDEN, INNER),
        ] {
            add(format!("{}.weight", part(name)), &[rows, columns]);
            add(format!("{}.bias", part(name)), &[rows]);
        }
        norms.extend([part("attention.output.LayerNorm"), part("output.LayerNorm")]);
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[HIDDEN]);
        add(format!("{norm}.bias"), &[HIDDEN]);
    }
    shapes
}
