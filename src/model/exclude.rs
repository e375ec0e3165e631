//! What the user wants never to be learned: paths, tools, projects.
//!
//! A pattern of a path is read component by component: `*` and `?` stand for what is inside of
//! one, `**` for any number of them, and what matches a folder holds for all below it. One that
//! begins with `/` or `~` begins there; any other matches at any depth.
//!
//! Text is searched for names of such paths. Where it is not clear whether a word names one, it
//! does: leaving out too much costs a lesson, leaving out too little tells a secret.

use memchr::memmem;

use super::paths;

/// What ends a word in any text.
const BETWEEN: &[char] = &[
    '"', '\'', '`', '=', ';', '|', '&', '<', '>', '(', ')', ',', ':', '{', '}', '[', ']', '!', '#',
];

/// How many words a word with braces is at most.
const MAX_BRACES: usize = 64;

/// What kind of text it is, which decides what in it names a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Text {
    /// A shell command: every word can, and its wildcards are understood.
    Command,
    /// What a program said, or the input of a tool: every word can.
    Output,
    /// What somebody wrote: words with a slash or a dot in them can.
    Prose,
}

/// A pattern that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{key} has {pattern:?}, which {why}")]
pub(crate) struct BadPattern {
    /// The key of the list it stands in.
    pub(crate) key: &'static str,
    /// The pattern.
    pub(crate) pattern: String,
    /// What is wrong with it.
    pub(crate) why: &'static str,
}

/// What is never learned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Exclusions {
    paths: Vec<PathPattern>,
    tools: Vec<String>,
    folders: Vec<PathPattern>,
    projects: Vec<String>,
    /// The user's home folder, which `~` and `$HOME` stand for.
    home: Option<String>,
}

/// Nothing is excluded.
pub(crate) static NOTHING: Exclusions = Exclusions {
    paths: Vec::new(),
    tools: Vec::new(),
    folders: Vec::new(),
    projects: Vec::new(),
    home: None,
};

/// A pattern of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
struct PathPattern {
    /// As it was written.
    written: String,
    /// Whether it begins at the root or at the home.
    anchored: bool,
    parts: Vec<String>,
    /// The longest run without wildcards in its last part: a text without it names nothing that
    /// matches.
    needle: String,
}

impl Exclusions {
    /// The lists of the settings `learn.exclude_paths`, `exclude_tools` and `exclude_projects`;
    /// `home` is the user's home folder.
    ///
    /// # Errors
    /// [`BadPattern`] for the first one that cannot be used.
    pub(crate) fn new(
        paths: &[String],
        tools: &[String],
        projects: &[String],
        home: Option<&str>,
    ) -> Result<Self, BadPattern> {
        let mut all = Self { home: home.map(String::from), ..Self::default() };
        for pattern in paths {
            let parsed = PathPattern::parse(pattern, "learn.exclude_paths")?;
            all.paths.extend(parsed.in_home(home));
            all.paths.push(parsed);
        }
        for tool in tools {
            check(tool, "learn.exclude_tools")?;
            all.tools.push(tool.trim().to_owned());
        }
        for project in projects {
            if project.starts_with(['/', '~']) {
                let parsed = PathPattern::parse(project, "learn.exclude_projects")?;
                all.folders.extend(parsed.in_home(home));
                all.folders.push(parsed);
            } else {
                check(project, "learn.exclude_projects")?;
                all.projects.push(remote_name(project.trim()));
            }
        }
        Ok(all)
    }

    /// Whether no single step can be excluded, only whole projects.
    pub(crate) fn is_without_steps(&self) -> bool {
        self.paths.is_empty() && self.tools.is_empty() && self.folders.is_empty()
    }

    /// Whether whole projects are.
    pub(crate) fn has_projects(&self) -> bool {
        !self.folders.is_empty() || !self.projects.is_empty() || !self.paths.is_empty()
    }

    /// Whether projects are excluded by what they are called, and not by their folders alone.
    pub(crate) fn has_names(&self) -> bool {
        !self.projects.is_empty()
    }

