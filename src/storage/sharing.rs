//! The rows behind sharing: what devices say, how far their logs are read, what is to be sent.
//! `sync::ledger` has the rules; here is only where it is kept.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Params, Row, params};

use super::error::{Attempt, StorageError};
use super::hearsay::Hearsay;
use super::open::{Reader, Store};
use super::patterns::{COLUMNS, pattern_from};
use crate::model::clock::Hlc;
use crate::model::dates;
use crate::model::ids::PatternId;
use crate::model::pattern::{Kind, Pattern};
use crate::model::sharing::{
    Claim, Counts, DeviceKey, DeviceState, Fate, Field, Incarnation, LogId, LogState, Removal,
    Trust,
};

/// A segment's place: label of its log, number, beginning of its hash.
pub(crate) type SegmentRow = ([u8; 16], u64, [u8; 16]);

/// Which patterns leave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Leaving {
    /// Only those of the project with this key or name.
    pub(crate) project: Option<String>,
    /// Only those of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only those that helped more often than they hurt.
    pub(crate) proven: bool,
    /// Keys or names of the projects whose patterns never leave.
    pub(crate) private: Vec<String>,
}

/// A pattern that was learned here, and may leave.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Local {
    /// The pattern.
    pub(crate) pattern: Pattern,
    /// Key of its project; `None` for a global one.
    pub(crate) project: Option<String>,
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<i64>,
    /// Times it was shown, adopted and withheld on this device.
    pub(crate) shown: [u32; 3],
}

impl Leaving {
    pub(super) fn takes(&self, key: Option<&str>, name: Option<&str>, pattern: &Pattern) -> bool {
        let is = |wanted: &str| key == Some(wanted) || name == Some(wanted);
        self.kind.is_none_or(|kind| kind == pattern.kind)
            && (!self.proven || pattern.effect.helped > pattern.effect.hurt)
            && self.project.as_deref().is_none_or(is)
            && !self.private.iter().any(|private| is(private))
    }
}

/// Of all patterns `p`, those that were learned here and may leave.
const LEAVES: &str = "p.state < 2 AND p.kind < 7
    AND (EXISTS (SELECT 1 FROM drafts d WHERE d.pattern = p.row)
         OR EXISTS (SELECT 1 FROM patterns q JOIN drafts d ON d.pattern = q.row
                    WHERE q.merged_into = p.row))";

const ATTEMPT: &str = "read or store what is shared";

impl Reader {
    /// What this device learned and may tell others, in the order of the ids: neither what it was
    /// told, nor what waits for approval or was set aside, nor skills, which are made of the
    /// others, nor what stands for a pattern of a private project.
    pub(crate) fn leaving(&self, leaving: &Leaving) -> Result<Vec<Local>, StorageError> {
        let sql = format!(
            "SELECT {COLUMNS}, j.key, j.name, coalesce(c.shown, 0), coalesce(c.adopted, 0),
                    coalesce(c.withheld, 0)
             FROM patterns p LEFT JOIN projects j ON j.id = p.project
                 LEFT JOIN (SELECT pattern, sum(shown) AS shown, sum(adopted) AS adopted,
                                sum(withheld) AS withheld
                            FROM counts GROUP BY pattern) c ON c.pattern = p.id
             WHERE {LEAVES} ORDER BY p.id"
        );
        let mut query = self.conn.prepare_cached(&sql).attempt(ATTEMPT)?;
        let mut keys = self
            .conn
            .prepare_cached("SELECT key FROM pattern_keys WHERE pattern = ?1 ORDER BY key")
            .attempt(ATTEMPT)?;
        let mut rows = query.query([]).attempt(ATTEMPT)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().attempt(ATTEMPT)? {
            let pattern = pattern_from(row).attempt(ATTEMPT)?;
            let key: Option<String> = row.get(17).attempt(ATTEMPT)?;
            let name: Option<String> = row.get(18).attempt(ATTEMPT)?;
            let wanted = leaving.takes(key.as_deref(), name.as_deref(), &pattern);
            if !wanted || self.stands_for_private(pattern.row, leaving)? {
                continue;
            }
            let mut shown = [0; 3];
            for (n, count) in shown.iter_mut().enumerate() {
                *count = row.get(19 + n).attempt(ATTEMPT)?;
            }
            let keys = keys
                .query_map([pattern.row], |row| row.get(0))
                .and_then(Iterator::collect)
                .attempt(ATTEMPT)?;
            all.push(Local { pattern, project: key, keys, shown });
        }
        Ok(all)
    }

