//! Model files: one safetensors file with the tensors `weights` (d × c) and `intercept` (c), both F64, and
//! everything else as one JSON object under the key `surefit` of its metadata. The object's last field,
//! `digest`, is that of its other fields and of both tensors. A model of classes has `classes` as well, a ranking of
//! labels `threshold`, a mix `mix`, and a model of sparse rows `sparse` in place of a recipe and of the names of its columns, which follow from it.
//!
//! A file is written beside its destination, synced, and renamed, so that a reader sees the old file or the
//! whole new one. On loading nothing is taken for granted: sizes are limited before anything is read, every
//! field is checked by itself, and a sentence names the one that is wrong; what passes for a model, and is not
//! the one that was written, shows by the digest.

use super::{Digest, Fingerprint, Inputs, Model, ModelError, SparseInputs};
use crate::certificate::Record;
use crate::data::ClassList;
use crate::data::encode::Recipe;
use crate::error::Result;
use crate::fit::Verdict;
use crate::loss::named;
use crate::metrics::threshold::Threshold;
use crate::problem::{Coefficients, Intercept, LossKind, Problem};
use faer::Mat;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// The only generation so far.
const SCHEMA: u64 = 1;
/// The metadata key.
const KEY: &str = "surefit";
/// The most bytes that a model file may have: 100 million coefficients.
const MAX_FILE: u64 = 1 << 30;
/// The most bytes that its header may have: names, levels and recipe of a million columns.
const MAX_HEADER: u64 = 1 << 26;
/// The length of the header, in front of it.
const PREFIX: u64 = 8;