    /// The same, and what matches where links lead to: `real` says where a folder really is.
    pub(crate) fn with_links(&self, real: impl Fn(&str) -> Option<String>) -> Self {
        let mut all = self.clone();
        for list in [&mut all.paths, &mut all.folders] {
            let others: Vec<PathPattern> =
                list.iter().filter_map(|pattern| pattern.behind_links(&real)).collect();
            list.extend(others);
        }
        all
    }

    /// Whether what the tool `name` did is excluded.
    pub(crate) fn tool(&self, name: &str) -> bool {
        self.tools.iter().any(|pattern| wild(pattern, name))
    }

    /// Whether what subagents did is: the tool that starts them is excluded.
    pub(crate) fn subagents(&self) -> bool {
        !self.tools.is_empty() && (self.tool("Task") || self.tool("Agent"))
    }

    /// Whether the file or folder at `path` is excluded; a relative one lies in `cwd`.
    pub(crate) fn path(&self, path: &str, cwd: &str) -> bool {
        !self.paths.is_empty() && self.place(path, cwd).is_in(&self.paths, false)
    }

    /// Whether everything that happens in the folder `cwd` is: it lies in an excluded path, or in
    /// the folder of an excluded project.
    pub(crate) fn folder(&self, cwd: &str) -> bool {
        if cwd.is_empty() || !self.has_projects() {
            return false;
        }
        let place = self.place(cwd, "/");
        place.is_in(&self.paths, false) || place.is_in(&self.folders, false)
    }

    /// Whether the project with this key (`git:HOST/PATH`, `root:COMMIT`, `name:NAME`) is excluded
    /// by its remote, its key or its name.
    pub(crate) fn project(&self, key: &str) -> bool {
        let key = key.to_lowercase();
        let bare = key.split_once(':').map_or(&*key, |(_, rest)| rest);
        let name = paths::name(bare);
        self.projects.iter().any(|pattern| {
            wild(pattern, &key)
                || wild(pattern, bare)
                || !pattern.contains(['/', ':']) && wild(pattern, name)
        })
    }

    /// Whether `text`, said in the folder `cwd`, names an excluded path.
    pub(crate) fn named_in(&self, text: &str, kind: Text, cwd: &str) -> bool {
        if self.paths.is_empty() || text.is_empty() {
            return false;
        }
        let can = |needle: &str| memmem::find(text.as_bytes(), needle.as_bytes()).is_some();
        if kind != Text::Command && !self.paths.iter().any(|pattern| can(&pattern.needle)) {
            return false;
        }
        let names = |word: &str| self.word(word, kind, cwd);
        let plain = text.replace("$(pwd)", "$PWD");
        plain.split(|c: char| c.is_whitespace() || BETWEEN.contains(&c)).any(names)
            || shell_words(&plain).iter().any(|word| braces(word).iter().any(|word| names(word)))
    }

    /// Whether a word of a text names an excluded path.
    fn word(&self, word: &str, kind: Text, cwd: &str) -> bool {
        let word = word.trim_start_matches('@').trim_end_matches(['.', '…']);
        let can = !word.is_empty() && (kind != Text::Prose || word.contains(['/', '.', '~']));
        can && self.place(word, cwd).is_in(&self.paths, kind == Text::Command)
    }

