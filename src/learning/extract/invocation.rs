//! Skills, agents, servers' tools and pages that could not be called as they were.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::view::Seen;
use super::{View, wording};
use crate::model::invocation;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Draft, Kind, Payload, Role};
use crate::model::signature::{ErrorClass, Signature};
use crate::model::trajectory::Call;

/// Calls after a failure among which the one that worked is looked for.
const REACH: usize = 10;

/// Arguments in which two calls may differ for that to be told.
const DIFFERENCES: usize = 2;

/// Longest value of an argument that is told, in bytes.
const MAX_VALUE: usize = 60;

/// Shortest part of a name by which two names are related, in bytes.
const MIN_PART: usize = 4;

/// Finds what worked instead of each call that failed, or notes that nothing did.
pub(super) fn extract(view: &View<'_>, drafts: &mut Vec<Draft>) {
    for (n, failed) in view.calls.iter().enumerate() {
        let Some((signature, class)) = &failed.error else { continue };
        let Some(name) = name_of(failed.call) else { continue };
        if !lasts(*class, signature) {
            continue;
        }
        let failure = Failure { seen: failed, name, signature, class: *class };
        let later = view.calls[n + 1..].iter().take(REACH);
        let mut later = later
            .take_while(|seen| seen.episode == failed.episode)
            .filter(|seen| seen.worked() && seen.call.tool == failed.call.tool);
        match later.find_map(|seen| instead(&failure, seen)) {
            Some(Instead::Other(draft)) => drafts.push(*draft),
            Some(Instead::Same) => {}
            // That it failed, and nothing more, helps nobody.
            None if failure.reason().is_empty() => {}
            None => drafts.push(failure.draft(Kind::Pitfall, failure.said(), Vec::new(), None)),
        }
    }
}

/// The name of a call, of which [`invocation::name`] tells.
pub(crate) fn name_of(call: &Call) -> Option<String> {
    let target = match call.tool.as_str() {
        "Skill" => {
            let arguments = arguments_of(call)?;
            let of = |name| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
            of("skill").or_else(|| of("command"))?
        }
        "Task" | "Agent" => agent_of(call)?.to_owned(),
        "WebFetch" => call.subject.clone(),
        _ => String::new(),
    };
    invocation::name(&call.tool, &target)
}

/// The agent of a call, with which its detail begins. Of a long prompt the middle is not kept, so
/// that the input is not always whole.
fn agent_of(call: &Call) -> Option<&str> {
    let agent = call.detail.split(' ').next().filter(|agent| !agent.is_empty())?;
    call.subject.contains(&format!("\"{agent}\"")).then_some(agent)
}

fn arguments_of(call: &Call) -> Option<Map<String, Value>> {
    serde_json::from_str(&call.subject).ok()
}

/// Whether the error will be the same another day: a server that is slow or away is no mistake.
fn lasts(class: ErrorClass, signature: &Signature) -> bool {
    match class {
        ErrorClass::Timeout => false,
        // A page that is not there says nothing about its host; one that is refused does.
        ErrorClass::Network => refusal(signature).is_some(),
        _ => class.is_mistake() && !signature.key.is_empty(),
    }
}

/// Codes with which a server refuses a request whatever it asks for.
const REFUSALS: [&str; 3] = ["401", "403", "429"];

fn refusal(signature: &Signature) -> Option<&'static str> {
    REFUSALS.into_iter().find(|code| signature.headline.contains(code))
}

/// A call that failed.
struct Failure<'a> {
    seen: &'a Seen<'a>,
    name: String,
    signature: &'a Signature,
    class: ErrorClass,
}

/// What a later call tells.
enum Instead {
    /// It is another one, and works.
    Other(Box<Draft>),
    /// It is the same one: the failure passed by itself.
    Same,
}

/// What `later` tells, which worked; `None` if it has nothing to do with the failure.
fn instead(failure: &Failure<'_>, later: &Seen<'_>) -> Option<Instead> {
    let name = name_of(later.call)?;
    if name != failure.name {
        return are_related(&failure.name, &name).then(|| {
            let said = format!("{}; `{name}` worked", failure.said());
            let remedy = vec![name];
            Instead::Other(Box::new(failure.draft(Kind::Fix, said, remedy, Some(later))))
        });
    }
    if !failure.seen.call.tool.starts_with("mcp__") {
        return Some(Instead::Same);
    }
    let (before, after) = (arguments_of(failure.seen.call)?, arguments_of(later.call)?);
    if before == after {
        return Some(Instead::Same);
    }
    let how = differences(&before, &after)?;
    let said = format!("{}; it worked {how}", failure.said());
    let remedy = vec![format!("{name} {how}")];
    Some(Instead::Other(Box::new(failure.draft(Kind::Fix, said, remedy, Some(later)))))
}

