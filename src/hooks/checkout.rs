//! The project's checkout on this disk: whether what a pattern names is still there. Hot.
//!
//! Asked only about what is about to be said. Only a clear answer counts: where the folder is not
//! here, where the system answers anything but "there is no such thing", or after too many
//! questions, everything counts as being there.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustix::fs::OFlags;

use super::event::HookEvent;
use super::folders::folders_in;
use super::instructions::Instructions;
use super::scope::Scope;
use crate::model::anchor::{self, Anchor};
use crate::model::paths;
use crate::model::pattern::Pattern;
use crate::model::text;

/// Questions to the file system for one event.
const QUESTIONS: u32 = 256;

/// Folders above the current one that are looked at.
const DEPTH: usize = 16;

/// Folders beside each other that may all be parts of a project. What seems to be gone is asked of
/// each, and a hook has no time for more; where there are more, they are something else.
const PARTS: usize = 16;

/// Folders whose own folders are the parts, by the usual names.
const SHELVES: [&str; 8] =
    ["packages", "apps", "services", "crates", "libs", "modules", "projects", "components"];

/// Bytes that are read of a file; what a longer one says is not known.
const LONGEST: u64 = 64 << 10;

/// The names of makefiles, the first one that is there counts.
const MAKEFILES: [&str; 3] = ["GNUmakefile", "makefile", "Makefile"];

/// Folders of a project in which its programs are installed.
const OWN_PROGRAMS: [&str; 4] = ["node_modules/.bin", ".venv/bin", "venv/bin", "env/bin"];

/// Files of a project that say that its programs come from elsewhere.
const ENVIRONMENTS: [&str; 8] = [
    ".envrc",
    "flake.nix",
    "shell.nix",
    "devbox.json",
    ".tool-versions",
    "mise.toml",
    ".mise.toml",
    ".devcontainer",
];

/// What a hook may look at beside MANA's home.
#[derive(Clone, Copy)]
pub(crate) struct Disk<'a> {
    /// The client's configuration folder.
    pub(crate) agent: &'a Path,
    /// The folders in which programs are looked up; `None` when not all of them are known. Asked
    /// only when a program is in question.
    pub(crate) programs: fn() -> Option<Vec<PathBuf>>,
}

/// The checkout that an event is about.
pub(super) struct Checkout<'a> {
    disk: Option<Disk<'a>>,
    project_dir: Option<&'a str>,
    cwd: &'a str,
    scope: &'a Scope,
    folders: OnceCell<Folders>,
    programs: OnceCell<Option<Vec<PathBuf>>>,
    instructions: OnceCell<Instructions>,
    /// What was asked already, with the answers: several patterns hang on the same things.
    answered: RefCell<Vec<(Anchor, bool)>>,
    /// The files that were read already.
    texts: RefCell<Vec<(PathBuf, Rc<Text>)>>,
    parts: OnceCell<Vec<PathBuf>>,
    left: Cell<u32>,
}

/// The checkout's folders.
#[derive(Debug, Default)]
struct Folders {
    /// What paths of the project are relative to: its folder, and the top of its repository.
    tops: Vec<PathBuf>,
    /// Where commands are run: the current folder and those above it up to the top.
    places: Vec<PathBuf>,
}

impl<'a> Checkout<'a> {
    /// The checkout of an event's project; without a disk, everything counts as being there.
    pub(super) fn new(
        disk: Option<Disk<'a>>,
        event: &'a HookEvent,
        project_dir: Option<&'a str>,
        scope: &'a Scope,
    ) -> Self {
        Self {
            disk,
            project_dir,
            cwd: &event.cwd,
            scope,
            folders: OnceCell::new(),
            programs: OnceCell::new(),
            instructions: OnceCell::new(),
            answered: RefCell::default(),
            texts: RefCell::default(),
            parts: OnceCell::new(),
            left: Cell::new(QUESTIONS),
        }
    }

    /// Whether all that the pattern hangs on is there. `known` gives the project's known files of
    /// a name: a command may be meant for a folder that was not noted with it.
    pub(super) fn holds(&self, pattern: &Pattern, known: &dyn Fn(&str) -> Vec<String>) -> bool {
        self.folders().tops.is_empty()
            || anchor::of_pattern(pattern).into_iter().all(|anchor| self.answer(anchor, known))
    }

