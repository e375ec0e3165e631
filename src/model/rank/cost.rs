//! What a line costs and what being right saves, in tokens. Pure.
//!
//! A line is worth saying from the chance on at which both are equal, so every threshold of
//! ranking comes from here. The unit is an input token at its full price. What stands in the
//! context is written to the cache once and read from it at every later turn; relative prices are
//! those that the vendor publishes for a cache of five minutes. The quantities are medians, or
//! means where it is said, over 248 recorded sessions of nine projects, as their transcripts have
//! them: calls and results at four characters a token, contexts and outputs by their `usage`.

/// Characters of a token.
const TOKEN: f64 = 4.0;

/// Price of a token that is written to the cache.
const WRITTEN: f64 = 1.25;

/// Price of a token that is read from the cache.
const CACHED: f64 = 0.1;

/// Price of a token that the agent writes.
const OUTPUT: f64 = 5.0;

/// Tokens of the context at a failed call (542 calls); 0.99 of it comes from the cache.
const CONTEXT: f64 = 70_000.0;

/// Tokens that the agent writes in a turn, where the client noted the final number.
const TURN: f64 = 240.0;

/// Tokens of a failed call's error.
const ERROR: f64 = 73.0;

/// Tokens of a search's result (1,786 searches).
const FOUND: f64 = 105.0;

/// Turns that follow a failed call.
const AFTER_FAILURE: f64 = 25.0;

/// Calls that follow a prompt, each taken for a turn (1,341 prompts).
const AFTER_PROMPT: f64 = 35.0;

/// Turns that follow the start of a session.
const AFTER_START: f64 = 29.0;

/// Mean number of searches from a prompt to the first change.
const SEARCHES: f64 = 1.25;

/// Share of the commands' failures that the client does not report as such: only for these does a
/// line before the call say anything that the one at the failure would not (188 of 550).
const UNREPORTED: f64 = 0.34;

/// Calls between a prompt and the user's correction.
const CORRECTED: f64 = 4.5;

/// Share of the prompts after which the user has to correct or lays something down (74 of 1,341):
/// without that, a decision that applies would be kept to anyway.
const ASTRAY: f64 = 0.055;

/// Share of the commands named at a start whose purpose comes up (251 of 531), times the share of
/// those sessions in which a command of that purpose failed by a mistake (80 of 548).
const GUESSED: f64 = 0.47 * 0.146;

/// What is left of a file's worth each time that the agent was told of it and did not open it: the
/// odds that it is opened at a later prompt, by those of a file of the same stated chance that was
/// not likely before (158 of 909 candidates of replayed prompts; `docs/learning.md`).
const AGAIN: f64 = 0.87;

/// Characters of a line beside its text: the marker and the line's end.
pub(crate) const FRAME: usize = 17;

/// Characters that a file's name costs beside itself: its share of the line that names it.
pub(crate) const NAMED: usize = 20;

/// Calls that a wrong line costs: of a hundred, three lead to a call in vain. Sessions that were
/// recorded without such lines cannot tell; `docs/learning.md` has what other values do.
const ATTENTION: f64 = 0.03;

/// What a token costs that enters the context and stays there for so many turns.
const fn carried(turns: f64) -> f64 {
    WRITTEN + CACHED * turns
}

/// What a call costs with its `result` and the agent's turn around it.
const fn call(result: f64, turns: f64) -> f64 {
    CACHED * CONTEXT + OUTPUT * TURN + (TURN + result) * carried(turns)
}

/// What a failed call costs.
const FAILURE: f64 = call(ERROR, AFTER_FAILURE);

/// What a line of so many characters costs.
const fn line(characters: usize, turns: f64) -> f64 {
    (characters + FRAME) as f64 / TOKEN * carried(turns)
}

/// The chance at which a line is worth as much as it costs: p · saves = line + (1 - p) · wrong.
const fn break_even(line: f64, saves: f64) -> f64 {
    let wrong = ATTENTION * FAILURE;
    (line + wrong) / (saves + wrong)
}

/// Chance to be right from which a line of so many characters is said at a failed call.
pub(crate) const fn failed(characters: usize) -> f64 {
    break_even(line(characters, AFTER_FAILURE), FAILURE)
}

/// Chance that the call fails in the known way from which a line is said before it.
pub(crate) const fn before(characters: usize) -> f64 {
    break_even(line(characters, AFTER_FAILURE), UNREPORTED * FAILURE)
}

/// Chance from which the file at a path of so many characters is named at a prompt.
pub(crate) const fn file(characters: usize) -> f64 {
    break_even(line(characters + NAMED - FRAME, AFTER_PROMPT), SPARED)
}

/// The same for a file that was named so many times before in this context window.
pub(crate) fn file_again(characters: usize, times: usize) -> f64 {
    let left = AGAIN.powi(i32::try_from(times).unwrap_or(i32::MAX));
    break_even(line(characters + NAMED - FRAME, AFTER_PROMPT), left * SPARED)
}

/// What the searches for a file cost.
const SPARED: f64 = SEARCHES * call(FOUND, AFTER_PROMPT);

/// Chance to apply from which a decision is told at a prompt. One that applies is no wrong line
/// where the agent would have kept to it anyway.
pub(crate) const fn decision(characters: usize) -> f64 {
    break_even(line(characters, AFTER_PROMPT), ASTRAY * CORRECTED * FAILURE)
}

/// Chance to be right from which a command is named at the start of a session.
pub(crate) const fn recipe(characters: usize) -> f64 {
    break_even(line(characters, AFTER_START), GUESSED * FAILURE)
}

/// Failures that naming a mistake at the start of a session has to save.
pub(crate) const fn mistake(characters: usize) -> f64 {
    (line(characters, AFTER_START) + ATTENTION * FAILURE) / FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn break_even_is_where_both_sides_weigh_the_same() {
        let (line, saves, wrong) = (300.0, 5_000.0, ATTENTION * FAILURE);
        let p = break_even(line, saves);
        assert!((p * saves - line - (1.0 - p) * wrong).abs() < 1e-9);
    }

    #[test]
    fn a_longer_line_needs_a_higher_chance() {
        let again = |characters| file_again(characters, 1);
        for of in [failed, before, file, again, decision, recipe, mistake] {
            for characters in [0, 40, 200, 600] {
                let (short, long) = (of(characters), of(characters + 40));
                assert!(short < long && short > 0.0, "{characters}");
            }
        }
    }

    #[test]
    fn what_saves_less_needs_a_higher_chance() {
        for characters in [30, 100, 200] {
            assert!(failed(characters) < before(characters));
            assert!((file(characters) - file_again(characters, 0)).abs() < 1e-12);
            assert!(file(characters) < file_again(characters, 1));
            assert!(file_again(characters, 1) < file_again(characters, 2));
            assert!(file(characters) < failed(characters), "a search is worth more than a retry");
        }
    }

    #[test]
    fn an_even_chance_pays_for_lines_of_the_usual_length() {
        for (name, chance) in [
            ("a fix at a failure", failed(220)),
            ("a fix before a call", before(160)),
            ("a file", file(60)),
            ("a decision", decision(140)),
            ("a command", recipe(60)),
            ("a mistake", mistake(170)),
        ] {
            assert!(chance < 0.5, "{name}: {chance}");
        }
    }
}
