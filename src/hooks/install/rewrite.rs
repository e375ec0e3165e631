//! Decides, entry by entry, what becomes of the hooks in a text.

use serde_json::{Value, json};

use super::document::{Event, Group, Handler, Hooks};
use super::edit::{Changed, Edits, change};
use super::entries::{HookEntries, HookEntry};
use super::layout::{Item, Style};
use super::plan::{Action, Change};

impl HookEntry {
    /// This entry as a row of the plan.
    pub(super) fn change(&self, action: Action) -> Change {
        Change { event: self.event.to_owned(), matcher: self.matcher.map(str::to_owned), action }
    }

    /// Whether `group` is for the same calls as this entry.
    fn fits(&self, group: &Group) -> bool {
        match self.matcher {
            Some(matcher) => group.matcher.as_deref() == Some(matcher),
            None => matches!(group.matcher.as_deref(), None | Some("" | "*")),
        }
    }
}

/// How an entry that stays comes to be right.
#[derive(Clone, Copy, PartialEq)]
enum How {
    /// It is right.
    AsIs,
    /// Its handler is replaced.
    Handler,
    /// Its whole group, which is ours alone, is replaced, since the matcher is another one.
    Group,
}

/// The one entry of ours that stays in an event.
#[derive(Clone, Copy)]
struct Stay {
    /// Its group's position in the event.
    group: usize,
    /// Its position in the group.
    handler: usize,
    /// How it comes to be right.
    how: How,
}

/// Plans the edits of one text.
pub(super) struct Rewrite<'t> {
    pub(super) text: &'t str,
    pub(super) style: &'t Style,
}

impl Rewrite<'_> {
    /// Leaves in `hooks` the entries `wanted` and no others of ours.
    ///
    /// An event without groups goes, unless `keep` is true of its name.
    pub(super) fn hooks(
        &self,
        hooks: &Hooks,
        wanted: Option<&HookEntries>,
        keep: impl Fn(&str) -> bool,
    ) -> (Changed, Vec<Change>) {
        let mut edits = Edits::default();
        let mut changes = Vec::new();
        let mut removed = vec![false; hooks.container.items.len()];
        for event in &hooks.events {
            let entry = wanted.and_then(|wanted| wanted.get(&event.name));
            match self.event(event, entry, &mut changes) {
                Changed::Edits(more) => edits.extend(more),
                // Without this member an earlier one of the same name would count again.
                Changed::Emptied if event.shadows || keep(&event.name) => {
                    edits.extend(Edits::cleared(&event.container));
                }
                Changed::Emptied => removed[event.item] = true,
            }
        }
        let mut items = Vec::new();
        for entry in wanted.into_iter().flat_map(HookEntries::iter) {
            if hooks.events.iter().all(|event| event.name != entry.event) {
                changes.push(entry.change(Action::Added));
                items.push(Item::Member(entry.event, json!([entry.group()])));
            }
        }
        (edits.and(change(self.text, self.style, &hooks.container, &removed, &items)), changes)
    }

    /// Leaves in `event` the entry `wanted` and no other one of ours.
    fn event(
        &self,
        event: &Event,
        wanted: Option<&HookEntry>,
        changes: &mut Vec<Change>,
    ) -> Changed {
        let stays = wanted.and_then(|wanted| Some((wanted, find_stay(event, wanted)?)));
        let mut edits = Edits::default();
        let mut removed = Vec::new();
        for (at_group, group) in event.groups.iter().enumerate() {
            let stays = stays.filter(|(_, at)| at.group == at_group);
            let mut gone = Vec::new();
            for (at_handler, handler) in group.handlers.iter().enumerate() {
                let stays = stays.filter(|(_, at)| at.handler == at_handler);
                gone.push(handler.is_ours() && stays.is_none());
                if let Some((wanted, at)) = stays {
                    changes.push(self.put_right(&mut edits, group, handler, wanted, at.how));
                } else if handler.is_ours() {
                    changes.push(Change {
                        event: event.name.clone(),
                        matcher: group.matcher.clone(),
                        action: Action::Removed,
                    });
                }
            }
            let rewritten = stays.is_some_and(|(_, at)| at.how == How::Group);
            removed.push(match change(self.text, self.style, &group.container, &gone, &[]) {
                Changed::Emptied => true,
                Changed::Edits(more) if !rewritten => {
                    edits.extend(more);
                    false
                }
                Changed::Edits(_) => false,
            });
        }
        let mut items = Vec::new();
        if let (Some(wanted), None) = (wanted, stays) {
            changes.push(wanted.change(Action::Added));
            items.push(Item::Element(wanted.group()));
        }
        edits.and(change(self.text, self.style, &event.container, &removed, &items))
    }

    /// Makes the entry that stays the one that is wanted.
    fn put_right(
        &self,
        edits: &mut Edits,
        group: &Group,
        handler: &Handler,
        wanted: &HookEntry,
        how: How,
    ) -> Change {
        let mut put = |span, value: &Value| {
            edits.replace(span, self.style.instead(self.text, span, value));
            Action::Updated
        };
        wanted.change(match how {
            How::AsIs => Action::Kept,
            How::Handler => put(handler.span, &wanted.handler),
            How::Group => put(group.span, &wanted.group()),
        })
    }
}

/// Chooses which entry of ours in `event` stays: the one that needs the least change.
fn find_stay(event: &Event, wanted: &HookEntry) -> Option<Stay> {
    let find = |how, fits: &dyn Fn(&Group, &Handler) -> bool| {
        event.groups.iter().enumerate().find_map(|(at, group)| {
            let fits = |handler: &Handler| handler.is_ours() && fits(group, handler);
            let handler = group.handlers.iter().position(fits)?;
            Some(Stay { group: at, handler, how })
        })
    };
    find(How::AsIs, &|group, handler| wanted.fits(group) && handler.value == wanted.handler)
        .or_else(|| find(How::Handler, &|group, _| wanted.fits(group)))
        .or_else(|| find(How::Group, &|group, _| group.is_ours() && !group.extras))
}
