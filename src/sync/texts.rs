//! What people wrote about patterns, between the store and the ledger: what leaves of it, and what
//! becomes of the documents of others.
//!
//! A document keeps all that ever stood in it, so the one in the store, into which a person types,
//! never leaves. What leaves is a second one, the *shared text*, which is only ever given pages
//! that the rules for what leaves were applied to: nothing else is in its history. Documents of
//! others are merged into that one, by a process that may die of them. The page that is read here
//! is the shared one, with what does not leave put back where it stood.

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use super::ledger::View;
use super::record::Field;
use super::sanitise::{Finding, Sanitiser, harmless_page};
use super::segment::DeviceKey;
use super::text::{self, Author, TextError, WorkerCommand};
use crate::model::ids::PatternId;
use crate::model::page::Page;
use crate::model::pattern::Kind;
use crate::model::suspicion;
use crate::storage::{Edit, Edited, Leaving, SharedText, StorageError, Store, hash_of};

/// Documents of one device that cannot be read, after which its others are not tried any more.
const PATIENCE: usize = 4;

/// A text that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// The pattern that it is about.
    pub(crate) pattern: PatternId,
    /// Whose it is; `None` for this device's own.
    pub(crate) device: Option<DeviceKey>,
    /// Why.
    pub(crate) reason: String,
}

/// A text as it leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LeavingText {
    /// The pattern that it is about.
    pub(crate) pattern: PatternId,
    /// What sort of observation that is.
    pub(crate) kind: Kind,
    /// The document.
    pub(crate) document: Vec<u8>,
    /// The page that others read.
    pub(crate) page: Page,
    /// What was changed in it.
    pub(crate) findings: Vec<Finding>,
    /// Whether it holds what was written here and not sent yet.
    pub(crate) unsaid: bool,
    /// Whether the pattern was learned here, so that its words leave too.
    pub(crate) learned_here: bool,
}

/// What is needed to read and write shared texts.
pub(crate) struct Texts<'a> {
    worker: &'a WorkerCommand,
    sanitiser: &'a Sanitiser,
    /// This device.
    me: DeviceKey,
    /// Devices that are this user's: their words are the user's own.
    own_machines: BTreeSet<DeviceKey>,
    /// Texts that cannot be used.
    pub(crate) refused: Vec<Refused>,
}

/// The shared text of what was written here.
struct Form {
    text: SharedText,
    /// Its page; `None` where that was not looked at.
    page: Option<Page>,
}

impl<'a> Texts<'a> {
    /// Documents are read by `worker`; the rules for what leaves are those of `sanitiser`.
    pub(crate) fn new(
        worker: &'a WorkerCommand,
        sanitiser: &'a Sanitiser,
        me: DeviceKey,
        own_machines: BTreeSet<DeviceKey>,
    ) -> Self {
        Self { worker, sanitiser, me, own_machines, refused: Vec::new() }
    }

    /// What leaves of what people wrote, in the order of the patterns' ids. With `keep`, the shared
    /// texts are kept, so that the next edit goes on from them; call it so before they leave. With
    /// `exact`, pages are read from the documents, which takes longer.
    pub(crate) fn leaving(
        &mut self,
        store: &mut Store,
        leaving: &Leaving,
        keep: bool,
        exact: bool,
    ) -> Result<Vec<LeavingText>, StorageError> {
        let mut all = Vec::new();
        for edited in store.edits_leaving(leaving)? {
            let Edited { pattern, edit, learned_here } = &edited;
            let (clean, findings) =
                self.sanitiser.page(pattern.kind, &pattern.tool, edit.page.clone());
            let form = self.form(store, pattern.id, (pattern.kind, &pattern.tool), edit)?;
            let form = match form {
                Ok(None) => continue,
                Ok(Some(form)) if exact => self.page_of(&form).map(|page| (form.text, page)),
                // What was made of this page, if by the same rules.
                Ok(Some(form)) => Ok((form.text, form.page.unwrap_or_else(|| clean.clone()))),
                Err(error) => Err(error),
            };
            let (text, page) = match form {
                Ok(form) => form,
                Err(error) => {
                    self.refuse(pattern.id, None, &error);
                    continue;
                }
            };
            if keep {
                store.atomically(|store| store.put_shared_text(pattern.id, &text))?;
            }
            let SharedText { document, unsaid, .. } = text;
            let (pattern, kind, learned_here) = (pattern.id, pattern.kind, *learned_here);
            all.push(LeavingText { pattern, kind, document, page, findings, unsaid, learned_here });
        }
        Ok(all)
    }

