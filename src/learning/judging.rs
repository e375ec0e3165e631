//! What came of what hooks said, and of what was held back to compare with. Pure.
//!
//! A suggestion is judged by what the agent did next, the same way whether it was shown or not:
//! was it followed, did things go well, and after how many calls. What cannot be told from the
//! transcript stays open.

use super::extract::{Seen, View, name_of};
use crate::model::ids::StepId;
use crate::model::paths;
use crate::model::pattern::{Kind, Payload};
use crate::model::shell::normalise;
use crate::model::trajectory::{Call, path_of};
use crate::storage::{About, Told, Verdict};

/// Calls after a failure among which the one that mends it is looked for.
const REACH: usize = 10;

/// Calls after a failure that must be there before it counts as not mended.
const GIVEN_UP: usize = 3;

/// How far the time of a prompt's hook and that of its line may be apart, in milliseconds.
const SAME_PROMPT: i64 = 60_000;

/// The verdict on what was told in the trajectory behind `view`.
pub(super) fn judge(told: &Told, view: &View<'_>) -> Verdict {
    let open = Verdict { id: told.id, followed: None, well: None, calls: None };
    if told.tool_use.is_empty() {
        let window = window(told, view);
        return match &told.about {
            About::Pattern { kind, payload } => over(&window, *kind, payload, open),
            About::File(path) => named(&window, path, view, open),
        };
    }
    let id = StepId::derive(&told.tool_use);
    let Some(at) = view.calls.iter().position(|seen| seen.step.id == id) else { return open };
    let episode = view.calls[at].episode;
    let later = view.calls[at + 1..].iter().take_while(|seen| seen.episode == episode);
    let later: Vec<&Seen<'_>> = later.take(REACH).collect();
    match &told.about {
        About::Pattern { payload, .. } => after(&view.calls[at], &later, payload, view, open),
        About::File(path) => named(&later, path, view, open),
    }
}

/// The calls for which something said at the start of a session or at a prompt holds.
fn window<'v, 'a>(told: &Told, view: &'v View<'a>) -> Vec<&'v Seen<'a>> {
    if told.event != "UserPromptSubmit" {
        return view.calls.iter().filter(|seen| seen.at() >= told.at).collect();
    }
    let prompts = view.episodes.iter().enumerate().filter_map(|(number, episode)| {
        let at = view.steps[episode.prompt?.0].at?;
        Some((at.abs_diff(told.at), number))
    });
    match prompts.min() {
        Some((apart, number)) if apart <= SAME_PROMPT as u64 => view.calls_of(number).collect(),
        _ => Vec::new(),
    }
}

/// What came of a pattern that was said about one call.
fn after(
    call: &Seen<'_>,
    later: &[&Seen<'_>],
    payload: &Payload,
    view: &View<'_>,
    open: Verdict,
) -> Verdict {
    if call.worked() {
        return Verdict { well: Some(true), calls: Some(0), ..open };
    }
    let mended = mend(call, later);
    let tried = &later[..mended.map_or(later.len(), |at| at + 1)];
    let well = match mended {
        Some(_) => Some(true),
        None if later.len() >= GIVEN_UP => Some(false),
        // The session may still be going on.
        None => None,
    };
    let remedies: Vec<String> =
        payload.remedy.iter().flat_map(|command| keys_of(command)).collect();
    let follows = |seen: &&&Seen<'_>| {
        let command = match &seen.command {
            Some(command) => remedies.contains(&command.key()),
            None => name_of(seen.call).is_some_and(|name| remedies.contains(&name)),
        };
        command || on_one_of(seen, &payload.files, view)
    };
    let followed = tried.iter().any(|seen| follows(&seen));
    let calls = mended.map(|at| at as u32 + 1);
    Verdict { followed: well.map(|_| followed), well, calls, ..open }
}

/// Which of the `later` calls is the first that did what the failed `call` was for.
fn mend(call: &Seen<'_>, later: &[&Seen<'_>]) -> Option<usize> {
    later.iter().position(|seen| seen.worked() && same_intent(call, seen))
}

/// A failed call that a later one mended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mended {
    /// Step of the failed call.
    pub(super) call: StepId,
    /// Characters of the calls and errors from it to the one that worked, as far as steps keep
    /// them.
    pub(super) characters: u64,
    /// Milliseconds from the one to the other; `None` where a line has no time.
    pub(super) time: Option<u64>,
}

