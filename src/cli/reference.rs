//! The reference `docs/cli.md`: rendered from the command tree, the exit codes and the settings'
//! defaults, and compared with the file. `scripts/gen-docs` writes the file anew.

// The page is that of a build with all verbs.
#![cfg(feature = "sync")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, Command, CommandFactory};
use serde_json::Value;

use super::args::Cli;
use super::error::Kind;
use crate::config;

/// Verbs that the client calls; people have no use for them.
const HOOKS: &[&str] = &["inject", "session-end"];

/// Set by `scripts/gen-docs`: write the file instead of comparing it.
const BLESS: &str = "MANA_BLESS";

/// What a verb does beyond its options, a sentence each.
const NOTES: &[(&str, &[&str])] = &[
    (
        "export",
        &[
            "Writes what was learned here, in words from which secrets, paths, names of users and \
             machines are taken out ([sync/sanitising.md](sync/sanitising.md)); `--dry-run` shows \
             each item as it would leave, and which rules changed what.",
            "What people wrote about them by hand (`mana edit`) leaves with them, and is shown too.",
            "What waits for approval, what others told, skills, and what was learned in the \
             projects that `sharing.private_projects` in `sync.toml` names stays here.",
            "Projects leave as keyed labels; counts leave too.",
            "A plain file is lines of JSON with a signature; whoever has it can read it.",
            "A sealed one needs the passphrase, which is never an argument: it comes from \
             `--key-file`, `MANA_SYNC_KEY`, or the terminal, where it is typed twice.",
            "The format is in [sync/format.md](sync/format.md).",
        ],
    ),
    (
        "sync",
        &[
            "Without a verb of its own it takes in what others sent and then sends what is new here.",
            "`status` says what is new for the others (items, texts written by hand, and what was \
             taken back), what waits for approval, what was left out, when an exchange last went \
             well and what failed since; where sharing is not set up it says so and ends with 0. \
             `push --dry-run` shows the words themselves, exactly as \
             they would leave.",
            "`redact` takes an item back for ever: it is forgotten here, the others drop what was \
             said and written about it, and the logs that hold it are written anew on the remote \
             ([sync/git.md](sync/git.md#taking-something-back)).",
            "What leaves, and with whom it is shared, is up to `sync.toml` \
             ([sync/settings.md](sync/settings.md)); the formats are in \
             [sync/format.md](sync/format.md).",
        ],
    ),
    (
        "import",
        &[
            "The whole file is proven before anything of it is used: a file that is cut off, \
             changed, sealed under another passphrase or of a newer version is refused with that \
             as the reason, and nothing of it is kept.",
            "What is in it counts as told by the device that wrote it, and waits for approval \
             (`mana review`) unless `mana sync peer trust` was said of that device, or it would \
             have helped on what happened here ([sync/trials.md](sync/trials.md)).",
            "Without `--merge`, only a home that knows nothing takes it in.",
            "Items are `new`, `changed`, the `same` as before, `older` than what the device said \
             later, `known` here already, `forgotten` here and not taken back, `waiting` for a \
             project that is not known here yet, or `ahead` of this machine's clock.",
            "Importing a file again, or an older one, is harmless, and told as such.",
        ],
    ),
    (
        "init",
        &[
            "Writes the hook entries into the client's settings (`settings.json` in \
             `$CLAUDE_CONFIG_DIR`, else in `~/.claude`), creates the home, learns the history and \
             shows what it found.",
            "A second run changes nothing.",
            "Settings that are not valid JSON are refused with the line, and the file stays as it \
             is; the text from before the change is kept beside the file as \
             `settings.json.mana-backup`.",
            "It asks before it writes, unless `--yes` or `--json` is given or standard input or \
             standard error is no terminal.",
            "Then it asks whether to replay your own sessions as `mana eval` does, and shows in a \
             few lines what MANA would have known, with an example; where it cannot ask it names \
             the command.",
            "`--eval` and `--no-eval` decide that beforehand.",
            "Everything is installed and learned by then: a replay that is stopped or fails \
             changes nothing about it.",
            "With `--project`, the settings are `.claude/settings.json` of the current folder, and \
             the home is `.mana` in it, which ignores itself in git and counts only because this \
             user made it.",
            "Such a home learns only sessions of its project, now and later: those that started in \
             the folder or below it, or in another checkout of the same repository.",
        ],
    ),
    (
        "uninstall",
        &[
            "Removes the entries that call `mana` and nothing else.",
            "A shell line of your own that does more than calling `mana` stays.",
            "A settings file that holds nothing else is removed, and what was learned stays.",
        ],
    ),
    (
        "inject",
        &[
            "The client calls it: one event as JSON on standard input, at most one JSON object on \
             standard output ([hooks.md](hooks.md)).",
            "It ends with 0 whatever happens, wrong arguments included; at a terminal it says what it is \
             for and ends.",
            "`--tool` drops events of other tools; events without a tool are answered in any case, \
             and a value that is not known narrows nothing.",
            "An event that ends a turn is noted as `mana session-end` notes it.",
            "`mana` without any argument does the same when standard input is no terminal, for \
             clients that do not pass arguments to hooks.",
        ],
    ),
    (
        "session-end",
        &[
            "The client calls it at Stop, SubagentStop and SessionEnd: it notes the transcript and \
             starts a detached learning run when one is due ([hooks.md](hooks.md)).",
            "It never answers, whatever the event, and ends with 0 whatever happens.",
        ],
    ),
    (
        "learn",
        &[
            "Without a path, it reads `projects` in the client's configuration folder, and the \
             transcripts elsewhere that hooks have noted.",
            "Only what was added since the last run is read, so it is safe to repeat; what is \
             stored is stored whole, so it is safe to kill.",
            "When another `mana` is writing, it says so and waits.",
            "In a folder that is named, every `.jsonl` file counts but `history.jsonl`; a file that \
             is named counts whatever it is called.",
            "Where an encoder is in use, it then encodes the active patterns that are new or say \
             something else, the latest first, and says so: about twenty a second, stored every few \
             seconds, so this is safe to kill too and the next run goes on; a run in the background \
             stops after a minute.",
            "A file that cannot be read, and a session in which a defect of mana shows, are reported \
             on standard error and the run goes on; it still ends with 0.",
        ],
    ),
    (
        "stats",
        &[
            "Each number is a share with the interval that holds the true one in 95 of 100 cases.",
            "What was held back is what was not shown although it matched, decided at random \
             (`inject.holdout`), so that the difference is the effect and nothing else.",
            "With fewer than 30 judged cases on a side it says that there is not enough data.",
            "Then it says what that costs (tokens, and the time of hooks as the client measured it) and \
             what it saved: how many failures fewer, and what these would have cost by the failures \
             of this store about which nothing was said.",
            "A saving is claimed only where the whole interval lies above 0.",
            "Last come the five patterns that helped most surely and the five that did worst, and \
             how many are set aside, by reason; `--json` has all.",
            "[learning.md](learning.md#effect) says how a case is judged.",
        ],
    ),
    (
        "status",
        &[
            "Prints the home, whether the hooks stand in the user's settings, the encoder in use and \
             how many active patterns it has encoded, whether files are ranked by the shipped weights or by fitted ones and since when, what was read, the patterns by kind, the projects, and how many ended turns wait to be learned.",
        ],
    ),
    (
        "eval",
        &[
            "Replays sessions in the order in which they happened: MANA learns a project's earlier \
             ones, is asked at every hook event of the next ones what it would say, then learns \
             these, and so on; what the agent did next tells whether it was right.",
            "[learning.md](learning.md#measured) says what each measure means.",
            "A folder that is named holds one project's transcripts (`.jsonl` or `.jsonl.gz`), or a \
             folder for each project; without one it is `projects` in the client's configuration \
             folder.",
            "Everything is written to a temporary folder that is removed at the end, or by a later \
             run where this one was stopped before; the home is neither read nor written, and the \
             settings in `config.toml` do not count.",
            "Nothing is held back to compare with, and the shipped table makes the vectors.",
            "A project needs four sessions; others, and transcripts that cannot be read, are named \
             on standard error and under `left_out`.",
            "The same transcripts give the same report on the same day: the age of evidence is part \
             of what is said.",
            "When no project has enough sessions it ends with 4; with `--json` it prints the empty \
             report and ends with 0.",
        ],
    ),
    (
        "tune",
        &[
            "Replays your own history as `mana eval` does, notes for each prompt which files were \
             candidates and which it led to, and fits the weights of the model for files to the \
             earlier 70 % of the prompts, drawn towards the weights that the program brings.",
            "The fitted weights are used only when they are better on the later 30 % by more than \
             noise; it prints both beside each other, and the decision.",
            "At least 100 prompts are needed, 30 of them to try the fit on; with fewer nothing \
             changes. When the fit is not better, the weights that the program brings are used.",
            "Of the transcripts the latest 256 MB count (`rank.refit_megabytes`). They are replayed \
             in a temporary folder; the home gets the weights and the report alone.",
            "The learning runs that hooks or the daemon start do it once a week, unless `rank.refit` is off.",
            "[learning.md](learning.md#fitted-to-your-own-history) has the method.",
        ],
    ),
    (
        "search",
        &[
            "Finds active patterns that have any of the words, or mean the same in other words.",
            "An item's score is its BM25 as a share of the best one's, plus twice the cosine of its \
             vector and the query's, as far as that stands above what any two texts have; an item that has all of the words never stands lower than \
             it would by words alone.",
            "Vectors are those of the encoder in use ([embeddings.md](embeddings.md)), of the static \
             table in the program for items that it has not encoded yet, and of that table alone \
             where no encoder is in use.",
            "`--explain` shows these parts, and so does `--json` with it.",
            "In a folder whose project is known, it searches that project; elsewhere all of them.",
            "Without a hit it ends with 4; with `--json` it prints an empty list and ends with 0.",
        ],
    ),
    (
        "show",
        &[
            "Takes at least four digits of an id, and also the marker as it stands in injected text.",
            "The evidence names transcript and line; `--json` has all of it.",
            "It says whether the item would be shown now and why: from which chance on, or why it is \
             set aside and what stands for it.",
            "An id that names several items ends with 1 and lists them.",
        ],
    ),
    (
        "skills",
        &[
            "A skill is what is known about working with one program of a project, such as `cargo \
             test`: what works, what fails and what mended it, and what the user laid down; `mana \
             consolidate` makes them of three patterns and more, a mistake among them.",
            "`export` prints a skill for each program, or with `--format claude-md` one section; \
             with `--out` it writes `PATH/mana-NAME/SKILL.md`, or the section into the file PATH.",
            "It takes only patterns that are proven to help: things went well four of four times \
             that they were followed, or as surely more often than not. Where nothing is, it ends \
             with 4.",
            "What is written stands between markers; another export brings it up to date, `--remove` \
             takes it out, and nothing outside of the markers is changed. A file whose markers do \
             not fit together, and a skill that mana has not written, is left as it is.",
            "Nothing is exported but by this command.",
        ],
    ),
    (
        "edit",
        &[
            "What agents read of an item is from then on what you wrote, whatever is learned later; \
             `--revert` goes back ([sync/text.md](sync/text.md)).",
            "Without an argument that says what to change, `$VISUAL` or `$EDITOR` is opened on a file \
             with title, tags, text and notes; what is refused is told on top of it, and the editor \
             opened again.",
            "The text may have 500 characters; one that is too long, imitates the agent's markup or \
             reads like an instruction that no user would give is refused with the reason.",
            "Title, tags and notes are for people: `mana show` prints them.",
            "Earlier prompts and files cannot be edited, nor an item that another one stands for.",
        ],
    ),
    (
        "consolidate",
        &[
            "Merges patterns of a project that say the same, sets aside what was not used for long, \
             what nothing ever matched and what does harm, and takes together what three projects \
             or more learned ([learning.md](learning.md#consolidation)); then makes skills, and \
             notes which pattern tends to come before which.",
            "Nothing is deleted: `mana show` says of each item why it is set aside, and what is seen \
             again comes back.",
            "A second run changes nothing, and a run that is interrupted is gone on with by the next.",
            "The learning runs that hooks start do it by themselves, once a day at most.",
        ],
    ),
    (
        "review",
        &[
            "What was learned and reads like an instruction to the agent is told to nobody until it \
             is approved here ([security.md](security.md)); each item is listed with the reason.",
            "What other devices told waits as well, each item with who said it and what came of \
             trying it on what happened here; what would surely have helped is told without \
             asking ([sync/trials.md](sync/trials.md)). That happens by itself after an import, an \
             exchange and learning; `--score` does it now.",
            "An approval holds for the words that were seen and outlasts learning; a rejection holds \
             for the item whatever its words, until it is approved.",
        ],
    ),
    (
        "doctor",
        &[
            "Looks at the hooks in the client's settings, at the home, who may read and write it, and \
             links, pipes and files of others in it, the \
             database and its snapshots, what it knows of what `config.toml` excludes, the disk, the hooks' log, the daemon; at how long hooks \
             took, as the client wrote it down in the newest transcripts, and at whether what they \
             said arrived.",
            "Looking changes nothing. `--fix` takes the rights of others from the home's files, \
             brings the hooks of settings that have some up to date, writes snapshots, and sets a \
             damaged database aside, which `mana learn` then builds anew.",
            "Exit code 1 when there is a problem; warnings alone are no failure.",
        ],
    ),
    (
        "daemon",
        &[
            "Nothing needs it: hooks start learning by themselves. It is for learning without hooks, \
             and while long sessions last ([daemon.md](daemon.md)).",
            "It starts `mana learn` and `mana consolidate` as processes of their own, where anything \
             is new, one after the other; there is one daemon for each home at most.",
            "`start` and `stop` may be repeated. `stop` also ends the run that goes on, which the \
             next one goes on with.",
        ],
    ),
    (
        "forget",
        &[
            "An item that is forgotten by its id goes with those that were merged with it and with \
             the steps it was learned from; what else was learned from these very steps goes too.",
            "`--project` forgets all sessions of the project so far; what later ones say there is \
             learned.",
            "`--session` forgets a session with its subagents, and what it says later is not learned \
             either.",
            "`--since` and `--until` forget what happened in that time, and items keep the evidence \
             of other times. A day counts as a whole, on the clock of this machine; what happened \
             then and was not read yet is not learned either.",
            "`--excluded` forgets what `config.toml` excludes and was learned before it did.",
            "Lines that are forgotten teach nothing again, however often they are read \
             ([storage.md](storage.md#what-forgetting-removes)).",
            "With `--dry-run`, all of this is done on a copy in a temporary folder, which is \
             removed, and what the copy has less is printed: the items by kind, and the rows of \
             each table. It waits for nobody and changes nothing.",
            "The transcripts themselves are the client's and are not touched.",
        ],
    ),
    (
        "model",
        &[
            "MANA works without an encoder; with one, it also finds what is said in other words.",
            "`gte-small` is fetched over HTTPS from Hugging Face, at one commit, and every file is \
             compared with the SHA-256 that the program holds; other models need `--sums` with a checksum for each file of theirs, `1_Pooling/config.json` \
             included where they have it.",
            "A download that was cut goes on where it stopped; a model appears whole or not at all.",
            "A folder holds `config.json`, `tokenizer.json` and `model.safetensors` of a BERT-shaped \
             sentence encoder; the files are copied, and one text is tried.",
            "The first one that is installed is put to use; `models/active` in the home says which \
             one that is ([storage.md](storage.md)).",
            "Nothing is fetched but by `install`, and nothing is ever sent.",
            "`distill` fits the table by which hooks compare texts to what the encoder says about \
             yours ([embeddings.md](embeddings.md)): it takes a second of processor time for about \
             a hundred texts, at most the newest 65,000 of them count, and it is safe to kill.",
            "The new table is written to `models/static.table` in the home, or to `--out`, only if a \
             self-test on texts that were held out finds it better; otherwise everything stays as it \
             is, which is a success too.",
        ],
    ),
    (
        "demo",
        &[
            "Works in a temporary folder that is removed at the end; the home is neither read nor written.",
        ],
    ),
];

