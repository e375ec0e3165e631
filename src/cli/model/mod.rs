//! `mana model`, and what `mana status` says about the encoder.

#[cfg(feature = "encoder")]
mod distill;
#[cfg(feature = "encoder")]
mod manage;

use std::path::Path;

use super::args::ModelCommand;
use super::error::CliError;
use super::output::Output;
use crate::embeddings::shipped;
use crate::storage::file;

#[cfg(feature = "encoder")]
pub(crate) fn run(command: &ModelCommand, output: &mut Output) -> Result<(), CliError> {
    manage::run(command, output)
}

#[cfg(not(feature = "encoder"))]
pub(crate) fn run(_: &ModelCommand, _: &mut Output) -> Result<(), CliError> {
    use super::error::Kind;
    Err(CliError::new(Kind::Failed, "this mana was built without the sentence encoder")
        .hint("Build it with the feature `encoder`. All else works without one."))
}

/// The encoder in use in the home at `home`, with the checksum that names its vectors' space.
#[cfg(feature = "encoder")]
pub(crate) fn active(home: &Path) -> Result<Option<String>, CliError> {
    Ok(crate::library::Library::of(home).active()?.map(|model| model.space))
}

#[cfg(not(feature = "encoder"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with the encoder can fail here")]
pub(crate) fn active(_: &Path) -> Result<Option<String>, CliError> {
    Ok(None)
}

/// Says which static table hooks use in the home at `home`, and why when it is not the user's own.
pub(crate) fn static_table(home: &Path) -> String {
    let shipped = || format!("built in, fitted to {}", shipped::table().about().teacher);
    let path = home.join(shipped::OWN_TABLE);
    let bytes = match file::read(&path) {
        Ok(None) => return shipped(),
        Ok(Some(bytes)) => bytes,
        Err(error) => return format!("{} ({error}: {})", shipped(), error.source),
    };
    match shipped::encoder_with(&bytes) {
        Ok(encoder) if encoder.table().is_whole() => {
            let about = encoder.table().about();
            format!("your own, fitted to {} on {} texts", about.teacher, about.texts)
        }
        Ok(_) => format!("{} ({} is damaged)", shipped(), path.display()),
        Err(error) => format!("{} ({} cannot be used: {error})", shipped(), path.display()),
    }
}
