//! Talking to the server through libgit2.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use git2::{
    AutotagOption, Error, ErrorCode, FetchOptions, FetchPrune, Oid, ProxyOptions, PushOptions,
    PushUpdate, RemoteCallbacks, RemoteRedirect, Repository,
};

use super::access::Access;
use super::address::Address;
use super::failure::{Failure, of_words, without_address};
use super::{BackendError, GitSettings, local, tree};

/// How long a connection may take to come about, in milliseconds.
const CONNECT: i32 = 10_000;
/// How long a server may be silent, in milliseconds.
const SILENT: i32 = 30_000;
/// A transfer slower than this, in bytes per second and after [`PATIENCE`], is given up.
const SLOWEST: usize = 1_000;
/// How long a transfer may be slow.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest fetch, in bytes: no honest set of segments comes near.
const MAX_FETCH: usize = 4 << 30;

/// A change to one branch of the server, made only when the branch is as `old` says.
#[derive(Clone, Debug)]
pub(super) struct Update {
    /// Full name of the branch on the server.
    pub(super) reference: String,
    /// The commit it has; `None` when there is no such branch.
    pub(super) old: Option<Oid>,
    /// The commit it gets; `None` removes it.
    pub(super) new: Option<Oid>,
}

/// Brings all branches that hold objects into the local copy.
pub(super) fn fetch(repository: &Repository, settings: &GitSettings) -> Result<(), Failure> {
    let mut remote = repository.remote_anonymous(&settings.url).map_err(|error| doubt(&error))?;
    let talk = Talk::new(settings, &remote, &[])?;
    if let Address::Folder(path) = talk.access.address() {
        is_there(path)?;
    }
    let _turn = turn(&talk, settings)?;
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(talk.callbacks())
        .prune(FetchPrune::On)
        .download_tags(AutotagOption::None)
        .update_fetchhead(false)
        .follow_redirects(RemoteRedirect::None)
        .proxy_options(talk.proxy());
    let done = remote.fetch(&[tree::REFSPEC], Some(&mut options), None);
    drop(options);
    talk.outcome(done)
}

/// Whether a folder holds a repository: libgit2 would only say that it knows no such protocol.
fn is_there(path: &Path) -> Result<(), BackendError> {
    let shown = path.display();
    if !path.is_dir() {
        let text =
            format!("there is no folder {shown}; if its disk is another one, is that there?");
        return Err(BackendError::Refused(text));
    }
    match Repository::open(path) {
        Err(error) if error.code() == ErrorCode::NotFound => Err(BackendError::Refused(format!(
            "{shown} is no git repository; `git init --bare {shown}` makes one"
        ))),
        // Whatever else is wrong is told by what follows.
        _ => Ok(()),
    }
}

/// Makes all `updates` on the server; `Ok` means that the server has confirmed each of them.
pub(super) fn push(
    repository: &Repository,
    settings: &GitSettings,
    updates: &[Update],
) -> Result<(), Failure> {
    let mut remote = repository.remote_anonymous(&settings.url).map_err(|error| doubt(&error))?;
    let talk = Talk::new(settings, &remote, updates)?;
    if let Address::Folder(path) = talk.access.address() {
        return local::push(repository, path, updates);
    }
    let specs: Vec<String> = updates
        .iter()
        .map(|update| match update.new {
            // Forced for libgit2, which knows no "only when it is as I saw it": that is asked in
            // the callback below, and by the server, which is told the old commit too.
            Some(new) => format!("+{new}:{}", update.reference),
            None => format!(":{}", update.reference),
        })
        .collect();
    let _turn = turn(&talk, settings)?;
    let mut options = PushOptions::new();
    options
        .remote_callbacks(talk.callbacks())
        .follow_redirects(RemoteRedirect::None)
        .proxy_options(talk.proxy());
    let done = remote.push(&specs, Some(&mut options));
    drop(options);
    talk.outcome(done)?;
    talk.confirmed()
}

