//! What people met who knew nothing of the program.

use super::gradients::iris_file;
use super::world::bomb;
use super::*;

#[test]
fn missing_values_of_new_rows_are_dropped_or_filled_when_asked() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let new = folder.file("new.csv", "temp\n20\nNA\n25\n");
    let word = folder.file("word.csv", "temp\n20\nhigh\n25\n");
    let bare = folder.file("bare.csv", "20,1\n21,2\n25,3\n");
    let predict = |more: &[&str]| told(&[&["predict", &model, &new], more].concat());
    let all = [
        predict(&[]),
        predict(&["--missing", "drop"]),
        predict(&["--missing", "mean"]),
        told(&["predict", &model, &word]),
        told(&["predict", &model, &bare]),
    ];
    // One line a row whatever is missing; the mean of the training data is that of the twelve days.
    assert!(all[1].contains("\nNaN\n") && all[1].starts_with("exit 0"), "{}", all[1]);
    assert_eq!(all[2].lines().filter(|line| line.parse::<f64>().is_ok()).count(), 3, "{}", all[2]);
    assert!(!all.concat().contains("C(temp)"));
    folder.snapshot("predict_missing", &all.concat());
}

#[test]
fn the_rule_for_missing_values_is_kept_in_the_model() {
    let folder = Folder::new();
    let (model, data) = (folder.path("m"), folder.file("data.csv", "y,x\n1,1\n2,\n3,2\n5,3\n"));
    assert_eq!(code(&["fit", &data, "y ~ x", "--missing", "mean", "-o", &model]), 0);
    let new = folder.file("new.csv", "x\n2\n\"\"\n");
    let predictions = object(&["predict", &model, &new])["predictions"]["prediction"].clone();
    // The mean of the training data is 2.
    assert_eq!(predictions[0], predictions[1]);
    assert_eq!(code(&["predict", &model, &new, "--missing", "error"]), 3);
    assert_eq!(code(&["certify", &model, &data]), 0);
    assert_eq!(code(&["certify", &model, &data, "--missing", "error"]), 3);
}

#[test]
fn a_single_row_is_refused_where_one_is_to_be_left_out() {
    let folder = Folder::new();
    let (one, range) = (folder.file("one.csv", "y,x\n1,2\n"), "0.1..10:5");
    let all = told(&["fit", &one, "y ~ x", "--penalty", range, "--choose", "loo", "--quiet"]);
    folder.snapshot("nothing_left", &all);
}

#[test]
fn powers_of_years_have_a_way_out_that_was_tried() {
    let folder = Folder::new();
    let row = |year: u32| format!("{year},{}\n", 50 + (year * 7) % 11 + (year - 1990) / 3);
    let rows: String = (1990..=2020).map(row).collect();
    let data = folder.file("years.csv", &format!("year,sold\n{rows}"));
    folder.snapshot("powers_of_years", &told(&["fit", &data, "sold ~ poly(year, 7)", "--quiet"]));
    assert_eq!(code(&["fit", &data, "sold ~ poly(year - 2005, 7)"]), 0);
    let row = |i: u64| format!("{},{}\n", 1_700_000_000_000_000 + i, 2 * i + i * i * 7 % 11);
    let times = folder.file("times.csv", &format!("time,sold\n{}", (0..30).map(row).collect::<String>()));
    folder.snapshot("times_far_from_0", &told(&["fit", &times, "sold ~ time", "--quiet"]));
    assert_eq!(code(&["fit", &times, "sold ~ I(time - 1700000000000014)"]), 0);
    // What rounding excuses is told with the way to better numbers.
    let row =
        |i: u64| format!("{},{}\n", 1_700_000_000_000 + i, 2.0 * i as f64 + (i * i * 7 % 11) as f64 * 1e-5);
    let near = folder.file("near.csv", &format!("time,sold\n{}", (0..30).map(row).collect::<String>()));
    folder.snapshot("rounding_above_the_gap", &told(&["fit", &near, "sold ~ time", "--quiet"]));
    assert_eq!(code(&["fit", &near, "sold ~ I(time - 1700000000014)"]), 0);
    // With a penalty it would be another model.
    let penalized = told(&["fit", &data, "sold ~ poly(year, 7)", "--penalty", "0.1", "--quiet"]);
    assert!(!penalized.contains("poly(year - 2005"), "{penalized}");
}

