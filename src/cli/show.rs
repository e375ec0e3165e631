//! `mana show`.

use serde::Serialize;

use super::args::ShowArgs;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::{review, time};
use crate::config::{self, Settings};
use crate::hooks::instructions::Instructions;
use crate::hooks::{chance_before, names_files, with_evidence};
use crate::model::effect::Estimate;
use crate::model::ids::PatternId;
use crate::model::page::Page;
use crate::model::pattern::{Kind as Sort, Pattern, Reason, State};
use crate::model::rank::{self, cost};
use crate::model::{invocation, paths, suspicion, text};
use crate::storage::{Edge, Edit, EvidenceRow, KnownFile, Reader, Recall, Witness};

/// An item, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    kind: &'static str,
    state: &'static str,
    project: Option<String>,
    text: String,
    trigger: String,
    successes: u32,
    failures: u32,
    sessions: u32,
    first: String,
    last: String,
    #[serde(rename = "shown")]
    told: u64,
    withheld: u64,
    helped: u32,
    hurt: u32,
    difference: Option<Estimate>,
    reason: Option<&'static str>,
    merged_into: Option<String>,
    #[serde(rename = "last_shown")]
    last_told: Option<String>,
    now: String,
    /// Other devices that saw it.
    witnesses: Vec<Witness>,
    /// What people wrote about it.
    by_hand: Option<ByHand>,
    /// Whose words it has, where another device's stand.
    from: Option<review::From>,
    /// What came of trying it on what happened here.
    trial: Option<review::TrialShown>,
    /// What other devices say of it instead.
    others: Vec<review::Other>,
    /// What tends to come before it or after it.
    neighbours: Vec<Neighbour>,
    evidence: Vec<EvidenceRow>,
}

/// What people wrote about a pattern.
#[derive(Debug, Serialize)]
struct ByHand {
    title: String,
    /// The words in the place of the learned ones; empty where these are told.
    text: String,
    /// The words that were learned.
    learned: String,
    tags: Vec<String>,
    notes: String,
    edited: String,
}

/// A pattern that tends to come before or after another one.
#[derive(Debug, Serialize)]
struct Neighbour {
    comes: &'static str,
    id: String,
    text: String,
    support: u32,
    lift: f64,
}

/// Neighbours that are printed for people; `--json` has all of them.
const NEIGHBOURS: usize = 3;

/// Bytes of a prompt on a line.
const PROMPT: usize = 200;

/// Evidence that is printed for people; `--json` has all of it.
const EVIDENCE: usize = 10;

pub(crate) fn run(args: &ShowArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let reader = Reader::open(&settings.home)?;
    if let Some(pattern) = find(&reader, &args.id)? {
        let shown = load(&reader, pattern, &settings)?;
        output.object(&shown);
        tell(&shown, output);
        return Ok(());
    }
    let files = reader.files_by_prefix(&args.id)?;
    let Some(file) = files.first() else {
        return Err(CliError::new(Kind::Nothing, format!("no item has the id {}", args.id))
            .hint("`mana search` prints ids; at least four of their digits are needed."));
    };
    show_file(&reader, file, output)
}

/// The one pattern with this id; several make it ambiguous.
pub(crate) fn find(reader: &Reader, id: &str) -> Result<Option<Pattern>, CliError> {
    let mut found =
        reader.patterns_by_prefix(id.trim_start_matches("[mana ").trim_end_matches(']'))?;
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|p| p.id.to_string()).collect();
        return Err(CliError::new(Kind::Failed, format!("{id} names several items"))
            .hint(format!("Give more digits: {}", ids.join(", "))));
    }
    Ok(found.pop())
}

fn load(reader: &Reader, pattern: Pattern, settings: &Settings) -> Result<Shown, CliError> {
    let (told, withheld, last_told) = reader.shown(pattern.id.as_bytes())?;
    let sides = reader.sides_of(pattern.id.as_bytes())?;
    let project = match pattern.project {
        Some(row) => Some(reader.project_names(row)?.1),
        None => None,
    };
    let set_aside = reader.set_aside(pattern.row)?;
    let mut neighbours = Vec::new();
    for Edge { cause, effect, support, lift } in reader.edges_of(pattern.id)? {
        let (comes, other) =
            if cause == pattern.id { ("after", effect) } else { ("before", cause) };
        let Some(other) = reader.patterns_by_prefix(&other.to_string())?.pop() else { continue };
        let (id, text) = (other.id.to_string(), other.text);
        neighbours.push(Neighbour { comes, id, text, support, lift });
    }
    Ok(Shown {
        neighbours,
        reason: set_aside.map(|(reason, _)| reason.name()),
        merged_into: set_aside.and_then(|(_, id)| id).map(|id| id.to_string()),
        last_told: last_told.map(time::shown),
        now: standing(reader, &pattern, settings)?,
        witnesses: reader.witnesses(pattern.id)?,
        by_hand: by_hand(reader, &pattern)?,
        from: review::from(reader, pattern.id)?,
        trial: review::trial(reader, pattern.id)?,
        others: review::others(reader, &pattern)?,
        evidence: reader.evidence(pattern.row)?,
        id: pattern.id.to_string(),
        kind: pattern.kind.name(),
        state: pattern.state.name(),
        project,
        text: pattern.text,
        trigger: pattern.trigger,
        successes: pattern.tally.successes,
        failures: pattern.tally.failures,
        sessions: pattern.tally.sessions,
        first: time::shown(pattern.tally.first),
        last: time::shown(pattern.tally.last),
        told,
        withheld,
        helped: pattern.effect.helped,
        hurt: pattern.effect.hurt,
        difference: sides.shown.well.difference(sides.held_back.well),
    })
}

