//! The canonical form of a shell command. Hot.
//!
//! Agents wrap the same command in ever new dress: `cd /repo && x 2>&1 | tail -20`,
//! `x || true`, `echo start; x`. [`normalise`] takes the dress off, keeps note of what it
//! implied (where the command ran, whether its status was hidden), and gives keys by which the
//! command is found again.

use super::category::{Category, category};
use super::head::{head, is_interpreter};
use super::lexer::Operator;
use super::parse::{Input, Item, Simple, is_reserved, parse};
use super::template::{shown, template};
use super::wrappers::{
    inner_script, join, own_directory, program_name, push_in_quotes, push_quoted, shorten, unwrap,
};

/// `bash -c`, `eval` and `$(..)` inside each other that are read.
const MAX_DEPTH: usize = 6;

/// Parts that are kept of one script.
const MAX_PARTS: usize = 64;

/// Words that are kept of one part.
const MAX_WORDS: usize = 128;

/// A whole command, read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Normal {
    /// The commands that matter, in order. If only cosmetic ones were there, these.
    pub(crate) parts: Vec<Part>,
    /// What prepared the shell and was dropped from `parts`: `source x`, `export A=b`.
    pub(crate) setup: Vec<String>,
    /// Whether output went through a filter (`| tail`, `| grep x`) that was dropped.
    pub(crate) filtered: bool,
    /// Whether the exit status that the shell reported need not be that of the parts: a pipe
    /// without `pipefail`, `|| true`, a command after `;`.
    pub(crate) status_hidden: bool,
    /// Whether a dropped `echo` prints an exit status (`echo "exit: $?"`).
    pub(crate) prints_status: bool,
}

/// One simple command that matters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// The program's name without its path; scripts of the project keep theirs (`./gradlew`).
    pub(crate) program: String,
    /// The program with its subcommands: `git commit`, `npm run lint`.
    pub(crate) head: String,
    /// The command with changing arguments replaced by placeholders.
    pub(crate) template: String,
    /// The words, unquoted; the first is `program`. Options that only set the directory are left
    /// out (see `dir`).
    pub(crate) words: Vec<String>,
    /// The directory it runs in, when the command itself says so: by a `cd` before it, `git -C`,
    /// `make -C`, `npm --prefix`. Relative to where the shell was.
    pub(crate) dir: Option<String>,
    /// Assignments before the command, in order: name and value.
    pub(crate) env: Vec<(String, String)>,
    /// How it follows the part before it; `None` for the first.
    pub(crate) operator: Option<Operator>,
    /// The file that standard output is written to, for programs that only print.
    pub(crate) writes: Option<String>,
    input: Option<Input>,
    category: Category,
}

impl Part {
    /// What the command is for.
    pub(crate) fn category(&self) -> Category {
        self.category
    }

    /// The names of the variables set for this command.
    pub(crate) fn env_names(&self) -> impl Iterator<Item = &str> {
        self.env.iter().map(|(name, _)| name.as_str())
    }

    /// Whether it reads a text that stands in the command itself: a here-document or a here-string.
    pub(crate) fn reads_text(&self) -> bool {
        matches!(self.input, Some(Input::Text(_)))
    }

    /// The command alone with its real words.
    pub(crate) fn exact(&self) -> String {
        let mut out = String::new();
        self.push_exact(&mut out);
        out
    }

    fn push_key(&self, out: &mut String) {
        let mut names: Vec<&str> = self.env_names().collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            out.push_str(name);
            out.push_str("= ");
        }
        out.push_str(&self.template);
        match &self.input {
            Some(Input::File(_)) => out.push_str(" < <path>"),
            Some(Input::Text(_)) => out.push_str(" < <text>"),
            None => {}
        }
        if self.writes.is_some() {
            out.push_str(" > <path>");
        }
    }

    fn push_exact(&self, out: &mut String) {
        for (name, value) in &self.env {
            out.push_str(name);
            out.push('=');
            push_quoted(out, value);
            out.push(' ');
        }
        for (at, word) in self.words.iter().enumerate() {
            if at > 0 {
                out.push(' ');
                push_quoted(out, word);
            } else if is_reserved(word) || word.contains('=') || word == "[[" {
                push_in_quotes(out, word);
            } else {
                push_quoted(out, word);
            }
        }
        match &self.input {
            Some(Input::File(path)) => {
                out.push_str(" < ");
                push_quoted(out, path);
            }
            Some(Input::Text(text)) => {
                out.push_str(" <<< ");
                push_quoted(out, text);
            }
            None => {}
        }
        if let Some(path) = &self.writes {
            out.push_str(" > ");
            push_quoted(out, path);
        }
    }
}

