//! `mana show`.

use serde::Serialize;

use super::args::ShowArgs;
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::time;
use crate::config::{self, Settings};
use crate::model::effect::Estimate;
use crate::model::pattern::Pattern;
use crate::storage::{EvidenceRow, KnownFile, Reader};

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
    evidence: Vec<EvidenceRow>,
}

/// Evidence that is printed for people; `--json` has all of it.
const EVIDENCE: usize = 10;

pub(crate) fn run(args: &ShowArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let reader = Reader::open(&settings.home)?;
    if let Some(pattern) = find(&reader, &args.id)? {
        let shown = load(&reader, pattern)?;
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

fn load(reader: &Reader, pattern: Pattern) -> Result<Shown, CliError> {
    let (told, withheld, _) = reader.shown(pattern.id.as_bytes())?;
    let sides = reader.sides_of(pattern.id.as_bytes())?;
    let project = match pattern.project {
        Some(row) => Some(reader.project_names(row)?.1),
        None => None,
    };
    Ok(Shown {
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
    output.line(format!(
        "shown     {}, held back {} to compare with",
        count(shown.told, "time", "times"),
        count(shown.withheld, "time", "times")
    ));
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

/// A file that prompts led to: the prompts are its evidence.
fn show_file(reader: &Reader, file: &KnownFile, output: &mut Output) -> Result<(), CliError> {
    let episodes = reader.episodes_of_file(&file.uid)?;
    let texts: Vec<&str> = episodes.iter().map(|p| p.text.as_str()).collect();
    output.object(&serde_json::json!({
        "id": file.uid.to_string(), "kind": "place", "path": file.path, "edits": file.edits,
        "reads": file.reads, "last": time::shown(file.last), "episodes": texts,
    }));
    output.line(format!(
        "{} was changed in {} episodes and read in {}",
        file.path, file.edits, file.reads
    ));
    output.line(format!("last      {}", time::shown(file.last)));
    for text in texts {
        output.line(format!("  {text}"));
    }
    Ok(())
}
