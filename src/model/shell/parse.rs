//! Groups tokens into simple commands. Hot.
//!
//! Compound commands are flattened: the commands inside `if`, `for`, `while`, `case`, `{ }` and
//! functions stand in a row, joined by `;`. Only subshells keep their borders, because a `cd`
//! inside one ends with it.

use super::lexer::{Operator, Redirect, Token, Word, lex};

/// What standard input comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Input {
    /// A file.
    File(String),
    /// Text in the command itself.
    Text(String),
}

/// A command without any operator in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Simple {
    /// Assignments before the command's name.
    pub(super) env: Vec<(String, String)>,
    /// The words, without quotes.
    pub(super) words: Vec<String>,
    /// Where standard input comes from, when redirected.
    pub(super) input: Option<Input>,
    /// The file that standard output goes to, when redirected.
    pub(super) output: Option<String>,
    /// How it follows the command before it.
    pub(super) joined: Operator,
}

/// An element of a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// A subshell starts.
    Open,
    /// A subshell ends.
    Close,
    /// A command.
    Command(Simple),
}

/// The commands of `source` in order.
pub(super) fn parse(source: &str) -> Vec<Item> {
    let mut parser = Parser::default();
    let mut tokens = lex(source).into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => parser.word(word),
            Token::Redirect(redirect) => parser.redirect(redirect),
            // `a|b)`: alternatives of a `case` pattern.
            Token::Operator(_) | Token::Newline if parser.skip == Skip::Pattern => {}
            Token::Branch => {
                parser.flush();
                let in_case = parser.cases > 0;
                parser.skip = if in_case { Skip::Pattern } else { Skip::Nothing };
            }
            Token::Operator(operator) => {
                parser.flush();
                parser.joined = Some(operator);
            }
            Token::Newline => parser.flush(),
            Token::Open | Token::Close if parser.skip == Skip::Pattern => {
                parser.skip = if token == Token::Open { Skip::Pattern } else { Skip::Nothing };
            }
            Token::Open if tokens.peek() == Some(&Token::Close) => {
                // `name()` defines a function; its body follows.
                tokens.next();
                parser.words.clear();
            }
            Token::Open => {
                parser.flush();
                parser.items.push(Item::Open);
                parser.subshells += 1;
            }
            Token::Close => {
                parser.flush();
                if parser.subshells > 0 {
                    parser.items.push(Item::Close);
                    parser.subshells -= 1;
                }
            }
        }
    }
    parser.flush();
    parser.items
}

/// Whether `name` may name a shell variable.
pub(super) fn is_variable(name: &str) -> bool {
    let name = name.strip_suffix('+').unwrap_or(name);
    !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Words that the shell reads as syntax where a command may start.
pub(super) fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "if" | "then"
            | "elif"
            | "else"
            | "fi"
            | "for"
            | "select"
            | "while"
            | "until"
            | "do"
            | "done"
            | "case"
            | "esac"
            | "function"
            | "{"
            | "}"
            | "!"
    )
}

#[derive(Default)]
struct Parser {
    items: Vec<Item>,
    env: Vec<(String, String)>,
    words: Vec<String>,
    input: Option<Input>,
    output: Option<String>,
    joined: Option<Operator>,
    subshells: usize,
    /// How many `case` are open.
    cases: usize,
    skip: Skip,
}

/// Words that name no command.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Skip {
    #[default]
    Nothing,
    /// A function's name.
    Next,
    /// The list of a `for`.
    Line,
    /// The subject of a `case`.
    Subject,
    /// The pattern of a branch of a `case`.
    Pattern,
}

impl Parser {
    fn word(&mut self, word: Word) {
        match self.skip {
            Skip::Nothing => {}
            Skip::Next => {
                self.skip = Skip::Nothing;
                return;
            }
            Skip::Subject if word.text == "in" => {
                self.cases += 1;
                self.skip = Skip::Pattern;
                return;
            }
            Skip::Pattern if word.text == "esac" => {
                self.cases = self.cases.saturating_sub(1);
                self.skip = Skip::Nothing;
                return;
            }
            Skip::Line | Skip::Subject | Skip::Pattern => return,
        }
        if !self.words.is_empty() {
            self.words.push(word.text);
            return;
        }
        if word.plain == word.text.len() && is_reserved(&word.text) {
            self.reserved(&word.text);
            return;
        }
        match word.text.split_once('=') {
            Some((name, value)) if name.len() < word.plain && is_variable(name) => {
                self.env.push((name.to_owned(), value.to_owned()));
            }
            _ => self.words.push(word.text),
        }
    }

