//! Makes the project's folder as it lies on a developer's disk: with a repository, the files that
//! the sessions worked on, instructions for agents, and the programs that the commands name.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::lesson::lesson;
use super::words::Dice;

/// The stream of [`Dice`] for the instructions.
const STREAM: u64 = 9;

/// Bytes of each section of the instructions, and how many there are: together as long as such
/// files usually are where there is one.
const SECTION: usize = 600;
const SECTIONS: usize = 10;

/// Fills the folder `project` with what `lessons` lessons speak of, and the folder `programs` with
/// programs of the names that their commands have.
pub(crate) fn write_checkout(project: &Path, programs: &Path, lessons: usize) -> io::Result<()> {
    fs::create_dir_all(project.join(".git"))?;
    fs::write(project.join(".git/HEAD"), "ref: refs/heads/main\n")?;
    fs::write(project.join("CLAUDE.md"), instructions())?;
    fs::write(project.join("package.json"), r#"{"name": "bench", "scripts": {"build": "x"}}"#)?;
    fs::create_dir_all(programs)?;
    let mut names = BTreeSet::new();
    for number in 0..lessons {
        let lesson = lesson(number);
        for file in &lesson.files {
            let path = project.join(file);
            fs::create_dir_all(path.parent().unwrap_or(project))?;
            File::create(path)?;
        }
        for command in [&lesson.failing, &lesson.working] {
            let program = command.split_whitespace().find(|word| !word.contains('='));
            names.extend(program.filter(|name| !name.contains('/')).map(str::to_owned));
        }
    }
    names.iter().try_for_each(|name| fs::write(programs.join(name), "#!/bin/sh\n"))
}

/// Sections of prose, each with a list.
fn instructions() -> String {
    let mut text = String::from("# Instructions\n");
    for section in 0..SECTIONS {
        let dice = &mut Dice::new(STREAM, section);
        let (prose, noun) = (dice.prose(SECTION), dice.noun());
        let rules: Vec<String> = prose.split(". ").map(|rule| format!("- {rule}.\n")).collect();
        text.extend(["\n## The ", noun, "\n\n", &rules.concat()]);
    }
    text
}
