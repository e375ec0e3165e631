//! The edit on texts: what it looks like, case by case.

use crate::hooks::install::plan::{plan_install, plan_uninstall};
use crate::hooks::install::{Action, HookEntries, Plan};

fn install(text: Option<&str>) -> Plan {
    plan_install(text, &HookEntries::for_command("/opt/mana")).unwrap()
}

/// The rows of a plan that are not about something added or kept.
fn others(plan: &Plan) -> Vec<(&str, Option<&str>, Action)> {
    plan.changes()
        .iter()
        .filter(|change| !matches!(change.action, Action::Added | Action::Kept))
        .map(|change| (change.event.as_str(), change.matcher.as_deref(), change.action))
        .collect()
}

fn count(plan: &Plan, action: Action) -> usize {
    plan.changes().iter().filter(|change| change.action == action).count()
}

const TOOLS: &str = "Bash|Read|Edit|MultiEdit|Write|NotebookEdit|Grep|Glob";

#[test]
fn the_files_to_copy_are_what_is_installed() {
    let exec = include_str!("../../../../hooks/claude-code.json");
    let plan = plan_install(None, &HookEntries::for_command("mana")).unwrap();
    assert_eq!(plan.new_text(), Some(exec));
    assert!(plan_install(Some(exec), &HookEntries::for_command("mana")).unwrap().is_noop());
    assert_eq!(plan_uninstall(Some(exec), None).unwrap().new_text(), None);
}

#[test]
fn the_shell_form_is_ours_too() {
    let shell = include_str!("../../../../hooks/claude-code-shell.json");
    let removal = plan_uninstall(Some(shell), None).unwrap();
    assert_eq!(removal.new_text(), None);
    assert_eq!(
        others(&removal),
        [
            ("PreToolUse", Some("Edit|MultiEdit|Write"), Action::Removed),
            ("PreToolUse", Some("Bash"), Action::Removed),
            ("PreToolUse", Some("Read"), Action::Removed),
            ("PreToolUse", Some("Grep|Glob"), Action::Removed),
            ("Stop", None, Action::Removed),
        ]
    );
    let plan = install(Some(shell));
    assert_eq!(
        others(&plan),
        [
            ("PreToolUse", Some(TOOLS), Action::Updated),
            ("PreToolUse", Some("Bash"), Action::Removed),
            ("PreToolUse", Some("Read"), Action::Removed),
            ("PreToolUse", Some("Grep|Glob"), Action::Removed),
            ("Stop", None, Action::Updated),
        ]
    );
    assert_eq!(count(&plan, Action::Added), 6);
    assert!(!plan.new_text().unwrap().contains("cat |"));
}

#[test]
fn a_file_we_made_goes_again() {
    let made = install(None);
    assert_eq!(count(&made, Action::Added), 8);
    assert!(
        made.diff("settings.json").starts_with("--- /dev/null\n+++ settings.json\n@@ -0,0 +1,")
    );
    let removal = plan_uninstall(made.new_text(), None).unwrap();
    assert_eq!(removal.new_text(), None);
    assert!(!removal.is_noop());
}

#[test]
fn a_file_we_made_stays_when_it_has_got_other_content() {
    let made = install(None).new_text().unwrap().replacen('{', "{\n  \"model\": \"opus\",", 1);
    let removal = plan_uninstall(Some(&made), None).unwrap();
    assert_eq!(removal.new_text(), Some("{\n  \"model\": \"opus\"\n}\n"));
}

#[test]
fn an_empty_object_stays_when_it_was_there() {
    let made = install(Some("{}"));
    let edited = made.new_text().unwrap().replacen('{', "{\n  \"hooks2\": 1,", 1);
    let edited = edited.replacen("\n  \"hooks2\": 1,", "", 1) + "\n";
    assert_eq!(plan_uninstall(Some(&edited), Some("{}")).unwrap().new_text(), Some("{}\n"));
}

#[test]
fn uninstalling_where_nothing_is_installed_changes_nothing() {
    for text in ["", "{}", "{\"hooks\": {}}", "{\"hooks\": {\"Stop\": []}}"] {
        for origin in [None, Some(text), Some("{\"a\": 1}")] {
            let plan = plan_uninstall(Some(text), origin).unwrap();
            assert!(plan.is_noop(), "{text}");
            assert_eq!(plan.changes(), []);
        }
    }
    assert!(plan_uninstall(None, None).unwrap().is_noop());
    assert!(plan_uninstall(None, Some("{}")).unwrap().is_noop());
}

