//! The command line as people and programs use it.

use bitsmith::data::{Archive, Files};
use serde_json::{Value, json};
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bitsmith"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else")
}

const DEMO: [&str; 4] =
    ["--weights", "www/demo/mobilenet-v1-0.25-32.safetensors", "--images", "www/demo/fashion-mnist.tgz"];

#[test]
fn inspect_counts() {
    let found = json(&["inspect", "mobilenet-v1-0.75-224"]);
    assert_eq!(found["weight_bytes_8bit"], 2_568_144);
    assert_eq!(found["peak_ram_8bit"], 903_168);
    assert_eq!(found["layers"].as_array().map(Vec::len), Some(29));
    assert_eq!(json(&["inspect", "mobilenet-v1-0.25-128", "--classes", "10"])["macs"], 13_316_608);
}

#[test]
fn policy_is_the_published_rule() {
    let arguments = ["policy", "mobilenet-v1-0.75-224", "--flash", "2048000", "--ram", "512000"];
    let found = json(&[&arguments[..], &["--allocator", "rule", "--memory", "paper"]].concat());
    assert_eq!((&found["flash_bytes"], &found["ram_bytes"]), (&json!(1_978_532), &json!(451_584)));
    let narrow = |key: &str| -> Vec<(usize, u64)> {
        let bits = found[key].as_array().expect(key).iter().map(|b| b.as_u64().expect("a width"));
        bits.enumerate().filter(|(_, b)| *b < 8).collect()
    };
    assert_eq!(narrow("activation_bits"), [(2, 4), (3, 4), (6, 4)]);
    assert_eq!(narrow("weight_bits"), [(26, 4), (27, 4)]);

    let link = json(&["link", found["link"].as_str().expect("a link")]);
    for key in [
        "network",
        "weight_bits",
        "activation_bits",
        "flash_bytes",
        "ram_bytes",
        "flash_budget",
        "ram_budget",
    ] {
        assert_eq!(link[key], found[key], "{key}");
    }
}

/// A microcontroller leaves a network less than its memories: a reserve, the stack, and the code of its own core.
#[test]
fn devices_leave_room_for_the_rest_of_the_firmware() {
    let on = |device: &str, more: &[&str]| {
        json(&[&["policy", "mobilenet-v1-0.25-96", "--classes", "10", "--device", device], more].concat())
    };
    let found = on("rp2040", &[]);
    let (flash, ram) = ((2048 - 16) << 10, (264 - 4 - 1) << 10);
    assert_eq!((&found["flash_budget"], &found["ram_budget"]), (&json!(flash), &json!(ram)));
    let found = on("rp2040", &["--reserve-flash", "1MiB", "--reserve-ram", "100KiB"]);
    assert_eq!(
        (&found["flash_budget"], &found["ram_budget"]),
        (&json!(1 << 20), &json!((264 - 100 - 1) << 10))
    );
    assert_eq!(found["device"]["reserve_ram"], 100 << 10);
    let other = on("stm32h743zi", &[]);
    assert_eq!(other["ram_budget"], 512 << 10, "stack and reserve lie in other blocks");
    assert_eq!(other["device"]["stack_in"], "DTCM");
    // The same policy takes more code on a Cortex-M0+.
    assert_eq!(found["weight_bits"], other["weight_bits"]);
    let flash = |found: &Value| found["flash_bytes"].as_u64().expect("bytes");
    assert!(flash(&found) > flash(&other) + 1000, "{} and {}", flash(&found), flash(&other));
    // A link means the same core.
    let link = json(&["link", found["link"].as_str().expect("a link")]);
    assert_eq!(link["flash_bytes"], found["flash_bytes"]);
}

