-- What the user said to patterns that wait for approval. An approval holds for the words that were
-- seen; a rejection for the pattern, whatever its words.
CREATE TABLE reviews (
    pattern  BLOB    PRIMARY KEY, -- the pattern's id
    approved INTEGER NOT NULL,    -- 1: approved, 0: rejected
    text     BLOB    NOT NULL,    -- hash of the words that were approved
    at       INTEGER NOT NULL     -- ms since the epoch
) WITHOUT ROWID;
