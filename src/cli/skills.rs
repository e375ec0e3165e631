//! `mana skills`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{Format, SkillsCommand, SkillsExportArgs, SkillsListArgs};
use super::error::{CliError, Kind};
use super::output::{Output, count};
use super::scope;
use crate::config::{self, Settings};
use crate::consolidation::export;
use crate::model::effect::{Group, is_proven};
use crate::model::skill::{Body, Point, Skill};
use crate::storage::file;
use crate::storage::{Reader, StorageError};

/// A skill, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    id: String,
    project: &'a str,
    title: &'a str,
    #[serde(flatten)]
    body: &'a Body,
    /// Ids of the patterns that are proven to help.
    proven: Vec<&'a str>,
}

/// A skill with the name of its project, and what came of following its patterns, by id.
struct Known {
    project: String,
    skill: Skill,
    followed: BTreeMap<String, Group>,
}

impl Known {
    fn is_proven(&self, point: &Point) -> bool {
        self.followed.get(&point.id).is_some_and(|followed| is_proven(*followed))
    }

    fn shown(&self) -> Shown<'_> {
        let proven = self.skill.body.points().filter(|point| self.is_proven(point));
        Shown {
            id: self.skill.id.to_string(),
            project: &self.project,
            title: &self.skill.title,
            body: &self.skill.body,
            proven: proven.map(|point| point.id.as_str()).collect(),
        }
    }

    /// Why a point is not proven.
    fn doubt(&self, point: &Point) -> Option<String> {
        let followed = self.followed.get(&point.id).copied().unwrap_or_default();
        (!is_proven(followed)).then(|| match followed {
            Group { cases: 0, .. } => "not proven: never followed yet".into(),
            Group { cases, well } => {
                format!("not proven: went well {well} of {cases} times when followed")
            }
        })
    }
}

pub(crate) fn run(command: &SkillsCommand, output: &mut Output) -> Result<(), CliError> {
    let cwd = config::current_dir();
    let settings = Settings::load(cwd.as_deref())?;
    if let SkillsCommand::Export(args) = command
        && args.remove
    {
        return remove(args, output);
    }
    let reader = Reader::open(&settings.home)?;
    let project = scope::of_folder(&reader, &settings, cwd.as_deref())?.map(|scope| scope.project);
    match command {
        SkillsCommand::List(args) => list(&reader, args, project, output),
        SkillsCommand::Show(args) => {
            let known = load(&reader, None)?;
            let known = select(known, std::slice::from_ref(&args.id))?;
            for known in &known {
                output.object(&known.shown());
                tell(known, output);
            }
            Ok(())
        }
        SkillsCommand::Export(args) => {
            let project = if args.ids.is_empty() { project } else { None };
            let known = select(load(&reader, project)?, &args.ids)?;
            export(args, known, output)
        }
    }
}

/// The skills of a project or of all, without the patterns that are not active any more, the others
/// in their words as they are: those of the last consolidation may be of older rules.
fn load(reader: &Reader, project: Option<i64>) -> Result<Vec<Known>, StorageError> {
    let mut all = Vec::new();
    for (row, mut skill) in reader.skills(project)? {
        let mut followed = BTreeMap::new();
        for point in skill.body.points_mut() {
            if let Some((text, effect)) = reader.told_of(&point.id)? {
                let group = Group { cases: effect.helped + effect.hurt, well: effect.helped };
                followed.insert(point.id.clone(), group);
                point.text = text;
            }
        }
        if let Some(body) = skill.body.filtered(&|point| followed.contains_key(&point.id)) {
            let project = reader.project_names(row)?.1;
            all.push(Known { project, skill: Skill { body, ..skill }, followed });
        }
    }
    Ok(all)
}

/// Those with these ids, given by their first digits; all when none are named.
fn select(known: Vec<Known>, ids: &[String]) -> Result<Vec<Known>, CliError> {
    if ids.is_empty() {
        return Ok(known);
    }
    let prefixes: Vec<String> = ids.iter().map(|id| id.to_ascii_lowercase()).collect();
    for prefix in &prefixes {
        let found =
            known.iter().filter(|known| known.skill.id.to_string().starts_with(prefix)).count();
        if prefix.len() < 4 || found == 0 {
            return Err(CliError::new(Kind::Nothing, format!("no skill has the id {prefix}"))
                .hint("`mana skills list` prints ids; at least four of their digits are needed."));
        }
        if found > 1 {
            return Err(CliError::new(Kind::Failed, format!("{prefix} names several skills"))
                .hint("Give more digits."));
        }
    }
    let named = |known: &Known| {
        let id = known.skill.id.to_string();
        prefixes.iter().any(|prefix| id.starts_with(prefix))
    };
    Ok(known.into_iter().filter(named).collect())
}

