//! Checksums of a model's files, kept beside them in the form that `sha256sum -c` reads.

use std::fmt::{self, Write as _};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::storage::file::{self, PathContext, PathError};

/// Names of files with their SHA-256 in lower-case hexadecimal.
#[derive(Debug)]
pub(super) struct Sums(Vec<(String, String)>);

impl Sums {
    /// The name of the file that holds them.
    pub(super) const FILE: &str = "SHA256SUMS";

    /// The sums of `files` in `folder`.
    pub(super) fn of(folder: &Path, files: &[&str]) -> Result<Self, PathError> {
        let sum = |name: &&str| Ok(((*name).to_owned(), sha256(&folder.join(name))?));
        files.iter().map(sum).collect::<Result<_, PathError>>().map(Self)
    }

    /// Reads those of `folder`; none without the file.
    pub(super) fn read(folder: &Path) -> Result<Self, PathError> {
        let bytes = file::read(&folder.join(Self::FILE))?.unwrap_or_default();
        Ok(Self::parse(&String::from_utf8_lossy(&bytes)))
    }

    /// The sums in a text as `sha256sum` prints it; lines of another form are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let pair = |line: &str| {
            let (sum, name) = line.trim_end().split_once(' ')?;
            // A second space or a star: how the file was read when the sum was made.
            let name = name.strip_prefix([' ', '*'])?;
            let whole = sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit());
            whole.then(|| (name.to_owned(), sum.to_owned()))
        };
        Self(text.lines().filter_map(pair).collect())
    }

    /// The sum of the file `name`.
    pub(super) fn of_file(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(file, _)| file == name).map(|(_, sum)| sum.as_str())
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, sum) in &self.0 {
            writeln!(out, "{sum}  {name}")?;
        }
        Ok(())
    }
}

/// The SHA-256 of the file at `path` in lower-case hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, PathError> {
    // Opening a pipe would wait for whoever is at its other end.
    let mut file = file::open_regular(path, OpenOptions::new().read(true)).context("read", path)?;
    let mut hasher = Hasher(Sha256::new());
    io::copy(&mut file, &mut hasher).context("read", path)?;
    Ok(hasher.0.finalize().iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    }))
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_sha256sum_and_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "abc").unwrap();
        let sums = Sums::of(folder.path(), &["a"]).unwrap().to_string();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sums, format!("{known}  a\n"));
        std::fs::write(folder.path().join(Sums::FILE), sums).unwrap();
        let read = Sums::read(folder.path()).unwrap();
        assert_eq!((read.of_file("a"), read.of_file("b")), (Some(known), None));
    }
}
