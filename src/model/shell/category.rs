//! What a command is for. Hot.

/// The purpose of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub(crate) enum Category {
    /// Runs tests.
    Test,
    /// Compiles or bundles.
    Build,
    /// Checks style or finds mistakes without changing files.
    Lint,
    /// Rewrites files into their style.
    Format,
    /// Checks types only.
    TypeCheck,
    /// Starts the program or a script.
    Run,
    /// Fetches dependencies or tools.
    Install,
    /// Publishes or deploys.
    Release,
    /// Version control and its hosting service.
    Vcs,
    /// Looks for text or files.
    Search,
    /// Reads, lists, moves or changes files.
    Files,
    /// Talks to a server.
    Network,
    /// Talks to a database or changes its schema.
    Database,
    /// Containers and clusters.
    Container,
    /// None of these.
    Other,
}

impl Category {
    /// The category's name: stable, lower-case, for storage and display.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Build => "build",
            Self::Lint => "lint",
            Self::Format => "format",
            Self::TypeCheck => "typecheck",
            Self::Run => "run",
            Self::Install => "install",
            Self::Release => "release",
            Self::Vcs => "vcs",
            Self::Search => "search",
            Self::Files => "files",
            Self::Network => "network",
            Self::Database => "database",
            Self::Container => "container",
            Self::Other => "other",
        }
    }
}

/// The category of the command `words` whose tool is `tool` (the program behind any runner) and
/// whose subcommands are `subcommands`.
pub(super) fn category(words: &[String], tool: &str, subcommands: &[&str]) -> Category {
    let first = subcommands.first().copied().unwrap_or("");
    let last = subcommands.last().copied().unwrap_or("");
    let has = |flags: &[&str]| words.iter().any(|word| flags.contains(&word.as_str()));
    let checks = has(&["--check", "-check", "--dry-run", "--diff", "-d", "--verify", "-l"]);
    let writes = has(&["--fix", "--write", "-w", "-i", "--apply", "--autocorrect", "-a", "-A"]);
    let found = match tool {
        "cargo" | "go" | "zig" | "dotnet" | "swift" | "flutter" | "dart" | "deno" | "nix" => {
            toolchain(tool, first, subcommands, checks, words)
        }
        "npm" | "yarn" | "pnpm" | "bun" => Some(package_manager(first, last)),
        "make" | "gmake" | "just" | "task" | "mise" | "rake" | "turbo" | "nx" | "gradle"
        | "./gradlew" | "gradlew" | "mvn" | "./mvnw" | "mvnw" | "sbt" | "invoke" | "lerna"
        | "moon" | "grunt" | "gulp" | "mix" | "ninja" | "hatch" | "composer" => {
            task_runner(tool, first, last)
        }
        "eslint" | "biome" | "ruff" | "rubocop" | "oxlint" | "golangci-lint" | "stylelint"
        | "standard" | "clippy-driver" | "markdownlint" | "pre-commit" | "swiftlint" => {
            Some(linter(first, checks, has(&["--fix", "--write", "-a", "-A", "--autocorrect"])))
        }
        "prettier" | "black" | "gofmt" | "goimports" | "rustfmt" | "isort" | "shfmt"
        | "clang-format" | "yapf" | "nixfmt" | "dprint" | "gofumpt" | "autopep8" => {
            Some(if checks && !writes { Category::Lint } else { Category::Format })
        }
        _ => return by_name(tool, first, words),
    };
    found.unwrap_or(Category::Other)
}

/// Compilers with subcommands.
fn toolchain(
    tool: &str,
    first: &str,
    subcommands: &[&str],
    checks: bool,
    words: &[String],
) -> Option<Category> {
    Some(match first {
        "test" | "t" | "nextest" | "bench" | "llvm-cov" | "miri" => Category::Test,
        "build" | "b" | "rustc" | "compile" | "generate" | "bundle" | "clean" | "doc"
        | "build-exe" | "develop" => {
            if subcommands.get(1) == Some(&"test") {
                Category::Test
            } else {
                Category::Build
            }
        }
        "check" | "c" if tool == "cargo" || tool == "deno" => Category::TypeCheck,
        "check" | "flake" if tool == "nix" => Category::Build,
        "clippy" | "vet" | "lint" | "analyze" | "deny" | "audit" | "machete" => Category::Lint,
        "fmt" | "format" | "fix" => {
            let unset = words.iter().any(|w| w.contains("set-exit-if-changed"));
            if checks || unset { Category::Lint } else { Category::Format }
        }
        "run" | "r" | "watch" | "serve" | "xtask" | "eval" => Category::Run,
        "task" => by_stem(subcommands.last().unwrap_or(&"")).unwrap_or(Category::Run),
        "install" | "add" | "get" | "mod" | "update" | "fetch" | "pub" | "restore" | "remove"
        | "package" | "tool" | "binstall" | "shell" | "upgrade" | "profile" => Category::Install,
        "publish" | "release" | "deploy" | "pack" => Category::Release,
        _ => return None,
    })
}

