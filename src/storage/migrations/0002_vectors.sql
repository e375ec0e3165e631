-- The vectors of a project's documents, in the form in which hooks search them. A cache, like
-- the term lists, and written with them.
CREATE TABLE meanings (
    project INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    corpus  INTEGER NOT NULL, -- as in postings; 4 is episodes
    vectors BLOB    NOT NULL,
    PRIMARY KEY (project, corpus)
) WITHOUT ROWID;

-- Episodes are listed from now on, and all snapshots are written anew.
UPDATE projects SET listed = 0;
