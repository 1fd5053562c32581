//! `bitsmith finetune` and `bitsmith train`.

use super::{DEMO, json, run};
use serde_json::Value;

/// A file that `finetune` wrote is measured with the integers that were trained.
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

/// A checkpoint goes on with the training that it is of, and with no other.
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
    let state = std::path::Path::new(&checkpoint).join("training.checkpoint");
    let mut bytes = std::fs::read(&state).expect("a checkpoint");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&state, bytes).expect("written");
    refused(&usual, "found something else or a damaged one");
}
