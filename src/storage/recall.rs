//! Finding patterns and files: exact keys, full text, names. The hot path's queries.

use rusqlite::{OptionalExtension, params};

use super::Reader;
use super::error::{Attempt, StorageError};
use super::patterns::{COLUMN_COUNT, COLUMNS, kind_term, pattern_from, scope_term};
use super::postings::Corpus;
use crate::model::ids::PatternId;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};

/// A pattern found by full text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Hit {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// BM25 score; larger is better.
    pub(crate) bm25: f64,
}

/// A file found by full text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct FileHit {
    /// Identity, as injected text names it.
    pub(crate) uid: PatternId,
    /// Path relative to the project's folder.
    pub(crate) path: String,
    /// Episodes that changed it.
    pub(crate) edits: u32,
    /// Episodes that only read it.
    pub(crate) reads: u32,
    /// Last time, in milliseconds since the Unix epoch.
    pub(crate) last: i64,
    /// BM25 score (or count of common episodes); larger is better.
    pub(crate) score: f64,
    /// BM25 over path, symbols and words alone.
    pub(crate) fields: [f64; 3],
}

/// A file found by its name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NameHit {
    /// Identity, as injected text names it.
    pub(crate) uid: PatternId,
    /// Path relative to the project's folder.
    pub(crate) path: String,
    /// Episodes that changed or read it.
    pub(crate) touches: u32,
    /// Last time, in milliseconds since the Unix epoch.
    pub(crate) last: i64,
}