    /// Of the patterns that leave with nothing but private projects left out, which ones: quicker than
    /// [`Self::leaving`], which reads them.
    pub(crate) fn leaving_ids(
        &self,
        private: &[String],
    ) -> Result<BTreeSet<PatternId>, StorageError> {
        let leaving = Leaving { private: private.to_vec(), ..Leaving::default() };
        let sql = format!(
            "SELECT p.id, p.row, j.key, j.name
             FROM patterns p LEFT JOIN projects j ON j.id = p.project WHERE {LEAVES}"
        );
        let rows: Vec<(PatternId, i64, [Option<String>; 2])> = self.all(&sql, [], |row| {
            Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?, [row.get(2)?, row.get(3)?]))
        })?;
        let mut ids = BTreeSet::new();
        for (id, row, names) in rows {
            let is_private = names.into_iter().flatten().any(|name| private.contains(&name));
            if !is_private && !self.stands_for_private(row, &leaving)? {
                ids.insert(id);
            }
        }
        Ok(ids)
    }

    /// Whether a pattern stands for one of a private project, as those of all projects can.
    pub(super) fn stands_for_private(
        &self,
        row: i64,
        leaving: &Leaving,
    ) -> Result<bool, StorageError> {
        if leaving.private.is_empty() {
            return Ok(false);
        }
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT j.key, j.name FROM patterns q JOIN projects j ON j.id = q.project
                 WHERE q.merged_into = ?1",
            )
            .attempt(ATTEMPT)?;
        let rows = query.query_map([row], |row| Ok([row.get(0)?, row.get(1)?]));
        let names: Vec<[String; 2]> = rows.and_then(Iterator::collect).attempt(ATTEMPT)?;
        Ok(names.as_flattened().iter().any(|name| leaving.private.contains(name)))
    }

    /// A value that sharing keeps.
    pub(crate) fn sharing_value(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        self.one("SELECT value FROM sharing WHERE key = ?1", [key], |row| row.get(0))
    }

    /// The words that a device said of each pattern.
    pub(crate) fn said_words(
        &self,
        device: &DeviceKey,
    ) -> Result<BTreeMap<PatternId, Vec<u8>>, StorageError> {
        let rows = self.all(
            "SELECT pattern, value FROM shared_claims WHERE field = ?1 AND device = ?2",
            params![Field::WORDING.0, device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?)),
        )?;
        Ok(rows.into_iter().collect())
    }

    /// Whether a device has taken back what it last said of a pattern.
    pub(crate) fn is_taken_back(
        &self,
        pattern: PatternId,
        device: &DeviceKey,
    ) -> Result<bool, StorageError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM shared_removals r
                   WHERE r.pattern = ?1 AND r.device = ?2 AND (r.redacted OR r.deleted >=
                       (SELECT max(hlc) FROM shared_claims c
                        WHERE c.pattern = r.pattern AND c.device = r.device)))";
        let found = self.one(sql, params![pattern.as_bytes(), device], |row| row.get(0))?;
        Ok(found.unwrap_or(false))
    }

    /// Patterns that are told here in the words of another device, that trusted devices tell in
    /// different ones, and for which nobody wrote any by hand, which would stand before all of these.
    pub(crate) fn differing_patterns(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT c.pattern FROM shared_claims c
             JOIN shared_devices d ON d.key = c.device
             JOIN hearsay h ON h.pattern = c.pattern
             LEFT JOIN edits e ON e.pattern = c.pattern
             WHERE c.field = 1 AND c.value <> x'' AND d.trust = 1
                 AND coalesce(e.page ->> 'body', '') = ''
             GROUP BY c.pattern HAVING count(DISTINCT c.value) > 1 ORDER BY c.pattern",
            [],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// How many edited texts wait for approval.
    pub(crate) fn waiting_texts(&self) -> Result<u64, StorageError> {
        let sql =
            "SELECT count(*) FROM edits e JOIN patterns p ON p.id = e.pattern WHERE p.state = 2";
        Ok(self.one(sql, [], |row| row.get::<_, i64>(0))?.unwrap_or_default() as u64)
    }

    /// Patterns that were taken back everywhere and noted so, with what was noted.
    pub(crate) fn redactions(&self) -> Result<Vec<(PatternId, Vec<u8>)>, StorageError> {
        self.all(
            "SELECT key, value FROM sharing WHERE key LIKE 'redacted %' ORDER BY key",
            [],
            |row| Ok((pattern_in(&row.get::<_, String>(0)?), row.get(1)?)),
        )
    }

    /// Patterns that this device is to take back everywhere.
    pub(crate) fn redacting(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all("SELECT key FROM sharing WHERE key LIKE 'redact %' ORDER BY key", [], |row| {
            Ok(pattern_in(&row.get::<_, String>(0)?))
        })
    }

    /// Patterns that a trusted device has taken back everywhere.
    pub(crate) fn redacted_patterns(&self) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT DISTINCT r.pattern FROM shared_removals r
             JOIN shared_devices d ON d.key = r.device
             WHERE r.redacted AND d.trust = 1 ORDER BY r.pattern",
            [],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// Devices that spoke of a pattern in any way.
    pub(crate) fn speakers(&self, pattern: PatternId) -> Result<Vec<DeviceKey>, StorageError> {
        self.all(
            "SELECT device FROM shared_claims WHERE pattern = ?1
             UNION SELECT device FROM shared_counts WHERE pattern = ?1
             UNION SELECT device FROM shared_removals WHERE pattern = ?1",
            [pattern.as_bytes()],
            |row| row.get(0),
        )
    }

    /// Patterns whose ids begin with these hex digits and of which any device spoke.
    pub(crate) fn spoken_by_prefix(&self, prefix: &str) -> Result<Vec<PatternId>, StorageError> {
        if prefix.len() < 4 || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        self.all(
            "SELECT pattern FROM (SELECT pattern FROM shared_claims
                 UNION SELECT pattern FROM shared_counts UNION SELECT pattern FROM shared_removals)
             WHERE substr(lower(hex(pattern)), 1, ?2) = ?1",
            params![prefix.to_ascii_lowercase(), prefix.len() as i64],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// The pattern in this row, or the one that stands for it, with all that it stands for.
    pub(crate) fn family(&self, row: i64) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "WITH head (row) AS (SELECT coalesce(merged_into, row) FROM patterns WHERE row = ?1)
             SELECT p.id FROM patterns p, head h WHERE p.row = h.row OR p.merged_into = h.row",
            [row],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// Folders of projects on this disk.
    pub(crate) fn root_folders(&self) -> Result<Vec<String>, StorageError> {
        let sql = "SELECT base FROM roots UNION SELECT path FROM roots WHERE path LIKE '/%'";
        self.all(sql, [], |row| row.get(0))
    }

    /// Whether nothing was learned or imported yet.
    pub(crate) fn knows_nothing(&self) -> Result<bool, StorageError> {
        let found = self.one("SELECT 1 FROM patterns LIMIT 1", [], |row| row.get::<_, i64>(0))?;
        Ok(found.is_none())
    }

    /// Whether there is a pattern with this identity.
    pub(crate) fn knows_pattern(&self, pattern: PatternId) -> Result<bool, StorageError> {
        let sql = "SELECT 1 FROM patterns WHERE id = ?1";
        Ok(self.one(sql, [pattern.as_bytes()], |row| row.get::<_, i64>(0))?.is_some())
    }

    /// All devices that were heard of.
    pub(crate) fn shared_devices(&self) -> Result<Vec<(DeviceKey, DeviceState)>, StorageError> {
        let sql = "SELECT d.key, trust, name, version, heard, value FROM shared_devices d
                   LEFT JOIN sharing s ON s.key = 'named ' || hex(d.key) ORDER BY d.key";
        self.all(sql, [], |row| Ok((row.get(0)?, device_from(row, 1)?)))
    }

    /// All logs that are known.
    pub(crate) fn shared_logs(&self) -> Result<Vec<LogState>, StorageError> {
        self.all(
            "SELECT device, incarnation, sequence, hash, since, claimed, read, forked
             FROM shared_logs ORDER BY device, incarnation",
            [],
            log_from,
        )
    }

    /// How many patterns came from each device, and how many of them wait for approval.
    pub(crate) fn hearsay_counts(&self) -> Result<Vec<(String, u64, u64)>, StorageError> {
        self.all(
            "SELECT h.device, count(*), sum(p.state = 2) FROM hearsay h
             JOIN patterns p ON p.id = h.pattern GROUP BY h.device ORDER BY h.device",
            [],
            |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64)),
        )
    }

    /// How many segments wait to be sent, how many were rejected, how many records are parked, and
    /// how many patterns wait for their project.
    pub(crate) fn sharing_counts(&self) -> Result<[u64; 4], StorageError> {
        let sql = "SELECT (SELECT count(*) FROM shared_outbox),
                          (SELECT count(*) FROM shared_segments WHERE rejected IS NOT NULL),
                          (SELECT count(*) FROM shared_parked),
                          (SELECT count(*) FROM shared_waiting)";
        let found = self.one(sql, [], |row| {
            let mut counts = [0; 4];
            for (n, count) in counts.iter_mut().enumerate() {
                *count = row.get::<_, i64>(n)? as u64;
            }
            Ok(counts)
        })?;
        Ok(found.unwrap_or_default())
    }

    /// How many patterns wait under this label.
    pub(crate) fn waiting_for(&self, label: &[u8; 16]) -> Result<u64, StorageError> {
        let sql = "SELECT count(*) FROM shared_waiting WHERE project = ?1";
        Ok(self.one(sql, [label], |row| row.get::<_, i64>(0))?.unwrap_or_default() as u64)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StorageError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut query| query.query_row(params, read).optional())
            .attempt(ATTEMPT)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StorageError> {
        let mut query = self.conn.prepare_cached(sql).attempt(ATTEMPT)?;
        let rows = query.query_map(params, read);
        rows.and_then(Iterator::collect).attempt(ATTEMPT)
    }
}

