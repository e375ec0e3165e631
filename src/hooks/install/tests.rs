//! The edit as a whole: installing, updating, uninstalling, on texts and on files.

mod files;
mod properties;
mod texts;
