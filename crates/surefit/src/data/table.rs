//! A table as people have it: named columns of numbers or text, with missing values, in chunks of rows.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// `f64`; missing is NaN.
    Number,
    /// Levels by code into the column's [`Levels`]; missing is [`Levels::MISSING`].
    Text,
}

/// The distinct texts of a column, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    names: Vec<String>,
    codes: std::collections::HashMap<String, u32>,
}

impl Levels {
    /// The code of a missing value.
    pub const MISSING: u32 = u32::MAX;

    /// The code of `name`, new or known.
    pub fn intern(&mut self, name: &str) -> u32 {
        if let Some(&code) = self.codes.get(name) {
            return code;
        }
        // More levels than codes cannot arise: readers refuse a column long before.
        let code = u32::try_from(self.names.len()).unwrap_or(Self::MISSING - 1);
        self.names.push(name.to_owned());
        self.codes.insert(name.to_owned(), code);
        code
    }

    /// The text of a code.
    pub fn name(&self, code: u32) -> Option<&str> {
        self.names.get(usize::try_from(code).ok()?).map(String::as_str)
    }

    /// The code of a known text.
    pub fn code(&self, name: &str) -> Option<u32> {
        self.codes.get(name).copied()
    }

    /// All texts by code.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// The values of one column in one chunk.
#[derive(Clone, Debug)]
pub enum Values {
    /// Missing is NaN. An infinity is an infinity of the data.
    Number(Vec<f64>),
    /// Missing is [`Levels::MISSING`].
    Text(Vec<u32>),
}

/// Consecutive rows of the wanted columns, in the order in which the columns were asked for.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Index of its first row in the data (0 is the first row after a header).
    pub first: usize,
    /// One entry a column, all of one length.
    pub columns: Vec<Values>,
}

impl Chunk {
    /// Rows in this chunk.
    pub fn rows(&self) -> usize {
        match self.columns.first() {
            Some(Values::Number(values)) => values.len(),
            Some(Values::Text(codes)) => codes.len(),
            None => 0,
        }
    }
}

/// One column as a scan of the whole data found it.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the data, or `x1`, `x2`, … without a header.
    pub name: String,
    /// Number or text.
    pub kind: ColumnKind,
    /// For text, its levels.
    pub levels: Levels,
    /// How many values are missing.
    pub missing: usize,
    /// The first row with a missing value.
    pub first_missing: Option<usize>,
    /// How many values are infinite.
    pub infinite: usize,
    /// The first row with an infinite value.
    pub first_infinite: Option<usize>,
    /// Mean of the values present (numbers only), for `--missing mean`.
    pub mean: f64,
}