    /// Whether the file at `path`, relative to the project, exists.
    pub(super) fn has_file(&self, path: &str) -> bool {
        let tops = &self.folders().tops;
        tops.is_empty() || !paths::is_inside(path) || self.any(tops, path)
    }

    /// Whether the agent reads it in a file anyway.
    pub(super) fn states(&self, pattern: &Pattern) -> bool {
        let Some(disk) = self.disk else { return false };
        let read = || {
            let places = &self.folders().places;
            Instructions::read(places.iter().map(PathBuf::as_path), disk.agent)
        };
        self.instructions.get_or_init(read).stating(pattern).is_some()
    }

    /// Whether the anchor holds, as it did when it was asked for first.
    fn answer(&self, anchor: Anchor, known: &dyn Fn(&str) -> Vec<String>) -> bool {
        let before = self.answered.borrow().iter().find(|(asked, _)| *asked == anchor).map(|a| a.1);
        before.unwrap_or_else(|| {
            let holds = self.has(&anchor, known);
            self.answered.borrow_mut().push((anchor, holds));
            holds
        })
    }

    fn has(&self, anchor: &Anchor, known: &dyn Fn(&str) -> Vec<String>) -> bool {
        let Folders { tops, places } = self.folders();
        match anchor {
            Anchor::Exists(path) => self.any(tops, path),
            // Not being sure is no reason to believe that it was made since.
            Anchor::Absent(path) => self.left.get() == 0 || !self.any(tops, path),
            Anchor::Reached(path) => {
                self.any(places, path)
                    || known(paths::name(path)).iter().any(|file| {
                        file.strip_suffix(path.as_str()).is_some_and(|above| above.ends_with('/'))
                            && self.any(tops, file)
                    })
                    || self.any(self.parts(), path)
            }
            Anchor::Script { folder, name, or_program } => {
                (*or_program && self.any(places, &format!("node_modules/.bin/{name}")))
                    || self.has_script(folder, name, known)
            }
            Anchor::Target { folder, name } => self.has_target(folder, name),
            Anchor::Program(name) => self.has_program(name),
        }
    }

    /// Whether a `package.json` that a command in `folder` may mean has the script. Where there is
    /// none at all, nobody knows which was meant.
    fn has_script(&self, folder: &str, name: &str, known: &dyn Fn(&str) -> Vec<String>) -> bool {
        let Folders { tops, places } = self.folders();
        let mut found = false;
        let mut has = |path: &Path| match &*self.read(path) {
            Text::Is(text) => {
                found = true;
                anchor::has_script(text, name).unwrap_or(true)
            }
            Text::Absent => false,
            Text::Unknown => true,
        };
        let near = places.iter().map(|place| place.join(folder).join("package.json"));
        if near.into_iter().any(|path| has(&path)) {
            return true;
        }
        // With its folder named, it is that one.
        let others = if folder.is_empty() { known("package.json") } else { Vec::new() };
        let others = others.iter().flat_map(|file| tops.iter().map(move |top| top.join(file)));
        let parts = if folder.is_empty() { self.parts() } else { &[] };
        others.into_iter().any(|path| has(&path))
            || parts.iter().any(|part| has(&part.join("package.json")))
            || !found
    }

    fn has_target(&self, folder: &str, name: &str) -> bool {
        let mut found = false;
        for place in &self.folders().places {
            for makefile in MAKEFILES {
                match &*self.read(&place.join(folder).join(makefile)) {
                    Text::Is(text) if anchor::has_target(text, name) == Some(false) => {
                        found = true;
                    }
                    Text::Absent => {}
                    Text::Is(_) | Text::Unknown => return true,
                }
            }
            // The name of a file is a target that needs no rule.
            if found && self.exists(&place.join(folder).join(name)) {
                return true;
            }
        }
        !found || (folder.is_empty() && self.a_part_has_target(name))
    }

    /// Whether a part of the project surely has a rule for the target.
    fn a_part_has_target(&self, name: &str) -> bool {
        let files = self.parts().iter().flat_map(|part| MAKEFILES.map(|file| part.join(file)));
        files.into_iter().any(|path| match &*self.read(&path) {
            Text::Is(text) => anchor::has_target(text, name) == Some(true),
            Text::Absent | Text::Unknown => false,
        })
    }

