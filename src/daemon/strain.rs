//! Whether the machine has better things to do: it runs on its battery, or is loaded.

use std::path::Path;

/// Runnable tasks for each processor from which on a machine counts as loaded.
const LOADED: f64 = 2.0;

/// Where Linux tells of batteries and mains.
const SUPPLIES: &str = "/sys/class/power_supply";

/// Where Linux tells how much there is to do.
const LOAD: &str = "/proc/loadavg";

/// Why the machine should be spared, in a word or two; `None` where it need not be, or where the
/// system does not say.
pub(crate) fn of_machine() -> Option<&'static str> {
    if on_battery(Path::new(SUPPLIES)) {
        return Some("battery");
    }
    let load = std::fs::read_to_string(LOAD).ok()?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    is_loaded(&load, processors).then_some("load")
}

/// Whether a battery is being emptied and no mains is plugged in, going by a folder with one folder
/// for each supply.
fn on_battery(supplies: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(supplies) else { return false };
    let mut emptied = false;
    for supply in entries.flatten() {
        let says = |name: &str| {
            std::fs::read_to_string(supply.path().join(name)).unwrap_or_default().trim().to_owned()
        };
        match says("type").as_str() {
            "Mains" | "USB" if says("online") == "1" => return false,
            // A mouse has one as well.
            "Battery" if says("scope") != "Device" => emptied |= says("status") == "Discharging",
            _ => {}
        }
    }
    emptied
}

/// Whether the mean of the last minute, the first number of `load`, is much for so many processors.
fn is_loaded(load: &str, processors: usize) -> bool {
    let mean = load.split_whitespace().next().and_then(|mean| mean.parse::<f64>().ok());
    mean.is_some_and(|mean| mean > LOADED * processors as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_battery_counts_while_it_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let supply = |name: &str, files: &[(&str, &str)]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            for (file, text) in files {
                std::fs::write(path.join(file), format!("{text}\n")).unwrap();
            }
        };
        assert!(!on_battery(folder.path()));
        supply("mouse", &[("type", "Battery"), ("scope", "Device"), ("status", "Discharging")]);
        assert!(!on_battery(folder.path()));
        supply("BAT0", &[("type", "Battery"), ("status", "Discharging")]);
        assert!(on_battery(folder.path()));
        supply("AC", &[("type", "Mains"), ("online", "1")]);
        assert!(!on_battery(folder.path()));
        supply("AC", &[("online", "0")]);
        assert!(on_battery(folder.path()));
        supply("BAT0", &[("status", "Full")]);
        assert!(!on_battery(folder.path()));
    }

    #[test]
    fn load_counts_for_each_processor() {
        assert!(!is_loaded("3.99 1.00 0.50 2/345 6789", 2));
        assert!(is_loaded("4.01 1.00 0.50 2/345 6789", 2));
        assert!(!is_loaded("", 2));
    }
}
