//! Where what commands trace goes: the program's log.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::error::CliError;
use crate::config::{self, Settings};
use crate::storage::log;

/// From now on, what this process traces is logged, from the settings' level up.
///
/// A level that is none, and a log that cannot be written, cost the log only.
pub(crate) fn begin(settings: &Settings) {
    let Ok(level) = settings.log.level.parse::<LevelFilter>() else { return };
    if level == LevelFilter::OFF {
        return;
    }
    // Fails where a command calls another one: the log is there already.
    let _already = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false)
        .with_writer(Folder(settings.logs.clone()))
        .try_init();
}

/// Logs why a command failed, whatever is wrong with `config.toml`.
pub(crate) fn complain(error: &CliError) {
    let Ok((settings, _)) = Settings::load_anyway(config::current_dir().as_deref()) else { return };
    begin(&settings);
    tracing::error!("{}", super::hook::chain(&*error.source));
}

/// Whether `level` says what is logged.
pub(crate) fn is_level(level: &str) -> bool {
    level.parse::<LevelFilter>().is_ok()
}

/// The folder of the logs.
#[derive(Debug)]
struct Folder(PathBuf);

impl<'a> MakeWriter<'a> for Folder {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { folder: &self.0, text: String::new() }
    }
}

/// A line that is being made, and appended as a whole when it is complete: several processes write
/// to the same log.
#[derive(Debug)]
struct Line<'a> {
    folder: &'a Path,
    text: String,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let line = self.text.trim_end();
        // Nobody is left to be told.
        let _lost = log::append(self.folder, log::PROGRAM, line);
    }
}
