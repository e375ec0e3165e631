//! Properties of the edit over generated settings: any content, any layout, other tools' hooks.

use proptest::prelude::*;
use serde_json::Value;

use crate::hooks::install::document::{Document, Handler};
use crate::hooks::install::plan::{plan_install, plan_uninstall};
use crate::hooks::install::{Action, HookEntries};

/// JSON with its spellings, so that a test sees when one of them changes.
#[derive(Debug, Clone)]
enum Json {
    Scalar(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// How a generated document is laid out.
#[derive(Debug, Clone)]
enum Layout {
    /// One item a line, with this indentation and line ending.
    Lines(&'static str, &'static str),
    /// In one line, with this behind colons and commas.
    Line(&'static str),
    /// With any blanks anywhere, these in turn.
    Wild(Vec<&'static str>),
}

struct Writer<'l> {
    layout: &'l Layout,
    turn: usize,
    out: String,
}

impl Writer<'_> {
    /// The gap at a bracket or behind a comma.
    fn gap(&mut self, depth: usize, after_comma: bool) {
        match self.layout {
            Layout::Lines(unit, newline) => {
                self.out.push_str(newline);
                self.out.push_str(&unit.repeat(depth));
            }
            Layout::Line(blank) if after_comma => self.out.push_str(blank),
            Layout::Line(_) => {}
            Layout::Wild(_) => self.wild(),
        }
    }

    fn wild(&mut self) {
        if let Layout::Wild(blanks) = self.layout {
            self.out.push_str(blanks[self.turn % blanks.len()]);
            self.turn += 1;
        }
    }

    fn colon(&mut self) {
        self.wild();
        self.out.push(':');
        match self.layout {
            Layout::Lines(..) => self.out.push(' '),
            Layout::Line(blank) => self.out.push_str(blank),
            Layout::Wild(_) => self.wild(),
        }
    }

    fn items<T>(
        &mut self,
        depth: usize,
        (open, close): (char, char),
        items: &[T],
        each: impl Fn(&mut Self, &T),
    ) {
        self.out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.wild();
                self.out.push(',');
            }
            self.gap(depth + 1, index > 0);
            each(self, item);
        }
        if !items.is_empty() {
            self.gap(depth, false);
        }
        self.out.push(close);
    }

    fn value(&mut self, depth: usize, value: &Json) {
        match value {
            Json::Scalar(text) => self.out.push_str(text),
            Json::Array(items) => self.items(depth, ('[', ']'), items, |writer, item| {
                writer.value(depth + 1, item);
            }),
            Json::Object(members) => {
                self.items(depth, ('{', '}'), members, |writer, (name, value)| {
                    writer.out.push_str(&Value::from(name.as_str()).to_string());
                    writer.colon();
                    writer.value(depth + 1, value);
                });
            }
        }
    }
}

fn string(text: &str) -> Json {
    Json::Scalar(Value::from(text).to_string())
}

fn object(members: &[(&str, Json)]) -> Json {
    Json::Object(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(
            ["1", "1.0", "1e3", "-0", "100000000000000000000", "1E-2", "true", "null"]
                .map(|spelling| Json::Scalar(spelling.to_owned()))
        )
        .prop_flat_map(|all| prop::sample::select(all.to_vec())),
        prop::sample::select(vec![
            "\"\"",
            "\"a,b]}\\\"\"",
            "\"\\u00e4\\/\"",
            "\"ä\u{2028}\"",
            "\"{\""
        ])
        .prop_map(|spelling| Json::Scalar(spelling.to_owned())),
    ]
}

fn any_value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((name(), inner), 0..4).prop_map(Json::Object),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    // Few names, so that some occur twice.
    prop::sample::select(vec!["model", "permissions", "env", "ä\"b", "", "Hooks"])
        .prop_map(str::to_owned)
}

fn foreign_handler() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        object(&[("type", string("command")), ("command", string("prettier --write"))]),
        object(&[("type", string("command")), ("command", string("echo mana inject"))]),
        object(&[("type", string("http")), ("url", string("https://example.org/mana inject"))]),
        object(&[("command", string("mana")), ("args", Json::Array(vec![string("status")]))]),
    ])
}