#[test]
fn a_column_whose_spread_is_rounding_is_left_out_and_that_is_said() {
    let folder = Folder::new();
    let row = |i: u32| {
        let x = 1e15 + f64::from(i * 7 % 30) / 30.0;
        format!("{x:?},{},{}\n", i * 11 % 13, f64::from(i % 5) + f64::from(i * 11 % 13))
    };
    let rows: String = (0..30).map(row).collect();
    let data = folder.file("far.csv", &format!("x,z,y\n{rows}"));
    let all = [told(&["fit", &data, "y ~ x + z", "--quiet"]), told(&["lint", &data, "y ~ x", "--quiet"])];
    folder.snapshot("far_column", &all.concat());
}

#[test]
fn penalties_and_columns_at_the_ends_of_the_range_have_their_answer() {
    let folder = Folder::new();
    let tiny = folder.file("tiny.csv", "x,y\n1e-170,2\n2e-170,3\n4e-170,5\n7e-170,11\n");
    let all = [
        told(&["fit", &tiny, "y ~ x", "--penalty", ".1", "--quiet"]),
        told(&line(&["--penalty", "1e308", "--quiet"])),
        told(&line(&["--penalty", "1e308", "--penalize-intercept", "--quiet"])),
        told(&line(&["--penalty", "1e300..1e308:3", "--choose", "loo", "--quiet"])),
        told(&line(&["--penalty", "1e308", "--scale", "standardize", "--quiet"])),
    ];
    assert_eq!(all.iter().filter(|told| told.starts_with("exit 0")).count(), 4, "{all:?}");
    folder.snapshot("ends_of_the_range", &all.concat());
}

/// 1, 1.0 and 01 are one number; a text that looks like one stays a text.
#[test]
fn equal_numbers_are_one_category_in_the_fit_and_in_predictions() {
    let folder = Folder::new();
    let data = folder.file("data.csv", "y,k\n1,1\n2,1.0\n3,01\n5,2.50\n6,2.5\n9,10\n8,1e1\n");
    let new = folder.file("new.csv", "k\n1.00\n+2.5\n10\n");
    let model = folder.path("model");
    let all = [
        told(&["fit", &data, "y ~ C(k)", "-o", &model]),
        told(&["predict", &model, &new]),
        told(&["predict", &model, &folder.file("other.csv", "k\n1\n3\n")]),
    ];
    assert!(all[0].starts_with("exit 0") && all[1].starts_with("exit 0"), "{all:?}");
    assert_eq!(code(&["certify", &model, &data]), 0);
    folder.snapshot("categories", &all.concat());
    let versions = folder.file("versions.csv", "y,v\n1,1.1\n2,1.10\n3,1.0.1\n5,1.1\n6,1.10\n2,1.0.1\n");
    let terms = &object(&["fit", &versions, "y ~ C(v)", "-o", &model])["model"]["coefficients"];
    assert_eq!(terms.as_object().unwrap().len(), 2, "{terms}");
    let new = folder.file("v.csv", "v\n1.10\n1.1\n");
    let predicted = &object(&["predict", &model, &new])["predictions"]["prediction"];
    let near = |at: usize, want: f64| (predicted[at].as_f64().unwrap() - want).abs() < 1e-12;
    assert!(near(0, 4.0) && near(1, 3.0), "{predicted}");
}

