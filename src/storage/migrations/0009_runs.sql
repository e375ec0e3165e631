-- Term lists by runs of terms instead of a row for each: a cache, which the next learning run
-- writes anew.
DROP TABLE postings;
CREATE TABLE postings (
    id      INTEGER PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    corpus  INTEGER NOT NULL, -- kind of document: 1 failures, 2 decisions, 3 files, 4 episodes
    first   TEXT    NOT NULL, -- the first term of the run; '' for the directory of the documents
    run     BLOB    NOT NULL,
    UNIQUE (project, corpus, first)
);

-- Vectors in parts, so that a search need not read them all: a cache as well.
DROP TABLE meanings;
CREATE TABLE meanings (
    id      INTEGER PRIMARY KEY,
    project INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    corpus  INTEGER NOT NULL, -- as in postings
    part    INTEGER NOT NULL, -- 0: all but the entries; then the entries of each list
    vectors BLOB    NOT NULL,
    UNIQUE (project, corpus, part)
);

-- Patterns of any kind that a project had when its lists were made.
ALTER TABLE projects ADD COLUMN patterns INTEGER NOT NULL DEFAULT 0;
UPDATE projects SET listed = 0;
