//! What counts as the fix of a failed command, by example.

use crate::learning::extract::testing::{check, drafts, texts};
use crate::model::pattern::{Draft, Kind, Role};

const FIXES: &[Kind] = &[Kind::Fix, Kind::Pitfall];

#[test]
fn the_same_worked_in_a_shell_that_was_prepared() {
    check(
        FIXES,
        &[
            (
                "a variable",
                "$ npm run dev !! Error: listen EADDRINUSE: address already in use :::3000
                 $ PORT=3001 npm run dev",
                &["fix: `npm run dev` failed (Error: listen EADDRINUSE: address already in use :::3000); `PORT=3001 npm run dev` worked"],
            ),
            (
                "a file that was sourced",
                "$ npm run migrate !! Error: DATABASE_URL is not set
                 $ source .env && npm run migrate",
                &["fix: `npm run migrate` failed (Error: DATABASE_URL is not set); `source .env && npm run migrate` worked"],
            ),
            (
                "without a wrapper that is not there",
                "$ timeout 30 npm test !! (eval):1: command not found: timeout
                 $ npm test",
                &["fix: `timeout 30 npm test` failed ((eval):1: command not found: timeout); `npm test` worked"],
            ),
            (
                "handed to its interpreter",
                "$ ./scripts/a.sh --all !! (eval):1: permission denied: ./scripts/a.sh
                 $ bash scripts/a.sh --all",
                &["fix: `scripts/a.sh --all` failed ((eval):1: permission denied: ./scripts/a.sh); `bash scripts/a.sh --all` worked"],
            ),
            (
                "a variable that only silences",
                "$ git commit -m x !! husky - pre-commit hook exited with code 1
                 $ HUSKY=0 git commit -m x",
                &[],
            ),
            (
                "another filter only",
                "$ npm run migrate !! Error: DATABASE_URL is not set
                 $ npm run migrate 2>&1 | tail",
                &[],
            ),
            (
                "other rights only",
                "$ docker ps !! permission denied while trying to connect to the Docker daemon socket
                 $ sudo docker ps",
                &[],
            ),
        ],
    );
}

#[test]
fn another_call_worked() {
    check(
        FIXES,
        &[
            (
                "the same program with another option",
                "$ go test ./e2e !! package ./e2e: build constraints exclude all Go files in /home/dev/app/e2e
                 $ go test -tags=e2e ./e2e",
                &["fix: `go test ./e2e` failed (package ./e2e: build constraints exclude all Go files in /home/dev/app/e2e); `go test -tags=e2e ./e2e` worked"],
            ),
            (
                "another program with the same words",
                "$ npm test !! npm ERR! Missing script: \"test\"
                 $ bun test",
                &["fix: `npm test` failed (npm ERR! Missing script: \"test\"); `bun test` worked"],
            ),
            (
                "a wrapper that does not know the program",
                "$ rtk bun run test !! error: unrecognized subcommand 'bun'
                 $ bun run test",
                &["fix: `rtk bun run test` failed (error: unrecognized subcommand 'bun'); `bun run test` worked"],
            ),
            (
                "a program with other words is no second try",
                "$ npm test !! npm ERR! Missing script: \"test\"
                 $ python3 setup.py build",
                &["pitfall: `npm test` failed (npm ERR! Missing script: \"test\")"],
            ),
            (
                "other words of another program count only when the command itself was wrong",
                "$ npm run serve !! Error: connect ECONNREFUSED 127.0.0.1:5432
                 $ bun run serve",
                &["pitfall: `npm run serve` failed (Error: connect ECONNREFUSED 127.0.0.1:5432)"],
            ),
            (
                "a failure that was not marked",
                "$ gh pr view --jsn state | tail -3 !~ unknown flag: --jsn
                 $ gh pr view --json state",
                &["fix: `gh pr view --jsn state` failed (unknown flag: --jsn); `gh pr view --json state` worked"],
            ),
            (
                "other arguments alone tell no fix",
                "$ gh pr view --json state,foo !! Unknown JSON field: \"foo\"
                 $ gh pr view --json state",
                &["pitfall: `gh pr view --json state,foo` failed (Unknown JSON field: \"foo\")"],
            ),
            (
                "a question for help settles nothing",
                "$ gh pr view --jsn state !! unknown flag: --jsn
                 $ gh pr view --help
                 $ gh pr view --json state",
                &["fix: `gh pr view --jsn state` failed (unknown flag: --jsn); `gh pr view --json state` worked"],
            ),
            (
                "nor is it a step",
                "$ gh pr view --jsn state !! unknown flag: --jsn
                 $ gh help pr view",
                &["pitfall: `gh pr view --jsn state` failed (unknown flag: --jsn)"],
            ),
            (
                "a bare status says nothing",
                "$ make docs !! Exit code 2
                 $ make docs FORMAT=html",
                &["fix: `make docs` failed; `make docs FORMAT=html` worked"],
            ),
        ],
    );
}

