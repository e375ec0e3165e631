//! The document behind a page: how it is made, edited, merged and read.
//!
//! ```text
//! root  generation  counts how often the document was made anew
//!       page        map: title, body, notes (texts), tags (map tag -> true),
//!                   own (above 0: agents read the body instead of the learned words; its
//!                   size counts how often that was said),
//!                   edited (when somebody last changed it, ms since the Unix epoch)
//! ```
//!
//! - The first change of every document depends on nothing but what it holds: author, time and
//!   order are fixed. Two devices that begin with the same learned words, or make the same document
//!   anew, make the same bytes and merge letter by letter afterwards.
//! - Two documents that began with different words keep both pages; the one that was edited last
//!   is the page.
//! - A higher generation replaces a lower one, whatever that holds: history cannot be cut out of a
//!   document, so what has to go (a secret, too much history) goes with the whole document.
//! - Of an edit and a return to the learned words at the same time, the edit holds.
//!
//! Documents are saved whole: an incremental save right after loading would write all of the
//! history uncompressed.

use std::cmp::Ordering;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{
    ActorId, AutoCommit, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    Value,
};
use sha2::{Digest, Sha256};
use similar::{DiffTag, TextDiff};

use super::error::TextError;
use crate::model::page::Page;

/// Bytes of a document; a larger one is made anew from its page.
pub(crate) const LIMIT: usize = 64 << 10;

/// Characters of one text beyond which a document is none that people wrote: merging honest edits
/// adds up to a few times what a page may have.
const LONGEST: usize = 100_000;

/// Tags beyond which it is none.
const MOST_TAGS: usize = 2_000;

/// Bytes of both texts up to which they are compared letter by letter: the time grows with the
/// square of what differs.
const BY_LETTERS: usize = 2_000;

/// Who edits, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Author {
    /// The store's incarnation: two that continue from one backup must differ.
    pub(crate) actor: [u8; 16],
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

/// What a document begins with.
struct Beginning<'a> {
    generation: u64,
    page: &'a Page,
    own: bool,
    edited: i64,
}

/// A document for a pattern whose learned words are `learned`, in which `author` wrote `page`.
pub(crate) fn create(author: &Author, learned: &str, page: &Page) -> Result<Vec<u8>, TextError> {
    let learned = Page { body: learned.into(), ..Page::default() }.tidy();
    let beginning = Beginning { generation: 0, page: &learned, own: false, edited: 0 };
    let mut document = begin(&beginning)?;
    write(&mut document, author, page)?;
    Ok(capped(document.save()))
}

/// The document after `author` made its page `page`.
///
/// What was changed is told from the document that the author had `seen`, where that is an earlier
/// state of it: what others wrote meanwhile stays.
pub(crate) fn edit(
    document: &[u8],
    seen: Option<&[u8]>,
    author: &Author,
    page: &Page,
) -> Result<Vec<u8>, TextError> {
    let mut loaded = load(document)?;
    if let Some(seen) = seen.filter(|seen| *seen != document) {
        let heads = load(seen)?.get_heads();
        if heads.iter().all(|head| loaded.get_change_by_hash(head).is_some()) {
            loaded.isolate(&heads);
        }
    }
    if write(&mut loaded, author, page)? {
        loaded.integrate();
        Ok(capped(loaded.save()))
    } else {
        Ok(document.to_vec())
    }
}