/// Exit codes beside those of [`Kind`].
const OTHER_CODES: &[(u8, &str)] =
    &[(0, "done; hook commands always end with it"), (2, "wrong arguments")];

/// Every kind of failure; [`meaning`] makes the compiler ask for new ones.
const KINDS: &[Kind] = &[Kind::Failed, Kind::Configuration, Kind::Nothing, Kind::Internal];

fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed => "the request could not be carried out",
        Kind::Configuration => {
            "something has to be set up or mended first: `config.toml`, `sync.toml`, the client's \
             settings, a passphrase that is missing, or a database of a newer mana"
        }
        Kind::Nothing => {
            "nothing was found: no hit, no such id or file, or nothing has been learned yet"
        }
        Kind::Internal => "a defect of mana",
    }
}

/// The environment that is read.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("MANA_HOME", "the home; it wins over a project's own home and over `~/.mana`"),
    (
        "MANA_MODEL_SOURCE",
        "address of a mirror that `mana model install` fetches from; `https://huggingface.co` when unset",
    ),
    (
        "SSL_CERT_FILE",
        "certificates of the authorities that `mana model install` trusts; the system's when unset",
    ),
    ("HTTPS_PROXY", "proxy that `mana model install` goes through"),
    ("MANA_LEARN_INTERVAL", "overrides `daemon.learn_interval`"),
    ("MANA_CONSOLIDATE_INTERVAL", "overrides `daemon.consolidate_interval`"),
    (
        "MANA_SYNC_INTERVAL",
        "seconds from one exchange of the daemon to the next, in the place of `sync.interval_minutes`",
    ),
    ("MANA_LOG_DIR", "the folder of the logs; `logs` in the home when unset"),
    ("MANA_LOG", "overrides `log.level`"),
    ("VISUAL", "the editor that `mana edit` opens; it may come with arguments"),
    ("EDITOR", "the same where `VISUAL` is not set"),
    ("MANA_HOLDOUT", "overrides `inject.holdout`; 0 turns it off"),
    (
        "CLAUDE_CONFIG_DIR",
        "the client's configuration folder, with `settings.json` and `projects`; `~/.claude` when unset",
    ),
    ("CLAUDE_PROJECT_DIR", "the client's project folder; the client sets it for hooks"),
    ("HOME", "the user's home folder; when it is unset, what `/etc/passwd` says for this user"),
    (
        "PATH",
        "`mana init` looks there for a link to itself that outlives an update, and hooks for the program of a command that they are about to name",
    ),
    (
        "TMPDIR",
        "where `mana demo`, `mana eval`, `mana tune` and rehearsals (`--dry-run`) make their temporary folders",
    ),
    (
        "MANA_SYNC_KEY",
        "the passphrase of the workspace, or of a sealed file; `--key-file` stands before it, and without both the terminal is asked",
    ),
    ("MANA_SYNC_TOKEN", "the token or password for a remote over HTTPS"),
    ("MANA_SYNC_USER", "the account to the token, where the server wants a certain one"),
    ("MANA_SYNC_SSH_PASSPHRASE", "the passphrase of the SSH key"),
    (
        "MANA_SYNC_CA",
        "a file with the certificate of a private authority for a remote over HTTPS; `SSL_CERT_FILE` when unset",
    ),
    ("SSH_AUTH_SOCK", "the SSH agent, whose keys `mana sync` tries first"),
    (
        "USER",
        "this user's name, `LOGNAME` when unset: it is taken out of what is shared ([sync/sanitising.md](sync/sanitising.md))",
    ),
    ("LOGNAME", "see `USER`"),
];

