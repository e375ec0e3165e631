//! Reads Claude Code's transcripts: files of one JSON object per line that the client appends to.
//!
//! Bytes to lines ([`lines`]), lines to objects ([`parts`], [`scan`]), objects to the members that
//! are used ([`wire`]), members to steps ([`assemble`] with [`call`], [`outcome`], [`person`]).
//! Reading goes on where it stopped ([`cursor`]) and every line is accounted for ([`account`]).
//! The format is the client's own and changes without notice, so nothing in a file is an error:
//! what is not understood is counted and passed over.

mod account;
mod assemble;
mod call;
mod cursor;
mod definition;
mod lines;
mod open;
mod outcome;
mod parts;
mod person;
mod scan;
mod symbols;
#[cfg(test)]
mod tests;
mod text;
mod wire;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memchr::memmem;

pub(crate) use account::{Account, EXCLUDED};
pub(crate) use cursor::{Cursor, Restart};
pub(crate) use lines::Buffer;

use account::{Bad, Verdict};
use assemble::Assembler;
use lines::Lines;

use crate::model::exclude::{self, Exclusions};
use crate::model::ids::StepId;
use crate::model::trajectory::{Body, Call, Outcome, Step, TrajectoryKey};

/// The longest line that is read, in bytes. Longer ones are images and the like.
const MAX_LINE: usize = 16 << 20;

/// How many steps are handed out at once.
const CHUNK: usize = 1024;

/// How far before a cursor a call is looked for first, in bytes; it nearly always is there.
const NEAR: u64 = 8 << 20;

/// The file could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It could not be opened.
    #[error("could not open transcript {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Reading failed midway.
    #[error("could not read transcript {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// How to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    /// Nobody writes the file any more: a last line without a line feed counts as complete.
    pub(crate) last_is_final: bool,
    /// What is left out.
    pub(crate) exclusions: &'a Exclusions,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { last_is_final: false, exclusions: &exclude::NOTHING }
    }
}

/// The result of a call that was handed out without one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Update {
    /// The call's step; it may be one of an earlier reading, or of another file.
    pub(crate) call: StepId,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The message of a failure.
    pub(crate) error: String,
    /// The call's new detail; `None` if what its input told stands.
    pub(crate) detail: Option<String>,
}

/// Steps in file order, and results of calls in earlier chunks.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Chunk {
    /// Steps with the trajectory each belongs to.
    pub(crate) steps: Vec<(TrajectoryKey, Step)>,
    /// Results of calls handed out before.
    pub(crate) updates: Vec<Update>,
}

/// What the lines of a reading tell of the file as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct TranscriptMeta {
    /// The session: as the first line of the conversation names it, else by the file's name.
    pub(crate) session: String,
    /// The subagent, by the file's name; empty for a main transcript.
    pub(crate) agent: String,
    /// The working directories, in order of appearance; the first is where the session started.
    pub(crate) cwds: Vec<String>,
    /// The last git branch named; `HEAD` where there is none.
    pub(crate) branch: String,
    /// The last client version named.
    pub(crate) version: String,
    /// The earliest time, in milliseconds since the Unix epoch.
    pub(crate) first: Option<i64>,
    /// The latest time.
    pub(crate) last: Option<i64>,
    /// Whether a line confirmed the session.
    confirmed: bool,
}

/// What a reading came to, besides its steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Summary {
    /// What the lines read tell of the file.
    pub(crate) meta: TranscriptMeta,
    /// Where to go on next time.
    pub(crate) cursor: Cursor,
    /// What every line came to.
    pub(crate) account: Account,
    /// Why reading began at the file's start although a cursor was given. Steps read before may
    /// come again, with the same ids.
    pub(crate) restart: Option<Restart>,
}

/// A whole reading at once.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reading {
    /// All steps in file order with the trajectory each belongs to.
    pub(crate) steps: Vec<(TrajectoryKey, Step)>,
    /// Results of calls that are not among the steps.
    pub(crate) updates: Vec<Update>,
    /// What else there is to tell.
    pub(crate) summary: Summary,
}

/// Reads what is new in the transcript at `path` since `from` (all of it without a cursor) and
/// returns it at once.
pub(crate) fn read(
    path: &Path,
    from: Option<&Cursor>,
    options: Options<'_>,
    buffer: &mut Buffer,
) -> Result<Reading, ReadError> {
    let mut steps = Vec::new();
    let mut updates = Vec::new();
    let summary = read_with(path, from, options, buffer, &mut |chunk| {
        steps.extend(chunk.steps);
        updates.extend(chunk.updates);
    })?;
    if !updates.is_empty() {
        apply(&mut updates, &mut steps);
    }
    Ok(Reading { steps, updates, summary })
}

/// Puts the `updates` whose calls are among `steps` there, and keeps the others.
fn apply(updates: &mut Vec<Update>, steps: &mut [(TrajectoryKey, Step)]) {
    let places: HashMap<StepId, usize> =
        steps.iter().enumerate().map(|(at, (_, step))| (step.id, at)).collect();
    updates.retain_mut(|update| {
        let Some(at) = places.get(&update.call) else { return true };
        if let Body::Call(call) = &mut steps[*at].1.body {
            call.outcome = update.outcome;
            call.error = std::mem::take(&mut update.error);
            if let Some(detail) = update.detail.take() {
                call.detail = detail;
            }
        }
        false
    });
}

