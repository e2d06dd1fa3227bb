//! Numbers in memory as `NumPy` keeps its large arrays, from which users of a Python package hand theirs over: in large
//! pages where the system gives them to those who ask. A walk over a gigabyte in pages of 4 KiB waits for
//! their addresses.

use memmap2::MmapMut;
use pulp::bytemuck::{AnyBitPattern, NoUninit, cast_slice, cast_slice_mut};
use std::io::Result;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// A slice in pages of its own.
pub struct Large<V> {
    map: MmapMut,
    length: usize,
    kind: PhantomData<V>,
}

impl<V: AnyBitPattern + NoUninit> Large<V> {
    /// All 0.
    pub fn zeros(length: usize) -> Result<Self> {
        let map = MmapMut::map_anon((length * size_of::<V>()).max(1))?;
        // A system without large pages does without.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self { map, length, kind: PhantomData })
    }

    /// As many numbers as the iterator says it has.
    pub fn of(numbers: impl ExactSizeIterator<Item = V>) -> Result<Self> {
        let mut large = Self::zeros(numbers.len())?;
        large.iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
        Ok(large)
    }
}

impl<V: AnyBitPattern> Deref for Large<V> {
    type Target = [V];

    fn deref(&self) -> &[V] {
        cast_slice(&self.map[..self.length * size_of::<V>()])
    }
}

impl<V: AnyBitPattern + NoUninit> DerefMut for Large<V> {
    fn deref_mut(&mut self) -> &mut [V] {
        cast_slice_mut(&mut self.map[..self.length * size_of::<V>()])
    }
}
