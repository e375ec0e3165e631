//! What every exchange needs: settings, keys, device, carrier.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::cli::error::{CliError, Kind};
use crate::config::{self, Settings, SharingEnvironment};
use crate::storage::{Reader, StorageError, Store};
use crate::sync::backend::Backend;
use crate::sync::device::Device;
use crate::sync::engine::Replica as _;
use crate::sync::hex::hex;
use crate::sync::keys::WorkspaceKeys;
use crate::sync::random::System;
use crate::sync::sanitise::{Identity, Sanitiser};
use crate::sync::segment::{self, LogId};
use crate::sync::settings::{self, Carrier};
use crate::sync::workspace;

/// How sharing is set up.
pub(super) const BEGINS: &str = "`mana sync init --backend git --url URL` begins.";

/// The folder of sharing of a home.
pub(in crate::cli) fn folder(home: &Path) -> PathBuf {
    home.join(workspace::FOLDER)
}

/// The settings of sharing.
pub(super) fn settings(home: &Path) -> Result<settings::Settings, CliError> {
    settings::read(&home.join(settings::FILE))?.ok_or_else(|| {
        CliError::new(Kind::Configuration, "this home shares nothing yet").hint(BEGINS)
    })
}

/// The keys of the workspace.
pub(super) fn keys(home: &Path) -> Result<WorkspaceKeys, CliError> {
    workspace::load(&folder(home))?.ok_or_else(|| {
        CliError::new(Kind::Configuration, "this home is in no workspace yet")
            .hint("`mana sync init --backend git --url URL` begins or joins one.")
    })
}

/// This device. Call it with the write lock held.
pub(in crate::cli) fn device(home: &Path) -> Result<Device, CliError> {
    let folder = folder(home);
    crate::storage::create_home(&folder)?;
    Ok(Device::in_folder(&folder, &mut System)?)
}

/// The label under which this device writes; empty before it has a log.
pub(super) fn label(
    store: &mut Store,
    keys: &WorkspaceKeys,
    device: &Device,
) -> Result<String, StorageError> {
    let own = store.own()?;
    Ok(own.map_or_else(String::new, |own| {
        let log = LogId { device: device.key(), incarnation: own.incarnation };
        hex(&segment::label(&log, keys))
    }))
}

/// That there is no such carrier yet.
pub(super) fn not_built(carrier: Carrier) -> CliError {
    let message = format!("the backend {} is not built yet", carrier.name());
    CliError::new(Kind::Configuration, message)
        .hint("`git` and `git_selfhosted` are: set `sync.backend` in sync.toml.")
}

/// The carrier that the settings name.
pub(super) fn backend(
    home: &Path,
    settings: &settings::Settings,
    label: String,
    now: i64,
) -> Result<Box<dyn Backend>, CliError> {
    let section = match settings.backend {
        Carrier::Git => &settings.git,
        Carrier::GitSelfhosted => &settings.git_selfhosted,
        other => return Err(not_built(other)),
    };
    let Some(section) = section else {
        let message = format!("sync.toml has no section [sync.{}]", settings.backend.name());
        return Err(CliError::new(Kind::Configuration, message)
            .hint("It needs a `remote`; `mana sync init` writes it."));
    };
    git(home, section, label, now)
}

#[cfg(feature = "git")]
fn git(
    home: &Path,
    section: &settings::Git,
    label: String,
    now: i64,
) -> Result<Box<dyn Backend>, CliError> {
    use crate::sync::backend::git::{Git, GitSettings, Secret, Transport};

    let environment = config::sharing();
    let secret = |hidden: Option<config::Hidden>| hidden.map(|h| Secret::new(h.0.to_string()));
    let ssh = environment.home.as_ref().map(|home| home.join(".ssh"));
    let in_ssh = |name: &str| ssh.as_ref().map(|ssh| ssh.join(name));
    let keys = match &section.identity {
        Some(identity) => vec![expanded(identity, &environment)],
        None => ["id_ed25519", "id_ecdsa", "id_rsa"].iter().filter_map(|n| in_ssh(n)).collect(),
    };
    let git = Git::open(GitSettings {
        url: section.remote.clone(),
        branch: section.branch.clone(),
        cache: folder(home).join("git"),
        device: label,
        now: now / 1000,
        transport: if section.command { Transport::Command } else { Transport::Builtin },
        user: environment.user.clone(),
        token: secret(environment.token.clone()),
        keys,
        passphrase: secret(environment.ssh_passphrase.clone()),
        agent: environment.agent.clone(),
        known_hosts: known_hosts(ssh.as_deref()),
        ca_file: environment.ca_file.clone(),
        git_config: None,
    })?;
    Ok(Box::new(git))
}

