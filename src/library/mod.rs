//! The sentence encoders that are installed: folders below `models` in MANA's home.
//!
//! ```text
//! models/active             the name of the encoder in use
//! models/static.table       a table fitted to one of them; not this module's
//! models/NAME/              config.json, tokenizer.json, model.safetensors, SHA256SUMS
//! models/.partial-NAME/     what a download has brought so far
//! models/.new-…/            a folder in the making; left by a crash, removed by the next install
//! ```
//!
//! A model appears whole or not at all: its folder is made beside, tried by loading, and renamed.

mod error;
#[cfg(feature = "download")]
mod fetch;
#[cfg(feature = "download")]
mod remote;
mod sums;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use crate::embeddings::{Bert, EmbeddingError};
use crate::storage::file::{self, PathContext};

pub(crate) use error::LibraryError;
#[cfg(feature = "download")]
pub(crate) use fetch::{FetchError, SOURCE};
#[cfg(feature = "download")]
pub(crate) use remote::Remote;
use sums::Sums;

/// The files of every model.
const FILES: [&str; 3] = ["config.json", "tokenizer.json", WEIGHTS];
/// The file with the weights; its checksum tells models apart.
const WEIGHTS: &str = "model.safetensors";
/// A file that only some makers publish: it says how a text's vector is made of its tokens'.
const POOLING: &str = "1_Pooling/config.json";
const ACTIVE: &str = "active";
const NEW: &str = ".new-";
#[cfg(feature = "download")]
const PARTIAL: &str = ".partial-";

/// The installed encoders of one home.
#[derive(Debug)]
pub(crate) struct Library {
    folder: PathBuf,
}

/// An installed encoder.
#[derive(Debug)]
pub(crate) struct Installed {
    /// The name it was installed under.
    pub(crate) name: String,
    /// Its name and the beginning of its weights' checksum: the name of its vectors' space.
    pub(crate) space: String,
    /// What its files take, in bytes.
    pub(crate) bytes: u64,
    /// Whether it is the one in use.
    pub(crate) active: bool,
}

impl Library {
    /// The library of the home at `home`, which need not exist.
    pub(crate) fn of(home: &Path) -> Self {
        Self { folder: home.join("models") }
    }

