//! `mana edit`: the words of a person in the place of the learned ones.

mod template;

use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use super::args::EditArgs;
use super::error::{CliError, Kind};
use super::output::Output;
use super::publish::publish;
use super::{review, show, time};
use crate::config::{self, Settings};
use crate::model::page::Page;
use crate::model::pattern::{Kind as Sort, Pattern, Reason, State};
use crate::storage::{Change, Edit, Reader, Store};
use crate::sync::text::{self, Author, TextError, WorkerCommand};

/// Times that the editor is opened at most: it may be a program that always leaves the same.
const ROUNDS: u32 = 20;

/// The verb of the process that reads documents.
pub(crate) const WORKER: &str = "text-worker";

/// An edited item, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Edited {
    id: String,
    changed: bool,
    /// What agents read of it.
    text: String,
    /// Whether that is what a person wrote.
    #[serde(rename = "edited")]
    by_hand: bool,
    title: String,
    tags: Vec<String>,
    notes: String,
    state: &'static str,
    now: String,
}

/// An item as it was when somebody began to edit it.
struct Before {
    pattern: Pattern,
    edit: Option<Edit>,
    learned: String,
}

impl Before {
    fn page(&self) -> Page {
        self.edit.as_ref().map(|edit| edit.page.clone()).unwrap_or_default()
    }
}

pub(crate) fn run(args: &EditArgs, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let before = look_up(&Reader::open(&settings.home)?, &args.id)?;
    let page = if args.revert {
        if before.page().body.is_empty() {
            let message = format!("{} has its learned words already", before.pattern.id.short());
            return Err(CliError::new(Kind::Nothing, message));
        }
        Page { body: String::new(), ..before.page() }
    } else if let Some(page) = given(args, taken(args, &before, &settings)?, &before.page()) {
        accepted(page, &before)?
    } else if output.is_json() {
        return Err(CliError::new(Kind::Failed, "with --json no editor is opened")
            .hint("Give the new text with --body, or --title, --tag, --note or --revert."));
    } else {
        written(&before, &settings, output)?
    };
    let changed = page != before.page();
    if changed {
        store(&settings, &before, &page)?;
    }
    let reader = Reader::open(&settings.home)?;
    let after = edited(&reader, &before, changed, &settings)?;
    output.object(&after);
    tell(&after, output);
    Ok(())
}

/// Answers what a `mana` asks that has documents to read.
pub(crate) fn serve() -> Result<(), CliError> {
    let served = text::serve(&mut std::io::stdin().lock(), &mut super::output::answers());
    served.map_err(|error| CliError {
        kind: Kind::Failed,
        source: error.into(),
        hints: vec!["It is for mana's own use and answers no people.".into()],
    })
}

/// The item with this id, if its words can be edited.
fn look_up(reader: &Reader, id: &str) -> Result<Before, CliError> {
    let Some(pattern) = show::find(reader, id)? else {
        let hint = if reader.files_by_prefix(id)?.is_empty() {
            "`mana search` prints ids; at least four of their digits are needed."
        } else {
            "It is a file: agents read its path, and there is nothing to edit."
        };
        return Err(
            CliError::new(Kind::Nothing, format!("no item to edit has the id {id}")).hint(hint)
        );
    };
    let short = pattern.id.short();
    if matches!(pattern.kind, Sort::Episode | Sort::Skill) {
        let message = format!("{short} is an earlier prompt, and agents do not read its words");
        return Err(CliError::new(Kind::Failed, message)
            .hint("They read the paths of its files; `mana forget` takes it out."));
    }
    if let Some((Reason::Merged | Reason::Global, Some(other))) = reader.set_aside(pattern.row)? {
        let message = format!("{short} is not shown: {} stands for it", other.short());
        return Err(CliError::new(Kind::Failed, message)
            .hint(format!("Edit that one: `mana edit {}`.", other.short())));
    }
    let learned = reader.learned_words(pattern.row)?.unwrap_or_else(|| pattern.text.clone());
    let edit = reader.edit_of(pattern.id)?;
    Ok(Before { pattern, edit, learned })
}