impl Model {
    /// Writes the model to `path`, whole or not at all.
    ///
    /// # Errors
    /// [`ModelError::Unsaveable`] when a number is not finite or sizes do not match; [`ModelError::NotAFile`]
    /// and [`ModelError::Io`] when it cannot be written there, and then nothing is left behind.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        let name = path.display().to_string();
        let io = |source| ModelError::Io { action: "write", name: name.clone(), source };
        if let Ok(there) = std::fs::metadata(path)
            && !there.is_file()
        {
            return Err(not_a_file("write", &name, there.is_dir()).into());
        }
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // Dropped without `persist`, the temporary file is removed.
        let mut file = temporary_in(directory).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        file.as_file().sync_all().map_err(io)?;
        file.persist(path).map_err(|error| io(error.error))?;
        // The rename itself is made durable where directories can be synced; the file is whole either way.
        if let Ok(directory) = File::open(directory) {
            let _ = directory.sync_all();
        }
        Ok(())
    }

    /// Reads a model that [`Self::save`] wrote.
    ///
    /// # Errors
    /// A sentence with the field that is wrong, for a file that is foreign, damaged or from another schema.
    pub fn load(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let io = |source| ModelError::Io { action: "read", name: name.clone(), source };
        let there = std::fs::metadata(path).map_err(io)?;
        if !there.is_file() {
            return Err(not_a_file("read", &name, there.is_dir()).into());
        }
        let mut bytes = Vec::new();
        File::open(path).map_err(io)?.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_FILE {
            let found = there.len().max(bytes.len() as u64);
            return Err(ModelError::TooLarge { name, what: "model file", found, limit: MAX_FILE }.into());
        }
        Self::from_bytes(&bytes, &name)
    }

    /// The contents of a model file.
    ///
    /// # Errors
    /// [`ModelError::Unsaveable`] when a number is not finite or sizes do not match.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        if let Err((field, why)) = check(self) {
            return Err(ModelError::Unsaveable { field: field.to_owned(), why }.into());
        }
        let Coefficients { weights, intercept } = &self.coefficients;
        let (d, c) = (weights.nrows(), weights.ncols());
        let rows = (0..d).flat_map(|j| (0..c).map(move |k| weights[(j, k)]));
        let weights: Vec<u8> = rows.flat_map(f64::to_le_bytes).collect();
        let intercept: Vec<u8> = intercept.iter().copied().flat_map(f64::to_le_bytes).collect();
        let view = |shape: Vec<usize>, bytes| TensorView::new(Dtype::F64, shape, bytes).map_err(unsaveable);
        let tensors = [("weights", view(vec![d, c], &weights)?), ("intercept", view(vec![c], &intercept)?)];
        let mut fields = self.metadata();
        let digest = digest(&fields, &weights, &intercept);
        fields.insert("digest".to_owned(), digest.into());
        let metadata = HashMap::from([(KEY.to_owned(), Value::Object(fields).to_string())]);
        Ok(safetensors::serialize(tensors, Some(metadata)).map_err(unsaveable)?)
    }

    fn metadata(&self) -> Map<String, Value> {
        let columns = self.recipe().map_or(&[][..], |_| &self.columns);
        let fields = json!({
            "schema": SCHEMA,
            "version": self.version,
            "formula": self.formula,
            "columns": columns,
            "targets": self.targets,
            "problem": self.problem,
            "scale": self.scale,
            "recipe": self.recipe(),
            "certificate": self.certificate,
            "verdict": self.verdict,
            "code": self.code,
            "data": self.data,
        });
        let Value::Object(mut fields) = fields else { return Map::new() };
        if let Some(classes) = &self.classes {
            fields.insert("classes".to_owned(), json!(classes.names()));
        }
        if let Some(threshold) = &self.threshold {
            fields.insert("threshold".to_owned(), json!(threshold));
        }
        if let Some(mix) = &self.mix {
            fields.insert("mix".to_owned(), json!(mix));
        }
        if let Inputs::Sparse(sparse) = &self.inputs {
            fields.insert("sparse".to_owned(), json!(sparse));
        }
        fields
    }

    /// Reads the contents of a model file; `name` is what messages call it.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self> {
        check_frame(bytes, name)?;
        let foreign = |why: String| ModelError::Foreign { name: name.to_owned(), why };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| reading(&error, name))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
        let text = text.ok_or_else(|| foreign(format!("its metadata have no entry `{KEY}`")))?;
        let mut fields = Fields::parse(text, name)?;
        let whole = fields.map.clone();
        fields.check_schema()?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| reading(&error, name))?;
        if let Some(extra) =
            tensors.names().into_iter().find(|tensor| !["weights", "intercept"].contains(tensor))
        {
            return Err(fields.wrong(&format!("the tensor `{extra}`"), "does not belong to a model").into());
        }
        let mut columns: Vec<String> = fields.take("columns")?;
        let targets: Vec<String> = fields.take("targets")?;
        let inputs = fields.inputs(columns.len(), targets.len())?;
        let (d, c) = match &inputs {
            Inputs::Sparse(sparse) => (sparse.columns, targets.len()),
            Inputs::Table(_) => (columns.len(), targets.len()),
        };
        let weights = fields.tensor(&tensors, "weights", &[d, c])?;
        let intercept = fields.tensor(&tensors, "intercept", &[c])?;
        if let Inputs::Sparse(sparse) = &inputs {
            columns = sparse.names().collect();
        }
        let model = Self {
            coefficients: Coefficients { weights: Mat::from_fn(d, c, |j, k| weights[j * c + k]), intercept },
            columns,
            targets,
            classes: fields.classes()?,
            threshold: fields.optional("threshold")?,
            mix: fields.optional("mix")?,
            formula: fields.take("formula")?,
            inputs,
            problem: fields.take("problem")?,
            scale: fields.take("scale")?,
            certificate: fields.take("certificate")?,
            verdict: fields.take("verdict")?,
            code: fields.take("code")?,
            data: fields.take("data")?,
            version: fields.take("version")?,
        };
        let written: String = fields.take("digest")?;
        fields.nothing_left()?;
        check(&model).map_err(|(field, why)| fields.wrong(&format!("`{field}`"), &why))?;
        // Last, as a field that is wrong by itself says more.
        if written != digest_of(whole, &tensors) {
            return Err(ModelError::Altered { name: name.to_owned() }.into());
        }
        Ok(model)
    }
}

/// Sixteen hexadecimal digits of all fields, as compact JSON, and of the tensors' bytes.
fn digest(fields: &Map<String, Value>, weights: &[u8], intercept: &[u8]) -> String {
    let mut digest = Digest::default();
    // Printing what was parsed gives the text that was written: order and every digit are kept.
    let text = serde_json::to_string(fields).unwrap_or_default();
    for part in [text.as_bytes(), weights, intercept] {
        digest.add_bytes(part);
    }
    digest.hex()
}

/// The digest that the contents of a file have.
fn digest_of(mut fields: Map<String, Value>, tensors: &SafeTensors<'_>) -> String {
    fields.shift_remove("digest");
    let bytes = |name| tensors.tensor(name).map(|tensor| tensor.data().to_vec()).unwrap_or_default();
    digest(&fields, &bytes("weights"), &bytes("intercept"))
}

/// The JSON object of a model file while its fields are taken out one by one.
struct Fields<'a> {
    map: Map<String, Value>,
    name: &'a str,
}

