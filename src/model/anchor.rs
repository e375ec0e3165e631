//! What a pattern's text hangs on: the files, scripts and programs without which it says nothing.
//! Hot.
//!
//! Only what can be told from the words alone: whether it is there is the caller's business. What
//! is doubtful is no anchor: a pattern that is said in vain costs a line, one that is not said
//! may cost a failed call.

use serde::Deserialize;

use super::invocation;
use super::paths;
use super::pattern::{Kind, Pattern};
use super::shell::{Category, Part, normalise};

/// One thing that has to be there, or must not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Anchor {
    /// The path, relative to the project, exists.
    Exists(String),
    /// The path, relative to the project, does not exist.
    Absent(String),
    /// The path, relative to where commands are run, exists.
    Reached(String),
    /// The nearest `package.json` above `folder` has a script of that name.
    Script {
        /// Relative to where commands are run; empty for that folder itself.
        folder: String,
        /// The script.
        name: String,
        /// Whether an installed program of that name would do as well.
        or_program: bool,
    },
    /// The makefile in `folder` has a target of that name.
    Target {
        /// See [`Anchor::Script`].
        folder: String,
        /// The target.
        name: String,
    },
    /// A program of that name is installed.
    Program(String),
}

/// What has to hold for `pattern` to be worth saying. What failed is no part of it: that it is not
/// there may be the very mistake.
pub(crate) fn of_pattern(pattern: &Pattern) -> Vec<Anchor> {
    let payload = &pattern.payload;
    let mut anchors = Vec::new();
    match pattern.kind {
        Kind::Path => {
            anchors.extend(in_project(&pattern.trigger).map(Anchor::Absent));
            anchors.extend(payload.files.iter().filter_map(|f| in_project(f)).map(Anchor::Exists));
        }
        Kind::Fix => {
            anchors.extend(payload.files.iter().filter_map(|f| in_project(f)).map(Anchor::Exists));
            if !invocation::is_named(&pattern.tool) {
                of_commands(&payload.remedy, &mut anchors);
            }
        }
        Kind::Recipe => of_commands(&payload.commands, &mut anchors),
        Kind::Pitfall | Kind::Decision | Kind::Episode | Kind::Skill => {}
    }
    anchors
}

/// The path when it is a plain one inside the project.
fn in_project(path: &str) -> Option<String> {
    (paths::is_inside(path) && is_plain(path)).then(|| path.to_owned())
}

/// The anchors of commands that are run one after the other, up to the first that may make what
/// the later ones need.
fn of_commands(commands: &[String], anchors: &mut Vec<Anchor>) {
    for command in commands {
        let command = command.trim_matches('`');
        if command.starts_with("a change of ") {
            return;
        }
        let command = command.strip_prefix("cd <project root> && ").unwrap_or(command);
        for part in &normalise(command).parts {
            of_part(part, anchors);
            if may_make(part) {
                return;
            }
        }
    }
}

/// Whether running it may bring about what was not there.
fn may_make(part: &Part) -> bool {
    use Category::{Format, Lint, Search, Test, TypeCheck};
    !matches!(part.category(), Test | Lint | TypeCheck | Format | Search)
}

fn of_part(part: &Part, anchors: &mut Vec<Anchor>) {
    let folder = match part.dir.as_deref() {
        None | Some(".") => "",
        // Where it runs, nobody knows.
        Some(dir) if !is_reachable(dir) => return,
        Some(dir) => dir.trim_start_matches("./").trim_end_matches('/'),
    };
    if !folder.is_empty() {
        anchors.push(Anchor::Reached(folder.to_owned()));
    }
    let words: Vec<&str> = part.words.iter().skip(1).map(String::as_str).collect();
    let program = part.program.as_str();
    if program.contains('/') {
        anchors.extend(script(folder, program).filter(|_| is_kept(program)));
        return;
    }
    match program {
        "npm" | "yarn" | "pnpm" | "bun" => anchors.extend(package_script(folder, program, &words)),
        "make" | "gmake" => anchors.extend(targets(folder, &words)),
        _ => anchors.extend(interpreted(program, &words).and_then(|file| script(folder, file))),
    }
    if is_program(program) {
        anchors.push(Anchor::Program(program.to_owned()));
    }
}

