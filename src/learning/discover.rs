//! Finds transcript files.
//!
//! Two kinds of places are searched: the client's own `projects` folder, where only what is a
//! transcript by its name counts, and places the user names, where every `.jsonl` file does.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How deep folders are searched.
const MAX_DEPTH: usize = 16;

/// The client's list of typed prompts: not a transcript.
const HISTORY: &str = "history.jsonl";

/// Where to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Root {
    /// The client's `projects` folder.
    Projects(PathBuf),
    /// The same, of which only the sessions of one project are learned.
    Project {
        /// The client's `projects` folder.
        transcripts: PathBuf,
        /// The project's folder.
        folder: PathBuf,
    },
    /// A file or folder that the user named.
    Named(PathBuf),
}

/// A transcript file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TranscriptFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// When it was last written.
    pub(crate) modified: SystemTime,
    /// Its size in bytes.
    pub(crate) size: u64,
}

/// A place that could not be searched.
#[derive(Debug, thiserror::Error)]
#[error("could not search {path}")]
pub(crate) struct Unreadable {
    /// The file or folder.
    pub(crate) path: PathBuf,
    /// Why not.
    pub(crate) source: io::Error,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The transcripts, oldest first, then by path, so that repeated runs agree.
    pub(crate) files: Vec<TranscriptFile>,
    /// Places that could not be searched; the others were.
    pub(crate) unreadable: Vec<Unreadable>,
}

/// All transcripts under `roots`. A `projects` folder that does not exist has none; a named place
/// that does not exist is reported.
pub(crate) fn discover(roots: &[Root]) -> Discovery {
    let mut search = Search::default();
    for root in roots {
        match root {
            // Whose a session is stands in it, and not in its name.
            Root::Projects(path) | Root::Project { transcripts: path, .. } => {
                if path.exists() {
                    search.folder(path, Layout::Projects, 0);
                }
            }
            Root::Named(path) => search.named(path),
        }
    }
    let mut found = search.found;
    found.files.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    found
}

/// What a folder is, which decides what in it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    /// Holds one folder for each project.
    Projects,
    /// Holds sessions, their folders, and the subagents' files of older clients.
    Project,
    /// Holds what belongs to one session, among it `subagents`.
    Session,
    /// Holds subagents' files, at any depth.
    Subagents,
    /// Named by the user.
    Named,
}

impl Layout {
    /// Whether the file `name` in such a folder is a transcript.
    fn takes_file(self, name: &str) -> bool {
        let Some(stem) = name.strip_suffix(".jsonl") else { return false };
        match self {
            Self::Projects | Self::Session => false,
            Self::Project => is_uuid(stem) || stem.starts_with("agent-"),
            Self::Subagents => stem.starts_with("agent-"),
            Self::Named => name != HISTORY,
        }
    }

    /// What the folder `name` in such a folder is; `None` if it is not searched.
    fn of_folder(self, name: &str) -> Option<Self> {
        match self {
            Self::Projects => Some(Self::Project),
            Self::Project => is_uuid(name).then_some(Self::Session),
            Self::Session => (name == "subagents").then_some(Self::Subagents),
            Self::Subagents => Some(Self::Subagents),
            Self::Named => Some(Self::Named),
        }
    }
}

/// A search under way.
#[derive(Debug, Default)]
struct Search {
    found: Discovery,
    /// Folders and files that were visited, so that links cannot lead in circles or count twice.
    visited: HashSet<PathBuf>,
}

