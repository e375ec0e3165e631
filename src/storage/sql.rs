//! What an event asks of the store, answered by SQLite: the way that always works. Hot.

use std::borrow::Cow;

use rusqlite::{OptionalExtension, Row, params};

use super::Reader;
use super::dense::Dense;
use super::error::{Attempt, StorageError};
use super::patterns::{WEIGHED, pattern_from};
use super::postings::{Corpus, Directory};
use super::recall::{ACTIVE_MOST, Companion, KEYED_MOST, KnownFile, NAMED_MOST, Recall, Term};
use super::runs;
use crate::model::ids::PatternId;
use crate::model::key::{Key, Space};
use crate::model::pattern::{Kind, Pattern};
use crate::model::rank::Weights;
use crate::model::tokens;

/// The columns of [`file_from`], in its order, of a table named `f`.
pub(super) const FILE_COLUMNS: &str = "f.uid, f.path, f.edits, f.reads, f.last";

/// Reads a file from the columns of [`FILE_COLUMNS`].
pub(super) fn file_from(row: &Row<'_>) -> Result<KnownFile, rusqlite::Error> {
    Ok(KnownFile {
        uid: PatternId::from_bytes(row.get(0)?),
        path: row.get(1)?,
        edits: row.get(2)?,
        reads: row.get(3)?,
        last: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
    })
}

