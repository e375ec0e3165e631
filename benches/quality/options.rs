//! What the measurement can be told.

use std::path::PathBuf;

use mana::quality::Options;

/// Shown when no transcripts are named.
pub(crate) const HELP: &str = "\
usage: quality [OPTIONS] TRANSCRIPTS...

TRANSCRIPTS are files, or folders of them, as `mana learn` takes them.

  --model DIR       the folder of a full encoder; needs a build with the feature `encoder`
  --questions N     questions of a set at most (default 2000)
  --seed N          decides which questions are asked when there are more (default 1)
  --weights A,B,..  weights of the meaning beside the words (default 0.5,1,2)
  --tokens N        tokens of a text that count (default 80)
  --json            print one JSON object instead of tables";

/// What is asked for.
pub(crate) enum Asked {
    /// A measurement, as text or as JSON.
    Measure { options: Options, json: bool },
    /// Help, or no transcripts.
    Nothing,
}

impl Asked {
    /// Reads the arguments.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options {
            transcripts: Vec::new(),
            model: None,
            questions: 2_000,
            seed: 1,
            weights: vec![0.5, 1.0, 2.0],
            tokens: 80,
        };
        let mut json = false;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                // Cargo adds it to every bench.
                "--bench" => {}
                "--help" | "-h" => return Ok(Self::Nothing),
                "--json" => json = true,
                "--model" => options.model = Some(value()?.into()),
                "--questions" => options.questions = number(&value()?)?,
                "--seed" => options.seed = number(&value()?)?,
                "--tokens" => options.tokens = number(&value()?)?,
                "--weights" => {
                    options.weights = value()?.split(',').map(number).collect::<Result<_, _>>()?;
                }
                option if option.starts_with('-') => {
                    return Err(format!("{option} is no option"));
                }
                path => options.transcripts.push(PathBuf::from(path)),
            }
        }
        if options.transcripts.is_empty() {
            return Ok(Self::Nothing);
        }
        Ok(Self::Measure { options, json })
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