/// Reads what is new in the transcript at `path` since `from` (all of it without a cursor) and
/// hands it to `give` in chunks, so that a file of any size takes little memory.
pub(crate) fn read_with(
    path: &Path,
    from: Option<&Cursor>,
    options: Options<'_>,
    buffer: &mut Buffer,
    give: &mut dyn FnMut(Chunk),
) -> Result<Summary, ReadError> {
    let mut file =
        File::open(path).map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
    read_file(&mut file, path, from, options, buffer, give)
        .map_err(|source| ReadError::Read { path: path.to_owned(), source })
}

/// How many lines are looked at for the folder in which a session started.
const FIRST_LINES: usize = 200;

/// The folder in which the session of the transcript at `path` started, as its first line that
/// names one says.
pub(crate) fn started_in(path: &Path, buffer: &mut Buffer) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut lines = Lines::new(&mut file, buffer, (0, 0), MAX_LINE, true);
    for _ in 0..FIRST_LINES {
        let line = lines.next_line().ok()??;
        let Some(Ok((_, top, _))) = line.bytes.map(wire::Top::read) else { continue };
        if let Some(cwd) = top.cwd.and_then(wire::string).filter(|cwd| !cwd.is_empty()) {
            return Some(cwd.into_owned());
        }
    }
    None
}

/// [`read_with`] on the open file.
fn read_file(
    file: &mut File,
    path: &Path,
    from: Option<&Cursor>,
    options: Options<'_>,
    buffer: &mut Buffer,
    give: &mut dyn FnMut(Chunk),
) -> io::Result<Summary> {
    let restart = from.map(|cursor| cursor.check(file)).transpose()?.flatten();
    let from = from.filter(|_| restart.is_none()).copied().unwrap_or_default();
    file.seek(SeekFrom::Start(from.offset))?;
    let mut assembler = Assembler::new(path, options.exclusions);
    let mut account = Account::default();
    let (at, last_is_final) = ((from.offset, from.line), options.last_is_final);
    let mut lines = Lines::new(&mut *file, buffer, at, MAX_LINE, last_is_final);
    while let Some(line) = lines.next_line()? {
        let verdict = match line.bytes {
            Some(bytes) => assembler.line(line.number, bytes, &mut account),
            None => Verdict::Bad(Bad::TooLong),
        };
        account.add(line.number, verdict);
        if assembler.waiting() >= CHUNK {
            give(assembler.take_chunk());
        }
    }
    let (offset, count) = (lines.offset(), lines.count());
    let missing = assembler.missing_calls();
    for (id, call) in calls_before(file, path, from.offset, missing, options, buffer)? {
        assembler.adopt(&id, call);
    }
    assembler.settle_orphans();
    settle_from_before(file, &from, &mut assembler, buffer)?;
    give(assembler.take_chunk());
    let cursor = Cursor::at(file, offset, count)?;
    Ok(Summary { meta: assembler.into_meta(), cursor, account, restart })
}

/// The calls `ids` from the part of `file` before `end`, which an earlier reading handed out;
/// `None` for one that it left out.
///
/// A result needs its call to be understood. Keeping all open calls between readings would need
/// state for every file; looking them up again costs something only when a reading ended between
/// a call and its result.
fn calls_before(
    file: &mut File,
    path: &Path,
    end: u64,
    mut ids: Vec<String>,
    options: Options<'_>,
    buffer: &mut Buffer,
) -> io::Result<Vec<(String, Option<Call>)>> {
    let mut found: Vec<(String, Option<Call>)> = Vec::new();
    let near = end.saturating_sub(NEAR);
    for start in if near > 0 { vec![near, 0] } else { vec![0] } {
        if ids.is_empty() || end == 0 {
            break;
        }
        let mut assembler = Assembler::new(path, options.exclusions);
        each_line_with(file, start..end, &ids, buffer, &mut |number, line| {
            assembler.line(number, line, &mut Account::default());
        })?;
        found.extend(assembler.into_open_calls().filter(|(id, _)| ids.contains(id)));
        ids.retain(|id| !found.iter().any(|(known, _)| known == id));
    }
    Ok(found)
}

/// Settles calls whose results stand just before the cursor `from`: the client sometimes writes a
/// result before its call, and the reading before may have ended between the two.
fn settle_from_before(
    file: &mut File,
    from: &Cursor,
    assembler: &mut Assembler,
    buffer: &mut Buffer,
) -> io::Result<()> {
    let ids = assembler.open_calls();
    if ids.is_empty() || from.offset == 0 {
        return Ok(());
    }
    let range = from.offset.saturating_sub(NEAR)..from.offset;
    each_line_with(file, range, &ids, buffer, &mut |_, line| {
        assembler.settle_with(&ids, line, from.line);
    })
}

/// Hands every line of `file` within `range` that mentions one of `ids` to `each`, with its number
/// in the range. The range may begin inside a line.
fn each_line_with(
    file: &mut File,
    range: std::ops::Range<u64>,
    ids: &[String],
    buffer: &mut Buffer,
    each: &mut dyn FnMut(u64, &[u8]),
) -> io::Result<()> {
    file.seek(SeekFrom::Start(range.start))?;
    let part = file.by_ref().take(range.end - range.start);
    let finders: Vec<_> = ids.iter().map(|id| memmem::Finder::new(id.as_str())).collect();
    let mut lines = Lines::new(part, buffer, (range.start, 0), MAX_LINE, true);
    while let Some(line) = lines.next_line()? {
        if let Some(bytes) = line.bytes
            && finders.iter().any(|finder| finder.find(bytes).is_some())
        {
            each(line.number, bytes);
        }
    }
    Ok(())
}
