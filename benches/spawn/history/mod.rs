//! Makes transcripts: sessions in which commands fail and others then work, by the thousand.
//!
//! Everything follows from fixed seeds, so two runs measure the same history.

mod checkout;
mod lesson;
mod transcript;
mod words;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use checkout::write_checkout;
pub(crate) use lesson::{Lesson, lesson};
use transcript::Transcript;
use words::Dice;

/// The folder that long sessions claim to have worked in; it does not exist.
pub(crate) const ELSEWHERE: &str = "/srv/bench/project";

/// Lessons in one session: about as many failures as a long real session has.
const LESSONS_PER_SESSION: usize = 16;

/// In long sessions: bytes of what a tool prints, and the steps beside those of a lesson that
/// nothing much is learned from. With both, a gigabyte holds about as much as a real one does.
const OUTPUT: usize = 12_000;
const UNEVENTFUL: usize = 9;

/// The stream of [`Dice`] for what surrounds the lessons.
const STREAM: u64 = 2;

/// Number of the first of the long sessions, which must not collide with those of lessons.
const LONG: usize = 0x00ff_0000;

/// Sessions of one project at most: their numbers must not collide with those of another.
const SESSIONS: usize = 1_000_000;

/// Writes the sessions in the folder `path` of project number `project` that hold `count` lessons
/// from number `first` on.
pub(crate) fn write_lessons(
    client: &Path,
    path: &str,
    project: usize,
    first: usize,
    count: usize,
) -> io::Result<()> {
    for start in (first..first + count).step_by(LESSONS_PER_SESSION) {
        let session = project * SESSIONS + start / LESSONS_PER_SESSION;
        let mut transcript = Transcript::create(client, path, session)?;
        for number in start..(start + LESSONS_PER_SESSION).min(first + count) {
            teach(&mut transcript, number, 300)?;
            // Some things come back, as they do: those have more than one session behind them.
            if number % 5 == 0 && number > 40 {
                teach(&mut transcript, number * 3 / 4, 300)?;
            }
        }
        transcript.finish()?;
    }
    Ok(())
}

/// Writes sessions of about 2 MB each until they hold `bytes`; returns how many bytes they have.
pub(crate) fn write_bytes(client: &Path, bytes: usize) -> io::Result<usize> {
    let (mut written, mut number) = (0, 0);
    while written < bytes {
        let session = LONG + 1 + number;
        written += write_session(client, session, number * 61, (bytes - written).min(2_000_000))?.1;
        number += 1;
    }
    Ok(written)
}

/// Writes one session of `bytes` and returns its path.
pub(crate) fn write_long_session(client: &Path, bytes: usize) -> io::Result<PathBuf> {
    Ok(write_session(client, LONG, 0, bytes)?.0)
}

/// One session of `bytes`, with lessons from number `first` on.
fn write_session(
    client: &Path,
    session: usize,
    first: usize,
    bytes: usize,
) -> io::Result<(PathBuf, usize)> {
    let mut transcript = Transcript::create(client, ELSEWHERE, session)?;
    let mut number = first;
    while transcript.bytes < bytes {
        teach(&mut transcript, number % 6_000, OUTPUT)?;
        work_on(&mut transcript, number % 6_000)?;
        number += 1;
    }
    let written = (transcript.path.clone(), transcript.bytes);
    transcript.finish()?;
    Ok(written)
}

/// The steps of lesson `number`, with about `padding` bytes wherever real tools are chatty.
fn teach(transcript: &mut Transcript, number: usize, padding: usize) -> io::Result<()> {
    let lesson = lesson(number);
    let dice = &mut Dice::new(STREAM, transcript.bytes);
    let mut some = |bytes: usize| bytes / 2 + dice.below(bytes);
    let (said, seen, output) = (some(padding / 4), some(padding), some(padding));
    transcript.prompt(&lesson.prompt)?;
    transcript.say(&dice.prose(said))?;
    for file in &lesson.files {
        transcript.read(file, &dice.code(seen))?;
    }
    transcript.failed(&lesson.failing, &lesson.error)?;
    let old = dice.code(120);
    transcript.edit(&lesson.files[0], &old, &dice.code(160))?;
    transcript.ran(&lesson.working, "ok: 1 passed, 0 failed")?;
    if dice.chance(30) {
        transcript.ran("git status --short && git diff --stat", &dice.prose(output))?;
    }
    Ok(())
}

/// Steps that nothing much is learned from: most of a real session.
fn work_on(transcript: &mut Transcript, number: usize) -> io::Result<()> {
    let dice = &mut Dice::new(STREAM, transcript.bytes);
    for n in 0..UNEVENTFUL {
        let lesson = lesson((number + n) % 6_000);
        let bytes = OUTPUT / 2 + dice.below(OUTPUT);
        match n % 3 {
            0 => transcript.read(&lesson.files[0], &dice.code(bytes))?,
            1 => transcript.ran("git status --short && git diff --stat", &dice.prose(bytes))?,
            _ => transcript.ran(&format!("grep -rn {} src", dice.noun()), &dice.code(bytes))?,
        }
    }
    Ok(())
}

/// Prose that belongs to no lesson, for events that should meet nothing.
pub(crate) fn unrelated(number: usize, bytes: usize) -> String {
    Dice::new(STREAM + 1, number).prose(bytes)
}
