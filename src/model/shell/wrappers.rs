//! Takes a command out of what it is wrapped in, and writes words back as shell text. Hot.

use super::lexer::cut;
use super::parse::{Input, Simple, is_variable};

/// Bytes of a word; a longer one keeps its start and a hash of the whole.
const MAX_WORD: usize = 400;

/// The program's name without what only says where it is installed.
pub(super) fn program_name(word: &str) -> String {
    let word = word.strip_suffix(".exe").unwrap_or(word);
    // One slash is as good as two; the second must not look like the root.
    let single = word
        .strip_prefix("./")
        .filter(|rest| rest.starts_with('/'))
        .map(|rest| format!("./{}", rest.trim_start_matches('/')));
    let word = single.as_deref().unwrap_or(word);
    let Some((directory, name)) = word.rsplit_once('/') else { return word.to_owned() };
    if name.is_empty() {
        return word.to_owned();
    }
    let installed = word.starts_with(['/', '~', '$'])
        || directory.ends_with("bin")
        || directory.starts_with("..")
        || directory.contains("target/");
    if installed {
        name.to_owned()
    } else if directory == "." {
        word.to_owned()
    } else {
        word.strip_prefix("./").unwrap_or(word).to_owned()
    }
}

/// Takes off wrappers that run another command without changing what it does.
pub(super) fn unwrap(simple: &mut Simple) {
    for _ in 0..8 {
        let Some(first) = simple.words.first() else { return };
        let (values, positional): (&[&str], usize) = match program_name(first).as_str() {
            "sudo" | "doas" => (&["-u", "-g", "-h", "-p", "-C", "-r", "-t", "-U"], 0),
            "env" => (&["-u", "--unset", "-C"], 0),
            "command" if simple.words.get(1).is_some_and(|next| next.starts_with('-')) => return,
            "command" | "time" | "nohup" | "builtin" | "setsid" | "caffeinate" | "chronic"
            | "unbuffer" => (&[], 0),
            "exec" => (&["-a"], 0),
            "nice" | "stdbuf" | "ionice" => (&["-n", "-c", "-i", "-o", "-e"], 0),
            "timeout" | "gtimeout" => (&["-s", "-k", "--signal", "--kill-after"], 1),
            _ => return,
        };
        let mut at = 1;
        while let Some(word) = simple.words.get(at).filter(|word| word.starts_with('-')) {
            at += if values.contains(&word.as_str()) { 2 } else { 1 };
        }
        at += positional;
        let assignment =
            |word: &String| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
        let first_word = (at..simple.words.len()).find(|&at| !assignment(&simple.words[at]));
        let Some(first_word) = first_word else { return };
        for word in simple.words.drain(..first_word).skip(at) {
            if let Some((name, value)) = word.split_once('=') {
                simple.env.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

/// The script that `bash -c` or `eval` runs, and whether it has a shell of its own.
pub(super) fn inner_script(simple: &Simple) -> Option<(String, bool)> {
    let words = &simple.words;
    let program = program_name(words.first()?);
    if program == "eval" && words.len() > 1 {
        return Some((words[1..].join(" "), false));
    }
    if !matches!(program.as_str(), "bash" | "sh" | "zsh" | "dash" | "ksh") {
        return None;
    }
    let mut at = 1;
    while let Some(word) = words.get(at).filter(|word| word.starts_with(['-', '+'])) {
        if !word.starts_with("--") && word.contains('c') {
            return words.get(at + 1).map(|script| (script.clone(), true));
        }
        at += if word == "-o" || word == "+o" { 2 } else { 1 };
    }
    match &simple.input {
        Some(Input::Text(script)) if at == words.len() => Some((script.clone(), true)),
        _ => None,
    }
}

/// Takes out the options by which a program is told its directory: each is seen from the one
/// before it.
pub(super) fn own_directory(words: &mut Vec<String>) -> Option<String> {
    let mut directory: Option<String> = None;
    while let Some(next) = next_directory(words) {
        // An empty one changes nothing.
        if !next.is_empty() {
            directory = Some(join(directory.as_deref(), &next));
        }
    }
    directory
}

fn next_directory(words: &mut Vec<String>) -> Option<String> {
    let options: &[&str] = match words[0].as_str() {
        "git" | "make" | "gmake" | "go" | "ninja" | "cargo" => &["-C"],
        "npm" => &["--prefix", "-C"],
        "pnpm" => &["-C", "--dir"],
        "yarn" | "bun" => &["--cwd"],
        "just" | "task" | "uv" => &["-d", "--working-directory", "--dir", "--directory"],
        _ => return None,
    };
    // Only options of the program itself, which stand before the subcommand's own arguments.
    let limit = words.len().min(6);
    let at = (1..limit).find(|&at| {
        let word = words[at].as_str();
        let long = word.split_once('=').map_or(word, |(name, _)| name);
        options.contains(&word) || (long.starts_with("--") && options.contains(&long))
    })?;
    let own_position = words[0] != "git" || words[1..at].iter().all(|word| word.starts_with('-'));
    if !own_position {
        return None;
    }
    if let Some((_, value)) = words[at].split_once('=') {
        let value = value.to_owned();
        words.remove(at);
        return Some(value);
    }
    (at + 1 < words.len()).then(|| {
        words.remove(at);
        words.remove(at)
    })
}

/// `target` as seen from `base`.
pub(super) fn join(base: Option<&str>, target: &str) -> String {
    match base {
        Some(base) if !target.starts_with(['/', '~', '$']) && target != "-" => {
            let base = base.trim_end_matches('/');
            match target.trim_end_matches('/') {
                "." | "" => base.to_owned(),
                target => format!("{base}/{target}"),
            }
        }
        _ if target.len() > 1 => target.trim_end_matches('/').to_owned(),
        _ => target.to_owned(),
    }
}

/// Appends `word` so that the shell reads it back as one word.
pub(super) fn push_quoted(out: &mut String, word: &str) {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,^".contains(&b);
    if !word.is_empty() && word.bytes().all(safe) {
        out.push_str(word);
    } else {
        push_in_quotes(out, word);
    }
}

pub(super) fn push_in_quotes(out: &mut String, word: &str) {
    out.push('\'');
    for (at, piece) in word.split('\'').enumerate() {
        if at > 0 {
            out.push_str("'\\''");
        }
        out.push_str(piece);
    }
    out.push('\'');
}

/// Bounds a word's length; the hash keeps different long words apart.
pub(super) fn shorten(word: &mut String) {
    if word.len() > MAX_WORD {
        // FNV-1a: only has to tell texts apart.
        let hash = word.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
            (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        *word = format!("{}…{hash:016x}", cut(word, MAX_WORD - 24));
    }
}
