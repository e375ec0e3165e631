//! What installing or uninstalling would change, as plain data.

use super::document::{Container, Document, Root, SettingsError};
use super::edit::{Changed, Edits, change};
use super::entries::HookEntries;
use super::layout::{Item, Style};
use super::rewrite::Rewrite;
use super::verify;

/// A change of the settings: the text before and after it, and what it means for each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    before: Option<String>,
    after: Option<String>,
    changes: Vec<Change>,
}

/// What happens to one entry of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The event it is listed under.
    pub(crate) event: String,
    /// The matcher of its group, if it has one.
    pub(crate) matcher: Option<String>,
    /// What happens.
    pub(crate) action: Action,
}

/// The kinds of [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Was not there.
    Added,
    /// Was there in another form: another path of the binary, shell form, another time limit.
    Updated,
    /// Was there as it should be.
    Kept,
    /// Was there and goes: uninstalled, a duplicate, or for an event we no longer listen to.
    Removed,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// The settings are not what the client could read.
    #[error(transparent)]
    Refused(#[from] SettingsError),
    /// A defect of ours, caught by the check of every edit before anything is written.
    #[error("the edit would have changed other settings, so it was dropped")]
    Unsafe,
}

impl Plan {
    /// The text to write; `None` when the file is to be deleted, or stays missing.
    pub(crate) fn new_text(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// What happens to each entry, in the order of the file.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether there is nothing to write.
    pub(crate) fn is_noop(&self) -> bool {
        self.before == self.after
    }

    /// The change as a unified diff under the file's name `name`; empty when there is none.
    pub(crate) fn diff(&self, name: &str) -> String {
        let side = |text: &Option<String>| match text {
            Some(_) => name.to_owned(),
            None => "/dev/null".to_owned(),
        };
        let before = self.before.as_deref().unwrap_or_default();
        let after = self.after.as_deref().unwrap_or_default();
        similar::TextDiff::from_lines(before, after)
            .unified_diff()
            .header(&side(&self.before), &side(&self.after))
            .to_string()
    }
}

/// Plans to have exactly `entries` as the entries of ours in the settings `text` (`None`: there is
/// no file).
///
/// Entries that are already right stay as they are; others of ours are put right in place,
/// duplicates go, missing ones are appended in groups of their own. Everything else keeps its
/// bytes.
pub(crate) fn plan_install(text: Option<&str>, entries: &HookEntries) -> Result<Plan, PlanError> {
    let document = Document::parse(text.unwrap_or_default())?;
    let (after, changes) = install(&document, entries);
    verify::check(&document, &after)?;
    Ok(Plan { before: text.map(str::to_owned), after: Some(after), changes })
}

/// Plans to have no entry of ours in the settings `text` (`None`: there is no file).
///
/// `origin` is the text from before MANA was installed, as the backup has it; `None` says that
/// there was no file. Where `text` is precisely what installing made of it, `origin` itself comes
/// back. Otherwise the entries are cut out, together with groups, events, `hooks` and the file
/// that are empty without them, unless `origin` has those as well.
pub(crate) fn plan_uninstall(text: Option<&str>, origin: Option<&str>) -> Result<Plan, PlanError> {
    let document = Document::parse(text.unwrap_or_default())?;
    let before = text.map(str::to_owned);
    let (cut, changes) = uninstall(&document, origin);
    if changes.is_empty() {
        return Ok(Plan { after: before.clone(), before, changes });
    }
    if was_made_from(&document, origin) {
        return Ok(Plan { before, after: origin.map(str::to_owned), changes });
    }
    verify::check(&document, &cut)?;
    let after = if origin.is_none() && is_empty(&cut) { None } else { Some(cut) };
    Ok(Plan { before, after, changes })
}

/// The settings with `entries` in them.
fn install(document: &Document<'_>, entries: &HookEntries) -> (String, Vec<Change>) {
    let style = Style::of(document);
    let all_added = || entries.iter().map(|entry| entry.change(Action::Added)).collect();
    let Some(root) = &document.root else {
        let text = style.document("hooks", entries.hooks());
        return (document.bom.to_owned() + &text, all_added());
    };
    let Some((_, hooks)) = &root.hooks else {
        let items = [Item::Member("hooks", entries.hooks())];
        let removed = vec![false; root.container.items.len()];
        let result = change(document.text, &style, &root.container, &removed, &items);
        return (finish(document, &root.container, result), all_added());
    };
    let rewrite = Rewrite { text: document.text, style: &style };
    let (result, changes) = rewrite.hooks(hooks, Some(entries), |_| false);
    (finish(document, &hooks.container, result), changes)
}

/// The settings without our entries; what `origin` has is kept even when it becomes empty.
fn uninstall(document: &Document<'_>, origin: Option<&str>) -> (String, Vec<Change>) {
    let Some(Root { container, hooks: Some((item, hooks)), shadows, .. }) = &document.root else {
        return (document.bom.to_owned() + document.text, Vec::new());
    };
    let origin = origin.and_then(|origin| Document::parse(origin).ok());
    let origin = origin.and_then(|origin| origin.root?.hooks).map(|(_, hooks)| hooks);

    let style = Style::of(document);
    let rewrite = Rewrite { text: document.text, style: &style };
    let (result, changes) = rewrite.hooks(hooks, None, |name| {
        origin.iter().flat_map(|hooks| &hooks.events).any(|event| event.name == name)
    });
    let stays = *shadows || origin.is_some();
    if matches!(result, Changed::Edits(_)) || stays {
        return (finish(document, &hooks.container, result), changes);
    }
    let removed: Vec<_> = (0..container.items.len()).map(|at| at == *item).collect();
    let result = change(document.text, &style, container, &removed, &[]);
    (finish(document, container, result), changes)
}

/// Puts the document together again; where `container` has become empty it keeps its brackets.
fn finish(document: &Document<'_>, container: &Container, result: Changed) -> String {
    let edits = match result {
        Changed::Edits(edits) => edits,
        Changed::Emptied => Edits::cleared(container),
    };
    document.bom.to_owned() + &edits.apply(document.text)
}

/// Whether installing on `origin` gives precisely `document`.
fn was_made_from(document: &Document<'_>, origin: Option<&str>) -> bool {
    let Ok(origin) = Document::parse(origin.unwrap_or_default()) else { return false };
    let command = document
        .handlers()
        .filter(|(_, handler)| handler.is_ours())
        .find_map(|(_, handler)| handler.value.get("command")?.as_str());
    let Some(command) = command else { return false };
    let (made, _) = install(&origin, &HookEntries::for_command(command));
    let (bom, body) = made.split_at(origin.bom.len());
    !origin.handlers().any(|(_, handler)| handler.is_ours())
        && (bom, body) == (document.bom, document.text)
}

/// Whether installing on `origin` gives precisely the settings `text`.
pub(super) fn made_from(text: &str, origin: &str) -> bool {
    Document::parse(text).is_ok_and(|document| was_made_from(&document, Some(origin)))
}

/// Whether `text` holds no setting at all.
fn is_empty(text: &str) -> bool {
    Document::parse(text)
        .is_ok_and(|document| document.root.is_none_or(|root| root.container.items.is_empty()))
}
