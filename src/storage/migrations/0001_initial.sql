-- Values about the store itself: device, incarnation, clock, generation.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- A project's key is what clones, worktrees and machines agree on.
CREATE TABLE projects (
    id     INTEGER PRIMARY KEY,
    key    TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL,
    listed INTEGER NOT NULL DEFAULT 0 -- 1: its term lists hold everything that is known of it
);

-- Folders in which sessions of a project ran, and the client's own names of transcript folders.
CREATE TABLE roots (
    path    TEXT PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES projects (id),
    base    TEXT    NOT NULL, -- the project's folder, to which paths are relative
    seen    INTEGER NOT NULL  -- 1: it was on this disk when it was asked whose it is
) WITHOUT ROWID;

-- One row per transcript file: how far it was read, and the account of its lines.
CREATE TABLE transcripts (
    id        INTEGER PRIMARY KEY,
    path      TEXT    NOT NULL UNIQUE,
    inode     INTEGER NOT NULL DEFAULT 0,
    size      INTEGER NOT NULL DEFAULT 0,
    modified  INTEGER NOT NULL DEFAULT 0, -- ms since the epoch
    offset    INTEGER NOT NULL DEFAULT 0, -- bytes consumed
    line      INTEGER NOT NULL DEFAULT 0, -- lines consumed
    tail_hash INTEGER NOT NULL DEFAULT 0, -- of the last line consumed
    learned   INTEGER NOT NULL DEFAULT 0, -- lines that became steps
    skipped   INTEGER NOT NULL DEFAULT 0, -- lines passed over, with reasons in the account
    account   TEXT    NOT NULL DEFAULT '{}',
    read_at   INTEGER NOT NULL DEFAULT 0
);

-- A trajectory is the run of a session (agent = '') or of one of its subagents.
CREATE TABLE trajectories (
    id       INTEGER PRIMARY KEY,
    session  TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    project  INTEGER NOT NULL REFERENCES projects (id),
    folder   TEXT    NOT NULL, -- in which it started
    root     TEXT    NOT NULL, -- the project's folder, to which its paths are relative
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL,
    revision INTEGER NOT NULL, -- of the extraction that last ran; 0 = to do
    UNIQUE (session, agent)
);
CREATE INDEX trajectories_project ON trajectories (project, ended);

-- Steps are kept, masked and cut, because transcripts vanish after a month and better
-- extraction should still be able to learn from them.
CREATE TABLE steps (
    row        INTEGER PRIMARY KEY,       -- orders the steps of one line
    id         BLOB    NOT NULL UNIQUE,
    trajectory INTEGER NOT NULL REFERENCES trajectories (id),
    transcript INTEGER NOT NULL REFERENCES transcripts (id),
    line       INTEGER NOT NULL,
    at         INTEGER,
    cwd        TEXT    NOT NULL,
    body       INTEGER NOT NULL, -- which kind of step
    tool       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    detail     TEXT    NOT NULL,
    outcome    INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    settled    INTEGER                    -- the transcript that told the outcome of a call
);
CREATE INDEX steps_trajectory ON steps (trajectory, transcript, line);

-- Results whose calls have not been read: a resumed session can hold one for the other.
CREATE TABLE results (
    call       BLOB    PRIMARY KEY,
    transcript INTEGER NOT NULL REFERENCES transcripts (id),
    outcome    INTEGER NOT NULL,
    error      TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) WITHOUT ROWID;

-- What the user had forgotten: ids of steps, patterns and sessions that are not learned again.
CREATE TABLE forgotten (
    id BLOB PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE patterns (
    row      INTEGER PRIMARY KEY,
    id       BLOB    NOT NULL UNIQUE,
    kind     INTEGER NOT NULL,
    project  INTEGER REFERENCES projects (id), -- NULL: global
    tool     TEXT    NOT NULL,
    category TEXT    NOT NULL,
    trigger  TEXT    NOT NULL,
    text     TEXT    NOT NULL,
    payload  TEXT    NOT NULL, -- JSON
    state    INTEGER NOT NULL,
    -- Sums over the evidence, kept here so that reading needs no aggregate.
    successes INTEGER NOT NULL DEFAULT 0,
    failures  INTEGER NOT NULL DEFAULT 0,
    sessions  INTEGER NOT NULL DEFAULT 0,
    first     INTEGER NOT NULL DEFAULT 0,
    last      INTEGER NOT NULL DEFAULT 0,
    -- Hybrid logical clock of the text (48 bits of milliseconds, 16 bits of counter) and the
    -- device that wrote it: the last writer wins, ties by device.
    hlc    INTEGER NOT NULL,
    origin TEXT    NOT NULL
);
-- In the order of most evidence, so that the first few are read without the rest.
CREATE INDEX patterns_scope ON patterns (project, kind, state, sessions DESC, last DESC);

CREATE TABLE pattern_keys (
    key     INTEGER NOT NULL,
    pattern INTEGER NOT NULL REFERENCES patterns (row) ON DELETE CASCADE,
    PRIMARY KEY (key, pattern)
) WITHOUT ROWID;
CREATE INDEX pattern_keys_pattern ON pattern_keys (pattern);

-- What each trajectory proposes as the words of a pattern. The newest wording stands in the
-- pattern, the keys of all of them in pattern_keys, whatever was learned first.
CREATE TABLE drafts (
    trajectory INTEGER NOT NULL REFERENCES trajectories (id),
    pattern    INTEGER NOT NULL REFERENCES patterns (row) ON DELETE CASCADE,
    newest     INTEGER NOT NULL, -- time of its newest evidence
    tool       TEXT    NOT NULL,
    category   TEXT    NOT NULL,
    trigger    TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    keys       BLOB    NOT NULL, -- 8 bytes each, little-endian
    PRIMARY KEY (trajectory, pattern)
) WITHOUT ROWID;
CREATE INDEX drafts_pattern ON drafts (pattern, newest);

-- Evidence is the truth behind the counts; learning a trajectory again replaces its rows.
CREATE TABLE evidence (
    pattern    INTEGER NOT NULL REFERENCES patterns (row) ON DELETE CASCADE,
    step       BLOB    NOT NULL,
    role       INTEGER NOT NULL,
    trajectory INTEGER NOT NULL REFERENCES trajectories (id),
    at         INTEGER NOT NULL,
    PRIMARY KEY (pattern, step, role)
) WITHOUT ROWID;
CREATE INDEX evidence_trajectory ON evidence (trajectory);

-- Absolute, never decreasing counts per device incarnation: merging takes the larger one.
CREATE TABLE counts (
    pattern     BLOB    NOT NULL, -- the pattern's id
    incarnation TEXT    NOT NULL,
    successes   INTEGER NOT NULL DEFAULT 0,
    failures    INTEGER NOT NULL DEFAULT 0,
    shown       INTEGER NOT NULL DEFAULT 0,
    adopted     INTEGER NOT NULL DEFAULT 0,
    helped      INTEGER NOT NULL DEFAULT 0,
    hurt        INTEGER NOT NULL DEFAULT 0,
    withheld    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pattern, incarnation)
) WITHOUT ROWID;

