//! The documents keep their promises: links lead somewhere and commands exist.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use super::{assert_none, files, root, text};

/// Every Markdown file that a reader can meet.
fn documents() -> Vec<PathBuf> {
    let mut all = vec![PathBuf::from("README.md")];
    all.extend(files("docs", &["md"]));
    all.extend(files(".github", &["md"]));
    all.extend(files("hooks", &["md"]));
    all
}

/// The text with fenced blocks blanked out, and the blocks' lines apart.
fn split_fences(markdown: &str) -> (String, Vec<&str>) {
    let mut prose = String::new();
    let mut fenced = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if inside {
            fenced.push(line);
        } else {
            prose.push_str(line);
        }
        prose.push('\n');
    }
    (prose, fenced)
}

/// The targets of `[text](target)` links, with their line numbers.
fn links(prose: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in prose.lines().enumerate() {
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            if let Some(end) = rest.find(')') {
                found.push((index + 1, &rest[..end]));
            }
        }
    }
    found
}

/// The anchor that a heading gets: lower case, blanks as hyphens, punctuation dropped.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn has_heading(document: &Path, wanted: &str) -> bool {
    let markdown = text(document);
    let (prose, _) = split_fences(&markdown);
    prose.lines().any(|line| {
        line.starts_with('#') && anchor(line.trim_start_matches('#').trim_start()) == wanted
    })
}

#[test]
fn links_lead_somewhere() {
    let mut findings = Vec::new();
    for document in documents() {
        let markdown = text(&document);
        let (prose, _) = split_fences(&markdown);
        for (line, target) in links(&prose) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap_or(Path::new("")).join(file)
            };
            let exists = root().join(&path).exists();
            if !exists || (!heading.is_empty() && !has_heading(&path, heading)) {
                findings.push(format!("{}:{line}: {target}", document.display()));
            }
        }
    }
    assert_none(&findings, "a link that leads nowhere");
}

/// The commands of the README: the lines of its fenced blocks and its inline code.
fn readme_commands() -> Vec<String> {
    let markdown = text(Path::new("README.md"));
    let (prose, fenced) = split_fences(&markdown);
    let inline = prose.split('`').skip(1).step_by(2).map(str::to_owned);
    let blocks = fenced.into_iter().map(|line| line.trim_start_matches("$ ").trim().to_owned());
    inline.chain(blocks).collect()
}

#[test]
fn the_readme_names_scripts_that_exist() {
    let mut seen = 0;
    for command in readme_commands() {
        let first = command.split_whitespace().next().unwrap_or("").trim_start_matches("./");
        if !first.starts_with("scripts/") {
            continue;
        }
        seen += 1;
        assert!(is_executable(&root().join(first)), "`{command}`: {first} is not to be run");
    }
    assert!(seen >= 2, "the README names its two commands");
}

#[test]
fn the_readme_names_commands_that_mana_has() {
    for command in readme_commands() {
        let mut words = command.split_whitespace();
        let Some("mana") = words.next() else { continue };
        let Some(name) = words.next().filter(|w| w.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            continue;
        };
        let home = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_mana"))
            .args([name, "--help"])
            .env_clear()
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "`{command}`: mana has no command {name}");
    }
}

#[cfg(unix)]
pub(super) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[test]
fn headings_do_not_skip_a_level() {
    let mut findings = Vec::new();
    for document in documents() {
        let markdown = text(&document);
        let (prose, _) = split_fences(&markdown);
        let mut level = 0;
        for (index, line) in prose.lines().enumerate() {
            let hashes = line.chars().take_while(|c| *c == '#').count();
            if hashes > 0 && line[hashes..].starts_with(' ') {
                if hashes > level + 1 {
                    findings.push(format!("{}:{}", document.display(), index + 1));
                }
                level = hashes;
            }
        }
    }
    assert_none(&findings, "a heading skips a level");
}

#[test]
fn anchors_are_made_as_the_forge_makes_them() {
    let cases = [("Cross-cutting", "cross-cutting"), ("What it `does`", "what-it-does")];
    for (heading, expected) in cases {
        assert_eq!(anchor(heading), expected);
    }
}

/// The sections of `markdown` under headings of the third level, by heading.
fn sections(markdown: &str) -> impl Iterator<Item = (&str, &str)> {
    markdown.split("\n### ").skip(1).filter_map(|section| {
        let section = section.split("\n## ").next()?;
        section.split_once('\n')
    })
}

#[test]
fn the_storage_page_names_every_table_and_column() {
    let database = Connection::open_in_memory().unwrap();
    for migration in files("src/storage/migrations", &["sql"]) {
        database.execute_batch(&text(&migration)).unwrap();
    }
    let page = text(Path::new("docs/storage.md"));
    let mut findings = Vec::new();
    let mut query = database
        .prepare(
            "select t.name, c.name from pragma_table_list t, pragma_table_info(t.name) c
             where t.schema = 'main' and t.type in ('table', 'virtual') and t.name not like 'sqlite_%'
             order by t.name, c.cid",
        )
        .unwrap();
    let columns = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let columns: Vec<(String, String)> = columns.map(Result::unwrap).collect();
    assert!(columns.len() > 50, "the schema is read");
    for (table, column) in &columns {
        match sections(&page).find(|(heading, _)| heading == table) {
            Some((_, section)) if section.contains(&format!("`{column}`")) => {}
            _ => findings.push(format!("{table}.{column}")),
        }
    }
    let tables = sections(&page).map(|(heading, _)| heading);
    findings.extend(
        tables.filter(|name| !columns.iter().any(|(table, _)| table == name)).map(str::to_owned),
    );
    assert_none(&findings, "docs/storage.md and the schema differ");
}

/// The patterns that docs/learning.md says the samples of `mana demo` become.
#[test]
fn the_example_is_what_is_learned() {
    let home = tempfile::tempdir().unwrap();
    let mana = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_mana"))
            .args(arguments)
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let samples = root().join("src/cli/demo");
    mana(&["learn", samples.to_str().unwrap()]);
    let found = mana(&["search", "--all", "--json", "npm", "staging", "docker", "threshold"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let page = text(Path::new("docs/learning.md"));
    let (_, fenced) = split_fences(&page);
    let mut findings = Vec::new();
    let mut learned = Vec::new();
    for item in found.as_array().unwrap() {
        let line =
            format!("{:<9} {}", item["kind"].as_str().unwrap(), item["text"].as_str().unwrap());
        if !fenced.contains(&line.as_str()) {
            findings.push(format!("not in the page: {line}"));
        }
        learned.push(line);
    }
    let kinds = ["fix ", "recipe ", "path ", "decision ", "episode ", "pitfall "];
    let listed = fenced.iter().filter(|line| kinds.iter().any(|kind| line.starts_with(kind)));
    findings.extend(
        listed
            .filter(|line| !learned.iter().any(|known| known == *line))
            .map(|line| format!("not learned: {line}")),
    );
    assert_none(&findings, "docs/learning.md says what the samples become");
}
