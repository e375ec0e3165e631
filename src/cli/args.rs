//! Every argument of every command; help text lives only here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

#[cfg(feature = "sync")]
use crate::model::pattern::Kind;

/// Memory for Claude Code: learns from transcripts what failed and what fixed it, and says so at
/// the right moment.
#[derive(Debug, Parser)]
#[command(name = "mana", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 configuration, 4 nothing found, \
    70 internal error. Hook commands always exit 0.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install the hooks and learn the existing history
    Init(InitArgs),
    /// Remove the hooks; what was learned stays
    Uninstall(UninstallArgs),
    /// Answer a hook event of Claude Code (JSON on standard input)
    Inject(InjectArgs),
    /// Note the end of a turn, subagent or session (hook JSON on standard input)
    SessionEnd(SessionEndArgs),
    /// Learn what is new in the transcripts
    Learn(LearnArgs),
    /// Show what MANA knows and whether it works
    Status,
    /// Show whether what was said helped, what it cost and what it saved, beside what was held
    /// back to compare with
    Stats,
    /// Measure on recorded sessions how good the suggestions would have been
    Eval(EvalArgs),
    /// Fit the weights by which files are named to your own history
    Tune(TuneArgs),
    /// Search what was learned
    Search(SearchArgs),
    /// Show one item with its evidence
    #[command(alias = "why")]
    Show(ShowArgs),
    /// Change by hand what agents read of an item
    #[cfg(feature = "sync")]
    Edit(EditArgs),
    /// Read documents that others wrote, for a `mana` that asks
    #[cfg(feature = "sync")]
    #[command(name = super::edit::WORKER, hide = true)]
    TextWorker,
    /// Merge what says the same, and set aside what is not used or does harm
    Consolidate(ConsolidateArgs),
    /// List, show and export what is known about working with a program
    #[command(subcommand, arg_required_else_help = true)]
    Skills(SkillsCommand),
    /// List what waits for approval, such as what other devices told; approve or reject it
    Review(ReviewArgs),
    /// Look for what is wrong with hooks, home and database, and mend what is safe to mend
    Doctor(DoctorArgs),
    /// Learn and consolidate at intervals, without waiting for hooks
    #[command(subcommand, arg_required_else_help = true)]
    Daemon(DaemonCommand),
    /// Share what was learned with other machines: exchange with the remote
    #[cfg(feature = "sync")]
    #[command(args_conflicts_with_subcommands = true)]
    Sync(SyncArgs),
    /// Write what was learned into a file for another machine
    #[cfg(feature = "sync")]
    Export(ExportArgs),
    /// Take in a file that `mana export` wrote; what is in it waits for approval
    #[cfg(feature = "sync")]
    Import(ImportArgs),
    /// Forget an item, a project, a session or a time
    Forget(ForgetArgs),
    /// Manage the sentence encoders that find what is meant, whatever the words
    #[command(subcommand, arg_required_else_help = true)]
    Model(ModelCommand),
    /// Show the whole loop on bundled sample transcripts, without touching anything of yours
    Demo,
}

/// Arguments of `mana init`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag that is given or not")]
pub(crate) struct InitArgs {
    /// Install for the project in the current folder only, with a home of its own (.mana)
    #[arg(long)]
    pub(crate) project: bool,
    /// Print what would change in the settings, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Replay your own sessions after installing, without asking
    #[arg(long, conflicts_with_all = ["no_eval", "dry_run"])]
    pub(crate) eval: bool,
    /// Do not replay your own sessions, and do not ask about it
    #[arg(long)]
    pub(crate) no_eval: bool,
}

/// Arguments of `mana uninstall`.
#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    /// Remove the hooks of the project in the current folder
    #[arg(long)]
    pub(crate) project: bool,
    /// Print what would change in the settings, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `mana inject`.
#[derive(Debug, Args)]
pub(crate) struct InjectArgs {
    /// Answer only for these tools
    #[arg(long, value_enum)]
    pub(crate) tool: Option<ToolFilter>,
}

/// Groups of tools that `--tool` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum ToolFilter {
    /// The tools that change files.
    #[value(help = "Edit, MultiEdit, Write, NotebookEdit")]
    Edit,
    /// Bash
    Bash,
    /// Read
    Read,
    /// Grep, Glob
    Search,
}

/// Arguments of `mana session-end`.
#[derive(Debug, Args)]
pub(crate) struct SessionEndArgs {}