/// Thirty rows of weight 0 and one text make no group of a column whose texts all differ where rows count.
#[test]
fn rows_of_weight_0_are_no_reason_to_take_an_identifier() {
    let folder = Folder::new();
    let used: String = (0..60).map(|i| format!("{i},id{i},1\n")).collect();
    let unused = "1,id0,0\n".repeat(300);
    let data = folder.file("data.csv", &format!("y,id,w\n{used}{unused}"));
    folder.snapshot("identifier_of_weight_0", &told(&["fit", &data, "y ~ id", "--weights", "w", "--quiet"]));
}

#[test]
fn a_date_or_an_identifier_is_refused_unless_insisted_on() {
    let folder = Folder::new();
    let dates: String =
        (0..60).map(|day| format!("{},2024-{:02}-{:02}\n", day % 7, 1 + day / 28, 1 + day % 28)).collect();
    let keys: String = (0..60).map(|row| format!("{},id{row}\n", (row * row) % 11)).collect();
    let groups: String = (0..60).map(|row| format!("{},g{}\n", (row * row) % 11, row % 30)).collect();
    let fit = |name: &str, rows: &str, formula: &str| {
        let data = folder.file(name, &format!("y,d\n{rows}"));
        told(&["fit", &data, formula, "--quiet"])
    };
    let refused = [fit("dates.csv", &dates, "y ~ d"), fit("keys.csv", &keys, "y ~ .")].concat();
    assert_eq!(refused.matches("exit 3").count(), 2, "{refused}");
    folder.snapshot("identifiers", &refused);
    for (name, rows, formula) in [("dates.csv", &dates, "y ~ C(d)"), ("groups.csv", &groups, "y ~ d")] {
        let told = fit(name, rows, formula);
        assert!(!told.starts_with("exit 3"), "{told}");
    }
}

#[test]
fn what_rounding_alone_certifies_is_told_as_such() {
    let folder = Folder::new();
    let near: String = (1..=12).map(|x| format!("{},{x}\n", 0.1 * f64::from(x) + 0.3)).collect();
    let cases = [
        ("near.csv", format!("y,x\n{near}")),
        ("constant.csv", "y,x\n5,1\n5,2\n5,4\n5,3\n".to_owned()),
        ("zeros.csv", "y,x\n0,1\n0,2\n0,4\n0,3\n".to_owned()),
        ("one.csv", "y,a,b\n5,1,2\n".to_owned()),
    ];
    let mut all = String::new();
    for (name, content) in &cases {
        let told = told(&["fit", &folder.file(name, content), "y ~ ."]);
        assert!(!told.contains("wanted 1e-6") && !told.contains("inf"), "{told}");
        writeln!(all, "# {name}\n{told}").unwrap();
    }
    folder.snapshot("exact_fits", &all);
}

#[test]
fn a_table_of_more_columns_than_rows_is_certified_and_its_surplus_is_one_finding() {
    let folder = Folder::new();
    let names: Vec<String> = (1..=9).map(|j| format!("x{j}")).collect();
    let value = |row: u32, column: u32| (row * row * 7 + column * column * 3 + row * column * 5) % 23;
    let row = |row| (0..=9).map(|j| value(row, j).to_string()).collect::<Vec<_>>().join(",");
    let rows = [1, 2, 3, 4].map(row).join("\n");
    let data = folder.file("wide.csv", &format!("y,{}\n{rows}\n", names.join(",")));
    let page = told(&["fit", &data, "y ~ .", "--quiet"]);
    // The loss is rounding.
    let lines: Vec<&str> = page.lines().filter(|line| !line.starts_with("    loss ½")).collect();
    folder.snapshot("wide", &lines.join("\n"));
}

