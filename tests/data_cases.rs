//! Image sets as people have them, laid out from small drawings: what the command line reads, passes over and says.

use serde_json::Value;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WEIGHTS: &str = "www/demo/mobilenet-v1-0.25-32.safetensors";

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bitsmith"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

/// A PNG of 8x8 pixels, different for every number.
fn png(number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let pixels: Vec<u8> = (0..192).map(|i| (i * (number + 3) % 251) as u8).collect();
    encoder.write_header().expect("in memory").write_image_data(&pixels).expect("in memory");
    bytes
}

/// Writes such a PNG to a path below `root`.
fn write(root: &Path, path: &str, number: usize) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
    fs::write(path, png(number)).expect("a file");
}

/// The report of an evaluation without a float network, and what stood on the terminal.
fn eval(images: &[PathBuf], more: &[&str]) -> (Value, String) {
    let mut arguments = vec!["eval", "--weights", WEIGHTS, "--no-float", "--json"];
    for path in images {
        arguments.extend(["--images", path.to_str().expect("text")]);
    }
    arguments.extend(more);
    let output = run(&arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (serde_json::from_slice(&output.stdout).expect("JSON and nothing else"), errors)
}

/// Labels of the built-in network.
fn labels() -> Vec<String> {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(WEIGHTS)).expect("the demo's weights");
    let imported = bitsmith::import::import(&bytes, &Default::default()).expect("weights");
    imported.model.labels.expect("the demo has labels")
}

/// Folders and outputs of all classes.
fn classes(report: &Value) -> Vec<(String, u64)> {
    let classes = report["inputs"]["classes"].as_array().expect("classes");
    let one = |class: &Value| {
        (class["folder"].as_str().expect("text").to_owned(), class["output"].as_u64().expect("an output"))
    };
    classes.iter().map(one).collect()
}

#[test]
fn deeper_folders_belong_to_the_class_and_sources_are_splits() {
    let labels = labels();
    let root = tempfile::tempdir().expect("a folder");
    let (train, val) = (root.path().join("train"), root.path().join("val"));
    for number in 0..4 {
        for (class, label) in labels.iter().take(2).enumerate() {
            let deeper = ["indoor", "outdoor"][number % 2];
            write(&train, &format!("{label}/{deeper}/{number}.png"), 10 * class + number);
            write(&val, &format!("{label}/{deeper}/{number}.png"), 50 + 10 * class + number);
        }
    }
    let (report, text) = eval(&[train.clone(), val.clone()], &["--calibration", "4"]);
    assert_eq!(
        report["images"], 8,
        "all validation images, and none of the training images of the same names"
    );
    let mut expected = vec![(labels[0].clone(), 0), (labels[1].clone(), 1)];
    expected.sort();
    assert_eq!(classes(&report), expected);
    assert_eq!(report["inputs"]["matched_by"], "label");
    assert_eq!(report["inputs"]["classes"][0]["images"], serde_json::json!([4, 4, 0, 0]));
    for part in [
        "Sources\n",
        "train",
        "Classes, matched by the network's label",
        "Settings\n",
        "stated: names of folders or sources",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }

    // In one folder, in other words.
    let set = root.path().join("set");
    fs::create_dir(&set).expect("a folder");
    fs::rename(train, set.join("training_set")).expect("a folder");
    fs::rename(val, set.join("Validation")).expect("a folder");
    let (again, _) = eval(&[set], &["--calibration", "4"]);
    assert_eq!((&again["images"], &again["correct"]), (&report["images"], &report["correct"]));
}

#[test]
fn files_are_known_by_their_bytes_and_what_is_passed_over_is_counted() {
    let labels = labels();
    let root = tempfile::tempdir().expect("a folder");
    for number in 0..4 {
        write(root.path(), &format!("{}/{number}.png", labels[0]), number);
        write(root.path(), &format!("{}/{number}.jfif", labels[1]), 20 + number);
        write(root.path(), &format!("{}/{number}", labels[2]), 40 + number);
    }
    for path in ["@eaDir/1.png", "__MACOSX/1.png", ".DS_Store"] {
        write(root.path(), path, 1);
    }
    fs::write(root.path().join(&labels[0]).join("Thumbs.db"), b"\0\x01").expect("a file");
    fs::write(root.path().join(&labels[0]).join("5.gif"), b"GIF89a").expect("a file");
    fs::write(root.path().join(&labels[0]).join("6.jpg"), b"\xff\xd8\xff\xe0 cut").expect("a file");
    let (report, text) = eval(&[root.path().to_owned()], &[]);
    assert_eq!(classes(&report).len(), 3);
    let rows = report["inputs"]["passed_over"].as_array().expect("rows");
    let count = |words: &str| {
        let row = rows.iter().find(|row| row["reason"].as_str().is_some_and(|reason| reason.contains(words)));
        row.unwrap_or_else(|| panic!("{words} in {rows:?}"))["count"].as_u64()
    };
    assert_eq!(count("operating system"), Some(4));
    assert_eq!(count("a GIF image"), Some(1));
    assert_eq!(count("cannot be read: expected a whole JPEG"), Some(1));
    assert!(text.contains("Files passed over") && text.contains("5.gif"), "{text}");
}

