//! The sections of `sync.toml` and their keys.

use super::check;
use super::table::{Report, Table};
use super::{Carrier, Problem, Problems, Settings, Visibility};

use toml::de::DeTable;

/// `[sync.git]` and `[sync.git_selfhosted]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Git {
    /// Where the repository lies.
    pub(crate) remote: String,
    /// The branch that says what the repository is.
    pub(crate) branch: String,
    /// Whether the `git` program fetches and pushes, with the user's own settings of SSH.
    pub(crate) command: bool,
    /// The key file for SSH, where it is not one of the usual ones.
    pub(crate) identity: Option<String>,
}

/// `[sync.s3]` and `[sync.s3_selfhosted]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct S3 {
    /// The server; `None` for Amazon's.
    pub(crate) endpoint: Option<String>,
    /// The bucket.
    pub(crate) bucket: String,
    /// The region.
    pub(crate) region: String,
    /// How names in the bucket begin.
    pub(crate) prefix: String,
    /// Whether the bucket stands in the path and not in the host.
    pub(crate) path_style: bool,
    /// Variables that hold the access key, the secret key and a session's token.
    pub(crate) access_key_env: String,
    /// See `access_key_env`.
    pub(crate) secret_key_env: String,
    /// See `access_key_env`.
    pub(crate) session_token_env: String,
    /// Certificates of authorities that are trusted besides the usual ones.
    pub(crate) ca_file: Option<String>,
}

/// `[sync.supabase]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Supabase {
    /// The project's address.
    pub(crate) url: String,
    /// Variables that hold the public key and the user's token.
    pub(crate) anon_key_env: String,
    /// See `anon_key_env`.
    pub(crate) access_token_env: String,
    /// Whether a key that passes over all rules of access is let through.
    pub(crate) allow_service_key: bool,
}

/// `[sync.postgres]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Postgres {
    /// The server.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// The database.
    pub(crate) dbname: String,
    /// Who logs in.
    pub(crate) user: String,
    /// Variable that holds the password.
    pub(crate) password_env: String,
    /// Whether the connection is encrypted and the server's certificate and name are checked.
    /// Only servers on this machine may do without.
    pub(crate) verified: bool,
    /// Certificates of authorities that are trusted besides the usual ones.
    pub(crate) ca_file: Option<String>,
    /// Whether a pooler stands before the server that gives every transaction another connection.
    pub(crate) pooled: bool,
}

/// `[sync.p2p]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct P2p {
    /// Where this machine listens.
    pub(crate) listen: String,
    /// Where others are reached.
    pub(crate) peers: Vec<String>,
    /// Whether others of the local network are looked for, which tells everybody there that this
    /// machine takes part.
    pub(crate) mdns: bool,
}

/// `[sync.security]`. What is encrypted is so with AES-256-GCM; there is no other choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Security {
    /// Whether absolute paths become relative or placeholders.
    pub(crate) sanitize_paths: bool,
    /// Whether secrets are looked for once more.
    pub(crate) redact_secrets: bool,
}

impl Default for Security {
    fn default() -> Self {
        Self { sanitize_paths: true, redact_secrets: true }
    }
}

/// `[sync.sharing]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sharing {
    /// Who may see what is shared.
    pub(crate) visibility: Visibility,
    /// The team, where it is for one.
    pub(crate) team_id: Option<String>,
    /// Names or keys of projects of which nothing leaves.
    pub(crate) private_projects: Vec<String>,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { visibility: Visibility::Private, team_id: None, private_projects: Vec::new() }
    }
}

/// The settings that `text` states.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Settings, Problems> {
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Problems(vec![Problem {
            line: super::table::line_at(text, at),
            key: String::new(),
            cause: format!("this is not TOML: {}", error.message().lines().next().unwrap_or("")),
            help: "Mend the line; a value that is a text stands in quotation marks.".into(),
        }])
    })?;
    let report = Report::new(text);
    let mut settings = Settings::default();
    let top = Table::new(&report, &root);
    if let Some(sync) = top.table("sync") {
        settings = of_sync(sync);
    }
    top.finish();
    let problems = report.into_problems();
    if problems.is_empty() { Ok(settings) } else { Err(Problems(problems)) }
}

fn of_sync(sync: Table<'_, '_>) -> Settings {
    let carriers = Carrier::ALL.map(|carrier| (carrier.name(), carrier));
    let settings = Settings {
        enabled: sync.switch("enabled", false),
        backend: sync.choice("backend", Carrier::Git, &carriers),
        interval_minutes: sync.number("interval_minutes", 30, 1..10_081),
        git: sync.table("git").map(git),
        git_selfhosted: sync.table("git_selfhosted").map(git),
        s3: sync.table("s3").map(|table| s3(table, false)),
        s3_selfhosted: sync.table("s3_selfhosted").map(|table| s3(table, true)),
        supabase: sync.table("supabase").map(supabase),
        postgres: sync.table("postgres").map(postgres),
        p2p: sync.table("p2p").map(p2p),
        security: sync.table("security").map(security).unwrap_or_default(),
        sharing: sync.table("sharing").map(sharing).unwrap_or_default(),
    };
    if settings.enabled && !settings.has(settings.backend) {
        let name = settings.backend.name();
        sync.fault(
            "backend",
            (
                format!("there is no section `[sync.{name}]`"),
                match settings.backend {
                    Carrier::Git | Carrier::GitSelfhosted => {
                        format!("Add it, or run `mana sync init --backend {name} --url URL`.")
                    }
                    _ => "Add it, or set `backend` to `git`.".into(),
                },
            ),
        );
    }
    sync.finish();
    settings
}

