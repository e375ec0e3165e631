//! What the agent is told by files anyway: `CLAUDE.md` and its kind, their rules, and what they
//! import. Hot.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::checkout::{Text, read_text};
use crate::model::imports::{imports, is_for_some_files};
use crate::model::pattern::Pattern;
use crate::model::stated::Guide;

/// The files of a folder that agents read by themselves.
const FILES: [&str; 4] = ["CLAUDE.md", ".claude/CLAUDE.md", "CLAUDE.local.md", "AGENTS.md"];

/// The folder of a project whose rules agents read by themselves.
const RULES: &str = ".claude/rules";

/// Files that an import may lead through, as in the client.
const HOPS: usize = 5;

/// Folders of rules that may lie in each other.
const NESTED: usize = 3;

/// Files that are opened, or tried to be.
const MOST: usize = 256;

/// Entries of a folder of rules that are looked at.
const ENTRIES: usize = 64;

/// Bytes that are kept of all of them.
const LONGEST: usize = 512 << 10;

/// Names and texts of such files.
#[derive(Debug, Default)]
pub(crate) struct Instructions(Vec<(String, Guide)>);

impl Instructions {
    /// Reads those of these folders, and the user's own in the client's folder `agent`. What is
    /// missing, long or no regular file says nothing, nor does what a file of the project imports
    /// from outside: the client asks before it reads that.
    pub(crate) fn read<'a>(folders: impl Iterator<Item = &'a Path>, agent: &Path) -> Self {
        let texts = texts_of(folders, agent);
        Self(texts.into_iter().map(|(name, text)| (name, Guide::new(text))).collect())
    }

    /// The file that states what the pattern says.
    pub(crate) fn stating(&self, pattern: &Pattern) -> Option<&str> {
        self.0.iter().find(|(_, guide)| guide.states(pattern)).map(|(name, _)| name.as_str())
    }
}

/// Names and texts of the files that [`Instructions::read`] reads.
fn texts_of<'a>(folders: impl Iterator<Item = &'a Path>, agent: &Path) -> Vec<(String, String)> {
    // The user's own folder lies in the home, unless it was moved.
    let home = agent.ends_with(".claude").then(|| agent.parent()).flatten();
    let mut reading = Reading { home, texts: Vec::new(), seen: Vec::new(), bytes: 0 };
    let folders: Vec<&Path> = folders.collect();
    let top = folders.last().copied().unwrap_or(Path::new(""));
    for folder in &folders {
        for name in FILES {
            reading.file(name.into(), &folder.join(name), Some(top), HOPS);
        }
        reading.rules(RULES, &folder.join(RULES), Some(top), NESTED);
    }
    reading.file("the user's CLAUDE.md".into(), &agent.join("CLAUDE.md"), None, HOPS);
    reading.rules("the user's rules", &agent.join("rules"), None, NESTED);
    reading.texts
}

/// Files that are being read.
#[derive(Debug)]
struct Reading<'a> {
    /// What `~` stands for.
    home: Option<&'a Path>,
    texts: Vec<(String, String)>,
    /// Those that were looked at, so that none is read twice.
    seen: Vec<PathBuf>,
    bytes: usize,
}

