//! The words of a pattern as they travel: the fields that may leave, and no others.

use super::cursor::{Cursor, Malformed, put_text};
use crate::model::pattern::{Kind, Payload};

/// Characters of the text that agents read.
pub(crate) const TEXT: usize = 500;
/// Characters of the words by which a pattern is found.
pub(crate) const TRIGGER: usize = 2000;
/// Exact keys of one pattern.
pub(crate) const KEYS: usize = 64;

/// What leaves of a pattern's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wording {
    /// What sort of observation.
    pub(crate) kind: Kind,
    /// Keyed label of its project; `None` for a global pattern.
    pub(crate) project: Option<[u8; 16]>,
    /// Tool that it is about; may be empty.
    pub(crate) tool: String,
    /// Command category; may be empty.
    pub(crate) category: String,
    /// Words by which it is found.
    pub(crate) trigger: String,
    /// What the agent would read.
    pub(crate) text: String,
    /// The parts that code needs.
    pub(crate) payload: Payload,
    /// Exact keys under which it is found.
    pub(crate) keys: Vec<i64>,
}

impl Wording {
    /// As the value of a field.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind as u8, u8::from(self.project.is_some())];
        bytes.extend(self.project.iter().flatten());
        for text in [&self.tool, &self.category, &self.trigger, &self.text] {
            put_text(&mut bytes, text);
        }
        let payload = serde_json::to_string(&self.payload).expect("a payload has only string keys");
        put_text(&mut bytes, &payload);
        let keys = &self.keys[..self.keys.len().min(KEYS)];
        bytes.push(keys.len() as u8);
        bytes.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        bytes
    }

    /// From the value of a field.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut cursor = Cursor::new(bytes);
        let kind = Kind::from_number(cursor.u8()?.into())
            .filter(|kind| *kind != Kind::Skill)
            .ok_or(Malformed)?;
        let project = match cursor.u8()? {
            0 => None,
            1 => Some(cursor.array()?),
            _ => return Err(Malformed),
        };
        let [tool, category, trigger, text] = [
            short(&mut cursor, 200)?,
            short(&mut cursor, 40)?,
            short(&mut cursor, TRIGGER)?,
            short(&mut cursor, TEXT)?,
        ];
        let payload = serde_json::from_str(cursor.text()?).map_err(|_| Malformed)?;
        let count = cursor.u8()?;
        if usize::from(count) > KEYS {
            return Err(Malformed);
        }
        let keys = (0..count).map(|_| cursor.i64()).collect::<Result<_, _>>()?;
        cursor.finish()?;
        Ok(Self { kind, project, tool, category, trigger, text, payload, keys })
    }
}

/// A text of at most `longest` characters.
fn short(cursor: &mut Cursor<'_>, longest: usize) -> Result<String, Malformed> {
    let text = cursor.text()?;
    if text.len() > longest && text.chars().nth(longest).is_some() {
        return Err(Malformed);
    }
    Ok(text.to_owned())
}