    /// The folders in which the parts of the project may lie, in its own and in those that are named
    /// like shelves: a command may be meant for one that was not noted with it. Looked for once, and only where something
    /// seems to be gone.
    fn parts(&self) -> &[PathBuf] {
        self.parts.get_or_init(|| {
            let tops = &self.folders().tops;
            let all: Vec<PathBuf> = tops.iter().flat_map(|top| self.folders_in(top)).collect();
            let is_shelf = |part: &&PathBuf| {
                let name = part.file_name().and_then(OsStr::to_str);
                name.is_some_and(|name| SHELVES.contains(&name))
            };
            let on_shelves = all.iter().filter(is_shelf).map(|shelf| self.folders_in(shelf));
            let mut parts: Vec<PathBuf> =
                on_shelves.filter(|folders| folders.len() <= PARTS).flatten().collect();
            if all.len() <= PARTS {
                parts.extend(all);
            }
            parts
        })
    }

    /// The folders in `folder`, as [`folders_in`] finds them.
    fn folders_in(&self, folder: &Path) -> Vec<PathBuf> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        folders_in(folder).unwrap_or_default()
    }

    fn has_program(&self, name: &str) -> bool {
        let Folders { tops, places } = self.folders();
        let Some(disk) = self.disk else { return true };
        let Some(folders) = self.programs.get_or_init(disk.programs) else { return true };
        self.any(folders, name)
            || folders.is_empty()
            || OWN_PROGRAMS.iter().any(|own| self.any(places, &format!("{own}/{name}")))
            || ENVIRONMENTS.iter().any(|file| self.any(tops, file))
    }

    fn any(&self, folders: &[PathBuf], path: &str) -> bool {
        folders.iter().any(|folder| self.exists(&folder.join(path)))
    }

    /// Whether there is something at `path`, if only a link that leads nowhere.
    fn exists(&self, path: &Path) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0 || exists(path)
    }

    fn read(&self, path: &Path) -> Rc<Text> {
        let same = |known: &&(PathBuf, Rc<Text>)| known.0.as_os_str() == path.as_os_str();
        let known = self.texts.borrow().iter().find(same).map(|(_, text)| Rc::clone(text));
        known.unwrap_or_else(|| {
            let left = self.left.get();
            self.left.set(left.saturating_sub(1));
            let text = Rc::new(if left == 0 { Text::Unknown } else { read_text(path) });
            self.texts.borrow_mut().push((path.to_owned(), Rc::clone(&text)));
            text
        })
    }

    /// The folders, looked for once.
    fn folders(&self) -> &Folders {
        self.folders.get_or_init(|| match self.disk {
            Some(_) if self.scope.is_here => self.find(),
            _ => Folders::default(),
        })
    }

    fn find(&self) -> Folders {
        let mut folders = Folders::default();
        match self.project_dir {
            Some(project) if Path::new(self.cwd).starts_with(project) => {
                self.add(self.cwd, &mut folders);
                self.add(project, &mut folders);
            }
            Some(project) => self.add(project, &mut folders),
            None => self.add(self.cwd, &mut folders),
        }
        folders
    }

    /// Adds what lies above `folder`, if a top is found there.
    fn add(&self, folder: &str, folders: &mut Folders) {
        let folder = Path::new(folder);
        if !folder.is_absolute() || !folder.is_dir() {
            return;
        }
        let above: Vec<&Path> = folder.ancestors().take(DEPTH).collect();
        let is_root = |path: &Path| paths::tilde(&path.to_string_lossy()) == self.scope.root;
        let root = above.iter().position(|path| is_root(path));
        let top = above.iter().position(|path| exists(&path.join(".git")));
        let Some(highest) = root.max(top) else { return };
        let mut push = |list: fn(&mut Folders) -> &mut Vec<PathBuf>, path: &Path| {
            let list = list(folders);
            if list.iter().all(|known| known != path) {
                list.push(path.to_path_buf());
            }
        };
        root.iter().chain(&top).for_each(|at| push(|f| &mut f.tops, above[*at]));
        above[..=highest].iter().for_each(|path| push(|f| &mut f.places, path));
    }
}

