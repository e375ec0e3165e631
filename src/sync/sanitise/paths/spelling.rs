//! How absolute paths are spelled: where one begins and ends in a text, and which names it has.

use super::telling::is_private;
use crate::sync::sanitise::marks;

/// Where an absolute path begins to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Anchor {
    /// Somebody's home.
    Home,
    /// The top of the file system.
    Top,
    /// A drive, in lower case.
    Drive(char),
    /// A server's share.
    Share,
}

/// A path in its names, without what stands for nothing.
#[derive(Clone, Debug)]
pub(super) struct Split<'t> {
    pub(super) anchor: Anchor,
    pub(super) names: Vec<&'t str>,
}

/// How the beginning of a path is spelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spelled {
    /// `/`
    Slash,
    /// `~/`
    Tilde,
    /// `$HOME/`, `%USERPROFILE%\`
    Variable,
    /// `C:\`
    Drive(char),
    /// `\\server\`
    Share,
}

/// The beginning of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) spelled: Spelled,
    /// Where its names begin.
    pub(super) body: usize,
    /// Whether names are parted by backslashes as well.
    windows: bool,
}

/// What stands for a home in commands.
const VARIABLES: &[&str] = &["$HOME", "${HOME}", "%USERPROFILE%", "$env:USERPROFILE"];

/// Schemes in front of paths on this machine.
const SCHEMES: &[&str] = &["file://", "vscode://file", "vscode-insiders://file", "cursor://file"];

impl Start {
    /// The path that begins at `at`.
    pub(super) fn at(text: &str, at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        match rest.as_bytes().first()? {
            b'f' | b'v' | b'c' => {
                let scheme = SCHEMES.iter().find(|scheme| rest.starts_with(**scheme))?;
                let path = at + scheme.len();
                // `file://host/path`
                let path = path + text[path..].find(['/', '~'])?;
                let inner = Self::spelled(text, path)?;
                (opens(text, at, false) && path - at < 80).then_some(inner)
            }
            b'/' if opens(text, at, is_private(&rest[1..])) => Self::spelled(text, at),
            b'~' if is_alias(&text[..at]) => None,
            b'~' | b'\\' | b'$' | b'%' if opens(text, at, false) => Self::spelled(text, at),
            letter if letter.is_ascii_alphabetic() && opens(text, at, false) => {
                Self::spelled(text, at).filter(|start| matches!(start.spelled, Spelled::Drive(_)))
            }
            _ => None,
        }
    }

    /// The beginning of a path at `at`, whatever stands before it.
    fn spelled(text: &str, at: usize) -> Option<Self> {
        let rest = &text[at..];
        let bytes = rest.as_bytes();
        let new = |spelled, len, windows| Some(Self { spelled, body: at + len, windows });
        match bytes {
            [b'/', letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic() => {
                new(Spelled::Drive(char::from(*letter).to_ascii_lowercase()), 4, true)
            }
            [b'/', next, ..] if *next != b'/' && !next.is_ascii_whitespace() => {
                new(Spelled::Slash, 1, false)
            }
            [b'~', ..] => {
                let name = rest[1..].find(|c| !is_of_name(c)).map_or(rest.len(), |len| 1 + len);
                match bytes.get(name)? {
                    b'/' => new(Spelled::Tilde, name + 1, false),
                    b'\\' if name == 1 => new(Spelled::Tilde, 2, true),
                    _ => None,
                }
            }
            [b'$' | b'%', ..] => {
                let variable = VARIABLES.iter().find(|name| rest.starts_with(**name))?;
                match bytes.get(variable.len())? {
                    b'/' => new(Spelled::Variable, variable.len() + 1, false),
                    b'\\' => new(Spelled::Variable, variable.len() + 1, true),
                    _ => None,
                }
            }
            [b'\\', b'\\', ..] => is_share(rest).then_some(Self {
                spelled: Spelled::Share,
                body: at + rest.len() - rest.trim_start_matches('\\').len(),
                windows: true,
            }),
            [letter, b':', b'\\' | b'/', next, ..]
                if letter.is_ascii_alphabetic() && !(bytes[2] == b'/' && *next == b'/') =>
            {
                new(Spelled::Drive(char::from(*letter).to_ascii_lowercase()), 3, true)
            }
            _ => None,
        }
    }

    /// Where the path that was found at `at` ends: in the text, and without the slash at its end.
    pub(super) fn end(self, text: &str, at: usize) -> (usize, usize) {
        let quote = text[..at].chars().next_back().filter(|c| matches!(c, '"' | '\'' | '`'));
        let mut end = self.body;
        let mut open = 0_u32;
        while let Some(c) = text[end..].chars().next() {
            if let Some(len) = marks::wall(&text[end..]) {
                end += len;
                continue;
            }
            let next = end + c.len_utf8();
            match c {
                ' ' if self.runs_on(text, next, quote) => {}
                '\\' if self.windows => {}
                '\\' if text[next..].starts_with(' ') => {
                    end = next + 1;
                    continue;
                }
                // A written-out line feed, or the quotation mark of a quotation.
                '\\' => break,
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' if open > 0 => open -= 1,
                '<' if is_variable(&text[end..]) => {
                    end += text[end..].find('>').map_or(1, |len| len + 1);
                    continue;
                }
                c if c.is_whitespace() || STOPS.contains(c) => break,
                _ => {}
            }
            end = next;
        }
        let shown = text[self.body..end].trim_end_matches(['.', '!', '?', '…', '(', '[', '{']);
        let end = self.body + shown.len();
        let path = shown.trim_end_matches(['/', '\\']);
        (end, self.body + path.len())
    }

    /// Whether the path goes on behind a blank at `next`: inside of quotes, or between
    /// backslashes, when what follows has more folders.
    fn runs_on(self, text: &str, next: usize, quote: Option<char>) -> bool {
        if quote.is_none() && !self.windows {
            return false;
        }
        let rest = text[next..].split(['\n', '"', '\'', '`']).next().unwrap_or("");
        let word = rest.split_whitespace().next().unwrap_or("");
        let separator = if self.windows { '\\' } else { '/' };
        let closed = quote.is_none_or(|quote| text[next..].contains(quote));
        closed
            && rest.starts_with(word)
            && word.starts_with(char::is_alphanumeric)
            && !word.contains(':')
            && word.contains(separator)
    }

    /// The names in `body`, which is what follows this beginning.
    pub(super) fn split(self, body: &str) -> Split<'_> {
        let is_separator = |c: char| c == '/' || (self.windows && c == '\\');
        let mut names: Vec<&str> = Vec::new();
        for name in body.split(is_separator) {
            match name {
                "" | "." => {}
                ".." => drop(names.pop()),
                name => names.push(name),
            }
        }
        let anchor = match self.spelled {
            Spelled::Slash => Anchor::Top,
            Spelled::Tilde | Spelled::Variable => Anchor::Home,
            Spelled::Drive(letter) => Anchor::Drive(letter),
            Spelled::Share => Anchor::Share,
        };
        anchored(anchor, names)
    }
}