#[test]
fn directions_within_the_rounding_of_the_columns_are_told_beside_the_gap() {
    let folder = Folder::new();
    // The second column is the next number after the first in every other row, and the target tells them apart.
    let rows: String = (1..=12)
        .map(|row| {
            let x = 0.7 * f64::from(row) + 0.3;
            let (next, jump) = if row % 2 == 0 { (x.next_up(), 5.0) } else { (x, 0.0) };
            format!("{:?},{x:?},{next:?}\n", x + jump)
        })
        .collect();
    let data = folder.file("data.csv", &format!("y,x1,x2\n{rows}"));
    let fit = ["fit", &data, "y ~ x1 + x2", "--quiet"];
    assert_eq!(object(&fit)["certificate"]["dependent"], 1);
    folder.snapshot("last_bits", &told(&fit));
    // More columns than rows leave nothing out: there are directions along which no prediction changes at all.
    let wide = folder.file("wide.csv", "y,a,b,c,d\n1,2,3,4,5\n2,3,5,7,1\n3,1,1,2,8\n");
    assert_eq!(object(&["fit", &wide, "y ~ ."])["certificate"]["dependent"], 0);
}

#[test]
fn every_descent_that_is_not_certified_has_a_cause_and_a_way_out() {
    let folder = Folder::new();
    let constant = folder.file("constant.csv", "y,x\n5,1\n5,2\n5,4\n5,3\n");
    // Squares of the column are beyond all numbers, and so is any forecast.
    let huge = folder.file("huge.csv", "y,x\n1,1e156\n2,3e156\n4,4e156\n3,2e156\n");
    let mut all = String::new();
    for (data, flags, cause) in [
        (&constant, "--learning-rate .1", "SF104"),
        (&constant, "--learning-rate .01", "SF102"),
        (&constant, "--learning-rate .1 --max-iter 20", "SF108"),
        (&huge, "--learning-rate 1e-314", "SF104"),
        (&huge, "--learning-rate 1e-316 --tolerance 0 --max-iter 3", "SF108"),
    ] {
        let flags: Vec<&str> = flags.split(' ').collect();
        let arguments = [&["fit", data, "y ~ x", "--quiet", "--solver", "gd"], &flags[..]].concat();
        let fit = object(&arguments);
        assert_eq!((&fit["verdict"], &fit["code"]), (&"uncertified".into(), &cause.into()), "{flags:?}");
        assert!(!fit["diagnosis"]["remedies"].as_array().unwrap().is_empty(), "{flags:?}");
        all += &told(&arguments);
    }
    folder.snapshot("descent_causes", &all);
}

/// The arguments with the flags of a remedy put in place of their own.
fn with_flags(arguments: &[&str], command: &str) -> Vec<String> {
    let mut out: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let words: Vec<&str> = command.split(' ').collect();
    for pair in words.chunks(2) {
        if let Some(place) = out.iter().position(|argument| argument == pair[0]) {
            out.drain(place..place + 2);
        }
        out.extend(pair.iter().map(|&word| word.to_owned()));
        if pair == ["--solver", "exact"] {
            out.retain(|argument| argument == "exact" || !argument.starts_with("--"));
            out.truncate(3);
        }
    }
    out
}

#[test]
fn commands_that_are_offered_end_certified() {
    let mut run = 0;
    for flags in [
        "--learning-rate .01 --tolerance 1e-9",
        "--learning-rate .005",
        "--learning-rate .01 --scale minmax --scale-target",
        "--learning-rate .00001 --max-iter 50",
        "--learning-rate .1 --scale center --gap 1e-9 --tolerance 1e-3",
    ] {
        let arguments = descent(flags);
        for remedy in object(&arguments)["diagnosis"]["remedies"].as_array().unwrap() {
            let changed = with_flags(&arguments, remedy["command"].as_str().unwrap());
            let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
            assert_eq!(code(&changed), 0, "{remedy} of {flags}: {}", told(&changed));
            run += 1;
        }
    }
    assert!(run >= 10, "{run}");
}

