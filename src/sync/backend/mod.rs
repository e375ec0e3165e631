//! Carriers of sealed segments: what every one of them must do, and those that there are.
//!
//! A carrier is trusted with nothing. It sees names that are hashes and bytes that are sealed; what
//! it drops, delays, swaps or damages is found out by those who open the segments.

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
pub(crate) mod faulty;
#[cfg(feature = "git")]
pub(crate) mod git;
#[cfg(test)]
pub(crate) mod memory;
mod name;
pub(crate) mod random;
pub(crate) mod retry;

use std::io;

pub(crate) use name::Name;

/// The longest object, in bytes: a segment of 1 MiB with its header.
pub(crate) const MAX_OBJECT: usize = (1 << 20) + (4 << 10);

/// Where sealed segments are kept.
///
/// Correctness relies on two facts only: what was put comes back byte by byte, and it shows up in a
/// listing in the end. Names have the form that [`Name`] describes; an object never changes.
pub(crate) trait Backend {
    /// Brings the local view up to date; [`list`](Self::list) and [`get`](Self::get) may answer
    /// from what it brought.
    fn refresh(&mut self) -> Result<(), BackendError>;

    /// Stores objects; `Ok` means that all of them are on the server. Storing the same object again
    /// is no error. After an error, any of them may be there.
    ///
    /// # Errors
    /// [`BackendError::Refused`] when a name is malformed or another device's, or an object is
    /// longer than [`MAX_OBJECT`]; then none of them is stored.
    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError>;

    /// Names that begin with `prefix` and are greater than `after`, in order, each once.
    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError>;

    /// An object's bytes; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`BackendError::Refused`] when this one object is longer than [`MAX_OBJECT`]; others can
    /// still be had.
    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError>;

    /// Removes objects that this device itself put, so that the server forgets their bytes as far
    /// as it ever does; unknown names are no error.
    ///
    /// # Errors
    /// [`BackendError::Refused`] when a name is another device's; then nothing is removed.
    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError>;

    /// Says to people who find the place what it is for, where there is room for that.
    fn introduce(&mut self) -> Result<(), BackendError> {
        Ok(())
    }
}

impl<B: Backend + ?Sized> Backend for Box<B> {
    fn introduce(&mut self) -> Result<(), BackendError> {
        (**self).introduce()
    }

    fn refresh(&mut self) -> Result<(), BackendError> {
        (**self).refresh()
    }

    fn put(&mut self, objects: &[Object]) -> Result<(), BackendError> {
        (**self).put(objects)
    }

    fn list(&mut self, prefix: &str, after: Option<&str>) -> Result<Vec<String>, BackendError> {
        (**self).list(prefix, after)
    }

    fn get(&mut self, name: &str) -> Result<Option<Vec<u8>>, BackendError> {
        (**self).get(name)
    }

    fn delete_own(&mut self, names: &[String]) -> Result<(), BackendError> {
        (**self).delete_own(names)
    }
}

/// A name and the bytes that belong to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Object {
    /// Its name on every backend; see [`Name`].
    pub(crate) name: String,
    /// What is kept under it, at most [`MAX_OBJECT`] bytes.
    pub(crate) bytes: Vec<u8>,
}

/// A failure of a backend. Its text never holds a credential.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BackendError {
    /// Something that may pass: no connection, a server that is busy. Try again later.
    #[error("the server cannot be reached or is busy: {0}")]
    Transient(String),
    /// The server or this side refuses the other: credentials, a host key, a certificate. A person
    /// has to look at it.
    #[error("access is denied: {0}")]
    Denied(String),
    /// The answer makes no sense, or the request does not: no such repository, an object that is
    /// too long. Trying again does not help.
    #[error("the server's answer cannot be used: {0}")]
    Refused(String),
    /// The local copy cannot be read or written.
    #[error("the local copy of what is shared cannot be used")]
    Local(#[source] io::Error),
}

impl BackendError {
    /// Whether the same request may succeed a little later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

/// Checks that `device` may put all of `objects`.
fn check_objects(device: &str, objects: &[Object]) -> Result<(), BackendError> {
    for object in objects {
        check_own(device, &object.name)?;
        if object.bytes.len() > MAX_OBJECT {
            let length = object.bytes.len();
            return Err(BackendError::Refused(format!(
                "{} has {length} bytes, and {MAX_OBJECT} are the most",
                object.name
            )));
        }
    }
    Ok(())
}

/// Checks that `device` may write under `name`: it is its own, or that of a key box.
fn check_own(device: &str, name: &str) -> Result<(), BackendError> {
    let Some(parsed) = Name::parse(name) else {
        return Err(BackendError::Refused(format!("{name:?} is not the name of an object")));
    };
    match parsed.device() {
        Some(owner) if owner != device => {
            Err(BackendError::Refused(format!("{name} belongs to another device")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(BackendError::Transient("gone".into()).is_transient());
        for error in [
            BackendError::Denied(String::new()),
            BackendError::Refused(String::new()),
            BackendError::Local(io::ErrorKind::StorageFull.into()),
        ] {
            assert!(!error.is_transient(), "{error}");
        }
    }
}
