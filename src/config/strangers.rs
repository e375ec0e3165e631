//! Names in `config.toml` that mean nothing: misspelt ones, and those of other versions. They are no
//! error, so that an older binary can run beside a newer one, yet somebody may rely on them.

use serde_json::Value;

use super::File;

/// What `text` sets that this version does not know, each as `section.name`; `None` where it is no
/// TOML.
pub(super) fn of(text: &str) -> Option<Vec<String>> {
    let found: Value = toml::from_str(text).ok()?;
    let known = serde_json::to_value(File::default()).expect("settings have string keys");
    let mut strangers = Vec::new();
    compare(&found, &known, "", &mut strangers);
    Some(strangers)
}

fn compare(found: &Value, known: &Value, above: &str, strangers: &mut Vec<String>) {
    let (Value::Object(found), Value::Object(known)) = (found, known) else { return };
    for (name, value) in found {
        let path = format!("{above}{name}");
        match known.get(name) {
            Some(known) => compare(value, known, &format!("{path}."), strangers),
            None => strangers.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_mean_nothing_are_told() {
        let all =
            "[inject]\nholdout = 0.2\n[learn]\nexclude_paths = [\"a\"]\n[rank]\nrefit = false";
        assert_eq!(of(all), Some(Vec::new()));
        let wrong = "interval = 3\n[learn]\nexclude_path = [\"a\"]\n[demon]\nx = 1";
        let expected = ["demon", "interval", "learn.exclude_path"].map(String::from).to_vec();
        assert_eq!(
            of(wrong).map(|mut found| {
                found.sort();
                found
            }),
            Some(expected)
        );
        assert_eq!(of("[learn"), None);
    }
}
