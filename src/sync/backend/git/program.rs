//! Talking to the server through the `git` program: for those whose way there needs what only
//! their own SSH or git is set up for, such as a jump host.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use git2::Repository;

use super::failure::{Failure, of_words, without_address};
use super::remote::{Update, refused};
use super::{BackendError, GitSettings, tree};

/// How long one call may take before it is ended.
const LONGEST: Duration = Duration::from_mins(5);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// Brings all branches that hold objects into the local copy.
pub(super) fn fetch(repository: &Repository, settings: &GitSettings) -> Result<(), Failure> {
    let mut git = git(repository, settings);
    git.args(["fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", "--"]);
    git.args([&settings.url, tree::REFSPEC]);
    let output = run(git)?;
    if output.status.success() { Ok(()) } else { Err(failed(&output)) }
}

/// Makes all `updates` on the server; `Ok` means that the server has confirmed each of them.
pub(super) fn push(
    repository: &Repository,
    settings: &GitSettings,
    updates: &[Update],
) -> Result<(), Failure> {
    let mut git = git(repository, settings);
    git.args(["push", "--porcelain", "--no-verify"]);
    for update in updates {
        let old = update.old.map(|old| old.to_string()).unwrap_or_default();
        git.arg(format!("--force-with-lease={}:{old}", update.reference));
    }
    git.args(["--", &settings.url]);
    for update in updates {
        let new = update.new.map(|new| new.to_string()).unwrap_or_default();
        git.arg(format!("{new}:{}", update.reference));
    }
    let output = run(git)?;
    let text = String::from_utf8_lossy(&output.stdout);
    for update in updates {
        match answer(&text, &update.reference) {
            Some(('!', words)) => return Err(refused(words)),
            Some(_) => {}
            None => return Err(failed(&output)),
        }
    }
    if output.status.success() { Ok(()) } else { Err(failed(&output)) }
}

/// The flag and the words that `git push --porcelain` printed about `reference`.
fn answer<'a>(text: &'a str, reference: &str) -> Option<(char, &'a str)> {
    text.lines().find_map(|line| {
        let mut parts = line.split('\t');
        let flag = parts.next()?.chars().next()?;
        let (_, to) = parts.next()?.rsplit_once(':')?;
        (to == reference).then(|| (flag, parts.next().unwrap_or("")))
    })
}

/// The program, told to ask nobody and to leave the local copy as it is but for what is fetched.
fn git(repository: &Repository, settings: &GitSettings) -> Command {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(repository.path());
    git.args([
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
        "-c",
        "http.followRedirects=false",
    ]);
    git.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    if let Some(path) = &settings.ca_file {
        git.env("GIT_SSL_CAINFO", path);
    }
    if let Some(path) = &settings.git_config {
        git.env("GIT_CONFIG_GLOBAL", path);
    }
    git.current_dir(repository.path().parent().unwrap_or(Path::new("/")));
    git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    git
}

/// Runs it to its end, or ends it.
fn run(mut command: Command) -> Result<Output, Failure> {
    let mut child = command.spawn().map_err(|error| {
        BackendError::Refused(format!("the git program cannot be started: {error}"))
    })?;
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = wait(&mut child)?;
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    Ok(Output { status, stdout, stderr })
}

/// Reads a pipe to its end beside the program, which would wait when nobody did.
fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is still worth showing.
            let _read = pipe.take(1 << 20).read_to_end(&mut bytes);
        }
        bytes
    })
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, Failure> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if started.elapsed() < LONGEST => thread::sleep(LOOK),
            Ok(None) => {
                let _ended = child.kill().and_then(|()| child.wait());
                let why = format!("git did not end within {} seconds", LONGEST.as_secs());
                return Err(BackendError::Transient(why).into());
            }
            Err(error) => return Err(BackendError::Local(error).into()),
        }
    }
}

/// What it means that the program failed.
fn failed(output: &Output) -> Failure {
    const LOCAL: &[&str] = &["unable to create", ".lock'", "bad object", "corrupt", "loose object"];
    let text = String::from_utf8_lossy(&output.stderr);
    let text = without_address(text.trim());
    if LOCAL.iter().any(|word| text.contains(word)) {
        return Failure::Doubt(text);
    }
    Failure::Final(of_words(format!("git: {text}"), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_prints_about_a_branch_is_found() {
        let text = "To ssh://host/x\n*\tabc:refs/heads/mana/a\t[new branch]\n\
                    !\tdef:refs/heads/mana/b\t[rejected] (stale info)\nDone\n";
        assert_eq!(answer(text, "refs/heads/mana/a"), Some(('*', "[new branch]")));
        assert_eq!(answer(text, "refs/heads/mana/b"), Some(('!', "[rejected] (stale info)")));
        assert_eq!(answer(text, "refs/heads/mana/c"), None);
        let deleted = "-\t:refs/heads/mana/a\t[deleted]\n";
        assert_eq!(answer(deleted, "refs/heads/mana/a"), Some(('-', "[deleted]")));
    }
}
