//! Fixes and pitfalls: a command failed; what then worked, or that nothing did.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::view::Seen;
use super::{View, view, wording};
use crate::model::key::{Key, Space};
use crate::model::pattern::{Draft, Kind, Payload, Role};
use crate::model::shell::{Category, Normal};
use crate::model::signature::{ErrorClass, Signature};
use crate::model::text;

#[cfg(test)]
mod tests;

/// Calls after a failure among which its mending is looked for.
const REACH: usize = 15;

/// Prompts of the user after the failure that are still looked at.
const ANSWERS: usize = 3;

/// Calls after the first of them that count without being named in it.
const AFTER_ANSWER: usize = 3;

/// Steps in between that a fix names, the latest ones.
const STEPS_NAMED: usize = 3;

/// Finds the fix of every failed command, or notes that there was none.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    for (n, failed) in view.calls.iter().enumerate() {
        let (Some(command), Some((signature, class))) = (&failed.command, &failed.error) else {
            continue;
        };
        // A search that found nothing is an answer, not a mistake; paths have their own kind.
        if failed.only_searches() || command.parts.is_empty() {
            continue;
        }
        let failure = Failure { seen: failed, command, signature, class: *class };
        match mending(&failure, view, n) {
            Mending::Known(draft) => drafts.push(*draft),
            Mending::Unknown if class.is_mistake() => drafts.push(pitfall(&failure)),
            Mending::Unknown | Mending::Needless => {}
        }
    }
}

/// What became of a failure.
enum Mending {
    /// This mended it, or at least was done next.
    Known(Box<Draft>),
    /// It passed by itself or in the normal course of work: nothing to tell.
    Needless,
    /// Nothing that was seen mended it.
    Unknown,
}

impl Mending {
    fn known(draft: Draft) -> Self {
        Self::Known(Box::new(draft))
    }
}

/// A failed command.
struct Failure<'a> {
    seen: &'a Seen<'a>,
    command: &'a Normal,
    signature: &'a Signature,
    class: ErrorClass,
}

impl Failure<'_> {
    /// Whether it belongs to the normal edit-test loop.
    fn is_routine(&self) -> bool {
        !self.class.is_mistake()
    }

    /// Under which this very failure is found.
    fn key(&self) -> Key {
        let both = format!("{}\n{}", self.command.key(), self.signature.key);
        Key::new(Space::CommandError, &both)
    }
}

/// Follows the calls after the failure number `n` until one settles it. When none does, the
/// first other call of the same program tells at least what was done next.
fn mending(failure: &Failure<'_>, view: &View<'_>, n: usize) -> Mending {
    let mut search = Search { failure, view, between: Vec::new(), next: None };
    let mut beyond = 0;
    for later in view.calls[n + 1..].iter().take(REACH) {
        // The user's next words may say how it is done; what follows them at once counts too.
        // Later words count when they name the very option that the call then has.
        let prompts = later.episode - failure.seen.episode;
        let answered = prompts > 0;
        beyond += usize::from(answered);
        if prompts > ANSWERS {
            break;
        }
        let too_late = beyond > AFTER_ANSWER || prompts > 1;
        if !later.worked() || (too_late && !view.was_told_how(later)) {
            continue;
        }
        let found = if later.edits() {
            search.edit(later, answered)
        } else if let Some(command) = &later.command {
            search.command(later, command, answered)
        } else {
            ControlFlow::Continue(())
        };
        match found {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Some(mending)) => return mending,
            ControlFlow::Break(None) => break,
        }
    }
    search.end()
}

/// How a search goes on after a call: further, to its end, or no more because of what was found.
type Found = ControlFlow<Option<Mending>>;

/// The search for what mended a failure.
struct Search<'a> {
    failure: &'a Failure<'a>,
    view: &'a View<'a>,
    /// Calls that worked since and may have mended it.
    between: Vec<&'a Seen<'a>>,
    /// What was done next, in case that nothing settles it.
    next: Option<(&'a Seen<'a>, &'a Normal)>,
}

