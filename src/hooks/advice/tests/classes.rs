//! Classes of failures that every project has: known from one session, met in another with other
//! names and paths.

use super::*;

/// Name, what a session did, and what fails in another: command and error; what is told has
/// these words.
const CASES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "the wrong folder",
        "in ~/app/web\n$ go test ./pkg/a !! stat ~/app/web/pkg/a: directory not found\n$ cd ~/app && go test ./pkg/a",
        "cd web && go test ./pkg/b -run TestB",
        "stat /home/dev/app/web/pkg/b: directory not found",
        "cd <project root> && go test ./pkg/a",
    ),
    (
        "a module that is not installed",
        "$ npm test !! Error: Cannot find module 'zod'\n$ npm install\n$ npm test",
        "npm run build",
        "Exit code 1\nError: Cannot find module 'express'",
        "`npm install`",
    ),
    (
        "a module of another language",
        "$ python scripts/a.py !! ModuleNotFoundError: No module named 'yaml'\n$ pip install -r requirements.txt\n$ python scripts/a.py",
        "python tools/report.py --all",
        "Exit code 1\nTraceback (most recent call last):\n  File \"/home/dev/app/tools/report.py\", line 3, in <module>\nModuleNotFoundError: No module named 'requests'",
        "pip install -r requirements.txt",
    ),
    (
        "a port that is taken",
        "$ npm run dev !! Error: listen EADDRINUSE: address already in use :::3000\n$ PORT=3001 npm run dev",
        "npm start",
        "Exit code 1\nError: listen EADDRINUSE: address already in use 127.0.0.1:8080",
        "PORT=3001",
    ),
    (
        "a file that may not be run",
        "$ ./scripts/deploy.sh !! (eval):1: permission denied: ./scripts/deploy.sh\n$ bash scripts/deploy.sh",
        "./scripts/seed.sh --all",
        "Exit code 126\n(eval):1: permission denied: ./scripts/seed.sh",
        "bash scripts/deploy.sh",
    ),
    (
        "too little time",
        "$ go test ./pkg/a !! Command timed out after 2m 0.0s\n$ go test -short ./pkg/a",
        "go test ./pkg/b",
        "Command timed out after 2m 0.0s",
        "go test -short",
    ),
    (
        "an option of the test runner",
        "$ npx jest --testPathPattern cart !! Option \"testPathPattern\" was replaced by \"--testPathPatterns\".\n$ npx jest --testPathPatterns cart",
        "npx jest --testPathPattern user --coverage",
        "Exit code 1\nOption \"testPathPattern\" was replaced by \"--testPathPatterns\".",
        "--testPathPatterns",
    ),
    (
        "an option that is unknown",
        "$ gh pr diff 88 --stat !! unknown flag: --stat\n$ gh pr diff 88 --name-only",
        "gh pr diff 104 --stat",
        "Exit code 1\nunknown flag: --stat\n\nUsage:  gh pr diff [<number> | <url> | <branch>] [flags]",
        "--name-only",
    ),
    (
        "a branch that is there",
        "$ git worktree add ../wt-a -b fix-a !! fatal: a branch named 'fix-a' already exists\n$ git worktree add ../wt-a fix-a",
        "git worktree add ../wt-b -b fix-b",
        "Exit code 255\nfatal: a branch named 'fix-b' already exists",
        "git worktree add ../wt-a fix-a",
    ),
    (
        "a branch that another worktree has",
        "$ git checkout main !! fatal: 'main' is already used by worktree at '/home/dev/app'\n$ git checkout --detach main",
        "git switch develop",
        "Exit code 128\nfatal: 'develop' is already used by worktree at '/home/dev/wt/x'",
        "git checkout --detach main",
    ),
    (
        "a push that is behind",
        "$ git push !!  ! [rejected]        main -> main (non-fast-forward)\\nerror: failed to push some refs to 'github.com:a/b.git'\n$ git pull --rebase\n$ git push",
        "git push -u origin fix-b",
        "Exit code 1\n ! [rejected]        fix-b -> fix-b (non-fast-forward)\nerror: failed to push some refs to 'github.com:a/b.git'",
        "git pull --rebase",
    ),
    (
        "a service that does not run",
        "$ docker compose up -d !! Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n$ colima start\n$ docker compose up -d",
        "docker ps",
        "Exit code 1\nCannot connect to the Docker daemon at unix:///Users/dev/.docker/run/docker.sock. Is the docker daemon running?",
        "colima start",
    ),
    (
        "a database that does not answer",
        "$ npm run migrate !! Error: connect ECONNREFUSED 127.0.0.1:5432\n$ docker compose up -d db\n$ npm run migrate",
        "npm test -- users",
        "Exit code 1\nError: connect ECONNREFUSED 127.0.0.1:5433",
        "docker compose up -d db",
    ),
    (
        "a variable that is not set",
        "$ npm run migrate !! Error: DATABASE_URL is not set\n$ source .env && npm run migrate",
        "npm run seed",
        "Exit code 1\nError: DATABASE_URL is not set",
        "source .env",
    ),
    (
        "a table that is missing",
        "$ npm run seed !! error: relation \"users\" does not exist\n$ npm run migrate\n$ npm run seed",
        "npm run import -- --all",
        "Exit code 1\nerror: relation \"orders\" does not exist",
        "npm run migrate",
    ),
    (
        "a program that is not there",
        "$ python a.py !! zsh: command not found: python\n$ python3 a.py",
        "python tools/b.py --all",
        "Exit code 127\nzsh: command not found: python",
        "`python3",
    ),
    (
        "a program that others have",
        "$ timeout 30 npm test !! (eval):1: command not found: timeout\n$ npm test",
        "timeout 60 go test ./...",
        "Exit code 127\n(eval):1: command not found: timeout",
        "`npm test` worked",
    ),
    (
        "a script of another name",
        "$ npm run typecheck !! npm error Missing script: \"typecheck\"\n$ npm run check-types",
        "cd web && npm run typecheck",
        "npm error Missing script: \"typecheck\"",
        "npm run check-types",
    ),
    (
        "a rule that the linter does not know",
        "$ ruff check --select E999X src !! error: invalid value 'E999X' for '--select <RULE_CODE>'\n$ ruff check --select E9 src",
        "ruff check --select W999X lib",
        "error: invalid value 'W999X' for '--select <RULE_CODE>'",
        "ruff check --select E9",
    ),
    (
        "a build before the tests",
        "$ npm test -- cart !! Error: Cannot find module '@shop/pricing'\n$ npm run build:packages && npm test -- cart",
        "npm test -- user",
        "Exit code 1\nError: Cannot find module '@shop/accounts'",
        "npm run build:packages",
    ),
    (
        "a system that is managed",
        "$ pip install yaml !! error: externally-managed-environment\n$ python3 -m venv .venv && .venv/bin/pip install yaml",
        "pip install requests",
        "Exit code 1\nerror: externally-managed-environment\n\n× This environment is externally managed",
        "python3 -m venv .venv",
    ),
    (
        "tests behind a tag",
        "$ go test ./cmd/a/integration !! package app/cmd/a/integration: build constraints exclude all Go files in ~/app/cmd/a/integration\n$ go test -tags=integration ./cmd/a/integration",
        "go test ./cmd/b/integration -run TestX",
        "Exit code 1\npackage app/cmd/b/integration: build constraints exclude all Go files in /home/dev/app/cmd/b/integration",
        "-tags=integration",
    ),
    (
        "a git repository that is elsewhere",
        "in ~/app/..\n$ git status !! fatal: not a git repository (or any of the parent directories): .git\n$ cd ~/app && git status",
        "git log --oneline -3",
        "Exit code 128\nfatal: not a git repository (or any of the parent directories): .git",
        "cd <project root>",
    ),
    (
        "a sandbox that a test needs",
        "$ cargo test --test net_a !! error: no test target named `net_a` in `app` package\n$ cargo test -p app-net --test net_a",
        "cargo test --test net_b",
        "error: no test target named `net_b` in `app` package",
        "cargo test -p app-net",
    ),
];

#[test]
fn what_mended_it_is_told_whatever_the_names() {
    let mut silent = Vec::new();
    for (name, script, command, error, expected) in CASES {
        let mut desk = Desk::new();
        desk.learn("learned", 1, &format!("> do it\n{script}"));
        let told = desk.failed("s", "Bash", command, error);
        if !told.iter().any(|line| line.contains(expected)) {
            silent.push((name, told));
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}