impl Search {
    /// Searches a place that the user named; a file counts whatever its name.
    fn named(&mut self, path: &Path) {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.folder(path, Layout::Named, 0),
            Ok(metadata) => self.file(path, &metadata),
            Err(source) => self.unreadable(path, source),
        }
    }

    /// Searches the folder `path`.
    fn folder(&mut self, path: &Path, layout: Layout, depth: usize) {
        if depth > MAX_DEPTH || !self.first_visit(path) {
            return;
        }
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(source) => return self.unreadable(path, source),
        };
        let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        // With links, the order decides which of two paths to one file is kept.
        paths.sort_unstable();
        for path in paths {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let inner = layout.of_folder(name);
            if inner.is_none() && !layout.takes_file(name) {
                continue;
            }
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    if let Some(inner) = inner {
                        self.folder(&path, inner, depth + 1);
                    }
                }
                Ok(metadata) if layout.takes_file(name) => self.file(&path, &metadata),
                Ok(_) => {}
                Err(source) => self.unreadable(&path, source),
            }
        }
    }

    /// Adds the file `path`.
    fn file(&mut self, path: &Path, metadata: &Metadata) {
        if !metadata.is_file() || !self.first_visit(path) {
            return;
        }
        match metadata.modified() {
            Ok(modified) => {
                let (path, size) = (path.to_owned(), metadata.len());
                self.found.files.push(TranscriptFile { path, modified, size });
            }
            Err(source) => self.unreadable(path, source),
        }
    }

    /// Whether what `path` leads to has not been visited.
    fn first_visit(&mut self, path: &Path) -> bool {
        match fs::canonicalize(path) {
            Ok(real) => self.visited.insert(real),
            Err(source) => {
                self.unreadable(path, source);
                false
            }
        }
    }

    /// Reports `path`.
    fn unreadable(&mut self, path: &Path, source: io::Error) {
        self.found.unreadable.push(Unreadable { path: path.to_owned(), source });
    }
}

/// Whether `text` is a UUID in its usual form.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const A: &str = "0276a600-2f22-4d2b-844c-3feb9c5aa108";
    const B: &str = "0442a060-edc3-4307-bddb-11a2951fd1a1";

    /// Makes the files, each a minute younger than the one before.
    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (age, name) in files.iter().enumerate() {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "{}\n").unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(60 * age as u64);
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
        dir
    }

    fn names(found: &Discovery, dir: &tempfile::TempDir) -> Vec<String> {
        let relative = |file: &TranscriptFile| {
            file.path.strip_prefix(dir.path()).unwrap().to_string_lossy().into_owned()
        };
        found.files.iter().map(relative).collect()
    }

    #[test]
    fn only_transcripts_of_a_projects_folder_count_oldest_first() {
        let expected = [
            format!("-p/{B}.jsonl"),
            format!("-p/{A}/subagents/workflows/run/agent-2.jsonl"),
            format!("-p/{A}/subagents/agent-1.jsonl"),
            "-q/agent-old.jsonl".to_owned(),
            format!("-p/{A}.jsonl"),
        ];
        let others = [
            format!("-p/{A}/tool-results/x.jsonl"),
            format!("-p/{A}/subagents/agent-1.meta.json"),
            format!("-p/{A}/subagents/other.jsonl"),
            format!("-p/memory/{A}.jsonl"),
            format!("{A}.jsonl"),
            "-p/notes.jsonl".to_owned(),
            format!("-p/{A}.jsonl.gz"),
        ];
        let all: Vec<&str> = expected.iter().chain(&others).map(String::as_str).collect();
        let dir = tree(&all);
        let found = discover(&[Root::Projects(dir.path().to_owned())]);
        assert_eq!(names(&found, &dir), expected);
        assert!(found.unreadable.is_empty());
    }

    #[test]
    fn named_places_give_every_jsonl_file_but_the_history() {
        let dir = tree(&["b/x.jsonl", "a/.claude/y.jsonl", "history.jsonl", "b/z.txt"]);
        let found = discover(&[Root::Named(dir.path().to_owned())]);
        assert_eq!(names(&found, &dir), ["b/x.jsonl", "a/.claude/y.jsonl"]);

        let file = dir.path().join("b/z.txt");
        let found = discover(&[Root::Named(file.clone()), Root::Named(file)]);
        assert_eq!(names(&found, &dir), ["b/z.txt"], "a file named twice is read once");
    }

    #[test]
    fn what_cannot_be_read_is_reported() {
        let dir = tree(&[]);
        let gone = dir.path().join("gone");
        let found = discover(&[Root::Named(gone.clone()), Root::Projects(gone.clone())]);
        assert_eq!(found.unreadable.len(), 1);
        assert_eq!(found.unreadable[0].path, gone);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once_and_dead_ones_reported() {
        use std::os::unix::fs::symlink;

        let dir = tree(&["a/x.jsonl"]);
        symlink(dir.path(), dir.path().join("a/up")).unwrap();
        symlink(dir.path().join("a/x.jsonl"), dir.path().join("b.jsonl")).unwrap();
        symlink(dir.path().join("nowhere"), dir.path().join("dead.jsonl")).unwrap();
        let found = discover(&[Root::Named(dir.path().to_owned())]);
        assert_eq!(names(&found, &dir), ["a/x.jsonl"]);
        assert_eq!(found.unreadable.len(), 1);
    }
}