impl Reading<'_> {
    /// Reads a file, and what it imports over so many `hops`, from below `top` if that is given.
    fn file(&mut self, name: String, path: &Path, top: Option<&Path>, hops: usize) {
        let Some(text) = self.text(path) else { return };
        if hops > 0 {
            for import in imports(&text) {
                let Some(target) = self.target(import, path) else { continue };
                if top.is_none_or(|top| target.starts_with(top)) {
                    self.file(import.into(), &target, top, hops - 1);
                }
            }
        }
        self.texts.push((name, text));
    }

    /// Reads the rules in a folder, in the order of their names, but for those that are for some
    /// files only: the agent reads them when it comes to these.
    fn rules(&mut self, name: &str, folder: &Path, top: Option<&Path>, nested: usize) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<PathBuf> =
            entries.take(ENTRIES).filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort_unstable();
        for path in paths {
            if path.extension() == Some(OsStr::new("md")) {
                let shown = path.file_name().unwrap_or_default().to_string_lossy();
                let first = self.texts.len();
                self.file(format!("{name}/{shown}"), &path, top, HOPS);
                if self.texts.last().is_some_and(|(_, text)| is_for_some_files(text)) {
                    self.texts.truncate(first);
                }
            } else if nested > 0 && path.is_dir() {
                self.rules(name, &path, top, nested - 1);
            }
        }
    }

    /// The text of a file that was not read yet.
    fn text(&mut self, path: &Path) -> Option<String> {
        if self.seen.len() >= MOST || self.seen.iter().any(|seen| seen == path) {
            return None;
        }
        self.seen.push(path.to_path_buf());
        let Text::Is(text) = read_text(path) else { return None };
        self.bytes += text.len();
        (self.bytes <= LONGEST).then_some(text)
    }

    /// The file that `import` in the file at `from` means; `None` where the home is not known.
    fn target(&self, import: &str, from: &Path) -> Option<PathBuf> {
        let path = match import.strip_prefix("~/") {
            Some(rest) => self.home?.join(rest),
            None => from.parent()?.join(import),
        };
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => {
                    plain.pop();
                }
                Component::CurDir => {}
                part => plain.push(part),
            }
        }
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// A home with a client's folder and a project, and these files in it.
    fn home(files: &[(&str, &str)]) -> TempDir {
        let home = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        home
    }

    fn read(home: &TempDir) -> Vec<(String, String)> {
        let app = home.path().join("app");
        let folders = [app.join("web"), app];
        texts_of(folders.iter().map(PathBuf::as_path), &home.path().join(".claude"))
    }

    fn names(home: &TempDir) -> Vec<String> {
        read(home).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_files_that_agents_read_by_themselves() {
        let home = home(&[
            ("app/CLAUDE.md", "a"),
            ("app/.claude/CLAUDE.md", "b"),
            ("app/web/CLAUDE.local.md", "c"),
            ("app/AGENTS.md", "d"),
            ("app/README.md", "no"),
            ("app/api/CLAUDE.md", "no"),
            ("app/.claude/rules/b.md", "e"),
            ("app/.claude/rules/a.md", "f"),
            ("app/.claude/rules/deep/er/c.md", "g"),
            ("app/.claude/rules/only.md", "---\npaths:\n  - \"src/**\"\n---\n@../../README.md\n"),
            ("app/.claude/rules/notes.txt", "no"),
            (".claude/CLAUDE.md", "h"),
            (".claude/rules/mine.md", "i"),
        ]);
        let texts: String = read(&home).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, "cabdfeghi");
    }

    #[test]
    fn imports_are_followed_from_where_they_stand() {
        let home = home(&[
            ("app/CLAUDE.md", "See @docs/one.md and @./docs/../missing.md, mail a@docs/two.md."),
            ("app/docs/one.md", "- @two.md\n- @../CLAUDE.md\n- @one.md\n`@three.md`"),
            ("app/docs/two.md", "two"),
            ("app/docs/three.md", "three"),
            (".claude/CLAUDE.md", "@~/notes.md @/nonexistent/x.md"),
            ("notes.md", "notes"),
        ]);
        let expected = ["two.md", "docs/one.md", "CLAUDE.md", "~/notes.md", "the user's CLAUDE.md"];
        assert_eq!(names(&home), expected);
    }

    #[test]
    fn what_a_project_imports_from_outside_says_nothing() {
        let home = home(&[
            ("app/CLAUDE.md", "@../notes.md @~/notes.md @docs/../../notes.md"),
            ("notes.md", "notes"),
        ]);
        assert_eq!(names(&home), ["CLAUDE.md"]);
    }

    #[test]
    fn imports_end_after_five_files() {
        let chain: Vec<(String, String)> = (0..9)
            .map(|n| (format!("app/{n}.md"), format!("@{}.md", n + 1)))
            .chain([("app/CLAUDE.md".into(), "@0.md".into())])
            .collect();
        let chain: Vec<(&str, &str)> =
            chain.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let expected = ["4.md", "3.md", "2.md", "1.md", "0.md", "CLAUDE.md"];
        assert_eq!(names(&home(&chain)), expected);
    }

    #[test]
    fn what_is_long_or_much_is_not_read() {
        let much = "x".repeat(60_000);
        let names_of: Vec<String> = (0..20).map(|n| format!("app/.claude/rules/{n}.md")).collect();
        let files: Vec<(&str, &str)> =
            names_of.iter().map(|n| (n.as_str(), much.as_str())).collect();
        let read = read(&home(&files));
        let bytes: usize = read.iter().map(|(_, text)| text.len()).sum();
        assert_eq!((read.len(), bytes), (8, 480_000));
        let mentions: Vec<String> = (0..3_000).map(|n| format!("@no{n} ")).collect();
        let mentions = mentions.concat();
        let long =
            home(&[("app/CLAUDE.md", &mentions), (".claude/CLAUDE.md", &"y".repeat(70_000))]);
        assert_eq!(names(&long), ["CLAUDE.md"]);
    }
}
