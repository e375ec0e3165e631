//! What of a prompt is the user's own speech, cut into sentences and words.
//!
//! Prompts are full of other people's text: pasted reviews, logs, diffs, code. Directives in
//! those are not the user's, so they are taken out before anything is judged.

/// Longest prompt that is searched, in bytes: longer ones are plans, reviews or pasted output.
const PROMPT_LIMIT: usize = 1_500;

/// Openings of prompts that a program wrote, or that carry a whole document.
const NOT_SPEECH: &[&str] = &[
    "<",
    "#",
    "**",
    "you are a",
    "you are an",
    "implement the following plan",
    "execute the following",
    "please perform the following",
    "summarize th",
    "analyze the ",
    "the following ",
];

/// Phrases that only automatic reviewers and tools write: the whole prompt is theirs.
const MACHINE_PHRASES: &[&str] =
    &["low severity", "medium severity", "high severity", "critical severity", "traceback (most"];

/// Words that announce pasted text when a line that has one of them ends in a colon.
const ANNOUNCES: &[&str] = &[
    "feedback", "comment", "comments", "review", "error", "errors", "warning", "warnings",
    "output", "log", "logs", "finding", "findings", "message", "got", "getting", "says", "said",
    "shows", "report", "returned", "fails", "result", "plan",
];

/// Words that a person who speaks to an agent uses and a report does not.
const VOICE: &[&str] = &[
    "i", "i'm", "i'd", "i've", "i'll", "we", "we're", "we've", "you", "your", "our", "us", "me",
    "my", "let's", "lets", "please", "pls", "ok", "okay", "don't", "dont", "always", "never",
];

/// A report's line is at least this long, in bytes.
const REPORT_LINE: usize = 150;

/// What other people's texts are called, where a line says after them whose they are.
const SOURCES: &[&str] = &[
    "readme",
    "page",
    "docs",
    "documentation",
    "doc",
    "site",
    "website",
    "article",
    "issue",
    "log",
    "output",
    "file",
    "package",
    "manual",
    "message",
    "tool",
    "guide",
    "tutorial",
    "web",
    "post",
    "blog",
    "comment",
    "thread",
    "error",
    "it",
    "they",
    "he",
    "she",
    "bot",
    "internet",
    "changelog",
];

/// What such texts do.
const TELLS: &[&str] = &[
    "says",
    "said",
    "say",
    "states",
    "reads",
    "writes",
    "wrote",
    "claims",
    "prints",
    "printed",
    "shows",
    "tells",
    "recommends",
    "suggests",
];

/// Characters at the start of a line that was copied from a terminal, a diff or a quotation.
const COPIED: &[char] = &[
    '>', '|', '+', '❯', '⏺', '⎿', '│', '├', '└', '╭', '╰', '┌', '═', '─', '━', '=', '$', '✓', '✗',
    '●', '}', '{', '×', '⨯',
];

/// How a word follows the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Border {
    /// Within a clause.
    None,
    /// After a conjunction that may start a new clause.
    Soft,
    /// After punctuation, or at a conjunction that contrasts.
    Hard,
}

/// One word of a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Word {
    /// Where it stands in its sentence, in bytes. The parts of a contraction share their place.
    pub(super) start: usize,
    /// One past its last byte.
    pub(super) end: usize,
    /// Lower-cased, contractions taken apart. What stood in quotes is [`QUOTED`].
    pub(super) text: String,
    /// Whether it is a name rather than a word of the language: quoted, a path, a flag, an
    /// identifier, an acronym.
    pub(super) named: bool,
    /// How it follows the word before it.
    pub(super) border: Border,
}

/// Stands for quoted words, so that no rule takes them for the user's own.
pub(super) const QUOTED: &str = "\u{1}";

/// One sentence of the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sentence {
    /// As it was written, on one line.
    pub(super) text: String,
    /// Its words.
    pub(super) words: Vec<Word>,
    /// Whether it asks.
    pub(super) question: bool,
}