impl Reader {
    /// Active patterns of these kinds in the project, or global ones, that have this key.
    pub(crate) fn by_key(
        &self,
        project: i64,
        key: Key,
        kinds: &[Kind],
    ) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM
                 (SELECT pattern FROM pattern_keys WHERE key = ?1 ORDER BY pattern DESC LIMIT 256) k
                 CROSS JOIN patterns p ON p.row = k.pattern
             WHERE p.state = 1 AND (p.project = ?2 OR p.project IS NULL)
             ORDER BY p.sessions DESC, p.last DESC LIMIT 32"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("look up a key")?;
        let rows = query.query_map(params![key.to_i64(), project], pattern_from);
        let found: Vec<Pattern> = rows.and_then(Iterator::collect).attempt("look up a key")?;
        Ok(found.into_iter().filter(|p| kinds.contains(&p.kind)).collect())
    }

    /// Active patterns of these kinds in the project, or global ones, by BM25 over any of
    /// `terms` (index terms, as the tokeniser makes them); best first.
    pub(crate) fn search(
        &self,
        project: Option<i64>,
        kinds: &[Kind],
        terms: &[String],
        limit: u32,
    ) -> Result<Vec<Hit>, StorageError> {
        if let (Some(project), Some(corpus)) = (project, Corpus::of(kinds)) {
            return self.patterns_by_terms(project, corpus, terms, limit);
        }
        let Some(any) = any_of(terms) else { return Ok(Vec::new()) };
        let kinds: Vec<String> = kinds.iter().map(|kind| kind_term(*kind)).collect();
        let kinds = kinds.join(" OR ");
        let scope = project.map_or_else(String::new, |id| {
            format!("scope:({} OR {}) AND ", scope_term(Some(id)), scope_term(None))
        });
        let expression = format!("{scope}scope:({kinds}) AND {{trigger text}}:({any})");
        let sql = format!(
            "SELECT {COLUMNS}, bm25(pattern_fts, 0.0, 1.0, 0.3) AS score
             FROM pattern_fts JOIN patterns p ON p.row = pattern_fts.rowid
             WHERE pattern_fts MATCH ?1 AND p.state = 1 ORDER BY score, p.row LIMIT ?2"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("search the patterns")?;
        let rows = query.query_map(params![expression, limit], |row| {
            Ok(Hit { pattern: pattern_from(row)?, bm25: -row.get::<_, f64>(COLUMN_COUNT)? })
        });
        rows.and_then(Iterator::collect).attempt("search the patterns")
    }

    /// The active patterns of one kind in the project, most evidence first.
    pub(crate) fn active(
        &self,
        project: i64,
        kind: Kind,
        limit: u32,
    ) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM patterns p
             WHERE p.project = ?1 AND p.kind = ?2 AND p.state = 1
             ORDER BY p.sessions DESC, p.last DESC, p.row LIMIT ?3"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list the patterns")?;
        let rows = query.query_map(params![project, kind as i64, limit], pattern_from);
        rows.and_then(Iterator::collect).attempt("list the patterns")
    }

    /// The active patterns of one kind over all projects, most sessions first.
    pub(crate) fn best(&self, kind: Kind, limit: u32) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM patterns p WHERE p.kind = ?1 AND p.state = 1
             ORDER BY p.sessions DESC, p.failures DESC, p.last DESC, p.row LIMIT ?2"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list the patterns")?;
        let rows = query.query_map(params![kind as i64, limit], pattern_from);
        rows.and_then(Iterator::collect).attempt("list the patterns")
    }

    /// Files of the project by BM25 over their path, symbols and the words of prompts that
    /// changed them; best first.
    pub(crate) fn search_files(
        &self,
        project: i64,
        terms: &[String],
        limit: u32,
    ) -> Result<Vec<FileHit>, StorageError> {
        self.files_by_terms(project, terms, [3.0, 2.0, 1.0], limit)
    }

    /// Files of the project by BM25 over their symbols alone; best first.
    pub(crate) fn search_symbols(
        &self,
        project: i64,
        symbols: &[String],
        limit: u32,
    ) -> Result<Vec<FileHit>, StorageError> {
        self.files_by_terms(project, symbols, [0.0, 1.0, 0.0], limit)
    }

    /// The patterns of `corpus` that hold any of `terms`, best first.
    fn patterns_by_terms(
        &self,
        project: i64,
        corpus: Corpus,
        terms: &[String],
        limit: u32,
    ) -> Result<Vec<Hit>, StorageError> {
        let found = self.score(project, corpus, terms, [1.0, 0.3, 0.0], limit as usize)?;
        let sql = format!("SELECT {COLUMNS} FROM patterns p WHERE p.row = ?1 AND p.state = 1");
        let mut query = self.conn.prepare_cached(&sql).attempt("read a pattern")?;
        let mut hits = Vec::with_capacity(found.len());
        for scored in found {
            let pattern =
                query.query_row([scored.row], pattern_from).optional().attempt("read a pattern")?;
            hits.extend(pattern.map(|pattern| Hit { pattern, bm25: scored.score }));
        }
        Ok(hits)
    }

    /// The files that hold any of `terms`, with weights for path, symbols and words; best first.
    fn files_by_terms(
        &self,
        project: i64,
        terms: &[String],
        weights: [f32; 3],
        limit: u32,
    ) -> Result<Vec<FileHit>, StorageError> {
        let found = self.score(project, Corpus::Files, terms, weights, limit as usize)?;
        let mut query = self
            .conn
            .prepare_cached("SELECT uid, path, edits, reads, last, 0.0 FROM files WHERE id = ?1")
            .attempt("read a file")?;
        let mut hits = Vec::with_capacity(found.len());
        for scored in found {
            let file =
                query.query_row([scored.row], file_from).optional().attempt("read a file")?;
            hits.extend(file.map(|file| FileHit {
                score: scored.score,
                fields: scored.fields,
                ..file
            }));
        }
        Ok(hits)
    }

    /// Files with this name (last component), most used first.
    pub(crate) fn files_named(
        &self,
        project: i64,
        name: &str,
    ) -> Result<Vec<NameHit>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT uid, path, edits + reads, last FROM files
                 WHERE project = ?1 AND name = ?2 ORDER BY edits + reads DESC, last DESC LIMIT 8",
            )
            .attempt("look up a file's name")?;
        let key = Key::new(Space::FileName, name).to_i64();
        let rows = query.query_map(params![project, key], |row| {
            Ok(NameHit {
                uid: PatternId::from_bytes(row.get(0)?),
                path: row.get(1)?,
                touches: row.get(2)?,
                last: row.get(3)?,
            })
        });
        rows.and_then(Iterator::collect).attempt("look up a file's name")
    }

    /// Files that were changed in the same episodes as the file at `path`, with the number of
    /// such episodes as score, and the number of episodes that changed `path`.
    pub(crate) fn changed_with(
        &self,
        project: i64,
        path: &str,
        limit: u32,
    ) -> Result<(u32, Vec<FileHit>), StorageError> {
        let edits = self
            .conn
            .prepare_cached("SELECT edits FROM files WHERE project = ?1 AND path = ?2")
            .and_then(|mut query| {
                let mut rows = query.query_map(params![project, path], |row| row.get(0))?;
                rows.next().transpose()
            })
            .attempt("look up a file")?
            .unwrap_or(0);
        if edits == 0 {
            return Ok((0, Vec::new()));
        }
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT g.uid, g.path, g.edits, g.reads, g.last, count(*) AS together
                 FROM files f
                 JOIN touches a ON a.file = f.id AND a.edited = 1
                 JOIN touches b ON b.episode = a.episode AND b.edited = 1 AND b.file <> a.file
                 JOIN files g ON g.id = b.file
                 WHERE f.project = ?1 AND f.path = ?2
                 GROUP BY g.id ORDER BY together DESC, g.last DESC LIMIT ?3",
            )
            .attempt("look up what changed together")?;
        let rows = query.query_map(params![project, path, limit], file_from);
        let hits = rows.and_then(Iterator::collect).attempt("look up what changed together")?;
        Ok((edits, hits))
    }

    /// Files whose identity starts with these hex digits (at least four), as rows for people.
    pub(crate) fn files_by_prefix(&self, prefix: &str) -> Result<Vec<FileHit>, StorageError> {
        let prefix = prefix.to_ascii_lowercase();
        if prefix.len() < 4 || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT uid, path, edits, reads, last, 0.0 FROM files
                 WHERE substr(lower(hex(uid)), 1, ?2) = ?1 LIMIT 20",
            )
            .attempt("look up a file")?;
        let rows = query.query_map(params![prefix, prefix.len() as i64], file_from);
        rows.and_then(Iterator::collect).attempt("look up a file")
    }

    /// The prompts that led to work on the file at `path`, newest first: pattern rows of kind
    /// episode where there is one.
    pub(crate) fn episodes_of_file(&self, file: &PatternId) -> Result<Vec<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM files f
             JOIN touches t ON t.file = f.id
             JOIN evidence e ON e.step = t.episode
             JOIN patterns p ON p.row = e.pattern AND p.kind = 6
             WHERE f.uid = ?1 GROUP BY p.row ORDER BY p.last DESC LIMIT 20"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list a file's episodes")?;
        let rows = query.query_map([file.as_bytes()], pattern_from);
        rows.and_then(Iterator::collect).attempt("list a file's episodes")
    }

    /// Runs and failures of the command with this key in the project.
    pub(crate) fn command_rate(&self, project: i64, key: Key) -> Result<(u32, u32), StorageError> {
        self.conn
            .prepare_cached(
                "SELECT coalesce(sum(runs), 0), coalesce(sum(failures), 0) FROM command_runs
                 WHERE project = ?1 AND key = ?2",
            )
            .and_then(|mut query| {
                query
                    .query_row(params![project, key.to_i64()], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .attempt("read a command's base rate")
    }
}

fn file_from(row: &rusqlite::Row<'_>) -> Result<FileHit, rusqlite::Error> {
    Ok(FileHit {
        uid: PatternId::from_bytes(row.get(0)?),
        path: row.get(1)?,
        edits: row.get(2)?,
        reads: row.get(3)?,
        last: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
        score: row.get(5)?,
        fields: [row.get(6).unwrap_or(0.0), row.get(7).unwrap_or(0.0), row.get(8).unwrap_or(0.0)],
    })
}

/// The full-text expression that matches any of the terms, each quoted; `None` without terms.
fn any_of(terms: &[String]) -> Option<String> {
    let mut expression = String::new();
    for term in terms {
        if !expression.is_empty() {
            expression.push_str(" OR ");
        }
        expression.push('"');
        expression.push_str(&term.replace('"', ""));
        expression.push('"');
    }
    (!expression.is_empty()).then_some(expression)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::StepId;
    use crate::model::pattern::{Draft, Evidence, Payload, Role};
    use crate::model::tokens;
    use crate::model::trajectory::TrajectoryKey;
    use crate::storage::{CommandRun, Extract, Store, StoredTrajectory, Touch};

    const NOW: i64 = 1_767_323_045_000;

    fn draft(kind: Kind, words: &str, at: i64) -> Draft {
        Draft {
            kind,
            tool: "Bash".into(),
            category: "test",
            identity: (words.into(), String::new()),
            keys: vec![Key::new(Space::Command, words)],
            trigger: words.into(),
            text: format!("text of {words}"),
            payload: Payload::default(),
            evidence: vec![Evidence {
                step: StepId::derive(&format!("{words} {at}")),
                at,
                role: Role::Success,
            }],
        }
    }

    fn touch(path: &str, episode: &str, edited: bool, words: &str, symbols: &str) -> Touch {
        Touch {
            path: path.into(),
            episode: StepId::derive(episode),
            edited,
            at: NOW,
            words: tokens::joined(words),
            symbols: symbols.into(),
        }
    }

    struct Known {
        _home: tempfile::TempDir,
        store: Store,
    }

    impl Known {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let store = Store::open(home.path(), true).unwrap();
            Self { _home: home, store }
        }

        /// Stores what a session of the project says; returns the project.
        fn learn(&mut self, project: &str, session: &str, extract: &Extract) -> i64 {
            let project = self.store.ensure_project(project, project).unwrap();
            let key = TrajectoryKey { session: session.into(), agent: String::new() };
            let id = self.store.ensure_trajectory(&key, project, "~/a", "~/a", NOW).unwrap();
            let trajectory = StoredTrajectory { id, key, project, root: "~/a".into() };
            self.store
                .atomically(|store| store.replace_extracts(&[(&trajectory, extract)], NOW))
                .unwrap();
            self.store.refresh_postings().unwrap();
            project
        }
    }

    fn texts(patterns: &[Pattern]) -> Vec<&str> {
        patterns.iter().map(|pattern| pattern.text.as_str()).collect()
    }

    #[test]
    fn keys_find_active_patterns_of_the_project() {
        let mut known = Known::new();
        let drafts = vec![
            draft(Kind::Fix, "make e2e", NOW),
            // One session is too little for a pitfall.
            draft(Kind::Pitfall, "make lint", NOW),
        ];
        let app = known.learn("app", "s", &Extract { drafts, ..Extract::default() });
        let web = known.learn("web", "t", &Extract::default());
        let find = |project, words, kinds: &[Kind]| {
            known.store.by_key(project, Key::new(Space::Command, words), kinds).unwrap()
        };
        assert_eq!(texts(&find(app, "make e2e", &[Kind::Fix])), ["text of make e2e"]);
        assert_eq!(find(app, "make e2e", &[Kind::Pitfall]), []);
        assert_eq!(find(app, "make lint", &[Kind::Pitfall]), []);
        assert_eq!(find(web, "make e2e", &[Kind::Fix]), []);
    }

    #[test]
    fn full_text_finds_the_nearest_first() {
        let mut known = Known::new();
        let drafts = vec![
            draft(Kind::Fix, "deploy the preview of the site", NOW),
            draft(Kind::Fix, "deploy the preview of the site with the staging token", NOW),
            draft(Kind::Decision, "deploy on Fridays", NOW),
        ];
        let app = known.learn("app", "s", &Extract { drafts, ..Extract::default() });
        let web = known.learn("web", "t", &Extract::default());
        let find = |project, kinds: &[Kind], words: &str, limit| {
            let hits = known.store.search(project, kinds, &tokens::distinct(words), limit).unwrap();
            assert!(hits.windows(2).all(|pair| pair[0].bm25 >= pair[1].bm25));
            hits.into_iter().map(|hit| hit.pattern.text).collect::<Vec<_>>()
        };
        // Fixes alone are searched in the full text, with pitfalls in the term lists.
        for kinds in [&[Kind::Fix][..], &[Kind::Fix, Kind::Pitfall]] {
            let fixes = find(Some(app), kinds, "staging token of the preview", 9);
            assert_eq!(fixes.len(), 2);
            assert!(fixes[0].ends_with("staging token"), "{fixes:?}");
            assert_eq!(find(Some(web), kinds, "deploy", 9), [""; 0]);
        }
        assert_eq!(find(Some(app), &[Kind::Fix, Kind::Decision], "deploy", 9).len(), 3);
        assert_eq!(find(Some(app), &[Kind::Fix, Kind::Decision], "deploy", 1).len(), 1);
        assert_eq!(find(None, &[Kind::Decision], "deploy", 9).len(), 1);
        assert_eq!(find(Some(web), &[Kind::Fix], "deploy", 9), [""; 0]);
        assert_eq!(find(Some(app), &[Kind::Fix], "", 9), [""; 0]);
        // A scope is no word of a text, and operators are words.
        assert_eq!(find(Some(app), &[Kind::Fix], "p1 k1 NOT AND NEAR", 9), [""; 0]);
    }

    #[test]
    fn words_of_the_query_language_are_only_words() {
        let known = Known::new();
        for term in ["\"", "a\" OR \"b", "*", "^a", "{x}:", "-", "NEAR(", "é", ""] {
            let terms = [term.to_string()];
            assert_eq!(known.store.search(None, &[Kind::Fix], &terms, 9).unwrap(), [], "{term}");
            assert_eq!(known.store.search_files(1, &terms, 9).unwrap(), [], "{term}");
            assert_eq!(known.store.search_symbols(1, &terms, 9).unwrap(), [], "{term}");
        }
    }

    #[test]
    fn frequencies_count_patterns() {
        let mut known = Known::new();
        let drafts = vec![
            draft(Kind::Decision, "deploy the preview preview", NOW),
            draft(Kind::Fix, "deploy the site", NOW),
        ];
        let app = known.learn("app", "s", &Extract { drafts, ..Extract::default() });
        let terms = ["deploy", "preview", "unheard"].map(|word| tokens::distinct(word).remove(0));
        let (counted, documents) = known.store.frequencies(app, terms.into()).unwrap();
        let counts: Vec<u32> = counted.iter().map(|(_, count)| *count).collect();
        assert_eq!((counts, documents), (vec![2, 1, 0], 2));
    }

    #[test]
    fn files_are_found_by_words_symbols_names_and_company() {
        let mut known = Known::new();
        let extract = Extract {
            touches: vec![
                touch("src/login/form.ts", "e1", true, "refused password", "LoginForm"),
                touch("src/login/text.ts", "e1", true, "refused password", "refusalText"),
                touch("src/login/form.ts", "e2", true, "colour of the button", "LoginForm"),
                touch("src/login/text.ts", "e2", false, "", ""),
                touch("old/form.ts", "e2", false, "", "OldForm"),
            ],
            ..Extract::default()
        };
        let app = known.learn("app", "s", &extract);
        let web = known.learn("web", "t", &Extract::default());
        let paths = |hits: Vec<FileHit>| hits.into_iter().map(|hit| hit.path).collect::<Vec<_>>();
        let find = |project, words: &str| {
            paths(known.store.search_files(project, &tokens::distinct(words), 9).unwrap())
        };
        assert_eq!(find(app, "colour"), ["src/login/form.ts"]);
        assert_eq!(find(app, "login").len(), 2);
        assert_eq!(find(web, "login"), [""; 0]);
        let symbol =
            |name: &str| paths(known.store.search_symbols(app, &[name.to_lowercase()], 9).unwrap());
        assert_eq!(symbol("refusalText"), ["src/login/text.ts"]);
        assert_eq!(symbol("colour"), [""; 0]);
        let named = known.store.files_named(app, "form.ts").unwrap();
        let named: Vec<(&str, u32)> = named.iter().map(|n| (n.path.as_str(), n.touches)).collect();
        assert_eq!(named, [("src/login/form.ts", 2), ("old/form.ts", 1)]);
        assert_eq!(known.store.files_named(web, "form.ts").unwrap(), []);

        let (edits, company) = known.store.changed_with(app, "src/login/form.ts", 9).unwrap();
        assert_eq!(edits, 2);
        assert_eq!(paths(company), ["src/login/text.ts"], "what was only read is no company");
        let (edits, company) = known.store.changed_with(app, "old/form.ts", 9).unwrap();
        assert_eq!((edits, company), (0, Vec::new()));
    }

    #[test]
    fn identities_are_found_by_four_digits_or_more() {
        let mut known = Known::new();
        let touches = vec![touch("src/a.rs", "e1", true, "", "")];
        let app = known.learn("app", "s", &Extract { touches, ..Extract::default() });
        let uid = known.store.files_named(app, "a.rs").unwrap()[0].uid.to_string();
        let found = |prefix: &str| known.store.files_by_prefix(prefix).unwrap().len();
        assert_eq!((found(&uid), found(&uid[..4]), found(&uid[..8].to_uppercase())), (1, 1, 1));
        assert_eq!((found(&uid[..3]), found("zzzz"), found("%%%%"), found("")), (0, 0, 0, 0));
    }

    #[test]
    fn base_rates_add_up_over_sessions() {
        let mut known = Known::new();
        let key = Key::new(Space::Command, "make e2e");
        let runs = |runs, failures| Extract {
            commands: vec![CommandRun { key, runs, failures }],
            ..Extract::default()
        };
        let app = known.learn("app", "s", &runs(3, 1));
        known.learn("app", "t", &runs(2, 2));
        let web = known.learn("web", "u", &runs(1, 0));
        assert_eq!(known.store.command_rate(app, key).unwrap(), (5, 3));
        assert_eq!(known.store.command_rate(web, key).unwrap(), (1, 0));
        assert_eq!(known.store.command_rate(app, Key::new(Space::Head, "x")).unwrap(), (0, 0));
    }

    #[test]
    fn lists_are_ordered_by_evidence() {
        let mut known = Known::new();
        for (n, words) in ["one", "two", "two", "late"].into_iter().enumerate() {
            let drafts = vec![draft(Kind::Fix, words, NOW + n as i64)];
            known.learn("app", &format!("session {n}"), &Extract { drafts, ..Extract::default() });
        }
        let app = known.store.project_by_key("app").unwrap().unwrap();
        let all = known.store.active(app, Kind::Fix, 9).unwrap();
        assert_eq!(texts(&all)[1..], ["text of late", "text of one"]);
        assert_eq!(all[0].tally.sessions, 2, "{all:?}");
        assert_eq!(texts(&known.store.active(app, Kind::Fix, 1).unwrap()), ["text of two"]);
        assert_eq!(known.store.active(app, Kind::Recipe, 9).unwrap(), []);
        assert_eq!(texts(&known.store.best(Kind::Fix, 1).unwrap()), ["text of two"]);
    }
}