/// Settings that the file does not say are options, and what they are given as is what is measured.
#[test]
fn settings_of_weights_are_options() {
    let correct = |options: &[&str]| {
        let found = json(&[&["eval"], &DEMO[..], &["--limit", "60"], options].concat());
        found["float_correct"].as_u64().expect("a count")
    };
    let stated = correct(&[]);
    assert_eq!(correct(&["--preprocessing", "(x/255 - 0.5)/0.5"]), stated);
    assert_eq!(correct(&["--mean", "0.5", "--std", "0.5,0.5,0.5"]), stated);
    assert_eq!(correct(&["--mean", "127.5", "--std", "127.5", "--pixel-range", "255"]), stated);
    assert_ne!(correct(&["--preprocessing", "x"]), stated);
    let found = json(&[&["eval"], &DEMO[..], &["--limit", "8", "--no-float", "--epsilon", "0.001"]].concat());
    let origins: Vec<_> =
        found["settings"].as_array().expect("a list").iter().map(|s| (&s["what"], &s["origin"])).collect();
    assert!(origins.contains(&(&json!("epsilon of batch normalization"), &json!("given"))), "{origins:?}");
    assert!(origins.contains(&(&json!("preprocessing"), &json!("stated"))), "{origins:?}");
    for (options, part) in [
        (&["--preprocessing", "as usual"][..], "x/127.5 - 1"),
        (&["--mean", "0.5"], "--std"),
        (&["--mean", "0.5,0.5", "--std", "0.5"], "three"),
        (&["--mean", "0.5", "--std", "0.5", "--preprocessing", "x"], "--preprocessing"),
        (&["--epsilon", "2"], "between 0 and 1"),
    ] {
        let output = run(&[&["eval"], &DEMO[..], options].concat());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{options:?}: {text}");
        assert!(text.contains(part), "{options:?}: {text}");
    }
}

#[test]
fn eval_and_export_agree() {
    // Packages are measured on test images.
    let bits = ["--bits", "4/8", "--limit", "100", "--split", "test"];
    let measured = json(&[&["eval"], &DEMO[..], &bits].concat());
    assert_eq!(measured["images"], 100);
    assert!(measured["float_top1"].as_f64() > Some(70.0), "{measured}");
    assert!(measured["top1"].as_f64() > Some(60.0), "{measured}");

    let both = json(&[&["eval"], &DEMO[..], &["--bits", "8/8,4/8"], &bits[2..]].concat());
    assert_eq!(both["float_top1"], measured["float_top1"]);
    assert_eq!(
        (&both["policies"][0]["policy"], &both["policies"][1]["policy"]),
        (&"8/8".into(), &"4/8".into())
    );
    assert_eq!(both["policies"][1]["correct"], measured["correct"]);

    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("package.zip");
    let out = out.to_str().expect("text");
    let budget = ["--flash", "512KiB", "--ram", "64KiB", "--out", out];
    let exported = json(&[&["export"], &DEMO[..], &bits, &budget].concat());
    assert_eq!(exported["top1"], measured["top1"]);
    let bytes = std::fs::read(out).expect("the package");
    assert_eq!(exported["written"], json!([{ "path": out, "bytes": bytes.len() }]));

    // The link of the package leads to the same package.
    let link = exported["link"].as_str().expect("a link");
    json(&[&["export"], &DEMO[..], &["--link", link, "--limit", "100", "--out", out]].concat());
    let again = std::fs::read(out).expect("the package");
    assert!(again == bytes, "the same link gives another package");
}