-- Terms are made by MANA's own tokeniser, so the index only splits at spaces.
-- `scope` holds the project and the kind as terms, so that scope comes before search.
CREATE VIRTUAL TABLE pattern_fts USING fts5 (
    scope, trigger, text,
    content = '', contentless_delete = 1, columnsize = 1,
    tokenize = "unicode61 remove_diacritics 0 tokenchars '_.-/@:+#'"
);

-- The same terms by project, with what BM25 needs: what hooks search, in flat time. A cache.
CREATE TABLE postings (
    project  INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    corpus   INTEGER NOT NULL, -- kind of document: 1 failures, 2 decisions, 3 files
    term     TEXT    NOT NULL, -- '' for the directory of the documents
    entries  INTEGER NOT NULL, -- documents that hold the term
    patterns INTEGER NOT NULL, -- patterns of any kind that hold it
    list     BLOB    NOT NULL,
    PRIMARY KEY (project, corpus, term)
) WITHOUT ROWID;

-- How often each command ran and failed: base rates.
CREATE TABLE command_runs (
    trajectory INTEGER NOT NULL REFERENCES trajectories (id),
    project    INTEGER NOT NULL REFERENCES projects (id),
    key        INTEGER NOT NULL,
    runs       INTEGER NOT NULL,
    failures   INTEGER NOT NULL,
    PRIMARY KEY (project, key, trajectory)
) WITHOUT ROWID;
CREATE INDEX command_runs_trajectory ON command_runs (trajectory);

-- Files that sessions worked on, and what each trajectory knows of them.
CREATE TABLE files (
    id      INTEGER PRIMARY KEY,
    uid     BLOB    NOT NULL UNIQUE, -- derived from project and path; what injected text names
    project INTEGER NOT NULL REFERENCES projects (id),
    path    TEXT    NOT NULL, -- relative to the project's folder
    name    INTEGER NOT NULL, -- key of the last component
    edits   INTEGER NOT NULL DEFAULT 0, -- episodes that changed it
    reads   INTEGER NOT NULL DEFAULT 0, -- episodes that only read it
    last    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (project, path)
);
CREATE INDEX files_name ON files (project, name);

-- One row per file and episode: the unit from which co-changes and places are found.
CREATE TABLE touches (
    file       INTEGER NOT NULL REFERENCES files (id),
    episode    BLOB    NOT NULL, -- step id of the prompt
    trajectory INTEGER NOT NULL REFERENCES trajectories (id),
    edited     INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    words      TEXT    NOT NULL, -- terms of the prompt
    symbols    TEXT    NOT NULL, -- identifiers on its changed or defining lines
    PRIMARY KEY (file, episode)
) WITHOUT ROWID;
CREATE INDEX touches_episode ON touches (episode);
CREATE INDEX touches_trajectory ON touches (trajectory);

CREATE TABLE injections (
    id         INTEGER PRIMARY KEY,
    pattern    BLOB    NOT NULL,
    session    TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    event      TEXT    NOT NULL,
    tool_use   TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    confidence REAL    NOT NULL,
    withheld   INTEGER NOT NULL, -- 1: matched, but held back at random to compare with
    delivered  INTEGER NOT NULL DEFAULT 0, -- 1: the transcript shows that it arrived
    UNIQUE (session, agent, event, tool_use, pattern, at)
);
CREATE INDEX injections_pattern ON injections (pattern);

CREATE TABLE skills (
    row      INTEGER PRIMARY KEY,
    id       BLOB    NOT NULL UNIQUE,
    project  INTEGER REFERENCES projects (id),
    title    TEXT    NOT NULL,
    body     TEXT    NOT NULL, -- JSON: when it applies, steps, pitfalls
    members  TEXT    NOT NULL, -- JSON: ids of the patterns it is built from
    hlc      INTEGER NOT NULL,
    origin   TEXT    NOT NULL
);

CREATE TABLE causal_edges (
    cause   BLOB    NOT NULL,
    effect  BLOB    NOT NULL,
    support INTEGER NOT NULL, -- sessions in which the effect followed the cause
    lift    REAL    NOT NULL,
    PRIMARY KEY (cause, effect)
) WITHOUT ROWID;

CREATE TABLE learning_log (
    id       INTEGER PRIMARY KEY,
    started  INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    report   TEXT    NOT NULL -- JSON
);
