//! The git carrier: any repository that git can push to.
//!
//! Every device writes to a branch of its own and reads all others, so no two of them are ever in
//! each other's way. Objects are files under their names. What the server holds is the truth: the
//! local copy is thrown away on any doubt and fetched again.
//!
//! | Name | Branch |
//! |---|---|
//! | `v1/WORKSPACE/DEVICE/FILE` | `mana/WORKSPACE/DEVICE` |
//! | `v1/WORKSPACE/key/FILE` | `mana/WORKSPACE/key/FILE` |
//!
//! `docs/sync/git.md` says how to set a server up and what it sees.

mod access;
mod address;
mod base64;
mod cache;
mod failure;
mod key_file;
mod known_hosts;
mod local;
mod program;
mod remote;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use git2::{Oid, Repository};

pub(crate) use access::Secret;
use address::Address;
use cache::Cache;
use failure::Failure;
use remote::Update;
use tree::{Branch, Files};

use super::{Backend, BackendError, MAX_OBJECT, Name, Object};

/// What `README.md` on the configured branch says to whoever finds the repository.
const README: &str = "\
# Shared by MANA

The branches below `mana/` are written and read by MANA, a memory for coding agents. They hold \
encrypted segments: nobody without the key of the workspace can read them. Do not edit them; to \
stop sharing, delete this repository.
";

/// How often a change is tried when something else changes the same branch.
const TRIES: u32 = 8;

/// All that the carrier has to know.
#[derive(Clone, Debug)]
pub(crate) struct GitSettings {
    /// The repository: `https://`, `ssh://`, `USER@HOST:PATH`, `file://` or a full path.
    pub(crate) url: String,
    /// The branch that holds a file for people who look at the repository.
    pub(crate) branch: String,
    /// A folder of its own for the local copy, which may be deleted at any time.
    pub(crate) cache: PathBuf,
    /// This device's label.
    pub(crate) device: String,
    /// The time, in seconds since the Unix epoch; commits carry its day.
    pub(crate) now: i64,
    /// Who talks to the server.
    pub(crate) transport: Transport,
    /// The account for `https://`.
    pub(crate) user: Option<String>,
    /// The token or password for `https://`.
    pub(crate) token: Option<Secret>,
    /// Files with private keys for SSH, in the order in which they are tried.
    pub(crate) keys: Vec<PathBuf>,
    /// What opens them.
    pub(crate) passphrase: Option<Secret>,
    /// The socket of the SSH agent, as `SSH_AUTH_SOCK` names it: libssh2 reads that variable
    /// itself, and this only says whether to ask.
    pub(crate) agent: Option<PathBuf>,
    /// Files with the keys of known hosts; the first is the user's own.
    pub(crate) known_hosts: Vec<PathBuf>,
    /// A certificate authority to trust in addition to those of the system.
    pub(crate) ca_file: Option<PathBuf>,
    /// The git configuration that names credential helpers; the user's own when it is `None`.
    pub(crate) git_config: Option<PathBuf>,
}

/// Who talks to the server.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Transport {
    /// The program itself.
    #[default]
    Builtin,
    /// The `git` program, with the user's own configuration of git and SSH.
    Command,
}

/// What was seen of a branch.
#[derive(Debug)]
struct Seen {
    tip: Oid,
    files: Files,
}

/// A repository as a place for objects.
pub(crate) struct Git {
    settings: GitSettings,
    cache: Cache,
    view: BTreeMap<Branch, Seen>,
    /// Whether an object that should have been there has already cost a new copy.
    suspicious: bool,
}

impl Git {
    /// Opens the local copy; the server is not asked.
    ///
    /// # Errors
    /// [`BackendError::Refused`] when the address is none or is not safe, [`BackendError::Local`]
    /// and [`BackendError::Transient`] when the copy cannot be used, now or at all.
    pub(crate) fn open(settings: GitSettings) -> Result<Self, BackendError> {
        Address::parse(&settings.url).map_err(BackendError::Refused)?;
        let cache = Cache::open(&settings.cache, &settings.url)?;
        let mut git = Self { settings, cache, view: BTreeMap::new(), suspicious: false };
        if git.look(Doubt::Raised).is_err() {
            git.forget()?;
        }
        Ok(git)
    }