/// The pattern whose id stands at the end of a key.
fn pattern_in(key: &str) -> PatternId {
    let id = key.rsplit(' ').next().and_then(super::injections::bytes_of);
    PatternId::from_bytes(id.unwrap_or_default())
}

fn device_from(row: &Row<'_>, first: usize) -> rusqlite::Result<DeviceState> {
    Ok(DeviceState {
        trust: Trust::from_number(row.get(first)?),
        name: row.get(first + 1)?,
        version: row.get(first + 2)?,
        heard: Hlc(row.get::<_, i64>(first + 3)? as u64),
        named: Hlc(row.get::<_, Option<[u8; 8]>>(first + 4)?.map_or(0, u64::from_be_bytes)),
    })
}

fn log_from(row: &Row<'_>) -> rusqlite::Result<LogState> {
    let number = |n: usize| row.get::<_, i64>(n).map(|number| number as u64);
    Ok(LogState {
        log: LogId { device: row.get(0)?, incarnation: row.get(1)? },
        sequence: number(2)?,
        hash: row.get(3)?,
        since: number(4)?,
        claimed: number(5)?,
        read: number(6)?,
        forked: row.get(7)?,
    })
}

fn counts_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Counts> {
    let bytes: [u8; 32] = row.get(first)?;
    let (chunks, _) = bytes.as_chunks::<4>();
    let mut numbers = [0; 8];
    for (number, bytes) in numbers.iter_mut().zip(chunks) {
        *number = u32::from_be_bytes(*bytes);
    }
    Ok(Counts { numbers, first: row.get(first + 1)?, last: row.get(first + 2)? })
}