/// Arguments of `mana learn`.
#[derive(Debug, Args)]
pub(crate) struct LearnArgs {
    /// Transcript files or folders [default: the projects folder of Claude Code]
    pub(crate) paths: Vec<PathBuf>,
    /// Run in the background of a hook: in a session of its own, without output, and only if no
    /// other run is going on
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
    /// Run as a job of the daemon: only if no other run is going on
    #[arg(long, hide = true, conflicts_with = "detached")]
    pub(crate) supervised: bool,
}

/// Arguments of `mana eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// Folders with the transcripts of one project, or of such folders [default: your own history]
    pub(crate) paths: Vec<PathBuf>,
    /// Parts in which a project's later sessions follow, each learned before the next
    #[arg(long, value_name = "N", default_value_t = super::eval::FOLDS, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) folds: u32,
    /// Share of a project's sessions that is learned before the first is asked about
    #[arg(long, value_name = "SHARE", default_value_t = super::eval::TRAIN, value_parser = share)]
    pub(crate) train: f64,
}

/// Arguments of `mana tune`.
#[derive(Debug, Args)]
pub(crate) struct TuneArgs {
    /// Folders with the transcripts of one project, or of such folders [default: your own history]
    pub(crate) paths: Vec<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go back to the weights that the program brings
    #[arg(long, conflicts_with_all = ["dry_run", "paths"])]
    pub(crate) reset: bool,
}

/// A number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("not a number from 0 to 1".into()),
    }
}

/// Arguments of `mana search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// What to look for
    #[arg(required = true)]
    pub(crate) text: Vec<String>,
    /// Search all projects, not only that of the current folder
    #[arg(long)]
    pub(crate) all: bool,
    /// How many items at most
    #[arg(long, short = 'n', default_value_t = 10)]
    pub(crate) limit: u32,
    /// Show for each item what speaks for it: its words, its meaning, and both together
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Arguments of `mana show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The item's id or its first digits, as injected text and `mana search` print it
    pub(crate) id: String,
}

/// Arguments of `mana edit`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The item's id or its first digits
    pub(crate) id: String,
    /// The words that agents read from now on; without this and the following, an editor is opened
    #[arg(long, value_name = "TEXT")]
    pub(crate) body: Option<String>,
    /// A name for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,
    /// A word to group items by; may be repeated, and replaces the tags that there were
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// A note for people
    #[arg(long = "note", value_name = "TEXT")]
    pub(crate) notes: Option<String>,
    /// Take the words that another device has for it, which `mana show` prints
    #[arg(long, value_name = "DEVICE", conflicts_with = "body")]
    pub(crate) take: Option<String>,
    /// Go back to the learned words; title, tags and notes stay
    #[arg(long, conflicts_with_all = ["body", "title", "tags", "notes", "take"])]
    pub(crate) revert: bool,
}

/// Arguments of `mana consolidate`.
#[derive(Debug, Args)]
pub(crate) struct ConsolidateArgs {
    /// Print what would change and why, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Run as a job of the daemon: only if no other run is going on
    #[arg(long, hide = true, conflicts_with = "dry_run")]
    pub(crate) supervised: bool,
    /// With --dry-run: print the whole of lists that would be cut
    #[arg(long, requires = "dry_run")]
    pub(crate) all: bool,
}

/// Arguments of `mana doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Mend what can be mended without losing anything
    #[arg(long)]
    pub(crate) fix: bool,
    /// Read the whole database, however long it takes
    #[arg(long)]
    pub(crate) deep: bool,
}

/// What `mana daemon` does.
#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Be the daemon, in the foreground: for systemd, launchd and the curious
    Run(DaemonRunArgs),
    /// Start the daemon in the background
    Start,
    /// Stop the daemon
    Stop,
    /// Show whether it runs, what it did and what it will do next
    Status,
}

/// Arguments of `mana daemon run`.
#[derive(Debug, Args)]
pub(crate) struct DaemonRunArgs {
    /// In a session of its own, as `mana daemon start` starts it
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}

/// Arguments of `mana export`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The file to write; `-` for standard output
    pub(crate) file: PathBuf,
    /// Seal it under a passphrase, from `MANA_SYNC_KEY`, --key-file or the terminal
    #[arg(long)]
    pub(crate) encrypted: bool,
    /// Read the passphrase from this file
    #[arg(long, value_name = "FILE", requires = "encrypted")]
    pub(crate) key_file: Option<PathBuf>,
    /// Only what was learned in this project
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Only items of this kind
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(crate) kind: Option<Kind>,
    /// Only items that helped more often than they hurt
    #[arg(long)]
    pub(crate) proven: bool,
    /// Print each item as it would leave and what was changed in it, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A kind of items by its name.