fn by_hand(reader: &Reader, pattern: &Pattern) -> Result<Option<ByHand>, CliError> {
    let Some(Edit { page, edited, .. }) = reader.edit_of(pattern.id)? else { return Ok(None) };
    let learned = reader.learned_words(pattern.row)?.unwrap_or_default();
    let Page { title, body: text, tags, notes } = page;
    Ok(Some(ByHand { title, text, learned, tags, notes, edited: time::shown(edited) }))
}

/// Whether the pattern would be shown in the current folder, and why.
pub(super) fn standing(
    reader: &Reader,
    pattern: &Pattern,
    settings: &Settings,
) -> Result<String, CliError> {
    if let Some(file) = stating(reader, pattern, settings)? {
        return Ok(format!("not shown here: it stands in {file}, which the agent reads"));
    }
    if pattern.state == State::Quarantined && reader.is_rejected(pattern.id)? {
        let what = "it was rejected";
        return Ok(format!("not shown: {what}; `mana review` lets you approve or reject it"));
    }
    let set_aside = reader.set_aside(pattern.row)?;
    Ok(match inactive(pattern, set_aside) {
        Some(reason) => format!("not shown: {reason}"),
        None => active(reader, pattern)?,
    })
}

/// Why words wait that nobody suspects of anything.
pub(super) const FOREIGN: &str = "its words came from another device";

/// The file of the current folder, or of those above it in the pattern's project, that says it to
/// the agent anyway.
fn stating(
    reader: &Reader,
    pattern: &Pattern,
    settings: &Settings,
) -> Result<Option<String>, CliError> {
    if pattern.state != State::Active || !matches!(pattern.kind, Sort::Recipe | Sort::Decision) {
        return Ok(None);
    }
    let folder = config::current_dir().unwrap_or_default();
    let above: Vec<String> =
        folder.ancestors().map(|f| paths::tilde(&f.to_string_lossy())).collect();
    let above: Vec<&str> = above.iter().map(String::as_str).collect();
    let Some((project, root)) = reader.project_of_roots(&above)? else { return Ok(None) };
    if pattern.project.is_some_and(|own| own != project) {
        return Ok(None);
    }
    let top = above.iter().position(|folder| *folder == root).unwrap_or(0);
    let folders = folder.ancestors().take(top + 1);
    let read = Instructions::read(folders, &settings.agent);
    Ok(read.stating(pattern).map(String::from))
}

/// Why a pattern is shown nowhere; `None` for an active one.
fn inactive(pattern: &Pattern, set_aside: Option<(Reason, Option<PatternId>)>) -> Option<String> {
    let other = set_aside.and_then(|(_, id)| id).map(|id| id.short()).unwrap_or_default();
    Some(match (pattern.state, set_aside.map(|(reason, _)| reason)) {
        (State::Active, _) => return None,
        (State::Candidate, _) => wanting(pattern).into(),
        (State::Quarantined, _) => {
            let Pattern { kind, tool, text, payload, .. } = pattern;
            let reason = suspicion::of_hearsay(*kind, tool, text, payload);
            let reason = reason.unwrap_or(FOREIGN);
            format!("{reason}; `mana review` lets you approve or reject it")
        }
        (State::Retired, Some(Reason::Merged)) => {
            format!("it was merged into {other}, which says the same")
        }
        (State::Retired, Some(Reason::Global)) => {
            format!("several projects learned it, and {other} stands for all of them")
        }
        (State::Retired, Some(Reason::Faded)) => {
            "it was not used for so long that nothing speaks for it any more; it comes back when \
             it is seen again"
                .into()
        }
        (State::Retired, Some(Reason::Unmatched)) => {
            "it was seen once, and nothing ever matched it; it comes back when it is seen again"
                .into()
        }
        (State::Retired, Some(Reason::Harmful)) => {
            "things went well less often after it was shown than where its kind was held back"
                .into()
        }
        (State::Retired, None) => "it is retired".into(),
    })
}

