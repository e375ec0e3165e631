//! Whether the client calls this program.

use std::error::Error as _;
use std::path::Path;

use super::{Finding, Mend, Patient, State};
use crate::hooks::install::{SettingsFile, calls, notices};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut installed = false;
    let mut unusable = false;
    for path in &patient.settings {
        let file = match SettingsFile::read(path) {
            Ok(file) => file,
            Err(error) => {
                findings.push(
                    Finding::new("hooks", State::Problem, error.to_string())
                        .advice("The client reads no hooks from a file that it cannot read."),
                );
                unusable = true;
                continue;
            }
        };
        let Some(text) = file.text() else { continue };
        // Of a file that is no strict JSON, or of another shape, the client reads nothing.
        let plan = patient.entries.as_ref().map(|entries| file.plan_install(entries));
        let is_current = match plan.transpose() {
            Ok(plan) => plan.map(|plan| plan.is_noop()),
            Err(error) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                let finding = Finding::new("hooks", State::Problem, format!("{error}{cause}"));
                findings.push(finding.advice(error.hint()));
                unusable = true;
                continue;
            }
        };
        let called = calls(text);
        for notice in notices(text) {
            findings.push(Finding::new("hooks", State::Warning, notice.to_string()));
        }
        if called.is_empty() {
            continue;
        }
        installed = true;
        findings.push(state_of(patient, path, &file, (gone(&called), is_current)));
    }
    if !installed && !unusable {
        findings.push(
            Finding::new("hooks", State::Problem, "no settings of the client call mana")
                .advice("`mana init` installs the hooks."),
        );
    }
    findings
}

/// What is to be said of the hooks in the file at `path`, of which was found: the program that they
/// call and that is gone, and whether they are those of this program, as far as it is known.
fn state_of(
    patient: &Patient<'_>,
    path: &Path,
    file: &SettingsFile,
    found: (Option<&str>, Option<bool>),
) -> Finding {
    let name = path.display();
    match found {
        (Some(binary), _) => Finding::new(
            "hooks",
            State::Problem,
            format!("the hooks in {name} call {binary}, which does not exist"),
        )
        .advice("`mana init` makes them call this program.")
        .mend(Mend::Hooks(path.to_path_buf())),
        (None, Some(true)) => Finding::new("hooks", State::Good, format!("installed in {name}")),
        (None, Some(false)) if call_by_name(file, patient) => Finding::new(
            "hooks",
            State::Good,
            format!("installed in {name}, calling `mana` as `PATH` finds it"),
        ),
        (None, Some(false)) => Finding::new(
            "hooks",
            State::Warning,
            format!("the hooks in {name} are not those of this program, or not all of them"),
        )
        .advice("`mana init` brings them up to date.")
        .mend(Mend::Hooks(path.to_path_buf())),
        (None, None) => Finding::new(
            "hooks",
            State::Warning,
            format!("there are some in {name}; where this program is, is not known"),
        ),
    }
}

/// Whether the hooks are those that a person copies, and they reach this program.
fn call_by_name(file: &SettingsFile, patient: &Patient<'_>) -> bool {
    let plan = patient.by_name.as_ref().map(|entries| file.plan_install(entries));
    matches!(plan, Some(Ok(plan)) if plan.is_noop())
}

/// The first of the called programs that does not exist; a bare name is found by the client.
fn gone(called: &[String]) -> Option<&str> {
    called.iter().map(String::as_str).find(|command| {
        let path = Path::new(command);
        path.is_absolute() && !path.exists()
    })
}
