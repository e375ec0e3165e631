//! Which files each prompt led to, and the words and symbols by which they are found again.

use std::collections::{BTreeMap, BTreeSet};

use super::View;
use super::view::Episode;
use crate::model::paths;
use crate::model::suspicion;
use crate::model::tokens;
use crate::storage::Touch;

/// Bytes of a prompt that are indexed for the files it led to.
const PROMPT_BYTES: usize = 2_000;

/// Symbols kept for a file and episode.
const SYMBOLS: usize = 120;

#[derive(Default)]
struct Place<'a> {
    edited: bool,
    at: i64,
    symbols: BTreeSet<&'a str>,
}

/// One row for each file that an episode read or changed.
pub(super) fn extract(view: &View<'_>) -> Vec<Touch> {
    let mut touches = Vec::new();
    let mut judged = BTreeMap::new();
    for (n, episode) in view.episodes.iter().enumerate() {
        let Some((prompt, _)) = episode.prompt else { continue };
        let places = places_of(view, n, &mut judged);
        if places.is_empty() {
            continue;
        }
        let words = words_of(view, episode);
        for (path, place) in places {
            touches.push(Touch {
                path,
                episode: view.steps[prompt].id,
                edited: place.edited,
                at: place.at,
                words: if place.edited { words.clone() } else { String::new() },
                symbols: place.symbols.into_iter().take(SYMBOLS).collect::<Vec<_>>().join(" "),
            });
        }
    }
    touches
}

fn words_of(view: &View<'_>, episode: &Episode) -> String {
    let prompt = view.prompt_text(episode).unwrap_or("");
    tokens::joined(crate::model::text::cut(prompt, PROMPT_BYTES))
}

/// The files of the `n`th episode. `judged` are the paths that were seen before, and whether they
/// count: the same few come again and again.
fn places_of<'a>(
    view: &View<'a>,
    n: usize,
    judged: &mut BTreeMap<String, bool>,
) -> BTreeMap<String, Place<'a>> {
    let mut places: BTreeMap<String, Place<'a>> = BTreeMap::new();
    for seen in view.calls_of(n).filter(|seen| seen.worked()) {
        if !seen.edits() && seen.call.tool != "Read" {
            continue;
        }
        let path = view.relative(&seen.call.subject, &seen.step.cwd);
        let counts = match judged.get(&path) {
            Some(counts) => *counts,
            None => *judged.entry(path.clone()).or_insert_with_key(|path| may_be_told(path)),
        };
        if !counts {
            continue;
        }
        let place = places.entry(path).or_default();
        place.edited |= seen.edits();
        place.at = place.at.max(seen.at());
        place.symbols.extend(seen.call.detail.split_whitespace().filter(|s| s.len() > 2));
    }
    places
}

/// Whether the path is one of the project's. Nobody could be asked about one that reads like an
/// instruction.
fn may_be_told(path: &str) -> bool {
    paths::is_inside(path) && suspicion::of_observation(path).is_none()
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::extract;
    use crate::learning::extract::testing::{NOW, ROOT, steps};
    use crate::storage::Touch;

    fn touches(script: &str) -> Vec<Touch> {
        extract(&steps(script), ROOT, true).touches
    }

    #[test]
    fn a_prompt_leads_to_the_files_that_it_read_and_changed() {
        let found = touches(
            "> fix the login form
             Read ~/app/src/login.ts :: renderLogin
             Edit ~/app/src/login.ts :: renderLogin submitLogin id
             Read ~/app/src/session.ts :: SessionStore",
        );
        let rows: Vec<(&str, bool, i64)> =
            found.iter().map(|t| (t.path.as_str(), t.edited, t.at - NOW)).collect();
        assert_eq!(rows, [("src/login.ts", true, 120_000), ("src/session.ts", false, 180_000)]);
        assert_eq!(found[0].symbols, "renderLogin submitLogin");
        assert!(found[0].words.contains("login") && found[1].words.is_empty(), "{found:?}");
        assert_eq!(found[0].episode, found[1].episode);
    }

    #[test]
    fn only_files_of_the_project_count() {
        for (name, script) in [
            ("before any prompt", "Edit ~/app/a.rs"),
            ("of another project", "> x\nEdit ~/web/a.rs"),
            ("of a dependency", "> x\nRead ~/app/node_modules/a/index.js"),
            ("not found", "> x\nRead ~/app/a.rs !! File does not exist."),
            ("refused", "> x\nEdit ~/app/a.rs ?? rejected"),
            ("searched", "> x\nGrep a ~/app/a.rs"),
            ("by a command", "> x\n$ cat a.rs"),
        ] {
            assert_eq!(touches(script), [], "{name}");
        }
    }

    #[test]
    fn each_prompt_has_its_own_files() {
        let found = touches("> one\nEdit ~/app/a.rs\n> two\nEdit ~/app/a.rs\nEdit ~/app/b.rs");
        let paths: Vec<&str> = found.iter().map(|t| t.path.as_str()).collect();
        assert_eq!(paths, ["a.rs", "a.rs", "b.rs"]);
        assert_ne!(found[0].episode, found[1].episode);
        assert_eq!(found[1].episode, found[2].episode);
    }

    #[test]
    fn the_symbols_of_a_file_are_bounded() {
        let symbols: Vec<String> = (100..400).map(|n| format!("name{n}")).collect();
        let found = touches(&format!("> x\nEdit ~/app/a.rs :: {}", symbols.join(" ")));
        assert_eq!(found[0].symbols.split(' ').count(), super::SYMBOLS);
    }
}
