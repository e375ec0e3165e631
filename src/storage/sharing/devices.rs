//! Devices that were heard of: what they call themselves, and whether their word counts.

use rusqlite::{Row, params};

use crate::model::clock::Hlc;
use crate::model::sharing::{DeviceKey, DeviceState, Trust};
use crate::storage::error::StorageError;
use crate::storage::open::Reader;
use crate::storage::store::Store;

impl Reader {
    /// All devices that were heard of.
    pub(crate) fn shared_devices(&self) -> Result<Vec<(DeviceKey, DeviceState)>, StorageError> {
        let sql = "SELECT d.key, trust, name, version, heard, value FROM shared_devices d
                   LEFT JOIN sharing s ON s.key = 'named ' || hex(d.key) ORDER BY d.key";
        self.all(sql, [], |row| Ok((row.get(0)?, device_from(row, 1)?)))
    }
}

impl Store {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_of_a_device_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), true).unwrap();
        let (quiet, named) = ([1; 32], [2; 32]);
        assert_eq!(store.shared_device(&quiet).unwrap(), DeviceState::default());
        let heard = DeviceState { heard: Hlc(3), ..DeviceState::default() };
        let told = DeviceState {
            trust: Trust::Trusted,
            name: "desk".into(),
            version: "1.2.3".into(),
            named: Hlc(u64::MAX),
            heard: Hlc(4),
        };
        store.put_shared_device(&quiet, &heard).unwrap();
        store.put_shared_device(&named, &told).unwrap();
        assert_eq!(store.shared_device(&named).unwrap(), told);
        assert_eq!(store.shared_devices().unwrap(), [(quiet, heard), (named, told)]);
    }
}
