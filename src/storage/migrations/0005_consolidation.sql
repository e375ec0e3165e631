-- The pattern that stands for this one since they were merged, and why it is set aside. Evidence
-- and drafts stay where they are: the sums of a pattern are over those that were merged into it.
ALTER TABLE patterns ADD COLUMN merged_into INTEGER REFERENCES patterns (row) ON DELETE SET NULL;
ALTER TABLE patterns ADD COLUMN reason INTEGER;

CREATE INDEX patterns_merged ON patterns (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX patterns_reason ON patterns (reason, merged_into) WHERE reason IS NOT NULL;