/// Whether there is something at `path`; every answer but a clear no counts as yes.
fn exists(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => !is_absent(&error),
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// What a file says.
#[derive(Debug)]
pub(super) enum Text {
    /// This.
    Is(String),
    /// There is no such file.
    Absent,
    /// It is no regular file, too long, or not to be read.
    Unknown,
}

/// Reads a small regular file. A pipe without a writer is opened without waiting for one.
pub(super) fn read_text(path: &Path) -> Text {
    let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits();
    match OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => read_regular(&file).map_or(Text::Unknown, Text::Is),
        Err(error) if is_absent(&error) => Text::Absent,
        Err(_) => Text::Unknown,
    }
}

fn read_regular(file: &File) -> Option<String> {
    let about = file.metadata().ok()?;
    if !about.is_file() || about.len() > LONGEST {
        return None;
    }
    let mut bytes = Vec::with_capacity(about.len() as usize + 1);
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(text::lossy(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::hooks::event::Moment;
    use crate::hooks::testing::event;
    use crate::model::ids::PatternId;
    use crate::model::pattern::{Effect, Kind, Payload, State, Tally};

    /// A repository with these files.
    fn repository(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [(".git/HEAD", "x")].iter().chain(files) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn recipe(command: &str) -> Pattern {
        Pattern {
            row: 1,
            id: PatternId::derive("recipe", "p", command, ""),
            kind: Kind::Recipe,
            project: Some(1),
            tool: "Bash".into(),
            category: "test".into(),
            trigger: command.into(),
            text: command.into(),
            payload: Payload { commands: vec![command.into()], ..Payload::default() },
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }

    fn nowhere() -> Disk<'static> {
        Disk { programs: || Some(vec!["/nonexistent".into()]), ..somewhere() }
    }

    fn somewhere() -> Disk<'static> {
        Disk { agent: Path::new("/nonexistent"), programs: || None }
    }

    /// Asks in `cwd` whether a recipe holds, where the project's known files are `known`.
    fn holds(
        disk: Option<Disk<'_>>,
        cwd: &Path,
        is_here: bool,
        command: &str,
        known: &[&str],
    ) -> bool {
        let root = paths::tilde(&cwd.to_string_lossy());
        let scope = Scope { project: 1, root, is_here };
        let cwd = cwd.to_string_lossy().into_owned();
        let event = HookEvent { cwd, ..event("s", Moment::SubagentStart) };
        let checkout = Checkout::new(disk, &event, None, &scope);
        let named = |name: &str| {
            let known = known.iter().filter(|path| paths::name(path) == name);
            known.map(ToString::to_string).collect()
        };
        checkout.holds(&recipe(command), &named)
    }

    const MANIFEST: (&str, &str) = ("package.json", r#"{"scripts": {"lint": "x"}}"#);

    #[test]
    fn what_is_there_holds_and_what_is_gone_does_not() {
        let here = repository(&[
            ("scripts/x.sh", ""),
            MANIFEST,
            ("web/package.json", r#"{"scripts": {"build": "x"}}"#),
            ("web/deep/a.ts", ""),
            ("Makefile", "e2e:\n\tx"),
            ("docs", "x"),
            ("lib/Makefile", "include x.mk"),
            ("node_modules/.bin/jest", ""),
        ]);
        let known = &["web/package.json", "web/tools/gone.sh"];
        for (command, expected) in [
            ("./scripts/x.sh", true),
            ("./scripts/gone.sh", false),
            ("bash scripts/gone.sh", false),
            ("npm run lint", true),
            ("npm run gone", false),
            ("yarn run jest", true),
            // The manifest of another folder that is known.
            ("npm run build", true),
            ("cd web && npm run build", true),
            ("cd gone && npm run build", false),
            ("./tools/gone.sh", false),
            ("make e2e", true),
            ("make docs", true),
            ("make gone", false),
            ("cd lib && make gone", true),
        ] {
            assert_eq!(
                holds(Some(somewhere()), here.path(), true, command, known),
                expected,
                "{command}"
            );
            // Where the folder is not known to be the project's, and without a disk.
            assert!(holds(Some(somewhere()), here.path(), false, command, known), "{command}");
            assert!(holds(None, here.path(), true, command, known), "{command}");
        }
        fs::create_dir_all(here.path().join("web/tools")).unwrap();
        fs::write(here.path().join("web/tools/gone.sh"), "").unwrap();
        assert!(holds(Some(somewhere()), here.path(), true, "./tools/gone.sh", known));
        // From a folder below, those above are looked at as well.
        let below = here.path().join("web/deep");
        for (command, expected) in
            [("npm run build", true), ("npm run lint", true), ("npm run gone", false)]
        {
            assert_eq!(holds(Some(somewhere()), &below, true, command, &[]), expected, "{command}");
        }
    }

    #[test]
    fn what_works_in_a_part_of_the_project_only_is_not_gone() {
        let here = repository(&[
            ("package.json", r#"{"scripts": {"lint": "x"}}"#),
            ("Makefile", "all:\n"),
            ("web/package.json", r#"{"scripts": {"build": "x"}}"#),
            ("packages/api/package.json", r#"{"scripts": {"e2e": "x"}}"#),
            ("packages/api/Makefile", "proto:\n"),
            ("packages/api/scripts/seed.sh", ""),
            ("packages/api/v1/package.json", r#"{"scripts": {"deep": "x"}}"#),
            ("node_modules/x/package.json", r#"{"scripts": {"other": "x"}}"#),
            (".cache/x/package.json", r#"{"scripts": {"other": "x"}}"#),
        ]);
        for (command, expected) in [
            ("npm run build", true),
            ("npm run e2e", true),
            ("make proto", true),
            ("./scripts/seed.sh", true),
            ("cd api && npm run e2e", true),
            ("npm run deep", false),
            ("npm run other", false),
            ("make gone", false),
            ("./scripts/gone.sh", false),
        ] {
            assert_eq!(
                holds(Some(somewhere()), here.path(), true, command, &[]),
                expected,
                "{command}"
            );
        }
    }

    #[test]
    fn without_a_checkout_nothing_is_gone() {
        let missing = Path::new("/nonexistent/app");
        assert!(holds(Some(nowhere()), missing, true, "./scripts/gone.sh", &[]));
        let empty = repository(&[]);
        // No manifest and no makefile: nobody knows which were meant.
        assert!(holds(Some(somewhere()), empty.path(), true, "npm run gone", &[]));
        assert!(holds(Some(somewhere()), empty.path(), true, "make gone", &[]));
    }

    #[test]
    fn programs_are_looked_up_where_all_places_are_known() {
        let here = repository(&[("node_modules/.bin/jest", "")]);
        for (disk, command, expected) in [
            (nowhere(), "gone-tool --all", false),
            (somewhere(), "gone-tool --all", true),
            (nowhere(), "jest", true),
            (Disk { programs: || Some(Vec::new()), ..nowhere() }, "gone-tool", true),
            (Disk { programs: || Some(vec!["/bin".into()]), ..nowhere() }, "sh x", true),
        ] {
            assert_eq!(holds(Some(disk), here.path(), true, command, &[]), expected, "{command}");
        }
        let managed = repository(&[("flake.nix", "")]);
        assert!(holds(Some(nowhere()), managed.path(), true, "gone-tool", &[]));
    }

    #[test]
    fn odd_files_say_nothing() {
        let here = repository(&[("web/package.json", &" ".repeat(70_000))]);
        let pipe = here.path().join("package.json");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        fs::create_dir(here.path().join("Makefile")).unwrap();
        fs::create_dir(here.path().join("scripts")).unwrap();
        std::os::unix::fs::symlink("/nonexistent", here.path().join("scripts/x.sh")).unwrap();
        for command in
            ["npm run gone", "cd web && npm run gone", "make gone", "./scripts/x.sh", "npm test"]
        {
            assert!(holds(Some(somewhere()), here.path(), true, command, &[]), "{command}");
        }
    }

    #[test]
    fn questions_are_counted() {
        let here = repository(&[]);
        let long = (0..800).map(|n| format!("s/{n}.sh")).collect::<Vec<_>>();
        let scope =
            Scope { project: 1, root: here.path().to_string_lossy().into_owned(), is_here: true };
        let cwd = scope.root.clone();
        let event = HookEvent { cwd, ..event("s", Moment::SubagentStart) };
        let checkout = Checkout::new(Some(somewhere()), &event, None, &scope);
        let gone = long.iter().filter(|path| !checkout.has_file(path)).count();
        assert_eq!(gone, QUESTIONS as usize);
    }
}