fn git(table: Table<'_, '_>) -> Git {
    let git = Git {
        remote: table.needed("remote", "git@example.org:me/mana.git", check::remote),
        branch: table.text("branch", check::branch).unwrap_or_else(|| "main".into()),
        command: table.choice("transport", false, &[("library", false), ("command", true)]),
        identity: table.text("identity", check::path),
    };
    table.finish();
    git
}

fn s3(table: Table<'_, '_>, own: bool) -> S3 {
    const KEYS: &str = "the keys go into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    let variable =
        |name, usual: &str| table.text(name, check::variable).unwrap_or_else(|| usual.into());
    let endpoint = |text: &str| check::https(text, KEYS);
    let s3 = S3 {
        endpoint: own.then(|| table.needed("endpoint", "https://store.example.org", endpoint)),
        bucket: table.needed("bucket", "my-mana", check::bucket),
        region: if own {
            table.text("region", check::region).unwrap_or_else(|| "us-east-1".into())
        } else {
            table.needed("region", "eu-west-1", check::region)
        },
        prefix: table.text("prefix", check::prefix).unwrap_or_else(|| "mana".into()),
        path_style: own && table.switch("path_style", true),
        access_key_env: variable("access_key_env", "AWS_ACCESS_KEY_ID"),
        secret_key_env: variable("secret_key_env", "AWS_SECRET_ACCESS_KEY"),
        session_token_env: variable("session_token_env", "AWS_SESSION_TOKEN"),
        ca_file: own.then(|| table.text("ca_file", check::path)).flatten(),
    };
    table.finish();
    s3
}

fn supabase(table: Table<'_, '_>) -> Supabase {
    const KEYS: &str = "the keys go into SUPABASE_ANON_KEY and SUPABASE_ACCESS_TOKEN";
    let variable =
        |name, usual: &str| table.text(name, check::variable).unwrap_or_else(|| usual.into());
    let supabase = Supabase {
        url: table.needed("url", "https://abc.supabase.co", |text| check::https(text, KEYS)),
        anon_key_env: variable("anon_key_env", "SUPABASE_ANON_KEY"),
        access_token_env: variable("access_token_env", "SUPABASE_ACCESS_TOKEN"),
        allow_service_key: table.switch("allow_service_key", false),
    };
    table.finish();
    supabase
}

fn postgres(table: Table<'_, '_>) -> Postgres {
    const MODES: [(&str, bool); 6] = [
        ("verify-full", true),
        ("disable", false),
        ("allow", false),
        ("prefer", false),
        ("require", false),
        ("verify-ca", false),
    ];
    let postgres = Postgres {
        host: table.needed("host", "db.example.org", check::host),
        port: table.number("port", 5_432, 1..65_536) as u16,
        dbname: table.needed("dbname", "mana", check::name),
        user: table.needed("user", "mana_member", check::name),
        password_env: table
            .text("password_env", check::variable)
            .unwrap_or_else(|| "PGPASSWORD".into()),
        verified: table.choice("sslmode", true, &MODES),
        ca_file: table.text("ca_file", check::path),
        pooled: table.switch("pooled", false),
    };
    if !postgres.verified && !check::is_loopback(&postgres.host) {
        let help = "Use `verify-full`, with `ca_file` where the authority is your own; less is for servers on this machine only.";
        table.fault("sslmode", ("the server could be anybody".into(), help.into()));
    }
    table.finish();
    postgres
}

fn p2p(table: Table<'_, '_>) -> P2p {
    let p2p = P2p {
        listen: table
            .text("listen", |text| check::node(text, false))
            .unwrap_or_else(|| "/ip4/0.0.0.0/tcp/0".into()),
        peers: table.texts("peers", |text| check::node(text, true)),
        mdns: table.switch("mdns", false),
    };
    table.finish();
    p2p
}

fn security(table: Table<'_, '_>) -> Security {
    let security = Security {
        sanitize_paths: table.switch("sanitize_paths", true),
        redact_secrets: table.switch("redact_secrets", true),
    };
    table.choice("encryption", (), &[("aes-256-gcm", ())]);
    table.finish();
    security
}

fn sharing(table: Table<'_, '_>) -> Sharing {
    let visibilities = [
        ("private", Visibility::Private),
        ("team", Visibility::Team),
        ("public", Visibility::Public),
    ];
    let sharing = Sharing {
        visibility: table.choice("visibility", Visibility::Private, &visibilities),
        team_id: table.text("team_id", check::team),
        private_projects: table.texts("private_projects", check::project),
    };
    if sharing.visibility == Visibility::Team && sharing.team_id.is_none() {
        let help = "Add `team_id = \"NAME\"` below `[sync.sharing]`, or use another visibility.";
        table.fault("team_id", ("a team needs a name".into(), help.into()));
    }
    table.finish();
    sharing
}