    /// Merges what trusted devices wrote about a pattern into what was written here. Returns whether
    /// that changed anything.
    pub(crate) fn hear(
        &mut self,
        store: &mut Store,
        pattern: PatternId,
        view: &View,
        now: i64,
    ) -> Result<bool, StorageError> {
        let edit = store.edit_of(pattern)?;
        if view.redacted || view.documents.is_empty() || store.is_forgotten_pattern(pattern)? {
            let goes = edit.is_some() && self.goes(store, pattern, view)?;
            if goes {
                store.atomically(|store| store.drop_text(pattern, now))?;
            }
            return Ok(goes);
        }
        let known = store.pattern(pattern)?;
        let (kind, tool) =
            known.map_or((Kind::Episode, String::new()), |known| (known.kind, known.tool));
        let form = match &edit {
            None => None,
            Some(edit) => match self.form(store, pattern, (kind, &tool), edit)? {
                Ok(form) => form,
                Err(error) => {
                    self.refuse(pattern, None, &error);
                    return Ok(false);
                }
            },
        };
        let merged = match self.merged(store, pattern, edit.as_ref(), form.as_ref(), view)? {
            Ok(Some(merged)) => merged,
            Ok(None) => return Ok(false),
            Err(error) => {
                self.refuse(pattern, None, &error);
                return Ok(false);
            }
        };
        let (document, page) = merged;
        let unsaid = form.is_some_and(|form| form.text.unsaid);
        let text = SharedText { document, page: hash_of(&page), unsaid };
        let same = edit.is_some_and(|edit| edit.page == page);
        if same && store.shared_text(pattern)?.as_ref() == Some(&text) {
            return Ok(false);
        }
        // What reads like an instruction that a user would not give waits, whoever wrote it.
        let ours = view.documents.iter().all(|(device, _)| self.own_machines.contains(device))
            && store.is_written(pattern)?
            && suspicion::of_person(&page.body).is_none();
        let written = ours.then_some(page.body.as_str());
        store.atomically(|store| {
            store.put_edit(pattern, &text.document, &page, written, now)?;
            store.put_shared_text(pattern, &text)
        })?;
        Ok(true)
    }

    /// Whether what is kept of a text goes, now that no other device stands for it: when it has to
    /// vanish everywhere, when the user had the pattern forgotten, and when nothing in it was
    /// written here.
    fn goes(
        &self,
        store: &mut Store,
        pattern: PatternId,
        view: &View,
    ) -> Result<bool, StorageError> {
        if store.is_forgotten_pattern(pattern)? {
            return Ok(true);
        }
        if store.shared_text(pattern)?.is_none() {
            return Ok(false);
        }
        if view.redacted {
            return Ok(true);
        }
        let said = store.shared_claim(pattern, Field::DOCUMENT, &self.me)?;
        let said = said.is_some_and(|claim| !claim.value.is_empty());
        Ok(!said && !store.is_unsaid(pattern)?)
    }

    /// The shared text of an edit: the one that is there, with what was written since; `None` where
    /// nothing is written.
    fn form(
        &self,
        store: &mut Store,
        pattern: PatternId,
        (kind, tool): (Kind, &str),
        edit: &Edit,
    ) -> Result<Result<Option<Form>, TextError>, StorageError> {
        let shared = store.shared_text(pattern)?;
        let page = hash_of(&edit.page);
        if let Some(text) = shared.clone().filter(|text| text.page == page) {
            return Ok(Ok(Some(Form { text, page: None })));
        }
        let author = Author { actor: store.incarnation()?, now: edit.edited };
        let (clean, _) = self.sanitiser.page(kind, tool, edit.page.clone());
        let Some(shared) = shared else {
            if clean == Page::default() {
                return Ok(Ok(None));
            }
            let learned = match store.pattern(pattern)? {
                Some(known) => store.learned_words(known.row)?.unwrap_or_default(),
                None => String::new(),
            };
            let learned = Page { body: learned, ..Page::default() };
            let (learned, _) = self.sanitiser.page(kind, tool, learned);
            let made = text::create(&author, &learned.body, &clean);
            return Ok(made.map(|document| {
                let text = SharedText { document, page, unsaid: true };
                Some(Form { text, page: Some(clean) })
            }));
        };
        let edited = text::edit_guarded(self.worker, &shared.document, None, &author, &clean);
        Ok(edited.map(|(document, read)| {
            let unsaid = shared.unsaid || document != shared.document;
            Some(Form { text: SharedText { document, page, unsaid }, page: Some(read) })
        }))
    }