#[test]
fn the_same_call_worked_after_a_step() {
    check(
        FIXES,
        &[
            (
                "after another command",
                "$ docker compose up -d !! Cannot connect to the Docker daemon at unix:///var/run/docker.sock.
                 $ systemctl start docker
                 $ docker compose up -d",
                &["fix: `docker compose up -d` failed (Cannot connect to the Docker daemon at unix:///var/run/docker.sock.); it worked after `systemctl start docker`"],
            ),
            (
                "after a change, for a mistake: it counts when it repeats",
                "$ make lint !! make: *** No rule to make target 'lint'.  Stop.
                 Edit ~/app/Makefile
                 $ make lint",
                &["fix: `make lint` failed (make: *** No rule to make target 'lint'. Stop.); it worked after a change of Makefile [routine]"],
            ),
            (
                "after both",
                "$ make migrate !! psql: error: connection refused
                 $ docker compose up -d db
                 Edit ~/app/.env
                 $ make migrate",
                &["fix: `make migrate` failed (psql: error: connection refused); it worked after `docker compose up -d db` and a change of .env"],
            ),
            (
                "by the rights of the superuser: no remedy to pass on",
                "$ make install !! install: cannot create '/usr/bin/x': Permission denied
                 $ sudo make install",
                &[],
            ),
            (
                "of many steps the last three",
                "$ make migrate !! psql: error: connection refused
                 $ ./a.sh
                 $ ./b.sh
                 $ ./c.sh
                 $ ./d.sh
                 $ make migrate",
                &["fix: `make migrate` failed (psql: error: connection refused); it worked after `./b.sh`, `./c.sh` and `./d.sh`"],
            ),
            (
                "a step that was taken twice is told once",
                "$ make migrate !! psql: error: connection refused
                 $ ./a.sh
                 $ ./b.sh
                 $ ./a.sh
                 $ make migrate",
                &["fix: `make migrate` failed (psql: error: connection refused); it worked after `./b.sh` and `./a.sh`"],
            ),
            (
                "looking around mends nothing: it was flaky",
                "$ curl -sf http://localhost:8080/health !! curl: (7) Failed to connect: Connection refused
                 $ docker ps
                 $ git status
                 $ ls -la
                 $ curl -sf http://localhost:8080/health",
                &["fix: `curl -sf http://localhost:8080/health` failed (curl: (7) Failed to connect: Connection refused); it worked when it was run again, unchanged"],
            ),
            (
                "the second try by itself",
                "$ make fetch !! Error: connect ETIMEDOUT
                 $ make fetch",
                &["fix: `make fetch` failed (Error: connect ETIMEDOUT); it worked when it was run again, unchanged"],
            ),
            (
                "with more after it",
                "$ make migrate !! psql: error: connection refused
                 $ docker compose up -d db
                 $ make migrate && make seed",
                &["fix: `make migrate` failed (psql: error: connection refused); it worked after `docker compose up -d db`"],
            ),
        ],
    );
}

#[test]
fn the_normal_loop_teaches_nothing() {
    check(
        FIXES,
        &[
            (
                "failing tests, a change, the same check",
                "$ cargo test !! test a::bad ... FAILED\\nerror: test failed, to rerun pass `--lib`
                 Edit ~/app/src/a.rs
                 $ cargo test",
                &[],
            ),
            (
                "code that does not compile",
                "$ cargo build !! error[E0308]: mismatched types
                 Edit ~/app/src/a.rs
                 $ cargo build",
                &[],
            ),
            (
                "a type error",
                "$ npx tsc --noEmit !! src/a.ts(1,2): error TS2322: no
                 Edit ~/app/src/a.ts
                 $ npx tsc --noEmit",
                &[],
            ),
            (
                "findings, a change, the check with more after it",
                "$ npm run lint !! /app/src/a.js\\n  1:1  error  x  no-undef\\n(eslint)
                 Edit ~/app/src/a.js
                 $ npm run lint && npm test",
                &[],
            ),
            (
                "findings, a change, another call of the same program",
                "$ go test ./a !! --- FAIL: TestA (0.00s)
                 Edit ~/app/a/a.go
                 $ go test -run TestA ./a",
                &[],
            ),
            (
                "findings that nothing settles",
                "$ cargo test !! test a::bad ... FAILED
                 $ git status",
                &[],
            ),
        ],
    );
}