/// The same place in one spelling: drives of other shells, links of the system.
fn anchored(anchor: Anchor, mut names: Vec<&str>) -> Split<'_> {
    if anchor != Anchor::Top {
        return Split { anchor, names };
    }
    let drive = |name: &&str| {
        let [letter] = name.as_bytes() else { return None };
        letter.is_ascii_alphabetic().then(|| char::from(letter.to_ascii_lowercase()))
    };
    match names.as_slice() {
        ["private", "tmp" | "var" | "etc", ..] => drop(names.remove(0)),
        ["mnt" | "cygdrive", letter, ..] if drive(letter).is_some() => {
            let anchor = Anchor::Drive(drive(letter).expect("just asked"));
            return Split { anchor, names: names.split_off(2) };
        }
        [letter, _, _, ..] if drive(letter).is_some_and(|letter| ('c'..='h').contains(&letter)) => {
            let anchor = Anchor::Drive(drive(letter).expect("just asked"));
            return Split { anchor, names: names.split_off(1) };
        }
        _ => {}
    }
    Split { anchor, names }
}

/// Characters that end a path.
const STOPS: &str = "\"'`<>|;,:&)]}";

/// Whether `text` begins with the name of a variable in angle brackets.
fn is_variable(text: &str) -> bool {
    text[1..].find('>').is_some_and(|len| {
        len > 0 && text[1..=len].bytes().all(|b| b.is_ascii_alphabetic() || b"_- ".contains(&b))
    })
}

/// Whether `text` begins with `\\server\share`.
fn is_share(text: &str) -> bool {
    let slashes = text.bytes().take_while(|b| *b == b'\\').count();
    let rest = &text[slashes..];
    let server = rest.find(|c: char| !(is_of_name(c) || c == '$')).unwrap_or(rest.len());
    let behind = rest[server..].trim_start_matches('\\');
    let share = behind.find(|c: char| !(is_of_name(c) || c == '$')).unwrap_or(behind.len());
    matches!(slashes, 2 | 4)
        && server >= 3
        && share >= 2
        && rest.len() - server > behind.len()
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether `c` can stand in a user's or a file's name.
pub(super) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')
}

/// Whether a path can begin at `at`; `surely` when it begins with a folder that is no word.
pub(super) fn opens(text: &str, at: usize, surely: bool) -> bool {
    let before = &text[..at];
    let Some(last) = before.chars().next_back() else { return true };
    match last {
        '>' => !marks::ends_wall(text, at - 1),
        '@' | '#' => surely,
        '/' | ']' | ')' | '}' | '~' | '.' | '-' | '_' | '*' | '+' | '?' | '%' | '\\' | '$' => false,
        c if c.is_alphanumeric() => is_flag(before) || is_escape(before),
        _ => true,
    }
}

/// Whether `before` is an import up to its quotation mark: `~` is the project's own folder then.
fn is_alias(before: &str) -> bool {
    let Some(head) = before.strip_suffix(['"', '\'']) else { return false };
    ["from ", "import ", "import(", "require("].iter().any(|word| head.ends_with(word))
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