impl<'a> Search<'a> {
    /// A change of a file; `answered` says whether the user has spoken since the failure.
    fn edit(&mut self, later: &'a Seen<'a>, answered: bool) -> Found {
        if answered {
            return ControlFlow::Break(None);
        }
        self.between.push(later);
        ControlFlow::Continue(())
    }

    /// A command that worked.
    fn command(&mut self, later: &'a Seen<'a>, command: &'a Normal, answered: bool) -> Found {
        let (failure, view) = (self.failure, self.view);
        if command.parts.iter().all(view::asks_for_help) {
            return ControlFlow::Continue(());
        }
        let same_folder = later.folder(view) == failure.seen.folder(view);
        if repeats(failure.command, command) && same_folder {
            return ControlFlow::Break((!answered).then(|| self.repeated(later, command)));
        }
        let bypass = bypasses(failure.command, command, view);
        if is_second_try(failure, command) {
            return if bypass {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(Some(self.second_try(later, command)))
            };
        }
        if self.next.is_none() && !answered && !bypass && tells_a_step(failure, command) {
            self.next = Some((later, command));
        }
        if !later.only_looks() {
            self.between.push(later);
        }
        ControlFlow::Continue(())
    }

    /// The failed command worked later, perhaps with other arguments: what was done in between
    /// tells why, if anything does.
    fn repeated(&self, later: &Seen<'_>, command: &Normal) -> Mending {
        match after_steps(self.failure, later, &self.between, self.view) {
            Some(draft) => Mending::known(draft),
            None if !repeats_exactly(self.failure.command, command) => Mending::Unknown,
            None if !self.between.is_empty() => Mending::Needless,
            // Not with other rights, and not with another filter behind it.
            None if self.failure.seen.call.subject == later.call.subject => {
                Mending::known(rerun(self.failure, later))
            }
            None => match prepared(self.failure, later, command, self.view)
                .or_else(|| without_wrapper(self.failure, later))
            {
                Some(draft) => Mending::known(draft),
                None => Mending::Needless,
            },
        }
    }

    /// Another call worked where the failed one did not.
    fn second_try(&self, later: &Seen<'_>, command: &Normal) -> Mending {
        // Between findings and a check that passes stands the edit, not the other command.
        let edited = self.between.iter().any(|step| step.command.is_none());
        if edited && self.failure.is_routine() {
            return Mending::Needless;
        }
        Mending::known(other_call(self.failure, later, command, self.next, self.view))
    }

    /// No call settled it.
    fn end(self) -> Mending {
        match self.next {
            Some((later, command)) => {
                Mending::known(next_step(self.failure, later, command, self.view))
            }
            None => Mending::Unknown,
        }
    }
}

/// Whether `later` plausibly is another try of what failed: the same program and subcommand,
/// or, when the command itself was wrong, another program with mostly the same words.
fn is_second_try(failure: &Failure<'_>, later: &Normal) -> bool {
    if is_part_of(later, failure.command) {
        return false;
    }
    let shares_head = failure.command.heads().any(|head| later.heads().any(|other| other == head));
    if shares_head || (failure.class == ErrorClass::PermissionDenied && hands_over(failure, later))
    {
        return true;
    }
    let words = |normal: &Normal| -> BTreeSet<String> {
        normal.parts.iter().flat_map(|p| p.words.iter().cloned()).collect()
    };
    let (ours, theirs) = (words(failure.command), words(later));
    let shared = ours.intersection(&theirs).count();
    let all = ours.union(&theirs).count();
    // `npm test` not found and `bun test` works; `wrapper npm test` refused and `npm test` works.
    match failure.class {
        ErrorClass::CommandNotFound | ErrorClass::ScriptNotFound => shared * 4 >= all,
        ErrorClass::Usage => shared * 3 >= all * 2,
        _ => false,
    }
}

