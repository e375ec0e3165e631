//! Models on Hugging Face, each pinned to the very bytes: a commit and a checksum for every file.

use super::sums::Sums;
use super::{FILES, LibraryError, POOLING, WEIGHTS};

/// A model that can be fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Remote {
    /// Its repository, `OWNER/NAME`.
    pub(super) repository: String,
    /// The commit that is fetched.
    pub(super) revision: String,
    /// Its files.
    pub(super) files: Vec<Pin>,
}

/// A file and what it must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pin {
    /// Name in the repository and in the model's folder.
    pub(super) name: &'static str,
    /// Length in bytes, where it is known beforehand.
    pub(super) bytes: Option<u64>,
    /// SHA-256 in lower-case hexadecimal.
    pub(super) sha256: String,
}

/// Name, repository, commit, and the files' names, lengths and checksums.
type Row = (&'static str, &'static str, &'static str, [(&'static str, u64, &'static str); 4]);
/// The models that have a name of their own.
const KNOWN: &[Row] = &[(
    "gte-small",
    "thenlper/gte-small",
    "17e1f347d17fe144873b1201da91788898c639cd",
    [
        ("config.json", 583, "00273cdfb3e05c7304d180270bdef8adae45023e7bdfc396338bdd815943dc59"),
        (
            "tokenizer.json",
            711_661,
            "da0e79933b9ed51798a3ae27893d3c5fa4a201126cef75586296df9b4d2c62a0",
        ),
        (WEIGHTS, 66_746_168, "9a1eb90bbac323ea08aa5629b624fe6ae75db121b904799c2266a1e2c2de22d2"),
        (POOLING, 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
    ],
)];

impl Remote {
    /// The model that is known as `name`.
    pub(crate) fn known(name: &str) -> Option<Self> {
        let (_, repository, revision, pins) = KNOWN.iter().find(|row| row.0 == name)?;
        let files = pins.iter().map(|(name, bytes, sum)| Pin {
            name,
            bytes: Some(*bytes),
            sha256: (*sum).into(),
        });
        Some(Self {
            repository: (*repository).into(),
            revision: (*revision).into(),
            files: files.collect(),
        })
    }

    /// The model at `address`, `OWNER/NAME@COMMIT`, with the checksums in `sums`, which has the
    /// form that `sha256sum` prints. The file that says how a vector is made is fetched when it has
    /// a checksum there.
    pub(crate) fn pinned(address: &str, sums: &str) -> Result<Self, LibraryError> {
        let wrong = || LibraryError::Address { address: address.into() };
        let (repository, revision) = address.split_once('@').ok_or_else(wrong)?;
        let (owner, name) = repository.split_once('/').ok_or_else(wrong)?;
        if ![owner, name, revision].into_iter().all(super::is_name) {
            return Err(wrong());
        }
        let sums = Sums::parse(sums);
        let pin = |name: &'static str| match sums.of_file(name) {
            Some(sum) => Ok(Pin { name, bytes: None, sha256: sum.to_lowercase() }),
            None => Err(LibraryError::NoSum { file: name }),
        };
        let optional = Some(POOLING).filter(|file| sums.of_file(file).is_some());
        let files = FILES.into_iter().chain(optional).map(pin).collect::<Result<_, _>>()?;
        Ok(Self { repository: repository.into(), revision: revision.into(), files })
    }

    /// The name that it is installed under when no other is asked for.
    pub(crate) fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// What is to be fetched in all, in bytes, as far as that is known.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|pin| pin.bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_by_name_is_pinned_whole() {
        for (name, ..) in KNOWN {
            let model = Remote::known(name).unwrap();
            assert_eq!((model.name(), model.revision.len()), (*name, 40), "a branch would move");
            for pin in &model.files {
                let hexadecimal = |c: char| matches!(c, '0'..='9' | 'a'..='f');
                assert!(pin.sha256.len() == 64 && pin.sha256.chars().all(hexadecimal), "{pin:?}");
            }
        }
        assert_eq!(Remote::known("gte-large"), None);
    }

    #[test]
    fn others_need_an_address_and_a_sum_for_each_file() {
        let sum = "AB".repeat(32);
        let sums = FILES.map(|file| format!("{sum} *{file}\n")).concat();
        let model = Remote::pinned("owner/some-model@0123abc", &sums).unwrap();
        assert_eq!((model.name(), &*model.revision), ("some-model", "0123abc"));
        assert_eq!(model.files[2].sha256, sum.to_lowercase());
        for address in ["model", "owner/model", "model@1", "a/../b@1", "a/b@", "a/b@1?x", "a b/c@1"]
        {
            let error = Remote::pinned(address, &sums).unwrap_err();
            assert!(matches!(error, LibraryError::Address { .. }), "{address}: {error:?}");
        }
        let error = Remote::pinned("owner/model@1", &sums.replace("tokenizer", "other"));
        assert!(error.unwrap_err().to_string().contains("tokenizer.json"));
    }
}