fn list(
    reader: &Reader,
    args: &SkillsListArgs,
    project: Option<i64>,
    output: &mut Output,
) -> Result<(), CliError> {
    let known = load(reader, if args.all { None } else { project })?;
    output.object(&known.iter().map(Known::shown).collect::<Vec<_>>());
    if known.is_empty() {
        output.line(
            "No skills yet. A skill is made by `mana consolidate` of three commands and mistakes \
             about one program, a mistake among them.",
        );
    }
    for known in &known {
        let points = known.skill.body.points().count() as u64;
        let proven = known.skill.body.points().filter(|point| known.is_proven(point)).count();
        output.line(format!(
            "{}  {} in {}: {}, {proven} proven",
            known.skill.id.short(),
            known.skill.title,
            known.project,
            count(points, "pattern", "patterns"),
        ));
    }
    Ok(())
}

fn tell(known: &Known, output: &mut Output) {
    let Body { when, steps, pitfalls, rules, files, .. } = &known.skill.body;
    output.line(format!("{} in {}", known.skill.title, known.project));
    output.line(format!("id        {}", known.skill.id));
    output.line(format!("applies   {when}"));
    for (what, points) in [("works", steps), ("fails", pitfalls), ("laid down", rules)] {
        for point in points {
            output.line(format!("{what:<9} {} {}", &point.id[..8], point.text));
            let doubt = known.doubt(point).unwrap_or_else(|| "proven".into());
            let sessions = count(point.sessions.into(), "session", "sessions");
            output.line(format!("          {sessions}; {doubt}"));
        }
    }
    if !files.is_empty() {
        output.line(format!("files     {}", files.join(", ")));
    }
}

