//! Mixes: found, told, refused, saved and applied.

use super::{Folder, code, object, surefit, tell, told};
use insta::{Settings, assert_snapshot};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::Command;

const INDEX: [&str; 4] = ["mix", "data/index-returns.csv", "--target", "index"];

/// The index with further arguments, written as on a command line, without quotes.
fn index(more: &str) -> Vec<&str> {
    [&INDEX[..], &more.split_whitespace().collect::<Vec<_>>()].concat()
}

/// A snapshot without what another processor or another day changes.
fn snapshot(folder: &Folder, name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("../snapshots");
    settings.add_filter(r"nodes [0-9,]*[0-9]", "nodes N");
    settings.add_filter(r"seconds [-0-9.e]+", "seconds T");
    settings.add_filter(r"step [0-9]+:", "step N:");
    settings.add_filter(
        r"bound there is [^,]*,\s+below\s+the\s+claimed\s+[0-9][-0-9.e]*",
        "bound there is X, below the claimed Y",
    );
    settings.add_filter(r"(at a relative gap of )[0-9][-0-9.e]*[0-9]", "${1}X");
    settings.add_filter(r"(gap ≤ |gap at most |, at most )[0-9][-0-9.e]*", "${1}SMALL");
    settings.bind(|| assert_snapshot!(name, text.replace(&folder.path(""), "FOLDER/")));
}

/// The weights of a mix by input.
fn weights(object: &Value) -> Vec<(String, f64)> {
    let all = object["model"]["weights"].as_object().unwrap();
    all.iter().map(|(name, weight)| (name.clone(), weight.as_f64().unwrap())).collect()
}

/// Numbers that look random, of mean 0 and about spread 1.
fn noise(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        3.46 * ((state >> 40) as f64 / (1_u64 << 24) as f64 - 0.5)
    })
}

/// A table of a target `t` and inputs of these names, twelve rows of what looks like noise.
fn table(names: &[&str]) -> Vec<Vec<f64>> {
    let mut numbers = noise(7);
    (0..12)
        .map(|_| numbers.by_ref().take(1 + names.len()).map(|x| (x * 1000.0).round() / 1000.0).collect())
        .collect()
}

fn csv(names: &[&str], rows: &[Vec<f64>]) -> String {
    let mut text = format!("t,{}\n", names.join(","));
    for row in rows {
        writeln!(text, "{}", row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).unwrap();
    }
    text
}

#[test]
fn a_mix_is_proven_and_shown_beside_the_plain_optimum() {
    let folder = Folder::new();
    let all = ["--low 0.1", "", "--low 0.1 --sum none --high 1 -q", "--low 0.1 --alternatives 3 -q"];
    snapshot(&folder, "mix", &all.map(|more| told(&index(more))).concat());
}

#[test]
fn paths_are_told_value_by_value() {
    let folder = Folder::new();
    let all = ["-q --path low=0..0.3:4", "-q --low 0.3 --path at-most=0..3"];
    snapshot(&folder, "mix_path", &all.map(|more| told(&index(more))).concat());
    let path = object(&index("--path low=0..0.3:4"));
    let points = path["path"].as_array().unwrap();
    let alone = object(&index("--low 0.1"));
    assert_eq!(points[1]["low"], 0.1);
    assert_eq!(points[1]["model"]["weights"], alone["model"]["weights"]);
    let distances = points.iter().map(|point| point["model"]["objective"].as_f64().unwrap());
    assert!(distances.is_sorted(), "more of an input at least is never closer");
    assert!(path["model"].is_null() && path["verdict"] == "certified");
}

#[test]
fn every_weight_is_zero_or_in_its_range_and_every_limit_is_kept() {
    let more = "--low 0.08 --high 0.3 --range S2=0.2..0.25 --must S2 --never S15 --group a=S1,S3,S4:0.2.. \
                --group-count b=S1*:..3 --at-least 5 --at-most 8";
    let mut arguments = index(more);
    arguments.extend(["--constraint", "S5 - 2 S6 >= 0", "--constraint", ".05 <= S7 + S8 <= .3"]);
    let found = object(&arguments);
    assert!(matches!(found["verdict"].as_str(), Some("certified" | "uncertified")), "{found}");
    let all = weights(&found);
    let of = |name: &str| all.iter().find(|(known, _)| known == name).unwrap().1;
    let sum = |keep: &dyn Fn(&str) -> bool| {
        all.iter().filter(|(name, _)| keep(name)).map(|(_, weight)| weight).sum::<f64>()
    };
    let used = |keep: &dyn Fn(&str) -> bool| {
        all.iter().filter(|(name, weight)| keep(name) && *weight != 0.0).count()
    };
    assert!((sum(&|_| true) - 1.0).abs() < 1e-9);
    for (name, weight) in &all {
        let (low, high) = if name == "S2" { (0.2, 0.25) } else { (0.08, 0.3) };
        assert!(*weight == 0.0 || (low - 1e-9..=high + 1e-9).contains(weight), "{name} {weight}");
    }
    assert!(of("S2") >= 0.2 - 1e-9 && of("S15") == 0.0);
    assert!(sum(&|name| ["S1", "S3", "S4"].contains(&name)) >= 0.2 - 1e-9);
    assert!(used(&|name| name.starts_with("S1")) <= 3);
    assert!((5..=8).contains(&used(&|_| true)));
    assert!(of("S5") - 2.0 * of("S6") >= -1e-9);
    assert!((0.05 - 1e-9..=0.3 + 1e-9).contains(&(of("S7") + of("S8"))));
}