/// Variables that a library reads and not `config`.
const READ_ELSEWHERE: &[&str] = &["HTTPS_PROXY", "SSL_CERT_FILE", "TMPDIR"];

/// The keys of `config.toml`: section and name, type, meaning. The defaults are the code's own.
const KEYS: &[(&str, &str, &str)] = &[
    ("inject.enabled", "boolean", "whether anything is injected; learning goes on in any case"),
    ("inject.meaning", "boolean", "whether a prompt also finds what means the same in other words"),
    (
        "inject.holdout",
        "number from 0 to 1",
        "share of the matching items that is held back to measure what telling them changes: \
         decided once for each session and pattern",
    ),
    (
        "learn.trajectories",
        "integer",
        "ended turns and subagents' runs that have to come together to start a learning run",
    ),
    (
        "learn.max_wait_minutes",
        "integer",
        "minutes after which an ended turn starts a learning run even when fewer have come together",
    ),
    (
        "learn.exclude_paths",
        "list of strings",
        "files and folders of which nothing is learned \
         ([security.md](security.md#what-is-not-learned)): `~/clients`, `secrets`, `*.pem`",
    ),
    (
        "learn.exclude_tools",
        "list of strings",
        "tools of whose calls nothing is learned, by the names that transcripts have, with `*`: \
         `WebFetch`, `mcp__*`",
    ),
    (
        "learn.exclude_projects",
        "list of strings",
        "projects of which nothing is learned, by folder, remote or name: `~/clients/*`, \
         `github.com/acme/*`, `app`",
    ),
    (
        "search.meaning",
        "boolean",
        "whether `mana search` also finds what means the same in other words",
    ),
    (
        "consolidate.half_life_days",
        "number, at least 1",
        "days in which the weight of a pattern that is not used halves",
    ),
    (
        "daemon.learn_interval",
        "integer, at least 1",
        "seconds from one learning run of the daemon to the next",
    ),
    (
        "daemon.consolidate_interval",
        "integer, at least 1",
        "seconds from one consolidation of the daemon to the next",
    ),
    (
        "daemon.considerate",
        "boolean",
        "whether the daemon waits four times as long on battery and under load",
    ),
    ("log.level", "string", "what is logged: `off`, `error`, `warn`, `info`, `debug` or `trace`"),
    (
        "rank.refit",
        "boolean",
        "whether learning runs that hooks or the daemon start also fit the weights for files to \
         your history, once a week",
    ),
    (
        "rank.refit_megabytes",
        "integer",
        "megabytes of transcripts that a fit goes through at most, the latest ones",
    ),
];

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> PathBuf {
    checkout().join("docs/cli.md")
}