    /// Puts a file for people on the configured branch, unless there is such a branch.
    pub(crate) fn init(&mut self) -> Result<(), BackendError> {
        let branch = &self.settings.branch;
        let reference = format!("refs/heads/{branch}");
        let taken = branch == "mana" || branch.starts_with("mana/");
        if taken || !git2::Reference::is_valid_name(&reference) {
            return Err(BackendError::Refused(format!("{branch:?} cannot be the branch")));
        }
        let new = tree::readme(&self.cache.repository, README, self.settings.now);
        let new = new.map_err(|error| Failure::Doubt(error.to_string()).into_error())?;
        match self.push(&[Update { reference, old: None, new: Some(new) }]) {
            // Somebody has made it already, whatever it holds.
            Err(Failure::Behind) => Ok(()),
            done => done.map_err(Failure::into_error),
        }
    }

    fn repository(&self) -> &Repository {
        &self.cache.repository
    }

    /// Throws the local copy away.
    fn forget(&mut self) -> Result<(), BackendError> {
        self.view.clear();
        self.cache.renew(&self.settings.url)
    }

    /// Brings the local copy up to date and reads it.
    fn bring(&mut self, doubt: Doubt) -> Result<(), Failure> {
        match self.settings.transport {
            Transport::Builtin => remote::fetch(self.repository(), &self.settings)?,
            Transport::Command => program::fetch(self.repository(), &self.settings)?,
        }
        self.look(doubt).map_err(|error| Failure::Doubt(error.to_string()))
    }

    /// Reads what the local copy holds; branches that have not moved are not read again.
    fn look(&mut self, doubt: Doubt) -> Result<(), git2::Error> {
        let mut before = std::mem::take(&mut self.view);
        for reference in self.cache.repository.references_glob("refs/mana/*")? {
            let reference = reference?;
            let branch = reference.name().ok().and_then(Branch::of_local);
            let Some((branch, tip)) = branch.zip(reference.target()) else { continue };
            let seen = match before.remove(&branch) {
                Some(seen) if seen.tip == tip => seen,
                _ => match tree::read(&self.cache.repository, &branch, tip) {
                    Ok(files) => Seen { tip, files },
                    Err(_) if doubt == Doubt::Accepted => Seen { tip, files: Files::new() },
                    Err(error) => return Err(error),
                },
            };
            self.view.insert(branch, seen);
        }
        Ok(())
    }

    fn push(&self, updates: &[Update]) -> Result<(), Failure> {
        match self.settings.transport {
            Transport::Builtin => remote::push(self.repository(), &self.settings, updates),
            Transport::Command => program::push(self.repository(), &self.settings, updates),
        }
    }

    /// Makes what `plan` makes of the branches as they were seen last; when they have moved, looks
    /// again and plans anew. When there is nothing to do, that too is so on the server.
    fn change(
        &mut self,
        plan: impl Fn(&Self) -> Result<Vec<Change>, git2::Error>,
    ) -> Result<(), BackendError> {
        let mut fresh = false;
        let mut failure = Failure::Behind;
        for _ in 0..TRIES {
            failure = match plan(self) {
                Ok(changes) if changes.is_empty() && fresh => return Ok(()),
                Ok(changes) if changes.is_empty() => Failure::Behind,
                Ok(changes) => {
                    let updates: Vec<_> = changes.iter().map(Change::update).collect();
                    match self.push(&updates) {
                        Ok(()) => return self.note(changes),
                        Err(failure) => failure,
                    }
                }
                Err(error) => Failure::Doubt(error.to_string()),
            };
            match failure {
                Failure::Behind => {}
                Failure::Doubt(_) => self.forget()?,
                Failure::Final(error) => return Err(error),
            }
            self.refresh()?;
            fresh = true;
        }
        Err(failure.into_error())
    }

    /// The changes that put `objects` on their branches.
    fn adding(&self, objects: &[Object]) -> Result<Vec<Change>, git2::Error> {
        let mut changed: BTreeMap<Branch, Files> = BTreeMap::new();
        for object in objects {
            let Some(branch) = Name::parse(&object.name).map(|name| Branch::of(&name)) else {
                continue;
            };
            let blob = Oid::hash_object(git2::ObjectType::Blob, &object.bytes)?;
            let before = self.view.get(&branch).map(|seen| &seen.files);
            if before.and_then(|files| files.get(&object.name)) == Some(&blob) {
                continue;
            }
            self.repository().blob(&object.bytes)?;
            let files =
                changed.entry(branch).or_insert_with(|| before.cloned().unwrap_or_default());
            files.insert(object.name.clone(), blob);
        }
        let change = |(branch, files): (Branch, Files)| {
            let old = self.view.get(&branch).map(|seen| seen.tip);
            let new = tree::commit(self.repository(), &branch, &files, old, self.settings.now)?;
            Ok(Change { branch, old, new: Some(Seen { tip: new, files }) })
        };
        changed.into_iter().map(change).collect()
    }

