//! Getting in: credentials, and whether the other side is who it should be.

use std::cell::RefCell;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use git2::{CertificateCheckStatus, Cred, CredentialType, ErrorClass, ErrorCode, cert::Cert};
use zeroize::Zeroizing;

use super::GitSettings;
use super::address::Address;
use super::key_file::{self, KeyFile};
use super::known_hosts::{self, Verdict};
use crate::storage::file;

/// Text that no message shows and that is overwritten when it is no longer needed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text` secret.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Something to show a server.
enum Way {
    /// The keys that an agent holds.
    Agent,
    /// The key in a file.
    Key(PathBuf),
    /// The token from the settings.
    Token(Secret),
    /// What git's credential helpers know.
    Helper,
}

/// What is known about getting in at one address. Each way is tried once: libgit2 asks again and
/// again for as long as it gets an answer.
pub(super) struct Access<'a> {
    settings: &'a GitSettings,
    address: Address,
    ways: RefCell<Vec<Way>>,
    /// What was tried, or could not be, for the message.
    tried: RefCell<Vec<String>>,
    denial: RefCell<Option<String>>,
}

impl<'a> Access<'a> {
    /// Nothing is tried yet.
    pub(super) fn new(settings: &'a GitSettings, address: Address) -> Self {
        let tried = RefCell::new(Vec::new());
        let mut ways = match &address {
            Address::Folder(_) => Vec::new(),
            Address::Ssh { .. } => ssh_ways(settings, &mut tried.borrow_mut()),
            Address::Web { .. } => {
                settings.token.clone().map(Way::Token).into_iter().chain([Way::Helper]).collect()
            }
        };
        // Taken from the end.
        ways.reverse();
        Self { settings, address, ways: RefCell::new(ways), tried, denial: RefCell::new(None) }
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Why this side gave up, when it did.
    pub(super) fn denial(&self) -> Option<String> {
        self.denial.borrow().clone()
    }

    /// Answers libgit2 when it asks for credentials.
    pub(super) fn credentials(
        &self,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
    ) -> Result<Cred, git2::Error> {
        if allowed.is_username() {
            return Cred::username(&self.user(user));
        }
        while let Some(way) = self.ways.borrow_mut().pop() {
            if let Some(credential) = self.credential(&way, url, user, allowed) {
                return Ok(credential);
            }
        }
        Err(self.deny(ErrorCode::Auth, self.nothing_accepted()))
    }

    /// The credential for one way; `None` when the server does not allow it or there is none.
    fn credential(
        &self,
        way: &Way,
        url: &str,
        user: Option<&str>,
        allowed: CredentialType,
    ) -> Option<Cred> {
        let (ssh, password) = (allowed.is_ssh_key(), allowed.is_user_pass_plaintext());
        let name = self.user(user);
        let (tried, made) = match way {
            Way::Agent if ssh => ("the ssh agent".into(), Cred::ssh_key_from_agent(&name)),
            Way::Key(path) if ssh => {
                let passphrase = self.settings.passphrase.as_ref().map(Secret::reveal);
                (path.display().to_string(), Cred::ssh_key(&name, None, path, passphrase))
            }
            Way::Token(token) if password => {
                ("MANA_SYNC_TOKEN".into(), Cred::userpass_plaintext(&name, token.reveal()))
            }
            Way::Helper if password => ("git's credential helper".into(), self.helped(url, user)),
            _ => return None,
        };
        let made = made.ok()?;
        self.tried.borrow_mut().push(tried);
        Some(made)
    }

    /// What the user's credential helpers know.
    fn helped(&self, url: &str, user: Option<&str>) -> Result<Cred, git2::Error> {
        let config = match &self.settings.git_config {
            Some(path) => git2::Config::open(path)?,
            None => git2::Config::open_default()?,
        };
        Cred::credential_helper(&config, url, self.settings.user.as_deref().or(user))
    }

    /// The account to use.
    fn user(&self, asked: Option<&str>) -> String {
        let (Address::Ssh { user, .. } | Address::Web { user, .. }) = &self.address else {
            return "git".into();
        };
        let own =
            self.settings.user.as_ref().filter(|_| matches!(self.address, Address::Web { .. }));
        own.map(String::as_str).or(asked).or(user.as_deref()).unwrap_or("git").to_owned()
    }

    /// Looks at the key or the certificate of the other side. Certificates are checked by libgit2.
    pub(super) fn certificate(
        &self,
        cert: &Cert<'_>,
    ) -> Result<CertificateCheckStatus, git2::Error> {
        let (Some(host_key), Address::Ssh { host, port, .. }) = (cert.as_hostkey(), &self.address)
        else {
            return Ok(CertificateCheckStatus::CertificatePassthrough);
        };
        let key = host_key.hostkey().unwrap_or_default();
        match check_host(&self.settings.known_hosts, host, *port, key) {
            Ok(()) => Ok(CertificateCheckStatus::CertificateOk),
            Err(why) => Err(self.deny(ErrorCode::Certificate, why)),
        }
    }

    fn deny(&self, code: ErrorCode, why: String) -> git2::Error {
        let error = git2::Error::new(code, ErrorClass::Callback, &why);
        *self.denial.borrow_mut() = Some(why);
        error
    }

    fn nothing_accepted(&self) -> String {
        let host = self.address.host();
        let tried = self.tried.borrow();
        let hint = match self.address {
            Address::Ssh { .. } => "add a key to the ssh agent or name its file as `identity`",
            _ => "set MANA_SYNC_TOKEN (and MANA_SYNC_USER) or a git credential helper",
        };
        if tried.is_empty() {
            format!("{host} wants credentials and there are none; {hint}")
        } else {
            format!("{host} accepts none of what was tried ({}); {hint}", tried.join(", "))
        }
    }
}

/// The ways into a server over SSH, and what of it cannot be used.
fn ssh_ways(settings: &GitSettings, unusable: &mut Vec<String>) -> Vec<Way> {
    let mut ways = Vec::new();
    if settings.agent.as_ref().is_some_and(|socket| UnixStream::connect(socket).is_ok()) {
        ways.push(Way::Agent);
    }
    for path in &settings.keys {
        match key_file::look(path) {
            KeyFile::Encrypted if settings.passphrase.is_none() => unusable.push(format!(
                "{} needs a passphrase, see MANA_SYNC_SSH_PASSPHRASE",
                path.display()
            )),
            KeyFile::Missing => {}
            KeyFile::Plain | KeyFile::Encrypted => ways.push(Way::Key(path.clone())),
        }
    }
    ways
}

/// Whether `key` is that of `host`, as the files at `paths` say. A key that any of them revokes is
/// refused; then the first that knows the host decides; one that names another key outweighs those
/// that know nothing.
fn check_host(paths: &[PathBuf], host: &str, port: u16, key: &[u8]) -> Result<(), String> {
    let (name, kind) = (known_hosts::shown(host, port), known_hosts::kind(key));
    let print = known_hosts::fingerprint(key);
    let mut objection = None;
    let verdicts: Vec<(&PathBuf, Verdict)> = paths
        .iter()
        .map(|path| {
            let text = file::read(path).ok().flatten().unwrap_or_default();
            (path, known_hosts::check(&String::from_utf8_lossy(&text), host, port, key))
        })
        .collect();
    if let Some((path, _)) = verdicts.iter().find(|(_, said)| matches!(said, Verdict::Revoked)) {
        let shown = path.display();
        return Err(format!("the {kind} key {print} of {name} is revoked in {shown}"));
    }
    for (path, verdict) in verdicts {
        let shown = path.display();
        match verdict {
            Verdict::Known => return Ok(()),
            Verdict::Unknown | Verdict::Revoked => {}
            Verdict::Changed(line) => {
                return Err(format!(
                    "{name} shows the {kind} key {print}, and line {line} of {shown} says another: \
                     somebody may be listening in. If its keys were replaced indeed, remove the old \
                     ones: ssh-keygen -f {shown} -R '{name}'"
                ));
            }
            Verdict::OtherKind => objection = Some(shown.to_string()),
        }
    }
    let file = paths.first().map_or(Path::new("known_hosts"), PathBuf::as_path).display();
    let known = match objection {
        Some(path) => format!("{path} knows {name} by keys of other kinds only"),
        None => format!("{name} is not a known host"),
    };
    Err(format!(
        "{known}. Its {kind} key has the fingerprint {print}; if that is right: ssh-keyscan -t {} \
         -p {port} {host} >> {file}",
        scan_kind(kind)
    ))
}

/// What `ssh-keyscan -t` calls a kind of key.
fn scan_kind(kind: &str) -> &str {
    match kind {
        "ssh-ed25519" => "ed25519",
        "ssh-rsa" => "rsa",
        _ => "ecdsa",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let secret = Secret::new("hunter2".into());
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn unknown_hosts_are_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("user"), folder.path().join("system"));
        let key = b"\0\0\0\x0bssh-ed25519\0\0\0\x01x";
        let line = format!("[a.org]:2222 ssh-ed25519 {}\n", super::super::base64::encode(key));
        let paths = [first.clone(), second.clone()];
        let why = check_host(&paths, "a.org", 2222, key).unwrap_err();
        for part in ["[a.org]:2222", "SHA256:", "ssh-keyscan -t ed25519 -p 2222 a.org >> ", "user"]
        {
            assert!(why.contains(part), "{part} in: {why}");
        }
        std::fs::write(&second, &line).unwrap();
        check_host(&paths, "a.org", 2222, key).unwrap();
        let why = check_host(&paths, "a.org", 2222, b"\0\0\0\x0bssh-ed25519-").unwrap_err();
        assert!(why.contains("listening") && why.contains("line 1 of"), "{why}");
        let why = check_host(&paths, "a.org", 2222, b"\0\0\0\x07ssh-rsa-").unwrap_err();
        assert!(why.contains("other kinds") && why.contains("-t rsa"), "{why}");
        let revoked = format!("@revoked * {}", line.split_once(' ').unwrap().1);
        std::fs::write(&first, &revoked).unwrap();
        let why = check_host(&paths, "a.org", 2222, key).unwrap_err();
        assert!(why.contains("revoked"), "{why}");
        // The machine's file revokes what the user's knows.
        std::fs::write(&first, &line).unwrap();
        check_host(&paths, "a.org", 2222, key).unwrap();
        std::fs::write(&second, &revoked).unwrap();
        let why = check_host(&paths, "a.org", 2222, key).unwrap_err();
        assert!(why.contains("revoked"), "{why}");
    }
}
