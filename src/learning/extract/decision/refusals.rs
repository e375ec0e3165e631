//! Calls that the user refused: what they were, and which refusals speak for themselves.

use super::super::View;
use super::super::view::Seen;
use crate::model::shell::Part;
use crate::model::text;
use crate::model::trajectory::Outcome;

/// Longest description of a refused call, in bytes.
const ABOUT_LIMIT: usize = 80;

/// Whether `about`, which a comment is on, is what the refused call was called on. Both were cut
/// to different lengths.
pub(super) fn is_on(seen: &Seen<'_>, about: &str) -> bool {
    let same = |text: &str| text::cut(text, 200).trim_end().to_owned();
    seen.call.outcome == Outcome::Rejected && same(&seen.call.subject) == same(about)
}

/// The refused call in few words: the command, the file, the plan's title.
pub(super) fn described(view: &View<'_>, seen: &Seen<'_>) -> String {
    if let Some(command) = &seen.command {
        return format!("`{}`", text::one_line(&command.exact(), ABOUT_LIMIT).replace('`', "'"));
    }
    let subject = seen.call.subject.as_str();
    match seen.call.tool.as_str() {
        "ExitPlanMode" => {
            plan_title(subject).map_or("the plan".into(), |t| format!("the plan \"{t}\""))
        }
        _ if subject.starts_with('{') => format!("a call of {}", seen.call.tool),
        _ => text::one_line(&view.relative(subject, &seen.step.cwd), ABOUT_LIMIT),
    }
}

/// The first heading of a plan inside the call's JSON.
fn plan_title(input: &str) -> Option<String> {
    let (_, plan) = input.split_once(r##""plan":"# "##)?;
    let end = plan.find(['\\', '"']).unwrap_or(plan.len());
    let title = text::one_line(plan[..end].trim_start_matches("Plan: "), ABOUT_LIMIT);
    (!title.is_empty()).then_some(title)
}

/// The command that was refused without a reason, if the refusal can be about the command
/// itself: it changes something, and the same did not run later in this conversation.
pub(super) fn command(view: &View<'_>, seen: &Seen<'_>) -> Option<String> {
    let parts = &seen.command.as_ref()?.parts;
    if seen.call.outcome != Outcome::Rejected || seen.only_looks() {
        return None;
    }
    let part = parts.iter().find(|part| is_harsh(part)).or_else(|| parts.last())?;
    let shown = with_options(part);
    let allowed = view.calls.iter().any(|other| {
        let ran = !matches!(other.call.outcome, Outcome::Rejected | Outcome::Cancelled);
        let parts = other.command.iter().flat_map(|command| &command.parts);
        ran && other.at() >= seen.at() && parts.into_iter().any(|p| with_options(p) == shown)
    });
    (!allowed).then_some(shown)
}

/// The part's program and subcommands with its options, without values.
fn with_options(part: &Part) -> String {
    let options = part.words.iter().filter(|w| w.starts_with('-') && w.len() > 1);
    let options = options.map(|w| w.split('=').next().unwrap_or(w)).take(3);
    let words: Vec<&str> = std::iter::once(part.head.as_str()).chain(options).collect();
    text::one_line(&words.join(" "), ABOUT_LIMIT)
}

/// Whether an option makes the command hard to take back.
fn is_harsh(part: &Part) -> bool {
    part.words.iter().any(|word| {
        matches!(word.as_str(), "--force" | "-f" | "--hard" | "--no-verify" | "-rf" | "-fr")
            || word.starts_with("--force-")
            || word.starts_with("--dangerously")
    })
}