    /// The changes that take `names` off their branches. What is left goes into a commit without a
    /// parent, so that nothing leads to what was removed.
    fn removing(&self, names: &[String]) -> Result<Vec<Change>, git2::Error> {
        let branches: BTreeSet<_> = names
            .iter()
            .filter_map(|name| Name::parse(name))
            .map(|name| Branch::of(&name))
            .collect();
        let mut changes = Vec::new();
        for branch in branches {
            let Some(seen) = self.view.get(&branch) else { continue };
            let mut files = seen.files.clone();
            files.retain(|name, _| !names.contains(name));
            if files.len() == seen.files.len() {
                continue;
            }
            let new = if files.is_empty() {
                None
            } else {
                let now = self.settings.now;
                let tip = tree::commit(self.repository(), &branch, &files, None, now)?;
                Some(Seen { tip, files })
            };
            changes.push(Change { old: Some(seen.tip), branch, new });
        }
        Ok(changes)
    }

    /// Remembers what the server has confirmed. Where the local copy does not take it, it is thrown
    /// away: the server has it.
    fn note(&mut self, changes: Vec<Change>) -> Result<(), BackendError> {
        for Change { branch, new, .. } in changes {
            let name = branch.here();
            let noted = match &new {
                Some(seen) => self.repository().reference(&name, seen.tip, true, "").map(drop),
                None => {
                    self.repository().find_reference(&name).and_then(|mut found| found.delete())
                }
            };
            if noted.is_err() {
                return self.forget();
            }
            match new {
                Some(seen) => self.view.insert(branch, seen),
                None => self.view.remove(&branch),
            };
        }
        Ok(())
    }

    /// An object's bytes as the local copy has them.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let branch = Name::parse(name).map(|name| Branch::of(&name));
        let seen = branch.and_then(|branch| self.view.get(&branch));
        let Some(blob) = seen.and_then(|seen| seen.files.get(name)) else { return Ok(None) };
        let damaged = |error: git2::Error| Failure::Doubt(error.to_string());
        let odb = self.repository().odb().map_err(damaged)?;
        let (length, _) = odb.read_header(*blob).map_err(damaged)?;
        if length > MAX_OBJECT {
            let why = format!("{name} has {length} bytes, and {MAX_OBJECT} are the most");
            return Err(BackendError::Refused(why).into());
        }
        Ok(Some(odb.read(*blob).map_err(damaged)?.data().to_vec()))
    }
}

/// What to do about a branch that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Take it for damage of the local copy.
    Raised,
    /// The copy is a new one, so this is how the server has it: nothing is on the branch.
    Accepted,
}

/// A change to one branch.
struct Change {
    branch: Branch,
    old: Option<Oid>,
    new: Option<Seen>,
}

impl Change {
    fn update(&self) -> Update {
        let new = self.new.as_ref().map(|seen| seen.tip);
        Update { reference: self.branch.there(), old: self.old, new }
    }
}

impl Backend for Git {
    fn introduce(&mut self) -> Result<(), BackendError> {
        self.init()
    }

    fn refresh(&mut self) -> Result<(), BackendError> {
        match self.bring(Doubt::Raised) {
            Err(Failure::Doubt(_)) => {
                self.forget()?;
                self.bring(Doubt::Accepted).map_err(Failure::into_error)
            }
            done => done.map_err(Failure::into_error),
        }
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        super::check_objects(&self.settings.device, objects)?;
        if objects.is_empty() {
            return Ok(());
        }
        self.change(|git| git.adding(objects))
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        let wanted =
            |name: &&String| name.starts_with(prefix) && after.is_none_or(|after| ***name > *after);
        let all = self.view.values().flat_map(|seen| seen.files.keys());
        let mut names: Vec<String> = all.filter(wanted).cloned().collect();
        names.sort_unstable();
        Ok(names)
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        let mut answer = self.read(name);
        if matches!(answer, Err(Failure::Doubt(_))) && !self.suspicious {
            self.suspicious = true;
            self.forget()?;
            self.refresh()?;
            answer = self.read(name);
        }
        match answer {
            // A new copy has it no more than the old one: the server does not have it.
            Err(Failure::Doubt(_)) => Ok(None),
            answer => answer.map_err(Failure::into_error),
        }
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        names.iter().try_for_each(|name| super::check_own(&self.settings.device, name))?;
        if names.is_empty() {
            return Ok(());
        }
        self.change(|git| git.removing(names))
    }
}
