-- What came of what was said, or held back to compare with; NULL where it cannot be told.
ALTER TABLE injections ADD COLUMN followed INTEGER; -- 1: the agent did what it said
ALTER TABLE injections ADD COLUMN well INTEGER;     -- 1: things then went well
ALTER TABLE injections ADD COLUMN calls INTEGER;    -- calls until they did

-- Sums of that over what was shown, kept here so that reading needs no aggregate.
ALTER TABLE patterns ADD COLUMN helped INTEGER NOT NULL DEFAULT 0; -- followed, and it went well
ALTER TABLE patterns ADD COLUMN hurt   INTEGER NOT NULL DEFAULT 0; -- followed, and it did not

-- Sessions are looked through for them.
CREATE INDEX injections_session ON injections (session, agent);
