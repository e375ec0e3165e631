//! Finds absolute paths and says what may be told of them.
//!
//! A path inside of a project becomes relative to it. Folders that every system has stay. What
//! else is absolute keeps its last two names behind a placeholder: enough to see what sort of
//! file it was, and nothing of where somebody keeps their work.

use std::ops::Range;

use super::marks::{self, Marker};
use crate::redact;

/// Folders of the system, alike on all machines.
const SYSTEM: &[&str] = &[
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "etc",
    "dev",
    "proc",
    "sys",
    "run",
    "boot",
    "nix",
    "snap",
    "System",
    "Library",
    "Applications",
    "path",
];

/// Folders below `/var` and `/opt` that are of the system as well.
const OF_VAR: &[&str] = &["log", "lib", "run", "cache", "spool", "db", "mail", "lock"];
const OF_OPT: &[&str] =
    &["homebrew", "hostedtoolcache", "local", "conda", "miniconda3", "venv", "java"];

/// Folders at the top in which people keep what is theirs.
const PRIVATE: &[&str] = &[
    "home",
    "homes",
    "Users",
    "root",
    "mnt",
    "media",
    "srv",
    "Volumes",
    "work",
    "workspaces",
    "data",
    "export",
    "net",
    "nfs",
    "scratch",
    "storage",
    "vol",
    "volumes",
    "builds",
    "cygdrive",
    "private",
    "backup",
    "backups",
    "Network",
    "__w",
    "opt",
    "var",
];

/// Folders at the top that are the whole of a container as often.
const WORKPLACES: &[&str] =
    &["app", "code", "src", "project", "repo", "workspace", "build", "www", "develop", "sources"];

/// How addresses of a web application begin, which look like paths.
const ROUTES: &[&str] = &[
    "api",
    "v1",
    "v2",
    "v3",
    "static",
    "assets",
    "public",
    "images",
    "img",
    "js",
    "css",
    "fonts",
    "docs",
    "blog",
    "auth",
    "user",
    "users",
    "admin",
    "health",
    "graphql",
    "_next",
    "dist",
    "favicon",
    "media",
    "files",
    "pages",
    "components",
    "node_modules",
    "@fs",
    "@vite",
    "@id",
    "wiki",
    "issues",
    "pull",
    "blob",
    "raw",
    "tree",
    "download",
    "downloads",
    "latest",
    "stable",
    "en",
    "de",
    "test",
    "tests",
    "lib",
    "packages",
];

/// Folders whose members are people.
const PEOPLE: &[&str] = &["home", "homes", "users", "people", "staff"];

/// Folders of the user that every machine has.
const OF_USER: &[&str] = &["Library", "AppData"];

/// Where an absolute path begins to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Anchor {
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
struct Split<'t> {
    anchor: Anchor,
    names: Vec<&'t str>,
}

/// The project folders on this disk.
pub(super) struct Roots(Vec<(Anchor, Vec<String>)>);

impl Roots {
    /// For the absolute paths `roots`; `homes` are home folders in unusual places.
    pub(super) fn new(roots: &[String], homes: &[String]) -> Self {
        let mut known: Vec<(Anchor, Vec<String>)> = roots
            .iter()
            .filter_map(|root| {
                let root = shorten_homes(root, homes);
                let root = redact::homes(&root).into_owned();
                let (start, end) = (Start::at(&root, 0)?, root.len());
                let split = start.split(&root[start.body..end]);
                // The whole home is no project of which one could tell nothing.
                (!split.names.is_empty())
                    .then(|| (split.anchor, split.names.iter().map(ToString::to_string).collect()))
            })
            .collect();
        known.sort_by_key(|(_, names): &(Anchor, Vec<String>)| std::cmp::Reverse(names.len()));
        Self(known)
    }

    /// The names of `path` below the root that it lies in.
    fn below<'p, 't>(&self, path: &'p Split<'t>) -> Option<&'p [&'t str]> {
        self.0.iter().find_map(|(anchor, root)| {
            let inside = *anchor == path.anchor
                && path.names.len() >= root.len()
                && path.names.iter().zip(root).all(|(a, b)| a.eq_ignore_ascii_case(b));
            inside.then(|| &path.names[root.len()..])
        })
    }
}

