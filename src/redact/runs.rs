//! Secrets without a form of their own: long runs of letters and digits that look random.
//!
//! Shannon's entropy alone does not tell a key from a long identifier, so what is asked besides
//! is how often the class of character changes from one to the next: at random in two of three
//! places, in written names only where words meet.

use std::ops::Range;

use super::looks;
use super::mask::{Span, room};

/// The shortest run that is looked at, in bytes.
const LEAST: usize = 32;

/// The shortest piece of a run that makes it suspicious, in bytes: a nickname is shorter.
const ODD: usize = 12;

/// What may stand directly before a run that makes it a checksum, embedded data or an id.
const HARMLESS_BEFORE: &[&str] = &[
    "base64,",
    "h1:",
    "sha1:",
    "sha256:",
    "sha384:",
    "sha512:",
    "sha256=",
    "sha512=",
    "sha384=",
    "integrity=",
    "sha1=",
    "-1:",
];

/// How a run begins that is a checksum, a public key, a certificate or an id.
const HARMLESS_START: &[&str] = &[
    "sha1-",
    "sha256-",
    "sha384-",
    "sha512-",
    "AAAAB3Nza",
    "AAAAC3Nza",
    "AAAAE2Vj",
    "toolu_",
    "msg_",
    "req_",
    "chatcmpl-",
    "call_",
    "srvtoolu_",
    "resp_",
    "run_",
];

/// Finds random runs in `text` outside `walls` and adds them to `spans`.
pub(super) fn find(text: &str, walls: &[Range<usize>], spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // A run of LEAST bytes has one at every LEAST-th place: most of a text is jumped over.
    while let Some(&probe) = bytes.get(at + LEAST - 1) {
        if !is_run(probe) {
            at += LEAST;
            continue;
        }
        let mid = at + LEAST - 1;
        let start = (at..mid).rev().take_while(|&i| is_run(bytes[i])).last().unwrap_or(mid);
        let len = bytes[mid..].iter().take_while(|b| is_run(**b)).count();
        let end = mid + len;
        if end - start >= LEAST && room(walls, start..end, text.len()).is_some() {
            judge_run(text, start..end, spans);
        }
        at = end + 1;
    }
}

/// Whether `byte` can be part of a run: the alphabets of base64, and the full stop that parts a
/// token's pieces.
fn is_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'.')
}

/// Adds what is secret in the run at `range`.
fn judge_run(text: &str, range: Range<usize>, spans: &mut Vec<Span>) {
    let whole = &text[range.clone()];
    // A terminal's colour, a diff's sign and a path's start are not part of it.
    let whole = if text[..range.start].ends_with("\u{1b}[") {
        whole.split_once('m').map_or("", |(_, rest)| rest)
    } else {
        whole
    };
    let run = whole.trim_start_matches(['+', '-', '.', '/']);
    let range = range.end - run.len()..range.end;
    let run = run.trim_end_matches('.');
    let range = range.start..range.start + run.len();
    let before = &text[..range.start];
    if HARMLESS_BEFORE.iter().any(|known| before.ends_with(known)) {
        return;
    }
    let mut add = |range, name| {
        if !in_public_block(before) {
            spans.push(Span { range, rank: usize::MAX, name });
        }
    };
    if is_bot_token(run) {
        return add(range, "discord-token");
    }
    for (at, part) in parts(run, '.') {
        // What follows a path's folders may be a secret with slashes of its own, or another path.
        let skip = folders(part);
        let rest = &part[skip..];
        let store = part[..skip].ends_with("nix/store/");
        if store || HARMLESS_START.iter().any(|known| rest.starts_with(known)) {
            continue;
        }
        let slashes = rest.bytes().filter(|b| *b == b'/').count();
        let start = range.start + at + skip;
        if slashes <= rest.len() / 20 && is_secret(rest) {
            add(start..start + rest.len(), "random");
            continue;
        }
        for (inner, piece) in parts(rest, '/') {
            if is_secret(piece) {
                add(start + inner..start + inner + piece.len(), "random");
            }
        }
    }
}

/// Whether a run is long and random enough to be taken for a secret without any context.
fn is_secret(run: &str) -> bool {
    run.len() >= LEAST
        && !HARMLESS_START.iter().any(|known| run.starts_with(known))
        && looks::odd_piece(run) >= ODD
        && looks::is_random(run)
}

/// The length of the folders that `part` begins with: pieces in lower case that read like names.
fn folders(part: &str) -> usize {
    let is_folder = |piece: &str| {
        piece.len() != 1
            && !piece.bytes().any(|b| b.is_ascii_uppercase() || b == b'+')
            && looks::is_wordy(piece)
    };
    let mut len = 0;
    while let Some((piece, _)) = part[len..].split_once('/') {
        if !is_folder(piece) {
            break;
        }
        len += piece.len() + 1;
    }
    len
}

/// The pieces of `run` between the characters `at` (ASCII), each with its place.
fn parts(run: &str, at: char) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    run.split(at).map(move |part| {
        let here = from;
        from += part.len() + 1;
        (here, part)
    })
}

/// Whether `run` is a chat bot's token: the base64 of the bot's number, a time and a signature.
fn is_bot_token(run: &str) -> bool {
    let mut pieces = run.split('.');
    let (Some(id), Some(time), Some(sign), None) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return false;
    };
    // The number's first digit makes the first two letters.
    let number = ["MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"];
    (22..=28).contains(&id.len())
        && number.iter().any(|known| id.starts_with(known))
        && (5..=7).contains(&time.len())
        && (6..=40).contains(&sign.len())
}

/// Whether `before` ends inside a PEM block that is public (a certificate, a public key).
fn in_public_block(before: &str) -> bool {
    // Certificates have lines of 64; anything further from its header than this is not one.
    let near = before.floor_char_boundary(before.len().saturating_sub(4096));
    let Some(begin) = before[near..].rfind("-----BEGIN ") else { return false };
    let block = &before[near + begin..];
    let title = block[11..].split("-----").next().unwrap_or("");
    !title.contains("PRIVATE") && title.len() < 40 && !block.contains("-----END ")
}