/// The script at `path` as seen from `folder`, where it is one that stays.
fn script(folder: &str, path: &str) -> Option<Anchor> {
    is_reachable(path).then(|| {
        let path = path.trim_start_matches("./");
        Anchor::Reached(if folder.is_empty() { path.into() } else { format!("{folder}/{path}") })
    })
}

/// Whether a path lies where a command can be expected to find it at any time: inside the project,
/// and not among what is built or installed anew.
fn is_reachable(path: &str) -> bool {
    const MADE: &[&str] = &[
        "target",
        "build",
        "_build",
        ".build",
        "dist",
        "out",
        "bin",
        "obj",
        "venv",
        ".venv",
        "env",
        "vendor",
        ".next",
        ".nuxt",
        ".tox",
        ".cache",
        "coverage",
        "tmp",
        "temp",
        "generated",
    ];
    let path = path.trim_start_matches("./");
    paths::is_inside(path) && is_plain(path) && !path.split('/').any(|part| MADE.contains(&part))
}

/// Whether a program that is named by its path is kept with the sources, as a bare `./name` that a
/// build made is not.
fn is_kept(program: &str) -> bool {
    let path = program.trim_start_matches("./");
    let name = paths::name(path);
    path.contains('/') || name.contains('.') || ["gradlew", "mvnw", "configure"].contains(&name)
}

/// The file that an interpreter runs.
fn interpreted<'a>(program: &str, words: &[&'a str]) -> Option<&'a str> {
    let options: &[&str] = match program {
        "bash" | "sh" | "zsh" => &["-e", "-x", "-u", "-ex", "-eu", "-eux"],
        "python" | "python3" => &["-u", "-B"],
        "node" | "tsx" | "ts-node" | "ruby" | "perl" | "php" => &[],
        _ => return None,
    };
    let file = words.iter().find(|word| !options.contains(*word))?;
    (!file.starts_with('-') && paths::name(file).contains('.')).then_some(*file)
}

/// The script of `package.json` that a package manager is asked for.
fn package_script(folder: &str, program: &str, words: &[&str]) -> Option<Anchor> {
    const ELSEWHERE: &[&str] =
        &["-w", "-ws", "-F", "-r", "-C", "--if-present", "--cwd", "--prefix"];
    let elsewhere = |word: &&&str| {
        ELSEWHERE.contains(word)
            || ["--workspace", "--filter", "--recursive"].iter().any(|o| word.starts_with(o))
    };
    if words.iter().any(|word| elsewhere(&word)) {
        return None;
    }
    let ((_, ["run" | "run-script", name, ..]) | ("npm" | "yarn" | "pnpm", [name @ "test", ..])) =
        (program, words)
    else {
        return None;
    };
    let or_program = matches!(program, "yarn" | "bun");
    let plain = !name.starts_with('-') && is_plain(name) && !name.contains(['/', '.']);
    plain.then(|| Anchor::Script { folder: folder.into(), name: (*name).into(), or_program })
}

/// The targets that `make` is asked for; none when an option says something about the makefile.
fn targets(folder: &str, words: &[&str]) -> Vec<Anchor> {
    let harmless = |word: &str| matches!(word, "-s" | "-k" | "-B" | "-n") || word.starts_with("-j");
    if words.iter().any(|word| word.starts_with('-') && !harmless(word)) {
        return Vec::new();
    }
    let named = words.iter().filter(|word| is_target(word));
    named.map(|name| Anchor::Target { folder: folder.into(), name: (*name).into() }).collect()
}

/// Whether a word is a target that only a rule of its own can make.
fn is_target(word: &str) -> bool {
    !word.starts_with('-')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:".contains(&b))
        && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether a word means itself: no pattern, no placeholder, not cut.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && !word.contains(['*', '?', '$', '<', '>', '{', '[', '`', '…', '\'', '"', '\\'])
}

/// Whether it is the name of a program rather than something that the shell knows by itself, or a
/// script whose folder is not known.
fn is_program(name: &str) -> bool {
    const SHELL: &[&str] = &[
        "alias", "bg", "break", "builtin", "case", "cd", "command", "continue", "declare", "dirs",
        "disown", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec", "exit",
        "export", "false", "fg", "fi", "for", "function", "getopts", "hash", "help", "history",
        "if", "jobs", "kill", "let", "local", "popd", "printf", "pushd", "pwd", "read", "readonly",
        "return", "select", "set", "shift", "shopt", "source", "test", "then", "time", "times",
        "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait",
        "while",
    ];
    name.len() > 1
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+".contains(&b))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !SHELL.contains(&name)
}

