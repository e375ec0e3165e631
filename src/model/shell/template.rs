//! A command with what changes from run to run replaced by placeholders. Hot.

use super::head::Head;

/// Bytes of a template; the rest is dropped.
const MAX_TEMPLATE: usize = 240;

/// The longest word that may stand as it is.
const MAX_KEPT: usize = 24;

/// `words` with paths, numbers, ids, texts and URLs replaced, in order, after the head's words.
pub(super) fn template(words: &[String], head: &Head) -> String {
    let mut out = String::with_capacity(64);
    for &at in &head.words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(shown(&words[at]));
    }
    let tool = words.get(head.tool).map_or("", String::as_str);
    let sub = head.words.iter().find(|&&at| at > head.tool).map_or("", |&at| words[at].as_str());
    let mut flag = "";
    let mut last = String::new();
    for (at, word) in words.iter().enumerate().skip(1) {
        if head.words.contains(&at) {
            flag = "";
            continue;
        }
        let piece = if word.len() > 1 && word.starts_with('-') {
            option(word)
        } else {
            argument(word, tool, sub, flag)
        };
        flag = if word.starts_with('-') { word } else { "" };
        if piece == last && piece.starts_with('<') {
            continue;
        }
        if out.len() + piece.len() > MAX_TEMPLATE {
            out.push_str(" …");
            break;
        }
        out.push(' ');
        out.push_str(&piece);
        last = piece;
    }
    out
}

/// A word of the head. Of a script outside the project only its name is the same everywhere.
pub(super) fn shown(word: &str) -> &str {
    match word.rsplit_once('/') {
        Some((_, name)) if word.starts_with(['/', '~']) && !name.is_empty() => name,
        _ => word,
    }
}

/// An option, its value replaced.
fn option(word: &str) -> String {
    if let Some((name, value)) = word.split_once('=')
        && is_option_name(name)
    {
        return format!("{name}={}", classify(value));
    }
    let digits = word.len() - word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    if digits > 0 && (word.len() - digits <= 2) && !word.starts_with("--") {
        return format!("{}<n>", &word[..word.len() - digits]);
    }
    if is_option_name(word) { word.to_owned() } else { "<text>".to_owned() }
}

fn is_option_name(word: &str) -> bool {
    word.len() <= 48 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

/// A positional argument or the value of the option `flag`.
fn argument(word: &str, tool: &str, sub: &str, flag: &str) -> String {
    if takes_text(flag) {
        return "<text>".to_owned();
    }
    if takes_argument(tool, flag) {
        return "<arg>".to_owned();
    }
    let class = classify(word);
    if is_literal(word) {
        return class;
    }
    match (tool, sub) {
        // Branches and tags, which may look like paths.
        (
            "git",
            "push" | "fetch" | "pull" | "merge" | "rebase" | "switch" | "branch" | "tag"
            | "cherry-pick" | "revert",
        ) => reference(word),
        ("git", _) if class == word => reference(word),
        // Names of tests.
        ("cargo", "test" | "nextest" | "t" | "bench") => "<arg>".to_owned(),
        ("grep" | "rg" | "egrep" | "echo" | "printf" | "pgrep" | "pkill", _)
            if class == word || class == "<arg>" =>
        {
            "<text>".to_owned()
        }
        ("which" | "kill" | "command", _) if class == word => "<arg>".to_owned(),
        ("ls" | "cat" | "rm" | "mkdir" | "cd" | "cp" | "mv" | "touch" | "head" | "tail", _)
            if class == word =>
        {
            "<path>".to_owned()
        }
        _ => class,
    }
}

/// A name in a Git repository: the usual ones stay.
fn reference(word: &str) -> String {
    match word {
        "origin" | "upstream" | "HEAD" | "main" | "master" => word.to_owned(),
        _ => "<arg>".to_owned(),
    }
}

/// Options whose value is free text.
fn takes_text(flag: &str) -> bool {
    matches!(
        flag,
        "-m" | "-am"
            | "--message"
            | "--body"
            | "--title"
            | "--notes"
            | "--description"
            | "--subject"
            | "--comment"
            | "--reason"
    )
}

/// Options of `tool` whose value changes from call to call: names of tests, patterns, code.
fn takes_argument(tool: &str, flag: &str) -> bool {
    match flag {
        "-run"
        | "--run"
        | "-bench"
        | "-k"
        | "--testNamePattern"
        | "--test-name-pattern"
        | "--grep"
        | "-g"
        | "--tests"
        | "--only"
        | "-e"
        | "-c"
        | "--eval"
        | "--author"
        | "--since"
        | "--until"
        | "--jq"
        | "--json"
        | "--header"
        | "--data"
        | "--user"
        | "--format"
        | "-b" => true,
        "-H" | "-d" | "-u" => matches!(tool, "curl" | "wget" | "http" | "gh"),
        "-q" => tool == "gh",
        "-t" => matches!(tool, "jest" | "vitest" | "bun" | "npm" | "yarn" | "pnpm"),
        // For package managers it selects a package, which says where the command works.
        "--filter" => !matches!(tool, "pnpm" | "turbo" | "bun" | "npm" | "yarn" | "nx" | "lerna"),
        _ => false,
    }
}

/// Words that name no thing and stay as they are.
fn is_literal(word: &str) -> bool {
    matches!(word, "--" | "-" | "." | "..") || word.starts_with('<')
}

/// `word` itself when it is short and plain, else the placeholder of its kind.
fn classify(word: &str) -> String {
    let kept = |text: &str| text.to_owned();
    if word.is_empty() {
        return kept("<text>");
    }
    if matches!(word, "-" | "." | ".." | "./..." | "..." | "--") {
        return kept(word);
    }
    if word.contains("://") || word.starts_with("git@") {
        return kept("<url>");
    }
    if is_number(word) {
        return kept("<n>");
    }
    if is_id(word) {
        return kept("<id>");
    }
    let odd = |c: char| c.is_whitespace() || c.is_control() || "'\"(){}|;&<>!?^,\\".contains(c);
    if word.contains(['$', '`']) && !word.contains(char::is_whitespace) {
        return kept("<arg>");
    }
    if word.len() > 160 || (word.contains(odd) && !is_path(word)) {
        return kept("<text>");
    }
    if let Some((name, value)) = word.split_once('=')
        && is_option_name(name)
        && !value.contains('=')
    {
        return format!("{name}={}", classify(value));
    }
    if is_path(word) {
        return kept("<path>");
    }
    let mixed = word.len() > 4
        && word.bytes().any(|b| b.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_lowercase());
    if word.len() > MAX_KEPT || mixed || word.contains(['@', '%', '~', '#']) || !word.is_ascii() {
        return kept("<arg>");
    }
    kept(word)
}

/// `12`, `1,5p`, `30s`, `0.5`, `10:20`.
pub(crate) fn is_number(word: &str) -> bool {
    let core = word.trim_start_matches(['+', '-']);
    let body = core.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%');
    core.as_bytes().first().is_some_and(u8::is_ascii_digit)
        && core.len() - body.len() <= 3
        && body.bytes().all(|b| b.is_ascii_digit() || b".,:".contains(&b))
}

/// UUIDs, hashes and tokens.
pub(crate) fn is_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || word.len() < 7 {
        return false;
    }
    let hex = word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let letters = word.bytes().any(|b| b.is_ascii_alphabetic());
    if hex && (letters || word.len() >= 12) && !word.starts_with('-') {
        return true;
    }
    let token = word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    token && word.len() >= 20 && digits >= 4
}

