//! Which project a folder belongs to.
//!
//! Clones, worktrees and machines must agree, so a project is named by its normalised remote
//! URL, else by its root commit, else by the folder's own name. Only reads files under `.git`;
//! nothing of the project is executed.

mod remote;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::model::paths;

/// Largest `.git` file or configuration that is read.
const CONFIG_LIMIT: u64 = 1 << 20;

/// How much of a log of commits is read: its first line.
const LOG_START: u64 = 4 << 10;

/// A project as a folder shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Project {
    /// What clones, worktrees and machines agree on.
    pub(crate) key: String,
    /// What a person calls it.
    pub(crate) name: String,
    /// The top folder of its work tree, to which paths are relative; `None` when only its own
    /// name speaks for the folder.
    pub(crate) top: Option<PathBuf>,
}

/// The project that `folder` belongs to. A folder that is not on this disk, or not under
/// version control, is named by its last component.
pub(crate) fn identify(folder: &Path) -> Project {
    from_repository(folder).unwrap_or_else(|| by_name(&folder.to_string_lossy()))
}

/// The project named by the folder's own name.
pub(crate) fn by_name(folder: &str) -> Project {
    let path = paths::tilde(folder);
    let name = paths::name(base_folder(path.trim_end_matches('/')));
    let name = if name.is_empty() || name == "~" { "home" } else { name };
    Project { key: format!("name:{}", name.to_lowercase()), name: name.to_string(), top: None }
}

/// Whether a project's key is only the name of its folder, so that more could become known.
pub(crate) fn is_guess(key: &str) -> bool {
    key.starts_with("name:")
}

/// The folder that a worktree inside a project belongs to, by the places in which tools put
/// them; any other folder is its own.
fn base_folder(path: &str) -> &str {
    ["/.worktrees/", "/.claude/worktrees/"]
        .iter()
        .find_map(|place| path.find(place).map(|at| &path[..at]))
        .unwrap_or(path)
}

fn from_repository(folder: &Path) -> Option<Project> {
    let (top, git) = repository(folder)?;
    let config = read_small(&git.join("config"))?;
    let key = remote::of_config(&config).map(|url| format!("git:{url}"));
    let key = key.or_else(|| root_commit(&git).map(|commit| format!("root:{commit}")))?;
    let name = match key.strip_prefix("git:") {
        Some(url) => paths::name(url).to_string(),
        None => top.file_name()?.to_string_lossy().into_owned(),
    };
    Some(Project { key, name, top: Some(top) })
}

/// The top folder of the work tree around `folder` and its common git folder.
fn repository(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let top = folder.ancestors().find(|above| above.join(".git").exists())?;
    let dot_git = top.join(".git");
    if dot_git.is_dir() {
        return Some((top.into(), dot_git));
    }
    // A linked worktree or submodule: `.git` is a file that names the real folder, which may
    // name the one it shares with others.
    let target = read_small(&dot_git)?;
    let git = top.join(target.trim().strip_prefix("gitdir:")?.trim());
    let common = match read_small(&git.join("commondir")) {
        Some(common) => git.join(common.trim()),
        None => git,
    };
    Some((top.into(), common))
}

/// The commit that a repository without a remote started from, as far as plain files show it:
/// the first line of the log of HEAD is the oldest thing that happened in this clone.
fn root_commit(git: &Path) -> Option<String> {
    let mut start = Vec::new();
    let path = git.join("logs").join("HEAD");
    // Opening a pipe would wait for ever.
    if !fs::metadata(&path).ok()?.is_file() {
        return None;
    }
    let log = fs::File::open(path).ok()?;
    log.take(LOG_START).read_to_end(&mut start).ok()?;
    let start = String::from_utf8_lossy(&start);
    let (entry, message) = start.lines().next()?.split_once('\t')?;
    let mut words = entry.split(' ');
    let (before, after) = (words.next()?, words.next()?);
    // Only a commit without a parent is the same in every clone; a clone's own log begins with
    // whatever was newest then.
    let initial = before.bytes().all(|b| b == b'0') && message.starts_with("commit (initial)");
    let is_hash = after.len() >= 40 && after.bytes().all(|b| b.is_ascii_hexdigit());
    (initial && is_hash).then(|| after.to_string())
}

fn read_small(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > CONFIG_LIMIT {
        return None;
    }
    String::from_utf8(fs::read(path).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository_with(config: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("top/.git/worktrees/w")).unwrap();
        fs::create_dir_all(dir.path().join("top/src")).unwrap();
        fs::create_dir_all(dir.path().join("tree")).unwrap();
        fs::write(dir.path().join("top/.git/config"), config).unwrap();
        fs::write(dir.path().join("top/.git/worktrees/w/commondir"), "../..\n").unwrap();
        let target = dir.path().join("top/.git/worktrees/w");
        fs::write(dir.path().join("tree/.git"), format!("gitdir: {}\n", target.display())).unwrap();
        dir
    }

    #[test]
    fn clones_and_worktrees_agree() {
        let dir = repository_with("[remote \"origin\"]\n\turl = git@example.com:team/thing.git\n");
        for (folder, top) in [("top/src", "top"), ("top", "top"), ("tree", "tree")] {
            let expected = Project {
                key: "git:example.com/team/thing".into(),
                name: "thing".into(),
                top: Some(dir.path().join(top)),
            };
            assert_eq!(identify(&dir.path().join(folder)), expected, "{folder}");
        }
    }

    #[test]
    fn without_a_remote_the_first_commit_counts() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let zero = "0".repeat(40);
        let long = format!("{zero} {hash} A <a@b.c> 1 +0000\tcommit (initial): x\n")
            + &format!("{hash} {hash} A <a@b.c> 2 +0000\tcommit: y\n").repeat(20_000);
        for (name, log, expected) in [
            ("a long log", long, format!("root:{hash}")),
            (
                "a clone",
                format!("{zero} {hash} A <a@b.c> 1 +0000\tclone: from x\n"),
                "name:top".into(),
            ),
            (
                "a log whose start has expired",
                format!("{hash} {hash} A <a@b.c> 1 +0000\tcommit: y\n"),
                "name:top".into(),
            ),
            ("nonsense", "x\n".into(), "name:top".into()),
            ("nothing", String::new(), "name:top".into()),
        ] {
            let dir = repository_with("[core]\n");
            fs::create_dir_all(dir.path().join("top/.git/logs")).unwrap();
            fs::write(dir.path().join("top/.git/logs/HEAD"), log).unwrap();
            assert_eq!(identify(&dir.path().join("top")).key, expected, "{name}");
        }
    }

    #[test]
    fn absent_folders_go_by_their_name() {
        let expected = Project { key: "name:cli".into(), name: "cli".into(), top: None };
        assert_eq!(identify(Path::new("/nonexistent/dev/cli")), expected);
        assert_eq!(by_name("/home/dev/cli/.worktrees/dev/fix-x"), expected);
        assert_eq!(by_name("C:\\Users\\dev\\cli"), expected);
        assert_eq!(by_name("/").key, "name:home");
    }
}