#[test]
fn standard_input_is_asked_for_once_and_its_ways_out_name_no_file() {
    let folder = Folder::new();
    let piped = |arguments: &[&str], bytes: &[u8]| {
        let mut command = surefit(arguments);
        let (input, output, error) = (Stdio::piped(), Stdio::piped(), Stdio::piped());
        let mut child = command.stdin(input).stdout(output).stderr(error).spawn().unwrap();
        // It may be refused unread.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        tell(&child.wait_with_output().unwrap())
    };
    let sales = std::fs::read(root().join("data/sales.csv")).unwrap();
    let wide: Vec<u8> = sales.iter().flat_map(|&byte| [byte, 0]).collect();
    let marked = [&[0xff, 0xfe][..], &wide].concat();
    let twice = [
        piped(&["fit", "-", "sales ~ temp", "--test", "-"], &sales),
        piped(&["predict", "-", "-"], &sales),
        piped(&["certify", "-", "data/sales.csv", "sales ~ temp"], &sales),
    ];
    assert!(twice.iter().all(|told| told.starts_with("exit 2")), "{twice:?}");
    let odd = [
        piped(&["fit", "-", "sales ~ temp"], &marked),
        piped(&["fit", "-", "y ~ ."], b"y,g\n1,a\n2,b\xe9\n3,a\n"),
        piped(&["fit", "-", "y ~ ."], b"y,gr\xf6\n1,2\n2,4\n"),
        piped(&["fit", "-", "y ~ x"], b"y  x\n1  2\n2  3\n3  1\n"),
        piped(&["fit", "-", "y ~ x"], &bomb("y,x\n1,2\n", b'\n', 1)[..40]),
    ];
    assert!(odd.iter().all(|told| told.starts_with("exit 3")), "{odd:?}");
    folder.snapshot("standard_input", &[twice.concat(), odd.concat()].concat());
}

#[test]
fn ways_out_of_missing_values_and_odd_weights_are_ways_out() {
    let folder = Folder::new();
    let cases = [
        ("target", "y,x,w\nNA,1,1\n2,3,1\n4,5,1\n"),
        ("weight", "y,x,w\n1,1,1\n2,3,NA\n4,5,1\n"),
        ("heavy", "y,x,w\n1,1,1e308\n2,3,1e308\n4,6,1e308\n"),
        ("light", "y,x,w\n1,1,1e-300\n2,3,1e-300\n4,6,1e-300\n"),
    ];
    let mut all = String::new();
    for (name, content) in cases {
        let path = folder.file(&format!("{name}.csv"), content);
        let told = told(&["fit", &path, "y ~ x", "--weights", "w", "--quiet"]);
        assert!(told.starts_with("exit 3") && !told.contains("mean"), "{name}: {told}");
        writeln!(all, "# {name}\n{told}").unwrap();
    }
    folder.snapshot("ways_out", &all);
}

