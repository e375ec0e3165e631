//! The catalogue: which project a folder belongs to, and which snapshots are those of the
//! database as it is. Hot.

use std::io;
use std::path::Path;

use super::layout::{Damage, Hash, Section, Sections, u64_at};
use super::part::{Part, Source};
use super::slots::Slots;
use crate::model::rank::Weights;
use crate::storage::open::Rest;

/// The catalogue of a home.
#[derive(Debug)]
pub(super) struct Catalogue {
    source: Source,
    sections: Sections,
}

impl Catalogue {
    /// Opens the catalogue at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let source = Source::open(path)?;
        match Sections::read(source.all()) {
            Ok(sections) => Ok(Self { source, sections }),
            Err(Damage) => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Whether the snapshots that it lists are those of a database in this state.
    pub(super) fn is_of(&self, database: &Rest) -> bool {
        self.section(Section::Facts).whole() == Ok(&database.to_bytes())
    }

    fn section(&self, section: Section) -> Part<'_> {
        self.source.part(self.sections.range(section))
    }

    /// The weights of the model for files; the shipped ones where none are listed.
    pub(super) fn place_weights(&self) -> Weights {
        let listed = self.section(Section::PlaceWeights).whole().ok();
        listed.and_then(Weights::from_bytes).unwrap_or_else(Weights::shipped)
    }

    /// The project of the folder `folder`, and that project's folder.
    pub(super) fn root(&self, folder: &str) -> Result<Option<(i64, String)>, Damage> {
        Ok(self.named(Section::Roots, folder)?.map(|(project, base)| (project, base.to_owned())))
    }

    /// The row of the project with this key.
    pub(super) fn project(&self, key: &str) -> Result<Option<i64>, Damage> {
        Ok(self.named(Section::Projects, key)?.map(|(project, _)| project))
    }

    /// What the heap has under a name: a project's row and a text.
    fn named(&self, section: Section, name: &str) -> Result<Option<(i64, &str)>, Damage> {
        let heap = self.section(Section::Heap);
        for at in Slots::<8>::new(self.section(section)).of(Hash::of(name)) {
            let (known, project, text) = heap.decode(u64::from_le_bytes(*at?), |reading| {
                Ok((reading.text()?, reading.number()?, reading.text()?))
            })?;
            if known == name {
                return Ok(Some((i64::try_from(project).map_err(|_| Damage)?, text)));
            }
        }
        Ok(None)
    }

    /// The generations of all snapshots, by the rows of their projects.
    pub(super) fn generations(&self) -> impl Iterator<Item = (i64, u64)> {
        self.section(Section::Generations)
            .whole()
            .unwrap_or_default()
            .as_chunks::<16>()
            .0
            .iter()
            .filter_map(|record| Some((u64_at(record, 0).ok()? as i64, u64_at(record, 8).ok()?)))
    }

    /// The generation of a project's snapshot.
    pub(super) fn generation(&self, project: i64) -> Option<u64> {
        let mut all = self.generations();
        all.find_map(|(row, generation)| (row == project).then_some(generation))
    }
}
