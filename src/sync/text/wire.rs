//! What is said between `mana` and the process that reads documents: frames of a length (32 bits,
//! little-endian) and so many bytes. A frame holds fields, each again a length and bytes.

use std::io::{self, Read, Write};

use super::document::{Author, LIMIT};
use super::error::TextError;
use crate::model::page::Page;

/// Bytes of a frame: several documents and a page fit easily.
const LONGEST: usize = 1 << 20;

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// Both documents in one; without the first, the second in our own encoding.
    Merge { ours: Option<Vec<u8>>, theirs: Vec<u8> },
    /// The document with what an author wrote.
    Edit { document: Vec<u8>, seen: Option<Vec<u8>>, author: Author, page: Page },
    /// The document made anew, with this page or its own.
    Renew { document: Vec<u8>, page: Option<Page> },
}

/// The document that was asked for with its page, or why there is none.
pub(super) type Answer = Result<(Vec<u8>, Page), TextError>;

const MERGE: u8 = 1;
const EDIT: u8 = 2;
const RENEW: u8 = 3;

const DONE: u8 = 0;
const MALFORMED: u8 = 1;
const LARGE: u8 = 2;
const LONG: u8 = 3;
const FAILED: u8 = 4;

/// What a worker says of a document whose reading failed.
const PANICKED: &str = "made the library fail";

impl Request {
    /// The largest of its documents, in bytes.
    pub(super) fn largest(&self) -> usize {
        let (one, other) = match self {
            Self::Merge { ours, theirs } => (Some(theirs), ours.as_ref()),
            Self::Edit { document, seen, .. } => (Some(document), seen.as_ref()),
            Self::Renew { document, .. } => (Some(document), None),
        };
        one.into_iter().chain(other).map(Vec::len).max().unwrap_or(0)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Merge { ours, theirs } => {
                out.push(MERGE);
                put_optional(&mut out, ours.as_deref());
                put(&mut out, theirs);
            }
            Self::Edit { document, seen, author, page } => {
                out.push(EDIT);
                put(&mut out, document);
                put_optional(&mut out, seen.as_deref());
                put(&mut out, &author.actor);
                put(&mut out, &author.now.to_le_bytes());
                put(&mut out, &page_json(page));
            }
            Self::Renew { document, page } => {
                out.push(RENEW);
                put(&mut out, document);
                put_optional(&mut out, page.as_ref().map(page_json).as_deref());
            }
        }
        out
    }

    /// The request in `bytes`; `None` for anything else.
    pub(super) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let kind = *bytes.split_off_first()?;
        let from = &mut bytes;
        let request = match kind {
            MERGE => Self::Merge { ours: take_optional(from)?, theirs: take(from)?.to_vec() },
            EDIT => Self::Edit {
                document: take(from)?.to_vec(),
                seen: take_optional(from)?,
                author: Author {
                    actor: take(from)?.try_into().ok()?,
                    now: i64::from_le_bytes(take(from)?.try_into().ok()?),
                },
                page: serde_json::from_slice(take(from)?).ok()?,
            },
            RENEW => {
                let document = take(from)?.to_vec();
                let page = take_optional(from)?;
                let page = page.map(|json| serde_json::from_slice(&json)).transpose().ok()?;
                Self::Renew { document, page }
            }
            _ => return None,
        };
        bytes.is_empty().then_some(request)
    }
}

pub(super) fn answer_bytes(answer: &Answer) -> Vec<u8> {
    match answer {
        Ok((document, page)) => {
            let mut out = vec![DONE];
            put(&mut out, document);
            put(&mut out, &page_json(page));
            out
        }
        Err(TextError::Malformed) => vec![MALFORMED],
        Err(TextError::Large { found }) => {
            let mut out = vec![LARGE];
            put(&mut out, &(*found as u64).to_le_bytes());
            out
        }
        Err(TextError::Long) => vec![LONG],
        Err(_) => vec![FAILED],
    }
}

/// The answer in `bytes`, of which nothing is believed: what is no answer, or says what no honest
/// worker does, is `None`.
pub(super) fn answer_from(mut bytes: &[u8]) -> Option<Answer> {
    let kind = *bytes.split_off_first()?;
    let answer = match kind {
        DONE => {
            let document = take(&mut bytes)?.to_vec();
            let page: Page = serde_json::from_slice(take(&mut bytes)?).ok()?;
            if document.is_empty() || document.len() > LIMIT || page.tidy() != page {
                return None;
            }
            Ok((document, page))
        }
        MALFORMED => Err(TextError::Malformed),
        LARGE => {
            let found = u64::from_le_bytes(take(&mut bytes)?.try_into().ok()?);
            Err(TextError::Large { found: usize::try_from(found).ok()? })
        }
        LONG => Err(TextError::Long),
        FAILED => Err(TextError::Worker(PANICKED)),
        _ => return None,
    };
    bytes.is_empty().then_some(answer)
}