/// The verbs of the tree in its order, without the help that the parser adds.
fn verbs(tree: &Command) -> Vec<&Command> {
    let shown = |verb: &&Command| verb.get_name() != "help" && !verb.is_hide_set();
    tree.get_subcommands().filter(shown).collect()
}

fn built_tree() -> Command {
    let mut tree = Cli::command();
    tree.build();
    tree
}

fn render() -> String {
    let tree = built_tree();
    let mut out = String::from(
        "# Commands\n\n\
         `scripts/gen-docs` writes this page from the program, and a test compares the two: change \
         the code and not the page.\n\n\
         | command | what it does |\n| --- | --- |\n",
    );
    for verb in verbs(&tree) {
        let name = verb.get_name();
        let hook = if HOOKS.contains(&name) { "; the client calls it" } else { "" };
        line(&mut out, &format!("| [`mana {name}`](#mana-{name}) | {}{hook} |", about(verb)));
    }
    out.push_str(
        "\nEach command takes `--help` (`-h` for a short form) and, but for the two that the client \
         calls, `--json`.\n`mana --version` prints the version.\n",
    );
    for verb in verbs(&tree) {
        render_verb(&mut out, verb);
    }
    render_output(&mut out);
    render_codes(&mut out);
    render_settings(&mut out);
    out
}