/// The words of the device that the arguments name, if they name one.
fn taken(
    args: &EditArgs,
    before: &Before,
    settings: &Settings,
) -> Result<Option<String>, CliError> {
    let Some(device) = &args.take else { return Ok(None) };
    let others = review::others(&Reader::open(&settings.home)?, &before.pattern)?;
    let mut fits = others.into_iter().filter(|other| other.is_of(device));
    let found = fits.next().ok_or_else(|| {
        let message =
            format!("no device {device:?} has other words for {}", before.pattern.id.short());
        CliError::new(Kind::Nothing, message)
            .hint(format!("`mana show {}` prints those that have.", before.pattern.id.short()))
    })?;
    if fits.next().is_some() {
        return Err(CliError::new(Kind::Failed, format!("more than one device is {device:?}"))
            .hint("Give more of its fingerprint."));
    }
    Ok(Some(found.text))
}

/// The page with what the arguments say, `taken` being words of another device; `None` when they
/// say nothing.
fn given(args: &EditArgs, taken: Option<String>, page: &Page) -> Option<Page> {
    let EditArgs { title, tags, notes, .. } = args;
    let body = taken.or_else(|| args.body.clone());
    let silent = title.is_none() && body.is_none() && tags.is_empty() && notes.is_none();
    (!silent).then(|| Page {
        title: title.clone().unwrap_or_else(|| page.title.clone()),
        body: body.unwrap_or_else(|| page.body.clone()),
        tags: if tags.is_empty() { page.tags.clone() } else { tags.clone() },
        notes: notes.clone().unwrap_or_else(|| page.notes.clone()),
    })
}

/// A page that was typed. With the learned words put into it, it goes on following what is learned.
fn accepted(mut page: Page, before: &Before) -> Result<Page, CliError> {
    let tidy = |body: &str| Page { body: body.into(), ..Page::default() }.tidy().body;
    // Words of people that stay are no return: another device may tell just them.
    if tidy(&page.body) == tidy(&before.learned) && page.body != before.page().body {
        page.body.clear();
    }
    Page::accept(&page).map_err(|refusal| CliError {
        kind: Kind::Failed,
        source: refusal.into(),
        hints: vec!["Nothing was changed.".into()],
    })
}

/// The page as the user leaves it in the editor.
fn written(before: &Before, settings: &Settings, output: &mut Output) -> Result<Page, CliError> {
    let Some(editor) = config::editor() else {
        return Err(CliError::new(Kind::Failed, "no editor is known")
            .hint("Set VISUAL or EDITOR, or give the new text with --body."));
    };
    let mut page = before.page();
    if page.body.is_empty() {
        page.body.clone_from(&before.learned);
    }
    let file = tempfile::Builder::new()
        .prefix("edit-")
        .suffix(".txt")
        .tempfile_in(&settings.home)
        .map_err(|error| failed("cannot make a file to edit", &error))?;
    let mut shown = template::render(&before.pattern, &page, None);
    for round in 1.. {
        put(file.path(), &shown).map_err(|error| failed("cannot write the file", &error))?;
        open(&editor, file.path())?;
        let left = read(file.path()).map_err(|error| failed("cannot read the file", &error))?;
        let parsed = template::parse(&left)
            .map_err(|what| CliError::new(Kind::Failed, what))
            .and_then(|page| accepted(page, before));
        let refused = match parsed {
            Ok(page) => return Ok(page),
            Err(refused) => refused,
        };
        if left == shown || round == ROUNDS {
            // The user has seen the reason and left it at that.
            let kept = file.keep().map(|(_, path)| path.display().to_string());
            let kept = kept.map_err(|error| failed("cannot keep the file", &error.error))?;
            return Err(refused.hint(format!("What you wrote is in {kept}.")));
        }
        output.notice(format!("{}; opening the editor again", refused.source));
        shown = template::again(&left, &refused.source.to_string());
    }
    unreachable!("the last round returns")
}

