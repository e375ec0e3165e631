//! The checks of the rules: tell a secret from what only stands where one could (placeholders,
//! code, names, paths).

use super::looks::{base64, classes, is_dummy, is_random, is_word, is_wordy, odd_piece, tokenish};
use super::mask::Found;

/// Keys whose name ends like a secret's but that hold something else, in lower case.
const HARMLESS_KEYS: &[&str] = &[
    "public",
    "cache",
    "primary",
    "foreign",
    "sort",
    "partition",
    "cursor",
    "page",
    "next",
    "idempot",
    "object",
    "s3_key",
    "group",
    "dedup",
    "query",
    "storage_key",
    "lookup",
    "row_key",
    "hash_key",
    "index",
    "unique",
    "max_",
    "min_",
    "num_",
    "count",
    "stop_token",
    "eos_",
    "bos_",
    "pad_",
    "unk_",
    "compass",
    "bypass",
    "author",
    "hot_key",
    "map_key",
    "tab_key",
    "arrow",
    "pubkey",
    "react",
    "keyboard",
];

/// Whether `byte` can be part of a key's name (`DB_PASSWORD`, `spring.password`, `x-api-key`).
pub(super) fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// A vendor's token: anything but a stand-in.
pub(super) fn vendor(found: &Found) -> bool {
    !is_dummy(found.secret)
}

/// A token whose prefix also begins ordinary names (`sk-`): digits stand in it, or it is random.
pub(super) fn digits(found: &Found) -> bool {
    let digits = found.secret.bytes().filter(u8::is_ascii_digit).count();
    vendor(found) && (digits >= 3 || is_random(found.secret))
}

/// A token whose prefix also begins ordinary names and that may lack digits: mixed at random.
pub(super) fn mixed(found: &Found) -> bool {
    vendor(found) && (is_random(found.secret) || classes(found.secret) >= 3)
}

/// The payload of a private key: something between its lines.
pub(super) fn key_block(found: &Found) -> bool {
    let mut long = found.secret.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    long.any(|line| line.len() >= 16 && !is_dummy(line))
}

/// A value given to a tool as a password (`-u user:VALUE`, `://user:VALUE@`).
pub(super) fn given(found: &Found) -> bool {
    let value = found.secret;
    !is_dummy(value)
        && !is_word(value)
        && !value.starts_with(['$', '%', '{', '(', '*', '/', '<'])
        && !value.contains("://")
}

/// A password in a URL. A port in front of an `@` of the path is none.
pub(super) fn in_url(found: &Found) -> bool {
    given(found) && found.secret.bytes().any(|b| !matches!(b, b'.' | b':'))
}

/// The user part of a URL that is itself a token.
pub(super) fn url_user(found: &Found) -> bool {
    vendor(found) && tokenish(found.secret) && classes(found.secret) >= 2
}

/// The value of a `Bearer` header: not a word about bearers.
pub(super) fn bearer(found: &Found) -> bool {
    given(found) && (tokenish(found.secret) || found.secret.len() >= 20 && !is_wordy(found.secret))
}

/// The value of a `Basic` header: base64 of `user:password`, or whatever its header has.
pub(super) fn basic(found: &Found) -> bool {
    let from = found.text.floor_char_boundary(found.range.start.saturating_sub(30));
    let before = found.text[from..found.range.start].to_ascii_lowercase();
    if before.contains("authorization") && found.secret.len() >= 12 {
        return vendor(found);
    }
    let decoded = base64(found.secret.as_bytes());
    let plain = decoded.iter().filter(|b| (b' '..=b'~').contains(*b)).count();
    decoded.contains(&b':') && plain == decoded.len()
}

/// Cookies worth hiding: one of them is long and mixed.
pub(super) fn cookie(found: &Found) -> bool {
    !found.secret.contains("[secret:")
        && found
            .secret
            .split(['=', ';', ' ', '&'])
            .any(|value| value.len() >= 12 && tokenish(value) && !is_dummy(value))
}

/// A session's id in a cookie or parameter. UUIDs, dated or not, are how tools name their
/// own sessions.
pub(super) fn session(found: &Found) -> bool {
    let value = found.secret;
    let named = value.contains('-') && odd_piece(value) == 0;
    given(found) && tokenish(value) && !named
}

/// Data of a Kubernetes secret: its kind stands nearby.
pub(super) fn kubernetes(found: &Found) -> bool {
    let text = found.text;
    let from = text.floor_char_boundary(found.range.start.saturating_sub(2000));
    let to = text.ceil_char_boundary((found.range.end + 2000).min(text.len()));
    let near = &text[from..to];
    let kinds = [
        "kind: Secret\n",
        "kind: Secret\r",
        "kind: Secret\\",
        "\"kind\": \"Secret\"",
        "\"kind\":\"Secret\"",
        "\\\"kind\\\": \\\"Secret",
        "\\\"kind\\\":\\\"Secret",
    ];
    kinds.iter().any(|kind| near.contains(kind)) || near.ends_with("kind: Secret")
}