#[test]
fn every_object_has_every_key() {
    let folder = Folder::new();
    let model = folder.path("m");
    assert_eq!(code(&line(&["-o", &model])), 0);
    let trace = folder.file("trace.csv", "loss\n3\n2\n");
    let late = ["fit", "data/winequality-white.csv", "x12 ~ .", "--time-limit", "1e-6"];
    let iris = ["data/iris.csv", "species ~ ."];
    let gradient = folder.file("g.csv", &iris_file(&[[0.0; 3]; 5]));
    let cases: [&[&str]; 13] = [
        &[&["explain-gradient"], &iris[..], &["--row", "1"]].concat(),
        &[&["check-gradient"], &iris[..], &["--gradient", &gradient]].concat(),
        &LINE,
        &["predict", &model, "data/sales.csv"],
        &["lint", "data/sales.csv", "sales ~ temp"],
        &["diagnose", &trace],
        &["certify", &model, "data/sales.csv"],
        &["explain", "SF101"],
        &["fit", "data/absent.csv", "y ~ x"],
        &["explain", "SF999"],
        &["fit"],
        &["predict", &model, "data/absent.csv"],
        &late,
    ];
    for arguments in cases {
        let object = object(arguments);
        for key in [
            "schema",
            "command",
            "version",
            "verdict",
            "code",
            "message",
            "model",
            "certificate",
            "diagnosis",
            "inference",
            "findings",
            "stop",
            "steps",
            "forecast_steps",
            "seconds",
            "rows",
            "columns",
        ] {
            assert!(object.get(key).is_some(), "{arguments:?} has no {key}");
        }
        assert!(object["findings"].is_array() && object["rows"].is_u64(), "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_while_waiting_for_input_is_the_end() {
    for more in [&[][..], &["--json"]] {
        let arguments = [&["fit", "-", "y ~ x"], more].concat();
        let mut child = running(&arguments);
        // Kept open: there is no end. A pipe holds less than this, so once it is written the program reads.
        let mut input = child.stdin.take().unwrap();
        input.write_all("y,x\n1,2\n".repeat(1 << 15).as_bytes()).unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!(output.status.code(), Some(130));
        let told = if more.is_empty() { output.stderr } else { output.stdout };
        assert!(String::from_utf8_lossy(&told).contains("interrupted before there was an answer"));
    }
}

#[test]
fn messages_name_the_flag_the_file_and_what_was_typed() {
    let folder = Folder::new();
    let plain = folder.file("plain.arrow", "ARROW1\0\0 and nothing more");
    let zeros = folder.file("zeros.csv", &"\0".repeat(60 << 20));
    let wide = folder.file("wide.csv", "y,x\n1,2\n3,4,5\n");
    let header = folder.file("header.csv", "y,x\n");
    let weights = folder.file("weights.csv", "y,x,w\n1,2,1\n3,4,many\n5,7,1\n");
    let words = folder.file("words.csv", "y,x,w\n1,2,few\n3,4,many\n5,7,few\n");
    let weigh = |path: &str| told(&["fit", path, "y ~ x", "--weights", "w"]);
    let mut all = vec![
        told(&["fit", &plain, "y ~ x"]),
        told(&["fit", &zeros, "y ~ x"]),
        told(&["fit", &wide, "y ~ x"]),
        told(&["fit", &header, "y ~ x"]),
        weigh(&weights),
        weigh(&words),
        told(&line(&["--delimiter", ";"])),
        told(&line(&["-o", &folder.path("no/such.model")])),
        told(&line(&["-o", &folder.path("")])),
    ];
    for formula in ["sales ~ temp**2", "sales ~ temp +", "sales ~ poly(temp)", "sales ~ poly(temp, )"] {
        all.push(told(&["fit", "data/sales.csv", formula]));
    }
    for flag in ["--penalty abc", "--solver gd --max-iter -1", "--threads -1", "--time-limit -1"] {
        all.push(told(&line(&flag.split(' ').collect::<Vec<_>>())));
    }
    assert!(!all.concat().contains(".surefit-"));
    folder.snapshot("words", &all.concat());
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_has_a_way_out_for_every_file() {
    let steps = descent("--learning-rate .001 --max-iter 20 --quiet");
    let long = descent("--learning-rate .001 --quiet");
    let folder = Folder::new();
    let model = folder.path("line.model");
    let cases = [
        line(&["--quiet", "-o", "/dev/full"]),
        [&steps[..], &["--trace", "/dev/full"]].concat(),
        [&long[..], &["--trace", "/dev/full", "-o", &model]].concat(),
    ];
    for arguments in cases {
        let told = told(&arguments);
        assert!(told.contains("no space is left on the disk") && told.contains("free some space"), "{told}");
        assert!(told.starts_with("exit 3"), "{told}");
    }
    // Both files or none.
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
}

#[test]
fn digits_lost_in_float32_are_advice() {
    for (data, formula) in [("data/winequality-white.csv", "x12 ~ ."), ("data/sales.csv", "sales ~ temp")] {
        let lint = object(&["lint", data, formula]);
        assert_eq!((&lint["verdict"], &lint["code"]), (&"clean".into(), &Value::Null), "{lint}");
    }
    snapshot("lint_float32", &["lint", "data/winequality-white.csv", "x12 ~ ."]);
}

#[test]
fn a_narrow_screen_says_what_it_leaves_out() {
    let output = surefit(&line(&["-q"])).env("COLUMNS", "40").output().unwrap();
    let text = tell(&output);
    assert!(text.contains("(t, p and 95 % interval left out:\n    the screen has 40 columns)"), "{text}");
}

#[test]
fn a_few_dates_are_dates_too_unless_insisted_on() {
    let folder = Folder::new();
    let rows = "y,day\n1,2024-01-31\n2,2024-02-29\n4,2024-01-31\n3,2024-02-29\n";
    let dates = folder.file("dates.csv", rows);
    assert_eq!(code(&["fit", &dates, "y ~ C(day)"]), 0);
    folder.snapshot("few_dates", &told(&["fit", &dates, "y ~ day"]));
}

#[test]
fn a_name_that_would_stand_for_two_things_is_refused() {
    let folder = Folder::new();
    let table = folder.file("ones.csv", "y,(intercept),x\n1,5,3\n2,1,4\n4,1,6\n5,2,8\n");
    assert_eq!(code(&["fit", &table, "y ~ . - `(intercept)`"]), 0);
    assert_eq!(code(&["fit", &table, "y ~ . - 1"]), 0);
    let all = [told(&["fit", &table, "y ~ ."]), told(&["fit", &table, "[y, x, y] ~ 1"])].concat();
    assert_eq!(all.matches("exit 2").count(), 2, "{all}");
    folder.snapshot("two_by_one_name", &all);
}

#[test]
fn a_table_of_one_column_by_mistake_says_which() {
    let folder = Folder::new();
    let rows = "a,y\n1,2\n2,3\n4,7\n";
    let comma = folder.file("comma.tsv", rows);
    let comment = folder.file("comment.csv", &format!("# measured in May\n{rows}"));
    assert_eq!(code(&["fit", &comma, "y ~ a", "--delimiter", ","]), 0);
    folder.snapshot(
        "one_column",
        &[told(&["fit", &comma, "y ~ a"]), told(&["fit", &comment, "y ~ a"])].concat(),
    );
}

#[test]
fn predictions_come_whole_or_not_at_all() {
    let folder = Folder::new();
    let (model, late) = (folder.path("log.model"), folder.file("late.csv", "temp\n20\n21\n-1\n"));
    assert_eq!(code(&["fit", "data/sales.csv", "sales ~ log(temp)", "-o", &model]), 0);
    let output = surefit(&["predict", &model, &late]).output().unwrap();
    assert!(output.stdout.is_empty());
    folder.snapshot("late_fault", &tell(&output));
}

#[test]
fn a_file_that_is_not_written_is_told() {
    let folder = Folder::new();
    let (model, trace) = (folder.path("line.model"), folder.path("trace.csv"));
    let failed = told(&descent(&format!("--learning-rate .01 --max-iter 50 -o {model}")));
    let mended = told(&descent(&format!("--learning-rate .01 --max-iter 50 --fix --trace {trace}")));
    assert!(!Path::new(&model).exists() && !Path::new(&trace).exists());
    folder.snapshot("not_written", &[failed, mended].concat());
}

#[test]
fn lint_tells_a_target_that_never_changes() {
    let folder = Folder::new();
    let constant = folder.file("constant.csv", "y,x\n5,1\n5,2\n5,4\n");
    assert_eq!(object(&["lint", &constant, "y ~ x"])["notes"].as_array().unwrap().len(), 2);
    folder.snapshot("lint_constant", &told(&["lint", &constant, "y ~ x"]));
}
