//! Where records end: a stream of text is cut into pieces of whole records, quotes respected, so that the
//! pieces can be parsed apart from each other.

use super::bytes::Stream;
use super::error::ReadError;

/// Ends of lines: `\n`, `\r\n` and `\r` alone.
#[inline]
pub(super) fn is_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// The line, from 1, of the record that begins at byte `offset` of `bytes`.
pub(super) fn line_of(bytes: &[u8], offset: usize) -> usize {
    1 + lines(bytes.get(..offset.min(bytes.len())).unwrap_or(bytes))
}

/// Ends of lines in whole records: `\n`, and `\r` without a `\n` after it.
pub(super) fn lines(bytes: &[u8]) -> usize {
    let alone = |at: &usize| bytes.get(at + 1) != Some(&b'\n');
    memchr::memchr_iter(b'\n', bytes).count() + memchr::memchr_iter(b'\r', bytes).filter(alone).count()
}

/// The first byte from `offset` on that ends no line.
pub(super) fn skip_blank(bytes: &[u8], offset: usize) -> usize {
    let rest = bytes.get(offset..).unwrap_or_default();
    offset + rest.iter().take_while(|byte| is_end(**byte)).count()
}

/// Finds ends of records in text that grows at its end. A quote opens a quoted field only at the beginning
/// of a field; inside, a doubled quote is a quote: the rules of the csv crate, which parses the records.
pub(super) struct Cutter {
    delimiter: u8,
    /// Bytes looked at.
    scanned: usize,
    /// Inside a quoted field.
    quoted: bool,
    /// The byte after the last end of a record, 0 when there is none.
    end: usize,
}

impl Cutter {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, scanned: 0, quoted: false, end: 0 }
    }

    /// The byte after the last record that is complete in `text`.
    pub(super) fn last_end(&mut self, text: &[u8]) -> usize {
        while self.scanned < text.len() {
            let rest = text.get(self.scanned..).unwrap_or_default();
            let quote = memchr::memchr(b'"', rest);
            if self.quoted {
                let Some(quote) = quote else {
                    self.scanned = text.len();
                    break;
                };
                match rest.get(quote + 1) {
                    Some(b'"') => self.scanned += quote + 2,
                    Some(_) => {
                        self.scanned += quote + 1;
                        self.quoted = false;
                    }
                    // Whether it closes the field is for the next byte to say.
                    None => {
                        self.scanned += quote;
                        break;
                    }
                }
            } else {
                let mut until = quote.unwrap_or(rest.len());
                if quote.is_none() && rest.last() == Some(&b'\r') {
                    // Whether a `\n` belongs to it is for the next byte to say.
                    until -= 1;
                }
                if let Some(end) = rest.get(..until).and_then(|plain| memchr::memrchr2(b'\n', b'\r', plain)) {
                    self.end = self.scanned + end + 1;
                }
                self.scanned += until + usize::from(quote.is_some());
                self.quoted = quote.is_some_and(|_| self.begins_field(text, self.scanned - 1));
                if quote.is_none() {
                    break;
                }
            }
        }
        self.end
    }

    fn begins_field(&self, text: &[u8], at: usize) -> bool {
        match at.checked_sub(1).and_then(|before| text.get(before)) {
            Some(&before) => before == self.delimiter || is_end(before),
            None => true,
        }
    }

    /// Whether a quoted field is open at the end of `text`, which [`Self::last_end`] has looked at.
    pub(super) fn is_open(&self, text: &[u8]) -> bool {
        self.quoted && self.scanned == text.len()
    }

    /// Forgets the first `count` bytes.
    fn forget(&mut self, count: usize) {
        self.scanned = self.scanned.saturating_sub(count);
        self.end = self.end.saturating_sub(count);
    }
}

/// A stream as pieces of whole records.
pub(super) struct Records {
    stream: Stream,
    cutter: Cutter,
    /// What follows the last piece.
    pending: Vec<u8>,
    piece_bytes: usize,
    longest: usize,
    /// Line in which `pending` begins.
    line: usize,
    done: bool,
}

/// Whole records and the line in which they begin.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) line: usize,
    /// Lines in it: never fewer than records.
    pub(super) lines: usize,
}

impl Records {
    /// Pieces of about `piece_bytes`; the stream begins in `line`. An
    /// incomplete record is held only up to `longest` bytes; complete ones are for the parser to measure.
    pub(super) fn new(
        stream: Stream,
        delimiter: u8,
        piece_bytes: usize,
        longest: usize,
        line: usize,
    ) -> Self {
        let piece_bytes = piece_bytes.clamp(1, 1 << 26);
        Self {
            stream,
            cutter: Cutter::new(delimiter),
            pending: Vec::new(),
            piece_bytes,
            longest,
            line,
            done: false,
        }
    }

    /// The next whole records; none at the end.
    ///
    /// # Errors
    /// When the stream fails, a record is too long or a quote is still open at the end. What came before is
    /// returned first.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, ReadError> {
        while !self.done {
            let wanted =
                self.piece_bytes.saturating_sub(self.pending.len()).max(self.piece_bytes.div_ceil(2));
            self.pending.reserve(wanted);
            let count = self.stream.fill(&mut self.pending, wanted)?;
            self.done = count < wanted;
            let mut end = self.cutter.last_end(&self.pending);
            if self.done && !self.cutter.is_open(&self.pending) {
                end = self.pending.len();
            }
            if end > 0 {
                let rest = self.pending.get(end..).unwrap_or_default().to_vec();
                let mut bytes = std::mem::replace(&mut self.pending, rest);
                bytes.truncate(end);
                self.cutter.forget(end);
                let line = self.line;
                let lines = lines(&bytes);
                self.line += lines;
                return Ok(Some(Piece { bytes, line, lines }));
            }
            if self.pending.len() > self.longest {
                return Err(ReadError::LongRecord { line: self.first_line(), limit: self.longest });
            }
        }
        if self.cutter.is_open(&self.pending) && !self.pending.is_empty() {
            return Err(ReadError::UnclosedQuote { line: self.first_line() });
        }
        Ok(None)
    }

    /// The line in which the first pending record begins.
    fn first_line(&self) -> usize {
        self.line + line_of(&self.pending, skip_blank(&self.pending, 0)) - 1
    }
}
