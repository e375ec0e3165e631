//! Cutting and flattening text.

/// The longest prefix of at most `bytes` bytes that ends at a character border.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The text on one line: white space folded, control characters dropped, at most `bytes` bytes
/// with `…` as the last character of what was cut.
pub(crate) fn one_line(text: &str, bytes: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes + 4));
    for word in text.split_whitespace() {
        let mut shown = word.chars().filter(|c| !c.is_control()).peekable();
        if shown.peek().is_none() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(shown);
        if line.len() > bytes {
            let mut short = cut(&line, bytes.saturating_sub('…'.len_utf8())).trim_end().to_string();
            short.push('…');
            return short;
        }
    }
    line
}

/// The text in `bytes`; what is no UTF-8 in it is replaced by a mark. Nearly always all of it is,
/// and finding that out is many times as fast as looking for what is not.
pub(crate) fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(lossy("aé".into()), "aé");
        assert_eq!(lossy(b"a\xffb".to_vec()), "a\u{fffd}b");
    }

    #[test]
    fn cuts_at_character_borders() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
        assert_eq!(cut("", 3), "");
    }

    #[test]
    fn folds_into_one_line() {
        assert_eq!(one_line(" a\n\t b\u{7} ", 80), "a b");
        assert_eq!(one_line("a \u{1b} b\u{7}", 80), "a b");
        assert_eq!(one_line("abcdef ghi", 8), "abcde…");
        assert!(one_line("ééééééééé", 8).len() <= 8);
    }

    proptest! {
        #[test]
        fn one_line_is_one_short_line(text in "\\PC{0,40}(\n|\t|\r|\u{1b}|é){0,3}\\PC{0,40}", bytes in 3_usize..60) {
            let line = one_line(&text, bytes);
            prop_assert!(line.len() <= bytes, "{:?}", line);
            prop_assert!(!line.contains(char::is_control) && !line.contains("  "), "{:?}", line);
            prop_assert_eq!(one_line(&line, bytes), line);
        }
    }
}