/// Whether two names of the same tool are like each other: `review` and `team:review`.
fn are_related(one: &str, other: &str) -> bool {
    let parts = |name: &str| -> BTreeSet<String> {
        let target = name.split_once(' ').map_or("", |(_, target)| target);
        let parts = target.split(|c: char| !c.is_ascii_alphanumeric());
        parts.filter(|part| part.len() >= MIN_PART).map(str::to_lowercase).collect()
    };
    !parts(one).is_disjoint(&parts(other))
}

/// In which arguments, or in the shape of which, the call that worked differs. Other values are of
/// no use another time, and nothing is told where too much is different.
fn differences(before: &Map<String, Value>, after: &Map<String, Value>) -> Option<String> {
    let mut told = Vec::new();
    for (name, value) in after {
        let known = before.get(name);
        if known.is_some_and(|known| shape(known) == shape(value)) {
            continue;
        }
        told.push(match plain(value) {
            Some(value) => format!("with `{name}` = `{value}`"),
            None if known.is_some() => format!("with {} as `{name}`", shape(value)),
            None => format!("with `{name}`"),
        });
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    told.extend(gone.map(|name| format!("without `{name}`")));
    (1..=DIFFERENCES).contains(&told.len()).then(|| wording::list(&told))
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value that is short and no sentence.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => return None,
    };
    let plain = !text.is_empty()
        && text.len() <= MAX_VALUE
        && text.chars().all(|c| c.is_ascii_graphic() && c != '`');
    plain.then_some(text)
}