/// `text` with the homes of unusual places in it written as `~`.
pub(super) fn shorten_homes(text: &str, homes: &[String]) -> String {
    let mut text = text.to_owned();
    for home in homes {
        let home = home.trim_end_matches(['/', '\\']);
        if home.len() < 2 || !text.contains(home) {
            continue;
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (at, _) in text.match_indices(home) {
            let ends = text[at + home.len()..].chars().next().is_none_or(|c| !is_of_name(c));
            if at < from || !ends || !opens(&text, at, false) {
                continue;
            }
            out.push_str(&text[from..at]);
            out.push('~');
            from = at + home.len();
        }
        out.push_str(&text[from..]);
        text = out;
    }
    text
}

/// The absolute paths in `text` outside of `shut` (ranges in order) that must not leave as they
/// are, each with what stands in its place.
pub(super) fn find(
    roots: &Roots,
    marker: &Marker,
    text: &str,
    shut: &[Range<usize>],
) -> Vec<(Range<usize>, String)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut next = 0;
    while at < bytes.len() {
        while shut.get(next).is_some_and(|range| range.end <= at) {
            next += 1;
        }
        if let Some(range) = shut.get(next).filter(|range| range.start <= at) {
            at = range.end;
            continue;
        }
        let Some(start) = Start::at(text, at) else {
            at += 1;
            continue;
        };
        let (end, path_end) = start.end(text, at);
        let split = start.split(&text[start.body..path_end]);
        let ends_in_slash = text[..end].ends_with(['/', '\\']) && end > start.body;
        if let Some(mut instead) = judge(roots, marker, &split, start.spelled) {
            if ends_in_slash && !instead.ends_with('/') {
                instead.push('/');
            }
            found.push((at..end, instead));
        }
        at = end.max(at + 1);
    }
    found
}

/// What `file`, which is a path as a whole, becomes; `None` when it may stay.
pub(super) fn whole(roots: &Roots, marker: &Marker, file: &str) -> Option<String> {
    let start = Start::at(file, 0)?;
    judge(roots, marker, &start.split(&file[start.body..]), start.spelled)
}

/// How the beginning of a path is spelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spelled {
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
struct Start {
    spelled: Spelled,
    /// Where its names begin.
    body: usize,
    /// Whether names are parted by backslashes as well.
    windows: bool,
}

/// What stands for a home in commands.
const VARIABLES: &[&str] = &["$HOME", "${HOME}", "%USERPROFILE%", "$env:USERPROFILE"];

/// Schemes in front of paths on this machine.
const SCHEMES: &[&str] = &["file://", "vscode://file", "vscode-insiders://file", "cursor://file"];

impl Start {
    /// The path that begins at `at`.
    fn at(text: &str, at: usize) -> Option<Self> {
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
    fn end(self, text: &str, at: usize) -> (usize, usize) {
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

    fn split(self, body: &str) -> Split<'_> {
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

/// Whether a name at the top of the file system is private for certain.
fn is_private(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or("");
    first == "tmp" || (PRIVATE.contains(&first) && rest.len() > first.len())
}

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
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')
}

/// Whether a path can begin at `at`; `surely` when it begins with a folder that is no word.
fn opens(text: &str, at: usize, surely: bool) -> bool {
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

/// What stands in the place of a path; `None` when it may stay.
fn judge(roots: &Roots, marker: &Marker, path: &Split<'_>, spelled: Spelled) -> Option<String> {
    if let Some(inside) = roots.below(path).or_else(|| in_worktree(&path.names)) {
        let inside = in_worktree(inside).unwrap_or(inside);
        return Some(if inside.is_empty() { ".".into() } else { inside.join("/") });
    }
    let names = &path.names[..];
    match path.anchor {
        Anchor::Home => of_home(marker, names, spelled),
        Anchor::Top => of_top(marker, names),
        Anchor::Drive(_) => of_drive(marker, names),
        Anchor::Share => match names {
            ["wsl$" | "wsl.localhost", _, rest @ ..] => {
                Some(of_top(marker, rest).unwrap_or_else(|| format!("/{}", rest.join("/"))))
            }
            [_, _, rest @ ..] => Some(tail(marker, "<path>", names.len() - rest.len(), names)),
            _ => Some("<path>".into()),
        },
    }
}

/// The names below a linked worktree, by the places in which tools put them.
fn in_worktree<'p, 't>(names: &'p [&'t str]) -> Option<&'p [&'t str]> {
    names.iter().enumerate().find_map(|(at, name)| {
        let here =
            *name == ".worktrees" || (*name == "worktrees" && at > 0 && names[at - 1] == ".claude");
        (here && names.len() > at + 1).then(|| below_branch(&names[at + 2..]))
    })
}

/// `names` below a worktree's folder, which is called after a branch. A branch may have a slash in
/// its name, as in `ada/ent-12-fix`, and what follows that is hyphenated more than folders are.
fn below_branch<'p, 't>(names: &'p [&'t str]) -> &'p [&'t str] {
    match names {
        [first, rest @ ..] if !rest.is_empty() && first.matches('-').count() >= 2 => rest,
        _ => names,
    }
}