#[test]
fn a_check_that_another_command_settles_is_a_fix() {
    check(
        FIXES,
        &[
            (
                "the formatter itself",
                "$ cargo fmt --check !! Diff in /home/dev/app/src/a.rs:3:
                 $ cargo fmt
                 $ cargo fmt --check",
                &["fix: `cargo fmt --check` failed (findings); `cargo fmt` worked [routine]"],
            ),
            (
                "a script that formats",
                "$ npm run lint !! /app/src/a.js\\n(eslint) 1 problem
                 $ npm run lint:fix
                 $ npm run lint",
                &[
                    "fix: `npm run lint` failed (findings); it worked after `npm run lint:fix` [routine]",
                ],
            ),
            (
                "generated code",
                "$ go build ./... !! a/b.go:10:2: undefined: x
                 $ make generate
                 $ go build ./...",
                &[
                    "fix: `go build ./...` failed (compile errors); it worked after `make generate` [routine]",
                ],
            ),
        ],
    );
}

#[test]
fn parts_of_a_script() {
    check(
        FIXES,
        &[
            (
                "one part of it works alone: that mends nothing",
                "$ npm ci && npm run build !! sh: 1: vite: command not found
                 $ npm ci",
                &["pitfall: `npm ci && npm run build` failed (sh: 1: vite: command not found)"],
            ),
            (
                "nor does a part tell what was done next",
                "$ git add -A && git commit -m 'x y' !! fatal: unable to auto-detect email address
                 $ git add -A",
                &[
                    "pitfall: `git add -A && git commit -m <text>` failed (fatal: unable to auto-detect email address)",
                ],
            ),
            (
                "the whole of it after a step",
                "$ npm ci && npm run build !! sh: 1: vite: command not found
                 $ corepack enable
                 $ npm ci && npm run build",
                &[
                    "fix: `npm ci && npm run build` failed (sh: 1: vite: command not found); it worked after `corepack enable`",
                ],
            ),
        ],
    );
}

#[test]
fn the_folder_counts() {
    check(
        FIXES,
        &[
            (
                "into a folder",
                "$ npm test !! npm ERR! Missing script: \"test\"
                 $ cd web && npm test",
                &["fix: `npm test` failed (npm ERR! Missing script: \"test\"); `cd web && npm test` worked"],
            ),
            (
                "back to the top",
                "in ~/app/web
                 $ cargo test !! error: could not find `Cargo.toml` in `/home/dev/app/web` or any parent directory
                 $ cd .. && cargo test",
                &["fix: `cargo test` failed (error: could not find `Cargo.toml` in `/home/dev/app/web` or any parent directory); `cd <project root> && cargo test` worked"],
            ),
            (
                "by the shell's own folder",
                "in ~/app/web
                 $ make build !! make: *** No rule to make target 'build'.  Stop.
                 in ~/app
                 $ make build",
                &["fix: `make build` failed (make: *** No rule to make target 'build'. Stop.); `cd <project root> && make build` worked"],
            ),
            (
                "the same folder by another name",
                "in ~/app/web
                 $ npm run dev !! Error: listen EADDRINUSE: address already in use :::3000
                 $ ./stop.sh
                 in ~/app
                 $ cd web && npm run dev",
                &["fix: `npm run dev` failed (Error: listen EADDRINUSE: address already in use :::3000); it worked after `./stop.sh`"],
            ),
        ],
    );
}