impl Normal {
    /// The key by which the same command is found whatever its cosmetics, directory, quoting and
    /// changing arguments.
    pub(crate) fn key(&self) -> String {
        self.render(Part::push_key)
    }

    /// The command with its real words, cosmetics removed: equal for the very same command. The
    /// directory is not in it (see [`Part::dir`]).
    pub(crate) fn exact(&self) -> String {
        self.render(Part::push_exact)
    }

    /// The heads of the parts.
    pub(crate) fn heads(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.head.as_str())
    }

    fn render(&self, push: impl Fn(&Part, &mut String)) -> String {
        let mut out = String::new();
        for part in &self.parts {
            if let Some(operator) = part.operator {
                out.push(' ');
                out.push_str(operator.as_str());
                out.push(' ');
            }
            push(part, &mut out);
        }
        out
    }
}

/// Reads `command`.
pub(crate) fn normalise(command: &str) -> Normal {
    let mut reader = Reader { dirs: vec![None], ..Reader::default() };
    reader.script(command, 0, Operator::Then);
    reader.finish()
}

/// A command before it is decided what is cosmetic.
struct Candidate {
    part: Part,
    joined: Operator,
    cosmetic: bool,
}

#[derive(Default)]
struct Reader {
    found: Vec<Candidate>,
    /// The directory in each open subshell; never empty.
    dirs: Vec<Option<String>>,
    pushed: Vec<Option<String>>,
    setup: Vec<String>,
    filtered: bool,
    prints_status: bool,
    /// The options that the script has set.
    options: Options,
}

/// Shell options that decide which status a script ends with.
#[derive(Clone, Copy, Default)]
struct Options {
    pipefail: bool,
    errexit: bool,
}

impl Reader {
    /// Reads `source`, whose first command is joined to what came before by `first`.
    fn script(&mut self, source: &str, depth: usize, first: Operator) {
        let mut next = Some(first);
        for item in parse(source) {
            match item {
                Item::Open => self.enter(),
                Item::Close => self.leave(),
                Item::Command(mut simple) => {
                    if let Some(operator) = next.take() {
                        simple.joined = operator;
                    }
                    self.command(simple, depth);
                }
            }
        }
    }

    fn enter(&mut self) {
        let current = self.dirs.last().cloned().flatten();
        self.dirs.push(current);
    }

    fn leave(&mut self) {
        if self.dirs.len() > 1 {
            self.dirs.pop();
        }
    }

    fn command(&mut self, mut simple: Simple, depth: usize) {
        if self.found.len() >= MAX_PARTS * 2 {
            return;
        }
        unwrap(&mut simple);
        if let Some((inner, subshell)) = inner_script(&simple).filter(|_| depth < MAX_DEPTH) {
            if subshell {
                self.enter();
            }
            self.script(&inner, depth + 1, simple.joined);
            if subshell {
                self.leave();
            }
            return;
        }
        if simple.words.is_empty() {
            self.assignment(simple, depth);
            return;
        }
        simple.words[0] = program_name(&simple.words[0]);
        self.change_directory(&simple.words);
        let dir = own_directory(&mut simple.words)
            .map(|own| join(self.dirs.last().and_then(Option::as_deref), &own))
            .or_else(|| self.dirs.last().cloned().flatten());
        let joined = simple.joined;
        let cosmetic = self.is_cosmetic(&simple);
        let part = build(simple, dir);
        self.note_setup(&part);
        self.found.push(Candidate { part, joined, cosmetic });
    }

    /// A line of assignments: the commands in its substitutions are what runs.
    fn assignment(&mut self, simple: Simple, depth: usize) {
        let mut ran = false;
        if depth < MAX_DEPTH {
            for (_, value) in &simple.env {
                let inner = value.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
                if let Some(inner) = inner.filter(|inner| !inner.starts_with('(')) {
                    self.enter();
                    self.script(inner, depth + 1, simple.joined);
                    self.leave();
                    ran = true;
                }
            }
        }
        if !ran {
            let mut words = vec!["export".to_owned()];
            words.extend(simple.env.into_iter().map(|(name, value)| format!("{name}={value}")));
            let part = build(Simple { words, env: Vec::new(), ..simple }, None);
            self.found.push(Candidate { part, joined: simple.joined, cosmetic: true });
        }
    }