/// The next frame; `None` where the other side has nothing more to say.
pub(super) fn read_frame(from: &mut (impl Read + ?Sized)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the frame is too long"));
    }
    let mut frame = vec![0; length];
    from.read_exact(&mut frame)?;
    Ok(Some(frame))
}

pub(super) fn write_frame(to: &mut (impl Write + ?Sized), frame: &[u8]) -> io::Result<()> {
    to.write_all(&(frame.len() as u32).to_le_bytes())?;
    to.write_all(frame)?;
    to.flush()
}

fn page_json(page: &Page) -> Vec<u8> {
    serde_json::to_vec(page).expect("a page has string keys")
}

fn put(out: &mut Vec<u8>, field: &[u8]) {
    out.extend((field.len() as u32).to_le_bytes());
    out.extend(field);
}

fn put_optional(out: &mut Vec<u8>, field: Option<&[u8]>) {
    out.push(u8::from(field.is_some()));
    if let Some(field) = field {
        put(out, field);
    }
}

fn take<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = from.split_off(..4)?;
    let length = u32::from_le_bytes(length.try_into().expect("four bytes were split off"));
    from.split_off(..length as usize)
}

#[expect(clippy::option_option, reason = "there may be no field, or bytes that are none")]
fn take_optional(from: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    match *from.split_off_first()? {
        0 => Some(None),
        1 => take(from).map(|field| Some(field.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..40)
    }

    fn pages() -> impl Strategy<Value = Page> {
        ("\\PC{0,20}", "\\PC{0,20}", prop::collection::vec("[a-c]{1,3}", 0..4), "\\PC{0,20}")
            .prop_map(|(title, body, tags, notes)| Page { title, body, tags, notes }.tidy())
    }

    fn requests() -> impl Strategy<Value = Request> {
        let author = (any::<[u8; 16]>(), any::<i64>());
        let author = author.prop_map(|(actor, now)| Author { actor, now });
        prop_oneof![
            (prop::option::of(documents()), documents())
                .prop_map(|(ours, theirs)| Request::Merge { ours, theirs }),
            (documents(), prop::option::of(documents()), author, pages()).prop_map(
                |(document, seen, author, page)| Request::Edit { document, seen, author, page }
            ),
            (documents(), prop::option::of(pages()))
                .prop_map(|(document, page)| Request::Renew { document, page }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_asked_arrives(request in requests()) {
            let bytes = request.to_bytes();
            prop_assert_eq!(Request::from_bytes(&bytes), Some(request));
            for end in 0..bytes.len() {
                prop_assert_eq!(Request::from_bytes(&bytes[..end]), None);
            }
            let mut frames = Vec::new();
            write_frame(&mut frames, &bytes).unwrap();
            prop_assert_eq!(read_frame(&mut &frames[..]).unwrap(), Some(bytes));
        }

        #[test]
        fn what_is_answered_arrives(document in documents(), page in pages()) {
            prop_assume!(!document.is_empty());
            let bytes = answer_bytes(&Ok((document.clone(), page.clone())));
            let (got, read) = answer_from(&bytes).unwrap().unwrap();
            prop_assert_eq!((got, read), (document, page));
            prop_assert!((0..bytes.len()).all(|end| answer_from(&bytes[..end]).is_none()));
        }

        #[test]
        fn nonsense_is_no_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _request = Request::from_bytes(&bytes);
            if let Some(Ok((document, page))) = answer_from(&bytes) {
                prop_assert!(document.len() <= LIMIT && page.tidy() == page);
            }
            let _frame = read_frame(&mut &bytes[..]);
        }
    }

    #[test]
    fn what_no_honest_worker_says_is_not_believed() {
        let page = Page { body: "<system>".into(), ..Page::default() };
        let large = vec![1; LIMIT + 1];
        for answer in
            [Ok((vec![1], page)), Ok((large, Page::default())), Ok((vec![], Page::default()))]
        {
            assert!(answer_from(&answer_bytes(&answer)).is_none());
        }
        assert!(read_frame(&mut &[255; 8][..]).is_err(), "four gigabytes are announced");
        for error in [TextError::Malformed, TextError::Long, TextError::Large { found: 70_000 }] {
            let said = error.to_string();
            let heard = answer_from(&answer_bytes(&Err(error))).unwrap().unwrap_err().to_string();
            assert_eq!(heard, said);
        }
    }
}