fn render_verb(out: &mut String, verb: &Command) {
    line(out, &format!("\n## mana {}\n", verb.get_name()));
    line(out, &format!("{}.\n", about(verb)));
    render_usage(out, verb);
    let aliases: Vec<String> =
        verb.get_all_aliases().map(|alias| format!("`mana {alias}`")).collect();
    if !aliases.is_empty() {
        line(out, &format!("\nAlso: {}.", aliases.join(", ")));
    }
    render_arguments(out, verb);
    let notes = NOTES.iter().find(|(name, _)| *name == verb.get_name());
    let notes = notes.unwrap_or_else(|| panic!("NOTES says nothing of {}", verb.get_name())).1;
    out.push('\n');
    for note in notes {
        line(out, note);
    }
    render_below(out, verb, &format!("mana {}", verb.get_name()));
}

/// The verbs below `verb`, which is called `name`, and those below them.
fn render_below(out: &mut String, verb: &Command, name: &str) {
    for sub in verbs(verb) {
        let name = format!("{name} {}", sub.get_name());
        line(out, &format!("\n### {name}\n"));
        line(out, &format!("{}.\n", about(sub)));
        render_usage(out, sub);
        render_arguments(out, sub);
        render_below(out, sub, &name);
    }
}

fn render_usage(out: &mut String, verb: &Command) {
    let usage = verb.clone().render_usage().to_string();
    line(out, &format!("```text\n{}\n```", usage.trim_start_matches("Usage: ").trim()));
}

