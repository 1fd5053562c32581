//! The image sets of the shared cases, laid out from its photos: what a network must get right on them. That folder is no
//! part of the project; where it is not found (`BITSMITH_SHARED`, else `../shared`) these tests say so and pass.

use bitsmith::data::{Archive, Decode, Files, PureRust};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// The first 20 photos of fish and of saws.
fn photos(archive: &Path) -> [Vec<Vec<u8>>; 2] {
    let file = fs::File::open(archive).expect("the archive");
    let mut archive = Archive::open("photos", file).expect("a sound archive");
    ["/n01440764/", "/n03000684/"].map(|class| {
        let numbers = (0..archive.files().len()).filter(|&i| archive.files()[i].path.contains(class));
        let numbers: Vec<usize> = numbers.take(20).collect();
        numbers.into_iter().map(|number| archive.read(number).expect("a sound file")).collect()
    })
}

/// A photo as a PNG with an opacity that leaves its colours as they are.
fn with_opacity(photo: &[u8], opacity: impl Fn(f64, f64) -> u8) -> Vec<u8> {
    let image = PureRust.decode(photo).expect("a photo");
    let (width, height) = (image.width(), image.height());
    let pixels = image.pixels().chunks_exact(3).enumerate().flat_map(|(at, pixel)| {
        let across = |at: usize, of: usize| 2.0 * at as f64 / of as f64 - 1.0;
        [pixel[0], pixel[1], pixel[2], opacity(across(at % width, width), across(at / width, height))]
    });
    let pixels: Vec<u8> = pixels.collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.write_header().expect("in memory").write_image_data(&pixels).expect("in memory");
    bytes
}

fn lay_out(root: &Path, photos: &[Vec<Vec<u8>>; 2]) {
    let put = |path: String, bytes: &[u8]| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    };
    for (class, files) in photos.iter().enumerate() {
        let (label, other) = (["fish", "saw"][class], ["saw", "fish"][class]);
        for (i, bytes) in files.iter().enumerate() {
            if i < 8 {
                let odd = i % 2;
                put(format!("flat/{label}/{i}.jpg"), bytes);
                put(format!("nested/{label}/{}/{i}.jpg", ["indoor", "outdoor"][odd]), bytes);
                put(format!("tiny-imagenet/train/{label}/images/{label}_{i}.jpg"), bytes);
                put(format!("jfif-half/{label}/{i}.{}", ["jpg", "jfif"][odd]), bytes);
                put(format!("jfif-class/{label}/{i}.{}", ["jpg", "jfif"][class]), bytes);
                put(format!("two-sources/train/{label}/{i}.jpg"), bytes);
                put(format!("alpha-none/{label}/{i}.png"), &with_opacity(bytes, |_, _| 255));
                let ellipse = |x: f64, y: f64| if x * x + y * y < 0.7 { 255 } else { 0 };
                put(format!("alpha-ellipse/{label}/{i}.png"), &with_opacity(bytes, ellipse));
            } else if i < 16 {
                // Labelled wrongly on purpose, under the file names of the training photos.
                put(format!("two-sources/val/{other}/{}.jpg", i - 8), bytes);
            }
            let (part, label) = if i < 16 { ("training_set", label) } else { ("test_set", other) };
            put(format!("kaggle/{part}/{label}/{i}.jpg"), bytes);
        }
    }
}

fn eval(weights: &Path, images: &[PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args(["eval", "--no-float", "--json", "--bits", "8/8", "--weights"]).arg(weights);
    for path in images {
        command.arg("--images").arg(path);
    }
    command.output().expect("the program starts")
}

/// Right answers and images, and the classes in the order of their outputs.
fn result(weights: &Path, images: &[PathBuf]) -> (u64, u64, Vec<String>) {
    let output = eval(weights, images);
    assert!(output.status.success(), "{images:?}: {}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    let classes = json["inputs"]["classes"].as_array().expect("classes").iter();
    let classes = classes.map(|class| class["folder"].as_str().expect("text").to_owned()).collect();
    (json["correct"].as_u64().expect("a count"), json["images"].as_u64().expect("a count"), classes)
}

#[test]
fn sets_of_two_classes() {
    let Some(archive) = shared("data/images/imagenette-val-224.tar") else { return };
    let Some(weights) = shared("cases/two_classes.safetensors") else { return };
    let root = tempfile::tempdir().expect("a folder");
    lay_out(root.path(), &photos(&archive));
    for (sets, expected) in [
        (&["flat"][..], (12, 12)),
        (&["nested"], (12, 12)),
        (&["tiny-imagenet"], (12, 12)),
        (&["jfif-half"], (12, 12)),
        (&["jfif-class"], (12, 12)),
        (&["alpha-none"], (12, 12)),
        (&["alpha-ellipse"], (12, 12)),
        (&["two-sources/train", "two-sources/val"], (0, 16)),
        // The network takes one of the eight test photos for the other class, which is its wrong label.
        (&["kaggle"], (1, 8)),
    ] {
        let paths: Vec<PathBuf> = sets.iter().map(|set| root.path().join(set)).collect();
        let (correct, images, classes) = result(&weights, &paths);
        assert_eq!(((correct, images), classes), (expected, vec!["fish".into(), "saw".into()]), "{sets:?}");
    }
}

#[test]
fn names_in_gbk_are_read_as_those_in_utf_8() {
    let Some(weights) = shared("cases/three_classes.safetensors") else { return };
    for name in ["zh_utf8", "zh_gbk"] {
        let Some(zip) = shared(&format!("cases/{name}.zip")) else { return };
        let (correct, images, classes) = result(&weights, &[zip]);
        assert_eq!((correct, images), (53, 54), "{name}");
        assert_eq!(classes, ["狗", "花", "鸟"], "{name}");
    }
}

#[test]
fn an_archive_of_another_format_is_named_once() {
    let Some(weights) = shared("cases/two_classes.safetensors") else { return };
    let Some(archive) = shared("cases/photos.7z") else { return };
    let output = eval(&weights, &[archive]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), text.matches("found a 7z archive").count()), (Some(1), 1), "{text}");
}