#[cfg(not(feature = "git"))]
fn git(
    _home: &Path,
    _section: &settings::Git,
    _label: String,
    _now: i64,
) -> Result<Box<dyn Backend>, CliError> {
    Err(CliError::new(Kind::Configuration, "this build of MANA has no git backend")
        .hint("Build it with the feature `git`."))
}

/// The files of known hosts, in the order in which ssh asks them: the user's, then those of the
/// whole machine.
#[cfg(feature = "git")]
fn known_hosts(ssh: Option<&Path>) -> Vec<PathBuf> {
    let own = ssh.map(|ssh| [ssh.join("known_hosts"), ssh.join("known_hosts2")]);
    let machine = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from);
    own.into_iter().flatten().chain(machine).collect()
}

/// A path of the settings, in which `~` is the user's home.
fn expanded(path: &str, environment: &SharingEnvironment) -> PathBuf {
    match (path.strip_prefix("~/"), &environment.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// What takes out of texts what must not leave.
pub(in crate::cli) fn sanitiser(
    store: &Reader,
    settings: &Settings,
    sharing: &settings::Settings,
    keys: &WorkspaceKeys,
) -> Result<Sanitiser, StorageError> {
    let environment = config::sharing();
    let text = |path: &Path| path.to_str().map(str::to_owned);
    let home = environment.home.as_deref().and_then(text);
    let identity = Identity {
        homes: home.into_iter().chain(text(&settings.home)).collect(),
        users: environment.login.into_iter().collect(),
        hosts: environment.host.into_iter().collect(),
        roots: store.root_folders()?,
        mails: Vec::new(),
    };
    let names = keys.purpose("names");
    let security = &sharing.security;
    Ok(Sanitiser::new(&identity, &names, security.sanitize_paths, security.redact_secrets))
}

/// The passphrase: from the environment, a file, or the terminal, without showing it.
pub(in crate::cli) fn passphrase(
    file: Option<&Path>,
    prompt: &str,
) -> Result<Option<Zeroizing<String>>, CliError> {
    if let Some(path) = file {
        let read = crate::storage::file::read(path).map_err(StorageError::from)?;
        let Some(bytes) = read.map(Zeroizing::new) else {
            return Err(CliError::no_file(path));
        };
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| CliError::new(Kind::Failed, format!("{} is no text", path.display())))?;
        return Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())));
    }
    if let Some(hidden) = config::sharing().passphrase {
        return Ok(Some(hidden.0));
    }
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(prompt).map_err(|error| {
        CliError::new(Kind::Failed, format!("the passphrase cannot be read: {error}"))
    })?;
    Ok(Some(Zeroizing::new(typed)).filter(|typed| !typed.is_empty()))
}

#[cfg(all(test, feature = "git"))]
mod tests {
    use super::*;

    #[test]
    fn known_hosts_of_the_user_come_before_those_of_the_machine() {
        let files = known_hosts(Some(Path::new("/home/ada/.ssh")));
        let names: Vec<&str> = files.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(
            names,
            [
                "/home/ada/.ssh/known_hosts",
                "/home/ada/.ssh/known_hosts2",
                "/etc/ssh/ssh_known_hosts",
                "/etc/ssh/ssh_known_hosts2",
            ]
        );
        assert_eq!(known_hosts(None), files[2..]);
    }
}
