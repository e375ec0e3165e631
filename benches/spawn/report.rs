//! The table for people, the JSON for programs, and which budgets held.

use std::time::Duration;

use serde_json::{Value, json};

use crate::measure::Summary;

/// A number that has a limit.
pub(crate) struct Budget {
    /// What is limited.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What it should be.
    pub target: f64,
    /// What fails `--check`: far enough from the target that a busy machine does not get there.
    pub bar: f64,
    /// Whether more is better, as with a rate.
    pub at_least: bool,
}

impl Budget {
    /// A budget that is a largest value: the target and the bar.
    pub(crate) fn at_most(name: impl Into<String>, value: f64, [target, bar]: [f64; 2]) -> Self {
        Self { name: name.into(), value, target, bar, at_least: false }
    }

    /// A budget that is a smallest value: the target and the bar.
    pub(crate) fn at_least(name: impl Into<String>, value: f64, [target, bar]: [f64; 2]) -> Self {
        Self { name: name.into(), value, target, bar, at_least: true }
    }

    /// A run that ended with another exit code than 0, which no target allows.
    pub(crate) fn exit_codes(name: &str, failures: usize) -> Self {
        Self::at_most(format!("{name}: failed runs"), failures as f64, [0.0, 0.0])
    }

    fn meets(&self, limit: f64) -> bool {
        if self.at_least { self.value >= limit } else { self.value <= limit }
    }

    /// Whether it stays inside the bar of `--check`.
    pub(crate) fn passes(&self) -> bool {
        self.meets(self.bar)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "value": rounded(self.value),
            "target": self.target,
            "held": self.meets(self.target),
        })
    }
}

/// Everything that was measured so far.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Value>,
    budgets: Vec<Budget>,
}

impl Report {
    /// Adds the budgets of one measurement.
    pub(crate) fn judge(&mut self, budgets: Vec<Budget>) {
        self.budgets.extend(budgets);
    }

    /// Adds numbers that have no table.
    pub(crate) fn note(&mut self, row: Value) {
        self.rows.push(row);
    }

    /// Prints a row of the table, with its ratios to the two reference programs.
    pub(crate) fn row(&mut self, case: &str, name: &str, row: &Summary, references: [&Summary; 2]) {
        let [minimal, cat] = references.map(|reference| ratio(row, reference));
        let memory = row.peak_memory as f64 / 1e6;
        println!(
            "  {name:<30} {:>9.3} {:>8.3} {:>8.3} {:>8.3} {minimal:>10.2} {cat:>7.2} {memory:>8.1} {:>9.0}",
            milliseconds(row.median),
            milliseconds(row.p99),
            milliseconds(row.lowest),
            milliseconds(row.busy),
            100.0 * row.answered as f64 / row.runs as f64,
        );
        self.rows.push(json!({
            "case": case,
            "name": name,
            "runs": row.runs,
            "median_ms": rounded(milliseconds(row.median)),
            "p99_ms": rounded(milliseconds(row.p99)),
            "min_ms": rounded(milliseconds(row.lowest)),
            "cpu_ms": rounded(milliseconds(row.busy)),
            "times_minimal": rounded(minimal),
            "times_cat": rounded(cat),
            "peak_mb": rounded(memory),
            "answered": row.answered,
        }));
    }

    /// The budgets whose target was missed, each as a line for people.
    pub(crate) fn missed(&self) -> Vec<String> {
        self.budgets
            .iter()
            .filter(|budget| !budget.meets(budget.target))
            .map(|b| format!("{}: {} (budget {})", b.name, rounded(b.value), b.target))
            .collect()
    }

    /// Whether every number is inside the bars of `--check`.
    pub(crate) fn passes(&self) -> bool {
        self.budgets.iter().all(Budget::passes)
    }

    /// All of it.
    pub(crate) fn to_json(&self) -> Value {
        let budgets: Vec<Value> = self.budgets.iter().map(Budget::to_json).collect();
        json!({"rows": self.rows, "budgets": budgets})
    }
}

/// Prints the head of a table.
pub(crate) fn head(title: &str) {
    println!("\n{title}");
    println!(
        "  {:<30} median ms   p99 ms   min ms   cpu ms  × minimal   × cat  peak MB  answered%",
        ""
    );
}

/// A duration in milliseconds.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How many times as long as `base` the median run took.
pub(crate) fn ratio(row: &Summary, base: &Summary) -> f64 {
    row.median.as_secs_f64() / base.median.as_secs_f64()
}

/// To three places: what follows is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