/// Whether `later` hands the script that failed to an interpreter: `bash x.sh` after `./x.sh`.
fn hands_over(failure: &Failure<'_>, later: &Normal) -> bool {
    let plain = |path: &str| path.trim_start_matches("./").to_owned();
    let scripts: Vec<String> = failure
        .command
        .parts
        .iter()
        .filter(|part| part.program.contains('/'))
        .map(|part| plain(&part.program))
        .collect();
    later.parts.iter().any(|part| part.words.get(1).is_some_and(|w| scripts.contains(&plain(w))))
}

/// Whether `later` runs only some of the commands of the failed script again: that one of them
/// works mends nothing.
fn is_part_of(later: &Normal, failed: &Normal) -> bool {
    later.parts.len() < failed.parts.len()
        && later.parts.iter().all(|part| failed.parts.iter().any(|f| f.template == part.template))
}

/// Words that make a check silent or throw work away rather than mend anything: what worked that
/// way is not told as a fix.
const BYPASSES: &[&str] = &[
    "--no-verify",
    "--force",
    "-f",
    "--force-with-lease",
    "--hard",
    "--skip-checks",
    "--no-check",
    "--ignore-scripts",
    "--legacy-peer-deps",
    "--allow-empty",
    "--passWithNoTests",
    "--no-gpg-sign",
    "--insecure",
    "--break-system-packages",
    "rm",
    "chmod",
    "kill",
    "pkill",
    "killall",
];

/// Whether `later` gets by only through a bypass that `failed` did not have and that the user
/// did not name.
fn bypasses(failed: &Normal, later: &Normal, view: &View<'_>) -> bool {
    let has = |normal: &Normal, word: &str| {
        normal.parts.iter().any(|part| part.words.iter().any(|w| w == word))
    };
    BYPASSES.iter().any(|word| has(later, word) && !has(failed, word) && !view.user_named(word))
}

/// Whether `later` runs the whole of what failed again, with nothing new before it: more checks
/// after it change nothing.
fn repeats(failed: &Normal, later: &Normal) -> bool {
    later.parts.len() >= failed.parts.len()
        && failed.parts.iter().zip(&later.parts).all(|(f, l)| f.template == l.template)
}

/// The same, word for word.
fn repeats_exactly(failed: &Normal, later: &Normal) -> bool {
    repeats(failed, later) && failed.parts.iter().zip(&later.parts).all(|(f, l)| f.words == l.words)
}

/// Whether a call after the failure is worth telling as what was done next: of the same program,
/// specific, and neither a rerun of a part nor a bypass.
fn tells_a_step(failure: &Failure<'_>, later: &Normal) -> bool {
    let checks_elsewhere =
        failure.command.parts.iter().any(|part| part.category() == Category::Vcs);
    (!failure.is_routine() || checks_elsewhere)
        && same_program(failure.command, later)
        && !is_part_of(later, failure.command)
        && later.parts.iter().any(|part| part.words.len() > 2)
}

fn same_program(a: &Normal, b: &Normal) -> bool {
    a.parts.iter().any(|part| b.parts.iter().any(|other| other.program == part.program))
}

