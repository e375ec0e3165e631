//! Writes home folders as `~`, whoever they belong to.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Names below a folder of homes that are nobody's home.
const NOBODY: &[&str] = &["linuxbrew", "shared", "public", "default", "all users", "lost+found"];

/// Where a home can begin; `users` stands for every spelling of `C:\Users`.
static STARTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(["/home/", "/root", "/users/", "\\users\\"])
        .expect("four short words make an automaton")
});

/// `text` with the home folders in it (`/home/NAME`, `/Users/NAME`, `/root`, `C:\Users\NAME` and
/// what other shells make of it) written as `~`. Once is enough; a text without any comes back
/// borrowed.
pub(crate) fn homes(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut from = 0;
    for hit in STARTS.find_iter(text) {
        if hit.start() < from {
            continue;
        }
        let Some((start, end)) = home(text, hit.start(), hit.end()) else { continue };
        if start < from {
            continue;
        }
        out.push_str(&text[from..start]);
        out.push('~');
        from = end;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[from..]);
    Cow::Owned(out)
}

/// The range of the home folder of which `text[at..after]` is the telling part.
fn home(text: &str, at: usize, after: usize) -> Option<(usize, usize)> {
    let found = &text[at..after];
    if found.eq_ignore_ascii_case("/root") {
        let alone = text[after..].chars().next().is_none_or(|c| !is_name(c));
        return (found == "/root" && alone && starts_path(text, at)).then_some((at, after));
    }
    let users = !found.eq_ignore_ascii_case("/home/");
    let windows = if users { drive(text, at) } else { None };
    let start = windows.unwrap_or(at);
    let plain = found == "/home/" || found == "/Users/";
    if windows.is_none() && !(plain && starts_path(text, at)) {
        return None;
    }
    // A path inside JSON has its backslashes doubled.
    let name_at = after + usize::from(found.ends_with('\\') && text[after..].starts_with('\\'));
    let rest = &text[name_at..];
    let name = name(rest, windows.is_some());
    let real = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && !NOBODY.contains(&name.to_lowercase().as_str());
    real.then_some((start, name_at + name.len()))
}

/// Whether `c` can stand in a user's name.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')
}

/// The user's name at the start of `rest`. On Windows it may hold spaces when more of the path
/// follows (`C:\Users\Ada King\x`). A full stop that ends a sentence is not part of it.
fn name(rest: &str, windows: bool) -> &str {
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    let short = rest[..end].trim_end_matches(['.', '-', '+']);
    if windows && rest[end..].starts_with(' ') {
        let long = rest.find(|c: char| !is_name(c) && c != ' ').unwrap_or(rest.len());
        let words = rest[..long].split(' ').count();
        if words <= 3 && rest[long..].starts_with('\\') && !rest[..long].contains("  ") {
            return &rest[..long];
        }
    }
    short
}

/// Where the drive in front of `\Users\` at `at` starts: `C:`, `\\?\C:`, `/c`, `/mnt/c`.
fn drive(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    // A path inside JSON has its backslashes doubled.
    let at = at - usize::from(at > 0 && bytes[at] == b'\\' && bytes[at - 1] == b'\\');
    let before = &bytes[..at];
    let letter = |i: usize| bytes[i].is_ascii_alphabetic();
    // A mask may have stood for a letter.
    let free = |i: usize| i == 0 || !(bytes[i - 1].is_ascii_alphanumeric() || bytes[i - 1] == b']');
    match before {
        [.., drive, b':'] if drive.is_ascii_alphabetic() && free(at - 2) => Some(at - 2),
        [.., b'/', _] if letter(at - 1) => {
            if text[..at - 2].ends_with("/mnt") && starts_path(text, at - 6) {
                Some(at - 6)
            } else {
                starts_path(text, at - 2).then_some(at - 2)
            }
        }
        _ => None,
    }
}

/// Whether the slash at `at` can be the first of an absolute path.
fn starts_path(text: &str, at: usize) -> bool {
    let before = &text[..at];
    let Some(last) = before.chars().next_back() else { return true };
    match last {
        '/' => before.ends_with("://"),
        ']' | ')' | '}' | '~' | '.' | '-' | '_' | '*' | '+' | '?' | '%' | '\\' | '$' => false,
        c if c.is_alphanumeric() => is_flag(before) || is_escape(before),
        _ => true,
    }
}

/// Whether `before` ends in a compiler's flag that a path follows at once (`-I`, `-L`).
fn is_flag(before: &str) -> bool {
    let mut tail = before.bytes().rev();
    tail.next().is_some_and(|b| b.is_ascii_alphabetic())
        && tail.next() == Some(b'-')
        && tail.next().is_none_or(|b| b.is_ascii_whitespace() || b == b'"' || b == b'\'')
}

/// Whether `before` ends in a written-out `\n`, `\r` or `\t`.
fn is_escape(before: &str) -> bool {
    ["\\n", "\\r", "\\t"].iter().any(|escape| before.ends_with(escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_folders_become_a_tilde() {
        let cases = [
            ("", ""),
            ("cd /home/ada/src && ls", "cd ~/src && ls"),
            ("/home/ada", "~"),
            ("cd /home/ada.", "cd ~."),
            ("HOME=/home/ada", "HOME=~"),
            ("/home/linuxbrew/.linuxbrew/bin", "/home/linuxbrew/.linuxbrew/bin"),
            ("/home/", "/home/"),
            ("/home/$USER/x /home/<user>/x", "/home/$USER/x /home/<user>/x"),
            ("\"/Users/Ada.King/x\"", "\"~/x\""),
            ("/Users/Shared/x", "/Users/Shared/x"),
            ("file:///Users/ada/x", "file://~/x"),
            ("https://example.org/home/ada", "https://example.org/home/ada"),
            ("https://home/ada", "https://home/ada"),
            ("a:/home/ada/x:/home/bob/y", "a:~/x:~/y"),
            ("/srv/home/ada", "/srv/home/ada"),
            ("./home/ada ../home/ada", "./home/ada ../home/ada"),
            ("-I/home/ada/include", "-I~/include"),
            ("line\\n/home/ada/x", "line\\n~/x"),
            ("/home/jörg/x", "~/x"),
            ("/root/.cargo /root", "~/.cargo ~"),
            ("/rootfs /root.img app/root/x", "/rootfs /root.img app/root/x"),
            ("C:\\Users\\ada\\x", "~\\x"),
            ("C:\\\\Users\\\\ada\\\\x", "~\\\\x"),
            ("c:/Users/ada/x", "~/x"),
            ("C:\\Users\\Ada King\\x", "~\\x"),
            ("copy C:\\Users\\ada D:\\x", "copy ~ D:\\x"),
            ("C:\\Users\\Public\\x", "C:\\Users\\Public\\x"),
            ("/c/Users/ada/x /mnt/c/Users/ada/x", "~/x ~/x"),
            ("/home/ada/home/bob", "~/home/bob"),
        ];
        for (text, want) in cases {
            assert_eq!(homes(text), want, "{text}");
            assert_eq!(homes(want), want, "again: {text}");
        }
    }

    #[test]
    fn a_text_without_homes_is_borrowed() {
        assert!(matches!(homes("ls /usr/home /homes /root2"), Cow::Borrowed(_)));
    }
}
