//! Numbers that begin on a cache line, so that no vector of them lies across two: such a load is half as fast.

use std::ops::{Deref, DerefMut};

/// Numbers of a cache line.
pub(crate) const LINE: usize = 8;

/// A slice of its own whose first number begins a cache line.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    /// Up to a line longer than what is in use.
    room: Vec<f64>,
    first: usize,
    length: usize,
}

impl Aligned {
    /// All 0.
    pub fn zeros(length: usize) -> Self {
        let mut numbers = Self::default();
        numbers.reset(length);
        numbers
    }

    /// Becomes as [`Self::zeros`], in the room that it has.
    pub fn reset(&mut self, length: usize) {
        self.room.clear();
        self.resize(length);
    }

    /// Becomes as long; what it holds is of no use afterwards.
    pub fn resize(&mut self, length: usize) {
        self.room.resize(length + LINE - 1, 0.0);
        // At most LINE − 1 numbers, which is all that a pointer to numbers can be away from a line.
        self.first = self.room.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE - 1);
        self.length = length;
    }
}

impl Clone for Aligned {
    fn clone(&self) -> Self {
        let mut copy = Self::zeros(self.length);
        copy.copy_from_slice(self);
        copy
    }
}

impl Deref for Aligned {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.room[self.first..][..self.length]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.room[self.first..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp)]

    use super::*;

    #[test]
    fn numbers_begin_on_a_line_and_copies_hold_the_same() {
        for length in [0, 1, 7, 8, 1000] {
            let mut numbers = Aligned::zeros(length);
            numbers.iter_mut().zip(1..).for_each(|(number, i)| *number = f64::from(i));
            let copy = numbers.clone();
            assert_eq!(*copy, *numbers);
            for numbers in [&numbers, &copy] {
                assert_eq!((numbers.len(), numbers.as_ptr().addr() % 64), (length, 0));
            }
            numbers.reset(2 * length);
            assert!(numbers.len() == 2 * length && numbers.iter().all(|number| *number == 0.0));
        }
    }
}
