//! What a value looks like: random, made of words, hexadecimal, a stand-in.

/// Parts of a value that say it is a stand-in, in lower case.
const DUMMY: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "redacted",
    "xxxx",
    "***",
    "....",
    "your-",
    "your_",
    "yourtoken",
    "yourkey",
    "${",
    "{{",
    "[secret:",
    "dummy",
    "insert",
    "replace",
    "$(",
];

/// Whole values that are words about a secret, types or literals, in lower case.
const WORDS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "pass",
    "string",
    "str",
    "text",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "required",
    "optional",
    "value",
    "any",
    "object",
    "bool",
    "boolean",
    "number",
    "bytes",
    "basic",
    "bearer",
    "digest",
    "oauth",
    "oauth2",
    "disabled",
    "enabled",
    "invalid",
    "missing",
    "unknown",
    "expired",
    "empty",
    "unset",
    "default",
    "prompt",
    "hidden",
    "masked",
    "removed",
    "file",
    "stdin",
    "self",
    "this",
    "input",
    "field",
    "must",
    "should",
    "with",
    "from",
    "when",
    "that",
    "will",
    "flag",
    "option",
    "argument",
    "parameter",
    "support",
    "instead",
    "without",
    "because",
    "inherit",
    "write",
    "read",
    "admin_password",
    "user_password",
    "your",
    "mypassword",
    "my-password",
    "api_key",
    "apikey",
    "access",
    "auto",
    "generated",
    "omitted",
    "incorrect",
    "correct",
    "user",
    "key",
    "code",
    "username",
    "not",
    "github",
];

/// Whether every byte of `text` is a hexadecimal digit or a hyphen (checksums, UUIDs).
pub(super) fn is_hex(text: &str) -> bool {
    text.trim_start_matches("0x").bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Whether a value reads like a key rather than a name: letters and digits mixed beyond what
/// versions and numbered names have, or cased at random.
pub(super) fn tokenish(value: &str) -> bool {
    if value.len() < 8 || !value.is_ascii() {
        return false;
    }
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        return value.len() >= 20;
    }
    if value.len() >= 16 && is_hex(value) && digits >= 2 {
        return true;
    }
    // Of letters alone or nearly so, both cases and no words make it one.
    let mixed = value.len() >= 20 && classes(value) == 3 && !is_wordy(value);
    (digits >= 2 && !is_wordy(value)) || (value.len() >= 16 && is_random(value)) || mixed
}

/// Whether `value` is made of words: pieces of letters (camel case too), of digits, or of letters
/// with a short number behind.
pub(super) fn is_wordy(value: &str) -> bool {
    value.split(|c: char| !c.is_ascii_alphanumeric()).all(is_word_piece)
}

/// The longest piece of `value` that is neither made of words nor hexadecimal, in bytes. Names
/// with checksums and UUIDs in them have none.
pub(super) fn odd_piece(value: &str) -> usize {
    value
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|piece| !is_hex(piece) && !is_word_piece(piece))
        .map(str::len)
        .max()
        .unwrap_or(0)
}

/// Whether `piece` is one or several words in camel case, with at most a short number behind.
fn is_word_piece(piece: &str) -> bool {
    let stem = piece.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() {
        return true;
    }
    // A word starts after a small letter, or with the last capital of several.
    let bytes = stem.as_bytes();
    let starts = (1..bytes.len())
        .filter(|&i| {
            let follows = bytes[i - 1].is_ascii_lowercase();
            let opens = bytes.get(i + 1).is_some_and(u8::is_ascii_lowercase);
            bytes[i].is_ascii_uppercase() && (follows || opens)
        })
        .count();
    bytes.iter().all(u8::is_ascii_alphabetic)
        && piece.len() - stem.len() <= 4
        && (starts + 1) * 3 <= bytes.len() + 2
}

/// Whether `run` looks random: enough entropy, and its characters change class as often as chance
/// has it. Runs of one class are never random.
pub(super) fn is_random(run: &str) -> bool {
    let bytes = run.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let upper = bytes.iter().filter(|b| b.is_ascii_uppercase()).count();
    let lower = bytes.iter().filter(|b| b.is_ascii_lowercase()).count();
    let breaks = bytes.iter().filter(|b| matches!(b, b'_' | b'-' | b'.')).count();
    // Chance puts a break at one place in thirty; names have one every few letters.
    if breaks * 9 > bytes.len() + 9 {
        return false;
    }
    let kinds = usize::from(digits > 0) + usize::from(upper > 0) + usize::from(lower > 0);
    let share = changes(run) * 100 / bytes.len().max(1);
    let enough = match (kinds, digits > 1) {
        (3, true) => share >= 32,
        (3, false) => share >= 36,
        (2, true) => share >= 22 && digits * 12 >= bytes.len(),
        (2, false) => share >= 38,
        _ => false,
    };
    enough && entropy(bytes) >= if bytes.len() >= 32 { 3.8 } else { 3.2 } && !is_wordy(run)
}

/// How often neighbours in `run` are of different classes (lower, upper, digit).
fn changes(run: &str) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    run.as_bytes()
        .windows(2)
        .filter(|pair| class(pair[0]) != class(pair[1]) && class(pair[0]) < 3 && class(pair[1]) < 3)
        .count()
}

/// How many of lower case, upper case and digits `value` has.
pub(super) fn classes(value: &str) -> usize {
    let has = |test: fn(&u8) -> bool| usize::from(value.as_bytes().iter().any(test));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit)
}

/// Shannon's entropy of `bytes` in bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// What `text` means as base64, up to its first foreign byte.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut filled) = (0_u32, 0);
    for byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        filled += 6;
        if filled >= 8 {
            filled -= 8;
            out.push((bits >> filled) as u8);
        }
    }
    out
}

/// Whether a value is a stand-in: it says so, or repeats a few characters.
pub(super) fn is_dummy(value: &str) -> bool {
    let lower = value.to_lowercase();
    if DUMMY.iter().any(|part| lower.contains(part)) {
        return true;
    }
    let body = lower.as_bytes();
    let body = &body[body.len() / 3..];
    let mut seen = [false; 256];
    for byte in body {
        seen[usize::from(*byte)] = true;
    }
    body.len() >= 6 && seen.iter().filter(|s| **s).count() <= 3
}

/// Whether a value is a word that stands for no secret.
pub(super) fn is_word(value: &str) -> bool {
    let value = value.trim_end_matches(['.', ',', ':', ';', '!', '?', ')', '?']);
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}