#[test]
fn a_bypass_is_told_only_when_the_user_named_it() {
    let bypass = "$ git commit -m 'a b' !! husky - pre-commit hook exited with code 1 (error)
         $ git commit --no-verify -m 'a b'";
    let failed = "`git commit -m <text>` failed";
    assert_eq!(texts(bypass, FIXES), [format!("pitfall: {failed}")]);
    let named = format!("> commit it with `--no-verify`, please\n{bypass}");
    let told = format!("fix: {failed}; `git commit --no-verify -m <text>` worked");
    assert_eq!(texts(&named, FIXES), [told]);
    check(
        FIXES,
        &[
            (
                "the parent agent's words are not the user's",
                "agent> commit with --no-verify
                 $ git commit -m 'a b' !! fatal: cannot lock ref
                 $ git commit --no-verify -m 'a b'",
                &["pitfall: `git commit -m <text>` failed (fatal: cannot lock ref)"],
            ),
            (
                "what the failure had as well is no bypass",
                "$ git push --force origin !! fatal: The current branch x has no upstream branch.
                 $ git push --force -u origin x",
                &[
                    "fix: `git push --force origin` failed (fatal: The current branch x has no upstream branch.); `git push --force -u origin x` worked",
                ],
            ),
            (
                "after a bypass the right way is still found",
                "$ git push origin x !! ! [rejected] x -> x (fetch first)
                 $ git push --force origin x
                 $ git push -u origin x",
                &[
                    "fix: `git push origin x` failed (! [rejected] x -> x (fetch first)); `git push -u origin x` worked",
                ],
            ),
            (
                "nor is it a step on the way",
                "$ git push origin x !! ! [rejected] x -> x (fetch first)
                 $ git push --force origin x
                 $ git push origin y",
                &["pitfall: `git push origin x` failed (! [rejected] x -> x (fetch first))"],
            ),
        ],
    );
}

#[test]
fn what_was_done_next_is_told_without_proof() {
    check(
        FIXES,
        &[
            (
                "the first other call of the program",
                "$ git push origin x !! ! [rejected] x -> x (fetch first)
                 $ git fetch origin
                 $ git rebase origin/x",
                &[
                    "fix: `git push origin x` failed (! [rejected] x -> x (fetch first)); the next step was `git fetch origin` [next]",
                ],
            ),
            (
                "one that says nothing particular does not",
                "$ git push origin x !! ! [rejected] x -> x (fetch first)
                 $ git fetch",
                &["pitfall: `git push origin x` failed (! [rejected] x -> x (fetch first))"],
            ),
            (
                "with what then worked",
                "$ gh pr create --fill !! could not determine base repo: no default repository
                 $ gh repo set-default dev/app
                 $ gh pr create --title 'a b'",
                &[
                    "fix: `gh pr create --fill` failed (could not determine base repo: no default repository); `gh repo set-default dev/app`, then `gh pr create --title <text>` worked",
                ],
            ),
            (
                "findings have no next step",
                "$ cargo test !! test a::bad ... FAILED
                 $ cargo build --release --locked",
                &[],
            ),
        ],
    );
}

#[test]
fn calls_that_did_not_fail_by_themselves_are_passed_over() {
    for end in ["rejected", "cancelled", "interrupted", "unknown"] {
        let script = format!("$ npm test ?? {end}\n$ npm test -- --run");
        assert_eq!(texts(&script, FIXES), [""; 0], "{end}");
        let refused_remedy =
            format!("$ npm run x !! npm ERR! Missing script: \"x\"\n$ npm run y ?? {end}");
        let pitfall = "pitfall: `npm run x` failed (npm ERR! Missing script: \"x\")";
        assert_eq!(texts(&refused_remedy, FIXES), [pitfall], "{end}");
    }
    check(
        FIXES,
        &[
            (
                "a search without a match",
                "$ grep -rn foo src !! Exit code 1\n$ grep -rn bar src",
                &[],
            ),
            (
                "a listing",
                "$ ls src/x !! ls: cannot access 'src/x': No such file or directory\n$ ls src",
                &[],
            ),
            ("nothing at all", "$  !! Exit code 1\n$ ls src", &[]),
        ],
    );
}

#[test]
fn the_users_next_words_may_name_the_fix() {
    let failed = "$ make test !! make: *** No rule to make target 'test'.  Stop.";
    let pitfall = "pitfall: `make test` failed (make: *** No rule to make target 'test'. Stop.)";
    let fix = "fix: `make test` failed (make: *** No rule to make target 'test'. Stop.); `make check` worked";
    let cases = [
        ("at once", "> it is called check\n$ make check", fix),
        ("after two calls", "> it is called check\n$ ls\n$ ls core\n$ make check", fix),
        ("after three", "> it is called check\n$ ls\n$ ls core\n$ ls web\n$ make check", pitfall),
        ("after a change", "> it is called check\nEdit ~/app/a\n$ make check", pitfall),
        ("after two prompts", "> hm\n> it is called check\n$ make check", pitfall),
        ("the same call: by what the user did", "> now it is there\n$ make test", pitfall),
    ];
    for (name, answer, expected) in cases {
        assert_eq!(texts(&format!("> test it\n{failed}\n{answer}"), FIXES), [expected], "{name}");
    }
}