impl Reader {
    /// What `read` makes of the run that would hold `term`; the empty one's is the directory.
    fn run_of<T>(
        &self,
        project: i64,
        corpus: Corpus,
        term: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, StorageError> {
        self.conn
            .prepare_cached(
                "SELECT run FROM postings
                 WHERE project = ?1 AND corpus = ?2 AND first <= ?3 AND (first > '' OR ?3 = '')
                 ORDER BY first DESC LIMIT 1",
            )
            .and_then(|mut query| {
                query
                    .query_row(params![project, corpus as u8, term], |row| {
                        Ok(read(row.get_ref(0)?.as_blob()?))
                    })
                    .optional()
            })
            .map(Option::flatten)
            .attempt("read the term lists")
    }
}

impl Recall for Reader {
    fn project_of_roots(&self, folders: &[&str]) -> Result<Option<(i64, String)>, StorageError> {
        let mut query = self
            .conn
            .prepare_cached("SELECT project, base FROM roots WHERE path = ?1")
            .attempt("look up a project's folder")?;
        for folder in folders {
            let found = query
                .query_row([folder], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .attempt("look up a project's folder")?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn project_by_key(&self, key: &str) -> Result<Option<i64>, StorageError> {
        self.conn
            .prepare_cached("SELECT id FROM projects WHERE key = ?1")
            .and_then(|mut query| query.query_row([key], |row| row.get(0)).optional())
            .attempt("look up a project")
    }

    fn place_weights(&self) -> Result<Weights, StorageError> {
        let stored = self.stored_place_weights()?;
        Ok(stored.unwrap_or_else(Weights::shipped))
    }

    fn last_activity(&self, project: i64) -> Result<Option<i64>, StorageError> {
        self.conn
            .prepare_cached("SELECT max(ended) FROM trajectories WHERE project = ?1")
            .and_then(|mut query| query.query_row([project], |row| row.get(0)))
            .attempt("read a project's last activity")
    }

    fn by_key(&self, project: i64, key: Key, kinds: &[Kind]) -> Result<Vec<Pattern>, StorageError> {
        let [newest, most] = KEYED_MOST;
        // The subquery bounds the work for a key that half of the project has.
        let sql = format!(
            "SELECT {WEIGHED} FROM
                 (SELECT q.row AS row FROM pattern_keys k
                  CROSS JOIN patterns q ON q.row = k.pattern
                  WHERE k.key = ?1 AND q.state = 1 AND q.kind < 7 AND (q.project = ?2 OR q.project IS NULL)
                  ORDER BY k.pattern DESC LIMIT {newest}) k
                 CROSS JOIN patterns p ON p.row = k.row
             ORDER BY p.sessions DESC, p.last DESC, p.row DESC LIMIT {most}"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("look up a key")?;
        let rows = query.query_map(params![key.to_i64(), project], pattern_from);
        let found: Vec<Pattern> = rows.and_then(Iterator::collect).attempt("look up a key")?;
        Ok(found.into_iter().filter(|p| kinds.contains(&p.kind)).collect())
    }

    fn each_active(
        &self,
        project: i64,
        kind: Kind,
        each: &mut dyn FnMut(&Pattern),
    ) -> Result<(), StorageError> {
        // Each half is read in the order of the index, and no further than needed.
        let best = |scope: &str| {
            format!(
                "SELECT row FROM (SELECT row FROM patterns
                     WHERE {scope} AND kind = ?2 AND state = 1
                     ORDER BY sessions DESC, last DESC, row LIMIT {ACTIVE_MOST})"
            )
        };
        let sql = format!(
            "SELECT {WEIGHED} FROM patterns p WHERE p.row IN ({} UNION ALL {})
             ORDER BY p.sessions DESC, p.last DESC, p.row LIMIT {ACTIVE_MOST}",
            best("project = ?1"),
            best("project IS NULL")
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("list the patterns")?;
        let rows = query.query_map(params![project, kind as i64], pattern_from);
        for pattern in rows.attempt("list the patterns")? {
            each(&pattern.attempt("list the patterns")?);
        }
        Ok(())
    }

    fn command_rate(&self, project: i64, key: Key) -> Result<(u32, u32), StorageError> {
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

    fn files_named(&self, project: i64, name: &str) -> Result<Vec<KnownFile>, StorageError> {
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM files f WHERE f.project = ?1 AND f.name = ?2
             ORDER BY f.edits + f.reads DESC, f.last DESC, f.id LIMIT {NAMED_MOST}"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt("look up a file's name")?;
        let key = Key::new(Space::FileName, name).to_i64();
        let rows = query.query_map(params![project, key], file_from);
        rows.and_then(Iterator::collect).attempt("look up a file's name")
    }

    fn file_at(&self, project: i64, path: &str) -> Result<Option<KnownFile>, StorageError> {
        let sql =
            format!("SELECT {FILE_COLUMNS} FROM files f WHERE f.project = ?1 AND f.path = ?2");
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row(params![project, path], file_from).optional())
            .attempt("look up a file")
    }

    fn changed_with(
        &self,
        project: i64,
        path: &str,
        limit: usize,
    ) -> Result<(u32, Vec<Companion>), StorageError> {
        const ATTEMPT: &str = "look up what changed together";
        let edits: Option<u32> = self
            .conn
            .prepare_cached("SELECT edits FROM files WHERE project = ?1 AND path = ?2")
            .and_then(|mut query| {
                query.query_row(params![project, path], |row| row.get(0)).optional()
            })
            .attempt(ATTEMPT)?;
        let Some(edits) = edits.filter(|edits| *edits > 0) else { return Ok((0, Vec::new())) };
        let sql = format!(
            "SELECT {FILE_COLUMNS}, count(*) AS together
             FROM files own
             JOIN touches a ON a.file = own.id AND a.edited = 1
             JOIN touches b ON b.episode = a.episode AND b.edited = 1 AND b.file <> a.file
             JOIN files f ON f.id = b.file
             WHERE own.project = ?1 AND own.path = ?2 AND f.project = ?1
             GROUP BY f.id ORDER BY together DESC, f.last DESC, f.id LIMIT ?3"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let rows = query.query_map(params![project, path, limit as i64], |row| {
            Ok(Companion { file: file_from(row)?, together: row.get(5)? })
        });
        Ok((edits, rows.and_then(Iterator::collect).attempt(ATTEMPT)?))
    }

    fn directory(
        &self,
        project: i64,
        corpus: Corpus,
    ) -> Result<Option<Directory<'_>>, StorageError> {
        let stored = self.run_of(project, corpus, "", |directory| Some(directory.to_vec()))?;
        Ok(stored.map(|directory| Directory::new(directory.into())))
    }

    fn look_up<'a>(
        &self,
        project: i64,
        corpora: &[Corpus],
        terms: &'a [String],
    ) -> Result<Vec<Term<'a>>, StorageError> {
        let mut found = Vec::with_capacity(terms.len());
        for text in terms {
            let mut term = Term::unknown(text);
            // The empty term is the directory.
            let corpora = if text.is_empty() { &[] } else { corpora };
            for corpus in corpora {
                let counts = |run: &[u8]| {
                    runs::find(run, text).map(|listed| (listed.entries, listed.patterns))
                };
                let (entries, patterns) =
                    self.run_of(project, *corpus, text, counts)?.unwrap_or_default();
                term.entries[corpus.index()] = entries;
                if *corpus == Corpus::Decisions {
                    term.patterns = patterns;
                }
            }
            found.push(term);
        }
        Ok(found)
    }