/// The files of a package one by one, and its policy as what to measure next.
#[test]
fn artefacts_come_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let names =
        ["net.zip", "model.bin", "model.onnx", "report.html", "report.json", "policy.json", "haq.json"];
    let options = ["--out", "--model", "--onnx", "--report", "--report-json", "--policy", "--haq"];
    let paths = names.map(path);
    let mut arguments = vec!["export", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--bits", "4/2", "--limit", "20"];
    arguments.extend(["--no-float", "--device", "stm32h743zi"]);
    arguments.extend(options.iter().zip(&paths).flat_map(|(option, path)| [*option, path.as_str()]));
    let exported = json(&arguments);
    assert_eq!(exported["written"].as_array().map(Vec::len), Some(names.len()));

    let zip = std::fs::File::open(&paths[0]).expect("the package");
    let mut archive = Archive::open("net.zip", zip).expect("a zip");
    for (name, path) in names.iter().zip(&paths).skip(1) {
        let position = archive.files().iter().position(|file| file.path.ends_with(&format!("/{name}")));
        let packed = archive.read(position.expect(name)).expect(name);
        assert!(packed == std::fs::read(path).expect(name), "{name} differs from the package's");
    }

    for file in ["policy.json", "haq.json"] {
        let measured =
            json(&["eval", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--bits", &path(file), "--limit", "20"]);
        for key in ["weight_bits", "activation_bits", "correct"] {
            assert_eq!(measured[key], exported[key], "{file}: {key}");
        }
    }
    let report: Value =
        serde_json::from_slice(&std::fs::read(path("report.json")).expect("a report")).expect("JSON");
    assert_eq!(report["provenance"]["link"], exported["link"]);
    assert_eq!(report["accuracy"]["integers"]["correct"], exported["correct"]);
    assert_eq!(report["speed"]["mhz"], 480);
    let used = "20 of 1,500 test images, seen by no search and no training";
    assert_eq!(report["accuracy"]["integers"]["images_used"], used);
    let html = std::fs::read_to_string(path("report.html")).expect("a report");
    assert!(html.contains(used), "{html}");
    let readme = archive.files().iter().position(|file| file.path.ends_with("/README.md")).expect("a README");
    let readme = String::from_utf8(archive.read(readme).expect("a README")).expect("text");
    assert!(readme.contains(&format!("Measured on {used}.")), "{readme}");
}

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

/// As with `bitsmith inspect NET | head -1`.
#[test]
fn nobody_need_read_to_the_end() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    let program = program.args(["inspect", "mobilenet-v1-1.0-224", "--json"]);
    let mut program =
        program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    drop(program.stdout.take());
    let output = program.wait_with_output().expect("the program ends");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn ways_to_clip_differ() {
    let correct = |method: &str| {
        let network = ["--weights", "www/demo/mnasnet-0.35-32.safetensors", DEMO[2], DEMO[3]];
        let arguments =
            ["eval", "--bits", "4/4", "--limit", "300", "--no-float", "--clip-activations", method];
        json(&[&arguments[..], &network].concat())["correct"].as_u64().expect("a count")
    };
    let [robust, minmax] = ["robust", "minmax"].map(correct);
    // Residual sums have outliers.
    assert!(robust > minmax + 15, "{robust} {minmax}");
}

#[test]
fn wrong_arguments_are_explained() {
    struct Case {
        arguments: &'static [&'static str],
        code: i32,
        says: &'static str,
    }
    let cases = [
        Case {
            arguments: &["inspect", "resnet-50"],
            code: 2,
            says: "'resnet-50' names no network: expected",
        },
        Case { arguments: &["inspect", "mnasnet-1.0-100"], code: 2, says: "expected a multiple of 32" },
        Case {
            arguments: &["inspect", "mnasnet-1.0-96", "--classes", "1"],
            code: 2,
            says: "expected 2 to 10,000",
        },
        Case {
            arguments: &["policy", "mnasnet-1.0-96"],
            code: 2,
            says: "give --flash and --ram, or --device",
        },
        Case {
            arguments: &["policy", "mnasnet-1.0-96", "--device", "z80"],
            code: 2,
            says: "is called 'z80'",
        },
        Case {
            arguments: &["policy", "mnasnet-1.0-96", "--device", "stm32f103c8", "--reserve-ram", "20KiB"],
            code: 2,
            says: "leaves nothing of the STM32F103C8",
        },
        Case {
            arguments: &[
                "policy",
                "mnasnet-1.0-96",
                "--flash",
                "1MiB",
                "--ram",
                "1MiB",
                "--reserve-ram",
                "1",
            ],
            code: 2,
            says: "cannot be used with",
        },
        Case { arguments: &["policy", "mnasnet-1.0-96", "--reserve-ram", "1"], code: 2, says: "--device" },
        Case {
            arguments: &["export", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--name", "My Net", "--out", "x.zip"],
            code: 2,
            says: "'My Net' cannot name a package: expected at most 48 small letters",
        },
        Case {
            arguments: &["export", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--name", "string", "--out", "x.zip"],
            code: 2,
            says: "put something before it, e.g. my_string",
        },
        Case {
            arguments: &["policy", "mnasnet-1.0-224", "--flash", "2x", "--ram", "1"],
            code: 2,
            says: "unit 'x' in '2x'",
        },
        Case {
            arguments: &["eval", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--clip-activations", "percentile=30"],
            code: 2,
            says: "\"30\" is no percentage from 50 to 100",
        },
        Case {
            arguments: &["eval", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--clip-activations", "tightly"],
            code: 2,
            says: "expected robust, mse, minmax or percentile=P",
        },
        Case {
            arguments: &["search", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--flash", "50KiB", "--ram", "8KiB"],
            code: 1,
            says: "bytes of FLASH",
        },
        Case {
            arguments: &["search", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--mean-bits", "9", "--ram", "8KiB"],
            code: 2,
            says: "'9' for '--mean-bits <BITS>': expected 2 to 8",
        },
        Case {
            arguments: &["policy", "mobilenet-v1-1.0-224", "--flash", "1MiB", "--ram", "64KiB"],
            code: 1,
            says: "it needs at least",
        },
        Case {
            arguments: &["export", DEMO[0], DEMO[1], DEMO[2], DEMO[3]],
            code: 2,
            says: "<--out <ZIP>|--model <FILE>|--onnx <FILE>",
        },
        Case {
            arguments: &["eval", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--bits", "Cargo.toml"],
            code: 1,
            says: "Cargo.toml: no policy: ",
        },
        Case { arguments: &["link", "nonsense"], code: 2, says: "not a link of Bitsmith" },
        Case {
            arguments: &["eval", "--weights", "none.safetensors", "--images", "www/demo"],
            code: 1,
            says: "none.safetensors",
        },
        Case {
            arguments: &["eval", "--weights", "Cargo.toml", "--images", "www/demo/fashion-mnist.tgz"],
            code: 1,
            says: "safetensors",
        },
        Case {
            arguments: &["eval", DEMO[0], DEMO[1], "--images", "src"],
            code: 1,
            says: "expected JPEG or PNG images in one folder per class",
        },
        Case {
            arguments: &["eval", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--bits", "3/8"],
            code: 2,
            says: "e.g. 4/8",
        },
        Case {
            arguments: &[
                "export", DEMO[0], DEMO[1], DEMO[2], DEMO[3], "--bits", "8/8,4/8", "--out", "x", "--flash",
                "1MiB", "--ram", "1MiB",
            ],
            code: 2,
            says: "a package of 2 policies: expected one",
        },
    ];
    let mut wrong = Vec::new();
    for Case { arguments, code, says } in cases {
        let output = run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(code) || !text.contains(says) {
            wrong.push(format!("{arguments:?}: {:?} {text}", output.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What no parser of one argument knows is a wrong argument as well.
#[test]
fn values_that_the_network_does_not_allow_are_wrong_arguments() {
    let search = |more: &[&'static str]| {
        [
            &["search"],
            &DEMO[..],
            &["--flash", "1MiB", "--ram", "1MiB", "--limit", "10", "--calibration", "2"],
            more,
        ]
        .concat()
    };
    let mut cases = vec![
        (search(&["--pin", "pw1"]), "--pin pw1: expected LAYER.weights=BITS"),
        (search(&["--pin", "pw99.weights=4"]), "the network has no layer pw99"),
        (search(&["--pin", "fc.output=4"]), "has no width to choose"),
        (search(&["--episodes", "0"]), "--episodes"),
        (search(&["--episodes", "5"]), "agent needs"),
        (search(&["--restart", "2"]), "expected a number from 0 to 1"),
        (search(&["--hidden", "1000000"]), "--hidden"),
        (search(&["--updates", "nan"]), "expected a number from 0 on"),
        (search(&["--limit", "0"]), "--limit"),
        ([&["search"], &DEMO[..]].concat(), "no budget: give --flash or --mean-bits"),
        ([&["eval"], &DEMO[..], &["--calibration", "0"]].concat(), "--calibration"),
    ];
    if cfg!(feature = "train") {
        let finetune = |more: &[&'static str]| [&["finetune"], &DEMO[..], more].concat();
        cases.extend([
            (finetune(&["--other-weights", "3"]), "expected 2, 4 or 8"),
            (finetune(&["--float", "--epochs", "0"]), "epochs of 0: expected 1 to 100,000"),
            (finetune(&["--float", "--stored", "0"]), "side of stored images of 0: expected"),
            (finetune(&["--float", "--stored", "100000"]), "to 1,024"),
        ]);
    }
    for (arguments, says) in cases {
        let output = run(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(says), "{arguments:?}: {output:?}");
    }
}

#[test]
fn an_error_is_said_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("photos.7z");
    std::fs::write(&path, [b"7z\xBC\xAF\x27\x1C".as_slice(), &[0; 600]].concat()).expect("a file");
    let output = run(&["eval", DEMO[0], DEMO[1], "--images", path.to_str().expect("text")]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for part in ["photos.7z", "found"] {
        assert_eq!(text.matches(part).count(), 1, "{text}");
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn devices_are_listed_with_the_names_that_arguments_take() {
    let devices = json(&["devices"]);
    let text = String::from_utf8(run(&["devices"]).stdout).expect("text");
    let devices = devices["devices"].as_array().expect("a list");
    assert!(devices.len() >= 25 && text.lines().count() == devices.len() + 1, "{text}");
    let nrf = devices.iter().find(|device| device["name"] == "nrf52840").expect("in the catalogue");
    assert_eq!((&nrf["flash_bytes"], &nrf["ram"][0]["bytes"]), (&json!(1_048_576), &json!(262_144)));
    assert!(text.contains("nrf52840         nRF52840"), "{text}");
    // Another device has the same memories.
    let policy = json(&["policy", "mobilenet-v1-0.25-96", "--device", "nrf52840"]);
    assert_eq!(policy["device"]["slug"], "nrf52840");
    assert_eq!(policy["flash_budget"], nrf["budget_flash_bytes"]);
    assert_eq!(policy["ram_budget"], nrf["budget_ram_bytes"]);
    assert_eq!(json(&["link", policy["link"].as_str().expect("a link")])["device"]["slug"], "nrf52840");
}

#[test]
fn shells_complete_commands_and_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).expect("text");
        for word in ["finetune", "devices", "mean-bits"] {
            assert!(script.contains(word) || !cfg!(feature = "train"), "{shell}: {word}");
        }
    }
}

/// A link to other weights is used, and said to be.
#[test]
fn other_weights_than_the_links_are_noted() {
    let bits = ["--limit", "10", "--calibration", "2", "--no-float"];
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model.bin");
    let model = model.to_str().expect("text");
    let made =
        json(&[&["export"], &DEMO[..], &bits, &["--device", "stm32h750vb", "--model", model]].concat());
    let usage = |key: &str| made[key].as_u64().expect("bytes");
    assert_eq!(
        made["fits"],
        json!(usage("flash_bytes") <= usage("flash_budget") && usage("ram_bytes") <= usage("ram_budget"))
    );
    assert_eq!(made["device"]["slug"], "stm32h750vb");
    let link = made["link"].as_str().expect("a link");
    let note = |arguments: &[&str]| String::from_utf8_lossy(&run(arguments).stderr).into_owned();
    let same = [&["eval"], &DEMO[..], &["--link", link], &bits].concat();
    assert!(!note(&same).contains("the link is of other"), "{}", note(&same));

    let tight = ["--flash", "64KiB", "--ram", "1MiB", "--model", model];
    let exported = [&["export"], &DEMO[..], &bits, &tight].concat();
    assert_eq!(json(&exported)["fits"], false);
    assert!(String::from_utf8_lossy(&run(&exported).stdout).contains("does not fit the budgets"));

    // One bit of one weight.
    let mut bytes = std::fs::read(DEMO[1]).expect("weights");
    *bytes.last_mut().expect("a weight") ^= 1;
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, bytes).expect("a file");
    let other = ["eval", "--weights", other.to_str().expect("text"), DEMO[2], DEMO[3], "--link", link];
    assert!(note(&[&other[..], &bits].concat()).contains("the link is of other weights"));
}

/// A file that `finetune` wrote is measured with the integers that were trained.
#[cfg(feature = "train")]
#[test]
fn what_was_trained_is_what_eval_measures() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("trained.safetensors");
    let out = out.to_str().expect("a path");
    let arguments = ["--bits", "4/4", "--epochs", "3", "--rate", "2e-4"];
    let trained = json(&[&["finetune"], &DEMO[..], &arguments, &["--out", out]].concat());
    // The start, and three epochs.
    assert_eq!(trained["curve"].as_array().map(Vec::len), Some(4));
    // What is kept and measured is the best epoch, not the last.
    let rewards: Vec<f64> = trained["curve"]
        .as_array()
        .expect("points")
        .iter()
        .map(|point| point["measured"][0].as_f64().expect("a percentage"))
        .collect();
    let best = (0..4).max_by(|&a, &b| rewards[a].total_cmp(&rewards[b]).then(a.cmp(&b)));
    assert_eq!(
        (trained["epochs"].as_u64(), &trained["epochs_run"]),
        (best.map(|best| best as u64), &json!(3))
    );
    let arguments = ["eval", "--weights", out, "--images", DEMO[3], "--bits", "4/4", "--calibration", "2"];
    let measured = json(&[&arguments[..], &["--no-float"]].concat());
    assert_eq!(measured["correct"], trained["test_correct"]);
    let rewarded = json(&[&arguments[..], &["--no-float", "--split", "reward"]].concat());
    assert_eq!(rewarded["correct"], trained["reward_correct"]);
    assert_eq!(trained["test_images_used"], "1,500 test images, seen by no search and no training");
    assert_eq!(trained["reward_images_used"], "500 reward images, by which searches and training choose");
    // A tenth of them by guessing.
    assert!(measured["top1"].as_f64().expect("a percentage") > 75.0, "{measured}");
}

/// A network that `train` wrote is, in real numbers, the one that was measured, also as float16.
#[cfg(feature = "train")]
#[test]
fn what_was_trained_from_scratch_is_what_eval_measures() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sizes = Vec::new();
    for half in [&[][..], &["--half"]] {
        let out = folder.path().join("trained.safetensors");
        let out = out.to_str().expect("a path");
        let arguments =
            ["train", "mobilenet-v2-0.35-32", "--classes", "10", "--images", DEMO[3], "--epochs", "4"];
        let trained =
            json(&[&arguments[..], &["--warm-up", "0", "--batch", "32", "--out", out], half].concat());
        let measured =
            json(&["eval", "--weights", out, "--images", DEMO[3], "--calibration", "2", "--split", "test"]);
        assert_eq!(measured["float_correct"], trained["test_correct"]);
        // A tenth of them by guessing.
        assert!(measured["float_top1"].as_f64().expect("a percentage") > 20.0, "{measured}");
        sizes.push(std::fs::metadata(out).expect("a file").len());
    }
    assert!(sizes[1] * 100 < sizes[0] * 55, "{sizes:?} bytes");
}

/// Accuracy is of images that chose nothing, unless others are asked for; and either is said.
#[test]
fn figures_name_the_images_behind_them() {
    let measured = |options: &[&str]| json(&[&["eval"], &DEMO[..], options].concat());
    for (options, split, used) in [
        (
            &["--limit", "100", "--split", "test"][..],
            "test",
            "100 of 1,500 test images, seen by no search and no training",
        ),
        (
            &["--limit", "100", "--split", "reward"],
            "reward",
            "100 of 500 reward images, by which searches and training choose",
        ),
        (
            // Nothing has chosen by any of them.
            &["--no-float"],
            "validation",
            "2,000 validation images, by 500 of which searches and training choose",
        ),
    ] {
        let found = measured(options);
        assert_eq!((&found["split"], &found["images_used"]), (&json!(split), &json!(used)));
    }
    let text = run(&[&["eval"], &DEMO[..], &["--limit", "20", "--split", "test"]].concat()).stdout;
    let text = String::from_utf8_lossy(&text);
    assert!(
        text.contains("measured on 20 of 1,500 test images, seen by no search and no training\n"),
        "{text}"
    );

    let arguments = ["--allocator", "rule", "--mean-bits", "4", "--ram", "6KiB", "--limit", "30"];
    let text = run(&[&["search"], &DEMO[..], &arguments, &["--no-run-off"]].concat()).stdout;
    let text = String::from_utf8_lossy(&text);
    for used in [
        "of 30 of 500 reward images, by which searches and training choose",
        "test: 1,500 test images, seen by no search and no training",
    ] {
        assert!(text.contains(used), "{used}: {text}");
    }
}

/// The file has no content: it was not read.
#[test]
fn weights_that_are_too_large_are_refused_before_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.safetensors");
    let large = std::fs::File::create(&path).and_then(|file| file.set_len(8 << 30));
    large.expect("a file of holes");
    let name = path.to_str().expect("text");
    let output = run(&["eval", "--weights", name, "--images", "www/demo/fashion-mnist.tgz"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let expected = format!("error: {name}: the file has 8192 MiB: expected at most 512 MiB");
    assert!(!output.status.success() && said.contains(&expected), "{said}");
    assert!(said.contains("save the network's own tensors only"), "{said}");
}

/// What the images take is said before they are decoded, and what does not fit is refused with what would do.
#[test]
fn images_that_do_not_fit_into_their_memory_are_measured_and_not_searched_on() {
    // 2,000 validation images of 3 KiB, of which 682 fit.
    let few = ["--image-memory", "2", "--calibration", "8"];
    let whole = json(&[&["eval"], &DEMO[..], &few[2..], &["--no-float"]].concat());
    let parts = json(&[&["eval"], &DEMO[..], &few, &["--no-float"]].concat());
    assert_eq!(parts["correct"], whole["correct"]);
    assert_eq!(parts["images"], 2000);
    assert_eq!(parts["inputs"]["memory"]["limit"], 2 << 20);
    assert_eq!(parts["inputs"]["memory"]["rows"][1]["images"], "reward images");
    assert_eq!(parts["inputs"]["memory"]["rows"][1]["bytes"], 500 * 32 * 32 * 3);
    let output = run(&[&["search"], &DEMO[..], &few, &["--mean-bits", "3", "--ram", "8KiB"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("of 32x32 pixels take 5 MiB of memory"), "{said}");
    assert!(said.contains("expected at most 2 MiB, into which") && said.contains("--limit"), "{said}");
}

/// A checkpoint goes on with the training that it is of, and with no other.
#[cfg(feature = "train")]
#[test]
fn a_checkpoint_of_training_is_refused_for_anything_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("text").to_owned();
    let checkpoint = path("checkpoint");
    let train = |options: &[&str]| {
        let usual = ["--calibration", "8", "--checkpoint", &checkpoint, "--json"];
        run(&[&["finetune"], &DEMO[..], &usual, options].concat())
    };
    let usual = ["--bits", "4/4", "--epochs", "1", "--rate", "2e-4"];
    let first = train(&usual);
    let said = String::from_utf8_lossy(&first.stderr);
    assert!(first.status.success() && said.contains("without --out the trained weights are"), "{said}");
    let again = train(&usual);
    let [first, again]: [Value; 2] =
        [first, again].map(|output| serde_json::from_slice(&output.stdout).expect("JSON"));
    assert_eq!(first["test_correct"], again["test_correct"]);
    let refused = |options: &[&str], says: &str| {
        let output = train(options);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "{options:?}: {said}");
    };
    refused(&["--bits", "2/2", "--epochs", "1", "--rate", "2e-4"], "of other weights, bits or images");
    refused(&["--bits", "4/4", "--epochs", "2", "--rate", "2e-4"], "training with other settings");
    let mut bytes = std::fs::read(&checkpoint).expect("a checkpoint");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&checkpoint, bytes).expect("written");
    refused(&usual, "found something else or a damaged one");
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