fn claim_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Claim> {
    Ok(Claim { hlc: Hlc(row.get::<_, i64>(first)? as u64), value: row.get(first + 1)? })
}

impl Store {
    fn put(&mut self, sql: &str, params: impl Params) -> Result<(), StorageError> {
        self.conn()
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map(drop)
            .attempt(ATTEMPT)
    }

    /// Begins a transaction.
    pub(crate) fn begin_sharing(&mut self) -> Result<(), StorageError> {
        self.conn().execute_batch("BEGIN IMMEDIATE").attempt("start a transaction")
    }

    /// Ends a transaction.
    pub(crate) fn commit_sharing(&mut self) -> Result<(), StorageError> {
        self.conn().execute_batch("COMMIT").attempt("commit a transaction")
    }

    /// Gives a transaction up.
    pub(crate) fn rollback_sharing(&mut self) {
        // Some errors have rolled back already.
        let _rolled_back = self.conn().execute_batch("ROLLBACK");
    }

    /// Gives the store another incarnation: it was copied, and no two stores may write as one. What
    /// it has counted so far stays its own. Call it inside a transaction.
    pub(crate) fn renew_incarnation(&mut self) -> Result<(), StorageError> {
        let sql = "SELECT value FROM meta WHERE key = 'incarnation'";
        let before: Option<String> = self.one(sql, [], |row| row.get(0))?;
        self.put(
            "UPDATE meta SET value = lower(hex(randomblob(16))) WHERE key = 'incarnation'",
            [],
        )?;
        self.put(
            "UPDATE counts SET incarnation = (SELECT value FROM meta WHERE key = 'incarnation')
             WHERE incarnation = ?1",
            [before],
        )
    }

    /// Keeps a value for sharing.
    pub(crate) fn put_sharing_value(
        &mut self,
        key: &str,
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.put("INSERT OR REPLACE INTO sharing (key, value) VALUES (?1, ?2)", params![key, value])
    }

    /// Drops a value of sharing.
    pub(crate) fn drop_sharing_value(&mut self, key: &str) -> Result<(), StorageError> {
        self.put("DELETE FROM sharing WHERE key = ?1", [key])
    }

    /// Notes that this device is to take a pattern back everywhere.
    pub(crate) fn put_redacting(&mut self, id: PatternId) -> Result<(), StorageError> {
        self.put_sharing_value(&format!("redact {id}"), &[])
    }