    fn change_directory(&mut self, words: &[String]) {
        let current = self.dirs.last_mut().expect("never empty");
        let target = words.iter().skip(1).find(|word| !word.starts_with('-'));
        match (words[0].as_str(), target) {
            ("cd", Some(target)) => *current = Some(join(current.as_deref(), target)),
            ("pushd", Some(target)) => {
                self.pushed.push(current.clone());
                *current = Some(join(current.as_deref(), target));
            }
            ("popd", _) => *current = self.pushed.pop().flatten(),
            ("cd", None) if words.len() == 1 => *current = Some("~".to_owned()),
            _ => {}
        }
    }

    fn note_setup(&mut self, part: &Part) {
        if matches!(part.program.as_str(), "source" | "." | "export") && self.setup.len() < 8 {
            let mut text = String::new();
            part.push_exact(&mut text);
            self.setup.push(text);
        }
    }

    /// Whether `simple` changes nothing about what its script does.
    fn is_cosmetic(&mut self, simple: &Simple) -> bool {
        let program = simple.words[0].as_str();
        if program == "set" {
            self.options.pipefail |= simple.words.iter().any(|word| word == "pipefail");
            let errexit = |word: &String| word.starts_with('-') && word.contains('e');
            self.options.errexit |= simple.words.iter().any(errexit);
        }
        if matches!(program, "echo" | "printf" | "cat") && simple.output.is_some() {
            return false;
        }
        self.prints_status |= matches!(program, "echo" | "printf")
            && simple.words.iter().any(|word| word.contains("$?") || word.contains("PIPESTATUS"));
        if simple.joined == Operator::Pipe && is_filter(&simple.words) {
            self.filtered = true;
            return true;
        }
        matches!(
            program,
            "cd" | "pushd"
                | "popd"
                | "export"
                | "set"
                | "source"
                | "."
                | "echo"
                | "printf"
                | "sleep"
                | "true"
                | ":"
                | "false"
                | "["
                | "[["
                | "test"
                | "read"
                | "exit"
                | "return"
                | "unset"
                | "alias"
                | "shopt"
                | "trap"
                | "wait"
                | "ulimit"
                | "umask"
                | "hash"
                | "local"
                | "declare"
                | "break"
                | "continue"
                | "shift"
                | "clear"
        )
    }

    fn finish(self) -> Normal {
        let Self { found, setup, filtered, prints_status, options, .. } = self;
        let all_cosmetic = found.iter().all(|candidate| candidate.cosmetic);
        let status_hidden = hides_status(&found, options);
        let mut parts: Vec<Part> = Vec::new();
        let mut between: Option<Operator> = None;
        for Candidate { mut part, joined, cosmetic } in found {
            between = Some(between.map_or(joined, |before| looser(before, joined)));
            if cosmetic && !all_cosmetic {
                // What follows the alternative of `x || echo no` runs either way.
                if joined == Operator::Or {
                    between = Some(Operator::Then);
                }
                continue;
            }
            if parts.len() >= MAX_PARTS {
                break;
            }
            let operator = between.take().filter(|_| !parts.is_empty());
            part.operator = operator;
            parts.push(part);
        }
        Normal { parts, setup, filtered, status_hidden, prints_status }
    }
}