fn of_home(marker: &Marker, names: &[&str], spelled: Spelled) -> Option<String> {
    let first = names.first()?;
    if names.starts_with(&["AppData", "Local", "Temp"]) {
        return Some(tail(marker, "<tmp>", 3, names));
    }
    if first.starts_with('.') || OF_USER.contains(first) {
        // A variable is not a name: such a path is the same for everybody.
        return match (spelled, names.len()) {
            (Spelled::Variable, _) => None,
            (_, ..=4) => Some(format!("<home>/{}", names.join("/"))),
            _ => Some(tail(marker, &format!("<home>/{first}/…"), 1, names)),
        };
    }
    if first.starts_with(['$', '<', '{', '*', '%']) {
        return None;
    }
    Some(tail(marker, "<path>", 0, names))
}

fn of_top(marker: &Marker, names: &[&str]) -> Option<String> {
    let (first, second) = (*names.first()?, names.get(1).copied());
    let temporary = match (first, second) {
        ("tmp", _) => Some(1),
        ("var", Some("tmp")) => Some(2),
        // `/var/folders/ab/cdef/T/`
        ("var", Some("folders")) => Some(5.min(names.len())),
        _ => None,
    };
    if let Some(skip) = temporary {
        return (first != "tmp" || names.len() > 1).then(|| tail(marker, "<tmp>", skip, names));
    }
    let second = second?;
    let stays = match first {
        "var" => OF_VAR.contains(&second),
        "opt" => OF_OPT.contains(&second),
        "home" => second == "linuxbrew",
        "Users" => second.eq_ignore_ascii_case("shared"),
        _ => SYSTEM.contains(&first),
    };
    if stays || second.starts_with(['$', '<', '{', '*', '%']) {
        return None;
    }
    let private = PRIVATE.contains(&first)
        || (WORKPLACES.contains(&first) && names.len() >= 3)
        || (names.len() >= 3
            && !ROUTES.contains(&first)
            && names.last().is_some_and(|n| is_file(n)));
    private.then(|| {
        let skip = if matches!(first, "home" | "Users") { 2 } else { 1 };
        tail(marker, "<path>", skip, names)
    })
}

fn of_drive(marker: &Marker, names: &[&str]) -> Option<String> {
    let first = names.first()?.to_lowercase();
    if first.starts_with("program") || first == "windows" {
        return None;
    }
    if first == "temp" || first == "tmp" {
        return Some(tail(marker, "<tmp>", 1, names));
    }
    let skip = if first == "users" { 2.min(names.len()) } else { 0 };
    Some(tail(marker, "<path>", skip, names))
}

/// Whether a name has an extension as files do.
fn is_file(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=6).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// `place` with the last two of `names` behind it, of which the first `skip` are not told.
fn tail(marker: &Marker, place: &str, skip: usize, names: &[&str]) -> String {
    let from = skip.max(names.len().saturating_sub(2));
    let mut told = place.to_owned();
    for (at, name) in names.iter().enumerate().skip(from) {
        told.push('/');
        let above = at.checked_sub(1).map_or("", |above| names[above]);
        if PEOPLE.iter().any(|people| above.eq_ignore_ascii_case(people))
            && marks::wall(name).is_none()
        {
            told.push_str(&marker.mark("user", name));
        } else {
            told.push_str(name.trim_start_matches('~'));
        }
    }
    told
}
