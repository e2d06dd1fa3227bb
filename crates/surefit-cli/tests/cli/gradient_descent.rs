//! Gradient descent: its trace, its limits, its ends.

use super::*;

/// Slow enough to go on until it is stopped.
const ENDLESS: &str = "--learning-rate 1e-9 --tolerance 0 --max-iter 1000000000000";

#[test]
fn a_trace_has_one_line_a_step() {
    let folder = Folder::new();
    let trace = folder.path("trace.csv");
    let arguments = [&descent("--learning-rate .001 --max-iter 20")[..], &["--trace", &trace]].concat();
    assert_eq!(code(&arguments), 4);
    let text = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(text.lines().next(), Some("step,loss,gradient_norm,(intercept),temp"));
    assert_eq!(text.lines().count(), 22);
}

#[test]
fn a_time_limit_ends_with_the_best_answer_so_far() {
    let arguments = [&descent(ENDLESS)[..], &["--time-limit", "0.3"]].concat();
    let fit = object(&arguments);
    assert_eq!((&fit["verdict"], &fit["stop"]), (&"uncertified".into(), &"time".into()));
    assert!(fit["model"]["coefficients"]["temp"].is_f64());
    assert_eq!(code(&arguments), 4);
}

#[test]
fn a_time_limit_too_short_for_any_answer_is_told() {
    let arguments = ["fit", "data/winequality-white.csv", "x12 ~ .", "--quiet", "--time-limit", "1e-6"];
    Folder::new().snapshot("time_up", &told(&arguments));
    assert_eq!(code(&arguments), 5);
    assert_eq!(object(&arguments)["stop"], "time");
}

/// Standard input that never ends and one that never begins; a large file.
#[test]
fn reading_keeps_to_the_time_limit() {
    for (more, begin) in [(&[][..], "y,x\n1,2\n"), (&["--json"], "y,x\n1,2\n"), (&[], ""), (&["--json"], "")]
    {
        let arguments = [&["fit", "-", "y ~ x", "--time-limit", "0.3"], more].concat();
        let mut child = running(&arguments);
        let mut input = child.stdin.take().unwrap();
        let endless = std::thread::spawn(move || {
            // Written until nobody reads; an empty beginning waits instead.
            let _ = input.write_all(begin.as_bytes());
            while !begin.is_empty() && input.write_all("1,2\n2,3\n".repeat(1 << 12).as_bytes()).is_ok() {}
            input
        });
        let output = child.wait_with_output().unwrap();
        drop(endless);
        assert_eq!(output.status.code(), Some(5), "{more:?} {begin:?}");
        let told = if more.is_empty() { output.stderr } else { output.stdout };
        assert!(String::from_utf8_lossy(&told).contains("the time limit passed before there was an answer"));
    }
}