/// The sentences in `prompt` that the user wrote, in order; none if all of it is pasted.
pub(super) fn sentences(prompt: &str) -> Vec<Sentence> {
    let prompt = prompt.trim();
    let lower = prompt.to_lowercase();
    if prompt.len() > PROMPT_LIMIT
        || NOT_SPEECH.iter().any(|opening| lower.starts_with(opening))
        || MACHINE_PHRASES.iter().any(|phrase| lower.contains(phrase))
    {
        return Vec::new();
    }
    let lines = spoken_lines(prompt);
    let sentences = lines.iter().flat_map(|line| split(line));
    sentences.filter(|sentence| !sentence.starts_with("Consider ")).map(read).collect()
}

/// The lines that are the user's own, wrapped ones joined, bullets and numbers taken off.
fn spoken_lines(prompt: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut fenced = false;
    let mut printed = false;
    let mut wrapped = false;
    let mut options = false;
    let copies = prompt.lines().any(|line| is_copied(line.trim()));
    for line in prompt.lines() {
        let line = line.trim();
        if line.starts_with("```") || line.starts_with("\"\"\"") {
            fenced = !fenced;
            continue;
        }
        // What a terminal or a log printed goes on to the next empty line.
        printed = !line.is_empty() && (printed || is_printed(line));
        if fenced || line.is_empty() || printed || is_copied(line) {
            wrapped = false;
            continue;
        }
        if attributes(line) {
            // What was said so far is somebody else's.
            lines.clear();
            continue;
        }
        if announces_paste(line) {
            break;
        }
        match lines.last_mut() {
            Some(last) if wrapped && line.starts_with(char::is_lowercase) => {
                last.push(' ');
                last.push_str(line);
            }
            _ => {
                let bare = without_bullet(line);
                // A list after a question is a choice that is offered, not made.
                options = if bare.len() == line.len() { line.ends_with('?') } else { options };
                if !(options && bare.len() < line.len()) {
                    lines.push(bare.to_owned());
                }
            }
        }
        wrapped = line.len() >= 60 && !line.ends_with(['.', '!', '?', ':', ')']);
    }
    // Beside copied output, plain lines are most likely output as well.
    lines.retain(|line| !is_report(line) && !is_quotation(line) && (!copies || has_voice(line)));
    lines
}

/// Whether the whole line is in quotation marks.
fn is_quotation(line: &str) -> bool {
    line.len() > 2 && line.starts_with('"') && line.ends_with('"')
}

fn is_copied(line: &str) -> bool {
    let signs = line.chars().filter(|c| "{}[]<>|=;$\\│━─".contains(*c)).count();
    line.starts_with(COPIED) || signs * 6 > line.chars().count()
}

/// Whether the line is a command at a shell's prompt, an entry of a log, or a build's last word.
fn is_printed(line: &str) -> bool {
    let command = line.starts_with("$ ") || line.starts_with("❯ ") || line.starts_with("% ");
    // `2026-01-02T10:00:00`, `2026-01-02 10:00:00`, `[10:00:00]`, `10:00:00`.
    let digits: String = line
        .trim_start_matches('[')
        .chars()
        .take(19)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let stamp = digits.starts_with("0000-00-00T00:") || digits.starts_with("0000-00-00 00:");
    let clock = digits.starts_with("00:00:00");
    command || stamp || clock || line.starts_with("make: *** ")
}

/// Whether the line says of what stands before it that somebody else said it: "that is what the
/// README says".
fn attributes(line: &str) -> bool {
    let lower = line.to_lowercase();
    let first = lower.split('.').next().unwrap_or("");
    let words: Vec<&str> = first.split(|c: char| !(c.is_alphanumeric() || c == '\'')).collect();
    let points = matches!(words.first(), Some(&("that" | "that's" | "thats" | "this" | "so")));
    let from = words.iter().position(|word| SOURCES.contains(word));
    let tells = words.iter().rposition(|word| TELLS.contains(word) || *word == "from");
    points && from.is_some() && tells.is_some()
}

