//! What a text for agents, such as `CLAUDE.md`, imports: `@path` outside of code. Hot.

/// The paths that `text` imports, in the order in which they stand there.
pub(crate) fn imports(text: &str) -> impl Iterator<Item = &str> {
    let mut fence: Option<&str> = None;
    let prose = text.lines().filter(move |line| {
        let mark = fence_of(line);
        match (fence, mark) {
            (None, None) => return true,
            (None, Some(_)) => fence = mark,
            (Some(open), Some(mark)) if mark == open => fence = None,
            _ => {}
        }
        false
    });
    // Most lines import nothing, which is seen without taking them apart.
    let prose = prose.filter(|line| line.contains('@'));
    // What stands between backticks is code.
    prose.flat_map(|line| line.split('`').step_by(2).flat_map(in_prose))
}

/// The mark by which a line begins or ends a block of code.
fn fence_of(line: &str) -> Option<&'static str> {
    let line = line.trim_start_matches([' ', '\t', '>', '-', '*']);
    ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark))
}

fn in_prose(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace().filter_map(|word| {
        let path = word.strip_prefix('@')?;
        let path = path.split_once('#').map_or(path, |(path, _)| path);
        let begins = |c: char| c.is_alphanumeric() || "._~/-".contains(c);
        path.starts_with(begins).then_some(path)
    })
}

/// Whether a rule's head says that it is for files of some paths only.
pub(crate) fn is_for_some_files(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    lines.next().is_some_and(|line| line.trim_end() == "---")
        && lines
            .take_while(|line| line.trim_end() != "---")
            .any(|line| line.starts_with("paths:") || line.starts_with("globs:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_stand_in_prose() {
        for (text, expected) in [
            ("@README.md", &["README.md"][..]),
            ("See @docs/a.md for it, and @~/b.md", &["docs/a.md", "~/b.md"]),
            ("- @./a.md#part\n- @/etc/b.md", &["./a.md", "/etc/b.md"]),
            ("mail ann@example.test, (@a.md), @(x) @", &[]),
            ("the `@scope/package` and @a.md `b", &["a.md"]),
            ("```\n@a.md\n~~~\n@b.md\n```\n@c.md", &["c.md"]),
            ("  ~~~sh\n@a.md\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(imports(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    #[test]
    fn rules_for_some_files_say_so_in_their_head() {
        for (text, expected) in [
            ("---\npaths:\n  - \"src/**\"\n---\nx", true),
            ("\u{feff}---\r\nglobs: *.ts\r\n---\r\nx", true),
            ("---\nname: x\n---\npaths: all", false),
            ("x\n---\npaths: x\n---", false),
            ("", false),
        ] {
            assert_eq!(is_for_some_files(text), expected, "{text:?}");
        }
    }
}
