//! Cuts a POSIX or bash command into words, operators and redirections. Hot.
//!
//! The reader never fails: an unclosed quote or substitution takes the rest of the input. Quotes
//! and backslashes are removed; expansions (`$x`, `${..}`, `$(..)`, backquotes) stay as written,
//! since their values are not known here.

/// Bytes of a command that are read; what follows is ignored.
pub(super) const MAX_INPUT: usize = 64 * 1024;

/// Command substitutions inside each other that are read as shell; deeper ones are skipped by
/// counting parentheses.
const MAX_NESTING: usize = 12;

/// Bytes in which the end of `((` or `[[` is looked for, so that many of them without an end do
/// not each search the whole rest.
const MAX_TEST: usize = 2048;

/// How a command is joined to the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `;` or a line's end
    Then,
    /// `|` or `|&`
    Pipe,
    /// `&`
    Background,
}

impl Operator {
    /// The operator as it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::And => "&&",
            Self::Or => "||",
            Self::Then => ";",
            Self::Pipe => "|",
            Self::Background => "&",
        }
    }
}

/// One word with its quotes removed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Word {
    /// The word's text.
    pub(super) text: String,
    /// How many leading bytes of `text` were written without any quoting. A reserved word or an
    /// assignment must be unquoted to count as one.
    pub(super) plain: usize,
}

/// What a redirection connects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Redirect {
    /// Standard output to a file.
    Output(String),
    /// Standard input from a file.
    Input(String),
    /// Standard input from a here-document or here-string.
    Text(String),
    /// Anything that does not change what the command is: `2>&1`, `2>/dev/null`, `>&-`.
    Other,
}

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token {
    /// A word.
    Word(Word),
    /// An operator other than a line's end.
    Operator(Operator),
    /// `;;`, `;&` or `;;&`, which ends one branch of a `case`.
    Branch,
    /// A line's end.
    Newline,
    /// `(`
    Open,
    /// `)`
    Close,
    /// A redirection with its target.
    Redirect(Redirect),
}

/// A here-document whose body starts after the current line.
struct Heredoc {
    token: usize,
    delimiter: String,
    strip_tabs: bool,
}

/// The longest prefix of `text` with at most `limit` bytes that ends between characters.
pub(super) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// The tokens of `source`.
pub(super) fn lex(source: &str) -> Vec<Token> {
    let mut lexer = Lexer::new(cut(source, MAX_INPUT), 0, 0);
    lexer.run(false);
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
    heredocs: Vec<Heredoc>,
    nesting: usize,
    open: usize,
    cases: usize,
    /// Whether this reads the inside of `$(..)`.
    inner: bool,
}