fn our_handler() -> impl Strategy<Value = Json> {
    let exec = |command, verb| {
        object(&[
            ("type", string("command")),
            ("command", string(command)),
            ("args", Json::Array(vec![string(verb)])),
            ("timeout", Json::Scalar("5".to_owned())),
        ])
    };
    prop::sample::select(vec![
        exec("/opt/mana", "inject"),
        exec("/new/mana", "inject"),
        exec("/new/mana", "session-end"),
        object(&[("command", string("cat | .mana/mana inject --tool edit"))]),
    ])
}

fn hooks(handler: BoxedStrategy<Json>) -> impl Strategy<Value = Json> {
    let matcher = prop::option::of(prop::sample::select(vec![
        "",
        "*",
        "Bash",
        "Bash|Read|Edit|MultiEdit|Write|NotebookEdit|Grep|Glob",
    ]));
    let group = (matcher, prop::collection::vec(handler, 0..3), any::<bool>(), scalar()).prop_map(
        |(matcher, handlers, extra, value)| {
            let mut members: Vec<_> = matcher
                .map(|matcher| ("matcher".to_owned(), string(matcher)))
                .into_iter()
                .collect();
            if extra {
                members.push(("note".to_owned(), value));
            }
            members.push(("hooks".to_owned(), Json::Array(handlers)));
            Json::Object(members)
        },
    );
    let event =
        prop::sample::select(vec!["Stop", "PreToolUse", "SessionStart", "PostToolUse", "Future"])
            .prop_map(str::to_owned);
    let groups = prop::collection::vec(group, 0..3).prop_map(Json::Array);
    prop::collection::vec((event, groups), 0..5).prop_map(Json::Object)
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        4 => (
            prop::sample::select(vec!["  ", "    ", "\t", "", "   "]),
            prop::sample::select(vec!["\n", "\r\n"]),
        )
            .prop_map(|(unit, newline)| Layout::Lines(unit, newline)),
        1 => prop::sample::select(vec!["", " "]).prop_map(Layout::Line),
        3 => prop::collection::vec(
            prop::sample::select(vec!["", " ", "\n", "\t", "\r\n", "\n  ", " \n\n   ", "\r"]),
            1..9,
        )
        .prop_map(Layout::Wild),
    ]
}

/// A settings text in which the handlers under `hooks` come from `handler`.
fn settings(handler: BoxedStrategy<Json>) -> impl Strategy<Value = String> {
    let others = prop::collection::vec((name(), any_value()), 0..4);
    let ends = prop::sample::select(vec![("", ""), ("", "\n"), ("\u{feff}", "\r\n"), ("\n ", " ")]);
    (others, prop::option::of((hooks(handler), 0..4usize)), layout(), ends).prop_map(
        |(mut members, hooks, layout, (before, after))| {
            if let Some((hooks, place)) = hooks {
                members.insert(place.min(members.len()), ("hooks".to_owned(), hooks));
            }
            let mut writer = Writer { layout: &layout, turn: 0, out: before.to_owned() };
            writer.value(0, &Json::Object(members));
            writer.out + after
        },
    )
}

fn foreign_settings() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => settings(foreign_handler().boxed()),
        1 => prop::sample::select(vec!["", "\n", "\u{feff}", "\u{feff} \r\n", "{}", "{ }", "{\n\n}\n"])
            .prop_map(str::to_owned),
    ]
}

fn mixed_settings() -> impl Strategy<Value = String> {
    settings(prop_oneof![foreign_handler(), our_handler()].boxed())
}

fn installed(text: Option<&str>, command: &str) -> String {
    let plan = plan_install(text, &HookEntries::for_command(command)).unwrap();
    plan.new_text().unwrap().to_owned()
}

fn handlers(text: &str, ours: bool) -> Vec<(String, Value)> {
    let document = Document::parse(text).unwrap();
    let chosen = |handler: &Handler| handler.is_ours() == ours;
    document
        .handlers()
        .filter(|(_, handler)| chosen(handler))
        .map(|(event, handler)| (event.to_owned(), handler.value.clone()))
        .collect()
}

