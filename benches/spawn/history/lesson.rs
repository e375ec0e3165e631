//! What the sessions hold to be learned: a command that fails, its error, and what then worked,
//! over many tools, with names and sizes that differ from one to the next.

use super::words::Dice;

/// The stream of [`Dice`] that lessons are drawn from.
const STREAM: u64 = 1;

/// One thing to learn.
pub(crate) struct Lesson {
    /// The command that fails.
    pub failing: String,
    /// What the model sees of it.
    pub error: String,
    /// The command that then works; the failing one where an edit mended it.
    pub working: String,
    /// What the user asked for.
    pub prompt: String,
    /// Files that the work reads or changes, relative to the project; the first one is changed.
    pub files: Vec<String>,
}

/// Names that one lesson is about.
struct Cast {
    part: String,
    sub: String,
    function: String,
    kind: String,
    noun: &'static str,
}

/// The tools that fail; each gives failing command, error and working command.
type Failure = fn(&mut Dice, &Cast) -> (String, String, String);

const FAILURES: &[Failure] = &[
    cargo_feature,
    npm_script,
    pytest_path,
    go_tags,
    compose_service,
    make_folder,
    tsc_module,
    git_branch,
    kubectl_namespace,
    python_argument,
    gradle_project,
    psql_relation,
    command_missing,
    eslint_rule,
];

/// Lesson number `number`.
pub(crate) fn lesson(number: usize) -> Lesson {
    let dice = &mut Dice::new(STREAM, number);
    let cast = Cast {
        part: dice.name(),
        sub: dice.name(),
        function: dice.identifier(),
        kind: dice.type_name(),
        noun: dice.noun(),
    };
    let (failing, error, working) = FAILURES[dice.below(FAILURES.len())](dice, &cast);
    let error = format!("Exit code {}\n{error}", 1 + dice.below(2));
    let prompt = prompt(dice, &cast);
    let extension = dice.pick(&["rs", "ts", "py", "go", "tsx", "java", "sql", "yaml"]);
    let files = (0..=dice.below(3))
        .map(|n| {
            let folder = if n == 0 { cast.part.clone() } else { dice.name() };
            format!("{folder}/src/{}/{}.{extension}", dice.noun(), dice.identifier())
        })
        .collect();
    Lesson { failing, error, working, prompt, files }
}

/// What a person asks: mostly a line or two, now and then an issue or a log pasted whole.
fn prompt(dice: &mut Dice, cast: &Cast) -> String {
    let Cast { part, sub, function, noun, .. } = cast;
    let mut text = match dice.below(6) {
        0 => format!("please {} the {noun} part of {part} and make its tests pass", dice.verb()),
        1 => format!("`{function}` in {sub} returns the wrong {noun}. {}", dice.sentence(12)),
        2 => format!("can you look at why {part} is slow when we {} the {noun}?", dice.verb()),
        3 => format!("{} {part}/{sub}: {}", dice.verb(), dice.sentence(9)),
        4 => {
            format!("no, the {noun} must stay in {sub}. always {} it in {part} first", dice.verb())
        }
        _ => {
            format!("always use {function} for the {noun} of {part}, never the {sub} one directly")
        }
    };
    if dice.chance(12) {
        let bytes = 300 + dice.below(3_000);
        text.push_str("\n\n");
        text.push_str(&dice.prose(bytes));
    }
    text
}

/// Lines of a log around what matters: mostly few, sometimes very many.
fn noise(dice: &mut Dice) -> String {
    let lines = if dice.chance(10) { 20 + dice.below(60) } else { dice.below(6) };
    let mut text = String::new();
    for _ in 0..lines {
        let line = match dice.below(3) {
            0 => format!("   Compiling {} v0.{}.{}\n", dice.name(), dice.below(9), dice.below(30)),
            1 => format!(
                "    at {} (src/{}.ts:{}:7)\n",
                dice.identifier(),
                dice.noun(),
                dice.below(900)
            ),
            _ => format!("[{}] {}\n", dice.noun(), dice.sentence(8)),
        };
        text.push_str(&line);
    }
    text
}

fn cargo_feature(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, function, .. } = cast;
    (
        format!("cargo test --package {part} {function}"),
        format!(
            "{}error[E0432]: unresolved import `{}::{function}`\n  --> {sub}/src/lib.rs:{}:5\n   \
             |\n   | use {}::{function};\n   |     ^^^^ no `{function}` in the root\nerror: could \
             not compile `{part}` (lib test) due to 1 previous error",
            noise(dice),
            part.replace('-', "_"),
            dice.below(400),
            part.replace('-', "_"),
        ),
        format!("cargo test --package {part} --features {sub} {function}"),
    )
}

fn npm_script(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, noun, .. } = cast;
    let script = format!("{noun}:{}", dice.verb());
    (
        format!("cd packages/{sub} && npm run {script} -- --only {part} 2>&1 | tail -20"),
        format!(
            "{}npm error Missing script: \"{script}\"\nnpm error\nnpm error To see a list of \
             scripts, run:\nnpm error   npm run\nnpm error A complete log of this run can be found \
             in: /root/.npm/_logs/2026-01-0{}T10_11_12_000Z-debug-0.log",
            noise(dice),
            1 + dice.below(9),
        ),
        format!("npm run {script} --workspace packages/{sub} -- --only {part}"),
    )
}