#[test]
fn no_mix_is_closer_than_the_plain_one_and_the_object_says_all() {
    let found = object(&index("--low 0.1"));
    let (own, relaxed) = (&found["model"], &found["relaxed"]);
    assert!(relaxed["objective"].as_f64().unwrap() <= own["objective"].as_f64().unwrap());
    assert_eq!(own["objective"], found["certificate"]["objective"]);
    let length = own["length"].as_f64().unwrap();
    assert!((length * length / own["objective"].as_f64().unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(
        (&found["command"], &found["verdict"], &found["stop"]),
        (&"mix".into(), &"certified".into(), &"certified".into())
    );
    assert!(found["code"].is_null() && found["diagnosis"].is_null() && found["nodes"].as_u64().unwrap() > 0);
    assert_eq!((found["rows"].as_u64(), found["columns"].as_u64()), (Some(104), Some(16)));
    let used = weights(&found).iter().filter(|(_, weight)| *weight != 0.0).count();
    assert_eq!(own["used"].as_u64(), Some(used as u64));
}

/// The objective from the weights alone.
#[test]
fn each_distance_is_what_it_is_called() {
    let folder = Folder::new();
    let names = ["a", "b", "c", "d"];
    let rows = table(&names);
    let data = folder.file("data.csv", &csv(&names, &rows));
    for distance in ["l2", "l1", "linf"] {
        let found = object(&["mix", &data, "--target", "t", "--low", "0.3", "--distance", distance]);
        let all = weights(&found);
        let residuals: Vec<f64> = rows
            .iter()
            .map(|row| all.iter().zip(&row[1..]).map(|((_, w), x)| w * x).sum::<f64>() - row[0])
            .collect();
        let sum: f64 = residuals.iter().map(|r| r.abs()).sum();
        let (objective, length) = match distance {
            "l2" => {
                let squares: f64 = residuals.iter().map(|r| r * r).sum();
                (squares, squares.sqrt())
            }
            "l1" => (sum, sum),
            _ => {
                let most = residuals.iter().fold(0.0, |most: f64, r| most.max(r.abs()));
                (most, most)
            }
        };
        let told = |name: &str| found["model"][name].as_f64().unwrap();
        assert!((told("objective") / objective - 1.0).abs() < 1e-9, "{found}");
        assert!((told("length") / length - 1.0).abs() < 1e-9, "{found}");
        assert_eq!((&found["verdict"], &found["model"]["distance"]), (&"certified".into(), &distance.into()));
    }
    let refused = told(&["mix", &data, "--target", "t", "--low", "0.3", "--distance", "l1", "--ridge", "1"]);
    let all = ["--low 0.2 --distance l1 -q", "--low 0.2 --distance linf -q"].map(|more| told(&index(more)));
    snapshot(&folder, "mix_distances", &(all.concat() + &refused));
}

#[test]
fn a_mix_that_cannot_be_is_explained() {
    let folder = Folder::new();
    let mut all = String::new();
    for more in [
        "--high 0.05",
        "--high 0.0666 --never S1",
        "--low 0.3 --bound S1=0.8..0.9 --bound S2=0.3..0.4",
        "--low 0.3 --high 0.3 --at-most 3",
        "--at-most 0",
        "--low 1.1",
        "--low 0.6 --must S1 --must S2",
        "--never *",
        "--group a=S1,S2:0.6.. --group b=S2,S3:..0.2 --group c=S1:..0.3",
        "--low 0.2 --group-count g=S1,S2,S3:2.. --group s=S1,S2,S3:..0.3",
        "--sum -1",
    ] {
        writeln!(all, "$ {more}\n{}", told(&index(&format!("-q {more}")))).unwrap();
    }
    snapshot(&folder, "mix_infeasible", &all);
}

#[test]
fn threads_change_no_weight() {
    let one = object(&index("--low 0.08 --threads 1"));
    let two = object(&index("--low 0.08 --threads 2"));
    assert_eq!((&one["model"], &one["nodes"]), (&two["model"], &two["nodes"]));
}

#[test]
fn a_row_of_weight_two_counts_as_two_rows() {
    let folder = Folder::new();
    let names = ["a", "b", "c"];
    let rows = table(&names);
    let mut twice = rows.clone();
    twice.push(rows[3].clone());
    let weighted: Vec<Vec<f64>> = rows
        .iter()
        .enumerate()
        .map(|(i, row)| [&row[..], &[if i == 3 { 2.0 } else { 1.0 }]].concat())
        .collect();
    let twice = folder.file("twice.csv", &csv(&names, &twice));
    let weighted = folder.file("weighted.csv", &csv(&["a", "b", "c", "w"], &weighted));
    let one = object(&["mix", &twice, "--target", "t", "--low", "0.2"]);
    let two = object(&["mix", &weighted, "--target", "t", "--low", "0.2", "--weights", "w"]);
    let (first, second) = (&one["model"]["objective"], &two["model"]["objective"]);
    assert!((first.as_f64().unwrap() / second.as_f64().unwrap() - 1.0).abs() < 1e-9, "{one} {two}");
    assert_eq!(weights(&two).len(), 3, "weights are no input");
}

#[test]
fn a_saved_mix_predicts_its_own_column_and_is_not_taken_for_a_fit() {
    let folder = Folder::new();
    let model = folder.path("mix.safetensors");
    let found = object(&index(&format!("--low 0.1 -o {model}")));
    let predicted = object(&["predict", &model, "data/index-returns.csv"]);
    let data = std::fs::read_to_string(super::root().join("data/index-returns.csv")).unwrap();
    let mut lines = data.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let head = lines.next().unwrap();
    let all = weights(&found);
    let mixed = lines.map(|row| {
        let parts = head.iter().zip(row).filter_map(|(name, value)| {
            let (_, weight) = all.iter().find(|(known, _)| known == name)?;
            Some(weight * value.parse::<f64>().unwrap())
        });
        parts.sum::<f64>()
    });
    let told = predicted["predictions"]["prediction"].as_array().unwrap();
    assert_eq!(told.len(), 104);
    assert!(mixed.zip(told).all(|(sum, told)| (sum - told.as_f64().unwrap()).abs() < 1e-9));
    // Inputs that are not used need not be there.
    let used: Vec<&str> =
        all.iter().filter(|(_, weight)| *weight != 0.0).map(|(name, _)| name.as_str()).collect();
    let one = folder.file("one.csv", &format!("{}\n{}\n", used.join(","), vec!["1"; used.len()].join(",")));
    let sum = object(&["predict", &model, &one])["predictions"]["prediction"][0].as_f64().unwrap();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    folder.snapshot("mix_model", &super::told(&["certify", &model, "data/index-returns.csv"]));
}

#[test]
fn a_problem_file_says_the_same_as_flags_and_flags_go_before_it() {
    let folder = Folder::new();
    let file = folder.file(
        "problem.toml",
        "target = \"index\"\nlow = 0.1\nhigh = 0.3\nmust = [\"S1\"]\nat-most = 9\nsum = 1\n\
         constraint = [\"S2 + S3 <= .3\"]\n[range]\nS15 = \"0.2..0.4\"\n[group]\nfirst = \"S1,S2:..0.2\"\n",
    );
    let flags =
        "--low 0.1 --high 0.3 --must S1 --at-most 9 --sum 1 --range S15=0.2..0.4 --group first=S1,S2:..0.2";
    let data = "data/index-returns.csv";
    let both = |more: &str| {
        let mut typed = index(flags);
        typed.extend(["--constraint", "S2 + S3 <= .3"]);
        let mut read = vec!["mix", data, "--problem", &file];
        for all in [&mut typed, &mut read] {
            all.extend(more.split_whitespace());
        }
        (object(&typed), object(&read))
    };
    let (typed, read) = both("");
    assert_eq!((&typed["model"], &typed["certificate"]), (&read["model"], &read["certificate"]));
    let over = object(&["mix", data, "--problem", &file, "--low", "0.05", "--must", "S2"]);
    assert!(over["model"]["objective"].as_f64() < read["model"]["objective"].as_f64(), "{over}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_way_out() {
    let folder = Folder::new();
    let file = |name: &str, text: &str| folder.file(name, text);
    let key = file("key.toml", "constrain = [\"S1 <= .5\"]\n");
    let value = file("value.toml", "low = \"x\"\n");
    let toml = file("toml.toml", "low = 0.1\nmust = [\n");
    let truth = file("truth.toml", "low = true\n");
    let after = file("after.toml", "[range]\nS1 = \"0.1..0.3\"\nmust = [\"S2\"]\n");
    let price = file("price.toml", "prices = 3\n");
    let mut all = String::new();
    for more in [
        "--low 0.3 --high 0.2",
        "--range S1=0.3..0.2",
        "--range S1=0.3",
        "--range S1=0.1..0.3 --range S1=0.2..0.3",
        "--range S1*=0.1..0.3 --range S*=0.2..0.3",
        "--range S1=0.1..0.3 --bound S1=0.2..0.3",
        "--must S1 --never S1 --low 0.1",
        "--must S77 --low 0.1",
        "--must S1",
        "--never indx",
        "--never index",
        "--bound T*=0..1",
        "--group g=S1,S77:..0.5",
        "--group g=S1:..0.5 --group g=S2:..0.5",
        "--group-count g=S1,S2:3..",
        "--group-count g=S1,S2:0.5..",
        "--constraint S1+S77<=.5",
        "--constraint S1+<=.5",
        "--constraint S1+S2",
        "--at-least 5 --at-most 4",
        "--at-least 17",
        "--at-least 2 --range S1=-0.5..0.5",
        "--sum none",
        "--sum all",
        "--ridge -1",
        "--inputs X*",
        "--inputs index",
        "--inputs S1,Sx",
        "--weights index",
        "--path low=0..0.3:7 --low 0.1",
        "--path high=0..1:3",
        "--path at-most=1..3:2",
        "--path at-most=3..1",
        "--path low=0.1..0.3",
        "--path low=0.3..0.1:3",
        "--path low=0.3..0.4:3 --high 0.2",
        "--memory-limit 1K",
        "--sum 0 --at-least 1",
        "--low 0.1 --at-least 1 --at-most 2 --range S10=-1..1",
        "--constraint S1<.5",
        "--constraint S1-S1>=0",
        "--path at-most=1..3 --alternatives 2",
        "--path at-most=1..3 -o mix.safetensors",
        "--alternatives 0",
        "--gap 0",
        "--gap 1",
    ] {
        writeln!(all, "$ {more}\n{}", told(&index(&format!("-q {more}")))).unwrap();
    }
    for problem in [&key, &value, &toml, &truth, &after, &price, &folder.path("none.toml")] {
        writeln!(all, "{}", told(&index(&format!("-q --problem {problem}")))).unwrap();
    }
    writeln!(all, "{}", told(&["mix", "data/index-returns.csv"])).unwrap();
    writeln!(all, "{}", told(&["mix", "data/index-returns.csv", "--target", "indx"])).unwrap();
    snapshot(&folder, "mix_refuses", &all);
}

#[test]
fn what_is_printed_of_limits_that_meet_nowhere_can_be_typed() {
    let found = object(&index("--high 0.0666 --never S1"));
    let limits = found["diagnosis"]["evidence"]["limits"].as_array().unwrap();
    assert!(
        limits.contains(&"never S1".into()) && limits.contains(&"the greatest weights".into()),
        "{found}"
    );
    let remedies = found["diagnosis"]["remedies"].as_array().unwrap();
    let of = |what: &str| {
        let mut all = remedies.iter().filter_map(|remedy| remedy["change"].as_str());
        all.find_map(|change| change.strip_prefix(what)).unwrap().trim().to_owned()
    };
    let high = of("the greatest weight:");
    let high = high.split(' ').next().unwrap();
    assert_eq!(code(&index(&format!("-q --high {high} --never S1"))), 0, "{high}");
    let sum = of("sum:");
    let sum = sum.split(' ').next().unwrap();
    assert_eq!(code(&index(&format!("-q --high 0.0666 --never S1 --sum {sum}"))), 0, "{sum}");
}

#[test]
fn a_problem_file_has_named_constraints_and_prices() {
    let folder = Folder::new();
    let file = folder.file(
        "problem.toml",
        "target = \"index\"\nlow = 0.1\nprices = true\n[constraint]\ncap = \"S15 <= .15\"\n",
    );
    let read = object(&["mix", "data/index-returns.csv", "--problem", &file]);
    let mut typed = index("--low 0.1 --prices");
    typed.extend(["--constraint", "cap: S15 <= .15"]);
    let typed = object(&typed);
    assert_eq!((&read["model"], &read["prices"]), (&typed["model"], &typed["prices"]));
    assert!(read["prices"]["by_input"]["S15"].is_object(), "{read}");
}

#[test]
fn names_with_commas_stand_in_back_quotes() {
    let folder = Folder::new();
    let text = csv(&["a", "b", "c"], &table(&["a", "b", "c"])).replacen("t,a,b,c", "t,\"a,x\",b,c", 1);
    let data = folder.file("commas.csv", &text);
    let found = object(&["mix", &data, "--target", "t", "--group", "g=`a,x`,b:0.45..0.45"]);
    let all = weights(&found);
    let sum: f64 = all.iter().filter(|(name, _)| name != "c").map(|(_, weight)| weight).sum();
    assert!((sum - 0.45).abs() < 1e-9, "{found}");
}

#[test]
fn a_path_leaves_out_what_makes_no_sense_and_says_what_it_did_not_come_to() {
    let found = object(&index("--path low=0.1..0.3:3 --high 0.2"));
    assert_eq!(found["path"].as_array().unwrap().len(), 2, "{found}");
    let notes = found["notes"].as_array().unwrap();
    assert!(notes.contains(&"values of --low above `--high 0.2` are left out: 0.3".into()), "{found}");
}

#[test]
fn no_other_choice_to_list_is_said() {
    let folder = Folder::new();
    let all = ["--low 0.5 --high 0.5 --inputs S1,S2 --alternatives 3 -q", "--alternatives 2 -q"];
    snapshot(&folder, "mix_no_alternatives", &all.map(|more| told(&index(more))).concat());
}

/// Nearer to the target than rounding can tell a share of.
#[test]
fn a_mix_that_meets_its_target_is_told_as_such() {
    let folder = Folder::new();
    let names = ["a", "b", "c"];
    let rows = table(&names);
    let meets = |row: &Vec<f64>| vec![0.3 * row[1] + 0.7 * row[3], row[1], row[2], row[3]];
    let rows: Vec<Vec<f64>> = rows.iter().map(meets).collect();
    let data = folder.file("exact.csv", &csv(&names, &rows));
    let page = told(&["mix", &data, "--target", "t", "--low", "0.1", "-q"]);
    assert!(page.contains("✓ OPTIMAL") && page.contains("within the rounding of an exact mix"), "{page}");
    assert!(page.contains("which is rounding") && !page.contains("relative gap"), "{page}");
}

#[test]
fn data_that_cannot_be_mixed_is_named() {
    let folder = Folder::new();
    let rows = table(&["a", "b", "c"]);
    let with = |at: usize, cell: &str| {
        let text = csv(&["a", "b", "c"], &rows);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut cells: Vec<String> = lines[4].split(',').map(str::to_owned).collect();
        cell.clone_into(&mut cells[at]);
        lines[4] = cells.join(",");
        lines.join("\n") + "\n"
    };
    let missing = folder.file("missing.csv", &with(2, ""));
    let infinite = folder.file("infinite.csv", &with(2, "inf"));
    let large = folder.file("large.csv", &with(2, "1e200"));
    let text = folder.file("text.csv", "t,a,day\n1,2,mon\n2,1,tue\n3,4,wed\n");
    let alone = folder.file("alone.csv", "t,day\n1,mon\n2,tue\n3,wed\n");
    let negative = folder.file("negative.csv", "t,a,w\n1,2,1\n2,1,-1\n3,4,1\n");
    let none = folder.file("none.csv", "t,a\n");
    let mut all = String::new();
    for arguments in [
        vec![missing.as_str()],
        vec![&missing, "--missing", "drop"],
        vec![&missing, "--missing", "mean", "--low", "0.3"],
        vec![&infinite],
        vec![&large],
        vec![&text, "--low", "0.5"],
        vec![&text, "--inputs", "a,day"],
        vec![&text, "--low", "0.5", "--must", "day"],
        vec![&alone],
        vec![&negative, "--weights", "w"],
        vec![&none],
    ] {
        writeln!(all, "{}", told(&[&["mix", "--target", "t"], &arguments[..]].concat())).unwrap();
    }
    snapshot(&folder, "mix_data", &all);
}

/// Each end of what can be asked for: the exit code, and the mix where there is only one.
#[test]
fn odd_problems_end_in_a_mix_or_in_none() {
    let folder = Folder::new();
    let rows = table(&["a", "b", "c"]);
    let file = |name: &str, cells: &dyn Fn(&[f64]) -> Vec<f64>| {
        folder.file(name, &csv(&["a", "b", "c"], &rows.iter().map(|row| cells(row)).collect::<Vec<_>>()))
    };
    let zero = file("zero.csv", &|row| vec![row[0], row[1], 0.0, row[3]]);
    let same = file("same.csv", &|row| vec![row[0], row[1], row[1], row[1]]);
    let exact = file("exact.csv", &|row| vec![row[1], row[1], row[2], row[3]]);
    let one = |data: &str, more: &[&str]| object(&[&["mix", data, "--target", "t"], more].concat());
    let of = |found: &Value, name: &str| found["model"]["weights"][name].as_f64().unwrap();
    assert_eq!(one(&zero, &["--low", "0.2"])["verdict"], "certified");
    let found = one(&same, &["--low", "0.2", "--alternatives", "3"]);
    assert_eq!(
        (&found["verdict"], &found["findings"][0]["code"], &found["code"]),
        (&"certified".into(), &"SF403".into(), &"SF403".into())
    );
    let found = one(&exact, &["--low", "0.2"]);
    assert_eq!((of(&found, "a"), found["model"]["objective"].as_f64()), (1.0, Some(0.0)));
    let found = one(&zero, &["--low", "0.2", "--inputs", "c"]);
    assert_eq!((of(&found, "c"), &found["verdict"]), (1.0, &"certified".into()));
    for impossible in [
        vec!["--at-most", "0"],
        vec!["--low", "1.1"],
        vec!["--high", "0.3"],
        vec!["--low", "0.6", "--must", "a", "--must", "b"],
        vec!["--low", "0.1", "--high", "0.4", "--at-most", "2"],
        vec!["--never", "*"],
        vec!["--sum", "-1"],
    ] {
        let found = one(&zero, &impossible);
        let told = (&found["verdict"], &found["code"], &found["diagnosis"]["code"], &found["model"]);
        assert_eq!(
            told,
            (&"failed".into(), &"SF401".into(), &"SF401".into(), &Value::Null),
            "{impossible:?}"
        );
        assert_eq!(code(&[&["mix", &zero, "--target", "t", "-q"], &impossible[..]].concat()), 5);
    }
    // Without inputs in use the sum is 0.
    let found = one(&zero, &["--sum", "0..1", "--high", "1", "--at-most", "0"]);
    assert_eq!((of(&found, "a"), of(&found, "b"), of(&found, "c")), (0.0, 0.0, 0.0));
}

/// A target that is a mix of factors, which a hundred inputs follow: too much for a second.
fn hard(folder: &Folder) -> String {
    let mut numbers = noise(3);
    let (inputs, factors) = (100, 5);
    let loads: Vec<f64> = numbers.by_ref().take(inputs * factors).collect();
    let mut text = format!("t,{}\n", (0..inputs).map(|j| format!("x{j}")).collect::<Vec<_>>().join(","));
    for _ in 0..120 {
        let moves: Vec<f64> = numbers.by_ref().take(factors).collect();
        let row: Vec<f64> = (0..inputs)
            .map(|j| {
                let common: f64 = moves.iter().zip(&loads[j * factors..]).map(|(f, load)| f * load).sum();
                common + 0.5 * numbers.next().unwrap()
            })
            .collect();
        let target = row.iter().step_by(3).sum::<f64>() / 34.0 + 0.05 * numbers.next().unwrap();
        write!(text, "{target:.6}").unwrap();
        for x in row {
            write!(text, ",{x:.6}").unwrap();
        }
        text.push('\n');
    }
    folder.file("hard.csv", &text)
}

#[test]
fn a_time_limit_returns_the_best_mix_so_far_with_its_gap() {
    let folder = Folder::new();
    let data = hard(&folder);
    let arguments = ["mix", &data, "--target", "t", "--low", "0.04", "--time-limit", "0.5"];
    let found = object(&arguments);
    assert_eq!(
        (&found["verdict"], &found["code"], &found["stop"]),
        (&"uncertified".into(), &"SF402".into(), &"time".into())
    );
    let number = |value: &Value| value.as_f64().unwrap();
    let proof = &found["certificate"];
    assert!(number(&proof["bound"]) < number(&proof["objective"]) && number(&proof["relative_gap"]) > 1e-6);
    assert!(weights(&found).iter().all(|(_, weight)| *weight == 0.0 || *weight >= 0.04 - 1e-9));
    assert_eq!(code(&arguments), 4);
}

#[cfg(unix)]
#[test]
fn an_interrupt_returns_the_best_mix_so_far() {
    let folder = Folder::new();
    let data = hard(&folder);
    let mut command = surefit(&["mix", &data, "--target", "t", "--low", "0.04", "--json"]);
    let child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["stop"], "interrupted", "{}", tell(&output));
    assert_eq!(output.status.code(), Some(4));
    assert!(!weights(&found).is_empty());
}

#[test]
fn a_price_is_the_objective_of_the_mix_with_the_other_choice() {
    let folder = Folder::new();
    let found = object(&index("--low 0.1 --prices"));
    let prices = found["prices"]["by_input"].as_object().unwrap();
    assert_eq!((prices.len(), found["prices"]["wanted"].as_u64()), (16, Some(16)));
    for (name, weight) in weights(&found) {
        let price = &prices[&name];
        assert_eq!(price["used"], weight != 0.0);
        let flag = if weight == 0.0 { "--must" } else { "--never" };
        let other = object(&index(&format!("--low 0.1 {flag} {name}")));
        let (own, other) = (&price["model"]["objective"], &other["model"]["objective"]);
        assert!((own.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 2e-6, "{name}: {price}");
        let rise = own.as_f64().unwrap() / found["model"]["objective"].as_f64().unwrap() - 1.0;
        assert!((price["rise"].as_f64().unwrap() - rise.max(0.0)).abs() < 1e-12);
    }
    // Three of three are in use, so none can be left out.
    let names = ["a", "b", "c"];
    let data = folder.file("data.csv", &csv(&names, &table(&names)));
    let none = ["mix", &data, "--target", "t", "--low", "0.2", "--at-least", "3", "--prices"];
    let price = &object(&none)["prices"]["by_input"]["a"];
    assert_eq!(
        (&price["model"], &price["bound"], &price["rise"]),
        (&Value::Null, &"inf".into(), &Value::Null)
    );
    let all = [told(&index("-q --low 0.1 --prices")), told(&none), told(&index("-q --prices"))];
    snapshot(&folder, "mix_prices", &all.concat());
}

#[test]
fn a_search_that_was_stopped_has_no_prices_and_no_tree() {
    let folder = Folder::new();
    let (data, tree) = (hard(&folder), folder.path("hard.tree"));
    let arguments = [
        "mix",
        &data,
        "--target",
        "t",
        "--low",
        "0.04",
        "--time-limit",
        "0.5",
        "--prices",
        "--tree-certificate",
        &tree,
    ];
    let output = surefit(&arguments).arg("--json").output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &found["verdict"]), (Some(4), &"uncertified".into()));
    assert_eq!(found["prices"]["by_input"].as_object().unwrap().len(), 0, "{found}");
    assert_eq!(found["prices"]["wanted"], 100);
    assert!(!std::path::Path::new(&tree).exists());
    std::fs::write(&tree, "old").unwrap();
    let found = object(&arguments);
    assert!(found["no_tree"].as_str().unwrap().ends_with("the file of that name is of an earlier run"));
    assert_eq!(std::fs::read_to_string(&tree).unwrap(), "old");
    snapshot(&folder, "mix_no_tree", found["no_tree"].as_str().unwrap());
}

/// Problems of all kinds, each with the flags of the table `mixed.csv` below.
const KINDS: [&str; 6] = [
    "--low 0.1",
    "--low 0.1 --distance l1 --missing drop",
    "--low 0.1 --distance linf --at-most 3",
    "--low 0.1 --weights w --ridge 0.5 --missing mean",
    "--range a=-0.4..-0.1 --range b=0.2..0.6 --bound c=0.05..0.3 --group g=a,b:..0.4 --alternatives 2",
    "--low 0.05 --sum 0.5..2 --group-count g=a,b,c:1..2 --constraint a<=.5",
];

/// Five inputs, a column of weights and a missing value.
fn mixed(folder: &Folder) -> String {
    let text = csv(&["a", "b", "c", "d", "e", "w"], &table(&["a", "b", "c", "d", "e", "w"]));
    let mut lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    for (nth, line) in lines.iter_mut().enumerate().skip(1) {
        line[6] = (nth % 3).to_string();
    }
    lines[5][4] = String::new();
    folder.file("mixed.csv", &(lines.iter().map(|line| line.join(",")).collect::<Vec<_>>().join("\n") + "\n"))
}

#[test]
fn a_tree_certificate_proves_the_mix_to_whoever_has_the_data() {
    let folder = Folder::new();
    let (data, tree) = (mixed(&folder), folder.path("mix.tree"));
    for kind in KINDS {
        let missing = if kind.contains("--missing") { "" } else { " --missing drop" };
        let more = format!("--target t {kind}{missing} --tree-certificate {tree}");
        let mut arguments = vec!["mix", data.as_str()];
        arguments.extend(more.split_whitespace());
        let found = object(&arguments);
        assert_eq!(found["verdict"], "certified", "{kind}: {found}");
        let checked = object(&["certify", &tree, &data]);
        assert_eq!(checked["verdict"], "certified", "{kind}: {checked}");
        assert_eq!(checked["model"]["weights"], found["model"]["weights"]);
        let objective = |of: &Value| of["certificate"]["objective"].as_f64().unwrap();
        assert!((objective(&checked) - objective(&found)).abs() <= 1e-12 * objective(&found), "{kind}");
        assert!(checked["leaves"].as_u64().unwrap() > 0 && checked["problem"]["target"] == "t");
        assert_eq!(code(&["certify", &tree, &data, "-q"]), 0);
    }
}

/// A tree of the index.
fn tree_of_the_index(folder: &Folder) -> (String, Vec<u8>) {
    let path = folder.path("index.tree");
    assert_eq!(code(&index(&format!("-q --low 0.1 --tree-certificate {path}"))), 0);
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

/// Where the claimed bound stands.
fn place_of_the_bound(bytes: &[u8]) -> usize {
    16 + usize::try_from(u64::from_le_bytes(bytes[8..16].try_into().unwrap())).unwrap()
}

fn with_bound(bytes: &[u8], factor: f64) -> Vec<u8> {
    let (mut bytes, at) = (bytes.to_vec(), place_of_the_bound(bytes));
    let bound = f64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    bytes[at..at + 8].copy_from_slice(&(factor * bound).to_le_bytes());
    bytes
}

#[test]
fn a_tree_that_was_cut_or_changed_proves_nothing() {
    let folder = Folder::new();
    let (path, bytes) = tree_of_the_index(&folder);
    let data = "data/index-returns.csv";
    let judge = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        code(&["certify", &path, data, "-q"])
    };
    assert_eq!(judge(&bytes), 0);
    for length in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        assert_eq!(judge(&bytes[..length]), 3, "cut to {length}");
    }
    assert_eq!(judge(&[&bytes[..], &[0]].concat()), 3);
    assert_eq!(judge(&with_bound(&bytes, 1.001)), 3, "more is claimed than is proven");
    assert_eq!(judge(&with_bound(&bytes, 0.9)), 4, "less is claimed, and the gap is wide");
    let wide = object(&["certify", &path, data]);
    assert!(wide["message"].as_str().unwrap().starts_with("a closer mix is not excluded"), "{wide}");
    assert_eq!(code(&["certify", &path, data, "--gap", "0.2", "-q"]), 0);
    // A weight that is not in its range.
    let mut heavy = bytes.clone();
    let at = place_of_the_bound(&bytes) + 16;
    heavy[at..at + 8].copy_from_slice(&0.05_f64.to_le_bytes());
    assert_eq!(judge(&heavy), 3);
    let found = object(&["certify", &path, data]);
    assert_eq!((&found["verdict"], &found["command"]), (&"failed".into(), &"certify".into()));
    assert!(found["message"].as_str().unwrap().contains("`S1` is not in the range"), "{found}");
}