impl<'a> Fields<'a> {
    fn parse(text: &str, name: &'a str) -> Result<Self, ModelError> {
        let fields = Self { map: Map::new(), name };
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(Self { map, name }),
            Ok(_) => Err(fields.wrong("its metadata", "are not a JSON object")),
            Err(error) => Err(fields.wrong("its metadata", &format!("are not JSON: {error}"))),
        }
    }

    fn wrong(&self, field: &str, why: &str) -> ModelError {
        ModelError::Field { name: self.name.to_owned(), field: field.to_owned(), why: why.to_owned() }
    }

    fn check_schema(&mut self) -> Result<(), ModelError> {
        match self.map.shift_remove("schema") {
            Some(found) if found.as_u64() == Some(SCHEMA) => Ok(()),
            Some(found) => Err(ModelError::Schema {
                name: self.name.to_owned(),
                found: shorten(&found.to_string()),
                known: SCHEMA,
            }),
            None => Err(self.wrong("`schema`", "is missing")),
        }
    }

    fn take<T: DeserializeOwned>(&mut self, field: &str) -> Result<T, ModelError> {
        let Some(value) = self.map.shift_remove(field) else {
            return Err(self.wrong(&format!("`{field}`"), "is missing"));
        };
        serde_json::from_value(value).map_err(|error| {
            self.wrong(&format!("`{field}`"), &format!("is wrong: {}", shorten(&error.to_string())))
        })
    }

    /// A recipe, or the columns of sparse rows in its place.
    fn inputs(&mut self, columns: usize, targets: usize) -> Result<Inputs, ModelError> {
        let recipe: Option<Recipe> = self.take("recipe")?;
        if !self.map.contains_key("sparse") {
            let recipe = recipe.ok_or_else(|| self.wrong("`recipe`", "is empty"))?;
            return Ok(Inputs::Table(Box::new(recipe)));
        }
        let sparse: SparseInputs = self.take("sparse")?;
        if recipe.is_some() || columns > 0 {
            return Err(self.wrong("`sparse`", "stands beside columns of a table"));
        }
        // Before there is a name for each of them.
        let bytes = sparse.columns.checked_mul(8 * targets).and_then(|bytes| u64::try_from(bytes).ok());
        if targets == 0 || bytes.is_none_or(|bytes| bytes > MAX_FILE) {
            return Err(self.wrong("`sparse`", &format!("has {} columns", sparse.columns)));
        }
        Ok(Inputs::Sparse(sparse))
    }

    /// The classes, where there are any.
    fn classes(&mut self) -> Result<Option<ClassList>, ModelError> {
        if !self.map.contains_key("classes") {
            return Ok(None);
        }
        let names: Vec<String> = self.take("classes")?;
        let list = ClassList::saved(&names);
        list.map(Some).ok_or_else(|| self.wrong("`classes`", "is not in order, or has a class twice"))
    }

    /// What only some models have: the threshold of a ranking, what a mix makes small.
    fn optional<T: DeserializeOwned>(&mut self, field: &str) -> Result<Option<T>, ModelError> {
        if self.map.contains_key(field) { self.take(field).map(Some) } else { Ok(None) }
    }

    fn nothing_left(&self) -> Result<(), ModelError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(field) => Err(self.wrong(&format!("`{}`", shorten(field)), "is no field of a model")),
        }
    }

    /// The numbers of a tensor of this shape, row by row.
    fn tensor(
        &self,
        tensors: &SafeTensors<'_>,
        field: &str,
        shape: &[usize],
    ) -> Result<Vec<f64>, ModelError> {
        let label = format!("the tensor `{field}`");
        let Ok(tensor) = tensors.tensor(field) else { return Err(self.wrong(&label, "is missing")) };
        if tensor.dtype() != Dtype::F64 {
            return Err(self.wrong(&label, &format!("has type {:?} instead of F64", tensor.dtype())));
        }
        if tensor.shape() != shape {
            let why =
                format!("has shape {:?}, the names of columns and targets ask for {shape:?}", tensor.shape());
            return Err(self.wrong(&label, &why));
        }
        let (numbers, _) = tensor.data().as_chunks::<8>();
        Ok(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
    }
}