/// The operator that says least about how two commands depend on each other.
fn looser(a: Operator, b: Operator) -> Operator {
    let rank = |operator| match operator {
        Operator::Then => 4,
        Operator::Background => 3,
        Operator::Or => 2,
        Operator::And => 1,
        Operator::Pipe => 0,
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// Whether a command that matters can fail without the script's status saying so.
fn hides_status(found: &[Candidate], options: Options) -> bool {
    found.iter().enumerate().any(|(at, candidate)| {
        !candidate.cosmetic
            && found.get(at + 1).is_some_and(|next| match next.joined {
                Operator::And => false,
                Operator::Pipe => !options.pipefail,
                Operator::Then => !options.errexit,
                Operator::Or | Operator::Background => true,
            })
    })
}

fn build(simple: Simple, dir: Option<String>) -> Part {
    let Simple { env, mut words, input, output, .. } = simple;
    words.truncate(MAX_WORDS);
    words.iter_mut().for_each(shorten);
    let prints = matches!(words[0].as_str(), "echo" | "printf" | "cat");
    let input = input.map(|mut input| {
        match &mut input {
            Input::File(text) | Input::Text(text) => shorten(text),
        }
        input
    });
    let found = head(&words);
    let subcommands: Vec<&str> =
        found.words.iter().filter(|&&at| at > found.tool).map(|&at| words[at].as_str()).collect();
    let tool = &words[found.tool];
    let category = category(&words[found.tool..], tool, &subcommands);
    let template = template(&words, &found);
    let names: Vec<&str> = found.words.iter().map(|&at| shown(&words[at])).collect();
    Part {
        program: words[0].clone(),
        head: names.join(" "),
        template,
        dir,
        env: env
            .into_iter()
            .take(16)
            .map(|(name, mut value)| {
                shorten(&mut value);
                (name, value)
            })
            .collect(),
        operator: None,
        writes: output.filter(|_| prints),
        input,
        category,
        words,
    }
}

/// Whether `words`, behind a pipe, only cut down or reshape the output for reading.
fn is_filter(words: &[String]) -> bool {
    match words[0].as_str() {
        "head" | "tail" | "grep" | "egrep" | "fgrep" | "rg" | "less" | "more" | "cat" | "sort"
        | "uniq" | "wc" | "tee" | "cut" | "awk" | "gawk" | "sed" | "jq" | "tr" | "nl"
        | "column" | "fold" | "fmt" | "rev" | "tac" | "paste" | "strings" | "bat" | "ts" | "pr"
        | "xxd" => true,
        program if is_interpreter(program) => {
            words.get(1).is_some_and(|w| w == "-m")
                && words.get(2).is_some_and(|w| w == "json.tool")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heads(command: &str) -> Vec<String> {
        normalise(command).parts.into_iter().map(|part| part.head).collect()
    }

    #[test]
    fn cosmetics_are_dropped() {
        let same = [
            "go test ./... -run TestA",
            "cd /repo && go test ./... -run TestB 2>&1 | tail -30",
            "go test ./... -run 'TestC' || true",
            "set -e; go test  ./... -run \"TestD\"; echo done",
            "timeout 60 go test ./... -run TestE 2>/dev/null | grep -v ok | head",
            "(cd sub && go test ./... -run TestF)",
            "bash -c 'go test ./... -run TestG'",
            "sudo -u me time go test ./... -run TestH > /tmp/out.log",
            "export A=b && source x && go test ./... -run TestI",
            "go test ./... \\\n  -run TestJ # all",
            "/usr/local/go/bin/go test ./... -run TestK",
            "if go test ./... -run TestL; then echo ok; fi",
            "go test ./... -run TestM; echo \"exit: $?\"",
            "out=$(go test ./... -run TestN)",
        ];
        for command in same {
            assert_eq!(normalise(command).key(), "go test ./... -run <arg>", "{command}");
        }
    }

    #[test]
    fn parts_and_operators() {
        let cases: &[(&str, &[&str])] = &[
            (
                "git add -A && git commit -m \"$(cat <<'EOF'\nDon't\nEOF\n)\" && git push",
                &["git add", "git commit", "git push"],
            ),
            ("echo hi", &["echo"]),
            ("cd x", &["cd"]),
            ("cat a | head", &["cat"]),
            ("grep x f | wc -l", &["grep"]),
            ("ls | xargs rm", &["ls", "xargs"]),
            ("for f in *.go; do gofmt -l $f; done", &["gofmt"]),
            ("while ! curl -s x.test; do sleep 1; done", &["curl"]),
            ("npm run build & npm run dev", &["npm run build", "npm run dev"]),
            ("./node_modules/.bin/eslint .", &["eslint"]),
            ("./gradlew test", &["./gradlew test"]),
            ("./script.sh a", &["./script.sh a"]),
            (".//script.sh a", &["./script.sh a"]),
            ("A=1 env B=2 make lint", &["make lint"]),
            ("cat > f.txt <<'EOF'\nx | y\nEOF\nmake", &["cat", "make"]),
            ("python3 - <<'EOF'\nprint('a')\nEOF", &["python3"]),
            ("bash <<'EOF'\nnpm test\nEOF", &["npm test"]),
            ("[ -f x ] && make", &["make"]),
            ("", &[]),
        ];
        for (command, expected) in cases {
            assert_eq!(heads(command), *expected, "{command}");
        }
        let normal = normalise("a && echo x; b | tail && c || echo no && d");
        let operators: Vec<_> = normal.parts.iter().map(|part| part.operator).collect();
        let (and, then) = (Some(Operator::And), Some(Operator::Then));
        assert_eq!(operators, [None, then, and, then]);
    }

    #[test]
    fn directory_environment_and_status() {
        let dirs = |command: &str| -> Vec<Option<String>> {
            normalise(command).parts.into_iter().map(|part| part.dir).collect()
        };
        let some = |dir: &str| Some(dir.to_owned());
        assert_eq!(dirs("cd a && x && cd b/ && y"), [some("a"), some("a/b")]);
        assert_eq!(dirs("(cd a; x); y"), [some("a"), None]);
        assert_eq!(dirs("git -C /r status && make -C sub"), [some("/r"), some("sub")]);
        assert_eq!(dirs("npm --prefix web run lint"), [some("web")]);
        assert_eq!(dirs("pushd a; x; popd; y"), [some("a"), None]);
        assert_eq!(normalise("git -C /r status").key(), "git status");
        assert_eq!(dirs("git -C /r -C sub -C ./ status"), [some("/r/sub")]);

        let normal = normalise("CI=1 FOO='a b' npm test");
        assert_eq!(normal.parts[0].env_names().collect::<Vec<_>>(), ["CI", "FOO"]);
        assert_eq!(normal.key(), "CI= FOO= npm test");
        assert_eq!(normal.exact(), "CI=1 FOO='a b' npm test");
        let venv = normalise("source .venv/bin/activate && x");
        assert_eq!(venv.setup, ["source .venv/bin/activate"]);

        for hidden in ["a | tail", "a || true", "a; echo $?", "a & b", "a; b"] {
            assert!(normalise(hidden).status_hidden, "{hidden}");
        }
        for shown in ["a", "a && b", "cd x; a", "set -o pipefail; a | tail", "set -e; a; b"] {
            assert!(!normalise(shown).status_hidden, "{shown}");
        }
    }

    #[test]
    fn exact_keeps_real_words() {
        let cases = [
            ("cd /r && go test ./x   -run 'A|B' 2>&1 | tail", "go test ./x -run 'A|B'"),
            (r"echo 'it'\''s'", r"echo 'it'\''s'"),
            ("psql db < dump.sql", "psql db < dump.sql"),
            ("echo a > b", "echo a > b"),
            ("x $(date) \"$HOME/y\"", "x '$(date)' '$HOME/y'"),
        ];
        for (command, expected) in cases {
            assert_eq!(normalise(command).exact(), expected, "{command}");
        }
        let long = format!("x '{}'", "é".repeat(5_000));
        assert!(normalise(&long).exact().len() < 500);
        let longer = format!("x '{}'", "é".repeat(5_001));
        assert_ne!(normalise(&long).exact(), normalise(&longer).exact());
    }

    #[test]
    fn directories_are_taken_out_whole_or_not_at_all() {
        for command in ["git -C", "git -C ''", "git -C '' -C", "git -C -C ''", "git -C a -C ''"] {
            let normal = normalise(command);
            let again = normalise(&normal.exact());
            assert_eq!(again.exact(), normal.exact(), "{command}");
            assert_eq!(again.key(), normal.key(), "{command}");
        }
        assert_eq!(normalise("git -C '' -C").exact(), "git -C");
    }

    proptest! {
        #[test]
        fn never_panics_and_is_stable(command in "\\PC{0,60}") {
            let normal = normalise(&command);
            let again = normalise(&normal.exact());
            prop_assert_eq!(again.exact(), normal.exact());
            prop_assert_eq!(again.key(), normal.key());
        }

        #[test]
        fn shell_like_text_is_stable(
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..14)
        ) {
            let command = pieces.concat();
            let normal = normalise(&command);
            let again = normalise(&normal.exact());
            prop_assert_eq!(again.exact(), normal.exact());
            prop_assert_eq!(again.key(), normal.key());
        }

        #[test]
        fn cosmetics_do_not_change_the_key(
            command in "(git|npm run|make|cargo|mytool) [a-z]{1,8}( -[a-z]{1,3}| [a-z/]{1,9}){0,4}",
            dir in "[a-z/]{1,9}",
        ) {
            let key = normalise(&command).key();
            for dressed in [
                format!("cd {dir} && {command}"),
                format!("{command} 2>&1 | tail -5"),
                format!("{command} || true"),
                format!("echo start; {command}; echo $?"),
                format!("  {command} > /dev/null # note"),
                format!("bash -lc '{command}'"),
                format!("( {command} )"),
            ] {
                prop_assert_eq!(&normalise(&dressed).key(), &key, "{}", dressed);
            }
        }
    }

    /// What makes shell text interesting.
    const PIECES: &[&str] = &[
        "cd ", "git ", "-C ", "npm ", "run ", "a", "/", "é", " ", " ", "\n", "\\", "'", "\"", "$",
        "`", "(", ")", "{", "}", "<", ">", "&&", "||", "|", ";", "=", "#", "if ", "case ", "EOF",
        "echo ", "bash ", "-c ", "env ", "A=1", "[[ ", "1", " in ", "sudo ", "<<", "eval ", "cat ",
    ];
}
