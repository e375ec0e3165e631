//! Where things are: the only user of `HOME` and its kind.

use std::path::{Path, PathBuf};

/// File in the user's home of MANA that lists the project-local homes this user made, one path
/// a line. A `.mana` folder that came with a checkout is not in it and counts for nothing.
pub(super) const LOCAL_HOMES: &str = "local-homes";

/// MANA's home for a command that runs in `cwd`: `$MANA_HOME`, else the nearest project-local
/// home above `cwd` that this user made, else `~/.mana`.
pub(super) fn home(cwd: Option<&Path>) -> Option<PathBuf> {
    if let Some(home) = super::variable("MANA_HOME").filter(|home| !home.is_empty()) {
        return Some(PathBuf::from(home));
    }
    let own = own_home()?;
    let local = cwd.and_then(|cwd| local_home(cwd, &own));
    Some(local.unwrap_or(own))
}

/// MANA's home for all projects of this user; the list of project-local homes lies in it.
pub(super) fn own_home() -> Option<PathBuf> {
    Some(user_home()?.join(".mana"))
}

/// The folder of the logs of a home, where `$MANA_LOG_DIR` names no other.
pub(crate) fn logs_of(home: &Path) -> PathBuf {
    home.join("logs")
}

/// The project-local home of a folder.
pub(crate) fn local_home_of(folder: &Path) -> PathBuf {
    folder.join(".mana")
}

/// The folder of the project whose own home this is; `None` for a home for all projects.
pub(crate) fn project_of_home(home: &Path) -> Option<PathBuf> {
    let own = own_home().filter(|own| own != home)?;
    let listed = super::text_of(&own.join(LOCAL_HOMES)).ok()?;
    let is_local = listed.lines().any(|line| Path::new(line) == home);
    home.parent().filter(|_| is_local).map(Path::to_path_buf)
}

fn local_home(cwd: &Path, own: &Path) -> Option<PathBuf> {
    let listed = super::text_of(&own.join(LOCAL_HOMES)).ok()?;
    cwd.ancestors()
        .map(local_home_of)
        .find(|home| listed.lines().any(|line| Path::new(line) == home.as_path()))
        .filter(|home| home.join("config.toml").is_file())
}

/// The agent's configuration folder: `$CLAUDE_CONFIG_DIR`, else `~/.claude`.
pub(super) fn agent_config() -> Option<PathBuf> {
    match super::variable("CLAUDE_CONFIG_DIR").filter(|dir| !dir.is_empty()) {
        Some(dir) => Some(PathBuf::from(dir)),
        None => Some(user_home()?.join(".claude")),
    }
}

/// Folders of programs that a shell's profile adds to `PATH`, which a hook need not have run;
/// `None` where a manager of versions keeps programs in places of its own.
pub(super) fn usual_folders() -> Option<Vec<PathBuf>> {
    const MANAGERS: &[&str] = &[
        ".nvm",
        ".fnm",
        ".local/share/fnm",
        ".volta",
        ".asdf",
        ".local/share/mise",
        ".pyenv",
        ".rbenv",
        ".rvm",
        ".sdkman",
        ".proto",
        ".nix-profile",
        ".conda",
        "miniconda3",
        "anaconda3",
    ];
    const FOLDERS: &[&str] = &[
        "bin",
        ".local/bin",
        ".cargo/bin",
        ".bun/bin",
        ".deno/bin",
        ".npm-global/bin",
        ".local/share/pnpm",
        ".yarn/bin",
        "go/bin",
        ".dotnet/tools",
        ".composer/vendor/bin",
    ];
    const SYSTEM: &[&str] = &[
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/sbin",
        "/sbin",
        "/opt/homebrew/bin",
        "/snap/bin",
        "/home/linuxbrew/.linuxbrew/bin",
        "/usr/local/go/bin",
        "/opt/local/bin",
    ];
    let home = user_home()?;
    let managed = MANAGERS.iter().any(|folder| home.join(folder).exists());
    (!managed).then(|| {
        let own = FOLDERS.iter().map(|folder| home.join(folder));
        own.chain(SYSTEM.iter().map(PathBuf::from)).collect()
    })
}

/// The user's home folder: `$HOME`, else what the password file says. Hooks were seen to run
/// without `HOME`; the C library's look-up would load shared libraries into a static binary.
pub(super) fn user_home() -> Option<PathBuf> {
    if let Some(home) = super::variable("HOME").filter(|home| !home.is_empty()) {
        return Some(PathBuf::from(home));
    }
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.len() >= 6 && fields[2] == uid && !fields[5].is_empty())
            .then(|| PathBuf::from(fields[5]))
    })
}