/// Whether the parts of a model fit together: the field that does not, and why.
fn check(model: &Model) -> Result<(), (&'static str, String)> {
    let Coefficients { weights, intercept } = &model.coefficients;
    let (d, c) = (model.columns.len(), model.targets.len());
    if (weights.nrows(), weights.ncols()) != (d, c) {
        let why = format!("is {} × {} for {d} columns and {c} targets", weights.nrows(), weights.ncols());
        return Err(("weights", why));
    }
    if intercept.len() != c {
        return Err(("intercept", format!("has {} numbers for {c} targets", intercept.len())));
    }
    for k in 0..c {
        if let Some(j) = weights.col_as_slice(k).iter().position(|w| !w.is_finite()) {
            let why = format!("has {} for `{}` of `{}`", weights[(j, k)], model.columns[j], model.targets[k]);
            return Err(("weights", why));
        }
        if !intercept[k].is_finite() {
            return Err(("intercept", format!("has {} for `{}`", intercept[k], model.targets[k])));
        }
    }
    check_names("columns", &model.columns)?;
    check_names("targets", &model.targets)?;
    check_inputs(model)?;
    check_classes(model)?;
    check_labels(model)?;
    check_problem(model)?;
    check_mix(model)?;
    check_record(&model.certificate)?;
    let Fingerprint { digest, .. } = &model.data;
    if digest.len() > 128 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(("data", "has a digest that is not hexadecimal".to_owned()));
    }
    match model.verdict {
        Verdict::Certified if model.code.is_some() => {
            Err(("code", "names a cause although the verdict is certified".to_owned()))
        }
        Verdict::Failed => Err(("verdict", "is that of a fit without an answer".to_owned())),
        Verdict::Certified | Verdict::Uncertified => Ok(()),
    }
}

fn check_inputs(model: &Model) -> Result<(), (&'static str, String)> {
    let size = model.columns.len().saturating_mul(8 * model.targets.len().max(1)) as u64;
    if size > MAX_FILE {
        return Err(("weights", format!("has {size} bytes, more than the {MAX_FILE} of a model file")));
    }
    match &model.inputs {
        Inputs::Table(recipe) => {
            let same_targets = model.classes.is_some() || recipe.targets() == model.targets;
            if recipe.names() == model.columns
                && same_targets
                && recipe.has_classes() == model.classes.is_some()
            {
                return Ok(());
            }
            Err(("recipe", "makes other columns or targets than the model has".to_owned()))
        }
        Inputs::Sparse(sparse) if sparse.columns == model.columns.len() => {
            if sparse.names().zip(&model.columns).all(|(name, column)| name == *column) {
                return Ok(());
            }
            Err(("sparse", "has other names of columns than the model".to_owned()))
        }
        Inputs::Sparse(sparse) => {
            Err(("sparse", format!("has {} columns, the model {}", sparse.columns, model.columns.len())))
        }
    }
}

fn check_classes(model: &Model) -> Result<(), (&'static str, String)> {
    let loss = model.problem.loss;
    match &model.classes {
        None if loss.is_of_classes() => {
            Err(("classes", format!("is missing, and the {} loss is of classes", loss.name())))
        }
        None => Ok(()),
        Some(_) if !loss.is_of_classes() => {
            let of = if loss.is_of_labels() { "labels" } else { "numbers" };
            Err(("classes", format!("is there, and the {} loss is of {of}", loss.name())))
        }
        Some(list) if list.len() < 2 => Err(("classes", "has fewer than two classes".to_owned())),
        Some(list) => {
            let columns = named(loss).outputs(list.len());
            let names = list.names().get(list.len().saturating_sub(columns)..).unwrap_or_default();
            if names == model.targets {
                return Ok(());
            }
            Err(("targets", "is not the list of classes with a column of scores".to_owned()))
        }
    }
}

/// A ranking has labels, and a rule that makes sets of their scores.
fn check_labels(model: &Model) -> Result<(), (&'static str, String)> {
    let (loss, c) = (model.problem.loss, model.targets.len());
    let wrong = |why: String| Err(("threshold", why));
    let threshold = match (&model.threshold, loss.is_of_labels()) {
        (None, false) => return Ok(()),
        (None, true) => return wrong(format!("is missing, and the {} loss ranks labels", loss.name())),
        (Some(_), false) => return wrong(format!("is there, and the {} loss ranks no labels", loss.name())),
        (Some(threshold), true) => threshold,
    };
    if c < 2 {
        return Err(("targets", format!("has {c} of the two labels or more that a ranking needs")));
    }
    if model.recipe().is_none() && ClassList::saved(&model.targets).is_none() {
        return Err(("targets", "is not in order, or has a label twice".to_owned()));
    }
    let numbers = match threshold {
        Threshold::Linear { weights, .. } | Threshold::PerLabel(weights) if weights.len() != c => {
            return wrong(format!("has {} numbers for {c} labels", weights.len()));
        }
        Threshold::Top(count) if !(1..=c).contains(count) => {
            return wrong(format!("gives {count} of {c} labels"));
        }
        Threshold::Linear { weights, bias } => weights.iter().chain([bias]).copied().collect(),
        Threshold::PerLabel(limits) => limits.clone(),
        Threshold::Constant(limit) => vec![*limit],
        Threshold::Top(_) => Vec::new(),
    };
    match numbers.into_iter().find(|number| !number.is_finite()) {
        Some(number) => wrong(format!("has {number} among its numbers")),
        None => Ok(()),
    }
}

