-- What came of trying out, on what happened here, a pattern that another device told: in how many
-- sessions it would have been told and was right or wrong.
CREATE TABLE trials (
    pattern  BLOB    PRIMARY KEY,
    words    BLOB    NOT NULL, -- hash of what was tried: another wording is tried anew
    known    INTEGER NOT NULL, -- sessions that there were here
    sessions INTEGER NOT NULL, -- sessions that were gone through
    told     INTEGER NOT NULL, -- of these, those in which it would have been told
    right    INTEGER NOT NULL,
    wrong    INTEGER NOT NULL,
    first    INTEGER NOT NULL, -- when it was right, ms since the epoch; 0 for never
    last     INTEGER NOT NULL,
    need     REAL    NOT NULL, -- share of right ones that it has to have
    verdict  INTEGER NOT NULL,
    at       INTEGER NOT NULL  -- when it was tried, ms since the epoch
) WITHOUT ROWID;
