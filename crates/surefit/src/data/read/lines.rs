//! A stream as pieces of whole lines, which are parsed on all threads: what the readers of line formats share. No
//! result depends on the size of the pieces or the number of threads.

use super::Progress;
use super::bytes::Stream;
use super::error::{LineFault, ReadError};
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::sync::atomic::Ordering;

/// A stream as pieces of whole lines.
pub(super) struct Lines<'a> {
    name: &'a str,
    stream: Stream,
    /// What follows the last piece: the beginning of a line.
    pending: Vec<u8>,
    /// Line in which it begins.
    line: usize,
    piece_bytes: usize,
    longest: usize,
    done: bool,
    /// What ended the stream before its time.
    failure: Option<ReadError>,
}

/// Whole lines, and the number of the first.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) line: usize,
    /// Ends of lines in it.
    pub(super) ends: usize,
}

impl<'a> Lines<'a> {
    /// Pieces of about `chunk_bytes`; a line of more than `longest` bytes ends them.
    pub(super) fn new(name: &'a str, stream: Stream, chunk_bytes: usize, longest: usize) -> Self {
        Self {
            name,
            stream,
            pending: Vec::new(),
            line: 1,
            piece_bytes: chunk_bytes.clamp(1, 1 << 26),
            longest,
            done: false,
            failure: None,
        }
    }

    /// Parses pieces on all threads while the next ones are read and unpacked, and gives what came of them to
    /// `take_in` in the order of the file, which answers how many rows there are. `watch` is told how far the reading
    /// has come and returns false to interrupt it.
    pub(super) fn parse<T: Send>(
        mut self,
        watch: &dyn Fn(Progress) -> bool,
        parse: impl Fn(&Piece) -> T + Sync,
        mut take_in: impl FnMut(T) -> Result<usize>,
    ) -> Result<()> {
        let (counter, total) = (self.stream.counter(), self.stream.total);
        let batch = 2 * rayon::current_num_threads();
        let (mut pieces, mut failure) = self.take(batch);
        let mut rows = 0;
        loop {
            let ((next, next_failure), sheets) = rayon::join(
                || if failure.is_none() { self.take(batch) } else { (Vec::new(), None) },
                || pieces.par_iter().map(&parse).collect::<Vec<T>>(),
            );
            for sheet in sheets {
                rows = take_in(sheet)?;
            }
            if !watch(Progress { bytes: counter.load(Ordering::Relaxed), total, rows }) {
                return Err(Error::Interrupted);
            }
            if let Some(failure) = failure {
                return Err(failure.into());
            }
            if next.is_empty() && next_failure.is_none() {
                return Ok(());
            }
            (pieces, failure) = (next, next_failure);
        }
    }

    /// Up to `count` pieces, and what follows them when that is a failure.
    fn take(&mut self, count: usize) -> (Vec<Piece>, Option<ReadError>) {
        let mut pieces = Vec::with_capacity(count);
        while pieces.len() < count {
            match self.next() {
                Some(piece) => pieces.push(piece),
                None => break,
            }
        }
        let failure = if self.done && self.pending.is_empty() { self.failure.take() } else { None };
        (pieces, failure)
    }

    /// The next whole lines; none at the end and before a failure.
    pub(super) fn next(&mut self) -> Option<Piece> {
        let mut searched = 0;
        while !self.done {
            let wanted =
                self.piece_bytes.saturating_sub(self.pending.len()).max(self.piece_bytes.div_ceil(2));
            self.pending.reserve(wanted);
            match self.stream.fill(&mut self.pending, wanted) {
                Ok(count) => self.done = count < wanted,
                Err(failure) => self.fail(failure),
            }
            let fresh = self.pending.get(searched..).unwrap_or_default();
            if let Some(end) = memchr::memrchr(b'\n', fresh) {
                return Some(self.cut(searched + end + 1));
            }
            searched = self.pending.len();
            if searched > self.longest {
                let fault = LineFault::Long { limit: self.longest };
                self.fail(ReadError::Line { name: self.name.to_owned(), line: self.line, fault });
            }
        }
        (!self.pending.is_empty()).then(|| self.cut(self.pending.len()))
    }

    /// Puts the rest of a piece back in front; `line` is the number of its first line.
    pub(super) fn put_back(&mut self, mut rest: Vec<u8>, line: usize) {
        rest.append(&mut self.pending);
        (self.pending, self.line) = (rest, line);
    }

    /// What ended the stream before its time, when there are no more pieces.
    pub(super) fn failure(&mut self) -> Option<ReadError> {
        self.failure.take()
    }

    /// Nothing is read after a failure; the lines that were whole before it come first.
    fn fail(&mut self, failure: ReadError) {
        let whole = memchr::memrchr(b'\n', &self.pending).map_or(0, |end| end + 1);
        self.pending.truncate(whole);
        self.done = true;
        self.failure = Some(failure);
    }

    fn cut(&mut self, end: usize) -> Piece {
        let rest = self.pending.get(end..).unwrap_or_default().to_vec();
        let mut bytes = std::mem::replace(&mut self.pending, rest);
        bytes.truncate(end);
        let (line, ends) = (self.line, memchr::memchr_iter(b'\n', &bytes).count());
        self.line += ends;
        Piece { bytes, line, ends }
    }
}

/// Between tokens; `\r` belongs to the end of a line.
#[inline]
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

#[inline]
pub(super) fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    text.get(blanks..).unwrap_or_default()
}
