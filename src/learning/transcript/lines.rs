//! Complete lines of a file that may still grow, in bounded memory.

use std::io::{self, Read};

use memchr::memchr;

/// How much is read at once.
const BLOCK: usize = 256 * 1024;

/// How much of a buffer is kept from one file to the next.
const KEPT: usize = 4 * BLOCK;

/// Where lines are held while they are looked at. Used for one file after the other, it need not
/// be made and cleared anew each time.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

/// One line, without its line feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Line<'a> {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// Its bytes; `None` if it was longer than the cap.
    pub(super) bytes: Option<&'a [u8]>,
}

/// Reads lines from `source` into a buffer.
///
/// A last line without a line feed is not given out, unless the file is final: the client may
/// still be writing it. [`Self::offset`] and [`Self::count`] say how far the lines given out reach.
#[derive(Debug)]
pub(super) struct Lines<'b, R> {
    source: R,
    buffer: &'b mut Vec<u8>,
    /// End of what was read into `buffer`; what is behind it is left from before.
    filled: usize,
    /// Start of what is not given out yet in `buffer`.
    start: usize,
    /// Where the search for the next line feed goes on.
    searched: usize,
    /// Bytes of the current line that were dropped because it is too long.
    dropped: u64,
    offset: u64,
    count: u64,
    cap: usize,
    last_is_final: bool,
    ended: bool,
}

impl<'b, R: Read> Lines<'b, R> {
    /// Lines of `source`, which stands at byte `offset` after `count` lines. A line of more than
    /// `cap` bytes is passed over; `last_is_final` tells to give out a torn last line too.
    pub(super) fn new(
        source: R,
        Buffer(buffer): &'b mut Buffer,
        (offset, count): (u64, u64),
        cap: usize,
        last_is_final: bool,
    ) -> Self {
        if buffer.len() > KEPT {
            buffer.truncate(KEPT);
            buffer.shrink_to_fit();
        }
        Self {
            source,
            buffer,
            filled: 0,
            start: 0,
            searched: 0,
            dropped: 0,
            offset,
            count,
            cap,
            last_is_final,
            ended: false,
        }
    }

    /// The position after the last line given out.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The number of the last line given out.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The next line, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if let Some(found) = memchr(b'\n', &self.buffer[self.searched..self.filled]) {
                let end = self.searched + found;
                return Ok(Some(self.give(end, 1)));
            }
            self.searched = self.filled;
            if self.ended {
                let pending = self.filled - self.start;
                if !self.last_is_final || (pending == 0 && self.dropped == 0) {
                    return Ok(None);
                }
                return Ok(Some(self.give(self.filled, 0)));
            }
            self.fill()?;
        }
    }

    /// Gives out the line that ends before `end`, where a line feed of `feed` bytes follows.
    fn give(&mut self, end: usize, feed: usize) -> Line<'_> {
        let start = self.start;
        let too_long = self.dropped > 0 || end - start > self.cap;
        self.offset += self.dropped + (end - start + feed) as u64;
        self.count += 1;
        self.dropped = 0;
        self.start = end + feed;
        self.searched = self.start;
        Line { number: self.count, bytes: (!too_long).then(|| &self.buffer[start..end]) }
    }

    /// Reads one more block, after dropping what was given out and what is too long to keep.
    fn fill(&mut self) -> io::Result<()> {
        if self.filled - self.start > self.cap {
            self.dropped += (self.filled - self.start) as u64;
            self.start = self.filled;
        }
        self.buffer.copy_within(self.start..self.filled, 0);
        let kept = self.filled - self.start;
        self.start = 0;
        if self.buffer.len() < kept + BLOCK {
            self.buffer.resize(kept + BLOCK, 0);
        }
        let got = loop {
            match self.source.read(&mut self.buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.filled = kept + *got.as_ref().unwrap_or(&0);
        self.searched = kept;
        self.ended = got? == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives out at most `step` bytes a call, to reach every seam.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(into.len()).min(self.0.len());
            into[..len].copy_from_slice(&self.0[..len]);
            self.0 = &self.0[len..];
            Ok(len)
        }
    }

    type Read1 = (Vec<Option<Vec<u8>>>, u64);

    fn all(bytes: &[u8], step: usize, cap: usize, last_is_final: bool) -> Read1 {
        let mut buffer = Buffer::default();
        let mut lines = Lines::new(Slow(bytes, step), &mut buffer, (0, 0), cap, last_is_final);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            assert_eq!(line.number, found.len() as u64 + 1);
            found.push(line.bytes.map(<[u8]>::to_vec));
        }
        assert_eq!(lines.count(), found.len() as u64);
        (found, lines.offset())
    }

    fn owned(lines: &[Option<&str>]) -> Vec<Option<Vec<u8>>> {
        lines.iter().map(|l| l.map(|s| s.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_torn_last_line_waits_unless_the_file_is_final() {
        assert_eq!(all(b"a\nbc\nde", 2, 100, false), (owned(&[Some("a"), Some("bc")]), 5));
        assert_eq!(
            all(b"a\nbc\nde", 2, 100, true),
            (owned(&[Some("a"), Some("bc"), Some("de")]), 7)
        );
        assert_eq!(all(b"a\n", 2, 100, true), (owned(&[Some("a")]), 2));
        assert_eq!(all(b"", 2, 100, true), (owned(&[]), 0));
        assert_eq!(all(b"\n\n", 2, 100, false), (owned(&[Some(""), Some("")]), 2));
    }

    #[test]
    fn a_line_over_the_cap_is_passed_over_and_not_held() {
        let long = vec![b'x'; 20 << 20];
        let bytes = [&b"a\n"[..], &long, b"\nb\n"].concat();
        let mut buffer = Buffer::default();
        let mut lines = Lines::new(&bytes[..], &mut buffer, (0, 0), 1 << 20, false);
        let mut found = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            found.push(line.bytes.map(<[u8]>::len));
        }
        assert_eq!(found, [Some(1), None, Some(1)]);
        assert_eq!(lines.offset(), bytes.len() as u64);
        assert!(lines.buffer.capacity() <= (1 << 20) + 4 * BLOCK, "{}", lines.buffer.capacity());
    }

    #[test]
    fn a_torn_line_over_the_cap_waits_too() {
        let bytes = [&b"a\n"[..], &[b'x'; 50]].concat();
        assert_eq!(all(&bytes, 7, 10, false), (owned(&[Some("a")]), 2));
        assert_eq!(all(&bytes, 7, 10, true), (owned(&[Some("a"), None]), 52));
    }

    proptest! {
        #[test]
        fn seams_and_caps_do_not_matter(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300),
            step in 1..40_usize,
            cap in 1..60_usize,
        ) {
            let (lines, offset) = all(&bytes, step, cap, false);
            let complete = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
            prop_assert_eq!(offset, complete as u64);
            let expected: Vec<_> = bytes[..complete]
                .split_inclusive(|b| *b == b'\n')
                .map(|l| l[..l.len() - 1].to_vec())
                .map(|l| (l.len() <= cap).then_some(l))
                .collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
