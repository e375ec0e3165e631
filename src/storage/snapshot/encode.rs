//! The bytes of a pattern and of texts in a snapshot's heap. Hot.
//!
//! Numbers are LEB128, texts stand behind their length.

use super::layout::Damage;
use crate::model::ids::PatternId;
use crate::model::key::Key;
use crate::model::pattern::{Effect, Kind, Pattern, Payload, State, Tally};
use crate::storage::recall::Said;

/// Adds a number.
pub(in crate::storage) fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Adds a text.
pub(in crate::storage) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_number(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

/// Two numbers as eight bytes.
pub(super) fn pair(first: u32, second: u32) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&first.to_le_bytes());
    bytes[4..].copy_from_slice(&second.to_le_bytes());
    bytes
}

fn put_texts(bytes: &mut Vec<u8>, texts: &[String]) {
    put_number(bytes, texts.len() as u64);
    for text in texts {
        put_text(bytes, text);
    }
}

/// What is asked of a pattern beside itself. It stands in front of the pattern, so that both are
/// read at once.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Beside {
    /// The terms of a decision, and how many patterns of the project hold each.
    pub(super) terms: Vec<(Key, u32)>,
    /// Rows of the files that an episode worked on.
    pub(super) files: Vec<u32>,
}

/// Files of an episode that are read at most; a hook has no use for more.
const FILES: usize = 1 << 10;

/// Adds what stands in front of a pattern.
pub(super) fn put_beside(bytes: &mut Vec<u8>, Beside { terms, files }: &Beside) {
    let mut list = Vec::new();
    for (term, patterns) in terms {
        list.extend(term.to_i64().to_le_bytes());
        put_number(&mut list, (*patterns).into());
    }
    put_number(bytes, list.len() as u64);
    bytes.append(&mut list);
    for row in files {
        put_number(&mut list, (*row).into());
    }
    put_number(bytes, list.len() as u64);
    bytes.append(&mut list);
}

/// Adds an active pattern. Its project is told as "global or not".
pub(super) fn put_pattern(bytes: &mut Vec<u8>, pattern: &Pattern) {
    // Taken apart, so that a new field does not compile until it is here.
    let Pattern {
        row,
        id,
        kind,
        project,
        tool,
        category,
        trigger,
        text,
        payload,
        state,
        tally,
        effect: Effect { helped, hurt },
    } = pattern;
    debug_assert_eq!(*state, State::Active);
    let Payload { files, commands, remedy, routine, next_only, standing, subject } = payload;
    let Tally { successes, failures, sessions, first, last } = tally;
    put_number(bytes, *row as u64);
    bytes.extend(id.as_bytes());
    bytes.push(*kind as u8);
    let flags = [project.is_none(), *routine, *next_only, *standing];
    bytes.push(flags.iter().rev().fold(0, |byte, flag| byte << 1 | u8::from(*flag)));
    for number in [*successes, *failures, *sessions, *helped, *hurt] {
        put_number(bytes, number.into());
    }
    for time in [*first, *last] {
        bytes.extend(time.to_le_bytes());
    }
    for text in [tool, category, trigger, text] {
        put_text(bytes, text);
    }
    for texts in [files, commands, remedy, subject] {
        put_texts(bytes, texts);
    }
}

/// Reads what was put, from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage) struct Reading<'a>(&'a [u8]);

impl<'a> Reading<'a> {
    /// Begins at offset `at` of `bytes`.
    pub(in crate::storage) fn at(bytes: &'a [u8], at: u64) -> Result<Self, Damage> {
        let at = usize::try_from(at).map_err(|_| Damage)?;
        bytes.get(at..).map(Self).ok_or(Damage)
    }

    /// Whether nothing is left.
    pub(in crate::storage) fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes are left.
    pub(in crate::storage) fn left(&self) -> usize {
        self.0.len()
    }