/// The fix in which another call worked, perhaps with a step before it (`via`).
fn other_call(
    failure: &Failure<'_>,
    later: &Seen<'_>,
    command: &Normal,
    via: Option<(&Seen<'_>, &Normal)>,
    view: &View<'_>,
) -> Draft {
    let remedy = later.shown_command(failure.seen, view);
    let via = via.map(|(step, _)| step.shown_command(failure.seen, view));
    let text = match &via {
        Some(via) => format!("{}; `{via}`, then `{remedy}` worked", failed_text(failure)),
        None => format!("{}; `{remedy}` worked", failed_text(failure)),
    };
    let identity = format!("{}\n{}", command.key(), remedy_folder(failure, later, view));
    let remedies = via.into_iter().chain([remedy]).collect();
    draft(failure, Kind::Fix, identity, text, remedies, Some(later))
}

/// The folder of the remedy when it is another one than that of the failure.
fn remedy_folder(failure: &Failure<'_>, later: &Seen<'_>, view: &View<'_>) -> String {
    let folder = later.folder(view);
    if folder == failure.seen.folder(view) { String::new() } else { folder }
}

/// What was done next, without proof that it mended anything.
fn next_step(failure: &Failure<'_>, later: &Seen<'_>, command: &Normal, view: &View<'_>) -> Draft {
    let remedy = later.shown_command(failure.seen, view);
    let text = format!("{}; the next step was `{remedy}`", failed_text(failure));
    let identity = format!("next {}", command.key());
    let mut draft = draft(failure, Kind::Fix, identity, text, vec![remedy], Some(later));
    draft.payload.next_only = true;
    draft
}

/// The fix in which the same call worked after other steps. `None` when there is nothing to tell:
/// it worked by itself, or after edits as in the normal loop.
fn after_steps(
    failure: &Failure<'_>,
    later: &Seen<'_>,
    between: &[&Seen<'_>],
    view: &View<'_>,
) -> Option<Draft> {
    // Editing code until a check passes is the normal loop; running another command is a fix.
    let only_edits = between.iter().all(|step| step.command.is_none());
    if only_edits && failure.is_routine() {
        return None;
    }
    let mut named: Vec<String> = Vec::new();
    let mut identity: Vec<String> = Vec::new();
    let mut files: Vec<String> = Vec::new();
    for step in between.iter().rev() {
        let (name, key) = if let Some(command) = &step.command {
            (format!("`{}`", wording::command(command)), command.key())
        } else {
            let path = view.relative(&step.call.subject, &step.step.cwd);
            (format!("a change of {path}"), path)
        };
        if !identity.contains(&key) {
            if step.command.is_none() {
                files.push(key.clone());
            }
            identity.push(key);
            named.push(name);
        }
        if named.len() == STEPS_NAMED {
            break;
        }
    }
    if named.is_empty() {
        return None;
    }
    named.reverse();
    let text = format!("{}; it worked after {}", failed_text(failure), wording::list(&named));
    let mut draft = draft(failure, Kind::Fix, identity.join("\n"), text, named, Some(later));
    draft.payload.files = files;
    draft.payload.routine |= only_edits;
    Some(draft)
}

/// Parts of the names of variables that make a check silent.
const SILENCING: &[&str] =
    &["SKIP", "VERIFY", "HUSKY", "DISABLE", "IGNORE", "FORCE", "INSECURE", "REJECT", "BYPASS"];

/// The fix in which the same command worked in a shell that was prepared otherwise: with other
/// variables, or after a file was sourced. `None` when that only silenced it.
fn prepared(
    failure: &Failure<'_>,
    later: &Seen<'_>,
    command: &Normal,
    view: &View<'_>,
) -> Option<Draft> {
    let failed = failure.command;
    let setup: Vec<&str> = command
        .setup
        .iter()
        .filter(|step| !failed.setup.contains(step))
        .map(String::as_str)
        .collect();
    let known: Vec<_> = failed.parts.iter().flat_map(|part| &part.env).collect();
    let set = command.parts.iter().flat_map(|part| &part.env);
    let names: Vec<&str> =
        set.filter(|pair| !known.contains(pair)).map(|(name, _)| name.as_str()).collect();
    let silences =
        |text: &str| SILENCING.iter().any(|mark| text.contains(mark)) && !view.user_named(text);
    if (setup.is_empty() && names.is_empty())
        || names.iter().chain(&setup).any(|text| silences(text))
    {
        return None;
    }
    let shown = wording::command(command);
    let steps: Vec<&str> = setup.iter().copied().chain([shown.as_str()]).collect();
    let remedy = text::one_line(&steps.join(" && "), REMEDY).replace('`', "'");
    let said = format!("{}; `{remedy}` worked", failed_text(failure));
    let identity = format!("{}\n{}", setup.join("\n"), command.key());
    Some(draft(failure, Kind::Fix, identity, said, vec![remedy], Some(later)))
}

/// Longest command with what prepares the shell for it.
const REMEDY: usize = 200;

/// Programs that only run another one.
const WRAPPERS: &[&str] =
    &["timeout", "gtimeout", "nohup", "setsid", "stdbuf", "unbuffer", "chronic"];

/// The fix in which the same command worked without a wrapper that is not installed.
fn without_wrapper(failure: &Failure<'_>, later: &Seen<'_>) -> Option<Draft> {
    if failure.class != ErrorClass::CommandNotFound {
        return None;
    }
    let has = |text: &str, word: &str| {
        text.split(|c: char| c.is_whitespace() || ":;&|()'\"".contains(c)).any(|w| w == word)
    };
    let missing = WRAPPERS.iter().find(|wrapper| {
        has(&failure.signature.headline, wrapper)
            && has(&failure.seen.call.subject, wrapper)
            && !has(&later.call.subject, wrapper)
    })?;
    let failed = text::one_line(&failure.seen.call.subject, REMEDY).replace('`', "'");
    let worked = wording::command(failure.command);
    let said = format!("{}; `{worked}` worked", failed_with(failure, &failed));
    let identity = format!("without {missing}");
    let mut draft = draft(failure, Kind::Fix, identity, said, vec![worked], Some(later));
    draft.payload.commands = vec![failed];
    // Of the command itself nothing is known.
    let own = [Key::new(Space::Error, &failure.signature.key), failure.key()];
    draft.keys.retain(|key| own.contains(key));
    Some(draft)
}

/// The same call worked with nothing done in between: it fails now and then. Only the same failure
/// of the same command may be answered so.
fn rerun(failure: &Failure<'_>, later: &Seen<'_>) -> Draft {
    let text = format!("{}; it worked when it was run again, unchanged", failed_text(failure));
    let command = vec![wording::command(failure.command)];
    let mut draft = draft(failure, Kind::Fix, "again".into(), text, command, Some(later));
    draft.keys = vec![failure.key()];
    draft
}

fn pitfall(failure: &Failure<'_>) -> Draft {
    draft(failure, Kind::Pitfall, String::new(), failed_text(failure), Vec::new(), None)
}

fn failed_text(failure: &Failure<'_>) -> String {
    failed_with(failure, &wording::command(failure.command))
}

/// That `command` failed, and why where that may be quoted.
fn failed_with(failure: &Failure<'_>, command: &str) -> String {
    // Findings differ from run to run; what recurs is that there are some.
    let headline = match failure.class.findings() {
        Some(findings) => findings.into(),
        None => wording::report(failure.signature, command),
    };
    match (headline.as_str(), failure.class) {
        ("", ErrorClass::Other | ErrorClass::Git) => format!("`{command}` failed"),
        // The kind of an error is MANA's own word for it.
        ("", class) => format!("`{command}` failed ({})", class.as_str()),
        (headline, _) => format!("`{command}` failed ({headline})"),
    }
}

fn draft(
    failure: &Failure<'_>,
    kind: Kind,
    remedy_key: String,
    text: String,
    remedy: Vec<String>,
    later: Option<&Seen<'_>>,
) -> Draft {
    let command_key = failure.command.key();
    let routine = failure.is_routine();
    // Findings of a check differ from run to run; that it found some is what recurs.
    let error = if routine { failure.class.as_str() } else { &failure.signature.key };
    let identity = format!("{command_key}\n{error}");
    let mut keys = vec![
        Key::new(Space::Command, &command_key),
        Key::new(Space::Error, &failure.signature.key),
        failure.key(),
    ];
    keys.extend(failure.command.parts.iter().map(|part| Key::new(Space::Head, &part.head)));
    keys.sort_unstable();
    keys.dedup();
    let mut evidence = vec![failure.seen.evidence(Role::Failure)];
    evidence.extend(later.map(|seen| seen.evidence(Role::Success)));
    Draft {
        kind,
        tool: failure.seen.call.tool.clone(),
        category: failure.command.parts.first().map_or("", |part| part.category().as_str()),
        identity: (identity, remedy_key),
        keys,
        trigger: format!("{} {}", wording::command(failure.command), failure.signature.headline),
        text,
        payload: Payload {
            commands: vec![wording::command(failure.command)],
            remedy,
            routine,
            ..Payload::default()
        },
        evidence,
    }
}