fn failed(what: &str, error: &std::io::Error) -> CliError {
    let mut failure = CliError::new(Kind::Failed, format!("{what}: {error}"));
    failure.hints.push("Nothing was changed.".into());
    failure
}

/// Writes the file at `path`, which an editor may have put in the place of the first one.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// What is in the file now: some editors put another one in its place.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(1 << 20).read_to_string(&mut text)?;
    Ok(text)
}

/// Lets the user edit a file. The editor may come with arguments.
fn open(editor: &str, path: &Path) -> Result<(), CliError> {
    let status = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{editor} \"$@\""))
        .arg(editor)
        .arg(path)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let message = format!("the editor `{editor}` ended with {status}");
            Err(CliError::new(Kind::Failed, message).hint("Nothing was changed."))
        }
        Err(error) => Err(failed("cannot start the editor", &error)),
    }
}

/// Stores the page that was made of what there was before.
fn store(settings: &Settings, before: &Before, page: &Page) -> Result<(), CliError> {
    let mut store = Store::open(&settings.home, true)?;
    let id = before.pattern.id;
    let now = time::now().timestamp_millis();
    let author = Author { actor: store.incarnation()?, now };
    let (document, merged) = match store.edit_of(id)? {
        None => (text::create(&author, &before.learned, page)?, page.clone()),
        Some(edit) => {
            let seen = before.edit.as_ref().map(|edit| edit.document.as_slice());
            text::edit_guarded(&own_worker()?, &edit.document, seen, &author, page)
                .map_err(|error| error.about(id))?
        }
    };
    let faded = Reader::set_aside(&store, before.pattern.row)?
        .is_some_and(|(reason, _)| matches!(reason, Reason::Faded | Reason::Unmatched));
    store.atomically(|store| {
        store.put_edit(id, &document, &merged, Some(&page.body), now)?;
        if faded {
            // Somebody cares for it.
            let stands = Change { row: before.pattern.row, set_aside: None };
            store.set_patterns_aside(&[stands], now)?;
        }
        Ok(())
    })?;
    publish(&mut store, &settings.home)?;
    Ok(())
}

/// How the process that reads documents is started.
pub(super) fn own_worker() -> Result<WorkerCommand, CliError> {
    let program = config::own_binary().map_err(TextError::Start)?;
    Ok(WorkerCommand::new(program, [WORKER]))
}

/// The item as it is now.
fn edited(
    reader: &Reader,
    before: &Before,
    changed: bool,
    settings: &Settings,
) -> Result<Edited, CliError> {
    let id = before.pattern.id;
    let Some(pattern) = show::find(reader, &id.to_string())? else {
        let message = format!("{} was forgotten meanwhile", id.short());
        return Err(CliError::new(Kind::Nothing, message));
    };
    let page = reader.edit_of(id)?.map(|edit| edit.page).unwrap_or_default();
    Ok(Edited {
        id: id.to_string(),
        changed,
        now: show::standing(reader, &pattern, settings)?,
        by_hand: !page.body.is_empty() && page.body == pattern.text,
        text: pattern.text,
        title: page.title,
        tags: page.tags,
        notes: page.notes,
        state: pattern.state.name(),
    })
}

fn tell(after: &Edited, output: &mut Output) {
    let short = &after.id[..8];
    let told = after.state == State::Active.name();
    output.line(match (after.changed, after.by_hand, told) {
        (false, ..) => format!("{short} stays as it was."),
        (true, true, true) => format!("From now on agents read of {short}:"),
        (true, true, false) => format!("{short} has these words from now on:"),
        (true, false, _) => format!("{short} has its learned words:"),
    });
    output.line(format!("  {}", after.text));
    for (name, value) in
        [("title", &after.title), ("tags", &after.tags.join(", ")), ("notes", &after.notes)]
    {
        if !value.is_empty() {
            output.line(format!("{name:<9} {}", value.replace('\n', "\n          ")));
        }
    }
    output.line(show::moments_below_each_other(&after.now));
}