/// JavaScript's package managers: `run name` and, for some, the name alone.
fn package_manager(first: &str, last: &str) -> Category {
    match first {
        "install" | "i" | "ci" | "add" | "remove" | "rm" | "uninstall" | "update" | "upgrade"
        | "link" | "dedupe" | "" | "up" | "outdated" => Category::Install,
        "publish" | "version" => Category::Release,
        "audit" => Category::Lint,
        _ => by_stem(last).unwrap_or(Category::Run),
    }
}

/// Runners of named tasks.
fn task_runner(tool: &str, first: &str, last: &str) -> Option<Category> {
    let java = matches!(tool, "gradle" | "./gradlew" | "gradlew" | "mvn" | "./mvnw" | "mvnw");
    if java && matches!(last, "check" | "verify") {
        return Some(Category::Test);
    }
    if tool == "mise" && matches!(first, "install" | "i" | "use" | "upgrade" | "trust") {
        return Some(Category::Install);
    }
    if tool == "mix" && matches!(first, "deps.get" | "local.hex") {
        return Some(Category::Install);
    }
    if tool == "composer" && matches!(first, "install" | "require" | "update") {
        return Some(Category::Install);
    }
    if first.is_empty() && matches!(tool, "make" | "gmake" | "just" | "ninja" | "rake") {
        return Some(Category::Build);
    }
    let task = last.rsplit(':').find(|part| by_stem(part).is_some()).unwrap_or(last);
    by_stem(task)
}

/// Linters, some of which also format.
fn linter(first: &str, checks: bool, fixes: bool) -> Category {
    match first {
        "format" | "fmt" if !checks => Category::Format,
        _ if fixes => Category::Format,
        _ => Category::Lint,
    }
}

/// The category of a task or script by its name: `test:unit`, `fmt-check`, `build.prod`.
pub(super) fn by_stem(name: &str) -> Option<Category> {
    let name = name.trim_start_matches([':', '@']);
    let starts = |stems: &[&str]| stems.iter().any(|stem| name.starts_with(stem));
    let part = |stem: &str| name.split([':', '-', '_', '.', '/']).any(|part| part == stem);
    Some(if starts(&["typecheck", "type-check", "check-types", "check:types", "tsc", "types"]) {
        Category::TypeCheck
    } else if part("check") && (starts(&["fmt", "format"])) {
        Category::Lint
    } else if starts(&["test", "e2e", "spec", "unit", "integration", "coverage", "jest", "vitest"])
        || part("test")
        || part("tests")
        || part("e2e")
        || name == "t"
    {
        Category::Test
    } else if starts(&["lint", "clippy", "eslint", "vet", "analy"]) || part("lint") {
        if part("fix") { Category::Format } else { Category::Lint }
    } else if starts(&["fmt", "format", "prettier", "fix"]) {
        Category::Format
    } else if name == "ci" || name.starts_with("ci:") || name.starts_with("ci-") {
        Category::Test
    } else if starts(&["check", "verify", "validate"]) {
        Category::Lint
    } else if starts(&["release", "publish", "deploy"]) {
        Category::Release
    } else if starts(&["build", "compile", "bundle", "dist", "assemble", "package", "generate"])
        || part("build")
    {
        Category::Build
    } else if starts(&["install", "setup", "bootstrap", "deps"]) {
        Category::Install
    } else if starts(&["migrate", "db"]) || part("migrate") || part("seed") {
        Category::Database
    } else if starts(&["dev", "start", "serve", "run", "watch", "preview"]) {
        Category::Run
    } else {
        return None;
    })
}

