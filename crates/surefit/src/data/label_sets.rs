//! Which labels each row has: the targets of a ranking, one bit for each row and label.

/// n rows of sets of c labels, owned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSets {
    words: Vec<u64>,
    rows: usize,
    labels: usize,
}

/// [`LabelSets`], or some rows of them, borrowed, and how much each label counts in a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelRows<'a> {
    words: &'a [u64],
    rows: usize,
    labels: usize,
    weights: Option<&'a [f64]>,
}

/// Labels in a word.
const WORD: usize = 64;

impl LabelSets {
    /// `rows` empty sets of `labels` labels.
    #[must_use]
    pub fn new(rows: usize, labels: usize) -> Self {
        Self { words: vec![0; rows * labels.div_ceil(WORD)], rows, labels }
    }

    /// One more row with these labels; those from c on are no labels and are left out.
    pub fn push(&mut self, labels: impl IntoIterator<Item = usize>) {
        self.words.resize(self.words.len() + self.labels.div_ceil(WORD), 0);
        self.rows += 1;
        for label in labels {
            self.insert(self.rows - 1, label);
        }
    }

    /// Further rows of the same labels; rows of another number of labels are left out.
    pub fn extend(&mut self, rows: LabelRows<'_>) {
        if rows.labels == self.labels {
            self.words.extend_from_slice(rows.words);
            self.rows += rows.rows;
        }
    }

    /// Gives a label to a row; one that is not there changes nothing.
    pub fn insert(&mut self, row: usize, label: usize) {
        let at = row * self.labels.div_ceil(WORD) + label / WORD;
        if let Some(word) = self.words.get_mut(at).filter(|_| row < self.rows && label < self.labels) {
            *word |= 1 << (label % WORD);
        }
    }

    /// All rows.
    #[must_use]
    pub fn view(&self) -> LabelRows<'_> {
        LabelRows { words: &self.words, rows: self.rows, labels: self.labels, weights: None }
    }
}

impl<'a> LabelRows<'a> {
    /// n.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// c.
    #[must_use]
    pub fn labels(self) -> usize {
        self.labels
    }

    /// The bits of a row, label 0 lowest; bits from c on are 0. No bits for a row that is not there.
    #[must_use]
    pub fn words(self, row: usize) -> &'a [u64] {
        let per_row = self.labels.div_ceil(WORD);
        self.words.get(row * per_row..(row + 1) * per_row).unwrap_or(&[])
    }

    /// The same rows with a weight for each label, absent for 1: as if a label were there so many times, wherever losses add up
    /// over labels or over pairs of them. Measures take no notice.
    #[must_use]
    pub fn weighted(self, weights: Option<&'a [f64]>) -> Self {
        Self { weights, ..self }
    }

    /// See [`Self::weighted`].
    #[must_use]
    pub fn weights(self) -> Option<&'a [f64]> {
        self.weights
    }

    /// Whether a row has a label.
    #[must_use]
    pub fn has(self, row: usize, label: usize) -> bool {
        self.words(row).get(label / WORD).is_some_and(|word| word >> (label % WORD) & 1 == 1)
    }

    /// p: labels that a row has.
    #[must_use]
    pub fn count(self, row: usize) -> usize {
        self.words(row).iter().map(|word| word.count_ones() as usize).sum()
    }

    /// These rows, in this order; an empty set for one that is not there.
    #[must_use]
    pub fn picked(self, rows: &[usize]) -> LabelSets {
        let per_row = self.labels.div_ceil(WORD);
        let mut picked = LabelSets { words: Vec::new(), rows: rows.len(), labels: self.labels };
        for (at, &row) in rows.iter().enumerate() {
            picked.words.extend_from_slice(self.words(row));
            picked.words.resize((at + 1) * per_row, 0);
        }
        picked
    }

    /// The same rows with only these labels, in this order.
    #[must_use]
    pub fn of_labels(self, kept: &[usize]) -> LabelSets {
        let mut sets = LabelSets::new(self.rows, kept.len());
        for row in 0..self.rows {
            let found = kept.iter().enumerate().filter(|(_, label)| self.has(row, **label));
            found.for_each(|(k, _)| sets.insert(row, k));
        }
        sets
    }

    /// The `count` rows from row `first` on; none where there are fewer.
    #[must_use]
    pub fn slice(self, first: usize, count: usize) -> Self {
        let per_row = self.labels.div_ceil(WORD);
        match self.words.get(first * per_row..(first + count) * per_row) {
            Some(words) => Self { words, rows: count, ..self },
            None => Self { words: &[], rows: 0, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_labels_across_words_and_slices() {
        let mut sets = LabelSets::new(1, 70);
        sets.push([0, 63, 64, 69, 70, 500]);
        sets.push([]);
        sets.insert(0, 65);
        sets.insert(9, 1);
        let all = sets.view();
        assert_eq!((all.rows(), all.labels()), (3, 70));
        assert_eq!((all.count(0), all.count(1), all.count(2), all.count(3)), (1, 4, 0, 0));
        assert!(all.has(0, 65) && all.has(1, 69) && !all.has(1, 70) && !all.has(1, 500) && !all.has(7, 0));
        let last = all.slice(1, 2);
        assert_eq!((last.rows(), last.words(0), last.words(1)), (2, all.words(1), all.words(2)));
        assert_eq!(all.slice(2, 2).rows(), 0);
        let picked = all.picked(&[1, 7, 0]);
        assert_eq!(picked.view().rows(), 3);
        assert_eq!((picked.view().words(0), picked.view().count(1)), (all.words(1), 0));
        assert_eq!(picked.view().words(2), all.words(0));
        let some = all.of_labels(&[64, 0, 7]);
        assert_eq!((some.view().labels(), some.view().count(0), some.view().words(1)), (3, 0, &[3][..]));
        let weights = [0.5; 70];
        let weighed = all.weighted(Some(&weights)).slice(1, 1);
        assert_eq!((weighed.weights(), all.weights()), (Some(&weights[..]), None));
        let mut more = sets.clone();
        more.extend(last);
        more.extend(LabelSets::new(3, 5).view());
        assert_eq!((more.view().rows(), more.view().slice(3, 2).words(0)), (5, all.words(1)));
    }
}
