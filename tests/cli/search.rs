//! `bitsmith search`: runs, what is kept of them, and how they go on.

use super::{DEMO, json, run};
use bitsmith::data::{Archive, Files};
use serde_json::Value;
use std::process::{Command, Output, Stdio};

/// Two budgets and two seeds in one go; logs, and a run that goes on from its checkpoint.
#[test]
fn search_runs_every_budget_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (csv, checkpoints) = (path("log.csv"), path("checkpoints"));
    let mut arguments =
        vec!["search", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--limit", "30", "--calibration", "8"];
    arguments.extend([
        "--mean-bits",
        "3,4.5",
        "--ram",
        "6KiB",
        "--seed",
        "1,2",
        "--allocator",
        "rule,random",
    ]);
    arguments.extend(["--episodes", "3", "--no-test", "--pin", "fc.weights=8"]);
    arguments.extend(["--csv", csv.as_str(), "--checkpoint", checkpoints.as_str()]);
    let found = json(&arguments);
    let runs = found["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 4);
    for run in runs {
        let names: Vec<_> =
            run["allocators"].as_array().expect("a list").iter().map(|a| &a["allocator"]).collect();
        assert_eq!(names, ["rule", "random"]);
        for allocator in run["allocators"].as_array().expect("a list") {
            let best = &allocator["best"];
            for (bytes, budget) in [("flash_bytes", "flash_budget"), ("ram_bytes", "ram_budget")] {
                assert!(best[bytes].as_u64() <= run[budget].as_u64(), "{bytes} {run}");
            }
            assert_eq!(best["images"], 30);
            assert_eq!(
                best["weight_bits"].as_array().and_then(|bits| bits.last()),
                Some(&json!(8)),
                "pinned"
            );
            let link = json(&["link", allocator["link"].as_str().expect("a link")]);
            assert_eq!(link["weight_bits"], best["weight_bits"]);
        }
        let (flash, ram, seed) = (&run["flash_budget"], &run["ram_budget"], &run["seed"]);
        let log = std::fs::read_to_string(path(&format!("log-{flash}-{ram}-{seed}.csv"))).expect("a log");
        assert_eq!(log.lines().count(), 1 + (1 + 3) + (3 + 3 + 2 + 1), "and the run-off's rounds");
    }
    // Finished runs are read, not searched again: nothing is scored.
    let again = json(&arguments);
    assert_eq!(again["work_share"], 1.0);
    let found = |value: &Value| value["runs"][3]["allocators"][1]["best"].clone();
    assert_eq!(found(&again), found(&json(&arguments)));
}

/// The search says which layers make it cut widths of outputs.
#[test]
fn layers_too_large_for_the_ram_are_named() {
    let arguments =
        ["--allocator", "uniform", "--mean-bits", "8", "--ram", "5000", "--limit", "10", "--no-test"];
    let found = json(&[&["search"], &DEMO[..], &arguments].concat());
    assert_eq!(found["runs"][0]["too_large_at_8_bits"], json!(["dw2"]));
}

/// A little training before each score brings back what two bits cost, and is the same each time.
#[test]
fn search_scores_after_some_steps_of_training() {
    let search = |steps: &str| {
        let mut arguments =
            vec!["search", "--weights", "www/demo/mnasnet-0.35-32.safetensors", DEMO[2], DEMO[3]];
        arguments.extend(["--allocator", "uniform,rule"]);
        arguments.extend(["--mean-bits", "2.02", "--ram", "5000", "--limit", "200", "--calibration", "64"]);
        arguments.extend(["--no-test", "--tune-steps", steps]);
        let run = &json(&arguments)["runs"][0];
        [0, 1].map(|allocator| run["allocators"][allocator]["best"].clone())
    };
    let (plain, tuned) = (search("0"), search("20"));
    for (plain, tuned) in plain.iter().zip(&tuned) {
        assert_eq!(plain["weight_bits"], tuned["weight_bits"], "the policies need no score");
        let correct = |best: &Value| best["correct"].as_u64().expect("a number");
        assert!(correct(tuned) > correct(plain) + 20, "{} and {}", correct(plain), correct(tuned));
    }
    assert_eq!(search("20"), tuned);
}

/// Scores that are kept are of pixels, not of file names: two folders of one name share none.
#[test]
fn kept_scores_belong_to_their_images() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = std::fs::File::open("www/demo/fashion-mnist.tgz").expect("the demo");
    let mut demo = Archive::open("demo", demo).expect("an archive");
    let files = demo.files().to_vec();
    let mut counts = std::collections::HashMap::<String, usize>::new();
    let mut uniform = None;
    for (index, file) in files.iter().enumerate() {
        let Some((class, _)) = file.path.rsplit_once('/') else { continue };
        let count = counts.entry(class.to_owned()).or_default();
        *count += 1;
        if *count > 12 {
            continue;
        }
        let bytes = demo.read(index).expect("an image");
        let first = uniform.get_or_insert_with(|| bytes.clone()).clone();
        for (set, bytes) in [("a", bytes.clone()), ("b", bytes)] {
            let path = folder.path().join(set).join("photos").join(&file.path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            // The second set trains, and so calibrates, with one image alone.
            let same = set == "b" && file.path.contains("train");
            std::fs::write(path, if same { &first } else { &bytes }).expect("written");
        }
    }
    let search = |set: &str, seed: &str, checkpoints: Option<&str>| {
        let images = folder.path().join(set).join("photos");
        let images = images.to_str().expect("text");
        let mut arguments = vec!["search", DEMO[0], DEMO[1], "--images", images, "--allocator", "rule"];
        arguments.extend(["--mean-bits", "3", "--ram", "6KiB", "--no-run-off", "--no-test"]);
        arguments.extend(["--calibration", "32", "--seed", seed, "--json"]);
        let folder = checkpoints.map(|name| folder.path().join(name).to_str().expect("text").to_owned());
        arguments.extend(folder.iter().flat_map(|folder| ["--checkpoint", folder]));
        run(&arguments)
    };
    let correct = |output: Output| -> Value {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        found["runs"][0]["allocators"][0]["best"]["correct"].clone()
    };
    let first = correct(search("a", "1", Some("kept")));
    let own = correct(search("b", "2", None));
    assert_ne!(first, own, "the sets must differ for this test to mean anything");
    assert_eq!(correct(search("b", "2", Some("kept"))), own);
    assert_eq!(correct(search("a", "2", Some("other"))), first);
    let refused = search("b", "1", Some("kept"));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("other images"), "{said}");
}

