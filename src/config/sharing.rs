//! What sharing takes from the environment: secrets, and where keys and certificates are.

use std::path::PathBuf;

use super::paths::user_home;
use super::variable;

/// A secret from the environment. Never printed.
#[derive(Clone)]
pub(crate) struct Hidden(pub(crate) zeroize::Zeroizing<String>);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// What the environment says of sharing.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharingEnvironment {
    /// `MANA_SYNC_KEY`: the passphrase of the workspace or of a file.
    pub(crate) passphrase: Option<Hidden>,
    /// `MANA_SYNC_TOKEN` and `MANA_SYNC_USER`: for https.
    pub(crate) token: Option<Hidden>,
    /// See `token`.
    pub(crate) user: Option<String>,
    /// `MANA_SYNC_SSH_PASSPHRASE`: opens the key files.
    pub(crate) ssh_passphrase: Option<Hidden>,
    /// `MANA_SYNC_CA`, else `SSL_CERT_FILE`: a certificate authority.
    pub(crate) ca_file: Option<PathBuf>,
    /// `SSH_AUTH_SOCK`.
    pub(crate) agent: Option<PathBuf>,
    /// The user's home folder.
    pub(crate) home: Option<PathBuf>,
    /// The user's login.
    pub(crate) login: Option<String>,
    /// What this machine calls itself.
    pub(crate) host: Option<String>,
    /// What tells this machine from others, where it has such an id (machine-id(5)). It stays here:
    /// the manual asks not to show it to anybody.
    pub(crate) machine: Option<String>,
}

/// Reads it.
pub(crate) fn sharing() -> SharingEnvironment {
    let text = |name: &str| variable(name).filter(|value| !value.is_empty());
    let hidden = |name: &str| text(name).map(|value| Hidden(zeroize::Zeroizing::new(value)));
    let path = |name: &str| text(name).map(PathBuf::from);
    SharingEnvironment {
        passphrase: hidden("MANA_SYNC_KEY"),
        token: hidden("MANA_SYNC_TOKEN"),
        user: text("MANA_SYNC_USER"),
        ssh_passphrase: hidden("MANA_SYNC_SSH_PASSPHRASE"),
        ca_file: path("MANA_SYNC_CA").or_else(|| path("SSL_CERT_FILE")),
        agent: path("SSH_AUTH_SOCK"),
        home: user_home(),
        login: text("USER").or_else(|| text("LOGNAME")),
        machine: machine(),
        host: rustix::system::uname().nodename().to_str().ok().map(str::to_owned),
    }
}

/// The machine's id: 32 hex digits. A container often has none, or not yet.
fn machine() -> Option<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"].iter().find_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        let id = text.trim();
        (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
    })
}
