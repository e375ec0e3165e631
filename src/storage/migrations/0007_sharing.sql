-- Sharing. What devices say is kept as they say it; `hearsay` is what comes of that.

-- What this device needs to go on: its own log, the workspace, the last exchange.
CREATE TABLE sharing (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE shared_devices (
    key     BLOB    PRIMARY KEY, -- Ed25519 public key
    trust   INTEGER NOT NULL,    -- 0 unknown, 1 trusted, 2 refused
    name    TEXT    NOT NULL,
    version TEXT    NOT NULL,
    heard   INTEGER NOT NULL     -- hybrid logical clock of the last word
) WITHOUT ROWID;

-- A log is a device in one life of its store.
CREATE TABLE shared_logs (
    device      BLOB    NOT NULL,
    incarnation BLOB    NOT NULL,
    sequence    INTEGER NOT NULL, -- highest segment that was read, and its hash
    hash        BLOB    NOT NULL,
    since       INTEGER NOT NULL, -- segments before this one are not needed
    claimed     INTEGER NOT NULL, -- highest segment that anybody says there is
    read        INTEGER NOT NULL, -- how far its author has read this device's log
    forked      INTEGER NOT NULL,
    PRIMARY KEY (device, incarnation)
) WITHOUT ROWID;

CREATE TABLE shared_segments (
    label    BLOB    NOT NULL,
    sequence INTEGER NOT NULL,
    hash     BLOB    NOT NULL, -- beginning of it
    attempts INTEGER NOT NULL, -- 0: taken in; else how often it was begun without an end
    rejected TEXT,             -- why it cannot be taken in
    PRIMARY KEY (label, sequence, hash)
) WITHOUT ROWID;

CREATE TABLE shared_claims (
    pattern     BLOB    NOT NULL,
    field       INTEGER NOT NULL, -- 1 words, 2 the document of an edited text
    device      BLOB    NOT NULL,
    hlc         INTEGER NOT NULL,
    value       BLOB    NOT NULL,
    PRIMARY KEY (pattern, field, device)
) WITHOUT ROWID;
CREATE INDEX shared_claims_device ON shared_claims (device);

CREATE TABLE shared_counts (
    pattern     BLOB    NOT NULL,
    device      BLOB    NOT NULL,
    incarnation BLOB    NOT NULL,
    numbers     BLOB    NOT NULL, -- eight numbers of four bytes, big-endian
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    PRIMARY KEY (pattern, device, incarnation)
) WITHOUT ROWID;
CREATE INDEX shared_counts_device ON shared_counts (device, incarnation);

CREATE TABLE shared_removals (
    pattern  BLOB    NOT NULL,
    device   BLOB    NOT NULL,
    deleted  INTEGER NOT NULL, -- hybrid logical clock; 0 for never
    redacted INTEGER NOT NULL,
    PRIMARY KEY (pattern, device)
) WITHOUT ROWID;

-- Records from a clock that is ahead of this one.
CREATE TABLE shared_parked (
    device      BLOB    NOT NULL,
    incarnation BLOB    NOT NULL,
    hlc         INTEGER NOT NULL,
    record      BLOB    NOT NULL,
    PRIMARY KEY (device, incarnation, hlc, record)
) WITHOUT ROWID;

-- Own segments that the carrier has not confirmed.
CREATE TABLE shared_outbox (
    sequence INTEGER PRIMARY KEY,
    label    BLOB NOT NULL,
    hash     BLOB NOT NULL,
    bytes    BLOB NOT NULL
);

-- Patterns of projects that this device does not know yet, by the keyed label of the project.
CREATE TABLE shared_waiting (
    pattern BLOB PRIMARY KEY,
    project BLOB NOT NULL
) WITHOUT ROWID;

-- Patterns of which others said something that was not looked at yet: a crash between the two
-- loses nothing.
CREATE TABLE shared_changed (
    pattern BLOB PRIMARY KEY
) WITHOUT ROWID;

-- What others come to say of a pattern: its words where nothing here speaks for it.
CREATE TABLE hearsay (
    pattern   BLOB    PRIMARY KEY,
    device    TEXT    NOT NULL, -- whose words they are, in hex
    trusted   INTEGER NOT NULL,
    tool      TEXT    NOT NULL,
    category  TEXT    NOT NULL,
    trigger   TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    payload   TEXT    NOT NULL, -- JSON
    keys      BLOB    NOT NULL, -- 8 bytes each, little-endian
    successes INTEGER NOT NULL,
    failures  INTEGER NOT NULL,
    sessions  INTEGER NOT NULL,
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL
) WITHOUT ROWID;

-- What people wrote about patterns by hand, and what agents read of it from then on.
CREATE TABLE edits (
    pattern  BLOB    PRIMARY KEY, -- the pattern's id; it need not be known here
    document BLOB    NOT NULL,    -- of `sync::text`, from which the rest comes
    page     TEXT    NOT NULL,    -- JSON: title, body, tags, notes
    written  BLOB    NOT NULL,    -- hash of the words that were written here: told unapproved
    hlc      INTEGER NOT NULL,    -- when the document last changed here
    edited   INTEGER NOT NULL     -- the same in ms since the Unix epoch
) WITHOUT ROWID;
