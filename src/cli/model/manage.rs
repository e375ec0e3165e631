//! The verbs of `mana model`.

use std::path::Path;

use serde::Serialize;

use super::distill;
use crate::cli::args::{ModelCommand, ModelInstallArgs};
use crate::cli::error::{CliError, Kind};
use crate::cli::output::Output;
use crate::config::{self, Settings};
use crate::embeddings::Embedder as _;
use crate::library::{Installed, Library};

/// An installed encoder, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Model {
    name: String,
    active: bool,
    bytes: u64,
    space: String,
}

impl From<Installed> for Model {
    fn from(model: Installed) -> Self {
        let Installed { name, space, bytes, active } = model;
        Self { name, active, bytes, space }
    }
}

pub(super) fn run(command: &ModelCommand, output: &mut Output) -> Result<(), CliError> {
    let settings = Settings::load(config::current_dir().as_deref())?;
    let library = Library::of(&settings.home);
    match command {
        ModelCommand::Distill(args) => distill::run(&settings, &library, args, output),
        ModelCommand::Install(args) => install(&library, args, output),
        ModelCommand::List => list(&library, output),
        ModelCommand::Use(args) => {
            let encoder = library.use_model(&args.name)?;
            let (space, dimensions) = (encoder.name(), encoder.dimensions());
            let object = serde_json::json!({
                "active": args.name, "space": space, "dimensions": dimensions,
            });
            output.object(&object);
            output.line(format!("{space} is in use now; its vectors have {dimensions} numbers."));
            Ok(())
        }
        ModelCommand::Remove(args) => {
            library.remove(&args.name)?;
            output.object(&serde_json::json!({ "removed": args.name }));
            output.line(format!("Removed {}.", args.name));
            if library.active()?.is_none() {
                output
                    .line("No encoder is in use; what is meant is told by the static table alone.");
            }
            Ok(())
        }
    }
}

fn list(library: &Library, output: &mut Output) -> Result<(), CliError> {
    let models: Vec<Model> = library.list()?.into_iter().map(Model::from).collect();
    output.object(&models);
    for model in &models {
        let mark = if model.active { "*" } else { " " };
        output.line(format!("{mark} {:<30} {:>6} MB", model.name, megabytes(model.bytes)));
    }
    if models.is_empty() && !output.is_json() {
        return Err(CliError::new(Kind::Nothing, "no encoder is installed")
            .hint("`mana model install gte-small` fetches one; MANA works without."));
    }
    Ok(())
}

fn install(
    library: &Library,
    args: &ModelInstallArgs,
    output: &mut Output,
) -> Result<(), CliError> {
    let model: Model = match fetched(library, args, output)? {
        Some(model) => model.into(),
        None => copied(library, args)?.into(),
    };
    output.object(&model);
    output.line(format!("Installed {} ({} MB).", model.name, megabytes(model.bytes)));
    output.line(if model.active {
        "It is in use now.".into()
    } else {
        format!("Another one is in use; `mana model use {}` changes that.", model.name)
    });
    Ok(())
}

/// Installs from a folder.
fn copied(library: &Library, args: &ModelInstallArgs) -> Result<Installed, CliError> {
    let folder = Path::new(&args.model);
    if !folder.is_dir() {
        let message = format!("{} is neither a model that MANA knows nor a folder", args.model);
        return Err(CliError::new(Kind::Failed, message)
            .hint("`mana model install --help` says what can be installed."));
    }
    // A folder such as `.` has no name of its own before its real path is known.
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let own = real.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = args.name.clone().or(own).unwrap_or_default();
    Ok(library.install_folder(&name, folder)?)
}

/// Installs over the network; `None` when a folder is meant.
#[cfg(feature = "download")]
fn fetched(
    library: &Library,
    args: &ModelInstallArgs,
    output: &Output,
) -> Result<Option<Installed>, CliError> {
    use crate::library::{Remote, SOURCE};
    use indicatif::{ProgressBar, ProgressStyle};

    let remote = match &args.sums {
        None => Remote::known(&args.model),
        Some(path) => {
            let sums = std::fs::read_to_string(path).map_err(|error| {
                CliError::new(Kind::Failed, format!("cannot read {}: {error}", path.display()))
            })?;
            Some(Remote::pinned(&args.model, &sums)?)
        }
    };
    let Some(remote) = remote else { return Ok(None) };
    let name = args.name.as_deref().unwrap_or(remote.name());
    let source = config::model_source().unwrap_or_else(|| SOURCE.into());
    let bar = if output.shows_progress() {
        ProgressBar::new(remote.bytes())
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("fetching  {wide_bar} {bytes}/{total_bytes}  {eta}");
    bar.set_style(style.expect("the template is valid"));
    let model = library.install_remote(name, &remote, &source, &mut |here| bar.set_position(here));
    bar.finish_and_clear();
    Ok(Some(model?))
}

#[cfg(not(feature = "download"))]
#[expect(clippy::unnecessary_wraps, reason = "a build with downloads can fail here")]
fn fetched(_: &Library, _: &ModelInstallArgs, _: &Output) -> Result<Option<Installed>, CliError> {
    Ok(None)
}

fn megabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}
