//! What a database says, in a form that does not depend on the order in which it was learned: no
//! row numbers, no times of learning. The unit tests of the store include this file too.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// The queries, each with a name. `?1` is the folder that is taken off the front of paths.
const QUERIES: &[(&str, &str)] = &[
    ("project", "SELECT key, name, ?1 IS NULL FROM projects"),
    (
        "root",
        "SELECT r.path, p.key, r.base, r.seen, ?1 IS NULL
         FROM roots r JOIN projects p ON p.id = r.project",
    ),
    (
        "transcript",
        "SELECT replace(path, ?1, ''), offset, line, size, learned + skipped FROM transcripts",
    ),
    (
        "trajectory",
        "SELECT t.session, t.agent, p.key, t.folder, t.root, t.started, t.ended, t.revision,
                ?1 IS NULL
         FROM trajectories t JOIN projects p ON p.id = t.project",
    ),
    (
        "step",
        "SELECT t.session, t.agent, replace(f.path, ?1, ''), s.line,
                row_number() OVER (PARTITION BY s.trajectory, s.transcript, s.line ORDER BY s.row),
                s.id, s.at, s.cwd, s.body, s.tool, s.subject, s.detail, s.outcome, s.error,
                replace(g.path, ?1, '')
         FROM steps s JOIN trajectories t ON t.id = s.trajectory
         JOIN transcripts f ON f.id = s.transcript
         LEFT JOIN transcripts g ON g.id = s.settled",
    ),
    (
        "result",
        "SELECT r.call, replace(f.path, ?1, ''), r.outcome, r.error, r.detail
         FROM results r JOIN transcripts f ON f.id = r.transcript",
    ),
    ("forgotten", "SELECT id, ?1 IS NULL FROM forgotten"),
    (
        "pattern",
        "SELECT p.id, p.kind, j.key, p.tool, p.category, p.trigger, p.text, p.payload, p.state,
                p.successes, p.failures, p.sessions, p.first, p.last, p.helped, p.hurt, p.reason,
                s.id, ?1 IS NULL
         FROM patterns p LEFT JOIN projects j ON j.id = p.project
         LEFT JOIN patterns s ON s.row = p.merged_into",
    ),
    (
        "key",
        "SELECT p.id, k.key, ?1 IS NULL
         FROM pattern_keys k JOIN patterns p ON p.row = k.pattern",
    ),
    (
        "draft",
        "SELECT p.id, t.session, t.agent, d.newest, d.tool, d.category, d.trigger, d.text,
                d.payload, d.keys, ?1 IS NULL
         FROM drafts d JOIN patterns p ON p.row = d.pattern
         JOIN trajectories t ON t.id = d.trajectory",
    ),
    (
        "evidence",
        "SELECT p.id, e.step, e.role, t.session, t.agent, e.at, ?1 IS NULL
         FROM evidence e JOIN patterns p ON p.row = e.pattern
         JOIN trajectories t ON t.id = e.trajectory",
    ),
    (
        "command",
        "SELECT t.session, t.agent, p.key, c.key, c.runs, c.failures, ?1 IS NULL
         FROM command_runs c JOIN trajectories t ON t.id = c.trajectory
         JOIN projects p ON p.id = c.project",
    ),
    (
        "file",
        "SELECT p.key, f.path, f.uid, f.name, f.edits, f.reads, f.last, ?1 IS NULL
         FROM files f JOIN projects p ON p.id = f.project",
    ),
    (
        "touch",
        "SELECT p.key, f.path, x.episode, t.session, t.agent, x.edited, x.at, x.words, x.symbols,
                ?1 IS NULL
         FROM touches x JOIN files f ON f.id = x.file JOIN projects p ON p.id = f.project
         JOIN trajectories t ON t.id = x.trajectory",
    ),
    (
        "injection",
        "SELECT pattern, session, agent, event, tool_use, at, confidence, withheld, delivered,
                ?1 IS NULL
         FROM injections",
    ),
    (
        "skill",
        "SELECT k.id, p.key, k.title, k.body, k.members, ?1 IS NULL
         FROM skills k JOIN projects p ON p.id = k.project",
    ),
    ("review", "SELECT pattern, approved, text, ?1 IS NULL FROM reviews"),
    (
        "trial",
        "SELECT pattern, words, known, sessions, told, right, wrong, first, last, need, verdict,
                ?1 IS NULL
         FROM trials",
    ),
    (
        "vector",
        "SELECT p.id, v.encoder, v.text, ?1 IS NULL
         FROM vectors v JOIN patterns p ON p.row = v.pattern",
    ),
    ("weights", "SELECT value, ?1 IS NULL FROM meta WHERE key = 'place weights'"),
    (
        "claim",
        "SELECT c.pattern, c.field, c.device, c.hlc, c.value, d.trust, ?1 IS NULL
         FROM shared_claims c JOIN shared_devices d ON d.key = c.device",
    ),
    (
        "count",
        "SELECT pattern, device, numbers, first, last, ?1 IS NULL FROM shared_counts
         WHERE device IN (SELECT device FROM shared_claims)",
    ),
    (
        "hearsay",
        "SELECT pattern, device, trusted, tool, category, trigger, text, payload, keys, successes,
                failures, sessions, first, last, ?1 IS NULL
         FROM hearsay",
    ),
    ("to hear", "SELECT pattern, ?1 IS NULL FROM shared_changed"),
    ("edge", "SELECT cause, effect, support, lift, ?1 IS NULL FROM causal_edges"),
    (
        "pattern word",
        "SELECT p.id, v.col, v.offset,
                CASE WHEN v.term GLOB 'scope[0-9]*' THEN 'scope ' || j.key ELSE v.term END,
                ?1 IS NULL
         FROM pattern_words v LEFT JOIN patterns p ON p.row = v.doc
         LEFT JOIN projects j ON 'scope' || j.id = v.term",
    ),
    (
        "documents",
        "SELECT p.key, t.corpus, (length(t.run) - 8) / 6, p.patterns, ?1 IS NULL
         FROM postings t JOIN projects p ON p.id = t.project WHERE t.first = ''",
    ),
];

