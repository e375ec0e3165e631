//! Takes out of a text what differs each time the same thing happens. Hot.

use super::telling::is_drawing;

/// A token longer than this is data, not words.
const MAX_TOKEN: usize = 80;

/// `text` without terminal control sequences and control characters, except line ends and tabs.
/// Of a line that was overwritten by carriage returns, the pieces become lines.
pub(crate) fn plain(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.peek() {
                Some('[') => {
                    characters.next();
                    // Parameters and intermediates, then one final byte.
                    while characters.next_if(|c| ('\u{20}'..'\u{40}').contains(c)).is_some() {}
                    characters.next_if(|c| ('\u{40}'..'\u{7f}').contains(c));
                }
                Some(']') => {
                    while characters
                        .next_if(|&c| c != '\u{7}' && c != '\n' && c != '\u{1b}')
                        .is_some()
                    {}
                    characters.next_if(|&c| c == '\u{7}');
                }
                _ => {}
            },
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            '\n' | '\t' => out.push(character),
            _ if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

/// Whether `text` has nothing to take out, as far as its bytes tell. Nearly all output has not, and
/// going through it character by character would take ten times as long.
fn is_plain(text: &str) -> bool {
    // U+0080 to U+009F are control characters, too; 0xC2 begins them, and some others.
    let suspect = |b: u8| (b < 0x20 && b != b'\n' && b != b'\t') || b == 0x7f || b == 0xc2;
    // Without stopping at the first, many bytes are looked at in one step.
    !text.bytes().fold(false, |found, byte| found | suspect(byte))
}

/// `text` in at most `limit` bytes, the last of them `…` when something is missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit.saturating_sub('…'.len_utf8()));
    format!("{}…", text[..end].trim_end())
}

/// `line` in lower case with what is volatile replaced by placeholders, in at most `limit` bytes,
/// cut between words. A key made from a key is the same key.
pub(super) fn key(line: &str, limit: usize) -> String {
    let lower = line.to_ascii_lowercase();
    // `! [rejected] x -> x (non-fast-forward)` is the same of every branch.
    let refused = lower.contains("rejected]");
    let mut out = String::with_capacity(lower.len().min(limit));
    let mut last = String::new();
    // Drawn frames are cosmetics, within a line as at its ends.
    for token in lower.split(|c: char| c.is_whitespace() || is_drawing(c)) {
        if token.is_empty() {
            continue;
        }
        let piece = if refused && last == "->" { "<ref>".to_owned() } else { placeholder(token) };
        let before = out.len() - last.len();
        if refused && piece == "->" && before + "<ref>".len() <= limit {
            out.truncate(before);
            out.push_str("<ref>");
        }
        // `<path> <path>` says no more than `<path>`.
        if piece.starts_with('<') && piece.ends_with('>') && piece == last {
            continue;
        }
        if out.len() + 1 + piece.len() > limit {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&piece);
        last = piece;
    }
    out
}

/// Quotes, brackets and marks that may surround what a token says.
fn is_wrapping(character: char) -> bool {
    character.is_ascii_punctuation() && !"/~_%$@\\<>".contains(character)
        || "‘’“”«»…".contains(character)
}

/// `token` with its core replaced when it is volatile.
fn placeholder(token: &str) -> String {
    let piece = replaced(token);
    if piece.len() > MAX_TOKEN { "<text>".to_owned() } else { piece }
}

fn replaced(token: &str) -> String {
    let core = token.trim_matches(is_wrapping);
    if core.is_empty() || (core.starts_with('<') && core.ends_with('>')) {
        return token.to_owned();
    }
    let start = token.len() - token.trim_start_matches(is_wrapping).len();
    let (before, after) = (&token[..start], &token[start + core.len()..]);
    // A leading `.` or `-` belongs to a path or number: `./x`, `-3`.
    let (before, core) = match before.strip_suffix("..").or_else(|| before.strip_suffix('.')) {
        Some(rest) if core.starts_with('/') => (rest, &token[rest.len()..start + core.len()]),
        _ => (before, core),
    };
    let Some(name) = volatile(core) else {
        // `name=3`, `line:12`: the name stays.
        if let Some(at) = core.find(['=', ':']).filter(|&at| at > 0 && at + 1 < core.len()) {
            let (name, value) = core.split_at(at);
            if let Some(class) = volatile(value[1..].trim_matches(is_wrapping)) {
                return format!("{before}{name}{}{class}{after}", &value[..1]);
            }
        }
        return token.to_owned();
    };
    format!("{before}{name}{after}")
}