fn render_arguments(out: &mut String, verb: &Command) {
    let own = |arg: &&Arg| {
        !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version" | "json")
    };
    let args: Vec<&Arg> = verb.get_arguments().filter(own).collect();
    if !args.is_empty() {
        out.push_str("\n| argument | meaning |\n| --- | --- |\n");
        for arg in args {
            line(out, &format!("| `{}` | {} |", spelling(arg), cell(&arg_help(arg))));
        }
    }
}

fn about(verb: &Command) -> String {
    verb.get_about().map(ToString::to_string).unwrap_or_default()
}

/// `-y, --yes`, `--tool <TOOL>`, `[PATHS]...`.
fn spelling(arg: &Arg) -> String {
    let long = arg.to_string();
    match arg.get_short().filter(|_| arg.get_long().is_some()) {
        Some(short) => format!("-{short}, {long}"),
        None => long,
    }
}

fn arg_help(arg: &Arg) -> String {
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| {
            let what = value.get_help().map(ToString::to_string).unwrap_or_default();
            format!("`{}` ({})", value.get_name(), what.replace('`', ""))
        })
        .collect();
    if !values.is_empty() {
        let _infallible = write!(help, ": {}", values.join(", "));
    }
    let default = arg.get_default_values().first().filter(|_| arg.get_action().takes_values());
    if let Some(default) = default {
        let _infallible = write!(help, " [default: {}]", default.to_string_lossy());
    }
    help
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn render_output(out: &mut String) {
    out.push_str(
        "\n## Output\n\n\
         Results go to standard output; progress, notices, questions and errors go to standard \
         error.\n\
         With `--json`, a command prints one JSON value and no progress and asks nothing; a failure \
         is one JSON object on standard error with `error`, `causes` and `hints`.\n\
         Wrong arguments are reported as text in any case.\n\
         Times in it are either text in UTC (`2026-01-31 12:00`) or milliseconds since the Unix \
         epoch.\n\
         A reader that closes the pipe early is no failure; a result that cannot be written, as on a \
         full disk, is one.\n",
    );
}