#[test]
fn an_option_that_the_user_names_later_is_the_fix() {
    let failed = "> commit it\n$ git commit -m x !! error: the hook failed";
    let named = "> wait\n$ git status\n> I allow you to commit with \"--no-verify\"";
    let told = texts(&format!("{failed}\n{named}\n$ git commit --no-verify -m x"), FIXES);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("`git commit --no-verify -m x` worked"), "{told:?}");
    // Without the user's word it stays a way round the check, which is never told.
    let silent = texts(&format!("{failed}\n> wait\n> go on\n$ git commit --no-verify -m x"), FIXES);
    assert!(silent.iter().all(|text| !text.contains("no-verify")), "{silent:?}");
}

#[test]
fn the_reach_is_bounded() {
    let far = |calls: usize| {
        let between = "$ ls\n".repeat(calls);
        texts(
            &format!("$ npm run x !! npm ERR! Missing script: \"x\"\n{between}$ npm run x -- y"),
            FIXES,
        )
    };
    assert!(far(14)[0].starts_with("fix: "), "{:?}", far(14));
    assert!(far(15)[0].starts_with("pitfall: "), "{:?}", far(15));
}

fn only(script: &str) -> Draft {
    let mut found: Vec<Draft> =
        drafts(script).into_iter().filter(|draft| FIXES.contains(&draft.kind)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_fix_carries_its_evidence_and_payload() {
    let fix = only(
        "$ make migrate !! psql: error: connection refused
         $ docker compose up -d db
         Edit ~/app/.env
         Edit ~/app/.env
         $ make migrate",
    );
    let roles: Vec<Role> = fix.evidence.iter().map(|evidence| evidence.role).collect();
    assert_eq!(roles, [Role::Failure, Role::Success]);
    assert_eq!(
        (fix.tool.as_str(), fix.payload.commands.as_slice()),
        ("Bash", &["make migrate".to_string()][..])
    );
    assert_eq!(fix.payload.remedy, ["`docker compose up -d db`", "a change of .env"]);
    assert_eq!(fix.payload.files, [".env"]);
    let pitfall = only("$ make migrate !! psql: error: connection refused");
    assert_eq!(pitfall.kind, Kind::Pitfall);
    assert!(pitfall.payload.remedy.is_empty() && pitfall.evidence.len() == 1);
}

#[test]
fn the_same_fix_again_is_the_same_pattern() {
    let fix = |error: &str, port: &str| {
        only(&format!(
            "$ curl -f localhost:{port}/a !! {error}\n$ ./start.sh {port}\n$ curl -f localhost:{port}/a"
        ))
    };
    let once =
        fix("curl: (7) Failed to connect to localhost port 8080: Connection refused", "8080");
    let again =
        fix("curl: (7) Failed to connect to localhost port 8080: Connection refused", "8080");
    assert_eq!(once.id("p"), again.id("p"));
    assert_ne!(once.id("p"), again.id("q"));
    let both = "$ make migrate !! psql: error: connection refused
        $ ./start-db.sh
        $ make migrate
        $ make migrate !! psql: error: connection refused
        $ ./start-db.sh
        $ make migrate";
    assert_eq!(only(both).evidence.len(), 4);
}

#[test]
fn findings_of_a_check_are_one_pattern_whatever_was_found() {
    let id = |found: &str| {
        only(&format!("$ npm run lint !! {found}\n$ npm run lint:fix\n$ npm run lint")).id("p")
    };
    assert_eq!(id("a.js: x\\n(eslint)"), id("b.js: y\\n(eslint)"));
    let mistake =
        |error: &str| only(&format!("$ npm run lint !! {error}\n$ npm run lint:js")).id("p");
    assert_ne!(
        mistake("npm ERR! Missing script: \"lint\""),
        mistake("sh: eslint: command not found")
    );
}