/// Both documents in one. `ours` comes back byte by byte where `theirs` holds nothing new.
pub(crate) fn merge(ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, TextError> {
    let (mut a, mut b) = (load(ours)?, load(theirs)?);
    match generation(&a)?.cmp(&generation(&b)?) {
        Ordering::Greater => return Ok(ours.to_vec()),
        Ordering::Less => return Ok(b.save()),
        Ordering::Equal => {}
    }
    let before = a.get_heads();
    match a.merge(&mut b) {
        Ok(_) => {}
        Err(AutomergeError::DuplicateSeqNumber(..) | AutomergeError::DuplicateActorId(_)) => {
            return later(ours, theirs);
        }
        Err(_) => return Err(TextError::Malformed),
    }
    let after = a.get_heads();
    if after == before {
        Ok(ours.to_vec())
    } else if after == b.get_heads() {
        Ok(b.save())
    } else {
        Ok(a.save())
    }
}

/// What others sent, in our own encoding.
pub(super) fn adopt(theirs: &[u8]) -> Result<Vec<u8>, TextError> {
    let mut loaded = load(theirs)?;
    generation(&loaded)?;
    Ok(loaded.save())
}

/// Of two documents in which one author wrote different things at the same place, because a store
/// was copied, the one that was edited last: a merge is not possible, and never would be.
fn later(ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, TextError> {
    let (mut a, mut b) = (load(ours)?, load(theirs)?);
    let rank = |document: &mut AutoCommit| -> Result<(i64, Vec<ChangeHash>), TextError> {
        let page = chosen(document)?;
        Ok((edited(document, &page), document.get_heads()))
    };
    if rank(&mut a)? >= rank(&mut b)? { Ok(ours.to_vec()) } else { Ok(b.save()) }
}

/// The page of a document, with all limits kept.
pub(crate) fn project(document: &[u8]) -> Result<Page, TextError> {
    read(&load(document)?)
}

/// A new document with nothing but `page`, or its own page, in place of `document` and all of its
/// history. Two devices that do it to the same document make the same one.
pub(crate) fn renew(document: &[u8], page: Option<&Page>) -> Result<Vec<u8>, TextError> {
    let loaded = load(document)?;
    let own = read(&loaded)?;
    let page = page.map_or(own, Page::tidy);
    let generation = generation(&loaded)?.saturating_add(1);
    let edited = edited(&loaded, &chosen(&loaded)?);
    let beginning = Beginning { generation, page: &page, own: !page.body.is_empty(), edited };
    Ok(begin(&beginning)?.save())
}

/// The document, made anew if it has grown too large.
pub(super) fn capped(document: Vec<u8>) -> Vec<u8> {
    if document.len() <= LIMIT {
        return document;
    }
    // What was just saved can be read.
    renew(&document, None).unwrap_or(document)
}

fn load(document: &[u8]) -> Result<AutoCommit, TextError> {
    AutoCommit::load(document).map_err(|_| TextError::Malformed)
}

/// A new document. Whoever makes it, whenever, the bytes are the same.
fn begin(beginning: &Beginning<'_>) -> Result<AutoCommit, TextError> {
    let mut document = AutoCommit::new().with_actor(ActorId::from(beginning.actor()));
    let filled = fill(&mut document, beginning);
    filled.map_err(|_| TextError::Malformed)?;
    document.commit_with(CommitOptions::default().with_time(0));
    Ok(document)
}

fn fill(document: &mut AutoCommit, beginning: &Beginning<'_>) -> Result<(), AutomergeError> {
    let Beginning { generation, page, own, edited } = beginning;
    document.put(&ROOT, "generation", ScalarValue::Uint(*generation))?;
    let map = document.put_object(&ROOT, "page", ObjType::Map)?;
    for (name, text) in [("title", &page.title), ("body", &page.body), ("notes", &page.notes)] {
        let object = document.put_object(&map, name, ObjType::Text)?;
        document.splice_text(&object, 0, 0, text)?;
    }
    let tags = document.put_object(&map, "tags", ObjType::Map)?;
    for tag in &page.tags {
        document.put(&tags, tag.as_str(), true)?;
    }
    document.put(&map, "own", if *own { 1_i64 } else { -1_i64 })?;
    document.put(&map, "edited", *edited)
}

impl Beginning<'_> {
    /// The author of a beginning: 16 bytes of a hash over all that it holds.
    fn actor(&self) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix("mana text beginning");
        hash.update(self.generation.to_le_bytes());
        hash.update(self.edited.to_le_bytes());
        hash.update([u8::from(self.own)]);
        let Page { title, body, tags, notes } = self.page;
        for text in [title, body, notes].into_iter().chain(tags) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let mut actor = [0; 16];
        actor.copy_from_slice(&hash.finalize()[..16]);
        actor
    }
}

/// Makes the page of `document` `page` by the fewest changes; whether there were any.
fn write(document: &mut AutoCommit, author: &Author, page: &Page) -> Result<bool, TextError> {
    let before = document.get_heads();
    document.set_actor(ActorId::from(author.actor));
    let map = chosen(document)?;
    change(document, &map, author, page).map_err(|_| TextError::Malformed)?;
    document.commit_with(CommitOptions::default().with_time(author.now.div_euclid(1_000)));
    Ok(document.get_heads() != before)
}