/// The failed calls of a trajectory that were mended, by the rule by which suggestions are judged.
pub(super) fn mended(view: &View<'_>) -> Vec<Mended> {
    let mut found = Vec::new();
    for (at, failed) in view.calls.iter().enumerate() {
        if !failed.call.outcome.failed() {
            continue;
        }
        let later = view.calls[at + 1..].iter().take_while(|seen| seen.episode == failed.episode);
        let later: Vec<&Seen<'_>> = later.take(REACH).collect();
        let Some(n) = mend(failed, &later) else { continue };
        let spent = std::iter::once(&failed).chain(&later[..n]).map(|seen| seen.call);
        let characters = |call: &Call| call.subject.chars().count() + call.error.chars().count();
        let times = (failed.step.at, later[n].step.at);
        found.push(Mended {
            call: failed.step.id,
            characters: spent.map(|call| characters(call) as u64).sum(),
            time: times.0.zip(times.1).and_then(|(from, to)| u64::try_from(to - from).ok()),
        });
    }
    found
}

/// What came of a pattern that was said beforehand: it counts where its command was run.
fn over(window: &[&Seen<'_>], kind: Kind, payload: &Payload, open: Verdict) -> Verdict {
    let keys = |commands: &[String]| commands.iter().flat_map(|c| keys_of(c)).collect::<Vec<_>>();
    let runs = |keys: &[String], seen: &Seen<'_>| match &seen.command {
        Some(command) => keys.contains(&command.key()),
        None => name_of(seen.call).is_some_and(|name| keys.contains(&name)),
    };
    let (commands, remedies) = (keys(&payload.commands), keys(&payload.remedy));
    match kind {
        Kind::Fix | Kind::Pitfall => {
            // The failing one stands first.
            let failing = keys(payload.commands.get(..1).unwrap_or_default());
            let failed = window.iter().any(|seen| !seen.worked() && runs(&failing, seen));
            let followed = window.iter().any(|seen| runs(&remedies, seen));
            if !failed && !followed {
                return open;
            }
            Verdict { followed: Some(followed), well: Some(!failed), ..open }
        }
        Kind::Recipe => {
            let Some(first) = window.iter().find(|seen| runs(&commands, seen)) else { return open };
            Verdict { followed: Some(true), well: Some(first.worked()), ..open }
        }
        // What the user wants, and what work was about, no exit code tells.
        Kind::Path | Kind::Decision | Kind::Episode | Kind::Skill => open,
    }
}

