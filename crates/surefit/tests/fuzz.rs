//! Seeded mutation fuzzing of every reader: no input may make them panic. `SUREFIT_FUZZ_SECONDS` says how
//! long each target runs (default 2; `scripts/test --long` takes 60). A failing input is printed as bytes.

#![allow(clippy::unwrap_used)]

#[path = "fuzz/targets.rs"]
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use surefit::data::encode::{EncodeOptions, Encoded, Recipe};
use surefit::data::formula::Formula;
use surefit::data::read::{ReadOptions, Source};
use surefit::data::scale::Scale;
use surefit::fit::Verdict;
use surefit::fit::{Settings, Watch, fit};
use surefit::model::{Fingerprint, Inputs, Model};
use surefit::{Intercept, LossKind, Problem, Ridge};

/// `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): the same inputs in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or(0)
    }
}

/// One small change: overwrite, insert a token, delete, repeat or cut.
fn mutate(input: &mut Vec<u8>, tokens: &[&[u8]], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(6) {
        0 if at < input.len() => input[at] = u8::try_from(random.below(256)).unwrap_or(0),
        1 => {
            let token = tokens[random.below(tokens.len())];
            input.splice(at..at, token.iter().copied());
        }
        2 => {
            let end = (at + 1 + random.below(8)).min(input.len());
            input.drain(at..end);
        }
        3 => {
            let end = (at + random.below(32)).min(input.len());
            let piece = input[at..end].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, piece);
        }
        4 if at < input.len() => input[at] ^= 1 << random.below(8),
        _ if random.below(4) == 0 => input.truncate(at),
        _ => {}
    }
}

fn fuzz(target: fn(&[u8]), seeds: &[&[u8]], tokens: &[&[u8]]) {
    let seconds = std::env::var("SUREFIT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random(20);
    let mut runs = 0u64;
    while Instant::now() < end {
        let mut input = seeds[random.below(seeds.len())].to_vec();
        for _ in 0..=random.below(12) {
            mutate(&mut input, tokens, &mut random);
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        assert!(outcome.is_ok(), "input {:?}", String::from_utf8_lossy(&input));
        runs += 1;
    }
    assert!(runs > 0);
}

/// A small model's file.
fn model() -> Vec<u8> {
    let source =
        Source::from_bytes("t.csv", b"y,x\n1,1\n2,3\n4,4\n".to_vec(), &ReadOptions::default()).unwrap();
    let formula = Formula::parse("y ~ poly(x, 2)").unwrap();
    let resolved = formula.resolve(source.columns(), None).unwrap();
    let table = source.scan(&resolved.wants, &|_| true).unwrap();
    let recipe = Recipe::build(&resolved, &table, &EncodeOptions::default()).unwrap();
    let rows = Encoded::new(&table, &recipe).unwrap();
    let problem =
        Problem { loss: LossKind::Squared, penalty: Ridge::uniform(0.1), intercept: Intercept::Free };
    let fit = fit(&rows, &problem, &Settings::default(), &Watch::SILENT).unwrap();
    let model = Model {
        coefficients: fit.candidate.coefficients,
        columns: recipe.names().to_vec(),
        targets: recipe.targets().to_vec(),
        formula: formula.to_string(),
        classes: None,
        threshold: None,
        mix: None,
        inputs: Inputs::Table(Box::new(recipe.clone())),
        problem,
        scale: Scale::None,
        certificate: fit.certificate.unwrap().record(),
        verdict: Verdict::Certified,
        code: None,
        data: Fingerprint::of(&rows).unwrap(),
        version: "0.1.0".to_owned(),
    };
    model.to_bytes().unwrap()
}

#[test]
fn no_bytes_make_the_table_reader_panic() {
    fuzz(
        targets::csv,
        &[
            b"y,a,b\n1,2,3\n2,3,4\n",
            b"\xEF\xBB\xBFname;\"a \"\"quoted\"\" one\";v\r\nx;\"two\nlines\";1,5\r\n",
            b"1\t2\t?\n3\t\tNaN\n",
            b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\xab\xd4\x49\xd2\xe1\x32\x04\x00",
            b"a\n1e400\n-inf\n",
        ],
        &[
            b"\"",
            b",",
            b";",
            b"\t",
            b"\n",
            b"\r\n",
            b"NA",
            b"inf",
            b"1e308",
            b"\0",
            b"\xFF\xFE",
            b"PAR1",
            b"ARROW1",
        ],
    );
}

#[test]
fn no_bytes_make_the_svmlight_reader_panic() {
    fuzz(
        targets::svmlight,
        &[
            b"+1 1:0.5 3:-2e3 # a comment\n-1 2:.25\n",
            b"\xEF\xBB\xBF3 0:1\r\n\n# 1:2\n1,4 7:1e-300\t49:0\n",
            b"cat 1:1\ndog 2:1\n? 3:1\n9007199254740993 1:1\n",
            b"\x1F\x8B\x08\x00\x00\x00\x00\x00\x00\x03\x33\x54\x30\xb4\x32\xe4\x02\x00",
        ],
        &[
            b":",
            b" ",
            b"\n",
            b"\r\n",
            b"#",
            b"qid:1",
            b"1:1",
            b"nan",
            b"1e999",
            b"2147483648:1",
            b"-1",
            b"+",
            b",",
            b"\0",
            b"\xFF",
            b"0:0",
            b"1.0",
        ],
    );
}

#[test]
fn no_bytes_make_the_arff_reader_panic() {
    fuzz(
        targets::arff,
        &[
            b"@relation r\n@attribute x numeric\n@attribute y {0,1}\n@attribute 'it\\'s' {0,1}\n@data\n0.5,1,0\n-2e3,0,1\n",
            b"@attribute y {0,1}\n@attribute \"it's\" {0,1}\n@attribute x real\n@data\n{0 1, 2 -1.5}\n{}\n{1 1} % none\n",
            b"<?xml version='1.0'?>\n<labels>\n<label name=\"y\"></label><label name='it&apos;s'/>\n</labels>",
        ],
        &[
            b"{", b"}", b",", b"'", b"\\", b"\n", b"\r\n", b"%", b"?", b"@data\n", b"@attribute ", b"{0,1}", b" 1", b"-1", b"1e999",
            b"nan", b"\0", b"\xFF", b"\\u00e9", b"<", b">", b"&#", b"name=",
        ],
    );
}

#[test]
fn no_text_makes_the_formula_reader_panic() {
    fuzz(
        targets::formula,
        &[
            b"y ~ a + b",
            b"y ~ . - 1 - b + poly(a, 3)",
            b"log(y) ~ a*b + C(city):a + I((a + 2)^2 / b)",
            b"[y, a] ~ `x 1` + 0",
        ],
        &[
            b"~", b"+", b":", b"*", b"^", b"(", b")", b"poly(", b"I(", b"C(", b"`", b"[", b"]", b".", b"1e9",
            b"-", b"city",
        ],
    );
}

#[test]
fn no_bytes_make_the_model_reader_panic() {
    let good = model();
    assert!(Model::from_bytes(&good, "good.safetensors").is_ok());
    fuzz(
        targets::model,
        &[&good, b"", b"\x08\0\0\0\0\0\0\0{}      "],
        &[b"{", b"}", b"\"", b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", b"1e999", b"null", b"-1", b"[", b"F32"],
    );
}
