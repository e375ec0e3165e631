-- What the full encoder says about active patterns: what people find by meaning. It can be made
-- again, but takes milliseconds a text.
CREATE TABLE vectors (
    pattern INTEGER PRIMARY KEY REFERENCES patterns (row) ON DELETE CASCADE,
    encoder TEXT    NOT NULL, -- its name and the beginning of its weights' checksum
    text    INTEGER NOT NULL, -- key of the text that was encoded
    numbers BLOB    NOT NULL  -- scale (f32, little-endian), then an i8 for each dimension
);

-- Counts the changes of the rows, however they come about, so that what is made of them knows
-- whether it is out of date.
INSERT INTO meta (key, value) VALUES ('vectors', '0');
CREATE TRIGGER vectors_inserted AFTER INSERT ON vectors BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'vectors';
END;
CREATE TRIGGER vectors_updated AFTER UPDATE ON vectors BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'vectors';
END;
CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'vectors';
END;
