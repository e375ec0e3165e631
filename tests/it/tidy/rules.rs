//! The rules of the house, as tables: change them here, with the reason in the commit.

/// Who may use whom, from top to bottom: a module uses only what stands in its list, and every
/// list names modules further down. `lib.rs` and `main.rs` are above all of them.
pub(super) const ARROWS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "config",
            "evaluation",
            "hooks",
            "learning",
            "consolidation",
            "daemon",
            "doctor",
            "library",
            "sync",
            "storage",
            "embeddings",
            "model",
            "sync",
        ],
    ),
    // What `tests/torture` feeds with nonsense; no other module uses it.
    ("torture", &["config", "hooks", "learning", "sync", "storage", "model"]),
    // What `benches/quality` measures with; no other module uses it.
    ("quality", &["learning", "library", "storage", "embeddings", "model"]),
    ("sync", &["storage", "redact", "model"]),
    // The rules of what is not learned are pure; that they are sound is known when they are read.
    ("config", &["model"]),
    ("evaluation", &["hooks", "learning", "storage", "redact", "model"]),
    ("doctor", &["hooks", "learning", "storage", "model"]),
    ("hooks", &["storage", "workspace", "model"]),
    ("learning", &["library", "storage", "embeddings", "workspace", "redact", "model"]),
    ("consolidation", &["storage", "model"]),
    ("daemon", &["storage"]),
    ("library", &["storage", "embeddings"]),
    ("storage", &["model"]),
    ("embeddings", &["model"]),
    ("workspace", &["model"]),
    ("redact", &[]),
    ("model", &[]),
    // Part of the program and not of the library: what runs before `main`.
    ("start", &["arena"]),
    ("arena", &[]),
];

/// What `mana inject` and `mana session-end` run. An entry is a file, or a folder when it ends in
/// `/`.
pub(super) const HOT: &[&str] = &[
    "src/arena.rs",
    "src/cli/hook.rs",
    "src/cli/hook/",
    "src/config/",
    "src/embeddings/shipped.rs",
    "src/embeddings/static_table/",
    "src/embeddings/wordpiece/",
    "src/hooks/advice/",
    "src/hooks/checkout.rs",
    "src/hooks/context.rs",
    "src/hooks/event.rs",
    "src/hooks/inject.rs",
    "src/hooks/instructions.rs",
    "src/hooks/scope.rs",
    "src/hooks/session_end.rs",
    "src/hooks/wire.rs",
    "src/model/",
    "src/start.rs",
    "src/storage/bm25.rs",
    "src/storage/journal.rs",
    "src/storage/log.rs",
    "src/storage/patterns.rs",
    "src/storage/postings.rs",
    "src/storage/projects.rs",
    "src/storage/recall.rs",
    "src/storage/runs.rs",
    "src/storage/snapshot/",
    "src/storage/sql.rs",
    "src/storage/weights.rs",
    "src/workspace/",
];

/// Words that only some files may hold. Words are compared whole: a name, or a path of names.
pub(super) struct WordRule {
    pub words: &'static [&'static str],
    /// The rule holds in these files and folders; empty: everywhere.
    within: &'static [&'static str],
    /// Except in these.
    except: &'static [&'static str],
    pub reason: &'static str,
}

impl WordRule {
    /// Whether the rule holds for the file at `path`.
    pub(super) fn applies_to(&self, path: &str) -> bool {
        let listed = |entries: &[&str]| entries.iter().any(|entry| covers(entry, path));
        (self.within.is_empty() || listed(self.within)) && !listed(self.except)
    }
}

