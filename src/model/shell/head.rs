//! Which words of a command say what it does: the program and its subcommands. Hot.

/// Runners inside each other that are followed (`mise exec -- npx tsc`).
const MAX_RUNNERS: usize = 4;

/// The words that make a command's head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// Indices of the head's words, ascending.
    pub(super) words: Vec<usize>,
    /// Index in the command's words of the tool that does the work: behind `npx`, `uv run`, ...
    pub(super) tool: usize,
}

/// How a program's subcommands are written.
struct Shape {
    /// Subcommand words that belong to the head.
    depth: usize,
    /// First subcommands that take one more word.
    nested: &'static [&'static str],
    /// Options before the subcommand that take the next word as value.
    values: &'static [&'static str],
    /// Whether the last word is a script or target name, which may hold `/`, `.` and `@`.
    named: bool,
}

/// A program whose next words are another command.
struct Runner {
    program: &'static str,
    /// The subcommand that makes it one; empty when the program alone does.
    subcommand: &'static str,
    /// Options that take the next word as value.
    values: &'static [&'static str],
}

const fn runner(
    program: &'static str,
    subcommand: &'static str,
    values: &'static [&'static str],
) -> Runner {
    Runner { program, subcommand, values }
}

const RUNNERS: &[Runner] = &[
    runner("npx", "", &["-p", "--package"]),
    runner("bunx", "", &["-p", "--package"]),
    runner("pnpx", "", &[]),
    runner("uvx", "", &["--from", "--with", "-p", "--python"]),
    runner("rtk", "test", &[]),
    runner("rtk", "lint", &[]),
    runner("rtk", "err", &[]),
    runner("rtk", "proxy", &[]),
    runner("rtk", "", &[]),
    runner("xvfb-run", "", &["-s", "-n"]),
    runner("dotenv", "", &["-e", "-c"]),
    runner("dotenvx", "run", &["-f"]),
    runner("cross-env", "", &[]),
    runner("fvm", "", &[]),
    runner("rustup", "run", &[]),
    runner("npm", "exec", &["-p", "--package"]),
    runner("pnpm", "exec", &[]),
    runner("pnpm", "dlx", &[]),
    runner("yarn", "exec", &[]),
    runner("yarn", "dlx", &[]),
    runner("bun", "x", &[]),
    runner("uv", "run", &["--with", "--extra", "--group", "-p", "--python", "--package"]),
    runner("poetry", "run", &[]),
    runner("pdm", "run", &[]),
    runner("rye", "run", &[]),
    runner("hatch", "run", &[]),
    runner("pipenv", "run", &[]),
    runner("pipx", "run", &["--spec"]),
    runner("bundle", "exec", &[]),
    runner("mise", "exec", &[]),
    runner("mise", "x", &[]),
    runner("asdf", "exec", &[]),
    runner("direnv", "exec", &[]),
    runner("devbox", "run", &[]),
    runner("python", "-m", &[]),
    runner("python3", "-m", &[]),
    runner("py", "-m", &[]),
];

/// Options of package managers that take a value and may stand before the subcommand.
const PACKAGE_VALUES: &[&str] =
    &["--filter", "-F", "--prefix", "--cwd", "--dir", "-C", "-w", "--workspace"];

/// Programs that take no subcommand: their first word is an argument.
#[rustfmt::skip]
const PLAIN: &[&str] = &[
    "awk", "command", "basename", "base64", "cat", "chmod", "chown", "cksum", "cmp", "comm", "cp",
    "curl", "cut", "date", "dd", "df", "diff", "dig", "dirname", "du", "echo", "egrep", "expr",
    "export", "fd", "fgrep", "file", "find", "fold", "gawk", "grep", "gunzip", "gzip", "head",
    "host", "hostname", "id", "install", "jq", "kill", "killall", "less", "ln", "locate", "ls",
    "lsof", "md5sum", "mkdir", "mktemp", "more", "mv", "nc", "nl", "node", "nproc", "od", "paste",
    "patch", "pgrep", "ping", "pkill", "printenv", "printf", "ps", "pwd", "readlink", "realpath",
    "rg", "rm", "rmdir", "rsync", "scp", "sed", "seq", "sha256sum", "shasum", "shuf", "sleep",
    "sort", "source", "split", "ssh", "stat", "strings", "tac", "tail", "tar", "tee", "test",
    "touch", "tr", "tree", "type", "uname", "uniq", "unzip", "vi", "vim", "wc", "wget", "which",
    "who", "whoami", "xargs", "xxd", "yes", "yq", "zcat", "zip", "eslint", "prettier", "pytest",
    "ruff-format", "mypy", "black", "flake8", "isort", "pylint", "tsc", "jest", "mocha", "rubocop",
    "rspec", "shellcheck", "shfmt", "gofmt", "goimports", "clang-format", "rustfmt", "psql",
    "mysql", "sqlite3", "redis-cli", "mongosh", "claude", "open", "code", "[", "[[", ".", "cd",
    "pushd", "set", "read",
];

