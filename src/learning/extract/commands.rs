//! Base rates: how often each command, skill, agent and server's tool was called and failed.

use std::collections::BTreeMap;

use super::View;
use super::invocation;
use crate::model::key::{Key, Space};
use crate::model::trajectory::Outcome;
use crate::storage::CommandRun;

/// Runs of every command of the trajectory, by its template, and of other calls by their name.
pub(super) fn extract(view: &View<'_>) -> Vec<CommandRun> {
    let mut runs: BTreeMap<Key, CommandRun> = BTreeMap::new();
    for seen in &view.calls {
        let name = match &seen.command {
            Some(command) => command.key(),
            None => match invocation::name_of(seen.call) {
                Some(name) => name,
                None => continue,
            },
        };
        let failed = match seen.call.outcome {
            Outcome::Success => 0,
            outcome if outcome.failed() => 1,
            _ => continue,
        };
        let key = Key::new(Space::Command, &name);
        let run = runs.entry(key).or_insert(CommandRun { key, runs: 0, failures: 0 });
        run.runs += 1;
        run.failures += failed;
    }
    runs.into_values().collect()
}

#[cfg(test)]
mod tests {
    use crate::learning::extract::extract;
    use crate::learning::extract::testing::{ROOT, steps};
    use crate::model::key::{Key, Space};
    use crate::model::shell::normalise;

    #[test]
    fn runs_and_failures_by_template() {
        let script = "$ go test ./... -run TestA
             $ cd core && go test ./... -run TestB | tail !~ --- FAIL: TestB
             $ go test ./... -run TestC !! --- FAIL: TestC
             $ go test ./... -run TestD ?? rejected
             $ go test ./... -run TestE ?? unknown
             $ go vet ./...
             Read ~/app/go.mod";
        let runs = extract(&steps(script), ROOT, true).commands;
        let of = |command: &str| {
            let key = Key::new(Space::Command, &normalise(command).key());
            runs.iter().find(|run| run.key == key).map(|run| (run.runs, run.failures))
        };
        assert_eq!(of("go test ./... -run TestX"), Some((3, 2)));
        assert_eq!(of("go vet ./..."), Some((1, 0)));
        assert_eq!(runs.len(), 2);
    }
}