    fn reserved(&mut self, word: &str) {
        match word {
            "for" | "select" => self.skip = Skip::Line,
            "case" => self.skip = Skip::Subject,
            "function" => self.skip = Skip::Next,
            "esac" => self.cases = self.cases.saturating_sub(1),
            _ => {}
        }
    }

    fn redirect(&mut self, redirect: Redirect) {
        match redirect {
            Redirect::Output(target) => self.output = Some(target),
            Redirect::Input(target) => self.input = Some(Input::File(target)),
            Redirect::Text(text) => self.input = Some(Input::Text(text)),
            Redirect::Other => {}
        }
    }

    /// Ends the current command.
    fn flush(&mut self) {
        self.skip = Skip::Nothing;
        let env = std::mem::take(&mut self.env);
        let words = std::mem::take(&mut self.words);
        let (input, output) = (self.input.take(), self.output.take());
        if env.is_empty() && words.is_empty() {
            return;
        }
        let joined = self.joined.take().unwrap_or(Operator::Then);
        self.items.push(Item::Command(Simple { env, words, input, output, joined }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands as `operator words`, subshells as parentheses.
    fn shape(source: &str) -> Vec<String> {
        let line = |item: &Item| match item {
            Item::Open => "(".to_owned(),
            Item::Close => ")".to_owned(),
            Item::Command(simple) => {
                format!("{} {}", simple.joined.as_str(), simple.words.join(" "))
            }
        };
        parse(source).iter().map(line).collect()
    }

    #[test]
    fn operators_join_commands() {
        let cases: &[(&str, &[&str])] = &[
            ("a && b || c; d | e & f", &["; a", "&& b", "|| c", "; d", "| e", "& f"]),
            ("a &&\n b |\n c\nd", &["; a", "&& b", "| c", "; d"]),
            ("a |& b", &["; a", "| b"]),
            ("(cd x && a); b", &["(", "; cd x", "&& a", ")", "; b"]),
            ("{ a; b; } | c", &["; a", "; b", "| c"]),
            ("if a; then b; else c; fi && d", &["; a", "; b", "; c", "&& d"]),
            ("for f in *.rs $(ls); do x $f; done\ny", &["; x $f", "; y"]),
            ("while read l; do x; done < f", &["; read l", "; x"]),
            ("case $1 in a|b) x;; *) y;; esac; z", &["; x", "; y", "; z"]),
            ("run() { a; }; run", &["; a", "; run"]),
            ("function run { a; }", &["; a"]),
            ("(case x in a) y;; esac) && z", &["(", "; y", ")", "&& z"]),
            ("x=$(grep case f) y", &["; y"]),
            ("! a", &["; a"]),
            ("'if' x", &["; if x"]),
            ("((i++)); a", &["; a"]),
            ("[[ -f x && -d y ]] && a", &["; [[", "&& a"]),
            ("if [ -f x ]; then a; fi", &["; [ -f x ]", "; a"]),
            ("", &[]),
            (" # only a comment", &[]),
        ];
        for (source, expected) in cases {
            assert_eq!(shape(source), *expected, "{source}");
        }
    }

    #[test]
    fn assignments_are_kept_apart() {
        let items = parse("A=1 B='x y' cmd C=3 >out <<< text");
        let Item::Command(simple) = &items[0] else { panic!("{items:?}") };
        assert_eq!(simple.env, [("A".into(), "1".into()), ("B".into(), "x y".into())]);
        assert_eq!(simple.words, ["cmd", "C=3"]);
        assert_eq!(simple.output.as_deref(), Some("out"));
        assert_eq!(simple.input, Some(Input::Text("text".into())));
        assert_eq!(shape("'A=1' x"), ["; A=1 x"]);
        assert_eq!(shape("1A=1 x"), ["; 1A=1 x"]);
    }
}