/// Ctrl-C ends the step, not the program: the best is kept, and how to go on is said.
#[cfg(all(unix, feature = "train"))]
#[test]
fn ctrl_c_keeps_what_was_found() {
    use std::io::{BufRead, BufReader, Read};
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let (out, checkpoint, states) = (path("out.safetensors"), path("training"), path("states"));
    let training = ["finetune", "--bits", "4/4", "--epochs", "1000", "--calibration", "8", "--out", &out];
    let searching = ["search", "--allocator", "random", "--episodes", "100000", "--mean-bits", "4", "--ram"];
    let searching = [&searching[..], &["6KiB", "--limit", "20", "--no-run-off"]].concat();
    for (arguments, kept, begun) in [
        ([&training[..], &["--checkpoint", &checkpoint]].concat(), &checkpoint, "epoch 1:"),
        ([&searching[..], &["--checkpoint", &states]].concat(), &states, ""),
    ] {
        let mut program = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
        program.args(arguments).args(DEMO).current_dir(env!("CARGO_MANIFEST_DIR"));
        let mut program =
            program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut lines = BufReader::new(program.stderr.take().expect("is piped")).lines();
        if begun.is_empty() {
            // Its state is there from its first moment on.
            let state = || std::fs::read_dir(kept).is_ok_and(|files| files.flatten().any(is_state));
            while !state() {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
        } else {
            assert!(lines.any(|line| line.expect("text").starts_with(begun)), "the program ended before");
        }
        let pid = program.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill is there").success());
        assert!(lines.any(|line| line.expect("text").contains("press Ctrl-C again")), "nothing was said");
        let mut text = String::new();
        program.stdout.take().expect("is piped").read_to_string(&mut text).expect("text");
        assert!(program.wait().expect("it ends").success(), "{text}");
        assert!(
            text.contains("stopped;") && text.contains(kept) && text.contains("the same command"),
            "{text}"
        );
        assert!(std::path::Path::new(kept).exists());
    }
    let measured = json(&["eval", "--weights", &out, DEMO[2], DEMO[3], "--bits", "4/4", "--limit", "100"]);
    assert!(measured["top1"].as_f64() > Some(60.0), "{measured}");
}

/// Whether a file is the state of a search.
fn is_state(file: std::fs::DirEntry) -> bool {
    file.path().extension().is_some_and(|ending| ending == "bitsmith-search")
}