    fn term_list(
        &self,
        project: i64,
        corpus: Corpus,
        term: &Term<'_>,
    ) -> Result<Option<Cow<'_, [u8]>>, StorageError> {
        let list = |run: &[u8]| Some(runs::find(run, term.text)?.list.to_vec());
        Ok(self.run_of(project, corpus, term.text, list)?.map(Cow::Owned))
    }

    fn patterns(&self, project: i64) -> Result<u32, StorageError> {
        self.conn
            .prepare_cached("SELECT patterns FROM projects WHERE id = ?1")
            .and_then(|mut query| query.query_row([project], |row| row.get(0)).optional())
            .map(Option::unwrap_or_default)
            .attempt("count the patterns")
    }

    fn decision_terms(&self, project: i64, row: i64) -> Result<Vec<(Key, u32)>, StorageError> {
        let decision = self.pattern_in(project, row)?.filter(|p| p.kind == Kind::Decision);
        let terms = decision.map_or(Vec::new(), |decision| tokens::distinct(&decision.text));
        let found = self.look_up(project, &[Corpus::Decisions], &terms)?;
        Ok(found.iter().map(|term| (term.key, term.patterns)).collect())
    }

    fn episode_files(&self, project: i64, row: i64) -> Result<Vec<KnownFile>, StorageError> {
        let episode = self.pattern_in(project, row)?.filter(|p| p.kind == Kind::Episode);
        let paths = episode.map_or(Vec::new(), |episode| episode.payload.files);
        let found = paths.iter().map(|path| self.file_at(project, path));
        found.filter_map(Result::transpose).collect()
    }