fn pytest_path(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, function, .. } = cast;
    let module = part.replace('-', "_");
    (
        format!("pytest tests/{sub}/test_{module}.py -k {function} -x"),
        format!(
            "ERROR collecting tests/{sub}/test_{module}.py\n{}ImportError while importing test \
             module '/srv/bench/project/tests/{sub}/test_{module}.py'.\nE   ModuleNotFoundError: No \
             module named '{module}.{function}'\n=== 1 error in 0.{}s ===",
            noise(dice),
            dice.below(90),
        ),
        format!("PYTHONPATH=src pytest tests/{sub}/test_{module}.py -k {function} -x"),
    )
}

fn go_tags(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, kind, .. } = cast;
    (
        format!("go test ./internal/{part}/{sub} -run Test{kind} -count=1"),
        format!(
            "{}package example.com/bench/internal/{part}/{sub}: build constraints exclude all Go \
             files in /srv/bench/project/internal/{part}/{sub}\nFAIL\texample.com/bench/internal/\
             {part}/{sub} [setup failed]\nFAIL",
            noise(dice),
        ),
        format!("go test -tags=integration ./internal/{part}/{sub} -run Test{kind} -count=1"),
    )
}

fn compose_service(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, .. } = cast;
    (
        format!("docker compose up -d {part}"),
        format!("{}no such service: {part}", noise(dice)),
        format!("docker compose -f deploy/{sub}.yml up -d {part}"),
    )
}

fn make_folder(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, noun, .. } = cast;
    let target = format!("{noun}-{}", dice.verb());
    (
        format!("make {target} PART={part}"),
        format!("{}make: *** No rule to make target '{target}'.  Stop.", noise(dice)),
        format!("make -C {sub} {target} PART={part}"),
    )
}

fn tsc_module(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, kind, .. } = cast;
    let command = format!("npx tsc --noEmit -p packages/{part}/tsconfig.json");
    (
        command.clone(),
        format!(
            "packages/{part}/src/{sub}.ts({},{}): error TS2307: Cannot find module '@bench/{sub}' \
             or its corresponding type declarations.\n{}packages/{part}/src/index.ts({},3): error \
             TS2339: Property '{}' does not exist on type '{kind}'.",
            dice.below(300),
            dice.below(80),
            noise(dice),
            dice.below(300),
            dice.verb(),
        ),
        command,
    )
}

fn git_branch(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, function, .. } = cast;
    let branch = format!("{}/{part}-{}", dice.verb(), dice.noun());
    (
        format!("git checkout {branch} -- src/{function}"),
        format!("error: pathspec 'src/{function}' did not match any file(s) known to git"),
        format!("git checkout origin/{branch} -- src/{function}"),
    )
}

fn kubectl_namespace(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, noun, .. } = cast;
    (
        format!("kubectl rollout restart deployment/{part}-{noun}"),
        format!(
            "{}Error from server (NotFound): deployments.apps \"{part}-{noun}\" not found",
            noise(dice)
        ),
        format!("kubectl -n {sub} rollout restart deployment/{part}-{noun}"),
    )
}

fn python_argument(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, function, noun, .. } = cast;
    (
        format!("python scripts/{function}.py --{noun} {part}"),
        format!(
            "usage: {function}.py [-h] --{noun} NAME --region REGION\n{}{function}.py: error: the \
             following arguments are required: --region",
            noise(dice),
        ),
        format!("python scripts/{function}.py --{noun} {part} --region {sub}"),
    )
}

fn gradle_project(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, kind, .. } = cast;
    (
        format!("./gradlew :{part}:test --tests '*{kind}*'"),
        format!(
            "\nFAILURE: Build failed with an exception.\n\n* What went wrong:\nProject '{part}' not \
             found in root project 'bench'.\n{}\n* Try:\n> Run gradlew projects to get a list of \
             available projects.\n\nBUILD FAILED in {}s",
            noise(dice),
            1 + dice.below(50),
        ),
        format!("./gradlew :{sub}:{part}:test --tests '*{kind}*'"),
    )
}

fn psql_relation(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, function, .. } = cast;
    let table = part.replace('-', "_");
    (
        format!("psql -d {sub} -c 'select count(*) from {table} where {function} > 0'"),
        format!(
            "ERROR:  relation \"{table}\" does not exist\nLINE {}: select count(*) from {table}\n                             ^",
            1 + dice.below(3),
        ),
        format!("psql -d {sub} -c 'select count(*) from bench.{table} where {function} > 0'"),
    )
}

fn command_missing(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, .. } = cast;
    let program = dice.pick(&["vitest", "turbo", "mypy", "ruff", "golangci-lint", "biome"]);
    (
        format!("{program} run {part}/{sub} --quiet"),
        format!("/bin/bash: line {}: {program}: command not found", 1 + dice.below(4)),
        format!("npx {program} run {part}/{sub} --quiet"),
    )
}

fn eslint_rule(dice: &mut Dice, cast: &Cast) -> (String, String, String) {
    let Cast { part, sub, function, kind, .. } = cast;
    let command = format!("npx eslint packages/{part}/src/{sub} --max-warnings 0");
    (
        command.clone(),
        format!(
            "\n/srv/bench/project/packages/{part}/src/{sub}/{function}.ts\n  {}:{}  error  '{kind}' \
             is defined but never used  @typescript-eslint/no-unused-vars\n{}\n✖ 1 problem (1 \
             error, 0 warnings)",
            dice.below(400),
            dice.below(80),
            noise(dice),
        ),
        command,
    )
}