    /// Notes something about a pattern that was taken back everywhere.
    pub(crate) fn put_redaction(
        &mut self,
        id: PatternId,
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.put_sharing_value(&format!("redacted {id}"), value)
    }

    /// The next reading of the store's clock.
    pub(crate) fn next_hlc(&mut self, now: i64) -> Result<Hlc, StorageError> {
        self.tick(now).map(|hlc| Hlc(hlc as u64))
    }

    /// Moves the store's clock forward to `hlc`, if it is behind.
    pub(crate) fn observe_hlc(&mut self, hlc: Hlc) -> Result<(), StorageError> {
        self.put(
            "INSERT INTO meta (key, value) VALUES ('hlc', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value
             WHERE CAST(value AS INTEGER) < CAST(excluded.value AS INTEGER)",
            [hlc.0 as i64],
        )
    }

    /// See `sync::ledger::Ledger::device`.
    pub(crate) fn shared_device(&mut self, key: &DeviceKey) -> Result<DeviceState, StorageError> {
        let sql = "SELECT trust, name, version, heard, value FROM shared_devices d
                   LEFT JOIN sharing s ON s.key = 'named ' || hex(d.key) WHERE d.key = ?1";
        Ok(self.one(sql, [key], |row| device_from(row, 0))?.unwrap_or_default())
    }