/// The part of `package.json` that matters.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    scripts: serde_json::Map<String, serde_json::Value>,
}

/// Whether the `package.json` with this text has the script; `None` when the text is none.
pub(crate) fn has_script(manifest: &str, name: &str) -> Option<bool> {
    let manifest: Manifest = serde_json::from_str(manifest).ok()?;
    Some(manifest.scripts.contains_key(name))
}

/// Whether the makefile with this text has a rule for the target; `None` when that cannot be told,
/// because rules come from elsewhere or are made by patterns or functions.
pub(crate) fn has_target(makefile: &str, name: &str) -> Option<bool> {
    let mut certain = true;
    for line in makefile.lines().filter(|line| !line.starts_with(['\t', '#'])) {
        let line = line.trim_start();
        let first = line.split_whitespace().next().unwrap_or_default();
        certain &= !matches!(first, "include" | "-include" | "sinclude" | "define" | "load")
            && !line.starts_with("$(");
        let Some((targets, rest)) = line.split_once(':') else { continue };
        // A colon may be part of a target's name.
        let own = targets.split_whitespace().any(|target| target == name)
            || line.strip_prefix(name).is_some_and(|after| after.trim_start().starts_with(':'));
        // `name := value` sets a variable.
        if own && !rest.starts_with('=') && !rest.starts_with(":=") {
            return Some(true);
        }
        certain &=
            rest.starts_with('=') || targets.contains('=') || !targets.contains(['%', '$', '\\']);
    }
    certain.then_some(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::PatternId;
    use crate::model::pattern::{Effect, Payload, State, Tally};

    fn pattern(kind: Kind, trigger: &str, payload: Payload) -> Pattern {
        Pattern {
            row: 1,
            id: PatternId::derive("x", "p", trigger, ""),
            kind,
            project: Some(1),
            tool: String::new(),
            category: String::new(),
            trigger: trigger.into(),
            text: String::new(),
            payload,
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }

    /// Anchors in short: `file`, `!absent`, `@reached`, `folder#script`, `folder:target`, `$program`.
    fn short(anchors: &[Anchor]) -> String {
        let one = |anchor: &Anchor| match anchor {
            Anchor::Exists(path) => path.clone(),
            Anchor::Absent(path) => format!("!{path}"),
            Anchor::Reached(path) => format!("@{path}"),
            Anchor::Script { folder, name, or_program } => {
                format!("{folder}#{name}{}", if *or_program { "?" } else { "" })
            }
            Anchor::Target { folder, name } => format!("{folder}:{name}"),
            Anchor::Program(name) => format!("${name}"),
        };
        anchors.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn of(kind: Kind, commands: &[&str], files: &[&str]) -> String {
        let texts = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut payload = Payload { files: texts(files), ..Payload::default() };
        match kind {
            Kind::Fix => payload.remedy = texts(commands),
            _ => payload.commands = texts(commands),
        }
        short(&of_pattern(&pattern(kind, "src/old.rs", payload)))
    }

    #[test]
    fn commands_hang_on_what_they_run() {
        let cases = [
            ("cargo test --lib", "$cargo"),
            ("./scripts/x.sh --all", "@scripts/x.sh"),
            ("scripts/check", "@scripts/check"),
            ("./gradlew build", "@gradlew"),
            ("bash -eu tools/x.sh a", "@tools/x.sh $bash"),
            ("python tools/y.py", "@tools/y.py $python"),
            ("python -m pytest", "$python"),
            ("python manage.py migrate", "@manage.py $python"),
            ("node src/index", "$node"),
            ("node -e 'x.y'", "$node"),
            ("cd web && npm run build", "@web web#build $npm"),
            ("cd web && ./check.sh", "@web @web/check.sh"),
            ("npm test", "#test $npm"),
            ("npm run lint -- --fix", "#lint $npm"),
            ("npm run lint -w web", "$npm"),
            ("npm install", "$npm"),
            ("pnpm lint", "$pnpm"),
            ("pnpm --filter web run lint", "$pnpm"),
            ("yarn run jest", "#jest? $yarn"),
            ("bun run lint", "#lint? $bun"),
            ("bun run tools/x.ts", "$bun"),
            ("make e2e lint-all", ":e2e :lint-all $make"),
            ("make -j4 e2e V=1", ":e2e $make"),
            ("make -f other.mk e2e", "$make"),
            ("make out.bin", "$make"),
            // Made or installed anew, outside the project, or not to be told.
            ("./target/debug/x", ""),
            ("./server --port 1", ""),
            ("node dist/x.js", "$node"),
            ("/opt/x/run.sh", ""),
            ("bash ~/x.sh", "$bash"),
            ("bash <path>", "$bash"),
            ("bash $HOME/x.sh", "$bash"),
            ("cd ../other && ./x.sh", ""),
            // What the first one makes, the second one may need.
            ("npm run build && ./scripts/x.sh", "#build $npm"),
            ("npm test && ./scripts/x.sh", "#test $npm @scripts/x.sh"),
            ("cd <project root> && make e2e", ":e2e $make"),
            ("export A=b", ""),
        ];
        for (command, expected) in cases {
            assert_eq!(of(Kind::Recipe, &[command], &[]), expected, "{command}");
            assert_eq!(of(Kind::Fix, &[command], &[]), expected, "{command}");
        }
    }

    #[test]
    fn patterns_hang_on_their_files() {
        let right = &["lib/new.rs"];
        assert_eq!(of(Kind::Path, &[], right), "!src/old.rs lib/new.rs");
        assert_eq!(of(Kind::Path, &[], &["~/web/new.rs"]), "!src/old.rs");
        assert_eq!(
            of(Kind::Fix, &["`npm ci`", "a change of lib/new.rs"], right),
            "lib/new.rs $npm"
        );
        assert_eq!(of(Kind::Fix, &["a change of lib/new.rs", "`./x.sh`"], right), "lib/new.rs");
        // What fails is no anchor: that it is missing may be the mistake.
        for kind in [Kind::Pitfall, Kind::Decision, Kind::Episode] {
            assert_eq!(of(kind, &["./scripts/x.sh"], right), "", "{kind}");
        }
    }

    #[test]
    fn scripts_stand_in_the_manifest() {
        let manifest = r#"{"name": "x", "scripts": {"test": "jest", "lint:all": "eslint ."}}"#;
        for (manifest, name, expected) in [
            (manifest, "test", Some(true)),
            (manifest, "lint:all", Some(true)),
            (manifest, "lint", Some(false)),
            (r#"{"name": "x"}"#, "test", Some(false)),
            (r#"{"scripts": 1}"#, "test", None),
            ("{ // no JSON", "test", None),
        ] {
            assert_eq!(has_script(manifest, name), expected, "{name} in {manifest}");
        }
    }

    #[test]
    fn targets_stand_in_the_makefile() {
        let plain = "CC := gcc\nall: build\n\nbuild lint: dep\n\tcc -o x\n\ttest: no rule\n";
        for (makefile, name, expected) in [
            (plain, "all", Some(true)),
            (plain, "lint", Some(true)),
            (plain, "test", Some(false)),
            (plain, "CC", Some(false)),
            (".PHONY: e2e\ne2e :\n\tx", "e2e", Some(true)),
            ("db:up:\n\tx", "db:up", Some(true)),
            ("include rules.mk\nall:", "e2e", None),
            ("test-%:\n\tx", "test-a", None),
            ("$(TARGETS):\n\tx", "a", None),
            ("$(eval $(call rule,a))", "a", None),
            ("VERSION ?= $(shell git describe)\nX = a:b\nall:", "e2e", Some(false)),
            ("", "e2e", Some(false)),
        ] {
            assert_eq!(has_target(makefile, name), expected, "{name} in {makefile}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(command in "[a-z ./&|$<>'\"`é…-]{0,40}", name in "[a-z:.$%]{0,8}") {
            let mut anchors = Vec::new();
            of_commands(std::slice::from_ref(&command), &mut anchors);
            has_script(&command, &name);
            has_target(&command, &name);
        }
    }
}
