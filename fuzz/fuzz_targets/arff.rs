//! `cargo +nightly fuzz run arff`
#![no_main]
#![allow(dead_code)]

#[path = "../../crates/surefit/tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::arff(bytes));