/// Programs whose first argument is the script they run.
pub(super) fn is_interpreter(program: &str) -> bool {
    matches!(
        program,
        "python"
            | "python3"
            | "py"
            | "node"
            | "bash"
            | "sh"
            | "zsh"
            | "ruby"
            | "perl"
            | "php"
            | "tsx"
            | "ts-node"
            | "Rscript"
            | "lua"
            | "julia"
            | "elixir"
            | "osascript"
    )
}

/// How `program` spells its subcommands; `None` when its first word is an argument.
fn shape(program: &str) -> Option<Shape> {
    let nested = |nested, values| Shape { depth: 1, nested, values, named: false };
    let named = |depth, nested, values| Shape { depth, nested, values, named: true };
    Some(match program {
        "git" => nested(
            &[
                "stash",
                "remote",
                "worktree",
                "submodule",
                "bisect",
                "lfs",
                "notes",
                "sparse-checkout",
            ],
            &["-C", "-c", "--git-dir", "--work-tree", "--namespace"],
        ),
        "cargo" => nested(&["nextest", "llvm-cov", "xtask", "deny", "fuzz"], &["--config", "-Z"]),
        "npm" => named(1, &["run", "run-script"], PACKAGE_VALUES),
        "pnpm" => named(1, &["run", "store"], PACKAGE_VALUES),
        "yarn" => named(1, &["run", "workspaces", "workspace"], PACKAGE_VALUES),
        "bun" => named(1, &["run", "pm"], PACKAGE_VALUES),
        "deno" => named(1, &["task"], &[]),
        "make" | "gmake" | "just" | "rake" | "invoke" | "ninja" => {
            named(1, &[], &["-C", "-f", "-j", "--directory", "--file", "--justfile", "-d"])
        }
        "task" | "turbo" | "nx" | "lerna" | "moon" | "grunt" | "gulp" => {
            named(1, &["run", "run-many", "affected"], &["-t", "-d", "--dir"])
        }
        "mise" => named(1, &["run", "r", "tasks"], &["-C", "--cd", "-E", "--env"]),
        "composer" | "hatch" | "pdm" | "rye" | "pipenv" => named(1, &["run"], &[]),
        "go" => nested(&["mod", "tool", "work"], &["-C"]),
        "docker" | "podman" => nested(
            &["compose", "image", "container", "volume", "network", "buildx", "system", "context"],
            &["-H", "--context", "-f", "--file", "-p", "--project-name", "--profile", "--env-file"],
        ),
        "docker-compose" => nested(&[], &["-f", "--file", "-p", "--profile", "--env-file"]),
        "kubectl" | "oc" => Shape {
            depth: 2,
            nested: &[],
            values: &["-n", "--namespace", "--context", "--kubeconfig"],
            named: false,
        },
        "gh" | "glab" => nested(
            &[
                "pr",
                "issue",
                "repo",
                "run",
                "release",
                "workflow",
                "auth",
                "secret",
                "gist",
                "label",
                "variable",
                "cache",
                "project",
                "extension",
                "ruleset",
                "search",
                "mr",
                "ci",
                "config",
            ],
            &["-R", "--repo"],
        ),
        "aws" | "az" | "heroku" | "flyctl" | "fly" | "vercel" | "supabase" | "wrangler" => {
            Shape { depth: 2, nested: &[], values: &["--profile", "--region"], named: false }
        }
        "gcloud" => Shape { depth: 3, nested: &[], values: &["--project"], named: false },
        "gradle" | "./gradlew" | "gradlew" | "mvn" | "./mvnw" | "mvnw" | "sbt" | "ant" => {
            named(2, &[], &["-p", "-f", "-pl", "--project-dir"])
        }
        "dotnet" => nested(&["ef", "nuget", "tool"], &[]),
        "swift" => nested(&["package"], &[]),
        "flutter" | "dart" => nested(&["pub", "build"], &[]),
        "uv" => nested(&["pip", "tool", "python", "cache"], &["--directory", "--project"]),
        "rustup" => nested(&["component", "target", "toolchain", "override"], &[]),
        "zig" => nested(&["build"], &[]),
        "nix" => nested(&["flake", "store", "profile"], &[]),
        "mix" => named(1, &[], &[]),
        "prisma" | "alembic" | "rails" | "ip" | "op" | "bd" | "pulumi" => {
            nested(&["migrate", "db"], &[])
        }
        _ if PLAIN.contains(&program) || is_interpreter(program) => return None,
        _ => nested(&[], &[]),
    })
}

/// The head of `words`, whose first word is the program's name without its path.
pub(super) fn head(words: &[String]) -> Head {
    let mut indices = vec![0];
    let mut tool = 0;
    for _ in 0..MAX_RUNNERS {
        let Some(inner) = run_by(words, tool, &mut indices) else { break };
        indices.push(inner);
        tool = inner;
    }
    let Some(program) = words.get(tool) else { return Head { words: indices, tool: 0 } };
    match shape(program) {
        Some(shape) => subcommands(words, tool, &shape, &mut indices),
        None if is_interpreter(program) => {
            let next = words.get(tool + 1);
            if next.is_some_and(|word| !word.starts_with('-') && is_script(word)) {
                indices.push(tool + 1);
            }
        }
        None => {}
    }
    Head { words: indices, tool }
}