impl<'a> Lexer<'a> {
    fn new(source: &'a str, at: usize, nesting: usize) -> Self {
        let (tokens, heredocs) = (Vec::new(), Vec::new());
        Self { source, at, tokens, heredocs, nesting, open: 0, cases: 0, inner: false }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.source.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn done(&self) -> bool {
        self.at >= self.source.len()
    }

    /// Reads to the end, or with `inner` past the parenthesis that closes a substitution.
    fn run(&mut self, inner: bool) {
        self.inner = inner;
        while !self.done() {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'\\' if self.peek(1) == b'\r' && self.peek(2) == b'\n' => self.at += 3,
                b'\n' => self.newline(),
                b'#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                b'(' => self.open_parenthesis(),
                b')' if self.inner && self.open == 0 && self.cases == 0 => {
                    self.at += 1;
                    return;
                }
                b')' => {
                    self.at += 1;
                    self.open = self.open.saturating_sub(1);
                    self.tokens.push(Token::Close);
                }
                b'&' if self.peek(1) == b'>' => {
                    self.at += 1;
                    self.redirect(Some(1));
                }
                b';' | b'|' | b'&' => self.operator(),
                b'<' | b'>' => self.redirect(None),
                _ => self.word_token(),
            }
        }
    }

    /// An arithmetic command `((..))` is skipped: it runs nothing.
    fn open_parenthesis(&mut self) {
        if self.peek(1) == b'('
            && let Some(end) = cut(self.rest(), MAX_TEST).find("))")
            && !self.rest()[..end].contains('\n')
        {
            self.at += end + 2;
            return;
        }
        self.at += 1;
        self.open += 1;
        self.tokens.push(Token::Open);
    }

    fn operator(&mut self) {
        if self.peek(0) == b';' && matches!(self.peek(1), b';' | b'&') {
            self.at += if self.rest().starts_with(";;&") { 3 } else { 2 };
            self.tokens.push(Token::Branch);
            return;
        }
        let (operator, length) = match (self.peek(0), self.peek(1)) {
            (b'&', b'&') => (Operator::And, 2),
            (b'&', _) => (Operator::Background, 1),
            (b'|', b'|') => (Operator::Or, 2),
            (b'|', b'&') => (Operator::Pipe, 2),
            (b'|', _) => (Operator::Pipe, 1),
            _ => (Operator::Then, 1),
        };
        self.at += length;
        self.tokens.push(Token::Operator(operator));
    }

    fn newline(&mut self) {
        self.at += 1;
        self.tokens.push(Token::Newline);
        for heredoc in std::mem::take(&mut self.heredocs) {
            let body = self.heredoc_body(&heredoc);
            self.tokens[heredoc.token] = Token::Redirect(Redirect::Text(body));
        }
    }

    /// Reads a here-document's lines up to its delimiter. Inside `$(..)` the delimiter may share
    /// its line with the closing parenthesis, as people write it.
    fn heredoc_body(&mut self, heredoc: &Heredoc) -> String {
        let mut body = String::new();
        while !self.done() {
            let rest = self.rest();
            let (line, next) = match rest.find('\n') {
                Some(end) => (&rest[..end], end + 1),
                None => (rest, rest.len()),
            };
            let text = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
            if text.trim_end_matches('\r') == heredoc.delimiter {
                // The line's end stays, so that it separates commands.
                self.at += next - usize::from(next > line.len());
                return body;
            }
            let closed = text.strip_prefix(heredoc.delimiter.as_str());
            if self.inner && closed.is_some_and(|after| after.trim_start().starts_with(')')) {
                self.at += line.len() - text.len() + heredoc.delimiter.len();
                return body;
            }
            body.push_str(text);
            body.push('\n');
            self.at += next;
        }
        body
    }

    fn redirect(&mut self, descriptor: Option<u32>) {
        let input = self.peek(0) == b'<';
        if self.peek(1) == b'(' {
            // Process substitution: `<(..)` is a word.
            let word = self.word();
            self.tokens.push(Token::Word(word));
            return;
        }
        let operator = ["<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">|", ">&", ">"]
            .into_iter()
            .find(|operator| self.rest().starts_with(operator))
            .expect("called at an angle bracket");
        self.at += operator.len();
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        let target = if self.at_word() { self.word().text } else { String::new() };
        if operator == "<<" || operator == "<<-" {
            let token = self.tokens.len();
            let strip_tabs = operator == "<<-";
            self.heredocs.push(Heredoc { token, delimiter: target, strip_tabs });
            self.tokens.push(Token::Redirect(Redirect::Text(String::new())));
            return;
        }
        let standard = descriptor.is_none_or(|number| number == u32::from(!input));
        let to_descriptor =
            operator.ends_with('&') && target.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        let redirect = if !standard || to_descriptor || target.starts_with("/dev/") {
            Redirect::Other
        } else if operator == "<<<" {
            Redirect::Text(target)
        } else if input {
            Redirect::Input(target)
        } else {
            Redirect::Output(target)
        };
        self.tokens.push(Token::Redirect(redirect));
    }

    /// Whether a word starts here.
    fn at_word(&self) -> bool {
        !self.done()
            && !matches!(
                self.peek(0),
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'|' | b'&' | b'(' | b')' | b'<' | b'>'
            )
    }

    fn word_token(&mut self) {
        let word = self.word();
        let unquoted = word.plain == word.text.len();
        let angle = matches!(self.peek(0), b'<' | b'>');
        if angle && unquoted && word.text.len() < 3 && word.text.bytes().all(|b| b.is_ascii_digit())
        {
            self.redirect(word.text.parse().ok());
            return;
        }
        if unquoted {
            match word.text.as_str() {
                "[[" => self.skip_test(),
                "case" if self.at_command() => self.cases += 1,
                "esac" if self.at_command() => self.cases = self.cases.saturating_sub(1),
                _ => {}
            }
        }
        self.tokens.push(Token::Word(word));
    }

    /// Whether the word just read stands where a command starts.
    fn at_command(&self) -> bool {
        match self.tokens.last() {
            Some(Token::Word(word)) => matches!(word.text.as_str(), "do" | "then" | "else" | "{"),
            Some(Token::Redirect(_)) => false,
            _ => true,
        }
    }

    /// Skips the inside of `[[ .. ]]`, whose operators are not the shell's.
    fn skip_test(&mut self) {
        if let Some(end) = cut(self.rest(), MAX_TEST).find(" ]]") {
            self.at += end + 3;
        }
    }

    /// Reads one word, joining its quoted and unquoted pieces.
    fn word(&mut self) -> Word {
        let mut text = String::new();
        let mut plain = None;
        let start = self.at;
        loop {
            match self.peek(0) {
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'\\' => {
                    plain.get_or_insert(text.len());
                    self.at += 1;
                    self.push_char(&mut text);
                }
                b'\'' => {
                    plain.get_or_insert(text.len());
                    self.single_quoted(&mut text);
                }
                b'"' => {
                    plain.get_or_insert(text.len());
                    self.double_quoted(&mut text);
                }
                b'$' => {
                    if matches!(self.peek(1), b'\'' | b'"') {
                        plain.get_or_insert(text.len());
                    }
                    self.dollar(&mut text, false);
                }
                b'`' => self.backquoted(&mut text),
                b'(' if text.ends_with('=') && plain.is_none() => self.parenthesised(&mut text),
                b'<' | b'>' if self.at == start && self.peek(1) == b'(' => {
                    self.parenthesised(&mut text);
                }
                _ if self.at_word() => self.ordinary(&mut text),
                _ => break,
            }
        }
        Word { plain: plain.unwrap_or(text.len()), text }
    }

    /// Copies a run of characters that mean nothing to the shell.
    fn ordinary(&mut self, text: &mut String) {
        let rest = self.rest();
        let special = |b: u8| b" \t\r\n;|&()<>\\'\"$`".contains(&b);
        let length = rest.bytes().position(special).unwrap_or(rest.len());
        text.push_str(&rest[..length]);
        self.at += length;
    }

    fn push_char(&mut self, text: &mut String) {
        if let Some(character) = self.rest().chars().next() {
            text.push(character);
            self.at += character.len_utf8();
        }
    }

    fn single_quoted(&mut self, text: &mut String) {
        self.at += 1;
        let rest = self.rest();
        let length = rest.find('\'').unwrap_or(rest.len());
        text.push_str(&rest[..length]);
        self.at = (self.at + length + 1).min(self.source.len());
    }

    fn double_quoted(&mut self, text: &mut String) {
        self.at += 1;
        while !self.done() {
            match (self.peek(0), self.peek(1)) {
                (b'"', _) => {
                    self.at += 1;
                    return;
                }
                (b'\\', b'\n') => self.at += 2,
                (b'\\', b'$' | b'`' | b'"' | b'\\') => {
                    self.at += 1;
                    self.push_char(text);
                }
                (b'$', _) => self.dollar(text, true),
                (b'`', _) => self.backquoted(text),
                _ => self.push_char(text),
            }
        }
    }

    /// Reads what a dollar sign introduces.
    fn dollar(&mut self, text: &mut String, in_quotes: bool) {
        match self.peek(1) {
            b'(' => {
                text.push('$');
                self.at += 1;
                self.parenthesised(text);
            }
            b'{' => self.braced(text),
            b'\'' if !in_quotes => {
                self.at += 1;
                self.escaped_quoted(text);
            }
            b'"' if !in_quotes => {
                self.at += 1;
                self.double_quoted(text);
            }
            _ => {
                text.push('$');
                self.at += 1;
            }
        }
    }

    /// `$'..'` with C escapes, of which the usual ones are decoded.
    fn escaped_quoted(&mut self, text: &mut String) {
        self.at += 1;
        while !self.done() {
            match self.peek(0) {
                b'\'' => {
                    self.at += 1;
                    return;
                }
                b'\\' => {
                    self.at += 1;
                    let decoded = match self.peek(0) {
                        b'n' => Some('\n'),
                        b't' => Some('\t'),
                        b'r' => Some('\r'),
                        _ => None,
                    };
                    if let Some(character) = decoded {
                        text.push(character);
                        self.at += 1;
                    } else {
                        self.push_char(text);
                    }
                }
                _ => self.push_char(text),
            }
        }
    }

    fn backquoted(&mut self, text: &mut String) {
        let start = self.at;
        self.at += 1;
        while !self.done() && self.peek(0) != b'`' {
            self.at += if self.peek(0) == b'\\' { 2 } else { 1 };
        }
        self.at = self.source.ceil_char_boundary(self.at + 1).min(self.source.len());
        text.push_str(&self.source[start..self.at]);
    }

    /// Copies `${..}` as written.
    fn braced(&mut self, text: &mut String) {
        let start = self.at;
        let mut depth = 0_usize;
        while !self.done() {
            match self.peek(0) {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                b'\\' => self.at += 1,
                b'\n' | b'"' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
            if depth == 0 && self.at > start + 1 {
                break;
            }
        }
        self.at = self.source.ceil_char_boundary(self.at.min(self.source.len()));
        text.push_str(&self.source[start..self.at]);
    }

    /// Copies from the parenthesis (or `<(`) at the cursor to the one that closes it.
    fn parenthesised(&mut self, text: &mut String) {
        let start = self.at;
        self.at += if self.peek(0) == b'(' { 1 } else { 2 };
        if self.nesting < MAX_NESTING {
            let mut inner = Self::new(self.source, self.at, self.nesting + 1);
            inner.run(true);
            self.at = inner.at.min(self.source.len());
        } else {
            self.skip_parentheses();
        }
        text.push_str(&self.source[start..self.at]);
    }

    fn skip_parentheses(&mut self) {
        let mut depth = 1_usize;
        while !self.done() && depth > 0 {
            match self.peek(0) {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.source.ceil_char_boundary(self.at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(source: &str) -> Vec<String> {
        let text = |token| match token {
            Token::Word(word) => Some(word.text),
            _ => None,
        };
        lex(source).into_iter().filter_map(text).collect()
    }

    #[test]
    fn quotes_and_escapes_are_removed() {
        let cases: &[(&str, &[&str])] = &[
            ("a 'b c' \"d e\"", &["a", "b c", "d e"]),
            (r#"a\ b c"x"'y'z"#, &["a b", "cxyz"]),
            (r#"echo "a \"q\" \n $x""#, &["echo", r#"a "q" \n $x"#]),
            (r"printf $'a\tb\'c'", &["printf", "a\tb'c"]),
            ("a ''", &["a", ""]),
            ("a \\\n b", &["a", "b"]),
            ("a # not a comment's quote\nb#c", &["a", "b#c"]),
            ("x $(echo \"$(date)\" ')') y", &["x", "$(echo \"$(date)\" ')')", "y"]),
            ("x `a b` ${v:-a b} $((1 + 2))", &["x", "`a b`", "${v:-a b}", "$((1 + 2))"]),
            ("diff <(a b) >(c)", &["diff", "<(a b)", ">(c)"]),
            ("xs=(a b) y", &["xs=(a b)", "y"]),
            ("unclosed 'a b", &["unclosed", "a b"]),
        ];
        for (source, expected) in cases {
            assert_eq!(words(source), *expected, "{source}");
        }
    }

    #[test]
    fn redirections_and_here_documents() {
        let all = lex("a 2>&1 >out <in &>both 2>/dev/null");
        let redirects: Vec<_> = all
            .into_iter()
            .filter_map(|token| match token {
                Token::Redirect(redirect) => Some(redirect),
                _ => None,
            })
            .collect();
        let out = |name: &str| Redirect::Output(name.into());
        let expected = [Redirect::Other, out("out"), Redirect::Input("in".into()), out("both")];
        assert_eq!(redirects[..4], expected);
        assert_eq!(redirects[4], Redirect::Other);

        let text = lex("cat <<'EOF' | x\nit's $here\nEOF\nnext");
        assert!(text.contains(&Token::Redirect(Redirect::Text("it's $here\n".into()))));
        assert_eq!(words("cat <<-A <<B\n\tone\n\tA\ntwo\nB\nnext"), ["cat", "next"]);
        assert_eq!(words("cat <<EOF\nno end"), ["cat"]);
        assert_eq!(lex("cat <<< 'x y'")[1], Token::Redirect(Redirect::Text("x y".into())));
    }

    #[test]
    fn a_here_document_in_a_substitution_hides_its_quotes() {
        let source = "git commit -m \"$(cat <<'EOF'\nDon't stop (yet\nEOF\n)\" && git push";
        let all = words(source);
        assert_eq!(all.len(), 6, "{all:?}");
        assert_eq!(all[4..], ["git", "push"]);
        let joined = "git commit -m \"$(cat <<'EOF'\nDon't\nEOF)\" && git push";
        assert_eq!(words(joined)[4..], ["git", "push"]);
    }

    #[test]
    fn deep_nesting_ends() {
        let source = "$(".repeat(30_000);
        assert_eq!(words(&source).len(), 1);
        assert_eq!(words(&"[[ ".repeat(20_000)).len(), 20_000);
    }

    proptest! {
        #[test]
        fn never_panics(source in "\\PC{0,80}") {
            drop(lex(&source));
        }

        #[test]
        fn never_panics_on_shell_like_text(
            source in "[ab€ \\n\\t\\\\'\"$`(){}<>&|;#=\\[\\]EOF-]{0,60}"
        ) {
            drop(lex(&source));
        }
    }
}