/// Whether what follows the line is somebody else's text.
fn announces_paste(line: &str) -> bool {
    let lower = line.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    lower.trim_end_matches([' ', '"']).ends_with(':')
        && !words.clone().any(|word| word == "my")
        && words.any(|word| ANNOUNCES.contains(&word))
}

/// Whether the line reads like a reviewer's finding: long, and nobody is spoken to.
fn is_report(line: &str) -> bool {
    let long = line.len() >= REPORT_LINE && line.starts_with(|c: char| c.is_ascii_uppercase());
    long && !has_voice(line)
}

/// Whether somebody speaks in the line or is spoken to.
fn has_voice(line: &str) -> bool {
    line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’')))
        .any(|word| VOICE.contains(&word.to_lowercase().replace('’', "'").as_str()))
}

fn without_bullet(line: &str) -> &str {
    let bare = line.trim_start_matches(['-', '*', '•']).trim_start();
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &bare[digits..];
    match rest.strip_prefix(['.', ')']) {
        Some(after) if (1..=2).contains(&digits) && after.starts_with(' ') => after.trim_start(),
        _ => bare,
    }
}

/// The sentences of one line. Full stops inside words (`a.rs`, `1.2`) end nothing.
fn split(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, character) in line.char_indices() {
        let after = at + character.len_utf8();
        let ends = match character {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => {
                line[after..].starts_with(char::is_whitespace) && !ends_short(&line[..at])
            }
            _ => false,
        };
        if ends {
            found.push(line[start..after].trim());
            start = after;
        }
    }
    found.push(line[start..].trim());
    found.retain(|sentence| !sentence.is_empty());
    found
}

fn ends_short(text: &str) -> bool {
    ["e.g", "i.e", "etc", "vs", "cf", "eg", "ie"].iter().any(|short| {
        text.strip_suffix(short).is_some_and(|before| !before.ends_with(char::is_alphanumeric))
    })
}

/// Reads one sentence into words.
pub(super) fn read(sentence: &str) -> Sentence {
    let text = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let question = text.trim_end_matches([')', '"', ' ']).ends_with(['?', '？']);
    let mut words: Vec<Word> = Vec::new();
    let mut border = Border::Hard;
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if character == ' ' {
            at += 1;
            continue;
        }
        if let Some(end) = quoted(&text, at) {
            push(&mut words, (at, end), QUOTED, true, border);
            border = Border::None;
            at = end;
            continue;
        }
        let end = text[at..].find(' ').map_or(text.len(), |n| at + n);
        let (word, after) = bare_word(&text[at..end], &mut border);
        if !word.is_empty() {
            let start = at + (word.as_ptr() as usize - text[at..].as_ptr() as usize);
            push(&mut words, (start, start + word.len()), word, is_name(word), border);
            border = Border::None;
        }
        if after {
            border = Border::Hard;
        }
        at = end;
    }
    Sentence { text, words, question }
}

/// The end of what is quoted from `at` on, if a quotation starts there.
fn quoted(text: &str, at: usize) -> Option<usize> {
    let open = text[at..].chars().next()?;
    let close = match open {
        '"' | '`' | '\'' => open,
        '“' => '”',
        '‘' => '’',
        '«' => '»',
        _ => return None,
    };
    let inner = at + open.len_utf8();
    let length = text[inner..].find(close)?;
    let end = inner + length + close.len_utf8();
    let closes = !text[end..].starts_with(char::is_alphanumeric);
    (length > 0 && closes).then_some(end)
}