    /// See `sync::ledger::Ledger::put_device`.
    pub(crate) fn put_shared_device(
        &mut self,
        key: &DeviceKey,
        state: &DeviceState,
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_devices (key, trust, name, version, heard)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key, state.trust as i64, state.name, state.version, state.heard.0 as i64],
        )?;
        if state.named == Hlc::default() {
            return Ok(());
        }
        self.put(
            "INSERT OR REPLACE INTO sharing (key, value) VALUES ('named ' || hex(?1), ?2)",
            params![key, state.named.0.to_be_bytes()],
        )
    }

    /// See `sync::ledger::Ledger::log`.
    pub(crate) fn shared_log(&mut self, log: &LogId) -> Result<Option<LogState>, StorageError> {
        self.one(
            "SELECT device, incarnation, sequence, hash, since, claimed, read, forked
             FROM shared_logs WHERE device = ?1 AND incarnation = ?2",
            params![log.device, log.incarnation],
            log_from,
        )
    }

    /// See `sync::ledger::Ledger::put_log`.
    pub(crate) fn put_shared_log(&mut self, state: &LogState) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_logs
                 (device, incarnation, sequence, hash, since, claimed, read, forked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                state.log.device,
                state.log.incarnation,
                state.sequence as i64,
                state.hash,
                state.since as i64,
                state.claimed as i64,
                state.read as i64,
                state.forked,
            ],
        )
    }

    /// What became of the segments of one label.
    pub(crate) fn segment_fates(
        &mut self,
        label: &[u8; 16],
    ) -> Result<Vec<(SegmentRow, Fate)>, StorageError> {
        self.all(
            "SELECT label, sequence, hash, attempts, rejected FROM shared_segments
             WHERE label = ?1 ORDER BY sequence, hash",
            [label],
            |row| {
                let place = (row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?);
                Ok((place, fate_from(row.get(3)?, row.get(4)?)))
            },
        )
    }

    /// See `sync::ledger::Ledger::put_fate`.
    pub(crate) fn put_segment_fate(
        &mut self,
        (label, sequence, hash): &SegmentRow,
        fate: &Fate,
    ) -> Result<(), StorageError> {
        let (attempts, rejected) = match fate {
            Fate::Applied => (0, None),
            Fate::Attempted(times) => (i64::from(*times), None),
            Fate::Rejected(why) => (0, Some(why)),
        };
        self.put(
            "INSERT OR REPLACE INTO shared_segments (label, sequence, hash, attempts, rejected)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![label, *sequence as i64, hash, attempts, rejected],
        )
    }

    /// See `sync::ledger::Ledger::is_double`.
    pub(crate) fn has_double(
        &mut self,
        (label, sequence, hash): &SegmentRow,
    ) -> Result<bool, StorageError> {
        let found = self.one(
            "SELECT 1 FROM shared_segments WHERE label = ?1 AND sequence = ?2 AND hash <> ?3
                 AND attempts = 0 AND rejected IS NULL",
            params![label, *sequence as i64, hash],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(found.is_some())
    }

    /// Forgets what became of the segments of one label before `sequence`.
    pub(crate) fn drop_segment_fates(
        &mut self,
        label: &[u8; 16],
        sequence: u64,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_segments WHERE label = ?1 AND sequence < ?2",
            params![label, sequence as i64],
        )
    }

    /// See `sync::ledger::Ledger::claim`.
    pub(crate) fn shared_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
    ) -> Result<Option<Claim>, StorageError> {
        self.one(
            "SELECT hlc, value FROM shared_claims
             WHERE pattern = ?1 AND field = ?2 AND device = ?3",
            params![pattern.as_bytes(), field.0, device],
            |row| claim_from(row, 0),
        )
    }

    /// See `sync::ledger::Ledger::put_claim`. What the user had forgotten is not kept.
    pub(crate) fn put_shared_claim(
        &mut self,
        pattern: PatternId,
        field: Field,
        device: &DeviceKey,
        claim: &Claim,
    ) -> Result<(), StorageError> {
        if self.forgets && self.is_forgotten(pattern.as_bytes())? {
            return Ok(());
        }
        self.put(
            "INSERT OR REPLACE INTO shared_claims (pattern, field, device, hlc, value)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![pattern.as_bytes(), field.0, device, claim.hlc.0 as i64, claim.value],
        )
    }

    /// See `sync::ledger::Ledger::claims`.
    pub(crate) fn shared_claims(
        &mut self,
        pattern: PatternId,
        field: Field,
    ) -> Result<Vec<(DeviceKey, Claim)>, StorageError> {
        self.all(
            "SELECT device, hlc, value FROM shared_claims
             WHERE pattern = ?1 AND field = ?2 ORDER BY device",
            params![pattern.as_bytes(), field.0],
            |row| Ok((row.get(0)?, claim_from(row, 1)?)),
        )
    }

    /// See `sync::ledger::Ledger::purge`.
    pub(crate) fn purge_shared(
        &mut self,
        pattern: PatternId,
        device: Option<&DeviceKey>,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_claims WHERE pattern = ?1 AND (?2 IS NULL OR device = ?2)",
            params![pattern.as_bytes(), device],
        )
    }

    /// Drops what was said of a pattern until `deleted`, but not that it was said.
    pub(crate) fn blank_claims(
        &mut self,
        pattern: PatternId,
        deleted: Hlc,
    ) -> Result<(), StorageError> {
        if deleted == Hlc::default() {
            return Ok(());
        }
        self.put(
            "UPDATE shared_claims SET value = x''
             WHERE pattern = ?1 AND hlc <= ?2 AND value <> x''",
            params![pattern.as_bytes(), deleted.0 as i64],
        )
    }

    /// See `sync::ledger::Ledger::counts`.
    pub(crate) fn shared_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
    ) -> Result<Option<Counts>, StorageError> {
        self.one(
            "SELECT numbers, first, last FROM shared_counts
             WHERE pattern = ?1 AND device = ?2 AND incarnation = ?3",
            params![pattern.as_bytes(), log.device, log.incarnation],
            |row| counts_from(row, 0),
        )
    }

    /// See `sync::ledger::Ledger::put_counts`.
    pub(crate) fn put_shared_counts(
        &mut self,
        pattern: PatternId,
        log: &LogId,
        counts: Counts,
    ) -> Result<(), StorageError> {
        let mut numbers = [0; 32];
        for (bytes, number) in numbers.chunks_exact_mut(4).zip(counts.numbers) {
            bytes.copy_from_slice(&number.to_be_bytes());
        }
        self.put(
            "INSERT OR REPLACE INTO shared_counts
                 (pattern, device, incarnation, numbers, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                pattern.as_bytes(),
                log.device,
                log.incarnation,
                numbers,
                counts.first,
                counts.last
            ],
        )
    }

    /// See `sync::ledger::Ledger::all_counts`.
    pub(crate) fn all_shared_counts(
        &mut self,
        pattern: PatternId,
    ) -> Result<Vec<(LogId, Counts)>, StorageError> {
        self.all(
            "SELECT device, incarnation, numbers, first, last FROM shared_counts
             WHERE pattern = ?1 ORDER BY device, incarnation",
            [pattern.as_bytes()],
            |row| {
                let log = LogId { device: row.get(0)?, incarnation: row.get(1)? };
                Ok((log, counts_from(row, 2)?))
            },
        )
    }

    /// See `sync::ledger::Ledger::removals`.
    pub(crate) fn shared_removals(
        &mut self,
        pattern: PatternId,
    ) -> Result<Vec<(DeviceKey, Removal)>, StorageError> {
        self.all(
            "SELECT device, deleted, redacted FROM shared_removals
             WHERE pattern = ?1 ORDER BY device",
            [pattern.as_bytes()],
            |row| Ok((row.get(0)?, removal_from(row, 1)?)),
        )
    }

    /// See `sync::ledger::Ledger::put_removal`.
    pub(crate) fn put_shared_removal(
        &mut self,
        pattern: PatternId,
        device: &DeviceKey,
        removal: Removal,
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_removals (pattern, device, deleted, redacted)
             VALUES (?1, ?2, ?3, ?4)",
            params![pattern.as_bytes(), device, removal.deleted.0 as i64, removal.redacted],
        )
    }

    /// Keeps an encoded record until its time has come.
    pub(crate) fn park_record(
        &mut self,
        log: &LogId,
        hlc: Hlc,
        record: &[u8],
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR IGNORE INTO shared_parked (device, incarnation, hlc, record)
             VALUES (?1, ?2, ?3, ?4)",
            params![log.device, log.incarnation, hlc.0 as i64, record],
        )
    }

    /// Takes out the records whose clock is not after `until`.
    pub(crate) fn unpark_records(
        &mut self,
        until: Hlc,
    ) -> Result<Vec<(LogId, Vec<u8>)>, StorageError> {
        self.all(
            "DELETE FROM shared_parked WHERE hlc BETWEEN 0 AND ?1
             RETURNING device, incarnation, record",
            [until.0 as i64],
            |row| {
                let log = LogId { device: row.get(0)?, incarnation: row.get(1)? };
                Ok((log, row.get(2)?))
            },
        )
    }

    /// Segments that the carrier has not confirmed, in order.
    pub(crate) fn outbox(&mut self) -> Result<Vec<(SegmentRow, Vec<u8>)>, StorageError> {
        self.all(
            "SELECT label, sequence, hash, bytes FROM shared_outbox ORDER BY sequence",
            [],
            |row| {
                let place = (row.get(0)?, row.get::<_, i64>(1)? as u64, row.get(2)?);
                Ok((place, row.get(3)?))
            },
        )
    }

    /// Keeps a segment until it is confirmed.
    pub(crate) fn put_outbox(
        &mut self,
        (label, sequence, hash): &SegmentRow,
        bytes: &[u8],
    ) -> Result<(), StorageError> {
        self.put(
            "INSERT OR REPLACE INTO shared_outbox (sequence, label, hash, bytes)
             VALUES (?1, ?2, ?3, ?4)",
            params![*sequence as i64, label, hash, bytes],
        )
    }

    /// Drops a segment that is confirmed.
    pub(crate) fn confirm_outbox(
        &mut self,
        (label, sequence, hash): &SegmentRow,
    ) -> Result<(), StorageError> {
        self.put(
            "DELETE FROM shared_outbox WHERE label = ?1 AND sequence = ?2 AND hash = ?3",
            params![label, *sequence as i64, hash],
        )
    }

    /// Patterns that a device spoke of and that are gone since: the user had them forgotten, or
    /// what they were learned from.
    pub(crate) fn forgotten_claims(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT DISTINCT c.pattern FROM shared_claims c
             WHERE c.device = ?1 AND (EXISTS (SELECT 1 FROM forgotten f WHERE f.id = c.pattern)
                 OR NOT EXISTS (SELECT 1 FROM patterns p WHERE p.id = c.pattern))
             ORDER BY c.pattern",
            [device],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// Patterns that a device spoke of in any way.
    pub(crate) fn spoken_of(&mut self, device: &DeviceKey) -> Result<Vec<PatternId>, StorageError> {
        self.all(
            "SELECT pattern FROM shared_claims WHERE device = ?1
             UNION SELECT pattern FROM shared_counts WHERE device = ?1
             UNION SELECT pattern FROM shared_removals WHERE device = ?1",
            [device],
            |row| row.get(0).map(PatternId::from_bytes),
        )
    }

    /// Patterns to which a device has a claim, with the field, and the claim.
    pub(crate) fn claims_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Field, Claim)>, StorageError> {
        self.all(
            "SELECT pattern, field, hlc, value FROM shared_claims
             WHERE device = ?1 ORDER BY pattern, field",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), Field(row.get(1)?), claim_from(row, 2)?)),
        )
    }

    /// A device's counts, in each life of its store.
    pub(crate) fn counts_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Incarnation, Counts)>, StorageError> {
        self.all(
            "SELECT pattern, incarnation, numbers, first, last FROM shared_counts
             WHERE device = ?1 ORDER BY incarnation, pattern",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?, counts_from(row, 2)?)),
        )
    }

    /// What a device removed.
    pub(crate) fn removals_of(
        &mut self,
        device: &DeviceKey,
    ) -> Result<Vec<(PatternId, Removal)>, StorageError> {
        self.all(
            "SELECT pattern, deleted, redacted FROM shared_removals
             WHERE device = ?1 ORDER BY pattern",
            [device],
            |row| Ok((PatternId::from_bytes(row.get(0)?), removal_from(row, 1)?)),
        )
    }

    /// Notes patterns that have to be brought in line with what others say; [`Store::hear`] does.
    pub(crate) fn note_changed(&mut self, patterns: &[PatternId]) -> Result<(), StorageError> {
        patterns.iter().try_for_each(|pattern| {
            self.put(
                "INSERT OR IGNORE INTO shared_changed (pattern) VALUES (?1)",
                [pattern.as_bytes()],
            )
        })
    }

    /// Patterns that have to be brought in line with what others say.
    pub(crate) fn changed_patterns(&mut self) -> Result<Vec<PatternId>, StorageError> {
        self.all("SELECT pattern FROM shared_changed ORDER BY pattern", [], |row| {
            row.get(0).map(PatternId::from_bytes)
        })
    }

    /// Patterns that wait for their project, with the project's label.
    pub(crate) fn waiting_patterns(&mut self) -> Result<Vec<(PatternId, [u8; 16])>, StorageError> {
        self.all("SELECT pattern, project FROM shared_waiting ORDER BY pattern", [], |row| {
            Ok((PatternId::from_bytes(row.get(0)?), row.get(1)?))
        })
    }

    /// Keeps what others come to say of a pattern, or that its project is not known here yet, and
    /// brings the pattern in line with that.
    pub(crate) fn hear(
        &mut self,
        pattern: PatternId,
        heard: Heard<'_>,
        now: i64,
    ) -> Result<bool, StorageError> {
        let id = pattern.as_bytes();
        let mut row = self.pattern_row(pattern)?;
        self.put("DELETE FROM shared_changed WHERE pattern = ?1", [id])?;
        if !matches!(heard, Heard::Elsewhere(_)) {
            self.put("DELETE FROM shared_waiting WHERE pattern = ?1", [id])?;
        }
        match heard {
            Heard::Nothing => self.put("DELETE FROM hearsay WHERE pattern = ?1", [id])?,
            Heard::Elsewhere(project) => self.put(
                "INSERT OR REPLACE INTO shared_waiting (pattern, project) VALUES (?1, ?2)",
                params![id, project],
            )?,
            Heard::Words { kind, project, hearsay } => {
                self.put_hearsay(id, hearsay, now)?;
                if row.is_none() {
                    row = Some(self.insert_pattern(pattern, project, kind, now)?);
                }
            }
        }
        if let Some(row) = row {
            self.refresh(&BTreeSet::from([row]), &BTreeSet::new(), now)?;
        }
        Ok(row.is_some())
    }

    fn put_hearsay(
        &mut self,
        id: &[u8; 16],
        hearsay: &Hearsay,
        now: i64,
    ) -> Result<(), StorageError> {
        let known =
            self.one("SELECT last FROM hearsay WHERE pattern = ?1", [id], |row| row.get(0))?;
        let said = (hearsay.tally.first, hearsay.tally.last);
        let (first, last) = dates::heard(said, known, now);
        let payload = serde_json::to_string(&hearsay.payload).expect("payloads are JSON");
        let keys: Vec<u8> = hearsay.keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let tally = &hearsay.tally;
        self.put(
            "INSERT OR REPLACE INTO hearsay (pattern, device, trusted, tool, category, trigger,
                 text, payload, keys, successes, failures, sessions, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            params![
                id,
                hearsay.device,
                hearsay.trusted,
                hearsay.tool,
                hearsay.category,
                hearsay.trigger,
                hearsay.text,
                payload,
                keys,
                tally.successes,
                tally.failures,
                tally.sessions,
                first,
                last,
            ],
        )
    }
}

/// What others come to say of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard<'a> {
    /// Nothing that counts.
    Nothing,
    /// Something about a project that is not known here: its keyed label.
    Elsewhere(&'a [u8; 16]),
    /// These words.
    Words {
        /// What sort of observation.
        kind: Kind,
        /// The project; `None` for a global pattern.
        project: Option<i64>,
        /// The words.
        hearsay: &'a Hearsay,
    },
}

fn removal_from(row: &Row<'_>, first: usize) -> rusqlite::Result<Removal> {
    Ok(Removal { deleted: Hlc(row.get::<_, i64>(first)? as u64), redacted: row.get(first + 1)? })
}

fn fate_from(attempts: i64, rejected: Option<String>) -> Fate {
    match (attempts, rejected) {
        (_, Some(why)) => Fate::Rejected(why),
        (0, None) => Fate::Applied,
        (times, None) => Fate::Attempted(times as u32),
    }
}
