//! Commands that keep working here, by purpose.

use super::view::Seen;
use super::{View, view, wording};
use crate::model::key::{Key, Space};
use crate::model::paths;
use crate::model::pattern::{Draft, Kind, Payload, Role};
use crate::model::shell::{Category, Part, normalise};
use crate::model::trajectory::Outcome;

/// Notes every run of a command with a purpose. A run of several commands tells of each only
/// when all worked; which one failed is not known otherwise.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    for seen in &view.calls {
        let Some(command) = &seen.command else { continue };
        let role = match seen.call.outcome {
            Outcome::Success => Role::Success,
            outcome if outcome.failed() && command.parts.len() == 1 => Role::Failure,
            _ => continue,
        };
        for part in command.parts.iter().filter(|part| has_purpose(part) && is_lasting(part)) {
            // The part alone is the recipe: `cd x && npm test` teaches `npm test` in `x`.
            let alone = normalise(&part.exact());
            let shown = wording::command(&alone);
            let shown = match folder(view, seen, part).as_str() {
                "" | "." => shown,
                dir => format!("cd {dir} && {shown}"),
            };
            drafts.push(Draft {
                kind: Kind::Recipe,
                tool: "Bash".into(),
                category: part.category().as_str(),
                identity: (shown.clone(), String::new()),
                keys: vec![
                    Key::new(Space::Command, &alone.key()),
                    Key::new(Space::Head, &part.head),
                ],
                trigger: format!("{} {shown} {}", part.category().as_str(), seen.call.detail),
                text: format!("`{shown}`"),
                payload: Payload { commands: vec![shown], ..Payload::default() },
                evidence: vec![seen.evidence(role)],
            });
        }
    }
}

/// The folder in which a command runs, relative to the project: the one that it names, else the
/// current one where that is a part of the project.
fn folder(view: &View<'_>, seen: &Seen<'_>, part: &Part) -> String {
    let cwd = &seen.step.cwd;
    match part.dir.as_deref() {
        Some(dir) => view.relative(dir, cwd),
        None if cwd.is_empty() => String::new(),
        None => {
            Some(view.relative(".", cwd)).filter(|dir| paths::is_inside(dir)).unwrap_or_default()
        }
    }
}

/// Whether the command is for something that recurs.
fn has_purpose(part: &Part) -> bool {
    matches!(
        part.category(),
        Category::Test
            | Category::Build
            | Category::Lint
            | Category::Format
            | Category::TypeCheck
            | Category::Run
            | Category::Install
            | Category::Release
    )
}

/// Whether the command is one that a later session can use: not code on the command line or in a
/// here-document, not a question for help, not something in a temporary folder.
fn is_lasting(part: &Part) -> bool {
    let interpreter = ["python", "python3", "node", "ruby", "perl", "bash", "sh", "zsh", "deno"]
        .contains(&part.program.as_str());
    let one_off = part.words.iter().skip(1).any(|word| {
        let inline = interpreter && matches!(word.as_str(), "-c" | "-e" | "-" | "eval");
        inline || word.contains("/tmp/") || word.starts_with("/var/")
    });
    let is_program = !part.program.starts_with(|c: char| "-{[(<".contains(c));
    is_program && !one_off && !view::asks_for_help(part) && !part.reads_text()
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::testing::{drafts, texts};
    use crate::model::pattern::{Kind, Role};

    fn recipes(script: &str) -> Vec<String> {
        texts(script, &[Kind::Recipe])
    }

    #[test]
    fn commands_with_a_purpose_are_kept() {
        let cases: &[(&str, &str, &[&str])] = &[
            ("a test", "$ cargo test --lib", &["`cargo test --lib`"]),
            ("each part", "$ cargo fmt && cargo test", &["`cargo fmt`", "`cargo test`"]),
            ("without cosmetics", "$ npm test 2>&1 | tail -5", &["`npm test`"]),
            ("its folder", "$ cd web && npm test", &["`cd web && npm test`"]),
            ("its folder by option", "$ npm --prefix web test", &["`cd web && npm test`"]),
            ("its folder is the project", "$ cd /home/dev/app && npm test", &["`npm test`"]),
            ("the current folder", "in ~/app/web\n$ npm test", &["`cd web && npm test`"]),
            (
                "below the current folder",
                "in ~/app/web\n$ cd api && npm test",
                &["`cd web/api && npm test`"],
            ),
            ("a folder elsewhere", "in ~/other\n$ npm test", &["`npm test`"]),
            ("its environment", "$ CI=1 npm test", &["`CI=1 npm test`"]),
            ("looking around", "$ ls\n$ git status\n$ cat a", &[]),
            ("another tool", "Read ~/app/test", &[]),
            ("a refused one", "$ npm test ?? rejected", &[]),
            ("an unfinished one", "$ npm test ?? unknown", &[]),
        ];
        for (name, script, expected) in cases {
            assert_eq!(recipes(script), *expected, "{name}");
        }
    }

    #[test]
    fn what_a_later_session_cannot_use_is_not_kept() {
        for command in [
            "python3 -c 'import unittest; unittest.main()'",
            "node -e 'require(\"./build\")'",
            "npm test --help",
            "cargo build -h",
            "cargo --version",
            "go test /tmp/x/...",
            "pytest /var/folders/x/test_a.py",
            "bash /tmp/run-tests.sh",
            "python3 - <<'EOF'\\nprint(1)\\nEOF",
            "python3 <<'EOF'\\nprint(1)\\nEOF",
            "node <<< 'console.log(1)'",
            "cargo run <<'EOF'\\none\\nEOF",
        ] {
            assert_eq!(recipes(&format!("$ {command}")), [""; 0], "{command}");
        }
        // The same letters mean something else to other programs.
        assert_eq!(recipes("$ make -e test"), ["`make -e test`"]);
    }

    #[test]
    fn failures_count_against_it_when_it_is_clear_which_failed() {
        let roles = |script: &str| -> Vec<Role> {
            let found = drafts(script);
            let recipes = found.into_iter().filter(|draft| draft.kind == Kind::Recipe);
            recipes.flat_map(|draft| draft.evidence).map(|evidence| evidence.role).collect()
        };
        assert_eq!(roles("$ npm test\n$ npm test !! x"), [Role::Success, Role::Failure]);
        assert_eq!(roles("$ npm test | tail !~ x"), [Role::Failure]);
        assert_eq!(roles("$ npm test && npm run build !! x"), []);
    }

    #[test]
    fn it_is_found_by_purpose_and_description() {
        let found = drafts("$ npm run e2e :: Runs the browser tests");
        assert_eq!(found[0].category, "test");
        assert_eq!(found[0].trigger, "test npm run e2e Runs the browser tests");
        assert_eq!(found[0].payload.commands, ["npm run e2e"]);
    }
}