/// Waits until no other thread of this process talks to a server, and has the talk be a safe one.
///
/// OpenSSL, which TLS and SSH both use, cannot be used by two threads at once in this program: its
/// `Configure` reads `-static`, which every C file of a static program is built with, as a wish for
/// a library without threads, and builds one without locks. Sharing needs no more than one thread.
fn turn(
    talk: &Talk<'_>,
    settings: &GitSettings,
) -> Result<Option<MutexGuard<'static, Authorities>>, Failure> {
    static TURN: Mutex<Authorities> = Mutex::new(Authorities::new());
    if matches!(talk.access.address(), Address::Folder(_)) {
        return Ok(None);
    }
    let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    prepare(settings, &mut turn)?;
    Ok(Some(turn))
}

/// Files with certificates that were read.
type Authorities = BTreeSet<PathBuf>;

/// Sets what libgit2 can only be told for the whole process.
fn prepare(settings: &GitSettings, known: &mut Authorities) -> Result<(), Failure> {
    static TIMEOUTS: Once = Once::new();
    #[expect(unsafe_code, reason = "libgit2 keeps these in global variables")]
    TIMEOUTS.call_once(|| {
        // SAFETY: the two numbers are written once, while no other thread talks to a server.
        unsafe {
            // Without limits it works as well, only more patiently.
            let _unlimited: Result<(), _> =
                git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT);
            let _unlimited: Result<(), _> = git2::opts::set_server_timeout_in_milliseconds(SILENT);
        }
    });
    let Some(file) = &settings.ca_file else { return Ok(()) };
    if !known.contains(file) {
        // SAFETY: the store of authorities is added to while no other thread talks to a server.
        #[expect(unsafe_code, reason = "libgit2 keeps the authorities in a global store")]
        let added = unsafe { git2::opts::set_ssl_cert_file(file) };
        added.map_err(|error| {
            let text = format!("no certificate can be read from {}: {error}", file.display());
            Failure::Final(BackendError::Denied(text))
        })?;
        known.insert(file.clone());
    }
    Ok(())
}

fn doubt(error: &Error) -> Failure {
    Failure::Doubt(error.message().to_owned())
}

/// One conversation with a server.
struct Talk<'a> {
    access: Access<'a>,
    updates: &'a [Update],
    started: Instant,
    /// Set when a branch is not as it was seen last.
    behind: Cell<bool>,
    /// Set when this side ended a transfer, with the reason.
    given_up: RefCell<Option<BackendError>>,
    /// Branches that the server confirmed, and those that it refused with its words.
    answers: RefCell<Vec<(String, Option<String>)>>,
}

impl<'a> Talk<'a> {
    /// The address is taken from `remote`: git's own settings may have put another in place of the
    /// one that was asked for.
    fn new(
        settings: &'a GitSettings,
        remote: &git2::Remote<'_>,
        updates: &'a [Update],
    ) -> Result<Self, Failure> {
        let address = Address::parse(remote.url().map_err(|error| doubt(&error))?)
            .map_err(BackendError::Refused)?;
        Ok(Self {
            access: Access::new(settings, address),
            updates,
            started: Instant::now(),
            behind: Cell::new(false),
            given_up: RefCell::default(),
            answers: RefCell::default(),
        })
    }