/// The runs of terms; what the lists of terms say depends on rows, and is left out.
const RUNS: &str = "SELECT p.key, t.corpus, t.run
                    FROM postings t JOIN projects p ON p.id = t.project WHERE t.first > ''";

/// Everything in the database, sorted, a line a row. `folder` is taken off the front of paths.
pub(crate) fn dump(conn: &Connection, folder: &str) -> String {
    conn.execute_batch(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.pattern_words
             USING fts5vocab (main, pattern_fts, instance);",
    )
    .expect("the words can be listed");
    let mut lines = Vec::new();
    for (name, sql) in QUERIES {
        let mut query = conn.prepare(sql).expect("the query fits the schema");
        let columns = query.column_count();
        let mut rows = query.query([folder]).expect("the query runs");
        while let Some(row) = rows.next().expect("the database can be read") {
            let values: Vec<String> =
                (0..columns).map(|n| shown(row.get_ref(n).expect("the column exists"))).collect();
            lines.push(format!("{name}: {}", values.join(" | ")));
        }
    }
    let mut query = conn.prepare(RUNS).expect("the query fits the schema");
    let mut rows = query.query([]).expect("the query runs");
    while let Some(row) = rows.next().expect("the database can be read") {
        let value = |column| row.get_ref(column).expect("the column exists");
        let (key, corpus) = (shown(value(0)), shown(value(1)));
        let terms = terms_of(value(2).as_blob().expect("a run is bytes"));
        lines.extend(terms.iter().map(|term| format!("term: {key} | {corpus} | {term}")));
    }
    lines.sort_unstable();
    lines.join("\n")
}

/// The terms of a run, each with its documents and patterns (docs/storage.md).
fn terms_of(mut run: &[u8]) -> Vec<String> {
    fn number(run: &mut &[u8]) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = run.split_first().expect("the run is whole");
            *run = rest;
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }
    let mut terms = Vec::new();
    while !run.is_empty() {
        let length = number(&mut run);
        let (term, rest) = run.split_at(length);
        run = rest;
        let (entries, patterns, length) = (number(&mut run), number(&mut run), number(&mut run));
        run = &run[length..];
        terms.push(format!("{:?} | {entries} | {patterns}", String::from_utf8_lossy(term)));
    }
    terms
}

fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "-".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => bytes.iter().fold(String::new(), |hex, byte| {
            // Two digits for each byte.
            hex + &format!("{byte:02x}")
        }),
    }
}