fn change(
    document: &mut AutoCommit,
    map: &ObjId,
    author: &Author,
    page: &Page,
) -> Result<(), AutomergeError> {
    let own = !page.body.is_empty();
    let mut changed = false;
    let mut worded = own != is_own(document, map);
    let texts = [("title", &page.title), ("notes", &page.notes), ("body", &page.body)];
    // The body of a page that goes back to the learned words stays in the document: with an edit
    // at the same time it is needed whole.
    for (name, new) in texts.into_iter().filter(|(name, _)| own || *name != "body") {
        let (_, object) = document.get(map, name)?.ok_or(AutomergeError::Fail)?;
        let old = document.text(&object)?;
        if old != *new {
            rewrite(document, &object, &old, new)?;
            changed = true;
            worded |= name == "body";
        }
    }
    let (_, tags) = document.get(map, "tags")?.ok_or(AutomergeError::Fail)?;
    let known: Vec<String> = document.keys(&tags).collect();
    for gone in known.iter().filter(|tag| !page.tags.contains(tag)) {
        document.delete(&tags, gone.as_str())?;
        changed = true;
    }
    for new in page.tags.iter().filter(|tag| !known.contains(tag)) {
        document.put(&tags, new.as_str(), true)?;
        changed = true;
    }
    if worded {
        // Said again even where it is so: it holds against whoever says otherwise meanwhile. The
        // same value once more would be no change.
        let said = owns(document, map).map(i64::saturating_abs).max().unwrap_or(0);
        let said = said.saturating_add(1);
        document.put(map, "own", if own { said } else { -said })?;
    }
    if changed || worded {
        let edited = edited(document, map).max(author.now);
        document.put(map, "edited", edited)?;
    }
    Ok(())
}

/// Makes the text `new` by few splices: letter by letter, and word by word where that would take
/// long.
fn rewrite(
    document: &mut AutoCommit,
    object: &ObjId,
    old: &str,
    new: &str,
) -> Result<(), AutomergeError> {
    if old.len() + new.len() <= BY_LETTERS {
        return document.update_text(object, new);
    }
    let diff = TextDiff::from_words(old, new);
    let width = |words: &[&str]| words.iter().map(|word| word.chars().count()).sum::<usize>();
    // From the end on, so that what comes before stays where it is.
    for change in diff.ops().iter().rev().filter(|change| change.tag() != DiffTag::Equal) {
        let range = change.old_range();
        let at = width(&diff.old_slices()[..range.start]);
        let gone = width(&diff.old_slices()[range]) as isize;
        let come = diff.new_slices()[change.new_range()].concat();
        document.splice_text(object, at, gone, &come)?;
    }
    Ok(())
}

/// How often the document was made anew.
fn generation(document: &AutoCommit) -> Result<u64, TextError> {
    let values = document.get_all(&ROOT, "generation").map_err(|_| TextError::Malformed)?;
    let values = values.iter().filter_map(|(value, _)| value.to_u64());
    values.max().ok_or(TextError::Malformed)
}

/// The page that counts: of several, the one that was edited last.
fn chosen(document: &AutoCommit) -> Result<ObjId, TextError> {
    let pages = document.get_all(&ROOT, "page").map_err(|_| TextError::Malformed)?;
    let maps = pages.into_iter().filter(|(value, _)| matches!(value, Value::Object(ObjType::Map)));
    // Of several at the same time the last one, in the order that all devices share.
    maps.map(|(_, map)| map).max_by_key(|map| edited(document, map)).ok_or(TextError::Malformed)
}

/// When the page was last edited.
fn edited(document: &AutoCommit, map: &ObjId) -> i64 {
    let values = document.get_all(map, "edited").unwrap_or_default();
    values.iter().filter_map(|(value, _)| value.to_i64()).max().unwrap_or(0)
}

/// Whether agents read the body: somebody says so, and nobody who knew of that says otherwise.
fn is_own(document: &AutoCommit, map: &ObjId) -> bool {
    owns(document, map).any(|said| said > 0)
}

fn owns(document: &AutoCommit, map: &ObjId) -> impl Iterator<Item = i64> {
    let values = document.get_all(map, "own").unwrap_or_default();
    values.into_iter().filter_map(|(value, _)| value.to_i64())
}

fn read(document: &AutoCommit) -> Result<Page, TextError> {
    generation(document)?;
    let map = chosen(document)?;
    let text = |name: &str| {
        let found = document.get(&map, name).map_err(|_| TextError::Malformed)?;
        let Some((Value::Object(ObjType::Text), object)) = found else {
            return Err(TextError::Malformed);
        };
        if document.length(&object) > LONGEST {
            return Err(TextError::Long);
        }
        document.text(&object).map_err(|_| TextError::Malformed)
    };
    let (title, body, notes) = (text("title")?, text("body")?, text("notes")?);
    let found = document.get(&map, "tags").map_err(|_| TextError::Malformed)?;
    let Some((Value::Object(ObjType::Map), tags)) = found else {
        return Err(TextError::Malformed);
    };
    let tags: Vec<String> = document.keys(&tags).take(MOST_TAGS + 1).collect();
    if tags.len() > MOST_TAGS {
        return Err(TextError::Long);
    }
    let body = if is_own(document, &map) { body } else { String::new() };
    Ok(Page { title, body, tags, notes }.tidy())
}