/// Whether cutting must find the way back by itself: nothing was empty that then was filled.
fn has_no_empty_container(text: &str) -> bool {
    let document = Document::parse(text).unwrap();
    document.root.is_some_and(|root| {
        !root.container.items.is_empty()
            && root.hooks.is_none_or(|(_, hooks)| {
                !hooks.events.is_empty()
                    && hooks.events.iter().all(|event| !event.groups.is_empty())
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn uninstalling_gives_the_old_bytes_back(text in foreign_settings()) {
        let new = installed(Some(&text), "/opt/mana");
        let back = plan_uninstall(Some(&new), Some(&text)).unwrap();
        prop_assert_eq!(back.new_text(), Some(text.as_str()));
    }

    #[test]
    fn cutting_gives_the_old_bytes_back_without_knowing_them(text in foreign_settings()) {
        prop_assume!(has_no_empty_container(&text));
        let new = installed(Some(&text), "/opt/mana");
        let back = plan_uninstall(Some(&new), None).unwrap();
        prop_assert_eq!(back.new_text(), Some(text.as_str()));
    }

    #[test]
    fn containers_that_were_there_stay(text in settings(foreign_handler().boxed())) {
        // The blank makes this another text than the one that was installed on.
        let new = installed(Some(&text), "/opt/mana");
        let origin = format!("{text} ");
        let back = plan_uninstall(Some(&new), Some(&origin)).unwrap();
        prop_assert_eq!(back.new_text(), Some(text.as_str()));
    }

    #[test]
    fn moving_the_binary_loses_nothing(text in foreign_settings()) {
        let moved = installed(Some(&installed(Some(&text), "/opt/mana")), "/new/bin/mana");
        prop_assert_eq!(&moved, &installed(Some(&text), "/new/bin/mana"));
        let back = plan_uninstall(Some(&moved), Some(&text)).unwrap();
        prop_assert_eq!(back.new_text(), Some(text.as_str()));
    }

    #[test]
    fn a_second_run_changes_nothing(text in mixed_settings()) {
        let entries = HookEntries::for_command("/opt/mana");
        let new = installed(Some(&text), "/opt/mana");
        let again = plan_install(Some(&new), &entries).unwrap();
        prop_assert!(again.is_noop(), "{}", again.diff("settings.json"));
        prop_assert!(again.changes().iter().all(|change| change.action == Action::Kept));
        prop_assert_eq!(again.changes().len(), 8);
        prop_assert_eq!(again.diff("settings.json"), "");
    }

    #[test]
    fn each_entry_is_there_once_and_others_are_untouched(text in mixed_settings()) {
        let new = installed(Some(&text), "/opt/mana");
        let mut ours = handlers(&new, true);
        ours.sort_by(|a, b| a.0.cmp(&b.0));
        let mut wanted: Vec<_> = HookEntries::for_command("/opt/mana")
            .iter()
            .map(|entry| (entry.event.to_owned(), entry.handler.clone()))
            .collect();
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(ours, wanted);
        prop_assert_eq!(handlers(&new, false), handlers(&text, false));

        let none = plan_uninstall(Some(&text), None).unwrap();
        let none = none.new_text().unwrap_or("{}");
        prop_assert_eq!(handlers(none, true), vec![]);
        prop_assert_eq!(handlers(none, false), handlers(&text, false));
        prop_assert!(plan_uninstall(Some(none), None).unwrap().is_noop());
    }

    #[test]
    fn no_text_makes_it_panic(
        text in foreign_settings(), at in any::<prop::sample::Index>(), junk in "[\\[\\]{}\",:a\u{e4}\\\\ ]{0,3}",
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let index = at.index(chars.len() + 1);
        chars.splice(index..(index + 1).min(chars.len()), junk.chars());
        let text: String = chars.into_iter().collect();
        let valid = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).is_ok();
        if let Ok(plan) = plan_install(Some(&text), &HookEntries::for_command("/opt/mana")) {
            let blank = text.trim_start_matches('\u{feff}').trim().is_empty();
            prop_assert!(valid || blank);
            prop_assert!(plan_uninstall(plan.new_text(), Some(&text)).is_ok());
        }
    }
}