/// The word without punctuation, and whether punctuation after it ends a clause. An opening
/// bracket starts one.
fn bare_word<'a>(run: &'a str, border: &mut Border) -> (&'a str, bool) {
    if run.chars().all(|c| matches!(c, '-' | '–' | '—' | '>' | '→' | '&' | '/' | '=')) {
        return ("", true);
    }
    let opened = run.trim_start_matches(['(', '[', '*', '_', '"', '\'']);
    if run.starts_with(['(', '[']) {
        *border = Border::Hard;
    }
    let word = opened.trim_end_matches([
        '.', ',', ';', ':', '!', '?', ')', ']', '…', '*', '"', '\'', '，', '、',
    ]);
    let ends = opened[word.len()..].contains([',', ';', ':', ')', ']', '.', '!', '?', '…', '，']);
    // A call keeps its brackets: `os.Exit(1)`, `getName()`.
    let brackets = opened[word.len()..].starts_with(')') && word.contains('(');
    let word = if brackets { &opened[..=word.len()] } else { word };
    (word, ends && opened.len() > word.len())
}

/// Whether the word is a name: a path, a flag, an identifier, an acronym.
fn is_name(word: &str) -> bool {
    let inner =
        |c: char| word.char_indices().any(|(at, x)| x == c && at > 0 && at + 1 < word.len());
    let camel = word
        .as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let acronym = letters >= 2 && !word.chars().any(char::is_lowercase);
    let digits = letters > 0 && word.chars().any(|c| c.is_ascii_digit());
    word.starts_with(['-', '@', '~', '/', '.'])
        || ['/', '_', '.', '(', '='].into_iter().any(inner)
        || camel
        || digits
        || (acronym && !SHOUTED.contains(&word))
}

/// Words that people shout; not acronyms.
const SHOUTED: &[&str] = &[
    "NOT", "ALWAYS", "NEVER", "DO", "DONT", "NO", "MUST", "ALL", "ONLY", "STOP", "AND", "OK",
    "PLEASE", "USE",
];

fn push(words: &mut Vec<Word>, place: (usize, usize), word: &str, named: bool, border: Border) {
    let lower = word.to_lowercase().replace('’', "'");
    let mut border = match lower.as_str() {
        "but" | "because" | "since" | "although" | "though" | "so" | "however"
            if border == Border::None =>
        {
            Border::Hard
        }
        "and" | "or" | "then" | "also" if border == Border::None => Border::Soft,
        _ => border,
    };
    if border == Border::None
        && words.last().is_some_and(|w| matches!(w.text.as_str(), "and" | "or" | "then" | "also"))
    {
        border = Border::Soft;
    }
    for part in apart(&lower) {
        let (start, end) = place;
        words.push(Word { start, end, text: part.to_owned(), named, border });
        border = Border::None;
    }
}

/// A contraction's words, with and without its apostrophe; any other word alone.
fn apart(word: &str) -> Vec<&str> {
    const WHOLE: &[(&str, [&str; 2])] = &[
        ("can't", ["can", "not"]),
        ("cannot", ["can", "not"]),
        ("won't", ["will", "not"]),
        ("dont", ["do", "not"]),
        ("doesnt", ["does", "not"]),
        ("didnt", ["did", "not"]),
        ("cant", ["can", "not"]),
        ("wont", ["will", "not"]),
        ("isnt", ["is", "not"]),
        ("shouldnt", ["should", "not"]),
        ("mustnt", ["must", "not"]),
        ("thats", ["that", "is"]),
        ("its", ["it", "is"]),
        ("im", ["i", "am"]),
        ("ive", ["i", "have"]),
    ];
    const ENDINGS: &[(&str, &str)] = &[
        ("n't", "not"),
        ("'d", "would"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'ll", "will"),
        ("'m", "am"),
    ];
    if matches!(word, "let's" | "lets") {
        return vec!["lets"];
    }
    if let Some((_, parts)) = WHOLE.iter().find(|(whole, _)| *whole == word) {
        return parts.to_vec();
    }
    for (ending, full) in ENDINGS {
        if let Some(stem) = word.strip_suffix(ending)
            && !stem.is_empty()
        {
            return vec![stem, full];
        }
    }
    match word.strip_suffix("'s") {
        Some(stem @ ("it" | "that" | "there" | "what" | "he" | "she" | "here")) => vec![stem, "is"],
        _ => vec![word],
    }
}
