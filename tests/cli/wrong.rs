//! Wrong arguments, and how they are explained.

use super::{DEMO, json, run};

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
            arguments: &["inspect", "mnasnet-1.0-96", "--side", "64"],
            code: 2,
            says: "--side is of files",
        },
        Case { arguments: &["inspect", DEMO[1], "--side", "0"], code: 2, says: "0 is not in 1..=1024" },
        Case { arguments: &["inspect", DEMO[1], "--side", "1025"], code: 2, says: "1025 is not in 1..=1024" },
        Case {
            arguments: &["inspect", DEMO[1], "--side", "176"],
            code: 1,
            says: "image side '176' in 'mobilenet-v1-0.25-176': expected a multiple of 32 from 32 to 320",
        },
        Case {
            arguments: &["inspect", "tests/onnx_files/bounded_script_17.onnx", "--side", "176"],
            code: 1,
            says: "pixels, not 176x176: leave out what says otherwise (--side",
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