    /// What is installed, by name.
    pub(crate) fn list(&self) -> Result<Vec<Installed>, LibraryError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.context("read", &self.folder)?,
        };
        let active = self.chosen()?;
        let mut list = Vec::new();
        for entry in entries {
            let entry = entry.context("read", &self.folder)?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_name(&name) && entry.path().is_dir() {
                let active = active.as_deref() == Some(&name);
                list.push(self.installed(name, active)?);
            }
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    /// The encoder in use; `None` when none was chosen or the chosen one is not installed.
    pub(crate) fn active(&self) -> Result<Option<Installed>, LibraryError> {
        match self.chosen()? {
            Some(name) if self.place(&name).is_dir() => self.installed(name, true).map(Some),
            _ => Ok(None),
        }
    }

    /// The encoder that is installed as `name`.
    pub(crate) fn find(&self, name: &str) -> Result<Installed, LibraryError> {
        self.expect_installed(name)?;
        self.installed(name.to_owned(), self.chosen()?.as_deref() == Some(name))
    }

    /// Loads an installed encoder, which takes about a tenth of a second.
    pub(crate) fn open(&self, model: &Installed) -> Result<Bert, LibraryError> {
        Ok(Bert::load(&model.space, &self.place(&model.name))?)
    }

    /// Loads the encoder in `folder`, which need not be installed. It is named as it would be after
    /// an installation under the folder's name.
    pub(crate) fn open_folder(folder: &Path) -> Result<Bert, LibraryError> {
        // A folder such as `.` has no name of its own before its real path is known.
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
        let sum = sums::sha256(&folder.join(WEIGHTS))?;
        Ok(Bert::load(&space(&name.unwrap_or_default(), &sum), folder)?)
    }

    /// Makes the installed encoder `name` the one in use and returns it, loaded.
    pub(crate) fn use_model(&self, name: &str) -> Result<Bert, LibraryError> {
        let _lock = self.lock()?;
        self.expect_installed(name)?;
        let encoder = self.open(&self.installed(name.to_owned(), true)?)?;
        self.choose(name)?;
        Ok(encoder)
    }

    /// Removes the encoder `name`. When it was in use, none is afterwards.
    pub(crate) fn remove(&self, name: &str) -> Result<(), LibraryError> {
        let _lock = self.lock()?;
        self.expect_installed(name)?;
        if self.chosen()?.as_deref() == Some(name) {
            file::remove_own(&self.folder.join(ACTIVE))?;
        }
        // Out of sight first, so that a crash does not leave half of a model.
        let away = self.folder.join(format!("{NEW}{name}"));
        file::rename(&self.place(name), &away)?;
        fs::remove_dir_all(&away).context("remove", &away)?;
        Ok(())
    }

    /// Installs the model in the folder `source` as `name`: its files are copied.
    pub(crate) fn install_folder(
        &self,
        name: &str,
        source: &Path,
    ) -> Result<Installed, LibraryError> {
        let _lock = self.lock()?;
        self.expect_free(name)?;
        let making = self.making()?;
        for file in files(source) {
            let from = source.join(file);
            if !from.exists() {
                return Err(EmbeddingError::Missing { path: from }.into());
            }
            file::copy(&from, &making.path().join(file))?;
        }
        let installed = self.adopt(name, making.path())?;
        // It is no longer where the guard would remove it.
        let _gone = making.keep();
        Ok(installed)
    }

    /// Fetches `model` from below the address `source` and installs it as `name`. What a failure
    /// leaves of a download is kept, and the next call goes on from there. `progress` gets the
    /// bytes that are here, again and again.
    #[cfg(feature = "download")]
    pub(crate) fn install_remote(
        &self,
        name: &str,
        model: &Remote,
        source: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Installed, LibraryError> {
        let _lock = self.lock()?;
        self.expect_free(name)?;
        let partial = self.folder.join(format!("{PARTIAL}{name}"));
        fetch::fetch(model, source, &partial, progress)?;
        self.adopt(name, &partial)
    }

    /// Tries the model in `folder`, moves it to its place, and puts it to use when no other is.
    fn adopt(&self, name: &str, folder: &Path) -> Result<Installed, LibraryError> {
        drop(Bert::load(name, folder)?);
        let sums = Sums::of(folder, &files(folder))?;
        file::replace_own(&folder.join(Sums::FILE), sums.to_string().as_bytes())?;
        file::rename(folder, &self.place(name))?;
        if self.active()?.is_none() {
            self.choose(name)?;
        }
        self.installed(name.to_owned(), self.chosen()?.as_deref() == Some(name))
    }

    /// A new folder for a model in the making; those of earlier, interrupted runs are removed.
    fn making(&self) -> Result<tempfile::TempDir, LibraryError> {
        for entry in fs::read_dir(&self.folder).context("read", &self.folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(NEW) {
                fs::remove_dir_all(entry.path()).context("remove", &entry.path())?;
            }
        }
        let folder = tempfile::Builder::new().prefix(NEW).tempdir_in(&self.folder);
        Ok(folder.context("create a folder in", &self.folder)?)
    }

    fn installed(&self, name: String, active: bool) -> Result<Installed, LibraryError> {
        let place = self.place(&name);
        let mut bytes = 0;
        for file in FILES {
            bytes += fs::metadata(place.join(file)).map_or(0, |metadata| metadata.len());
        }
        let sums = Sums::read(&place)?;
        let space = match sums.of_file(WEIGHTS) {
            Some(sum) => space(&name, sum),
            None => name.clone(),
        };
        Ok(Installed { name, space, bytes, active })
    }

    /// The name of the encoder that was chosen, installed or not.
    fn chosen(&self) -> Result<Option<String>, LibraryError> {
        let bytes = file::read(&self.folder.join(ACTIVE))?.unwrap_or_default();
        let name = String::from_utf8_lossy(&bytes).trim().to_owned();
        Ok(is_name(&name).then_some(name))
    }

    fn choose(&self, name: &str) -> Result<(), LibraryError> {
        Ok(file::replace_own(&self.folder.join(ACTIVE), format!("{name}\n").as_bytes())?)
    }

    /// One process at a time changes the library; the kernel frees the lock when it ends.
    fn lock(&self) -> Result<File, LibraryError> {
        file::create_folder(&self.folder).context("create the folder", &self.folder)?;
        let path = self.folder.join(".lock");
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file = file::open_own(&path, &mut options).context("lock", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(LibraryError::Busy { path }),
            Err(TryLockError::Error(error)) => Err(error).context("lock", &path)?,
        }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn expect_installed(&self, name: &str) -> Result<(), LibraryError> {
        if is_name(name) && self.place(name).is_dir() {
            return Ok(());
        }
        Err(LibraryError::NotInstalled { name: name.into() })
    }

    fn expect_free(&self, name: &str) -> Result<(), LibraryError> {
        if !is_name(name) {
            return Err(LibraryError::Name { name: name.into() });
        }
        if self.place(name).exists() {
            return Err(LibraryError::Exists { name: name.into() });
        }
        Ok(())
    }
}

/// The name of the space of the vectors that `name` makes with weights of this checksum.
fn space(name: &str, sum: &str) -> String {
    format!("{name}@{}", &sum[..12])
}

/// The files of the model in `folder`: every model's, and those that it need not have.
fn files(folder: &Path) -> Vec<&'static str> {
    let optional = Some(POOLING).filter(|file| folder.join(file).exists());
    FILES.into_iter().chain(optional).collect()
}

/// Whether `name` can be that of a model: a file name that hides nothing and leads nowhere.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && name != ACTIVE
}

#[cfg(test)]
mod tests;
