//! Changes to a text by byte position.

use super::document::{Container, Span};
use super::layout::{Item, Style};

/// Replacements in one text; they do not overlap.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Span, String)>);

/// What changing a container came to.
#[derive(Debug)]
pub(super) enum Changed {
    /// Some items are left, or were added: carry these edits out.
    Edits(Edits),
    /// All items are gone, so that the container itself may go.
    Emptied,
}

impl Edits {
    /// Puts `new` in the place of `span`.
    pub(super) fn replace(&mut self, span: Span, new: String) {
        self.0.push((span, new));
    }

    /// Takes over the edits of `other`.
    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The edit that empties `container`, but keeps its brackets.
    pub(super) fn cleared(container: &Container) -> Self {
        Self(vec![(interior(container), String::new())])
    }

    /// Adds these edits of the inside of a container to what became of the container itself.
    pub(super) fn and(mut self, outer: Changed) -> Changed {
        match outer {
            Changed::Edits(outer) => {
                self.extend(outer);
                Changed::Edits(self)
            }
            Changed::Emptied => Changed::Emptied,
        }
    }

    /// Carries the edits out on the text they were made for.
    pub(super) fn apply(mut self, text: &str) -> String {
        // An insertion goes before a deletion that starts at the same place.
        self.0.sort_by_key(|(span, _)| (span.start, span.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (span, new) in &self.0 {
            out.push_str(&text[done..span.start]);
            out.push_str(new);
            done = span.end;
        }
        out.push_str(&text[done..]);
        out
    }
}

/// Removes the items of `container` that `removed` marks and appends `items`.
///
/// Together with an item goes the text between it and the one before, which is what appending put
/// there: taking away what was appended gives the old text back to the byte.
pub(super) fn change(
    text: &str,
    style: &Style,
    container: &Container,
    removed: &[bool],
    items: &[Item<'_>],
) -> Changed {
    let mut edits = Edits::default();
    let last_kept = removed.iter().rposition(|removed| !removed);
    let Some(last_kept) = last_kept else {
        if items.is_empty() && !removed.is_empty() {
            return Changed::Emptied;
        }
        if !items.is_empty() {
            edits.replace(interior(container), style.append(text, container, false, items));
        }
        return Changed::Edits(edits);
    };
    for (index, item) in container.items.iter().enumerate().filter(|(index, _)| removed[*index]) {
        let span = match index.checked_sub(1) {
            Some(before) if removed[..index].contains(&false) => {
                Span { start: container.items[before].end, end: item.end }
            }
            // Nothing is kept before it, so what follows moves up to the bracket.
            _ => Span { start: item.start, end: container.items[index + 1].start },
        };
        edits.replace(span, String::new());
    }
    if !items.is_empty() {
        let end = container.items[last_kept].end;
        edits.replace(Span { start: end, end }, style.append(text, container, true, items));
    }
    Changed::Edits(edits)
}

/// What stands between the brackets.
fn interior(container: &Container) -> Span {
    Span { start: container.span.start + 1, end: container.span.end - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::install::document::Document;

    #[test]
    fn items_go_together_with_what_separates_them() {
        let text = "{ \"a\": 1,  \"b\": 2 ,\n\"c\": 3 }";
        let cases: [([bool; 3], Option<&str>); 7] = [
            ([false, false, false], Some(text)),
            ([true, false, false], Some("{ \"b\": 2 ,\n\"c\": 3 }")),
            ([false, true, false], Some("{ \"a\": 1 ,\n\"c\": 3 }")),
            ([false, false, true], Some("{ \"a\": 1,  \"b\": 2 }")),
            ([true, true, false], Some("{ \"c\": 3 }")),
            ([false, true, true], Some("{ \"a\": 1 }")),
            ([true, true, true], None),
        ];
        for (removed, expected) in cases {
            let document = Document::parse(text).unwrap();
            let style = Style::of(&document);
            let container = &document.root.as_ref().unwrap().container;
            let result = match change(text, &style, container, &removed, &[]) {
                Changed::Edits(edits) => Some(edits.apply(text)),
                Changed::Emptied => None,
            };
            assert_eq!(result.as_deref(), expected, "{removed:?}");
        }
    }
}
