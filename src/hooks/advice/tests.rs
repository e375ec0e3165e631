//! What is said at each moment, by example: sessions are learned, then a new one asks.

mod before;
mod brief;
mod classes;
mod failed;
mod gone;
mod prompt;
mod session;
mod told_by_files;

use super::chance_before;
use crate::hooks::event::{HookEvent, Moment};
use crate::hooks::testing::{DAY, Desk, NOW, call, event};
use crate::model::ids::StepId;
use crate::model::pattern::{Draft, Evidence, Kind, Payload, Role};
use crate::model::rank::Weights;
use crate::model::subject;
use crate::storage::Record;

const HEADER: &str = "Seen in earlier sessions of this project:";

/// A failure of this project's, and what mends it.
const FIX: &str = "$ make e2e !! make: *** No rule to make target 'e2e'.  Stop.
    $ make e2e-tests
    $ make -s lint-all";

const FIX_TEXT: &str =
    "`make e2e` failed (make: *** No rule to make target 'e2e'. Stop.); `make e2e-tests` worked";

fn decision(session: &str, said: &str, standing: bool, days: i64) -> Draft {
    Draft {
        kind: Kind::Decision,
        tool: String::new(),
        category: "",
        identity: (said.into(), String::new()),
        keys: Vec::new(),
        trigger: said.into(),
        text: format!("user: \"{said}\""),
        payload: Payload { standing, subject: subject::of_statement(said), ..Payload::default() },
        evidence: vec![Evidence {
            step: StepId::derive(&format!("{session} {said}")),
            at: NOW - days * DAY,
            role: Role::Success,
        }],
    }
}

/// A desk that learned the script in each of three sessions.
fn thrice(script: &str) -> Desk {
    let mut desk = Desk::new();
    for days in 1..=3 {
        desk.learn(&format!("learned {days}"), days, script);
    }
    desk
}
