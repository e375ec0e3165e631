//! Fetches a known model over HTTPS.
//!
//! Each file is written as `NAME.part` and gets its name when its length and its checksum are the
//! pinned ones, so a folder holds whole files and at most one part. A part is resumed where it
//! ends. Nothing is fetched that is there already.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::remote::{Pin, Remote};
use super::sums;
use crate::storage::file::{self, PathContext, PathError};

/// Where models come from, unless a setting names a mirror.
pub(crate) const SOURCE: &str = "https://huggingface.co";

/// How long the other side may be silent.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest file that is taken where no length is pinned: more than any BERT's weights.
const LONGEST: u64 = 4 << 30;

/// A download that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum FetchError {
    /// No secure connection can be made.
    #[error("cannot set up a secure connection")]
    Setup {
        /// What the library says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server gave no answer.
    #[error("cannot reach {url}")]
    Reach {
        /// The file's address.
        url: String,
        /// What the library says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server refused.
    #[error("{url} answered {status}")]
    Status {
        /// The file's address.
        url: String,
        /// The answer's number and name.
        status: StatusCode,
    },
    /// The connection ended before the file did.
    #[error("the connection was cut after {here} bytes of {url}")]
    Cut {
        /// The file's address.
        url: String,
        /// Bytes that are kept.
        here: u64,
        /// What the library says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is another one than was pinned.
    #[error("{url} is not the file that this mana expects: SHA-256 {found} instead of {expected}")]
    Checksum {
        /// The file's address.
        url: String,
        /// The pinned checksum.
        expected: String,
        /// That of what came.
        found: String,
    },
    /// The server sends more than the file has.
    #[error("{url} is longer than the {limit} bytes that this mana expects")]
    TooLong {
        /// The file's address.
        url: String,
        /// The pinned length, or the largest one that is taken.
        limit: u64,
    },
    /// What came cannot be written.
    #[error(transparent)]
    File(#[from] PathError),
}

/// Brings the files of `model` into `folder` from below the address `source`. `progress` gets the
/// bytes that are here, those of earlier runs included.
pub(super) fn fetch(
    model: &Remote,
    source: &str,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), FetchError> {
    let client = client()?;
    let base = source.trim_end_matches('/');
    let Remote { repository, revision, files } = model;
    let mut done = 0;
    for pin in files {
        let url = format!("{base}/{repository}/resolve/{revision}/{}", pin.name);
        let mut tell = |here: u64| progress(done + here);
        done += Download { client: &client, url, pin, folder }.run(&mut tell)?;
    }
    Ok(())
}

fn client() -> Result<Client, FetchError> {
    // Once in a process; a second call finds it set and changes nothing.
    let _set = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .https_only(true)
        .timeout(PATIENCE)
        .user_agent(concat!("mana/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|source| FetchError::Setup { source: source.into() })
}

/// One file on its way.
struct Download<'a> {
    client: &'a Client,
    url: String,
    pin: &'a Pin,
    folder: &'a Path,
}

impl Download<'_> {
    /// Makes sure that the whole, right file is in the folder; returns its length.
    fn run(&self, tell: &mut dyn FnMut(u64)) -> Result<u64, FetchError> {
        let whole = self.folder.join(self.pin.name);
        if whole.exists() && sums::sha256(&whole)? == self.pin.sha256 {
            let bytes = fs::metadata(&whole).context("read", &whole)?.len();
            tell(bytes);
            return Ok(bytes);
        }
        let part = self.folder.join(format!("{}.part", self.pin.name));
        if let Some(folder) = part.parent() {
            file::create_folder(folder).context("create the folder", folder)?;
        }
        let bytes = self.bring(&part, tell)?;
        let found = sums::sha256(&part)?;
        if found != self.pin.sha256 {
            // Going on from it could never succeed.
            file::remove(&part)?;
            let expected = self.pin.sha256.clone();
            return Err(FetchError::Checksum { url: self.url.clone(), expected, found });
        }
        file::rename(&part, &whole)?;
        Ok(bytes)
    }

    /// Fetches what the part at `path` lacks and returns how long it is then.
    fn bring(&self, path: &Path, tell: &mut dyn FnMut(u64)) -> Result<u64, FetchError> {
        let mut part = open(path).context("open", path)?;
        let mut here = part.metadata().context("read", path)?.len();
        if here > 0 && Some(here) == self.pin.bytes {
            return Ok(here);
        }
        let mut answer = self.ask(here)?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            // The part is the whole file, or longer: its checksum says which.
            return Ok(here);
        }
        if !continues(&answer, here) {
            part.set_len(0).context("empty", path)?;
            here = 0;
        }
        tell(here);
        let limit = self.pin.bytes.unwrap_or(LONGEST);
        let mut buffer = vec![0; 64 * 1024];
        let outcome = loop {
            let read = match answer.read(&mut buffer) {
                Ok(0) => break Ok(here),
                Ok(read) => read,
                Err(source) => {
                    break Err(FetchError::Cut {
                        url: self.url.clone(),
                        here,
                        source: source.into(),
                    });
                }
            };
            if here + read as u64 > limit {
                break Err(FetchError::TooLong { url: self.url.clone(), limit });
            }
            part.write_all(&buffer[..read]).context("write", path)?;
            here += read as u64;
            tell(here);
        };
        // Also after a cut connection: the next run goes on from here.
        part.sync_all().context("write", path)?;
        outcome
    }

    /// Asks for the file from byte `from` on.
    fn ask(&self, from: u64) -> Result<Response, FetchError> {
        let mut request = self.client.get(&self.url);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let reach = |source: reqwest::Error| FetchError::Reach {
            url: self.url.clone(),
            source: source.without_url().into(),
        };
        let answer = request.send().map_err(reach)?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
            StatusCode::RANGE_NOT_SATISFIABLE if from > 0 => Ok(answer),
            status => Err(FetchError::Status { url: self.url.clone(), status }),
        }
    }
}

/// Opens the part at `path` for adding to its end; only this user can read it.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    file::open_own(path, &mut options)
}

/// Whether `answer` begins at byte `from`; a server may send the whole file all the same.
fn continues(answer: &Response, from: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    answer.status() == StatusCode::PARTIAL_CONTENT
        && range.is_some_and(|range| range.starts_with(&format!("bytes {from}-")))
}