impl Failure<'_> {
    fn said(&self) -> String {
        let reason = self.reason();
        if reason.is_empty() {
            format!("`{}` failed", self.name)
        } else {
            format!("`{}` failed ({reason})", self.name)
        }
    }

    /// Why it failed. What servers and pages say is worded by others, and nothing of it is quoted.
    fn reason(&self) -> String {
        let tool = &self.seen.call.tool;
        if !tool.starts_with("mcp__") && tool != "WebFetch" {
            return wording::headline(self.signature);
        }
        match (refusal(self.signature), self.class) {
            (Some(code), _) => format!("status {code}"),
            (None, ErrorClass::Other) => String::new(),
            (None, class) => class.as_str().to_owned(),
        }
    }

    fn draft(
        &self,
        kind: Kind,
        text: String,
        remedy: Vec<String>,
        later: Option<&Seen<'_>>,
    ) -> Draft {
        let identity = format!("{}\n{}", self.name, self.signature.key);
        let mut evidence = vec![self.seen.evidence(Role::Failure)];
        evidence.extend(later.map(|seen| seen.evidence(Role::Success)));
        Draft {
            kind,
            tool: self.seen.call.tool.clone(),
            category: "",
            keys: vec![Key::new(Space::CommandError, &identity)],
            identity: (identity, remedy.join("\n")),
            trigger: format!("{} {}", self.name, self.reason()),
            text,
            payload: Payload { commands: vec![self.name.clone()], remedy, ..Payload::default() },
            evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::extract;
    use crate::learning::extract::testing::{ROOT, check, drafts, steps};
    use crate::model::key::{Key, Space};
    use crate::model::pattern::Kind;

    const UNKNOWN: &str = "<tool_use_error>Unknown skill: commit</tool_use_error>";

    #[test]
    fn skills_and_agents_that_are_not_there() {
        let commit = format!(r#"Skill {{"skill":"commit"}} !! {UNKNOWN}"#);
        let agent = "Task {\"subagent_type\":\"reviewer\",\"prompt\":\"x\"} :: reviewer look \
                     !! Agent type 'reviewer' not found. Available agents: Bash";
        let failed = "`Skill commit` failed (Unknown skill: commit)";
        let pitfall = format!("pitfall: {failed}");
        let fix = format!("fix: {failed}; `Skill git:commit` worked");
        let reviewer = "`Task reviewer` failed (Agent type 'reviewer' not found. Available \
                        agents: Bash)";
        let agent_fix = format!("fix: {reviewer}; `Task team:reviewer` worked");
        check(
            &[Kind::Fix, Kind::Pitfall],
            &[
                ("nothing instead", &format!("{commit}\n$ git commit -m x"), &[&pitfall]),
                (
                    "its full name",
                    &format!("{commit}\nSkill {{\"skill\":\"git:commit\"}}"),
                    &[&fix],
                ),
                ("another one", &format!("{commit}\nSkill {{\"skill\":\"review\"}}"), &[&pitfall]),
                ("there by then", &format!("{commit}\nSkill {{\"skill\":\"commit\"}}"), &[]),
                (
                    "in an older client",
                    &format!("Skill {{\"command\":\"commit\"}} !! {UNKNOWN}"),
                    &[&pitfall],
                ),
                (
                    "after another prompt",
                    &format!("{commit}\n> go on\nSkill {{\"skill\":\"git:commit\"}}"),
                    &[&pitfall],
                ),
                (
                    "an agent",
                    &format!(
                        "{agent}\nTask {{\"subagent_type\":\"team:reviewer\"}} :: team:reviewer x"
                    ),
                    &[&agent_fix],
                ),
                ("refused", r#"Skill {"skill":"commit"} ?? rejected"#, &[]),
            ],
        );
    }

    #[test]
    fn arguments_that_a_server_wants_otherwise() {
        let of = |arguments: &str| format!("mcp__tracker__new {arguments}");
        let failed = "`mcp__tracker__new` failed";
        let case =
            |before: &str, after: &str| format!("{} !! parent is no id\n{}", of(before), of(after));
        for (name, before, after, expected) in [
            (
                "left out",
                r#"{"title":"a","parent":"X-1"}"#,
                r#"{"title":"a"}"#,
                Some("fix: {}; it worked without `parent`"),
            ),
            (
                "added",
                r#"{"title":"a"}"#,
                r#"{"title":"a","team":"ENG"}"#,
                Some("fix: {}; it worked with `team` = `ENG`"),
            ),
            (
                "added, with a sentence",
                r#"{"title":"a"}"#,
                r#"{"title":"a","body":"what it is"}"#,
                Some("fix: {}; it worked with `body`"),
            ),
            (
                "of another shape",
                r#"{"labels":"a"}"#,
                r#"{"labels":["a"]}"#,
                Some("fix: {}; it worked with a list as `labels`"),
            ),
            (
                "renamed",
                r#"{"parent":"a"}"#,
                r#"{"parentId":12}"#,
                Some("fix: {}; it worked with `parentId` = `12` and without `parent`"),
            ),
            ("another value", r#"{"id":"a"}"#, r#"{"id":"b"}"#, None),
            ("nothing else", r#"{"id":"a"}"#, r#"{"id":"a"}"#, None),
            ("everything", r#"{"a":1,"b":2}"#, r#"{"c":1,"d":2}"#, None),
        ] {
            let expected: Vec<String> =
                expected.map(|text| text.replace("{}", failed)).into_iter().collect();
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            check(&[Kind::Fix, Kind::Pitfall], &[(name, &case(before, after), &expected)]);
        }
    }

    #[test]
    fn only_what_lasts_is_a_mistake() {
        let page = "WebFetch https://forum.example.com/t/1";
        let refused = "pitfall: `WebFetch forum.example.com` failed (status 403)";
        check(
            &[Kind::Fix, Kind::Pitfall],
            &[
                ("refused", &format!("{page} !! Request failed with status code 403"), &[refused]),
                ("no such page", &format!("{page} !! Request failed with status code 404"), &[]),
                ("away", &format!("{page} !! socket hang up"), &[]),
                ("slow", "mcp__browser__click {} !! Timeout: timed out after 5s", &[]),
                ("of the session", "TaskOutput {\"id\":\"b1\"} !! No task found with ID b1", &[]),
            ],
        );
    }

    #[test]
    fn it_is_found_by_the_call_and_its_error() {
        let script = format!(
            "Skill {{\"skill\":\"commit\"}} !! {UNKNOWN}\nSkill {{\"skill\":\"review\"}}\n$ ls"
        );
        let found = drafts(&script);
        let pitfall = found.iter().find(|draft| draft.kind == Kind::Pitfall).unwrap();
        assert_eq!(pitfall.tool, "Skill");
        assert_eq!(pitfall.keys.len(), 1);
        assert_eq!(pitfall.payload.commands, ["Skill commit"]);
        let runs = extract(&steps(&script), ROOT, true).commands;
        let of = |name: &str| {
            let key = Key::new(Space::Command, name);
            runs.iter().find(|run| run.key == key).map(|run| (run.runs, run.failures))
        };
        assert_eq!(of("Skill commit"), Some((1, 1)));
        assert_eq!(of("Skill review"), Some((1, 0)));
    }
}