/// Whether `word` is written like a path, a file's name or a glob.
fn is_path(word: &str) -> bool {
    if word.contains(char::is_whitespace) {
        // A path with a space still starts like one.
        return word.starts_with(['/', '~']) && !word.contains(['\n', '|', ';', '"']);
    }
    if word.contains(['/', '*']) || word.starts_with(['~', '.']) {
        return true;
    }
    word.rsplit_once('.').is_some_and(|(stem, extension)| {
        !stem.is_empty()
            && (1..=6).contains(&extension.len())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
            && extension.bytes().any(|b| b.is_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::super::head::head;
    use super::*;

    #[test]
    fn volatile_words_become_placeholders() {
        let cases = [
            ("git commit -m msg", "git commit -m <text>"),
            ("git checkout -b feature-x", "git checkout -b <arg>"),
            ("git add a.rs src/b.rs", "git add <path>"),
            ("git show 3f2a9c1", "git show <id>"),
            ("git log --oneline -20", "git log --oneline -<n>"),
            ("go test ./... -run TestFoo -v", "go test ./... -run <arg> -v"),
            ("go test -count=1 ./cmd/x", "go test -count=<n> <path>"),
            ("go test -tags=integration ./x", "go test -tags=integration <path>"),
            ("cargo test parser::words", "cargo test <arg>"),
            ("curl -s https://x.test/a", "curl -s <url>"),
            ("sed -n 1,20p src/a.rs", "sed -n <n> <path>"),
            ("make -j8 lint", "make lint -j<n>"),
            ("gh pr view 12 --json title", "gh pr view <n> --json <arg>"),
            ("ls src", "ls <path>"),
            ("git push -u origin feat/x", "git push -u origin <arg>"),
            ("git checkout main -- a/b.rs", "git checkout main -- <path>"),
            ("grep -rn foo src/a", "grep -rn <text> <path>"),
            ("python3 /home/a/x/gen.py --all", "python3 gen.py --all"),
            ("npm install lodash", "npm install lodash"),
            ("terraform apply -var=a=b", "terraform apply -var=a=b"),
        ];
        for (source, expected) in cases {
            let words: Vec<String> = source.split(' ').map(str::to_owned).collect();
            assert_eq!(template(&words, &head(&words)), expected, "{source}");
        }
    }

    #[test]
    fn ids_and_numbers() {
        for id in ["0a1b2c3", "123e4567-e89b-12d3-a456-426614174000", "toolu_0123abcdXYZ987654"] {
            assert!(is_id(id), "{id}");
        }
        for word in ["feedbee", "release", "abc123", "1234567", "--version"] {
            assert!(!is_id(word), "{word}");
        }
        for number in ["1", "30s", "1,5p", "0.5", "+10", "99%"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["a1", "1abcd", "", "-"] {
            assert!(!is_number(word), "{word}");
        }
    }
}