    /// Where `path` leads to.
    fn place(&self, path: &str, cwd: &str) -> Place {
        let slashed = path.replace('\\', "/");
        let after = |names: &[&str]| {
            names.iter().find_map(|name| {
                let rest = slashed.strip_prefix(name)?;
                (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
            })
        };
        let absolute = if let Some(rest) = after(&["~", "$HOME", "${HOME}"]) {
            format!("{}{rest}", self.home.as_deref().unwrap_or("~"))
        } else if let Some(rest) = after(&["$PWD", "${PWD}"]) {
            format!("{cwd}{rest}")
        } else if slashed.starts_with('/') || slashed.get(1..3) == Some(":/") {
            slashed
        } else {
            format!("{cwd}/{slashed}")
        };
        let tilde = paths::tilde(&absolute);
        Place { tilde: (tilde != absolute).then(|| parts(&tilde)), absolute: parts(&absolute) }
    }
}

/// Where a path leads to, in components: from the root, and from `~` where it is in somebody's
/// home.
struct Place {
    absolute: Vec<String>,
    tilde: Option<Vec<String>>,
}

impl Place {
    /// Whether it is one of `patterns`, or below one. `loose`: it may have wildcards of its own.
    fn is_in(&self, patterns: &[PathPattern], loose: bool) -> bool {
        patterns.iter().any(|pattern| {
            if !pattern.anchored {
                return (0..self.absolute.len())
                    .any(|from| begins(&pattern.parts, &self.absolute[from..], loose));
            }
            begins(&pattern.parts, &self.absolute, loose)
                || self.tilde.as_ref().is_some_and(|path| begins(&pattern.parts, path, loose))
        })
    }
}

/// Whether the components `path` begin with what `pattern` stands for.
fn begins(pattern: &[String], path: &[String], loose: bool) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return true };
    if first == "**" {
        return (0..=path.len()).any(|skip| begins(rest, &path[skip..], loose));
    }
    let Some((part, below)) = path.split_first() else { return false };
    // `*` alone could be anything; that it is this one, some later part has to say.
    let last = rest.is_empty();
    let fits = wild(first, part)
        || loose && part.contains(['*', '?']) && wild(part, first) && !(last && is_open(part));
    fits && begins(rest, below, loose)
}

/// Whether a component has nothing but wildcards.
fn is_open(part: &str) -> bool {
    part.chars().all(|c| matches!(c, '*' | '?'))
}

impl PathPattern {
    fn parse(pattern: &str, key: &'static str) -> Result<Self, BadPattern> {
        check(pattern, key)?;
        let bad = |why| BadPattern { key, pattern: pattern.to_owned(), why };
        let trimmed = pattern.trim();
        if trimmed.contains('\\') {
            return Err(bad("has a backslash: components are parted by `/`"));
        }
        if trimmed.split('/').any(|part| part == "..") {
            return Err(bad("has `..` in it: write the path it leads to"));
        }
        if trimmed.starts_with('~') && trimmed != "~" && !trimmed.starts_with("~/") {
            return Err(bad("names another user's home: write its path"));
        }
        let mut all = parts(trimmed);
        while all.last().is_some_and(|part| part == "**") {
            all.pop();
        }
        let anchored = trimmed.starts_with(['/', '~']);
        if all.iter().all(|part| is_open(part)) {
            return Err(bad("stands for every file"));
        }
        Ok(Self::of(trimmed, anchored, all))
    }

    fn of(written: &str, anchored: bool, parts: Vec<String>) -> Self {
        let last = parts.last().map_or("", String::as_str);
        let runs = last.split(['*', '?']);
        let needle = runs.max_by_key(|run| run.len()).unwrap_or_default().to_owned();
        Self { written: written.to_owned(), anchored, parts, needle }
    }

    /// The same with the home folder's path, where it begins with `~`.
    fn in_home(&self, home: Option<&str>) -> Option<Self> {
        let (first, rest) = self.parts.split_first()?;
        let mut path = parts(home.filter(|_| self.anchored && first == "~")?);
        path.extend(rest.iter().cloned());
        Some(Self::of(&self.written, true, path))
    }

    /// The same where the links in it lead to.
    fn behind_links(&self, real: &impl Fn(&str) -> Option<String>) -> Option<Self> {
        let plain = self.parts.iter().take_while(|part| !part.contains(['*', '?'])).count();
        if !self.anchored || plain == 0 || self.parts[0] == "~" {
            return None;
        }
        // The nearest folder above that is there.
        let (found, rest) = (1..=plain).rev().find_map(|count| {
            real(&format!("/{}", self.parts[..count].join("/"))).map(|found| (found, count))
        })?;
        let mut path = parts(&found);
        path.extend(self.parts[rest..].iter().cloned());
        (path != self.parts).then(|| Self::of(&self.written, true, path))
    }
}

