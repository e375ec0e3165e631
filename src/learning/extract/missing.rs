//! Paths that did not exist, and the ones that were then used.

use super::View;
use super::view::Seen;
use crate::model::key::{Key, Space};
use crate::model::paths;
use crate::model::pattern::{Draft, Kind, Payload, Role};
use crate::model::signature::ErrorClass;
use crate::model::trajectory;

/// Calls after a wrong path among which the right one is looked for.
const REACH: usize = 8;

/// Finds, for every path that a file tool did not find, the one that was used instead.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    for (n, failed) in view.calls.iter().enumerate() {
        let Some((_, ErrorClass::NoSuchFile)) = &failed.error else { continue };
        let Some(wrong) = path_of(failed) else { continue };
        let later = view.calls[n + 1..].iter().take(REACH);
        let right = later
            .take_while(|seen| seen.episode == failed.episode)
            .filter(|seen| seen.worked())
            .find_map(|seen| path_of(seen).filter(|path| is_meant(wrong, path)).map(|p| (seen, p)));
        if let Some((seen, right)) = right {
            let wrong = view.relative(wrong, &failed.step.cwd);
            let right = view.relative(right, &seen.step.cwd);
            if wrong != right {
                drafts.push(draft(failed, seen, &wrong, right));
            }
        }
    }
}

/// The path that a file tool was called on.
fn path_of<'a>(seen: &Seen<'a>) -> Option<&'a str> {
    let path = trajectory::path_of(&seen.call.tool, &seen.call.subject)?;
    // The last word of a search is its path when it looks like one.
    let is_path = !trajectory::searches(&seen.call.tool) || path.contains('/');
    (is_path && !path.contains(['*', '?'])).then_some(path)
}

/// Whether `right` plausibly is what `wrong` meant: the same name, the same stem, or in the same
/// folder a name that begins alike (`total.ts`, `totals.ts`).
fn is_meant(wrong: &str, right: &str) -> bool {
    let (a, b) = (paths::name(wrong), paths::name(right));
    if a == b {
        return true;
    }
    let (stem_a, stem_b) = (paths::stem(a), paths::stem(b));
    let both_files = stem_a != a && stem_b != b;
    let shorter = stem_a.len().min(stem_b.len());
    let alike = stem_a.starts_with(stem_b) || stem_b.starts_with(stem_a);
    let same_folder = wrong[..wrong.len() - a.len()] == right[..right.len() - b.len()];
    both_files && shorter >= 3 && (stem_a == stem_b || (alike && same_folder && shorter >= 4))
}

fn draft(failed: &Seen<'_>, seen: &Seen<'_>, wrong: &str, right: String) -> Draft {
    Draft {
        kind: Kind::Path,
        tool: failed.call.tool.clone(),
        category: "",
        identity: (wrong.to_string(), right.clone()),
        keys: vec![Key::new(Space::Path, wrong), Key::new(Space::FileName, paths::name(wrong))],
        trigger: wrong.to_string(),
        text: format!("`{wrong}` does not exist; the file is `{right}`"),
        payload: Payload { files: vec![right], ..Payload::default() },
        evidence: vec![failed.evidence(Role::Failure), seen.evidence(Role::Success)],
    }
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::testing::{check, drafts};
    use crate::model::pattern::Kind;

    const MISSING: &str = "!! <tool_use_error>File does not exist.</tool_use_error>";

    #[test]
    fn the_path_that_was_used_instead() {
        let wrong = format!("Read ~/app/src/user.ts {MISSING}");
        let edit = format!("Edit ~/app/src/user.ts {MISSING}");
        let found = |right: &str| format!("`src/user.ts` does not exist; the file is `{right}`");
        let cases = [
            (
                "the same name elsewhere",
                format!("{wrong}\nRead ~/app/lib/user.ts"),
                Some("lib/user.ts"),
            ),
            (
                "another extension",
                format!("{wrong}\nRead ~/app/src/user.tsx"),
                Some("src/user.tsx"),
            ),
            ("by another tool", format!("{edit}\nWrite ~/app/lib/user.ts"), Some("lib/user.ts")),
            (
                "where a search looked",
                format!("{wrong}\nGrep login lib/user.ts"),
                Some("lib/user.ts"),
            ),
            ("outside the project", format!("{wrong}\nRead ~/web/user.ts"), Some("~/web/user.ts")),
            (
                "with others before it",
                format!("{wrong}\nRead ~/app/a.ts\nRead ~/app/lib/user.ts"),
                Some("lib/user.ts"),
            ),
            (
                "a name that begins alike",
                format!("{wrong}\nRead ~/app/src/users.ts"),
                Some("src/users.ts"),
            ),
            ("one in another folder", format!("{wrong}\nRead ~/app/lib/users.ts"), None),
            ("another name", format!("{wrong}\nRead ~/app/src/account.ts"), None),
            ("a folder's name", format!("{wrong}\nRead ~/app/src/user"), None),
            ("one that failed too", format!("{wrong}\nRead ~/app/lib/user.ts {MISSING}"), None),
            ("the same one, made meanwhile", format!("{wrong}\nRead ~/app/src/user.ts"), None),
            ("what matched a pattern", format!("{wrong}\nGlob lib/*/user.ts"), None),
            ("by a command", format!("{wrong}\n$ cat lib/user.ts"), None),
            ("after another prompt", format!("{wrong}\n> go on\nRead ~/app/lib/user.ts"), None),
            (
                "too late",
                format!("{wrong}\n{}Read ~/app/lib/user.ts", "Read ~/app/a.ts\n".repeat(8)),
                None,
            ),
            (
                "another error",
                "Read ~/app/src/user.ts !! EACCES: permission denied\nRead ~/app/lib/user.ts"
                    .into(),
                None,
            ),
        ];
        for (name, script, right) in cases {
            let expected: Vec<String> = right.map(found).into_iter().collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            check(&[Kind::Path], &[(name, &script, &expected)]);
        }
    }

    #[test]
    fn short_stems_say_nothing() {
        check(
            &[Kind::Path],
            &[
                (
                    "three that begin alike",
                    &format!("Read ~/app/api.js {MISSING}\nRead ~/app/apis.js"),
                    &[],
                ),
                ("two letters", &format!("Read ~/app/db.js {MISSING}\nRead ~/app/db.ts"), &[]),
                (
                    "three letters",
                    &format!("Read ~/app/api.js {MISSING}\nRead ~/app/api.ts"),
                    &["`api.js` does not exist; the file is `api.ts`"],
                ),
            ],
        );
    }

    #[test]
    fn it_is_found_by_path_and_by_name() {
        let script = format!("Read ~/app/src/user.ts {MISSING}\nRead ~/app/lib/user.ts");
        let found = drafts(&script);
        let path = found.iter().find(|draft| draft.kind == Kind::Path).unwrap();
        assert_eq!(path.keys.len(), 2);
        assert_eq!(path.payload.files, ["lib/user.ts"]);
        assert_eq!(path.tool, "Read");
        assert_eq!(path.evidence.len(), 2);
    }
}