/// The placeholder for `core`, when it is of a kind that changes from time to time.
fn volatile(core: &str) -> Option<&'static str> {
    let bytes = core.as_bytes();
    let digit = bytes.first().is_some_and(u8::is_ascii_digit);
    if core.contains("://") {
        return Some("<url>");
    }
    if core.starts_with("0x") && core.len() > 3 && bytes[2..].iter().all(u8::is_ascii_hexdigit) {
        return Some("<id>");
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let hex = bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    if hex && core.len() >= 7 && digits > 0 && bytes.iter().any(u8::is_ascii_alphabetic) {
        return Some("<id>");
    }
    // Counts, durations, versions, times, dates: 12, 0.20s, 1m, 2026-01-02t03:04:05z, 50%.
    let measure = |b: &u8| b.is_ascii_digit() || b".,:-+_/%".contains(b);
    let letters = bytes.iter().filter(|b| !measure(b)).count();
    let units = bytes.iter().all(|b| measure(b) || b.is_ascii_alphabetic());
    if digit && units && (letters <= 2 || (letters <= 3 && digits >= 8)) {
        return Some("<n>");
    }
    if bytes.len() > 1 && bytes[0] == b'v' && bytes[1].is_ascii_digit() && core.contains('.') {
        return Some("<n>");
    }
    if is_file(core) {
        return Some("<path>");
    }
    (core.len() >= 20 && digits >= 6 && bytes.iter().all(u8::is_ascii_alphanumeric))
        .then_some("<id>")
}

/// Whether `core` is written like a path or like a source file with a position.
fn is_file(core: &str) -> bool {
    if core.starts_with('@') && core.matches('/').count() == 1 {
        // A scoped package: its name is what the error is about.
        return false;
    }
    if core.contains('/') {
        return core.len() > 1 && core.bytes().any(|b| b.is_ascii_alphanumeric());
    }
    if core.contains('\\') {
        return core.len() > 3;
    }
    let name = core.split([':', '(']).next().unwrap_or(core);
    name.rsplit_once('.')
        .is_some_and(|(stem, extension)| !stem.is_empty() && EXTENSIONS.contains(&extension))
}

/// Extensions by which a word is a file's name and not `object.member`.
const EXTENSIONS: &[&str] = &[
    "rs", "go", "py", "pyi", "ts", "tsx", "js", "jsx", "mjs", "cjs", "vue", "svelte", "java", "kt",
    "kts", "swift", "c", "h", "cc", "cpp", "hpp", "cs", "rb", "php", "dart", "zig", "ex", "exs",
    "scala", "lua", "sh", "bash", "zsh", "json", "jsonl", "toml", "yaml", "yml", "md", "txt",
    "lock", "html", "css", "scss", "xml", "sql", "log", "ini", "cfg", "conf", "env", "mod", "sum",
    "gradle", "proto", "tf", "nix", "csv", "png", "svg", "jpg", "pdf", "zip", "gz", "db", "sqlite",
    "so", "o", "snap", "tmp",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volatile_tokens() {
        let cases = [
            ("12", "<n>"),
            ("(0.20s)", "(<n>)"),
            ("src/a.rs:3:5:", "<path>:"),
            ("'./a/b'", "'<path>'"),
            ("deadbee1", "<id>"),
            ("feedback", "feedback"),
            ("0x7fff12", "<id>"),
            ("ts2345:", "ts2345:"),
            ("error[e0308]:", "error[e0308]:"),
            ("pid=123,", "pid=<n>,"),
            ("2026-01-02t03:04:05.123z", "<n>"),
            ("v1.2.3", "<n>"),
            ("https://a.test/x", "<url>"),
            ("os.readfile", "os.readfile"),
            ("main.go", "<path>"),
            ("<path>:", "<path>:"),
            ("...", "..."),
        ];
        for (token, expected) in cases {
            assert_eq!(placeholder(token), expected, "{token}");
        }
    }

    #[test]
    fn plain_text_has_no_control_sequences() {
        assert_eq!(plain("\u{1b}[1G\u{1b}[0K\u{1b}[31mred\u{1b}[0m\r\nb\u{7}"), "red\nb");
        assert_eq!(plain("10%\r20%\rdone"), "10%\n20%\ndone");
        assert_eq!(plain("\u{1b}]0;title\u{7}x"), "x");
        assert_eq!(plain("a\tb\n\u{e9}\u{b7}\u{7f}\u{85}\u{0}c"), "a\tb\n\u{e9}\u{b7}c");
        assert_eq!(plain("a\tb\n\u{4e00}"), "a\tb\n\u{4e00}");
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("éééé", 6), "é…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
