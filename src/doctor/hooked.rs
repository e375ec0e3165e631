//! Whether the client calls this program.

use std::path::Path;

use super::{Finding, Mend, Patient, State};
use crate::hooks::install::{SettingsFile, calls, notices};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut installed = false;
    for path in &patient.settings {
        let file = match SettingsFile::read(path) {
            Ok(file) => file,
            Err(error) => {
                findings.push(
                    Finding::new("hooks", State::Problem, error.to_string())
                        .advice("The client reads no hooks from a file that it cannot read."),
                );
                continue;
            }
        };
        let Some(text) = file.text() else { continue };
        let called = calls(text);
        for notice in notices(text) {
            findings.push(Finding::new("hooks", State::Warning, notice.to_string()));
        }
        if called.is_empty() {
            continue;
        }
        installed = true;
        let plan = patient.entries.as_ref().map(|entries| file.plan_install(entries));
        let name = path.display();
        findings.push(match (gone(&called), plan) {
            (Some(binary), _) => Finding::new(
                "hooks",
                State::Problem,
                format!("the hooks in {name} call {binary}, which does not exist"),
            )
            .advice("`mana init` makes them call this program.")
            .mend(Mend::Hooks(path.clone())),
            (None, Some(Ok(plan))) if plan.is_noop() => {
                Finding::new("hooks", State::Good, format!("installed in {name}"))
            }
            (None, Some(Ok(_))) => Finding::new(
                "hooks",
                State::Warning,
                format!("the hooks in {name} are not those of this program, or not all of them"),
            )
            .advice("`mana init` brings them up to date.")
            .mend(Mend::Hooks(path.clone())),
            (None, Some(Err(error))) => Finding::new("hooks", State::Problem, error.to_string()),
            (None, None) => Finding::new(
                "hooks",
                State::Warning,
                format!("there are some in {name}; where this program is, is not known"),
            ),
        });
    }
    if !installed {
        findings.push(
            Finding::new("hooks", State::Problem, "no settings of the client call mana")
                .advice("`mana init` installs the hooks."),
        );
    }
    findings
}

/// The first of the called programs that does not exist; a bare name is found by the client.
fn gone(called: &[String]) -> Option<&str> {
    called.iter().map(String::as_str).find(|command| {
        let path = Path::new(command);
        path.is_absolute() && !path.exists()
    })
}