    /// The bytes that are left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    #[inline]
    pub(super) fn array<const SIZE: usize>(&mut self) -> Result<&'a [u8; SIZE], Damage> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Damage)?;
        self.0 = rest;
        Ok(array)
    }

    #[inline]
    pub(in crate::storage) fn number(&mut self) -> Result<u64, Damage> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let [byte] = *self.array()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(Damage)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
    }

    /// As many bytes as the number in front of them says.
    pub(in crate::storage) fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = usize::try_from(self.number()?).map_err(|_| Damage)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Damage)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(in crate::storage) fn text(&mut self) -> Result<&'a str, Damage> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Damage)
    }

    fn texts(&mut self) -> Result<Vec<String>, Damage> {
        let mut texts = Vec::new();
        self.texts_into(&mut texts)?;
        Ok(texts)
    }

    /// A text, in the memory of another one.
    fn text_into(&mut self, text: &mut String) -> Result<(), Damage> {
        text.clear();
        text.push_str(self.text()?);
        Ok(())
    }

    /// Texts, in the memory of others.
    fn texts_into(&mut self, texts: &mut Vec<String>) -> Result<(), Damage> {
        let count = self.number()?;
        // The number may be anything, and a text takes a byte at least.
        let count = usize::try_from(count).ok().filter(|n| *n <= self.0.len()).ok_or(Damage)?;
        texts.truncate(count);
        texts.reserve_exact(count.min(64) - texts.len().min(64));
        for text in &mut *texts {
            self.text_into(text)?;
        }
        for _ in texts.len()..count {
            texts.push(self.text()?.to_owned());
        }
        Ok(())
    }

    /// A number that fits into four bytes.
    pub(super) fn small(&mut self) -> Result<u32, Damage> {
        u32::try_from(self.number()?).map_err(|_| Damage)
    }

    /// The terms of a decision, which stand in front of it.
    pub(super) fn terms(&mut self) -> Result<Vec<(Key, u32)>, Damage> {
        let mut list = Self(self.bytes()?);
        let mut terms = Vec::with_capacity(list.left() / 9);
        while !list.is_done() {
            terms.push((Key::from_bits(u64::from_le_bytes(*list.array()?)), list.small()?));
        }
        self.bytes()?;
        Ok(terms)
    }

    /// Rows of the files that an episode worked on, which stand in front of it.
    pub(super) fn files(&mut self) -> Result<Vec<u32>, Damage> {
        self.bytes()?;
        let mut list = Self(self.bytes()?);
        let mut files = Vec::new();
        while !list.is_done() {
            if files.len() == FILES {
                return Err(Damage);
            }
            files.push(list.small()?);
        }
        Ok(files)
    }

    /// Goes past what stands in front of a pattern.
    pub(super) fn skip_beside(&mut self) -> Result<(), Damage> {
        self.bytes()?;
        self.bytes().map(drop)
    }

    /// The pattern, of the project in this row unless it is global.
    pub(super) fn pattern(&mut self, project: i64) -> Result<Pattern, Damage> {
        let mut pattern = Pattern::empty();
        self.pattern_into(project, &mut pattern)?;
        Ok(pattern)
    }

    /// The same in the memory of another pattern, of which nothing is left.
    pub(super) fn pattern_into(
        &mut self,
        project: i64,
        pattern: &mut Pattern,
    ) -> Result<(), Damage> {
        pattern.row = i64::try_from(self.number()?).map_err(|_| Damage)?;
        pattern.id = PatternId::from_bytes(*self.array()?);
        let [kind, flags] = *self.array()?;
        pattern.kind = Kind::from_number(kind.into()).ok_or(Damage)?;
        let flag = |n: u8| flags >> n & 1 == 1;
        pattern.project = (!flag(0)).then_some(project);
        let (successes, failures, sessions) = (self.small()?, self.small()?, self.small()?);
        pattern.effect = Effect { helped: self.small()?, hurt: self.small()? };
        let (first, last) =
            (i64::from_le_bytes(*self.array()?), i64::from_le_bytes(*self.array()?));
        pattern.tally = Tally { successes, failures, sessions, first, last };
        self.text_into(&mut pattern.tool)?;
        self.text_into(&mut pattern.category)?;
        self.text_into(&mut pattern.trigger)?;
        self.text_into(&mut pattern.text)?;
        let Payload { files, commands, remedy, routine, next_only, standing, subject } =
            &mut pattern.payload;
        (*routine, *next_only, *standing) = (flag(1), flag(2), flag(3));
        for texts in [files, commands, remedy, subject] {
            self.texts_into(texts)?;
        }
        pattern.state = State::Active;
        Ok(())
    }

    /// Of a pattern when it was last said and its subject, if that was after `since`; of the rest
    /// no string is made.
    pub(super) fn said_after(&mut self, since: i64) -> Result<Option<Said>, Damage> {
        self.number()?;
        self.array::<16>()?;
        self.array::<2>()?;
        for _ in 0..5 {
            self.small()?;
        }
        self.array::<8>()?;
        let last = i64::from_le_bytes(*self.array()?);
        if last <= since {
            return Ok(None);
        }
        for _ in 0..4 {
            self.text()?;
        }
        for _ in 0..3 {
            self.skip_texts()?;
        }
        Ok(Some((last, self.texts()?)))
    }

    fn skip_texts(&mut self) -> Result<(), Damage> {
        for _ in 0..self.number()? {
            self.text()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern() -> Pattern {
        Pattern {
            row: 300,
            id: PatternId::from_bytes([7; 16]),
            kind: Kind::Decision,
            project: Some(9),
            tool: "Bash".into(),
            category: String::new(),
            trigger: "größe".into(),
            text: "t".repeat(300),
            payload: Payload {
                files: vec!["a".into(), "b".into()],
                commands: vec!["c".into()],
                remedy: vec!["d".into()],
                routine: true,
                next_only: false,
                standing: true,
                subject: vec![String::new()],
            },
            state: State::Active,
            tally: Tally {
                successes: 200,
                failures: 1,
                sessions: 70_000,
                first: -1,
                last: i64::MAX,
            },
            effect: Effect { helped: 300, hurt: 2 },
        }
    }

    #[test]
    fn what_was_put_is_read_back() {
        let global = Pattern { project: None, ..pattern() };
        let mut bytes = vec![0; 3];
        put_pattern(&mut bytes, &pattern());
        put_pattern(&mut bytes, &global);
        let mut reading = Reading::at(&bytes, 3).unwrap();
        assert_eq!(reading.pattern(9).unwrap(), pattern());
        assert_eq!(reading.pattern(9).unwrap(), global);
        assert_eq!(reading.pattern(9), Err(Damage));
    }

    #[test]
    fn nothing_is_left_of_a_pattern_whose_memory_another_has() {
        let small = Pattern {
            kind: Kind::Recipe,
            project: None,
            tool: String::new(),
            text: "short".into(),
            payload: Payload { files: vec!["long enough".into()], ..Payload::default() },
            tally: Tally::default(),
            ..pattern()
        };
        let mut into = Pattern { state: State::Candidate, ..Pattern::empty() };
        for known in [pattern(), small.clone(), Pattern { row: 1, ..pattern() }, small] {
            let mut bytes = Vec::new();
            put_pattern(&mut bytes, &known);
            Reading(&bytes).pattern_into(9, &mut into).unwrap();
            assert_eq!(into, known);
        }
    }

    #[test]
    fn what_a_decision_is_about_is_read_without_the_rest() {
        let mut bytes = Vec::new();
        put_pattern(&mut bytes, &pattern());
        put_pattern(&mut bytes, &pattern());
        let mut reading = Reading(&bytes);
        let Pattern { tally, payload, .. } = pattern();
        assert_eq!(Reading(&bytes).said_after(tally.last).unwrap(), None);
        let said = reading.said_after(tally.last - 1).unwrap();
        assert_eq!(said, Some((tally.last, payload.subject)));
        assert_eq!(reading.pattern(9).unwrap(), Pattern { project: Some(9), ..pattern() });
        assert_eq!(reading.said_after(0), Err(Damage));
    }

    #[test]
    fn so_many_files_that_nobody_wrote_them_are_damage() {
        for (files, read) in [(FILES, true), (FILES + 1, false)] {
            let mut bytes = Vec::new();
            put_beside(&mut bytes, &Beside { terms: Vec::new(), files: vec![1; files] });
            assert_eq!(Reading(&bytes).files().is_ok(), read, "{files}");
        }
    }

    #[test]
    fn what_stands_beside_a_pattern_is_read_and_skipped() {
        let key = Key::from_bits;
        for beside in [
            Beside::default(),
            Beside { terms: vec![(key(u64::MAX), 0), (key(7), u32::MAX)], files: Vec::new() },
            Beside { terms: Vec::new(), files: vec![0, 300, u32::MAX] },
        ] {
            let mut bytes = Vec::new();
            put_beside(&mut bytes, &beside);
            put_pattern(&mut bytes, &pattern());
            let readings = [(); 3].map(|()| Reading(&bytes));
            let [mut terms, mut files, mut neither] = readings;
            assert_eq!(terms.terms().unwrap(), beside.terms);
            assert_eq!(files.files().unwrap(), beside.files);
            neither.skip_beside().unwrap();
            for reading in [&mut terms, &mut files, &mut neither] {
                assert_eq!(reading.pattern(9).unwrap(), pattern());
            }
        }
    }

    proptest! {
        #[test]
        fn numbers_and_texts_come_back(number in any::<u64>(), text in ".{0,300}") {
            let mut bytes = Vec::new();
            put_number(&mut bytes, number);
            put_text(&mut bytes, &text);
            let mut reading = Reading::at(&bytes, 0).unwrap();
            prop_assert_eq!(reading.number(), Ok(number));
            prop_assert_eq!(reading.text(), Ok(text.as_str()));
        }

        #[test]
        fn damaged_bytes_are_read_without_harm(at in 0_usize..500, byte in any::<u8>()) {
            let mut bytes = Vec::new();
            let terms = vec![(Key::from_bits(7), 300), (Key::from_bits(9), 1)];
            put_beside(&mut bytes, &Beside { terms, files: vec![7, 300, 70_000] });
            let beside = bytes.len();
            put_pattern(&mut bytes, &pattern());
            let at = at % bytes.len();
            bytes[at] = byte;
            let _beside = (Reading(&bytes).terms(), Reading(&bytes).files());
            let _skipped = Reading(&bytes).skip_beside();
            let _read = Reading(&bytes[beside..]).pattern(9);
            let _cut = Reading(&bytes[..at]).pattern(9);
            let _said = Reading(&bytes[beside..]).said_after(0);
        }
    }
}