fn render_codes(out: &mut String) {
    let mut codes: Vec<(u8, &str)> = OTHER_CODES.to_vec();
    codes.extend(KINDS.iter().map(|kind| (kind.exit_code(), meaning(*kind))));
    codes.sort_unstable();
    out.push_str("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n");
    for (code, meaning) in codes {
        line(out, &format!("| {code} | {meaning} |"));
    }
}

fn render_settings(out: &mut String) {
    out.push_str(
        "\n## Settings\n\n\
         A default is overridden by `config.toml`, that by the environment, and that by an \
         argument.\n\n\
         ### The home\n\n\
         `$MANA_HOME`, else the nearest `.mana` with a `config.toml` in the current folder or above \
         it that this user made with `mana init --project`, else `~/.mana`.\n\
         [storage.md](storage.md) says what lies in it.\n\n\
         ### config.toml\n\n\
         It lies in the home and need not exist.\n\
         Unknown keys are ignored, and `mana doctor` names them; a number beyond its bounds counts as \
         the bound.\n\
         A file that cannot be read or is not valid ends commands with 3 and silences hooks.\n\n\
         | key | type | default | meaning |\n| --- | --- | --- | --- |\n",
    );
    let defaults = config::defaults();
    for (key, kind, meaning) in KEYS {
        let default = defaults.pointer(&format!("/{}", key.replace('.', "/")));
        let default = default.unwrap_or_else(|| panic!("there is no setting {key}"));
        line(out, &format!("| `{key}` | {kind} | `{default}` | {meaning} |"));
    }
    out.push_str(
        "\n### Environment\n\n\
         A number that is none, or cannot be one, is ignored: commands say so on standard error \
         (not with `--json`), hooks in their log, and `mana doctor` names it.\n\n\
         | variable | meaning |\n| --- | --- |\n",
    );
    for (name, meaning) in ENVIRONMENT {
        line(out, &format!("| `{name}` | {meaning} |"));
    }
}