/// Characters of a path, as they usually are.
const PATH: usize = 40;

/// At which moments an active pattern is shown, with its chance there and the one that is needed.
fn active(reader: &Reader, pattern: &Pattern) -> Result<String, CliError> {
    let characters = pattern.text.len();
    let now = time::now().timestamp_millis();
    let latest = match pattern.project {
        Some(project) => reader.last_activity(project)?,
        None => None,
    };
    let reference = latest.map_or(now, |at| at.min(now));
    let mut moments = Vec::new();
    match pattern.kind {
        Sort::Fix | Sort::Pitfall => {
            let line = with_evidence(pattern, now).len();
            let right = rank::fix(pattern, rank::SAME_CALL, reference);
            let right = rank::fix_at_failure(pattern, right);
            moments.push(moment("at the same failure", "to be right", right, cost::failed(line)));
            if !invocation::is_named(&pattern.tool) {
                let fails = chance_before(reader, pattern, reference)?;
                let needed = cost::before(line);
                moments.push(moment("before the command", "that it fails so", fails, needed));
            }
            if !names_files(pattern) {
                let saved = rank::costliness(pattern, reference);
                let needed = cost::mistake(characters);
                let start = "at the start of a session, among the costliest";
                moments.push(moment(start, "failures saved", saved, needed));
            }
        }
        Sort::Recipe => {
            let (right, needed) = (rank::recipe(pattern, reference), cost::recipe(characters));
            let start = "at the start of a session, as one of the best of its purpose";
            moments.push(moment(start, "to be right", right, needed));
        }
        Sort::Decision => {
            let applies = rank::decision(pattern, 1.0, reference);
            let needed = cost::decision(characters);
            moments.push(moment("at a prompt on its very subject", "to apply", applies, needed));
            if pattern.payload.standing {
                moments
                    .push("at the start of a session, as one of the rules said most often".into());
            }
        }
        Sort::Path => moments.push("when the path is asked for and does not exist".into()),
        Sort::Episode => {
            let needed = cost::file(PATH);
            return Ok(format!(
                "not shown itself: it leads prompts like its own to its files, from a chance of \
                 about {needed:.2} on"
            ));
        }
        Sort::Skill => return Ok("not shown by hooks".into()),
    }
    let shown = moments.iter().any(|moment| !moment.starts_with("not "));
    let shown = if shown { "shown " } else { "" };
    let once = "once in a context window, unless it is held back to compare with";
    Ok(format!("{shown}{}; {once}", moments.join("; ")))
}

/// What is said now, as people read it: a line for each moment.
pub(super) fn moments_below_each_other(now: &str) -> String {
    format!("now       {}", now.replace("; ", ";\n          "))
}

/// A moment with the chance that the pattern has there, and the one from which it is shown.
fn moment(at: &str, what: &str, chance: f64, needed: f64) -> String {
    let (not, verb) = if chance >= needed { ("", "is enough") } else { ("not ", "is needed") };
    format!("{not}{at}: {chance:.2} {what}, and {needed:.2} {verb}")
}

/// What a candidate lacks.
fn wanting(pattern: &Pattern) -> &'static str {
    match pattern.kind {
        Sort::Recipe => "it has to work twice, and at least as often as it fails",
        Sort::Decision => "a refusal without a word counts when it is repeated",
        _ => "it counts when a second session shows it",
    }
}