pub(super) const WORDS: &[WordRule] = &[
    WordRule {
        words: &[
            "std::env",
            "env::var",
            "env::var_os",
            "env::args",
            "env::args_os",
            "env::current_dir",
        ],
        within: &[],
        except: &["src/config/", "src/main.rs"],
        reason: "only `config` reads the environment; take a setting",
    },
    WordRule {
        words: &["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout()", "stderr()"],
        within: &[],
        except: &["src/cli/output.rs"],
        reason: "all output goes through `cli::output`",
    },
    WordRule {
        words: &[
            "regex",
            "rayon",
            "tracing",
            "tracing_subscriber",
            "Regex",
            "RegexSet",
            "LazyLock",
        ],
        within: HOT,
        except: &[],
        reason: "a hook pays for it at every call: the hot path has no regex, thread pool or logger",
    },
    WordRule {
        words: &["tracing_subscriber"],
        within: &[],
        except: &["src/cli/logging.rs"],
        reason: "one place decides where what is traced goes",
    },
    WordRule {
        words: &["anyhow"],
        within: &[],
        except: &[],
        reason: "errors are enums that callers can ask; `cli::error` makes text of them",
    },
    WordRule {
        words: &["tokio", "async fn", "async move"],
        within: &[],
        except: &["src/sync/"],
        reason: "`sync` is the only place with an async runtime",
    },
    WordRule {
        words: &["rusqlite"],
        within: &[],
        except: &["src/storage/"],
        reason: "SQL lives in `storage`",
    },
    WordRule {
        words: &["memmap2"],
        within: &[],
        except: &["src/storage/snapshot/"],
        reason: "what is mapped must never change: only snapshots keep that promise",
    },
    WordRule {
        words: &["usearch"],
        within: &[],
        except: &["src/storage/vectors/index.rs"],
        reason: "one place builds and reads the index over vectors",
    },
    WordRule {
        words: &["candle_core", "candle_nn", "candle_transformers", "tokenizers", "safetensors"],
        within: &[],
        except: &["src/embeddings/bert.rs"],
        reason: "only the full encoder runs a model",
    },
    WordRule {
        words: &["reqwest", "rustls"],
        within: &[],
        except: &["src/library/fetch.rs"],
        reason: "one place opens network connections",
    },
    WordRule {
        words: &["clap"],
        within: &[],
        except: &["src/cli/"],
        reason: "arguments are the business of `cli`",
    },
    WordRule {
        words: &["indicatif"],
        within: &[],
        except: &["src/cli/"],
        reason: "only `cli` shows progress; below it, take a callback",
    },
    WordRule {
        words: &["SystemTime::now", "Utc::now", "Local::now"],
        within: &[],
        except: &["src/cli/"],
        reason: "the clock is read once, in `cli`; take `now`",
    },
    WordRule {
        words: &[
            "std::fs",
            "fs::read",
            "fs::write",
            "File::open",
            "OpenOptions",
            "std::net",
            "std::process",
        ],
        within: &["src/model/", "src/redact/"],
        except: &[],
        reason: "plain types and pure rules do no I/O",
    },
    WordRule {
        words: &["process::exit", "process::abort", "libc::_exit"],
        within: &[],
        except: &["src/cli/hook/watch.rs"],
        reason: "return an `ExitCode`; only the watch over a hook's time may end the process",
    },
];

/// Words of unfinished work, split so that this table does not find itself.
pub(super) const OPEN: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("#[ig", "nore"),
];

/// Parts of paths that mean a private machine, split for the same reason.
pub(super) const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!(".lib", "rary/")];

/// What may lie at the top level, and what it is for.
pub(super) const TOP_LEVEL: &[(&str, &str)] = &[
    ("Cargo.toml", "the package"),
    ("Cargo.lock", "its exact dependencies"),
    ("README.md", "the first screen"),
    ("LICENSE", "both licences"),
    ("src", "the library and the thin binary"),
    ("tests", "integration tests and their fixtures"),
    ("benches", "measurements"),
    ("scripts", "what a person runs"),
    ("hooks", "hook entries, ready to copy"),
    ("docs", "documents"),
    (".ci", "what continuous integration runs"),
    (".github", "workflows and community files"),
    (".cargo", "how it is linked"),
    (".config", "the test runner"),
    (".clippy.toml", "banned functions"),
    (".deny.toml", "licences and sources of dependencies"),
    (".rustfmt.toml", "format"),
    (".gitignore", "what git leaves out"),
    (".gitattributes", "how git treats files"),
    (".editorconfig", "how editors treat files"),
];

/// Things that may lie in a checkout without being part of it.
pub(super) const NOT_OURS: &[&str] =
    &[".git", "target", ".idea", ".vscode", ".direnv", ".claude", ".DS_Store"];

/// Whether `entry`, a file or a folder ending in `/`, covers the file at `path`.
pub(super) fn covers(entry: &str, path: &str) -> bool {
    if entry.ends_with('/') { path.starts_with(entry) } else { path == entry }
}