/// A quoted value that is assigned to a key named like a secret.
pub(super) fn quoted(found: &Found) -> bool {
    let (key, value) = (key(found), uncut(found.secret.trim()));
    if !plausible(found, &key, value) {
        return false;
    }
    let words = value.split_whitespace().count();
    if is_strong(&key) {
        // A sentence is a label or a message, unless the key asks for a phrase or the shell for a
        // value; mail providers hand out passwords in four groups of four.
        let grouped = words == 4 && value.split(' ').all(|word| word.len() == 4);
        let phrase = key.contains("phrase") && words >= 3;
        return value.len() >= 4 && (words == 1 || phrase || grouped || is_shell(found, &key));
    }
    words == 1 && (tokenish(value) || is_own_words(&key, value, true))
}

/// A bare value that is assigned to a key named like a secret: code and prose look the same.
pub(super) fn bare(found: &Found) -> bool {
    let (key, value) = (key(found), uncut(found.secret));
    if !plausible(found, &key, value) || is_code(value) {
        return false;
    }
    if key.trim_matches('-').eq_ignore_ascii_case("pass") && found.matched.contains(": ") {
        // A test's verdict.
        return false;
    }
    let (exact, shell) = (is_exact(found, &key), is_shell(found, &key));
    if is_strong(&key) {
        let marked = is_marked(value);
        let numeric = value.bytes().all(|b| b.is_ascii_digit());
        let named = value.bytes().all(|b| b.is_ascii_lowercase());
        return match (marked, shell) {
            (true, _) => value.len() >= 4 || shell && !numeric,
            (false, true) => value.len() >= 4 && !value.contains(['_', '.']),
            (false, false) => (exact && named && value.len() >= 6) || is_random(value),
        };
    }
    (tokenish(value) && (shell || exact || value.len() >= 12)) || is_own_words(&key, value, shell)
}

/// Whether `value` is a secret that a person made up of words (`mysupersecretkey`): not a name
/// with parts, as resources have. Without `sure` signs it must hold a digit.
fn is_own_words(key: &str, value: &str, sure: bool) -> bool {
    key.to_ascii_lowercase().ends_with("secret")
        && value.len() >= 10
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && (sure || value.bytes().any(|b| b.is_ascii_digit()))
}

/// Whether `value` has what passwords have and words have not.
fn is_marked(value: &str) -> bool {
    value.bytes().any(|b| b.is_ascii_digit() || b"!@#%^*+~?&".contains(&b))
}

/// Whether a lone `=` stands between key and value, as in shells and URLs.
fn is_exact(found: &Found, key: &str) -> bool {
    let between = found.matched[key.len()..].strip_suffix(found.secret).unwrap_or("");
    between.trim_end_matches(['"', '\'']) == "="
}

/// Whether the key is an environment variable that is set, or a flag.
fn is_shell(found: &Found, key: &str) -> bool {
    key.starts_with("--") || is_exact(found, key) && !key.bytes().any(|b| b.is_ascii_lowercase())
}

/// `value` without the dots that say it was cut.
fn uncut(value: &str) -> &str {
    value.strip_suffix('…').or_else(|| value.strip_suffix("...")).unwrap_or(value)
}

/// The key's name at the start of a match.
fn key(found: &Found) -> String {
    found.matched.chars().take_while(|c| c.is_ascii() && is_key_byte(*c as u8)).collect()
}

/// Whether the key names a password, which may be short and plain.
fn is_strong(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let words = ["pass", "pwd", "kennwort"];
    words.iter().any(|word| key.contains(word)) || key.ends_with("pw")
}

/// What rules a value out whatever else it looks like.
fn plausible(found: &Found, key: &str, value: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    // The user's name in a URL is no key.
    let user = found.text[..found.range.start].ends_with("://");
    !user
        && !is_dummy(value)
        && !is_word(value)
        && !HARMLESS_KEYS.iter().any(|known| lower.contains(known))
        && !value.starts_with(['$', '%', '{', '(', '[', '<', '~', '*', '#'])
        && !["/", "./", "../", "file:", "env:", "vault:", "op:", "arn:", "-----"]
            .iter()
            .any(|start| value.starts_with(start))
        && !value.contains("://")
        && !["process.env", "os.environ", "secrets.", "env."].iter().any(|c| value.contains(c))
        && !lower.eq_ignore_ascii_case(value)
}

/// Whether a bare value is an expression.
fn is_code(value: &str) -> bool {
    value.contains(['(', ')', '{', '}', '[', ']'])
        || value.contains("::")
        || value.contains("->")
        || value.starts_with("__")
        || value.starts_with("0x") && value.len() < 12
        || value.ends_with(['.', ':'])
        || value.contains('.') && is_wordy(value)
}

/// A secret that prose or markup gives: it must not be one more word of it.
pub(super) fn said(found: &Found) -> bool {
    let value = found.secret.trim_end_matches(['.', '!', '?', ')', ':']);
    let marked = is_marked(value);
    given(found)
        && value.len() >= 5
        && marked
        && !is_code(value)
        && !value.contains('/')
        && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A value that follows a flag after a space.
pub(super) fn flag(found: &Found) -> bool {
    let (key, value) = (key(found), uncut(found.secret));
    if !plausible(found, &key, value) || is_code(value) || value.starts_with('-') {
        return false;
    }
    let marked = is_marked(value);
    if is_strong(&key) {
        return value.len() >= 4 && (marked || value.len() >= 8);
    }
    tokenish(value)
}