#[test]
fn broken_settings_are_refused() {
    for text in ["{", "[]", "{\"hooks\": []}", "{\"hooks\": {\"Stop\": [{\"command\": \"x\"}]}}"] {
        assert!(plan_install(Some(text), &HookEntries::for_command("/opt/mana")).is_err());
        assert!(plan_uninstall(Some(text), None).is_err());
    }
}

#[test]
fn the_difference_shows_only_what_is_added() {
    let text = r#"{
  "model": "opus",
  "hooks": {
    "Stop": [
      {
        "hooks": [
          {
            "type": "command",
            "command": "say done"
          }
        ]
      }
    ]
  },
  "env": {}
}
"#;
    let diff = install(Some(text)).diff("settings.json");
    let start: Vec<_> = diff.lines().take(19).collect();
    insta::assert_snapshot!(start.join("\n"), @r#"
    --- settings.json
    +++ settings.json
    @@ -9,6 +9,117 @@
                 "command": "say done"
               }
             ]
    +      },
    +      {
    +        "hooks": [
    +          {
    +            "type": "command",
    +            "command": "/opt/mana",
    +            "args": [
    +              "session-end"
    +            ],
    +            "timeout": 5
    +          }
    +        ]
    +      }
    "#);
    assert!(diff.lines().skip(2).all(|line| !line.starts_with('-')), "{diff}");
}

#[test]
fn a_moved_binary_is_put_right_in_place_beside_others() {
    let text = r#"{"hooks": {"Stop": [{"matcher": "", "note": 1, "hooks": [
        {"type": "command", "command": "say done"},
        { "type": "command", "command": "/old/mana", "args": ["session-end"], "timeout": 60 },
        {"type": "command", "command": "~/bin/mana session-end"}
    ]}]}}"#;
    let plan = install(Some(text));
    assert_eq!(
        others(&plan),
        [("Stop", None, Action::Updated), ("Stop", Some(""), Action::Removed)]
    );
    let expected = r#"{"hooks": {"Stop": [{"matcher": "", "note": 1, "hooks": [
        {"type": "command", "command": "say done"},
        {"type": "command", "command": "/opt/mana", "args": ["session-end"], "timeout": 5}
    ]}], "SessionStart": [
  {
    "hooks": [
      {
        "type": "command","#;
    assert!(plan.new_text().unwrap().starts_with(expected), "{}", plan.new_text().unwrap());
}

#[test]
fn an_entry_in_a_group_of_others_with_another_matcher_gets_its_own_group() {
    let text = r#"{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [
        {"command": "/opt/mana", "args": ["inject"]}, {"command": "guard"}]}]}}"#;
    let plan = install(Some(text));
    assert_eq!(others(&plan), [("PreToolUse", Some("Bash"), Action::Removed)]);
    assert_eq!(count(&plan, Action::Added), 8);
    let kept = r#"{"hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": [
        {"command": "guard"}]}, "#;
    assert!(plan.new_text().unwrap().starts_with(kept), "{}", plan.new_text().unwrap());
}

#[test]
fn the_entry_that_is_right_is_the_one_that_stays() {
    let right = install(None).new_text().unwrap().to_owned();
    let twice = right.replacen(
        "\"Stop\": [",
        "\"Stop\": [\n      {\"hooks\": [{\"command\": \"mana session-end\"}]},",
        1,
    );
    let plan = install(Some(&twice));
    assert_eq!(others(&plan), [("Stop", None, Action::Removed)]);
    assert_eq!(count(&plan, Action::Kept), 8);
}

#[test]
fn entries_for_events_we_do_not_listen_to_go() {
    let text = r#"{"hooks": {"Notification": [{"hooks": [{"command": "mana hook"}]}]}}"#;
    let plan = install(Some(text));
    assert_eq!(others(&plan), [("Notification", None, Action::Removed)]);
    assert!(!plan.new_text().unwrap().contains("Notification"));
}

#[test]
fn lines_of_the_users_own_are_left() {
    let text = r#"{"hooks": {"Stop": [{"hooks": [{"command": "mana session-end; beep"}]}]}}"#;
    assert!(plan_uninstall(Some(text), None).unwrap().is_noop());
    assert!(install(Some(text)).new_text().unwrap().contains("mana session-end; beep"));
}
