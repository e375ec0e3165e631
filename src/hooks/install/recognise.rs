//! Tells the hook handlers that are MANA's from those of others.
//!
//! There is no mark in the settings to go by, since the client drops or refuses what it does not
//! know; a handler is ours by what it runs.

use serde_json::Value;

/// The verbs of ours that a hook may call; `hook` was never released but is in written advice.
const VERBS: [&str; 3] = ["inject", "session-end", "hook"];

/// Words that may stand before a command without being one.
const PREFIXES: [&str; 11] =
    ["command", "do", "elif", "else", "env", "exec", "if", "nohup", "then", "time", "!"];

/// Commands that only feed, guard or silence ours: a line of these and ours is ours as a whole.
/// (`-v` is what is left of the guard `command -v mana`.)
const INERT: [&str; 10] = ["-v", ":", "[", "[[", "cat", "cd", "exit", "fi", "test", "true"];

/// Whose a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// It runs `mana` and nothing else: ours to update and to remove.
    Mana,
    /// A line of the user's own that also calls `mana`: not ours to touch, worth a notice.
    Mixed,
    /// Nothing to do with us.
    Foreign,
}

/// Decides whose the handler object `handler` is.
pub(super) fn owner(handler: &Value) -> Owner {
    let Some(command) = handler.get("command").and_then(Value::as_str) else {
        return Owner::Foreign;
    };
    // The presence of `args` selects exec form: the command is then one path, blanks and all.
    match handler.get("args") {
        Some(args) => {
            let verb = args.get(0).and_then(Value::as_str);
            let ours = names_mana(command) && verb.is_some_and(|verb| VERBS.contains(&verb));
            if ours { Owner::Mana } else { Owner::Foreign }
        }
        None => shell_line(command),
    }
}

/// Whether the last part of the path `command` is the name of our binary.
pub(super) fn names_mana(command: &str) -> bool {
    let name = command.rsplit(['/', '\\']).next().unwrap_or(command);
    name == "mana" || name.eq_ignore_ascii_case("mana.exe")
}

/// Decides whose a shell command line is, by the simple commands it consists of.
fn shell_line(line: &str) -> Owner {
    let (mut ours, mut others) = (false, false);
    for words in simple_commands(line) {
        let mut words = words.iter().map(String::as_str).skip_while(|word| is_prefix(word));
        match (words.next(), words.next()) {
            (None, _) => {}
            // The second half of `mana inject &>file`.
            (Some(redirection), _) if redirection.starts_with(['<', '>']) => {}
            (Some(command), Some(verb)) if names_mana(command) && VERBS.contains(&verb) => {
                ours = true;
            }
            (Some(command), _) => others |= !INERT.contains(&command),
        }
    }
    match (ours, others) {
        (true, false) => Owner::Mana,
        (true, true) => Owner::Mixed,
        (false, _) => Owner::Foreign,
    }
}

/// Whether `word` may stand before a command: an assignment, a keyword, a brace.
fn is_prefix(word: &str) -> bool {
    let assignment = word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    });
    assignment || PREFIXES.contains(&word)
}

/// Splits a shell line at its operators and every part into words without their quotes.
///
/// This is far from a shell: no expansion, no here-documents, a redirection is a word and its
/// target another one. It has to get right which words stand at the head of a command, and that
/// quoted operators separate nothing.
fn simple_commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            _ if quote == Some(char) => quote = None,
            '\\' if quote != Some('\'') => word.get_or_insert_default().extend(chars.next()),
            '\'' | '"' if quote.is_none() => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            _ if quote.is_none() && separates(word.as_deref(), char) => {
                finish(&mut commands, &mut word);
                commands.push(Vec::new());
            }
            _ if quote.is_none() && char.is_whitespace() => finish(&mut commands, &mut word),
            _ => word.get_or_insert_default().push(char),
        }
    }
    finish(&mut commands, &mut word);
    commands
}

/// Whether `char`, outside quotes and behind the begun `word`, separates two commands.
fn separates(word: Option<&str>, char: char) -> bool {
    let word = word.unwrap_or_default();
    match char {
        '|' | ';' | '\n' | '(' | ')' => true,
        // In `2>&1` the ampersand belongs to the redirection.
        '&' => !word.ends_with('>'),
        // In `${NAME}` the braces belong to the variable.
        '{' => !word.ends_with('$'),
        '}' => word.rfind("${").is_none_or(|open| word[open..].contains('}')),
        _ => false,
    }
}

