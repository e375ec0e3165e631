//! Episodes: a prompt's subject, and the files and checks that settled it.

use super::{View, wording};
use crate::model::paths;
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
use crate::model::shell::Category;
use crate::model::text;
use crate::model::trajectory::Author;

/// Files and checks that an episode names.
const FILES: usize = 8;
const CHECKS: usize = 2;

/// Shortest prompt that says what it is about, in bytes.
const TELLING: usize = 20;

/// One pattern for each prompt that led to changes.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    for (n, episode) in view.episodes.iter().enumerate() {
        let Some((prompt, Author::Human | Author::Command)) = episode.prompt else { continue };
        let Some(words) = view.prompt_text(episode).filter(|text| text.len() >= TELLING) else {
            continue;
        };
        let (files, checks) = outcome(view, n);
        if files.is_empty() {
            continue;
        }
        let step = &view.steps[prompt];
        let subject = text::one_line(words, 120);
        let mut said = format!("\"{subject}\" led to changes of {}", files.join(", "));
        if !checks.is_empty() {
            said.push_str("; checked with `");
            said.push_str(&checks.join("`, `"));
            said.push('`');
        }
        drafts.push(Draft {
            kind: Kind::Episode,
            tool: String::new(),
            category: "",
            identity: (text::one_line(words, 400), String::new()),
            keys: Vec::new(),
            trigger: text::cut(words, 2_000).to_string(),
            text: said,
            payload: Payload { files, commands: checks, ..Payload::default() },
            evidence: vec![Evidence {
                step: step.id,
                at: step.at.unwrap_or(0),
                role: Role::Success,
            }],
        });
    }
}

/// Files that the episode changed, most changed first, and the checks that then passed.
fn outcome(view: &View<'_>, n: usize) -> (Vec<String>, Vec<String>) {
    let mut files: Vec<(String, usize)> = Vec::new();
    let mut checks: Vec<String> = Vec::new();
    for seen in view.calls_of(n).filter(|seen| seen.worked()) {
        if seen.edits() {
            let path = view.relative(&seen.call.subject, &seen.step.cwd);
            if !paths::is_inside(&path) {
                continue;
            }
            checks.clear();
            match files.iter_mut().find(|(known, _)| *known == path) {
                Some((_, count)) => *count += 1,
                None => files.push((path, 1)),
            }
        } else if let Some(command) = &seen.command
            && command.parts.iter().any(|part| {
                matches!(
                    part.category(),
                    Category::Test | Category::Build | Category::Lint | Category::TypeCheck
                )
            })
        {
            let shown = wording::command(command);
            if !checks.contains(&shown) {
                checks.push(shown);
            }
        }
    }
    files.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let files = files.into_iter().take(FILES).map(|(path, _)| path).collect();
    checks.truncate(CHECKS);
    (files, checks)
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::testing::{check, drafts};
    use crate::model::pattern::Kind;

    #[test]
    fn a_prompt_with_the_changes_and_checks_that_it_led_to() {
        check(
            &[Kind::Episode],
            &[
                (
                    "most changed first, checks after the last change",
                    "> add a logout button to the header
                     $ npm run build
                     Edit ~/app/src/header.ts
                     Edit ~/app/src/logout.ts
                     Edit ~/app/src/logout.ts
                     $ npm test
                     $ npm run lint",
                    &[
                        "\"add a logout button to the header\" led to changes of src/logout.ts, src/header.ts; checked with `npm test`, `npm run lint`",
                    ],
                ),
                (
                    "without a check",
                    "> add a logout button to the header
                     Write ~/app/src/logout.ts
                     $ npm test !! 1 failed",
                    &["\"add a logout button to the header\" led to changes of src/logout.ts"],
                ),
                (
                    "a slash command's text",
                    "command> refactor the payment module
                     Edit ~/app/pay.ts",
                    &["\"refactor the payment module\" led to changes of pay.ts"],
                ),
                (
                    "the parent agent's",
                    "agent> refactor the payment module\nEdit ~/app/pay.ts",
                    &[],
                ),
                ("no changes", "> explain the payment module\nRead ~/app/pay.ts", &[]),
                ("changes elsewhere", "> write down the plan for it\nWrite ~/notes/plan.md", &[]),
                ("too short to tell", "> yes, go on\nEdit ~/app/pay.ts", &[]),
                ("a change that failed", "> fix the payment module\nEdit ~/app/pay.ts !! x", &[]),
            ],
        );
    }

    #[test]
    fn files_and_checks_are_bounded() {
        let edits: Vec<String> = (0..20).map(|n| format!("Edit ~/app/f{n}.ts\n")).collect();
        let edits = edits.concat();
        let script =
            format!("> rename the module everywhere\n{edits}$ npm test\n$ npm run lint\n$ npx tsc");
        let found = drafts(&script);
        let episode = found.iter().find(|draft| draft.kind == Kind::Episode).unwrap();
        assert_eq!((episode.payload.files.len(), episode.payload.commands.len()), (8, 2));
        assert_eq!(episode.payload.files[0], "f0.ts");
    }
}