    fn dense(&self, project: i64, corpus: Corpus) -> Result<Option<Dense<'_>>, StorageError> {
        let read = move |part: i64| -> Result<Option<Vec<u8>>, StorageError> {
            self.conn
                .prepare_cached(
                    "SELECT vectors FROM meanings
                     WHERE project = ?1 AND corpus = ?2 AND part = ?3",
                )
                .and_then(|mut query| {
                    let key = params![project, corpus as u8, part];
                    query.query_row(key, |row| row.get(0)).optional()
                })
                .attempt("read the vectors")
        };
        let list = move |list: usize| Ok(read(list as i64 + 1)?.unwrap_or_default());
        Ok(read(0)?.and_then(|head| Dense::apart(head, list)))
    }

    fn pattern_in(&self, project: i64, row: i64) -> Result<Option<Pattern>, StorageError> {
        let sql = format!(
            "SELECT {WEIGHED} FROM patterns p
             WHERE p.row = ?1 AND p.state = 1 AND (p.project = ?2 OR p.project IS NULL)"
        );
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([row, project], pattern_from).optional())
            .attempt("read a pattern")
    }

    fn file_in(&self, _project: i64, row: i64) -> Result<Option<KnownFile>, StorageError> {
        let sql = format!("SELECT {FILE_COLUMNS} FROM files f WHERE f.id = ?1");
        self.conn
            .prepare_cached(&sql)
            .and_then(|mut query| query.query_row([row], file_from).optional())
            .attempt("read a file")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::StepId;
    use crate::model::pattern::{Draft, Evidence, Payload, Role};
    use crate::model::trajectory::TrajectoryKey;
    use crate::storage::recall::FileHit;
    use crate::storage::{CommandRun, Extract, Sought, Store, StoredTrajectory, Touch};

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
            let terms = tokens::distinct(words);
            let sought = Sought { project, kinds, terms: &terms, means: None, limit };
            let hits = known.store.find(&sought).unwrap();
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
            assert_eq!(known.store.by_words(None, &[Kind::Fix], &terms).unwrap(), [], "{term}");
            let terms = known.store.look_up(1, &Corpus::ALL, &terms).unwrap();
            assert_eq!(known.store.search_files(1, &terms, 9).unwrap(), [], "{term}");
            assert_eq!(known.store.search_symbols(1, &terms, 9).unwrap(), [], "{term}");
        }
    }

    #[test]
    fn terms_count_patterns_of_all_kinds() {
        let mut known = Known::new();
        let drafts = vec![
            draft(Kind::Decision, "deploy the preview preview", NOW),
            draft(Kind::Fix, "deploy the site", NOW),
        ];
        let app = known.learn("app", "s", &Extract { drafts, ..Extract::default() });
        let terms = ["deploy", "preview", "unheard"].map(|word| tokens::distinct(word).remove(0));
        let found = known.store.look_up(app, &[Corpus::Decisions], &terms).unwrap();
        let documents = known.store.patterns(app).unwrap();
        let counts: Vec<u32> = found.iter().map(|term| term.patterns).collect();
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
        let paths =
            |hits: Vec<FileHit>| hits.into_iter().map(|hit| hit.file.path).collect::<Vec<_>>();
        let search = |project, words: &str| {
            let words = tokens::distinct(words);
            let terms = known.store.look_up(project, &[Corpus::Files], &words).unwrap();
            known.store.search_files(project, &terms, 9).unwrap()
        };
        let find = |project, words: &str| paths(search(project, words));
        assert_eq!(find(app, "colour"), ["src/login/form.ts"]);
        let [of_words, of_path] =
            ["colour", "login"].map(|word| search(app, word).remove(0).fields);
        assert!(of_words[0].abs() < 1e-9 && of_words[2] > 0.0, "{of_words:?}");
        assert!(of_path[0] > 0.0 && of_path[2].abs() < 1e-9, "{of_path:?}");
        assert_eq!(find(app, "login").len(), 2);
        assert_eq!(find(web, "login"), [""; 0]);
        let symbol = |name: &str| {
            let symbols = [name.to_lowercase()];
            let symbols = known.store.look_up(app, &[Corpus::Files], &symbols).unwrap();
            paths(known.store.search_symbols(app, &symbols, 9).unwrap())
        };
        assert_eq!(symbol("refusalText"), ["src/login/text.ts"]);
        assert_eq!(symbol("colour"), [""; 0]);
        let named = known.store.files_named(app, "form.ts").unwrap();
        let named: Vec<(&str, u32)> =
            named.iter().map(|n| (n.path.as_str(), n.edits + n.reads)).collect();
        assert_eq!(named, [("src/login/form.ts", 2), ("old/form.ts", 1)]);
        assert_eq!(known.store.files_named(web, "form.ts").unwrap(), []);

        let (edits, company) = known.store.changed_with(app, "src/login/form.ts", 9).unwrap();
        assert_eq!(edits, 2);
        let company: Vec<_> = company.iter().map(|c| (c.file.path.as_str(), c.together)).collect();
        assert_eq!(company, [("src/login/text.ts", 1)], "what was only read is no company");
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
        let all = known.store.active(app, Kind::Fix).unwrap();
        assert_eq!(texts(&all)[1..], ["text of late", "text of one"]);
        assert_eq!(all[0].tally.sessions, 2, "{all:?}");
        assert_eq!(known.store.active(app, Kind::Recipe).unwrap(), []);
        assert_eq!(texts(&known.store.best(Kind::Fix, 1).unwrap()), ["text of two"]);
    }
}