/// Ends the word being read, if any, and adds it to the last command.
fn finish(commands: &mut [Vec<String>], word: &mut Option<String>) {
    if let (Some(word), Some(command)) = (word.take(), commands.last_mut()) {
        command.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exec_form() {
        let cases = [
            (json!({"command": "/usr/local/bin/mana", "args": ["inject"]}), Owner::Mana),
            (json!({"command": "mana", "args": ["inject", "--tool", "edit"]}), Owner::Mana),
            (json!({"command": "mana", "args": ["session-end"], "timeout": 60}), Owner::Mana),
            (json!({"command": "/opt/my tools/mana", "args": ["hook"]}), Owner::Mana),
            (json!({"command": r"C:\Users\me\bin\mana.exe", "args": ["inject"]}), Owner::Mana),
            (json!({"command": "${CLAUDE_PLUGIN_ROOT}/bin/mana", "args": ["inject"]}), Owner::Mana),
            (json!({"command": "/usr/local/bin/mana", "args": []}), Owner::Foreign),
            (json!({"command": "/usr/local/bin/mana", "args": ["sync", "pull"]}), Owner::Foreign),
            (json!({"command": "/usr/local/bin/mana", "args": "inject"}), Owner::Foreign),
            (json!({"command": "/usr/local/bin/manatee", "args": ["inject"]}), Owner::Foreign),
            (json!({"command": "/opt/mana/run", "args": ["inject"]}), Owner::Foreign),
            (json!({"command": "env", "args": ["mana", "inject"]}), Owner::Foreign),
            (json!({"command": 7, "args": ["inject"]}), Owner::Foreign),
            (json!({"type": "http", "url": "http://localhost/mana inject"}), Owner::Foreign),
            (json!("mana inject"), Owner::Foreign),
        ];
        for (handler, expected) in cases {
            assert_eq!(owner(&handler), expected, "{handler}");
        }
    }

    #[test]
    fn shell_form() {
        let cases = [
            ("cat | .mana/mana inject --tool edit", Owner::Mana),
            ("~/.local/bin/mana inject", Owner::Mana),
            (".mana/mana session-end", Owner::Mana),
            ("\"$CLAUDE_PROJECT_DIR\"/.mana/mana session-end", Owner::Mana),
            ("${HOME}/bin/mana inject", Owner::Mana),
            ("'/opt/my tools/mana' inject", Owner::Mana),
            (r"/opt/my\ tools/mana inject", Owner::Mana),
            ("MANA_HOME=/x RUST_LOG=off mana inject", Owner::Mana),
            ("exec mana inject 2>/dev/null", Owner::Mana),
            ("mana inject 2>&1 || true", Owner::Mana),
            ("mana inject &>/dev/null", Owner::Mana),
            ("[ -x ~/bin/mana ] && ~/bin/mana inject || exit 0", Owner::Mana),
            ("command -v mana >/dev/null && mana inject", Owner::Mana),
            ("if [ -x .mana/mana ]; then .mana/mana inject; fi", Owner::Mana),
            ("(mana session-end) &", Owner::Mana),
            ("{ mana session-end; }", Owner::Mana),
            ("tee /tmp/hook.log | mana inject", Owner::Mixed),
            ("mana inject && notify-send done", Owner::Mixed),
            ("echo 'run mana inject'", Owner::Foreign),
            ("echo mana inject", Owner::Foreign),
            ("echo 'x | mana inject'", Owner::Foreign),
            ("mana status", Owner::Foreign),
            ("mana", Owner::Foreign),
            ("manatee inject", Owner::Foreign),
            ("inject mana", Owner::Foreign),
            ("grep mana inject", Owner::Foreign),
            ("", Owner::Foreign),
            ("'unclosed mana inject", Owner::Foreign),
            ("\\", Owner::Foreign),
        ];
        for (line, expected) in cases {
            assert_eq!(owner(&json!({"type": "command", "command": line})), expected, "{line}");
        }
    }
}
