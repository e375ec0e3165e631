-- The vectors of a project's documents, in the form in which hooks search them. A cache, like
-- the term lists, and written with them.
CREATE TABLE meanings (
    project INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    corpus  INTEGER NOT NULL, -- as in postings; 4 is episodes
    vectors BLOB    NOT NULL,
    PRIMARY KEY (project, corpus)
) WITHOUT ROWID;

-- What a full encoder says of a text. It takes long to say, so it is kept; which pattern it is
-- about does not matter.
CREATE TABLE encodings (
    encoder TEXT NOT NULL, -- its name, which tells its space
    text    BLOB NOT NULL, -- the first 16 bytes of the text's SHA-256
    vector  BLOB NOT NULL, -- 16-bit floats, little-endian, of length 1 together
    PRIMARY KEY (encoder, text)
) WITHOUT ROWID;

-- Episodes are listed from now on, and all snapshots are written anew.
UPDATE projects SET listed = 0;