/// Tools whose name, with a subcommand at most, says everything.
fn by_name(tool: &str, first: &str, words: &[String]) -> Category {
    match tool {
        "pytest" | "py.test" | "tox" | "nox" | "jest" | "vitest" | "mocha" | "ava"
        | "playwright" | "cypress" | "rspec" | "phpunit" | "ctest" | "shellspec" | "bats"
        | "unittest" | "gotestsum" | "tap" | "xctest" => Category::Test,
        "mypy" | "pyright" | "tsc" | "vue-tsc" | "basedpyright" | "ty" => Category::TypeCheck,
        "flake8" | "pylint" | "shellcheck" | "hadolint" | "actionlint" | "yamllint" | "knip"
        | "staticcheck" | "govulncheck" | "bandit" | "typos" | "zizmor" | "depcheck" => {
            Category::Lint
        }
        "webpack" | "vite" | "rollup" | "esbuild" | "tsup" | "cmake" | "gcc" | "g++" | "clang"
        | "rustc" | "javac" | "xcodebuild" | "next" | "nix-build" | "meson" | "bazel"
        | "wasm-pack" => {
            if matches!(first, "dev" | "start") {
                Category::Run
            } else {
                Category::Build
            }
        }
        "uv" | "pip" | "pip3" | "poetry" | "pdm" | "rye" | "pipenv" | "pipx" | "conda" | "brew"
        | "apt" | "apt-get" | "dnf" | "apk" | "pacman" | "gem" | "bundle" | "rustup" | "nvm"
        | "asdf" | "corepack" => match first {
            "build" => Category::Build,
            "publish" => Category::Release,
            _ => Category::Install,
        },
        "gh" | "glab" if first == "release" => Category::Release,
        "git" | "gh" | "glab" | "hg" | "jj" | "svn" | "gt" => Category::Vcs,
        "goreleaser" | "terraform" | "tofu" | "vercel" | "flyctl" | "fly" | "wrangler"
        | "pulumi" | "semantic-release" | "serverless" => Category::Release,
        "grep" | "rg" | "egrep" | "fgrep" | "ag" | "ack" | "find" | "fd" | "which" | "locate"
        | "whereis" => Category::Search,
        "ls" | "cat" | "head" | "tail" | "sed" | "awk" | "rm" | "mv" | "cp" | "mkdir" | "touch"
        | "chmod" | "chown" | "ln" | "wc" | "stat" | "file" | "tree" | "diff" | "sort" | "tar"
        | "zip" | "unzip" | "du" | "df" | "readlink" | "realpath" | "tee" | "less" | "jq"
        | "yq" | "cut" | "xxd" | "od" | "strings" | "pwd" | "rmdir" | "echo" | "printf" | "cd" => {
            Category::Files
        }
        "curl" | "wget" | "ssh" | "scp" | "rsync" | "ping" | "nc" | "dig" | "http" | "ngrok" => {
            Category::Network
        }
        "psql" | "mysql" | "sqlite3" | "redis-cli" | "mongosh" | "prisma" | "alembic"
        | "dbmate" | "drizzle-kit" | "sqlx" | "diesel" | "flyway" => Category::Database,
        "docker" | "docker-compose" | "podman" | "kubectl" | "helm" | "kind" | "minikube"
        | "skaffold" | "buildah" | "container" => Category::Container,
        "python" | "python3" | "node" | "ruby" | "bash" | "sh" | "zsh" | "perl" | "php" | "tsx"
        | "ts-node" | "java" | "Rscript" => script(words),
        _ if tool.contains(['/', '.']) => by_stem(file_stem(tool)).unwrap_or(Category::Run),
        _ => Category::Other,
    }
}

/// An interpreter with a script: the script's name decides.
fn script(words: &[String]) -> Category {
    let script = words.iter().skip(1).find(|word| !word.starts_with('-'));
    script.and_then(|path| by_stem(file_stem(path))).unwrap_or(Category::Run)
}

fn file_stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests {
    use super::super::normal::normalise;
    use super::*;

    #[test]
    fn categories_of_usual_commands() {
        use Category::*;
        let cases = [
            ("cargo test", Test),
            ("cargo nextest run", Test),
            ("cargo fmt", Format),
            ("cargo fmt --all -- --check", Lint),
            ("cargo clippy --fix", Lint),
            ("cargo check", TypeCheck),
            ("go test ./...", Test),
            ("go vet ./...", Lint),
            ("go mod tidy", Install),
            ("go run ./cmd/x", Run),
            ("npm test", Test),
            ("npm run lint:fix", Format),
            ("npm run lint", Lint),
            ("npm ci", Install),
            ("npm run ci", Test),
            ("pnpm --filter web typecheck", TypeCheck),
            ("yarn build", Build),
            ("bun run dev", Run),
            ("bun test", Test),
            ("mise run test:ci", Test),
            ("mise run fmt", Format),
            ("mise install", Install),
            ("make", Build),
            ("make lint", Lint),
            ("just release", Release),
            ("./gradlew :app:testDebug", Test),
            ("mvn verify", Test),
            ("npx eslint . --fix", Format),
            ("npx eslint .", Lint),
            ("npx tsc --noEmit", TypeCheck),
            ("prettier --write .", Format),
            ("prettier --check .", Lint),
            ("ruff check .", Lint),
            ("ruff format .", Format),
            ("uv run pytest", Test),
            ("python -m pytest -q", Test),
            ("python scripts/build.py", Build),
            ("python -c 'print(1)'", Run),
            ("uv pip install x", Install),
            ("docker compose up", Container),
            ("kubectl get pods", Container),
            ("gh pr view", Vcs),
            ("gh release create", Release),
            ("git push", Vcs),
            ("grep -rn x .", Search),
            ("cat x", Files),
            ("curl -s https://x.test", Network),
            ("psql -c 'select 1'", Database),
            ("npx prisma migrate dev", Database),
            ("./scripts/test-e2e.sh", Test),
            ("gofmt -l .", Lint),
            ("zig build test", Test),
            ("rtk test bun run test", Test),
            ("mytool sync", Other),
        ];
        for (command, expected) in cases {
            let normal = normalise(command);
            assert_eq!(normal.parts[0].category(), expected, "{command}");
        }
    }
}
