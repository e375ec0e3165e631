//! What the agent is told by files anyway: `CLAUDE.md` and its kind. Hot.

use std::path::Path;

use super::checkout::{Text, read_text};
use crate::model::pattern::Pattern;
use crate::model::stated::Guide;

/// The files of a folder that agents read by themselves.
const FILES: [&str; 4] = ["CLAUDE.md", ".claude/CLAUDE.md", "CLAUDE.local.md", "AGENTS.md"];

/// Names and texts of such files.
#[derive(Debug, Default)]
pub(crate) struct Instructions(Vec<(&'static str, Guide)>);

impl Instructions {
    /// Reads those of these folders, and the user's own in the client's folder `agent`. What is
    /// missing, long or no regular file says nothing.
    pub(crate) fn read<'a>(folders: impl Iterator<Item = &'a Path>, agent: &Path) -> Self {
        let mut texts = Vec::new();
        let mut read = |name, path: &Path| {
            if let Text::Is(text) = read_text(path) {
                texts.push((name, Guide::new(text)));
            }
        };
        for folder in folders {
            for name in FILES {
                read(name, &folder.join(name));
            }
        }
        read("the user's CLAUDE.md", &agent.join("CLAUDE.md"));
        Self(texts)
    }

    /// The file that states what the pattern says.
    pub(crate) fn stating(&self, pattern: &Pattern) -> Option<&'static str> {
        self.0.iter().find(|(_, guide)| guide.states(pattern)).map(|(name, _)| *name)
    }
}
