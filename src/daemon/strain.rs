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
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    told_by(Path::new(SUPPLIES), Path::new(LOAD), processors)
}

/// The same, going by a folder with one folder for each supply and a file with the load.
fn told_by(supplies: &Path, load: &Path, processors: usize) -> Option<&'static str> {
    if on_battery(supplies) {
        return Some("battery");
    }
    let load = std::fs::read_to_string(load).ok()?;
    is_loaded(&load, processors).then_some("load")
}

/// Whether a battery is being emptied and no mains is plugged in. What feeds another device than
/// the machine, such as a mouse, does not count, nor does what cannot be read.
fn on_battery(supplies: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(supplies) else { return false };
    let mut emptied = false;
    for supply in entries.flatten() {
        let says = |name: &str| {
            std::fs::read_to_string(supply.path().join(name)).unwrap_or_default().trim().to_owned()
        };
        if says("scope") == "Device" {
            continue;
        }
        match says("type").as_str() {
            "Mains" | "USB" if says("online") == "1" => return false,
            "Battery" => emptied |= says("status") == "Discharging",
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
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder of supplies and a file with the load, as Linux has them: each supply is a link.
    fn machine(supplies: &[&[&str]], load: &str) -> tempfile::TempDir {
        let machine = tempfile::tempdir().unwrap();
        let class = machine.path().join("class");
        std::fs::create_dir_all(&class).unwrap();
        for (n, files) in supplies.iter().enumerate() {
            let device = machine.path().join(format!("device{n}"));
            std::fs::create_dir_all(&device).unwrap();
            symlink(&device, class.join(format!("supply{n}"))).unwrap();
            for file in *files {
                let (name, text) = file.split_once('=').unwrap();
                match text {
                    // What the kernel does not give away: reading fails.
                    "?" => std::fs::create_dir_all(device.join(name)).unwrap(),
                    _ => std::fs::write(device.join(name), format!("{text}\n")).unwrap(),
                }
            }
        }
        if !load.is_empty() {
            std::fs::write(machine.path().join("loadavg"), load).unwrap();
        }
        machine
    }

    fn told(supplies: &[&[&str]], load: &str) -> Option<&'static str> {
        let machine = machine(supplies, load);
        told_by(&machine.path().join("class"), &machine.path().join("loadavg"), 2)
    }

    const AC: &[&str] = &["type=Mains", "online=1"];
    const NO_AC: &[&str] = &["type=Mains", "online=0"];
    const EMPTIED: &[&str] = &["type=Battery", "scope=System", "status=Discharging"];
    const FULL: &[&str] = &["type=Battery", "status=Full"];
    const MOUSE: &[&str] = &["type=Battery", "scope=Device", "status=Discharging"];

    #[test]
    fn a_battery_counts_while_it_is_emptied() {
        let usb = &["type=USB", "online=1"][..];
        let dark = &["type=?", "online=?", "status=?", "scope=?"][..];
        for (what, supplies, battery) in [
            ("a desktop", &[][..], false),
            ("a desktop that names its mains", &[AC], false),
            ("plugged in and full", &[AC, FULL], false),
            ("plugged in, and emptied all the same", &[EMPTIED, AC], false),
            ("unplugged", &[NO_AC, EMPTIED], true),
            (
                "unplugged, not emptied yet",
                &[NO_AC, &["type=Battery", "status=Not charging"]],
                false,
            ),
            ("being charged", &[NO_AC, &["type=Battery", "status=Charging"]], false),
            ("no mains named", &[&["type=Battery", "status=Discharging"]], true),
            ("one of two is emptied", &[NO_AC, FULL, EMPTIED], true),
            ("plugged in by another plug", &[NO_AC, EMPTIED, usb], false),
            ("nothing plugged in there", &[&["type=USB", "online=0"], EMPTIED], true),
            ("a mouse", &[MOUSE], false),
            ("a mouse of a machine that is plugged in", &[AC, FULL, MOUSE], false),
            ("what feeds a mouse", &[&["type=Mains", "scope=Device", "online=1"], EMPTIED], true),
            ("a supply for emergencies", &[&["type=UPS", "status=Discharging"], AC], false),
            ("nothing can be read", &[dark], false),
            ("not the battery", &[dark, NO_AC], false),
            ("not the mains", &[dark, EMPTIED], true),
            ("only its type", &[&["type=Battery", "status=?", "scope=?"]], false),
            ("empty files", &[&["type=", "status=", "online="]], false),
        ] {
            let found = told(supplies, "0.10 0.20 0.30 1/99 4321");
            assert_eq!(found, battery.then_some("battery"), "{what}");
        }
    }

    #[test]
    fn load_counts_for_each_processor() {
        for (load, expected) in [
            ("3.99 1.00 0.50 2/345 6789", None),
            ("4.00 9.00 9.00 2/345 6789", None),
            ("4.01 1.00 0.50 2/345 6789", Some("load")),
            ("nan 1.00 0.50 2/345 6789", None),
            ("much", None),
            // There is none.
            ("", None),
        ] {
            assert_eq!(told(&[AC], load), expected, "{load}");
        }
        assert_eq!(told(&[EMPTIED], "99.0 9.0 9.0 2/345 6789"), Some("battery"));
        assert_eq!(told_by(Path::new("/nowhere"), Path::new("/nowhere"), 1), None);
    }
}
