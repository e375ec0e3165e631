//! The process that reads documents: one request after the other, each within limits of memory and
//! processor time that end the process when they are passed.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use nix::time::{ClockId, clock_gettime};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::document::{LIMIT, adopt, capped, edit, merge, project, renew};
use super::error::TextError;
use super::wire::{Answer, Request, answer_bytes, read_frame, write_frame};

/// Bytes of address space.
const MEMORY: u64 = 256 << 20;

/// Seconds of processor time for one request.
const SECONDS: u64 = 5;

/// Answers requests from `input` on `output` until there are no more.
///
/// # Errors
/// When a limit cannot be set, when what comes is no request, and when nobody reads the answers.
pub(crate) fn serve(input: &mut dyn Read, output: &mut dyn Write) -> io::Result<()> {
    // Nobody is to read what a hostile document makes the library say.
    set_hook(Box::new(|_| {}));
    limit(Resource::Core, 0)?;
    limit(Resource::As, MEMORY)?;
    while let Some(frame) = read_frame(input)? {
        let request = Request::from_bytes(&frame).ok_or(io::ErrorKind::InvalidData)?;
        drop(frame);
        allow_seconds()?;
        let answer = catch_unwind(AssertUnwindSafe(|| answer(&request)));
        let answer = answer.unwrap_or(Err(TextError::Worker("failed")));
        write_frame(output, &answer_bytes(&answer))?;
    }
    Ok(())
}

pub(super) fn answer(request: &Request) -> Answer {
    let found = request.largest();
    if found > LIMIT {
        return Err(TextError::Large { found });
    }
    let document = match request {
        Request::Merge { ours: Some(ours), theirs } => merge(ours, theirs)?,
        Request::Merge { ours: None, theirs } => adopt(theirs)?,
        Request::Edit { document, seen, author, page } => {
            edit(document, seen.as_deref(), author, page)?
        }
        Request::Renew { document, page } => renew(document, page.as_ref())?,
    };
    let document = capped(document);
    if document.len() > LIMIT {
        return Err(TextError::Large { found: document.len() });
    }
    let page = project(&document)?;
    Ok((document, page))
}

/// Sets the limit that a process can lift again; one that is lower already stays.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(resource);
    let current = current.map_or(most, |current| current.min(most));
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum })?)
}

/// Grants the next request its processor time: the limit counts from the process's start.
fn allow_seconds() -> io::Result<()> {
    let used = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map_err(io::Error::from)?;
    let maximum = getrlimit(Resource::Cpu).maximum;
    let until = used.tv_sec() as u64 + 1 + SECONDS;
    let current = maximum.map_or(until, |maximum| maximum.min(until));
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(current), maximum })?)
}