/// The answer was there in time; what lies on top of it is left out and said to be.
#[cfg(unix)]
#[test]
fn a_test_file_that_takes_too_long_costs_no_answer() {
    let folder = Folder::new();
    let pipe = folder.path("test.csv");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let arguments = line(&["--time-limit", "0.5", "--test", &pipe, "--json"]);
    let child = surefit(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    file.write_all(b"sales,temp\n").unwrap();
    while file.write_all("215,14.2\n".repeat(1 << 12).as_bytes()).is_ok() {}
    let output = child.wait_with_output().unwrap();
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &fit["verdict"], &fit["test"]),
        (Some(0), &"certified".into(), &Value::Null)
    );
    assert!(fit["notes"].to_string().contains("was not read to its end"), "{}", fit["notes"]);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_the_best_answer_so_far() {
    let arguments = [&descent(ENDLESS)[..], &["--json"]].concat();
    let mut child = surefit(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The forecast is told when everything is ready to start.
    let mut said = String::new();
    let mut notes = std::io::BufReader::new(child.stderr.take().unwrap());
    while !said.contains("forecast") {
        assert!(std::io::BufRead::read_line(&mut notes, &mut said).unwrap() > 0, "{said}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fit["stop"], "interrupted");
    // At such a rate nothing else is to blame than the rate.
    assert_eq!(fit["code"], "SF102");
    assert!(fit["diagnosis"]["also"].as_array().unwrap().contains(&"SF108".into()), "{fit}");
}

#[test]
fn descent_on_the_sales_ends_in_the_three_known_ways() {
    let raw = descent("--learning-rate .01");
    let slow = descent("--learning-rate .005");
    let loose = descent("--learning-rate .01 --scale minmax --scale-target");
    let all: String = [&raw, &slow, &loose].iter().map(|arguments| told(arguments)).collect();
    let exits: Vec<&str> = all.lines().filter(|line| line.starts_with("exit")).collect();
    assert_eq!(exits, ["exit 5", "exit 4", "exit 4"]);
    for (arguments, code) in [(&raw, "SF101"), (&slow, "SF103"), (&loose, "SF104")] {
        let output = surefit(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(code) && text.lines().count() <= 12, "{text}");
    }
    let forecast = object(&loose);
    assert_eq!((&forecast["steps"], &forecast["forecast_steps"]), (&7_743.into(), &7_743.into()));
    Folder::new().snapshot("descent", &all);
}

#[test]
fn a_start_whose_loss_overflows_fails_with_the_cause_and_the_exact_answer() {
    let near = descent("--learning-rate .1 --scale center --start 1e200,0");
    let far = descent("--learning-rate .01 --start 1e308,1e308");
    for (arguments, cause) in [(&near, "SF106"), (&far, "SF101")] {
        let fit = object(arguments);
        assert_eq!(
            (&fit["verdict"], &fit["code"], &fit["stop"]),
            (&"failed".into(), &cause.into(), &"diverged".into())
        );
        assert_eq!((&fit["model"], &fit["steps"]), (&Value::Null, &0.into()));
        let exact = fit["diagnosis"]["exact"]["coefficients"]["temp"].as_f64().unwrap();
        assert!((exact - 30.087_861_79).abs() < 1e-8, "{exact}");
    }
    let all = [told(&near), told(&far)].concat();
    assert_eq!(all.matches("exit 5").count(), 2, "{all}");
    Folder::new().snapshot("start_too_far", &all);
}

#[test]
fn the_safe_remedy_is_applied_when_asked() {
    let fit = object(&descent("--learning-rate .01 --fix"));
    assert_eq!((&fit["verdict"], &fit["code"]), (&"certified".into(), &Value::Null));
    let notes = fit["notes"].as_array().unwrap();
    assert!(notes.iter().any(|note| note == "--fix applies --solver exact"), "{notes:?}");
}

#[test]
fn a_failed_fit_saves_nothing() {
    let folder = Folder::new();
    let model = folder.path("line.model");
    let arguments = [&descent("--learning-rate .01")[..], &["-o", &model]].concat();
    assert_eq!(code(&arguments), 5);
    assert_eq!(std::fs::read_dir(folder.0.path()).unwrap().count(), 0);
    assert_eq!(object(&arguments)["model"], Value::Null);
}

#[test]
fn a_direction_too_flat_for_the_moments_is_no_gap_that_descent_closes() {
    let folder = Folder::new();
    // Celsius and Fahrenheit, apart by the rounding of their sixth decimal, and a target that hangs on it too.
    let row = |i: i64| {
        let celsius = (i * 7_300_019) % 25_000_000;
        let fahrenheit = (18 * celsius + 5) / 10 + 32_000_000;
        let noise = (i * 5_000_011) % 2_000_000;
        let decimal = |micro: i64| format!("{}.{:06}", micro / 1_000_000, micro % 1_000_000);
        format!("{},{},{}\n", decimal(2 * celsius + noise), decimal(celsius), decimal(fahrenheit))
    };
    let table = folder.file("both.csv", &format!("y,c,f\n{}", (1..31).map(row).collect::<String>()));
    let flags = ["--solver", "gd", "--scale", "standardize", "--learning-rate", "0.5", "--tolerance", "1e-9"];
    let fit = object(&[&["fit", &table, "y ~ ."], &flags[..]].concat());
    assert_eq!((&fit["verdict"], &fit["code"]), (&"uncertified".into(), &"SF104".into()));
    let remedies: Vec<&Value> =
        fit["diagnosis"]["remedies"].as_array().unwrap().iter().map(|remedy| &remedy["command"]).collect();
    assert_eq!(remedies, [&Value::from("--solver exact")]);
    assert_eq!(fit["steps"], fit["forecast_steps"]);
    let lint = object(&[&["lint", &table, "y ~ ."], &flags[..]].concat());
    assert_eq!(lint["code"], "SF104");
}
