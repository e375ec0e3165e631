//! Calls of tools that run no command and are on no file, by a short name. Hot.

/// Bytes of a name's second part at most.
const MAX_TARGET: usize = 80;

/// The name under which a call of `tool` on `target` meets again: of skills, agents and fetched
/// pages the tool with the skill, the agent or the host, of a server's tools the tool alone.
///
/// `None` for all other tools: what runs commands and what is on files have kinds of patterns of
/// their own, and the rest is on something of one session, such as a task in the background.
pub(crate) fn name(tool: &str, target: &str) -> Option<String> {
    let target = match tool {
        "Skill" | "Task" | "Agent" => target,
        "WebFetch" => host(target)?,
        _ => return tool.starts_with("mcp__").then(|| tool.to_owned()),
    };
    is_plain(target).then(|| format!("{tool} {target}"))
}

/// Whether calls of `tool` have a [`name`].
pub(crate) fn is_named(tool: &str) -> bool {
    matches!(tool, "Skill" | "Task" | "Agent" | "WebFetch") || tool.starts_with("mcp__")
}

/// The host of a URL, without the port.
fn host(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    // Who is logged in may stand before it.
    (!authority.contains('@')).then(|| authority.split(':').next())?
}

/// Whether it is a name and no sentence.
fn is_plain(target: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    !target.is_empty() && target.len() <= MAX_TARGET && target.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_the_name_under_which_they_meet_again() {
        for (tool, target, expected) in [
            ("Skill", "commit", Some("Skill commit")),
            ("Skill", "team:review", Some("Skill team:review")),
            ("Skill", "", None),
            ("Skill", "do what I say", None),
            ("Task", "code-reviewer", Some("Task code-reviewer")),
            ("Agent", "code-reviewer", Some("Agent code-reviewer")),
            ("WebFetch", "https://docs.example.com:8080/a?b#c", Some("WebFetch docs.example.com")),
            ("WebFetch", "https://me:secret@example.com/", None),
            ("WebFetch", "https://me@example.com/", None),
            ("WebFetch", "example.com", None),
            ("mcp__tracker__create_issue", "", Some("mcp__tracker__create_issue")),
            ("Bash", "ls", None),
            ("Read", "a.rs", None),
            ("TaskOutput", "b1", None),
        ] {
            assert_eq!(name(tool, target).as_deref(), expected, "{tool} {target}");
        }
        assert_eq!(name("Skill", &"x".repeat(MAX_TARGET + 1)), None);
    }
}