#[cfg(feature = "sync")]
fn kind(name: &str) -> Result<Kind, String> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == name && *kind != Kind::Skill);
    found.ok_or_else(|| "not one of fix, pitfall, recipe, path, decision, episode".into())
}

/// Arguments of `mana import`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The file to read; `-` for standard input
    pub(crate) file: PathBuf,
    /// Add it to what was learned here
    #[arg(long)]
    pub(crate) merge: bool,
    /// Read the passphrase from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Print what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `mana sync`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// What to do; without it, pull and push.
    #[command(subcommand)]
    pub(crate) command: Option<SyncCommand>,
    /// As the daemon starts it: another process that writes goes first
    #[arg(long, hide = true)]
    pub(crate) supervised: bool,
}

/// What `mana sync` does.
#[cfg(feature = "sync")]
#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Begin a workspace on a remote, or join the one that it holds
    Init(SyncInitArgs),
    /// Send what is new here
    Push(SyncPushArgs),
    /// Take in what others sent
    Pull,
    /// Show what is shared with whom, without asking the remote
    Status,
    /// Set another passphrase, and with --rotate new keys
    SetKey(SyncSetKeyArgs),
    /// Take an item back everywhere, for ever: where a secret was shared
    Redact(SyncRedactArgs),
    /// Decide whose word counts
    #[command(subcommand, arg_required_else_help = true)]
    Peer(SyncPeerCommand),
}

/// Arguments of `mana sync push`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncPushArgs {
    /// Only show exactly what would leave, without asking the remote
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `mana sync redact`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncRedactArgs {
    /// Id of the item, or its beginning
    pub(crate) id: String,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `mana sync init`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncInitArgs {
    /// What carries it: git, or `git_selfhosted` for a server of your own
    #[arg(long, default_value = "git")]
    pub(crate) backend: String,
    /// The address: https://, ssh://, USER@HOST:PATH or a full path; without it that of sync.toml
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// The branch that tells people what the repository is
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// Read the passphrase from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// The file sync/keybox of a device that is in, where the remote does not hold the keys
    #[arg(long, value_name = "FILE")]
    pub(crate) key_box: Option<PathBuf>,
    /// Leave the keys with the remote even under a short passphrase, which could be guessed there
    #[arg(long)]
    pub(crate) publish_key: bool,
}

/// Arguments of `mana sync set-key`.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncSetKeyArgs {
    /// Read the passphrase from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Seal with new keys from now on
    #[arg(long)]
    pub(crate) rotate: bool,
    /// Leave the keys with the remote even under a short passphrase, which could be guessed there
    #[arg(long)]
    pub(crate) publish_key: bool,
}

/// What `mana sync peer` does.
#[cfg(feature = "sync")]
#[derive(Debug, Subcommand)]
pub(crate) enum SyncPeerCommand {
    /// List the devices that were heard of
    List,
    /// Let what a device says count as if it was learned here
    Trust(SyncPeerArgs),
    /// Let nothing count that a device says
    Refuse(SyncPeerArgs),
    /// Let what a device says wait for approval again
    Reset(SyncPeerArgs),
}

/// A device.
#[cfg(feature = "sync")]
#[derive(Debug, Args)]
pub(crate) struct SyncPeerArgs {
    /// Its fingerprint or name, as `mana sync peer list` shows it
    pub(crate) device: String,
}

/// What `mana skills` does.
#[derive(Debug, Subcommand)]
pub(crate) enum SkillsCommand {
    /// List the skills of the project of the current folder; elsewhere all of them
    List(SkillsListArgs),
    /// Show one skill with what is proven of it
    Show(SkillsShowArgs),
    /// Write skills for agents: as Agent Skills, or as a section of CLAUDE.md or AGENTS.md
    Export(SkillsExportArgs),
}

/// Arguments of `mana skills list`.
#[derive(Debug, Args)]
pub(crate) struct SkillsListArgs {
    /// List the skills of all projects
    #[arg(long)]
    pub(crate) all: bool,
}

/// Arguments of `mana skills show`.
#[derive(Debug, Args)]
pub(crate) struct SkillsShowArgs {
    /// The skill's id or its first digits
    pub(crate) id: String,
}

/// Arguments of `mana skills export`.
#[derive(Debug, Args)]
pub(crate) struct SkillsExportArgs {
    /// Ids of skills or their first digits [default: all of the project]
    pub(crate) ids: Vec<String>,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Skill)]
    pub(crate) format: Format,
    /// Write there instead of printing: a folder of skills, or a file such as CLAUDE.md
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Option<PathBuf>,
    /// Take in what is not proven to help, with a note
    #[arg(long)]
    pub(crate) all: bool,
    /// Take out what was written to --out
    #[arg(long, conflicts_with_all = ["ids", "all"])]
    pub(crate) remove: bool,
}