#[test]
fn the_page_is_what_the_program_says() {
    let rendered = render();
    if std::env::var_os(BLESS).is_some() {
        std::fs::write(page(), &rendered).unwrap();
    }
    let written = std::fs::read_to_string(page()).unwrap_or_default();
    let differs = rendered.lines().zip(written.lines()).find(|(new, old)| new != old);
    assert!(written == rendered, "docs/cli.md is stale, run scripts/gen-docs; first: {differs:#?}");
}

#[test]
fn notes_are_about_verbs_that_exist() {
    let tree = built_tree();
    let names: Vec<&str> = verbs(&tree).iter().map(|verb| verb.get_name()).collect();
    for (name, _) in NOTES {
        assert!(names.contains(name), "NOTES names {name}");
    }
    for name in HOOKS {
        assert!(names.contains(name), "HOOKS names {name}");
    }
}

/// What the program reads from its environment is in the table, and nothing else is.
#[test]
fn every_variable_that_is_read_is_named() {
    let sources = [
        include_str!("../config/mod.rs"),
        include_str!("../config/numbers.rs"),
        include_str!("../config/paths.rs"),
        include_str!("../config/sharing.rs"),
    ];
    let mut read: Vec<&str> = READ_ELSEWHERE.to_vec();
    let call = r#"\b(?:variable|var_os|value|seconds|text|hidden|path)\("([^"]+)""#;
    let call = regex::Regex::new(call).unwrap();
    for source in sources {
        read.extend(call.captures_iter(source).map(|found| found.extract::<1>().1[0]));
    }
    read.sort_unstable();
    read.dedup();
    let mut named: Vec<&str> = ENVIRONMENT.iter().map(|(name, _)| *name).collect();
    named.sort_unstable();
    assert_eq!(named, read);
}

#[test]
fn every_setting_is_named() {
    let defaults = config::defaults();
    let sections = defaults.as_object().unwrap();
    let mut known = Vec::new();
    for (section, keys) in sections {
        let keys = keys.as_object().map(|keys| keys.keys());
        known.extend(keys.into_iter().flatten().map(|key| format!("{section}.{key}")));
    }
    let named: Vec<&str> = KEYS.iter().map(|(key, ..)| *key).collect();
    assert_eq!(named, known);
    assert!(sections.values().all(Value::is_object), "a setting outside of a section");
}

#[test]
fn the_readme_names_exactly_the_verbs() {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    let section = readme.split("\n## Commands\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut named: Vec<&str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `mana "))
        .filter_map(|rest| rest.split(['`', ' ']).next())
        .collect();
    named.sort_unstable();
    let tree = built_tree();
    let mut verbs: Vec<&str> = verbs(&tree).iter().map(|verb| verb.get_name()).collect();
    verbs.sort_unstable();
    assert_eq!(named, verbs);
}

#[test]
fn the_help_lists_the_exit_codes() {
    let help = Cli::command().get_after_help().unwrap().to_string();
    for kind in KINDS {
        let code = format!(" {} ", kind.exit_code());
        assert!(help.contains(&code), "{help}: {kind:?}");
    }
}
