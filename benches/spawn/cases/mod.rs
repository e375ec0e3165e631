//! What is measured, and the budget of each.

mod inject;
mod learn;
mod learn_new;
mod load;
mod session_end;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Outcome;
use crate::measure::Program;
use crate::options::Options;
use crate::report::{Budget, Report};

/// How often numbers beyond the bars are measured again before they count.
const TRIES: usize = 3;

/// A named case: it measures, prints its table, and says how the budgets fared.
type Case = fn(&Bench, &mut Report) -> Outcome<()>;

/// All cases, in the order in which they run.
pub(crate) const ALL: &[(&str, Case)] = &[
    ("inject", inject::measure),
    ("session-end", session_end::measure),
    ("learn-new", learn_new::measure),
    ("learn", learn::measure),
];

/// What all cases need.
pub(crate) struct Bench {
    pub mana: PathBuf,
    pub minimal: PathBuf,
    pub folder: PathBuf,
    pub options: Options,
}

impl Bench {
    /// `mana` with `arguments`, at home in the folder `home`.
    fn mana(&self, home: &Path, arguments: &[&str]) -> Program {
        Program {
            path: self.mana.clone(),
            arguments: arguments.iter().map(OsString::from).collect(),
            environment: self.environment(home),
        }
    }

    /// The programs that `mana` is compared with, started as it is.
    fn references(&self, home: &Path) -> [Program; 2] {
        [self.minimal.as_path(), Path::new("/bin/cat")].map(|path| Program {
            path: path.to_owned(),
            arguments: Vec::new(),
            environment: self.environment(home),
        })
    }

    fn environment(&self, home: &Path) -> Vec<(OsString, OsString)> {
        let mut path = self.programs().into_os_string();
        path.push(":/usr/local/bin:/usr/bin:/bin");
        vec![
            ("HOME".into(), home.into()),
            ("PATH".into(), path),
            ("MANA_HOME".into(), mana_home(home).into()),
            ("CLAUDE_CONFIG_DIR".into(), client(home).into()),
            // Nothing is held back for comparison: every run does the whole work.
            ("MANA_HOLDOUT".into(), "0".into()),
        ]
    }

    /// The folder that the sessions worked in.
    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    /// The folder of the programs that the sessions ran.
    fn programs(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The home called `name`, and whether it is new.
    fn home(&self, name: &str) -> Outcome<(PathBuf, bool)> {
        let home = self.folder.join(name);
        let new = !home.exists();
        fs::create_dir_all(client(&home))?;
        fs::create_dir_all(mana_home(&home))?;
        Ok((home, new))
    }

    /// Measures, again when a bar was missed and bars count, and keeps the last budgets.
    fn judge(
        &self,
        report: &mut Report,
        mut measure: impl FnMut(usize, &mut Report) -> Outcome<Vec<Budget>>,
    ) -> Outcome<()> {
        let tries = if self.options.check { TRIES } else { 1 };
        let mut budgets = Vec::new();
        for attempt in 0..tries {
            budgets = measure(attempt, report)?;
            if budgets.iter().all(Budget::passes) {
                break;
            }
        }
        report.judge(budgets);
        Ok(())
    }
}

/// The client's folder of `home`.
fn client(home: &Path) -> PathBuf {
    home.join("claude")
}

/// MANA's folder of `home`.
fn mana_home(home: &Path) -> PathBuf {
    home.join("mana")
}

/// Runs `mana learn` and fails when it does.
fn learn_all(bench: &Bench, home: &Path) -> Outcome<()> {
    let output = bench.mana(home, &["learn"]).command().output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("mana learn ended with {}: {text}", output.status).into());
    }
    Ok(())
}

/// An event in the folder `project`, as the client sends it.
fn event(project: &str, session: &str, name: &str, fields: Value) -> Value {
    let mut event = json!({
        "session_id": session,
        "transcript_path": format!("/srv/bench/{session}.jsonl"),
        "cwd": project,
        "hook_event_name": name,
        "permission_mode": "default",
    });
    if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
        event.extend(fields);
    }
    event
}