/// Where the command that `words[at]` runs starts, when it is a runner. Its subcommand is added
/// to `indices`.
fn run_by(words: &[String], at: usize, indices: &mut Vec<usize>) -> Option<usize> {
    let program = words.get(at)?.as_str();
    let next = words.get(at + 1).map(String::as_str);
    let runner = RUNNERS.iter().find(|runner| {
        runner.program == program
            && (runner.subcommand.is_empty() || next == Some(runner.subcommand))
    })?;
    let start = at + if runner.subcommand.is_empty() { 1 } else { 2 };
    let inner = skip_options(words, start, runner.values);
    let inner = if program == "direnv" { inner + 1 } else { inner };
    let word = words.get(inner)?;
    if !word.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    if !runner.subcommand.is_empty() {
        indices.push(at + 1);
    }
    Some(inner)
}

/// The first index from `at` on that is no option, no option's value and no assignment.
fn skip_options(words: &[String], mut at: usize, values: &[&str]) -> usize {
    while let Some(word) = words.get(at) {
        if values.contains(&word.as_str()) {
            at += 2;
        } else if word.starts_with(['-', '+']) || (word.contains('=') && !word.contains('/')) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

fn subcommands(words: &[String], tool: usize, shape: &Shape, indices: &mut Vec<usize>) {
    let (mut at, mut left) = (tool, shape.depth);
    while left > 0 {
        at = skip_options(words, at + 1, shape.values);
        let Some(word) = words.get(at) else { return };
        let fits = if shape.named { is_name(word) } else { is_subcommand(word) };
        if !fits {
            return;
        }
        indices.push(at);
        left -= 1;
        if shape.nested.contains(&word.as_str()) && left == 0 && indices.len() < 8 {
            left = if word == "workspace" { 2 } else { 1 };
        }
        if matches!(word.as_str(), "run" | "run-script" | "task" | "r") && shape.named {
            // What follows is a script's name, never a further level.
            left = left.min(1);
        }
    }
}

/// Whether `word` looks like a bare subcommand.
fn is_subcommand(word: &str) -> bool {
    word.len() <= 40
        && word.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b":_-".contains(&b))
}

/// Whether `word` may be the name of a script, task or target.
fn is_name(word: &str) -> bool {
    word.len() <= 60
        && word.as_bytes().first().is_some_and(|b| b.is_ascii_alphabetic() || b":@".contains(b))
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || b":_-./@".contains(&b))
}

/// Whether `word` names a file to run.
fn is_script(word: &str) -> bool {
    word.len() <= 200 && !word.contains(|c: char| c.is_whitespace() || "$`*{(".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_known_and_unknown_tools() {
        let cases = [
            ("git commit -m x", "git commit"),
            ("git -c a=b stash pop", "git stash pop"),
            ("npm run lint", "npm run lint"),
            ("npm test", "npm test"),
            ("pnpm --filter web run test:e2e", "pnpm run test:e2e"),
            ("yarn workspace web build", "yarn workspace web build"),
            ("bun run lint", "bun run lint"),
            ("bun test src/", "bun test"),
            ("cargo +nightly test foo", "cargo test"),
            ("go test ./...", "go test"),
            ("go mod tidy", "go mod tidy"),
            ("docker compose -f x.yml up -d", "docker compose up"),
            ("python -m pytest -q", "python -m pytest"),
            ("python3 -m pip install x", "python3 -m pip install"),
            ("python scripts/gen.py --all", "python scripts/gen.py"),
            ("mise run lint", "mise run lint"),
            ("mise exec -- go test ./x", "mise exec go test"),
            ("gh pr checks 12", "gh pr checks"),
            ("gh api repos/x/y", "gh api"),
            ("kubectl -n x get pods web-1", "kubectl get pods"),
            ("npx -y tsc --noEmit", "npx tsc"),
            ("uv run --with x pytest tests", "uv run pytest"),
            ("rtk bun run test", "rtk bun run test"),
            ("rtk test bun run test", "rtk test bun run test"),
            ("command -v go", "command"),
            ("make -j 4 lint", "make lint"),
            ("./gradlew :app:test", "./gradlew :app:test"),
            ("ls src", "ls"),
            ("grep foo bar", "grep"),
            ("mytool sync --all", "mytool sync"),
            ("mytool /tmp/x", "mytool"),
            ("mytool 12", "mytool"),
        ];
        for (source, expected) in cases {
            let words: Vec<String> = source.split(' ').map(str::to_owned).collect();
            let found = head(&words);
            let text: Vec<_> = found.words.iter().map(|&at| words[at].as_str()).collect();
            assert_eq!(text.join(" "), expected, "{source}");
        }
    }
}