    /// What libgit2 asks and tells in the course of it.
    fn callbacks(&self) -> RemoteCallbacks<'_> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks
            .credentials(|url, user, allowed| self.access.credentials(url, user, allowed))
            .certificate_check(|cert, _| self.access.certificate(cert))
            .transfer_progress(|progress| self.goes_on(progress.received_bytes()))
            .push_negotiation(|updates| self.negotiate(updates))
            .push_update_reference(|reference, refusal| {
                self.answers.borrow_mut().push((reference.into(), refusal.map(Into::into)));
                Ok(())
            });
        callbacks
    }

    /// The proxy that git's settings or the environment name; none for this machine.
    fn proxy(&self) -> ProxyOptions<'static> {
        let mut options = ProxyOptions::new();
        if !self.access.address().is_here() {
            options.auto();
        }
        options
    }

    /// Whether a transfer that has brought so many bytes may go on.
    fn goes_on(&self, received: usize) -> bool {
        let elapsed = self.started.elapsed();
        let host = self.access.address().host();
        let why = if received > MAX_FETCH {
            BackendError::Refused(format!("{host} sends more than {MAX_FETCH} bytes"))
        } else if elapsed > PATIENCE && received < elapsed.as_secs() as usize * SLOWEST {
            BackendError::Transient(format!("{host} sends less than {SLOWEST} bytes a second"))
        } else {
            return true;
        };
        *self.given_up.borrow_mut() = Some(why);
        false
    }

    /// Goes on only when every branch is as it was seen last. The server is told the same and
    /// changes nothing when another push comes in between.
    fn negotiate(&self, pushed: &[PushUpdate<'_>]) -> Result<(), Error> {
        let seen = |push: &PushUpdate<'_>| {
            let reference = push.dst_refname().unwrap_or_default();
            let update = self.updates.iter().find(|update| update.reference == reference);
            update.is_some_and(|update| push.src() == update.old.unwrap_or(Oid::ZERO_SHA1))
        };
        if pushed.iter().all(seen) {
            return Ok(());
        }
        self.behind.set(true);
        Err(Error::from_str("a branch is not as it was seen last"))
    }

    /// What came of it, `done` being libgit2's answer.
    fn outcome(&self, done: Result<(), Error>) -> Result<(), Failure> {
        let Err(error) = done else { return Ok(()) };
        if self.behind.get() {
            return Err(Failure::Behind);
        }
        if let Some(why) = self.access.denial() {
            return Err(BackendError::Denied(why).into());
        }
        if let Some(why) = self.given_up.take() {
            return Err(why.into());
        }
        Err(Failure::of_remote(&error, self.access.address().host()))
    }

    /// Whether the server has confirmed every change.
    fn confirmed(&self) -> Result<(), Failure> {
        let answers = self.answers.borrow();
        for update in self.updates {
            match answers.iter().find(|(reference, _)| *reference == update.reference) {
                Some((_, None)) => {}
                Some((_, Some(words))) => return Err(refused(words)),
                None => {
                    let why = "the server did not say whether it stored anything";
                    return Err(BackendError::Transient(why.into()).into());
                }
            }
        }
        Ok(())
    }
}

/// What it means that the server refused to change a branch, with these words.
pub(super) fn refused(words: &str) -> Failure {
    const MOVED: &[&str] =
        &["stale info", "fetch first", "already exists", "failed to update", "lock", "is at "];
    const RULES: &[&str] = &["non-fast-forward", "deletion prohibited", "deny"];
    let has = |list: &[&str]| list.iter().any(|word| words.contains(word));
    let words = without_address(words);
    if has(RULES) {
        Failure::Final(BackendError::Refused(format!(
            "the server's rules forbid to remove what was stored ({words}); branches below \
             mana/ have to be exempt: receive.denyNonFastForwards and receive.denyDeletes"
        )))
    } else if has(MOVED) {
        Failure::Behind
    } else if words.contains("hook") || words.contains("protected") {
        Failure::Final(BackendError::Denied(format!("the server's rules forbid it: {words}")))
    } else {
        Failure::Final(of_words(format!("the server did not take it: {words}"), true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        for words in ["stale info", "failed to update ref", "cannot lock ref 'x'"] {
            assert!(matches!(refused(words), Failure::Behind), "{words}");
        }
        for words in ["non-fast-forward", "deletion prohibited"] {
            let error = refused(words).into_error();
            assert!(matches!(error, BackendError::Refused(_)), "{words}: {error}");
            assert!(error.to_string().contains("denyNonFastForwards"), "{error}");
        }
        for words in ["pre-receive hook declined", "protected branch", "permission denied"] {
            let error = refused(words).into_error();
            assert!(matches!(error, BackendError::Denied(_)), "{words}: {error}");
        }
        assert!(refused("unpacker error").into_error().is_transient());
    }
}