fn check_names(field: &'static str, names: &[String]) -> Result<(), (&'static str, String)> {
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|name| !seen.insert(name.as_str())) {
        Some(twice) => Err((field, format!("has `{}` twice", shorten(twice)))),
        None => Ok(()),
    }
}

fn check_problem(model: &Model) -> Result<(), (&'static str, String)> {
    if let Err(error) = model.problem.loss.check() {
        return Err(("problem", format!("is refused: {error}")));
    }
    let penalty = &model.problem.penalty;
    if let Some(factors) = &penalty.factors
        && factors.len() != model.columns.len()
    {
        let why = format!("has {} penalty factors for {} columns", factors.len(), model.columns.len());
        return Err(("problem", why));
    }
    let weights = penalty.factors.iter().flatten().chain([&penalty.lambda]);
    match weights.into_iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
        Some(weight) => Err(("problem", format!("has a penalty of {weight}"))),
        None => Ok(()),
    }
}

/// A mix is no more than weights of columns of a table.
fn check_mix(model: &Model) -> Result<(), (&'static str, String)> {
    let Some(mix) = &model.mix else { return Ok(()) };
    let Problem { loss, penalty, intercept } = &model.problem;
    if !(mix.ridge.is_finite() && mix.ridge >= 0.0) {
        return Err(("mix", format!("has a ridge of {}", mix.ridge)));
    }
    if *loss != LossKind::Squared
        || penalty.lambda != 0.0
        || *intercept != Intercept::Absent
        || model.coefficients.intercept.iter().any(|b| *b != 0.0)
        || model.recipe().is_none()
    {
        return Err(("mix", "stands beside an intercept, a penalty or a loss".to_owned()));
    }
    Ok(())
}

fn check_record(record: &Record) -> Result<(), (&'static str, String)> {
    let numbers = [
        ("objective", record.objective),
        ("gap", record.gap),
        ("relative_gap", record.relative_gap),
        ("rounding", record.rounding),
    ];
    match numbers.into_iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
        Some((name, value)) => Err(("certificate", format!("has {value} as its {name}"))),
        None if record.bound.is_nan() || record.bound > record.objective => {
            Err(("certificate", format!("has a bound of {} above its objective", record.bound)))
        }
        None => Ok(()),
    }
}

/// Length and first byte of the header, for messages that tell damage from another kind of file.
fn check_frame(bytes: &[u8], name: &str) -> Result<(), ModelError> {
    let foreign = |why: &str| Err(ModelError::Foreign { name: name.to_owned(), why: why.to_owned() });
    let found = bytes.len() as u64;
    if bytes.is_empty() {
        return foreign("it is empty");
    }
    let Some((prefix, rest)) = bytes.split_first_chunk::<8>() else {
        return foreign(&format!("it has {found} bytes"));
    };
    let header = u64::from_le_bytes(*prefix);
    if rest.first().is_some_and(|byte| *byte != b'{') {
        return foreign("it is no safetensors file");
    }
    if header > MAX_HEADER {
        return foreign(&format!("it announces a header of {header} bytes"));
    }
    if header + PREFIX > found {
        return Err(ModelError::Length { name: name.to_owned(), found, promised: header + PREFIX });
    }
    Ok(())
}

/// A failure of the safetensors reader in our words.
fn reading(error: &SafeTensorError, name: &str) -> ModelError {
    let name = name.to_owned();
    match error {
        SafeTensorError::MetadataIncompleteBuffer => ModelError::Field {
            name,
            field: "its length".to_owned(),
            why: "is not what its header promises".to_owned(),
        },
        other => ModelError::Foreign { name, why: shorten(&other.to_string()) },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err asks for")]
fn unsaveable(error: SafeTensorError) -> ModelError {
    ModelError::Unsaveable { field: "the file".to_owned(), why: format!("does not come together: {error}") }
}

fn not_a_file(action: &'static str, name: &str, directory: bool) -> ModelError {
    let kind = if directory { "a directory" } else { "a device or a pipe" };
    ModelError::NotAFile { action, name: name.to_owned(), kind }
}

/// A new file with the permissions that any new file of this user gets.
fn temporary_in(directory: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".surefit-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The process's mask takes its bits from these.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

/// At most 120 characters of a text that came from a file.
fn shorten(text: &str) -> String {
    let clean: String = text.chars().take(120).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(120).is_some() { clean + "…" } else { clean }
}