/// What came of a file that was named.
fn named(window: &[&Seen<'_>], path: &str, view: &View<'_>, open: Verdict) -> Verdict {
    if window.is_empty() {
        return open;
    }
    let path = [path.to_owned()];
    let at = window.iter().position(|seen| on_one_of(seen, &path, view));
    let calls = at.map(|at| at as u32 + 1);
    Verdict { followed: Some(at.is_some()), well: Some(at.is_some()), calls, ..open }
}

/// Whether a call of a file tool is on one of `paths`, which are relative to the project.
fn on_one_of(seen: &Seen<'_>, paths: &[String], view: &View<'_>) -> bool {
    path_of(&seen.call.tool, &seen.call.subject)
        .is_some_and(|path| paths.contains(&view.relative(path, &seen.step.cwd)))
}

/// Whether a later call is another try at what `call` was for: the same program, or a file of the
/// same name.
fn same_intent(call: &Seen<'_>, later: &Seen<'_>) -> bool {
    match (&call.command, &later.command) {
        (Some(ours), Some(theirs)) => ours
            .parts
            .iter()
            .any(|part| theirs.parts.iter().any(|other| other.program == part.program)),
        (None, None) => {
            call.call.tool == later.call.tool && file_name(call.call) == file_name(later.call)
        }
        _ => false,
    }
}

fn file_name(call: &Call) -> Option<&str> {
    path_of(&call.tool, &call.subject).map(paths::name)
}

/// What a call is compared with: the template of a command, and the name of what is none.
fn keys_of(command: &str) -> [String; 2] {
    [normalise(command).key(), command.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learning::extract::testing::{NOW, ROOT, steps};

    const MINUTE: i64 = 60_000;

    fn fix() -> About {
        let payload = Payload {
            commands: vec!["make test".into()],
            remedy: vec!["make setup".into()],
            ..Payload::default()
        };
        About::Pattern { kind: Kind::Fix, payload }
    }

    /// The verdict on something said in a scripted session: about its call number `call`, or at
    /// `event` as its step number `call` happened.
    fn verdict(script: &str, about: About, event: &str, call: usize) -> Verdict {
        let mut steps = steps(script);
        let at = NOW + call as i64 * MINUTE;
        let tool_use = match event {
            "SessionStart" | "UserPromptSubmit" => String::new(),
            _ => {
                steps[call].id = StepId::derive("toolu_x");
                "toolu_x".into()
            }
        };
        let told = Told { id: 7, about, event: event.into(), tool_use, at };
        judge(&told, &View::new(&steps, ROOT))
    }

    fn is(followed: Option<bool>, well: Option<bool>, calls: Option<u32>) -> Verdict {
        Verdict { id: 7, followed, well, calls }
    }

    #[test]
    fn a_fix_is_judged_by_what_mends_the_failure() {
        let failure = "PostToolUseFailure";
        for (name, script, expected) in [
            (
                "followed and mended",
                "> go\n$ make test !! no rule\n$ make setup\n$ make test",
                is(Some(true), Some(true), Some(1)),
            ),
            (
                "mended otherwise",
                "> go\n$ make test !! no rule\n$ ls\n$ make check",
                is(Some(false), Some(true), Some(2)),
            ),
            (
                "followed in vain",
                "> go\n$ make test !! no rule\n$ make setup !! no\n$ ls\n$ cat x",
                is(Some(true), Some(false), None),
            ),
            (
                "not mended before the next prompt",
                "> go\n$ make test !! no rule\n$ ls\n$ ls\n$ ls\n> other\n$ make test",
                is(Some(false), Some(false), None),
            ),
            ("going on", "> go\n$ make test !! no rule\n$ ls", is(None, None, None)),
            ("it worked", "> go\n$ make test\n$ ls", is(None, Some(true), Some(0))),
        ] {
            assert_eq!(verdict(script, fix(), failure, 1), expected, "{name}");
        }
        assert_eq!(verdict("> go\n$ ls", fix(), failure, 0), is(None, None, None), "no such call");
    }

    #[test]
    fn a_failure_costs_what_lies_before_the_call_that_worked() {
        let script = "> go\n$ make test !! no rule\n$ ls\n$ make check\n> on\n$ cat x !! none";
        let steps = steps(script);
        let mended = mended(&View::new(&steps, ROOT));
        let characters = "make test".len() + "no rule".len() + "ls".len();
        let time = steps[3].at.zip(steps[1].at).map(|(to, from)| (to - from) as u64);
        let expected = Mended { call: steps[1].id, characters: characters as u64, time };
        assert_eq!(mended, [expected], "the second is not mended");
    }

    #[test]
    fn a_brief_is_judged_where_its_command_was_run() {
        let start = "SessionStart";
        for (name, script, expected) in [
            ("avoided", "> go\n$ make setup\n$ make test", is(Some(true), Some(true), None)),
            ("met again", "> go\n$ make test !! no rule", is(Some(false), Some(false), None)),
            ("not its business", "> go\n$ ls", is(None, None, None)),
        ] {
            assert_eq!(verdict(script, fix(), start, 0), expected, "{name}");
        }
        let recipe = || {
            let payload = Payload { commands: vec!["make e2e".into()], ..Payload::default() };
            About::Pattern { kind: Kind::Recipe, payload }
        };
        assert_eq!(
            verdict("> go\n$ make e2e", recipe(), start, 0),
            is(Some(true), Some(true), None)
        );
        assert_eq!(
            verdict("> go\n$ make e2e !! x\n$ make e2e", recipe(), start, 0),
            is(Some(true), Some(false), None)
        );
        assert_eq!(verdict("> go\n$ make lint", recipe(), start, 0), is(None, None, None));
        let skill = || {
            let payload = Payload {
                commands: vec!["Skill commit".into()],
                remedy: vec!["Skill git:commit".into()],
                ..Payload::default()
            };
            About::Pattern { kind: Kind::Fix, payload }
        };
        for (script, expected) in [
            (r#"> go\nSkill {"skill":"git:commit"}"#, is(Some(true), Some(true), None)),
            (r#"> go\nSkill {"skill":"commit"} !! no"#, is(Some(false), Some(false), None)),
            (r#"> go\nSkill {"skill":"other"}"#, is(None, None, None)),
        ] {
            let script = script.replace("\\n", "\n");
            assert_eq!(verdict(&script, skill(), start, 0), expected, "{script}");
        }
    }

    #[test]
    fn a_file_is_judged_in_its_episode() {
        let file = || About::File("src/a.rs".into());
        let script = "> one\n$ ls\n> two\n$ ls\nEdit src/a.rs :: x\n> three";
        let prompt = "UserPromptSubmit";
        assert_eq!(verdict(script, file(), prompt, 2), is(Some(true), Some(true), Some(2)));
        assert_eq!(verdict(script, file(), prompt, 0), is(Some(false), Some(false), None));
        assert_eq!(
            verdict(script, file(), prompt, 5),
            is(None, None, None),
            "nothing was done yet"
        );
        assert_eq!(verdict(script, file(), prompt, 90), is(None, None, None), "no such prompt");
    }
}