#[test]
fn resize_is_shown_and_can_be_set() {
    let labels = labels();
    let root = tempfile::tempdir().expect("a folder");
    for number in 0..4 {
        write(root.path(), &format!("{}/{number}.png", labels[0]), number);
        write(root.path(), &format!("{}/{number}.png", labels[1]), 9 + number);
    }
    let images = [root.path().to_owned()];
    let resize = |report: &Value| -> Value {
        let settings = report["inputs"]["settings"].as_array().expect("settings").clone();
        settings.into_iter().find(|setting| setting["what"] == "resize").expect("how images become squares")
    };
    assert_eq!(resize(&eval(&images, &[]).0)["origin"], "assumed");
    let given = resize(&eval(&images, &["--resize", "pad"]).0);
    assert_eq!((given["origin"].as_str(), given["source"].as_str()), (Some("given"), Some("--resize")));
    assert!(given["value"].as_str().is_some_and(|value| value.starts_with("pad")), "{given}");

    // The weights' own word, before the default and after the option.
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(WEIGHTS)).expect("the demo's weights");
    let folder = tempfile::tempdir().expect("a folder");
    let stated = |text: &str| {
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header = String::from_utf8(bytes[8..8 + length].to_vec()).expect("text");
        let header =
            header.trim_end().replacen("\"bn_eps\"", &format!("\"resize\":\"{text}\",\"bn_eps\""), 1);
        let path = folder.path().join("stated.safetensors");
        fs::write(
            &path,
            [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes[8 + length..]].concat(),
        )
        .expect("a file");
        path
    };
    let with = |text: &str, more: &[&str]| {
        let (weights, set) = (stated(text), root.path().to_str().expect("text"));
        let weights = weights.to_str().expect("text");
        let fixed = ["eval", "--no-float", "--json", "--weights", weights, "--images", set];
        run(&[&fixed[..], more].concat())
    };
    let origin = |output: Output| {
        let report = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
        resize(&report)["origin"].clone()
    };
    assert_eq!(origin(with("stretch", &[])), "stated");
    assert_eq!(origin(with("stretch", &["--resize", "pad"])), "given");
    let output = with("sideways", &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("found 'sideways'"));

    let refused = run(&["eval", "--weights", WEIGHTS, "--images", "x", "--resize", "fill"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// Names in GBK without a flag, as zips made on Windows have them: the classes stand in the order of the true names.
#[test]
fn legacy_names_are_guessed_shown_and_can_be_set() {
    // 狗 花 鸟
    let folders: [&[u8]; 3] = [b"\xb9\xb7", b"\xbb\xa8", b"\xc4\xf1"];
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (class, _) in folders.iter().enumerate() {
        for number in 0..4 {
            // As many bytes as the true name, which takes its place below.
            zip.start_file(format!("{class}{class}/{number}.png"), zip::write::SimpleFileOptions::default())
                .expect("in memory");
            zip.write_all(&png(10 * class + number)).expect("in memory");
        }
    }
    let mut bytes = zip.finish().expect("in memory").into_inner();
    for (class, folder) in folders.iter().enumerate() {
        let written = format!("{class}{class}/");
        for at in 0..bytes.len() - 3 {
            if &bytes[at..at + 3] == written.as_bytes() {
                bytes[at..at + 2].copy_from_slice(folder);
            }
        }
    }
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("photos.zip");
    fs::write(&path, bytes).expect("a file");

    // Three folders do not fit ten outputs; what was read stands on the terminal all the same.
    let said = |more: &[&str]| {
        let arguments = ["eval", "--weights", WEIGHTS, "--images", path.to_str().expect("text")];
        let output = run(&[&arguments[..], more].concat());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = said(&[]);
    for part in ["狗", "花", "鸟", "GBK (a guess)"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let text = said(&["--names", "euc-kr"]);
    assert!(text.contains("뭍") && text.contains("EUC-KR (given)"), "{text}");
}

#[test]
fn an_archive_of_another_format_is_refused_in_one_sentence() {
    let root = tempfile::tempdir().expect("a folder");
    let path = root.path().join("photos.7z");
    fs::write(&path, b"7z\xbc\xaf\x27\x1c\0\x04").expect("a file");
    let output = run(&["eval", "--weights", WEIGHTS, "--images", path.to_str().expect("text")]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text.matches("found a 7z archive").count(), 1, "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn labels_can_be_given() {
    let labels = labels();
    let root = tempfile::tempdir().expect("a folder");
    let mut rows = String::from("file,label\n");
    for number in 0..8 {
        write(root.path(), &format!("set/{number}.png"), number);
        rows.push_str(&format!("{number}.png,{}\n", labels[number % 2]));
    }
    let file = root.path().join("labels.csv");
    fs::write(&file, rows).expect("a file");
    let file = file.to_str().expect("text");
    let (report, _) = eval(&[root.path().join("set")], &["--labels", file]);
    assert_eq!(classes(&report).len(), 2);
    fs::write(file, "nothing,of,this\n").expect("a file");
    let set = root.path().join("set");
    let set = set.to_str().expect("text");
    let output = run(&["eval", "--weights", WEIGHTS, "--images", set, "--labels", file]);
    assert!(!output.status.success());
}