/// What no pattern of any list may be.
fn check(pattern: &str, key: &'static str) -> Result<(), BadPattern> {
    let why = if pattern.trim().is_empty() {
        "is empty"
    } else if pattern.chars().any(char::is_control) {
        "has a control character"
    } else if pattern.trim().starts_with('!') {
        "begins with `!`: nothing can be taken out of what is excluded"
    } else if pattern.contains(['[', ']', '{', '}']) {
        "has brackets, which have no meaning here: `?` stands for any character, and further \
         patterns for further names"
    } else {
        return Ok(());
    };
    Err(BadPattern { key, pattern: pattern.to_owned(), why })
}

/// The components of a path without `.` and with `..` resolved by text.
fn parts(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Whether `text` is what `pattern` stands for: `*` for any characters, `?` for one.
fn wild(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `*` does not fit.
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => {
                let Some((after, taken)) = retry else { return false };
                retry = Some((after, taken + 1));
                (p, t) = (after, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// A remote in the form that keys of projects have: host and path, in small letters.
fn remote_name(written: &str) -> String {
    let lower = written.to_lowercase();
    for kept in ["name:", "root:"] {
        if lower.starts_with(kept) {
            return lower;
        }
    }
    let bare = lower.strip_prefix("git:").unwrap_or(&lower);
    let (scheme, bare) = bare.split_once("://").map_or((false, bare), |(_, rest)| (true, rest));
    let bare = bare.split_once('@').map_or(bare, |(_, rest)| rest);
    let bare = if scheme { bare.to_owned() } else { bare.replacen(':', "/", 1) };
    bare.trim_end_matches('/').trim_end_matches(".git").to_owned()
}

/// The words of a text in which blanks are quoted or escaped, and those with braces.
fn shell_words(text: &str) -> Vec<String> {
    if !text.contains(['"', '\'', '`', '\\', '{']) {
        return Vec::new();
    }
    let mut words = Vec::new();
    let (mut word, mut quote, mut special) = (String::new(), None, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                special = true;
                word.extend(chars.next());
            }
            (Some(_), c) => word.push(c),
            (None, '"' | '\'' | '`') => (quote, special) = (Some(c), true),
            (None, c) if c.is_whitespace() || ";|&<>()=".contains(c) => {
                if special && !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                word.clear();
                special = false;
            }
            (None, c) => {
                special |= c == '{';
                word.push(c);
            }
        }
    }
    if special && !word.is_empty() {
        words.push(word);
    }
    words
}

/// The words that a shell makes of one with braces (`a/{b,c}`); the word alone without any.
fn braces(word: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut waiting = vec![word.to_owned()];
    while let Some(next) = waiting.pop() {
        // The innermost group first.
        let group = next.find('}').and_then(|close| Some((next[..close].rfind('{')?, close)));
        match group.filter(|_| done.len() + waiting.len() < MAX_BRACES) {
            Some((open, close)) => {
                let (head, tail) = (&next[..open], &next[close + 1..]);
                waiting.extend(
                    next[open + 1..close].split(',').map(|one| format!("{head}{one}{tail}")),
                );
            }
            None => done.push(next),
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: &str = "/data/people/ann";
    const CWD: &str = "/data/people/ann/app";

    fn of_paths(paths: &[&str]) -> Exclusions {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        Exclusions::new(&paths, &[], &[], Some(HOME)).unwrap()
    }

    #[test]
    fn a_path_is_excluded_with_all_below_it() {
        for (pattern, path, excluded) in [
            ("~/clients", "/data/people/ann/clients", true),
            ("~/clients", "/data/people/ann/clients/acme/x.rs", true),
            ("~/clients", "~/clients/acme", true),
            ("~/clients", "/home/bob/clients/acme", true),
            ("~/clients", "../clients/acme", true),
            ("~/clients", "/data/people/ann/clients2", false),
            ("~/clients", "clients/x", false),
            ("~/clients/", "/data/people/ann/clients/x", true),
            ("~/clients/**", "/data/people/ann/clients/x", true),
            ("/srv/a", "/srv/a/b", true),
            ("/srv/a", "/srv//./b/../a", true),
            ("/srv/a", "/home/srv/a", false),
            ("*.pem", "keys/server.pem", true),
            ("*.pem", "/etc/ssl/server.pem", true),
            ("*.pem", "server.pem.rs", false),
            ("secrets", "a/secrets/b/c.md", true),
            ("secrets", "a/secrets.md", false),
            ("a/secrets", "x/a/secrets/y", true),
            ("a/secrets", "x/a/b/secrets/y", false),
            ("a/**/secrets", "x/a/b/c/secrets/y", true),
            ("a/*/secrets", "x/a/b/c/secrets/y", false),
            ("~/w/*/private", "/data/people/ann/w/one/private/z", true),
            ("plan-?.md", "plan-7.md", true),
            (".env*", "app/.env.local", true),
            ("secrets", "C:\\work\\secrets\\x", true),
        ] {
            assert_eq!(of_paths(&[pattern]).path(path, CWD), excluded, "{pattern} {path}");
        }
    }

    #[test]
    fn texts_that_name_a_path_are_found() {
        let excluded = of_paths(&["~/clients/acme", "secrets", "*.pem", "~/My Notes"]);
        for (text, kind, named) in [
            ("cat ~/clients/acme/plan.md", Text::Command, true),
            ("cat \"$HOME/clients/acme/plan.md\"", Text::Command, true),
            ("cd .. && cat clients/acme/plan.md", Text::Command, false),
            ("cat ../clients/acme/plan.md", Text::Command, true),
            ("ls secrets", Text::Command, true),
            ("ls ./secrets/", Text::Command, true),
            ("ls $(pwd)/secrets", Text::Command, true),
            ("ls --dir=secrets", Text::Command, true),
            ("tar cf x.tar {src,secrets}", Text::Command, true),
            ("cat ~/clients/{acme,beta}/x", Text::Command, true),
            ("cat ~/cl*/acme/x", Text::Command, true),
            ("cat ~/clients/ac*/x", Text::Command, true),
            ("cat ~/*/acme/x", Text::Command, true),
            ("ls *", Text::Command, false),
            ("ls ~/clients/*", Text::Command, false),
            ("cat ~/My\\ Notes/a", Text::Command, true),
            ("cat '/data/people/ann/My Notes/a'", Text::Command, true),
            ("openssl x509 -in server.pem", Text::Command, true),
            ("cargo test", Text::Command, false),
            ("error: secrets/a.rs:3:7: no such thing", Text::Output, true),
            ("  --> /data/people/ann/clients/acme/x.rs:3", Text::Output, true),
            ("deleted secrets", Text::Output, true),
            ("file:///data/people/ann/clients/acme/x", Text::Output, true),
            ("{\"path\":\"secrets/x\"}", Text::Output, true),
            ("all is well", Text::Output, false),
            ("please mask secrets in the log", Text::Prose, false),
            ("please read @secrets/plan.md.", Text::Prose, true),
            ("look at `secrets/plan`", Text::Prose, true),
            ("look at \"~/My Notes/plan\"", Text::Prose, true),
            ("see server.pem, please", Text::Prose, true),
        ] {
            assert_eq!(excluded.named_in(text, kind, CWD), named, "{text}");
        }
    }

    #[test]
    fn tools_and_subagents_go_by_their_names() {
        let tools = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            Exclusions::new(&[], &list, &[], None).unwrap()
        };
        let excluded = tools(&["WebFetch", "mcp__*"]);
        for (tool, is) in
            [("WebFetch", true), ("mcp__a__b", true), ("Bash", false), ("xmcp__a", false)]
        {
            assert_eq!(excluded.tool(tool), is, "{tool}");
        }
        assert!(!excluded.subagents() && tools(&["Task"]).subagents());
    }

    #[test]
    fn projects_go_by_folder_remote_key_and_name() {
        for (pattern, key, excluded) in [
            ("github.com/acme/app", "git:github.com/acme/app", true),
            ("git:github.com/acme/app", "git:github.com/acme/app", true),
            ("https://github.com/Acme/app.git", "git:github.com/acme/app", true),
            ("git@github.com:acme/app.git", "git:github.com/acme/app", true),
            ("github.com/acme/*", "git:github.com/acme/app", true),
            ("github.com/acme/*", "git:github.com/other/app", false),
            ("app", "git:github.com/acme/app", true),
            ("app", "name:app", true),
            ("name:app", "name:app", true),
            ("name:app", "git:github.com/acme/app", false),
            ("ap", "name:app", false),
        ] {
            let excluded_ones =
                Exclusions::new(&[], &[], &[pattern.to_owned()], Some(HOME)).unwrap();
            assert_eq!(excluded_ones.project(key), excluded, "{pattern} {key}");
        }
        let folders = Exclusions::new(&[], &[], &["~/clients/*".into()], Some(HOME)).unwrap();
        assert!(folders.folder("/data/people/ann/clients/acme/src"));
        assert!(!folders.folder("/data/people/ann/clients"));
        assert!(!folders.folder("") && !folders.project("name:acme"));
    }

    #[test]
    fn patterns_that_cannot_be_meant_are_refused() {
        for pattern in [
            "", "  ", "/", "~/../x", "**", "*", "*/*", "!a", "a{b,c}", "[ab]", "a\\b", "~bob/x",
            "a\nb",
        ] {
            let list = [pattern.to_owned()];
            let bad = Exclusions::new(&list, &[], &[], None).unwrap_err();
            assert_eq!((bad.key, &*bad.pattern), ("learn.exclude_paths", pattern));
        }
        for pattern in ["", " ", "!x"] {
            let list = [pattern.to_owned()];
            assert!(Exclusions::new(&[], &list, &[], None).is_err(), "{pattern}");
            assert!(Exclusions::new(&[], &[], &list, None).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_a_link_leads_to_is_excluded_as_well() {
        let real = |path: &str| match path {
            "/data/people/ann/clients" => Some("/vol/clients".to_owned()),
            "/data/people/ann" => Some("/data/people/ann".to_owned()),
            _ => None,
        };
        let excluded = of_paths(&["~/clients/acme"]).with_links(real);
        assert!(excluded.path("/vol/clients/acme/x", CWD));
        assert!(excluded.path("/data/people/ann/clients/acme/x", CWD));
        assert!(!excluded.path("/vol/clients/beta/x", CWD));
    }

    #[test]
    fn nothing_excludes_nothing() {
        assert!(NOTHING.is_without_steps() && !NOTHING.has_projects());
        assert!(!NOTHING.path("/x", "/") && !NOTHING.tool("Bash") && !NOTHING.folder("/"));
        assert!(!NOTHING.named_in("cat x", Text::Command, "/") && !NOTHING.project("name:x"));
    }

    proptest! {
        #[test]
        fn a_folder_holds_for_all_below_it(
            path in "(/[a-z]{1,5}){1,4}", below in "(/[a-z.]{1,5}){0,3}", text in "\\PC{0,40}",
        ) {
            let excluded = Exclusions::new(std::slice::from_ref(&path), &[], &[], None).unwrap();
            let below = format!("{path}{below}");
            // A name of dots alone leads elsewhere.
            if !below.split('/').any(|part| part == "..") {
                prop_assert!(excluded.path(&below, "/"), "{below}");
                let command = format!("cat {below}");
                prop_assert!(excluded.named_in(&command, Text::Command, "/"), "{command}");
            }
            for kind in [Text::Command, Text::Output, Text::Prose] {
                excluded.named_in(&text, kind, "/");
            }
        }
    }
}
