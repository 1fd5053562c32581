//! The command line as people and programs use it.

#[path = "cli/search.rs"]
mod search;
#[cfg(feature = "train")]
#[path = "cli/training.rs"]
mod training;
#[path = "cli/wrong.rs"]
mod wrong;

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

/// The size of the image is an option wherever weights are, and what it is given as is what is measured.
#[test]
fn the_size_of_the_image_is_an_option() {
    let found = json(&["inspect", DEMO[1], "--side", "64"]);
    assert_eq!(
        (&found["network"], &found["layers"][0]["input"]),
        (&json!("mobilenet-v1-0.25-64"), &json!([64, 64, 3]))
    );
    let found = json(&[&["eval"], &DEMO[..], &["--side", "64", "--limit", "8", "--no-float"]].concat());
    assert_eq!(found["network"], "mobilenet-v1-0.25-64");
    let settings = found["settings"].as_array().expect("a list");
    let side = settings.iter().find(|setting| setting["what"] == "input size").expect("the size");
    assert_eq!((&side["value"], &side["origin"]), (&json!("64x64"), &json!("given")));
    for command in ["inspect", "search", "eval", "export", "finetune"] {
        let help = run(&[command, "--help"]);
        let help = String::from_utf8_lossy(&help.stdout);
        assert_eq!(help.contains("--side <N>"), help.contains("--graph <FILE>"), "{command}");
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

/// Images of some of the classes: the others are kept, and figures say so, or they are cut off.
#[test]
fn images_of_some_classes_are_told_and_a_network_is_specialised_to_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let demo = std::fs::File::open(DEMO[3]).expect("the built-in images");
    let mut archive = Archive::open("demo", std::io::BufReader::new(demo)).expect("an archive");
    for (file, info) in archive.files().to_vec().iter().enumerate() {
        let Some(class) =
            info.path.split('/').nth_back(1).filter(|class| ["bag", "coat", "dress"].contains(class))
        else {
            continue;
        };
        let split = if info.path.contains("train/") { "train" } else { "val" };
        let path = folder.path().join(split).join(class);
        std::fs::create_dir_all(&path).expect("a folder");
        let name = info.path.rsplit('/').next().expect("a name");
        std::fs::write(path.join(name), archive.read(file).expect("an image")).expect("written");
    }
    let some = folder.path().to_str().expect("UTF-8");
    let eval = ["eval", DEMO[0], DEMO[1], "--images", some, "--bits", "8/8", "--split", "test"];
    let kept = json(&eval);
    let used = kept["images_used"].as_str().expect("images");
    assert!(used.contains(" test images of 3 of the network's 10 classes, "), "{used}");
    let text = String::from_utf8(run(&eval).stderr).expect("text");
    assert!(text.contains("The calibration images show 3 of the network's 10 classes."), "{text}");

    let specialised = json(&[&eval[..], &["--specialise"]].concat());
    assert_eq!((&kept["classes"], &specialised["classes"]), (&json!(10), &json!(3)));
    let used = specialised["images_used"].as_str().expect("images");
    assert!(!used.contains("of the network's"), "{used}");
    // What is right among all is right among some.
    let right = |found: &Value, key: &str| found[key].as_u64().expect("a count");
    assert!(right(&specialised, "float_correct") >= right(&kept, "float_correct"));
    let settings = specialised["inputs"]["settings"].as_array().expect("settings");
    let setting = settings.iter().find(|setting| setting["what"] == "classes").expect("it is said");
    assert_eq!((&setting["value"], &setting["origin"]), (&json!("3 of the file's 10"), &json!("given")));

    let output = run(&[&eval[..], &["--images", "www/demo/fashion-mnist.tgz", "--specialise"]].concat());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("expected images of some of the network's classes"),
        "{text}"
    );
}
