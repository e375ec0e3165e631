//! Skills as text for agents: a section for `CLAUDE.md` or `AGENTS.md`, or a `SKILL.md` of the
//! Agent Skills format. Pure.
//!
//! What is written stands between two markers, and nothing outside of them is ever changed, so
//! that a section can be updated and taken out again. A file without a section that gets one and
//! loses it is the same as before, byte for byte.

use std::fmt::Write as _;

use thiserror::Error;

use crate::model::neutral::neutral;
use crate::model::skill::{Body, Point, Skill};
use crate::model::stated::{BEGIN, END};
use crate::model::text;

/// What begins the names of skills, so that MANA's folders are told from others.
pub(crate) const PREFIX: &str = "mana-";

/// Bytes of a point's text.
const TEXT: usize = 400;

/// Characters of a skill's name, by the format.
const NAME: usize = 64;

/// A file whose markers do not fit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the markers of mana's section do not fit together")]
pub(crate) struct Torn;

/// A section with these skills; `doubt` says of a point why it is no proven one.
pub(crate) fn section(skills: &[Skill], doubt: &dyn Fn(&Point) -> Option<String>) -> String {
    let mut out = begin();
    out.push_str("## What earlier sessions showed\n");
    for skill in skills {
        let _ok = write!(out, "\n### {}\n\n", plain(&skill.title));
        points(&mut out, &skill.body, doubt);
    }
    out.push_str(END);
    out.push('\n');
    out
}

/// A whole `SKILL.md`, and the section alone.
pub(crate) fn skill_file(
    skill: &Skill,
    project: &str,
    name: &str,
    doubt: &dyn Fn(&Point) -> Option<String>,
) -> (String, String) {
    let mut section = begin();
    let _ok = write!(section, "# {}\n\n", plain(&skill.title));
    points(&mut section, &skill.body, doubt);
    section.push_str(END);
    section.push('\n');
    let head = &skill.body.head;
    let description = format!(
        "What earlier sessions in {project} showed about `{head}`: what works, what fails and what \
         mended it. Use it {}.",
        skill.body.when
    );
    // The format allows no tags in it. A string of JSON is one of YAML.
    let description = text::one_line(&description.replace(['<', '>'], ""), 1_000);
    let description = serde_json::to_string(&description).expect("a string is JSON");
    (format!("---\nname: {name}\ndescription: {description}\n---\n\n{section}"), section)
}

/// The name of a skill: lower-case letters, digits and single hyphens.
pub(crate) fn name(skill: &Skill) -> String {
    let mut name = String::from(PREFIX.trim_end_matches('-'));
    for word in skill.body.head.split(|c: char| !c.is_ascii_alphanumeric()) {
        if !word.is_empty() && name.len() + 1 + word.len() <= NAME {
            name.push('-');
            name.push_str(&word.to_ascii_lowercase());
        }
    }
    name
}

fn begin() -> String {
    format!("{BEGIN} (written by `mana skills export`, taken out by its `--remove`) -->\n")
}

fn points(out: &mut String, body: &Body, doubt: &dyn Fn(&Point) -> Option<String>) {
    let _ok = write!(
        out,
        "Applies {}. Observed in earlier sessions, not an instruction; `mana show ID` has the \
         evidence.\n\n",
        plain(&body.when)
    );
    for (what, points) in
        [("Works", &body.steps), ("Fails", &body.pitfalls), ("Laid down", &body.rules)]
    {
        for point in points {
            let sessions = if point.sessions == 1 { "session" } else { "sessions" };
            let note = doubt(point).map_or(String::new(), |doubt| format!("; {doubt}"));
            let _ok = writeln!(
                out,
                "- {what}: {} ({} {sessions}, {}{note})",
                plain(&point.text),
                point.sessions,
                &point.id[..point.id.len().min(8)],
            );
        }
    }
    if !body.files.is_empty() {
        let files: Vec<String> =
            body.files.iter().map(|file| format!("`{}`", plain(file))).collect();
        let _ok = writeln!(out, "- Checked changes of {}", files.join(", "));
    }
}

/// The text on one line, unable to end the section.
fn plain(said: &str) -> String {
    neutral(&text::one_line(said, TEXT)).replace("<!--", "< !--").replace("-->", "-- >")
}

/// Where the section begins and ends in `file`, line ends included.
fn find(file: &str) -> Result<Option<(usize, usize)>, Torn> {
    let (mut at, mut begins, mut ends) = (0, Vec::new(), Vec::new());
    for line in file.split_inclusive('\n') {
        if line.starts_with(BEGIN) {
            begins.push(at);
        }
        at += line.len();
        if line.trim_end() == END {
            ends.push(at);
        }
    }
    match (begins[..].as_ref(), ends[..].as_ref()) {
        ([], []) => Ok(None),
        ([begin], [end]) if begin < end => Ok(Some((*begin, *end))),
        _ => Err(Torn),
    }
}

/// Whether there is a section in `file`.
pub(crate) fn has_section(file: &str) -> bool {
    matches!(find(file), Ok(Some(_)))
}

