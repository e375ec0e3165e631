//! The file in which a person edits an item: plain text, in sections.

use std::fmt::Write as _;

use crate::model::page::{BODY, NOTES, Page, TAG, TAGS, TITLE};
use crate::model::pattern::Pattern;

/// What the line above a section begins with, and what else it says.
const SECTIONS: [(&str, &str); 4] = [
    ("== title", "a name for people"),
    ("== tags", "for people, separated by commas"),
    ("== text", "what agents read, on one line; the shorter, the more often it is worth saying"),
    ("== notes", "for people: why, since when, until when"),
];

/// What a refusal is told behind, at the top.
const REFUSED: &str = "!! ";

/// The file for a page; `refused` says what was wrong with it before.
pub(super) fn render(pattern: &Pattern, page: &Page, refused: Option<&str>) -> String {
    let mut out = refused.map(|reason| format!("{REFUSED}{reason}\n")).unwrap_or_default();
    let _infallible = write!(
        out,
        "Item {} ({}). What stands above the first section is not read.\n\
         At most {TITLE} characters of title, {TAGS} tags of {TAG}, {BODY} of text, {NOTES} of notes.\n\
         Without text, or with the learned words unchanged, agents go on reading what is learned.\n\n",
        pattern.id.short(),
        pattern.kind,
    );
    let tags = page.tags.join(", ");
    let values = [&page.title, &tags, &page.body, &page.notes];
    for ((head, what), value) in SECTIONS.iter().zip(values) {
        let _infallible = write!(out, "{head} ({what})\n{value}\n\n");
    }
    out
}

/// What the user left, with what is wrong with it at the top.
pub(super) fn again(left: &str, reason: &str) -> String {
    let rest = match left.split_once('\n') {
        Some((first, rest)) if first.starts_with(REFUSED) => rest,
        _ => left,
    };
    format!("{REFUSED}{reason}\n{rest}")
}

/// The page in a file.
///
/// # Errors
/// Names the section that is missing or stands twice.
pub(super) fn parse(text: &str) -> Result<Page, String> {
    let mut values: [Option<String>; 4] = Default::default();
    let mut current = None;
    for line in text.lines() {
        if let Some(section) = section_of(line) {
            if values[section].replace(String::new()).is_some() {
                return Err(format!("the section `{}` stands there twice", SECTIONS[section].0));
            }
            current = Some(section);
        } else if let Some(value) = current.and_then(|section| values[section].as_mut()) {
            value.push_str(line);
            value.push('\n');
        }
    }
    if let Some(missing) = values.iter().position(Option::is_none) {
        return Err(format!("the section `{}` is missing", SECTIONS[missing].0));
    }
    let [title, tags, body, notes] = values.map(Option::unwrap_or_default);
    Ok(Page { title, tags: tags.split([',', '\n']).map(str::to_owned).collect(), body, notes })
}

/// The section that begins at this line.
fn section_of(line: &str) -> Option<usize> {
    SECTIONS.iter().position(|(head, _)| {
        line.strip_prefix(head).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::PatternId;
    use crate::model::pattern::{Effect, Kind, Payload, State, Tally};

    fn pattern() -> Pattern {
        Pattern {
            row: 1,
            id: PatternId::derive("fix", "", "x", ""),
            kind: Kind::Fix,
            project: None,
            tool: String::new(),
            category: String::new(),
            trigger: String::new(),
            text: "x".into(),
            payload: Payload::default(),
            state: State::Active,
            tally: Tally::default(),
            effect: Effect::default(),
        }
    }

    #[test]
    fn what_is_wrong_stands_on_top_once() {
        let page = Page { body: "x".into(), ..Page::default() };
        let shown = render(&pattern(), &page, None);
        let told = again(&shown, "too long");
        assert!(told.starts_with("!! too long\nItem "), "{told}");
        assert_eq!(again(&told, "too short"), again(&shown, "too short"));
        assert_eq!(parse(&told).unwrap().tags, parse(&shown).unwrap().tags);
    }

    #[test]
    fn a_section_that_is_missing_or_doubled_is_named() {
        let shown = render(&pattern(), &Page::default(), None);
        let missing = shown.replace("== tags (", "tags (");
        assert_eq!(parse(&missing), Err("the section `== tags` is missing".into()));
        let doubled = format!("{shown}\n== text\nmore\n");
        assert_eq!(parse(&doubled), Err("the section `== text` stands there twice".into()));
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_read_back(
            title in "\\PC{0,30}", body in "\\PC{0,60}",
            tags in prop::collection::vec("[a-z][a-z -]{0,8}", 0..6),
            notes in "(\\PC{0,20}\n|== notes\n|# x\n| ){0,6}",
        ) {
            let page = Page { title, body, tags, notes }.tidy();
            // A note that begins a section is refused, and never read as another section's text.
            let inside = page.notes.lines().any(|line| section_of(line).is_some())
                || [&page.title, &page.body].into_iter().any(|text| section_of(text).is_some());
            match parse(&render(&pattern(), &page, Some("why"))) {
                Ok(read) => prop_assert_eq!(read.tidy(), page),
                Err(_) => prop_assert!(inside),
            }
        }
    }
}