fn tell(shown: &Shown, output: &mut Output) {
    output.line(&shown.text);
    output.line("");
    output.line(format!("id        {}", shown.id));
    output.line(format!("kind      {} ({})", shown.kind, shown.state));
    output.line(format!("project   {}", shown.project.as_deref().unwrap_or("all")));
    output.line(format!("trigger   {}", shown.trigger.replace('\n', " ")));
    output.line(format!(
        "seen      {}, {} in {}, {} to {}",
        count(shown.successes.into(), "success", "successes"),
        count(shown.failures.into(), "failure", "failures"),
        count(shown.sessions.into(), "session", "sessions"),
        shown.first,
        shown.last
    ));
    for Witness { device, trusted, sessions } in &shown.witnesses {
        let sessions = count((*sessions).into(), "session", "sessions");
        let unsure = if *trusted { "" } else { "; it is not trusted, so that does not count" };
        output.line(format!("          and in {sessions} of {device}{unsure}"));
    }
    if let Some(by_hand) = &shown.by_hand {
        tell_by_hand(by_hand, output);
    }
    if let Some(from) = &shown.from {
        output.line(format!("from      {}", review::named(from)));
    }
    if let Some(trial) = &shown.trial {
        output.line(format!("trial     {}", review::tried(trial)));
    }
    for other in &shown.others {
        output.line(format!("instead   {}", review::instead(other)));
    }
    tell_told(shown.told, shown.withheld, shown.last_told.as_ref(), output);
    output.line(moments_below_each_other(&shown.now));
    for Neighbour { comes, id, text, support, lift } in shown.neighbours.iter().take(NEIGHBOURS) {
        let sessions = count((*support).into(), "session", "sessions");
        output.line(format!(
            "{comes:<9} {} {text} ({sessions}, {lift:.1} times as often as by chance)",
            &id[..8]
        ));
    }
    if shown.helped + shown.hurt > 0 {
        output.line(format!(
            "effect    followed {}: it went well {}",
            count(u64::from(shown.helped + shown.hurt), "time", "times"),
            count(shown.helped.into(), "time", "times"),
        ));
    }
    if let Some(Estimate { value, low, high }) = shown.difference {
        output.line(format!(
            "          things went well {:+.0} % more often than where it was held back ({:+.0} to \
             {:+.0})",
            value * 100.0,
            low * 100.0,
            high * 100.0
        ));
    }
    output.line("evidence");
    for row in shown.evidence.iter().take(EVIDENCE) {
        let what = if row.failure { "failed" } else { "worked" };
        let subject: String = row.subject.replace('\n', " ").chars().take(100).collect();
        output.line(format!("  {}  {what}  {subject}", time::shown(row.at)));
        output.line(format!("      {}:{}", row.transcript, row.line));
    }
    if shown.evidence.len() > EVIDENCE {
        output.line(format!("  and {} more", shown.evidence.len() - EVIDENCE));
    }
}

fn tell_by_hand(by_hand: &ByHand, output: &mut Output) {
    let ByHand { title, text, learned, tags, notes, edited } = by_hand;
    if text.is_empty() {
        output.line(format!("by hand   noted {edited}; its words are the learned ones"));
    } else {
        output.line(format!("by hand   edited {edited}; learned: {learned}"));
    }
    let notes = notes.replace('\n', "\n          ");
    for (name, value) in [("title", title), ("tags", &tags.join(", ")), ("notes", &notes)] {
        if !value.is_empty() {
            output.line(format!("{name:<9} {value}"));
        }
    }
}

fn tell_told(told: u64, withheld: u64, last: Option<&String>, output: &mut Output) {
    let last = last.map_or(String::new(), |last| format!("; last {last}"));
    output.line(format!(
        "shown     {}, held back {} to compare with{last}",
        count(told, "time", "times"),
        count(withheld, "time", "times")
    ));
}

/// A file that prompts led to: the prompts are its evidence.
fn show_file(reader: &Reader, file: &KnownFile, output: &mut Output) -> Result<(), CliError> {
    let episodes = reader.episodes_of_file(&file.uid)?;
    let texts: Vec<&str> = episodes.iter().map(|p| p.text.as_str()).collect();
    let (told, withheld, last_told) = reader.shown(file.uid.as_bytes())?;
    let opened = reader.sides_of(file.uid.as_bytes())?.shown.well;
    let now = named(file);
    output.object(&serde_json::json!({
        "id": file.uid.to_string(), "kind": "place", "path": file.path, "edits": file.edits,
        "reads": file.reads, "last": time::shown(file.last), "shown": told, "withheld": withheld,
        "last_shown": last_told.map(time::shown), "opened": opened, "now": now, "episodes": texts,
    }));
    output.line(&file.path);
    output.line("");
    output.line(format!("id        {}", file.uid));
    output.line("kind      place");
    output.line(format!(
        "seen      changed in {} and only read in {}, last {}",
        count(file.edits.into(), "episode", "episodes"),
        count(file.reads.into(), "episode", "episodes"),
        time::shown(file.last)
    ));
    tell_told(told, withheld, last_told.map(time::shown).as_ref(), output);
    output.line(format!("now       {now}"));
    if opened.cases > 0 {
        let times =
            count(opened.cases.into(), "time that can be judged", "times that can be judged");
        output.line(format!("effect    opened after {} of {times}", opened.well));
    }
    if !texts.is_empty() {
        output.line("prompts that led to it, the newest first");
    }
    for said in texts {
        output.line(format!("  {}", text::one_line(said, PROMPT)));
    }
    Ok(())
}

/// When a file is named.
fn named(file: &KnownFile) -> String {
    if file.edits + file.reads == 0 {
        return "not named: no session worked on it".into();
    }
    format!(
        "named at a prompt, as one of the best few, where prompts, identifiers or files like those \
         at hand give it a chance of {:.2} to be opened, or of {:.2} once it was named in the context \
         window; not when the session has opened it already, nor when it is held back to compare \
         with",
        cost::file(file.path.len()),
        cost::file_again(file.path.len(), 1)
    )
}
