//! A server in memory, for tests: the plainest thing that a backend can be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Backend, BackendError, Object};

/// A server; clones are the same one.
#[derive(Clone, Default, Debug)]
pub(crate) struct Memory {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Memory {
    /// An empty server.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The server as the device labelled `device` sees it. More than one view of the same device
    /// may exist, as with a cloned machine.
    pub(crate) fn view(&self, device: &str) -> View {
        View { server: self.clone(), device: device.into() }
    }

    /// All that the server holds.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        self.edit(|objects| objects.clone())
    }

    /// Makes the server hold exactly this, as one that was restored from a backup does.
    pub(crate) fn restore(&self, objects: BTreeMap<String, Vec<u8>>) {
        self.edit(|held| *held = objects);
    }

    /// Lets whoever owns the server do with its objects what they like.
    pub(crate) fn edit<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        change(&mut self.objects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One device's access to a [`Memory`].
#[derive(Clone, Debug)]
pub(crate) struct View {
    server: Memory,
    device: String,
}

impl Backend for View {
    fn refresh(&mut self) -> Result<(), BackendError> {
        Ok(())
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        super::check_objects(&self.device, objects)?;
        self.server.edit(|held| {
            for object in objects {
                held.entry(object.name.clone()).or_insert_with(|| object.bytes.clone());
            }
        });
        Ok(())
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        let wanted =
            |name: &&String| name.starts_with(prefix) && after.is_none_or(|after| ***name > *after);
        Ok(self.server.edit(|held| held.keys().filter(wanted).cloned().collect()))
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.server.edit(|held| held.get(name).cloned()))
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        names.iter().try_for_each(|name| super::check_own(&self.device, name))?;
        self.server.edit(|held| held.retain(|name, _| !names.contains(name)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    #[test]
    fn it_conforms() {
        let server = Memory::new();
        conformance::check(&mut |device| Box::new(server.view(device)));
    }

    #[test]
    fn its_owner_can_do_what_he_likes() {
        let server = Memory::new();
        let [object] = conformance::segments(1, "a", [7]);
        let mut view = server.view(&conformance::label("a"));
        view.put(std::slice::from_ref(&object)).unwrap();
        let before = server.snapshot();
        server.edit(BTreeMap::clear);
        assert_eq!(view.get(&object.name).unwrap(), None);
        server.restore(before);
        assert_eq!(view.get(&object.name).unwrap(), Some(object.bytes));
    }
}