#[test]
fn what_a_tree_certificate_says() {
    let folder = Folder::new();
    let (path, bytes) = tree_of_the_index(&folder);
    let data = std::fs::read_to_string(super::root().join("data/index-returns.csv")).unwrap();
    let own = "data/index-returns.csv";
    // The columns the other way round, and other rows.
    let turned: String =
        data.lines().map(|line| line.rsplit(',').collect::<Vec<_>>().join(",") + "\n").collect();
    let turned = folder.file("turned.csv", &turned);
    let fewer = folder.file("fewer.csv", &(data.lines().take(60).collect::<Vec<_>>().join("\n") + "\n"));
    let lacks = folder.file("lacks.csv", &data.replacen("S15", "S99", 1));
    let mut all = String::new();
    for arguments in [
        vec![own],
        vec![&turned, "-q"],
        vec![&fewer, "-q"],
        vec![&lacks, "-q"],
        vec![own, "index ~ S1", "-q"],
        vec![own, "--penalty", "1", "-q"],
        vec![own, "--missing", "drop", "-q"],
    ] {
        writeln!(all, "{}", told(&[&["certify", &path], &arguments[..]].concat())).unwrap();
    }
    for (what, bytes) in [
        ("cut", bytes[..1000].to_vec()),
        ("raised", with_bound(&bytes, 1.01)),
        ("lowered", with_bound(&bytes, 0.9)),
    ] {
        std::fs::write(&path, bytes).unwrap();
        writeln!(all, "$ {what}\n{}", told(&["certify", &path, own, "-q"])).unwrap();
    }
    let none = folder.path("none.tree");
    writeln!(all, "{}", told(&index(&format!("-q --path at-most=1..3 --tree-certificate {none}")))).unwrap();
    writeln!(all, "{}", told(&index("-q --path at-most=1..3 --prices"))).unwrap();
    writeln!(all, "{}", told(&index("-q --low 0.1 --tree-certificate data/index-returns.csv"))).unwrap();
    snapshot(&folder, "mix_tree", &all);
}
