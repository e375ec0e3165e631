//! The user's own texts, for whatever learns from wording.

use rusqlite::params;

use super::error::{Attempt, StorageError};
use super::open::Reader;

impl Reader {
    /// Different texts of the kinds that are looked for and found: what patterns say and what they
    /// are about, prompts, comments, shell commands and errors. The newest `limit`, newest first.
    pub(crate) fn texts(&self, limit: u32) -> Result<Vec<String>, StorageError> {
        // Patterns that are never shown (state 2 and up) are not worth matching; of the steps,
        // bodies 1 and 3 are what the user wrote, 2 is a call.
        let mut query = self
            .conn
            .prepare(
                "SELECT text FROM (
                     SELECT text, last AS at FROM patterns WHERE state < 2
                     UNION ALL SELECT trigger, last FROM patterns WHERE state < 2
                     UNION ALL SELECT subject, coalesce(at, 0) FROM steps
                         WHERE body IN (1, 3) OR (body = 2 AND tool = 'Bash')
                     UNION ALL SELECT error, coalesce(at, 0) FROM steps WHERE body = 2
                 ) WHERE text <> '' GROUP BY text ORDER BY max(at) DESC, text LIMIT ?1",
            )
            .attempt("read the texts")?;
        let rows = query.query_map(params![limit], |row| row.get(0));
        rows.and_then(Iterator::collect).attempt("read the texts")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::StepId;
    use crate::model::trajectory::{Author, Body, Call, Outcome, Step, TrajectoryKey};
    use crate::storage::{StepPlace, Store};

    fn call(n: i64, tool: &str, subject: &str, error: &str) -> Step {
        let outcome = if error.is_empty() { Outcome::Success } else { Outcome::Failure };
        let call = Call {
            tool: tool.into(),
            subject: subject.into(),
            outcome,
            error: error.into(),
            ..Call::default()
        };
        step(n, Body::Call(call))
    }

    fn step(n: i64, body: Body) -> Step {
        let id = StepId::derive(&n.to_string());
        Step { id, at: Some(n), cwd: String::new(), line: n as u64, body }
    }

    #[test]
    fn texts_are_what_was_said_and_run_newest_first_and_once() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let project = store.ensure_project("name:app", "app").unwrap();
        let key = TrajectoryKey { session: "s".into(), agent: String::new() };
        let trajectory = store.ensure_trajectory(&key, project, "~/app", "~/app", 0).unwrap();
        let transcript = store.ensure_transcript("/t/s.jsonl").unwrap();
        let prompt = Body::Prompt { text: "mend the parser".into(), author: Author::Human };
        let steps = [
            step(1, prompt),
            call(2, "Bash", "make", ""),
            call(3, "Read", "src/main.rs", ""),
            call(4, "Bash", "make all", "no rule to make target"),
            call(5, "Bash", "make", ""),
        ];
        let place = StepPlace { trajectory, transcript };
        for step in &steps {
            store.put_step(place, step).unwrap();
        }
        drop(store);
        let reader = Reader::open(home.path()).unwrap();
        assert_eq!(
            reader.texts(10).unwrap(),
            ["make", "make all", "no rule to make target", "mend the parser"]
        );
        assert_eq!(reader.texts(1).unwrap(), ["make"]);
    }
}