/// What an export did, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
struct Exported {
    written: Vec<PathBuf>,
    removed: Vec<PathBuf>,
    left_out: usize,
    /// The text, where it was not written to a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

fn export(args: &SkillsExportArgs, known: Vec<Known>, output: &mut Output) -> Result<(), CliError> {
    let mut exported = Exported::default();
    let mut chosen = Vec::new();
    for known in known {
        let before = known.skill.body.points().count();
        let body = known.skill.body.filtered(&|point| args.all || known.is_proven(point));
        exported.left_out += before - body.as_ref().map_or(0, |body| body.points().count());
        if let Some(body) = body {
            chosen.push(Known { skill: Skill { body, ..known.skill }, ..known });
        }
    }
    if chosen.is_empty() {
        let hint = "A pattern is proven when things went well four of four times that it was \
                    followed, or as surely more often than not; `mana skills show` says what each \
                    one lacks, and --all exports the others with a note.";
        return Err(CliError::new(
            Kind::Nothing,
            format!(
                "no pattern of a skill is proven to help yet, of {}",
                count(exported.left_out as u64, "pattern", "patterns")
            ),
        )
        .hint(hint));
    }
    match (args.format, &args.out) {
        (Format::ClaudeMd, Some(path)) => {
            let text = section(&chosen);
            write(path, &text, None, &mut exported)?;
        }
        (Format::ClaudeMd, None) => exported.text = Some(section(&chosen)),
        (Format::Skill, out) => {
            let mut names = BTreeSet::new();
            let mut texts = String::new();
            for known in &chosen {
                let mut name = export::name(&known.skill);
                if !names.insert(name.clone()) {
                    name = format!("{name}-{}", known.skill.id.short());
                    names.insert(name.clone());
                }
                let doubt = |point: &Point| known.doubt(point);
                let (whole, part) = export::skill_file(&known.skill, &known.project, &name, &doubt);
                match out {
                    Some(folder) => {
                        let path = folder.join(&name).join("SKILL.md");
                        write(&path, &part, Some(&whole), &mut exported)?;
                    }
                    None => texts.push_str(&whole),
                }
            }
            match out {
                // Those of an earlier export that are no skills any more.
                Some(folder) if args.ids.is_empty() => {
                    remove_skills(folder, &names, &mut exported)?;
                }
                Some(_) => {}
                None => exported.text = Some(texts),
            }
        }
    }
    report(&exported, output);
    Ok(())
}

fn section(chosen: &[Known]) -> String {
    let skills: Vec<Skill> = chosen.iter().map(|known| known.skill.clone()).collect();
    export::section(&skills, &|point| {
        let known = chosen.iter().find(|known| known.followed.contains_key(&point.id));
        known.and_then(|known| known.doubt(point))
    })
}

fn report(exported: &Exported, output: &mut Output) {
    output.object(exported);
    if let Some(text) = &exported.text {
        output.line(text.trim_end());
    }
    for path in &exported.written {
        output.line(format!("Wrote {}.", path.display()));
    }
    for path in &exported.removed {
        output.line(format!("Removed what mana had written in {}.", path.display()));
    }
    if exported.left_out > 0 {
        output.notice(format!(
            "{} left out: not proven to help yet (--all takes them in, with a note).",
            count(exported.left_out as u64, "pattern", "patterns")
        ));
    }
}

/// Writes the section into the file at `path`; one that does not exist becomes `whole`, or the
/// section alone.
fn write(
    path: &Path,
    section: &str,
    whole: Option<&str>,
    exported: &mut Exported,
) -> Result<(), CliError> {
    let text = match (read(path)?, whole) {
        (None, whole) => whole.unwrap_or(section).to_owned(),
        // A skill of somebody else's, with the same name.
        (Some(text), Some(_)) if !export::has_section(&text) => {
            return Err(CliError::new(
                Kind::Failed,
                format!("{} was not written by mana", path.display()),
            )
            .hint("Move it away, or take another folder with --out."));
        }
        (Some(text), _) => export::put(&text, section).map_err(|error| torn(path, error))?,
    };
    file::replace(path, text.as_bytes()).map_err(cannot)?;
    exported.written.push(path.into());
    Ok(())
}

/// Takes out what was written, from a file or from the skills in a folder.
fn remove(args: &SkillsExportArgs, output: &mut Output) -> Result<(), CliError> {
    let Some(out) = &args.out else {
        return Err(CliError::new(Kind::Failed, "--remove needs --out")
            .hint("Name the file or folder that was given to the export."));
    };
    let mut exported = Exported::default();
    match args.format {
        Format::ClaudeMd => remove_section(out, &mut exported)?,
        Format::Skill => remove_skills(out, &BTreeSet::new(), &mut exported)?,
    }
    if exported.removed.is_empty() {
        return Err(CliError::new(
            Kind::Nothing,
            format!("mana has written nothing in {}", out.display()),
        ));
    }
    report(&exported, output);
    Ok(())
}

/// Takes the sections out of all skills in `folder` that are MANA's and not in `keep`.
fn remove_skills(
    folder: &Path,
    keep: &BTreeSet<String>,
    exported: &mut Exported,
) -> Result<(), CliError> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(export::PREFIX) && !keep.contains(name))
        .collect();
    names.sort_unstable();
    for name in names {
        let path = folder.join(&name).join("SKILL.md");
        remove_section(&path, exported)?;
        if !path.exists() {
            // One that holds other files stays.
            let _kept = std::fs::remove_dir(folder.join(&name));
        }
    }
    Ok(())
}

/// Takes the section out of the file at `path`, and deletes the file when nothing else is in it.
fn remove_section(path: &Path, exported: &mut Exported) -> Result<(), CliError> {
    let Some(text) = read(path)?.filter(|text| export::has_section(text)) else { return Ok(()) };
    let left = export::take_out(&text).map_err(|error| torn(path, error))?;
    if export::is_bare(&left) {
        file::remove(path).map_err(cannot)?;
    } else {
        file::replace(path, left.as_bytes()).map_err(cannot)?;
    }
    exported.removed.push(path.into());
    Ok(())
}

fn read(path: &Path) -> Result<Option<String>, CliError> {
    let Some(bytes) = file::read(path).map_err(cannot)? else { return Ok(None) };
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| CliError::new(Kind::Failed, format!("{} is no text in UTF-8", path.display())))
}

fn torn(path: &Path, error: export::Torn) -> CliError {
    CliError::new(Kind::Failed, format!("{}: {error}", path.display()))
        .hint("Mend or remove the lines with mana:begin and mana:end; nothing was changed.")
}

fn cannot(error: file::PathError) -> CliError {
    StorageError::from(error).into()
}