    fn page_of(&self, form: &Form) -> Result<Page, TextError> {
        if let Some(page) = &form.page {
            return Ok(page.clone());
        }
        let document = &form.text.document;
        Ok(text::merge_guarded(self.worker, Some(document), document)?.1)
    }

    /// The shared text with the documents of others, and the page that is read here; `None` when
    /// none of them can be read.
    #[expect(clippy::type_complexity, reason = "a document and its page, if there are any")]
    fn merged(
        &mut self,
        store: &mut Store,
        pattern: PatternId,
        edit: Option<&Edit>,
        form: Option<&Form>,
        view: &View,
    ) -> Result<Result<Option<(Vec<u8>, Page)>, TextError>, StorageError> {
        let mut ours = None;
        // What is read here and does not leave, as an edit of the shared text.
        let mut overlay = None;
        if let (Some(form), Some(edit)) = (form, edit) {
            let page = match self.page_of(form) {
                Ok(page) => page,
                Err(error) => return Ok(Err(error)),
            };
            if harmless_page(page.clone()) != edit.page {
                let actor = store.incarnation()?.map(|byte| !byte);
                let author = Author { actor, now: edit.edited };
                let document = &form.text.document;
                match text::edit_guarded(self.worker, document, None, &author, &edit.page) {
                    Ok((document, _)) => overlay = Some(document),
                    Err(error) => return Ok(Err(error)),
                }
            }
            ours = Some((form.text.document.clone(), page));
        }
        let mut read = None;
        for (device, theirs) in &view.documents {
            let failures = self.refused.iter().filter(|refused| refused.device == Some(*device));
            if failures.count() >= PATIENCE {
                let reason = "not read: several texts of this device could not be".to_owned();
                self.refused.push(Refused { pattern, device: Some(*device), reason });
                continue;
            }
            let document = ours.as_ref().map(|(document, _)| document.as_slice());
            match text::merge_guarded(self.worker, document, theirs) {
                Ok(merged) => ours = Some(merged),
                Err(error) => {
                    self.refuse(pattern, Some(*device), &error);
                    continue;
                }
            }
            let (document, page) = ours.as_ref().expect("it was just merged");
            let page = match &mut overlay {
                None => page.clone(),
                Some(overlay) => match text::merge_guarded(self.worker, Some(overlay), document) {
                    Ok((merged, page)) => {
                        *overlay = merged;
                        page
                    }
                    // Then what leaves is read here too.
                    Err(_) => page.clone(),
                },
            };
            read = Some(page);
        }
        let merged = ours.zip(read).map(|((document, shared), read)| {
            // What was written here stays as it is, unless the others' words are harmful.
            let plain = harmless_page(shared.clone()) == shared;
            (document, if plain && overlay.is_some() { read } else { harmless_page(read) })
        });
        Ok(Ok(merged))
    }

    fn refuse(&mut self, pattern: PatternId, device: Option<DeviceKey>, error: &TextError) {
        self.refused.push(Refused { pattern, device, reason: error.to_string() });
    }
}

/// Notes texts as sent: `sent` are those that [`Texts::leaving`] gave.
pub(crate) fn note_sent(store: &mut Store, sent: &[LeavingText]) -> Result<(), StorageError> {
    store.atomically(|store| {
        for text in sent.iter().filter(|text| text.unsaid) {
            let Some(kept) = store.shared_text(text.pattern)? else { continue };
            if kept.document == text.document {
                store.put_shared_text(text.pattern, &SharedText { unsaid: false, ..kept })?;
            }
        }
        Ok(())
    })
}