/// `file` with `section` in place of the one it has, or at its end.
pub(crate) fn put(file: &str, section: &str) -> Result<String, Torn> {
    Ok(match find(file)? {
        Some((begin, end)) => format!("{}{section}{}", &file[..begin], &file[end..]),
        None if file.is_empty() => section.into(),
        None => format!("{file}\n{section}"),
    })
}

/// `file` without its section.
pub(crate) fn take_out(file: &str) -> Result<String, Torn> {
    let Some((begin, end)) = find(file)? else { return Ok(file.into()) };
    let (before, after) = (&file[..begin], &file[end..]);
    // The line end that was put before it, unless lines would run together.
    let added = after.is_empty() || before.ends_with("\n\n");
    let before = if added { before.strip_suffix('\n').unwrap_or(before) } else { before };
    Ok(format!("{before}{after}"))
}

/// Whether nothing is left of a `SKILL.md` but what MANA wrote around its section.
pub(crate) fn is_bare(file: &str) -> bool {
    let Some(rest) = file.strip_prefix("---\nname: ") else { return file.trim().is_empty() };
    rest.starts_with(PREFIX)
        && rest.lines().nth(1).is_some_and(|line| line.starts_with("description: "))
        && rest.lines().nth(2) == Some("---")
        && rest.lines().skip(3).all(|line| line.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ids::PatternId;

    fn skill(head: &str, text: &str) -> Skill {
        let point = Point { id: "0123456789abcdef".into(), text: text.into(), sessions: 2 };
        Skill {
            id: PatternId::derive("skill", "p", head, ""),
            title: format!("Testing with `{head}`"),
            body: Body {
                head: head.into(),
                when: format!("before running `{head}`"),
                pitfalls: vec![point],
                files: vec!["src/a.rs".into()],
                ..Body::default()
            },
        }
    }

    fn one() -> String {
        section(&[skill("npm test", "`npm test` failed")], &|_| None)
    }

    #[test]
    fn a_section_says_what_was_observed() {
        let text = section(&[skill("npm test", "`npm test` failed")], &|_| Some("unproven".into()));
        assert!(text.starts_with("<!-- mana:begin"), "{text}");
        assert!(text.ends_with("<!-- mana:end -->\n"), "{text}");
        assert!(text.contains("### Testing with `npm test`\n"), "{text}");
        let line = "- Fails: `npm test` failed (2 sessions, 01234567; unproven)\n";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("- Checked changes of `src/a.rs`\n"), "{text}");
    }

    #[test]
    fn a_skill_file_has_the_front_matter_of_the_format() {
        let (file, section) =
            skill_file(&skill("npm test", "x"), "shop", "mana-npm-test", &|_| None);
        let start = "---\nname: mana-npm-test\ndescription: \"What earlier sessions in shop";
        assert!(file.starts_with(start), "{file}");
        assert!(file.ends_with(&section) && section.contains("# Testing with"), "{file}");
        assert!(is_bare(&take_out(&file).unwrap()));
        assert!(!is_bare(&take_out(&format!("{file}\nmine")).unwrap()));
        assert!(is_bare("") && !is_bare("# mine") && !is_bare("---\nname: other\n---\n"));
    }

    #[test]
    fn names_are_those_of_the_format() {
        for (head, expected) in [
            ("npm test", "mana-npm-test"),
            ("./gradlew", "mana-gradlew"),
            ("größe", "mana-gr-e"),
            ("", "mana"),
        ] {
            assert_eq!(name(&skill(head, "")), expected);
        }
        assert!(name(&skill(&"long ".repeat(40), "")).len() <= NAME);
    }

    #[test]
    fn what_was_learned_cannot_end_the_section() {
        let text =
            section(&[skill("x", "a\n<!-- mana:end -->\n# mine <!-- mana:begin")], &|_| None);
        assert_eq!(find(&text).unwrap(), Some((0, text.len())));
    }

    #[test]
    fn torn_markers_are_left_alone() {
        let (begin, end) = (begin(), format!("{END}\n"));
        for file in [&begin, &end, &format!("{end}{begin}"), &format!("{begin}{begin}{end}")] {
            assert_eq!(put(file, "x"), Err(Torn), "{file}");
            assert_eq!(take_out(file), Err(Torn), "{file}");
        }
    }

    #[test]
    fn a_section_that_was_moved_leaves_its_neighbours_apart() {
        let file = format!("a\n{}b\n", one());
        assert_eq!(take_out(&file).unwrap(), "a\nb\n");
        assert_eq!(take_out(&format!("a\n\n{}b\n", one())).unwrap(), "a\nb\n");
    }

    proptest! {
        #[test]
        fn what_is_outside_stays_byte_for_byte(file in "([a-c#]{0,3}(\n|\r\n)?){0,6}") {
            let with = put(&file, &one()).unwrap();
            prop_assert!(has_section(&with) && with.starts_with(&file));
            prop_assert_eq!(put(&with, &one()).unwrap(), with.clone());
            prop_assert_eq!(take_out(&with).unwrap(), file.clone());
            let other = section(&[skill("go test", "y")], &|_| None);
            let updated = put(&with, &other).unwrap();
            prop_assert_eq!(take_out(&updated).unwrap(), file);
        }
    }
}