/// Forms of an export.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Format {
    /// A folder for each skill.
    #[value(help = "A folder for each skill with a SKILL.md")]
    Skill,
    /// A section for CLAUDE.md or AGENTS.md
    ClaudeMd,
}

/// Arguments of `mana review`.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// Try what other devices told on what happened here, now and not in the background
    #[cfg(feature = "sync")]
    #[arg(long)]
    pub(crate) score: bool,
    /// What to do [default: list those of the project of the current folder]
    #[command(subcommand)]
    pub(crate) command: Option<ReviewCommand>,
}

/// What `mana review` does.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List what waits for approval
    List(ReviewListArgs),
    /// Let items be told from now on, in the words that they have
    Approve(ReviewIdsArgs),
    /// Never tell items, whatever their words
    Reject(ReviewIdsArgs),
}

/// Arguments of `mana review list`.
#[derive(Debug, Args)]
pub(crate) struct ReviewListArgs {
    /// List those of all projects
    #[arg(long)]
    pub(crate) all: bool,
    /// List those that were rejected as well
    #[arg(long)]
    pub(crate) rejected: bool,
    /// List instead what devices tell in different words, and all of these
    #[cfg(feature = "sync")]
    #[arg(long, conflicts_with = "rejected")]
    pub(crate) differing: bool,
}

/// Items to approve or to reject.
#[derive(Debug, Args)]
pub(crate) struct ReviewIdsArgs {
    /// Their ids or first digits
    #[arg(required = true)]
    pub(crate) ids: Vec<String>,
}

/// Arguments of `mana forget`.
#[derive(Debug, Args)]
#[group(skip)]
#[command(group(
    clap::ArgGroup::new("what")
        .args(["id", "project", "session", "since", "until", "excluded"])
        .required(true)
        .multiple(true)
))]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct ForgetArgs {
    /// The item's id or its first digits
    #[arg(conflicts_with_all = ["project", "session", "since", "until", "excluded"])]
    pub(crate) id: Option<String>,
    /// Everything learned in the project of the current folder
    #[arg(long)]
    pub(crate) project: bool,
    /// Everything learned from the session with this id
    #[arg(long, value_name = "ID", conflicts_with_all = ["project", "since", "until"])]
    pub(crate) session: Option<String>,
    /// Everything that happened from this day or time on, such as `2026-11-02` or
    /// `2026-11-02T15:30`; with `--project` in that project
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
    /// Everything that happened until the end of this day, or until this time
    #[arg(long, value_name = "DATE")]
    pub(crate) until: Option<String>,
    /// Everything that would not be learned with `config.toml` as it is now
    #[arg(long, conflicts_with_all = ["project", "session", "since", "until"])]
    pub(crate) excluded: bool,
    /// Print what would be forgotten, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: print all items, however many
    #[arg(long, requires = "dry_run")]
    pub(crate) all: bool,
}

/// What `mana model` does.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Install an encoder: by name over HTTPS, or from a folder
    Install(ModelInstallArgs),
    /// List the installed encoders
    List,
    /// Choose the encoder that is used
    Use(ModelNameArgs),
    /// Remove an encoder
    Remove(ModelNameArgs),
    /// Fit the built-in encoder of hooks to a full one, on what was learned
    Distill(ModelDistillArgs),
}

/// Arguments of `mana model install`.
#[derive(Debug, Args)]
pub(crate) struct ModelInstallArgs {
    /// `gte-small`, a folder, or OWNER/NAME@COMMIT on Hugging Face together with --sums
    pub(crate) model: String,
    /// Install it under this name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Checksums of the files as `sha256sum` prints them, for a model that MANA has none for
    #[arg(long, value_name = "FILE")]
    pub(crate) sums: Option<PathBuf>,
}

/// An installed encoder.
#[derive(Debug, Args)]
pub(crate) struct ModelNameArgs {
    /// The name it is installed under
    pub(crate) name: String,
}

/// Arguments of `mana model distill`.
#[derive(Debug, Args)]
pub(crate) struct ModelDistillArgs {
    /// The encoder to learn from: an installed one or a folder [default: the one in use]
    #[arg(long, value_name = "NAME|FOLDER")]
    pub(crate) teacher: Option<String>,
    /// Files with further texts, one a line
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) texts: Vec<PathBuf>,
    /// Write the table there instead of using it
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Begin with what the encoder says about each token instead of with the built-in table
    #[arg(long)]
    pub(crate) afresh: bool,
}
