//! The built-in networks and images: what PyTorch computes with them, this crate computes too.

use bitsmith::calibrate::{Observer, Quantization, Settings};
use bitsmith::data::{Archive, Files, Preprocess, PureRust, Sources};
use bitsmith::float::FloatNetwork;
use bitsmith::flow::{CALIBRATION, Item, Listing, Subset, Tally};
use bitsmith::import::{ImportOptions, import, save};
use bitsmith::infer::{Engine, Workspace};
use bitsmith::net::{Family, Model, Spec};
use bitsmith::quant::{Bits, Policy};
use serde_json::Value;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

fn path(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn golden() -> Value {
    serde_json::from_slice(&fs::read(path("tests/golden/demo.json")).expect("golden file")).expect("JSON")
}

fn model(name: &str) -> Model {
    let bytes = fs::read(path(&format!("www/demo/{name}.safetensors"))).expect(name);
    let imported = import(&bytes, &ImportOptions::default()).expect(name);
    assert_eq!(imported.model.network.to_string(), name);
    imported.model
}

/// The built-in images.
struct Images {
    files: Sources,
    listing: Listing,
}

impl Images {
    fn open() -> Self {
        let bytes = fs::read(path("www/demo/fashion-mnist.tgz")).expect("images");
        let archive = Archive::open("fashion-mnist.tgz", Cursor::new(bytes)).expect("an archive");
        let mut files = Sources::one("demo", archive);
        let listing = Listing::new("demo".into(), &mut files, CALIBRATION).expect("classes");
        Self { files, listing }
    }

    fn load(&mut self, file: usize) -> Vec<u8> {
        Preprocess::new(32).load(&PureRust, &self.files.read(file).expect("a file")).expect("an image")
    }

    fn load_all(&mut self, items: &[Item]) -> Vec<(Vec<u8>, usize)> {
        items.iter().map(|item| (self.load(item.file), item.class)).collect()
    }
}

fn names() -> Vec<String> {
    let golden = golden();
    let names: Vec<String> = golden["networks"].as_object().expect("networks").keys().cloned().collect();
    let families = names.iter().map(|name| name.parse::<Spec>().expect(name).family);
    assert!(
        Family::ALL.iter().all(|family| families.clone().any(|f| f == *family)),
        "one network of each family"
    );
    names
}

/// The trainer's numbers, names and metadata, float16 throughout.
#[test]
fn files_are_as_the_trainer_writes_them() {
    for name in names() {
        let file = fs::read(path(&format!("www/demo/{name}.safetensors"))).expect("a file");
        assert!(save(&model(&name), None).expect("complete") == file, "{name} is written otherwise");
    }
}

#[test]
fn logits_are_those_of_pytorch() {
    let golden = golden();
    let mut images = Images::open();
    for name in names() {
        let network = FloatNetwork::new(&model(&name)).expect("complete");
        for set in ["first", "spread"] {
            let paths = golden[format!("{set}_images")].as_array().expect("paths");
            let logits = golden["networks"][&name][format!("{set}_logits")].as_array().expect("logits");
            assert_eq!(paths.len(), logits.len());
            for (image, expected) in paths.iter().zip(logits) {
                let image = image.as_str().expect("a path");
                let file = images.files.files().iter().position(|f| f.path == image).expect(image);
                let found = network.run(&images.load(file)).expect("fits");
                for (found, expected) in found.iter().zip(expected.as_array().expect("one image's")) {
                    let difference = f64::from(*found) - expected.as_f64().expect("a number");
                    assert!(difference.abs() < 1e-3, "{name} {image}: {found} {expected}");
                }
            }
        }
    }
}

#[test]
fn integers_of_eight_bits_are_as_good_as_floats() {
    let golden = golden();
    let mut images = Images::open();
    let calibration = images.listing.calibration.clone();
    let evaluation = images.listing.subset(Subset::Validation);
    assert_eq!((calibration.len(), evaluation.len()), (CALIBRATION, 2000));
    let calibration: Vec<_> = images.load_all(&calibration).into_iter().map(|(pixels, _)| pixels).collect();
    let evaluation = images.load_all(&evaluation);
    for name in names() {
        let model = model(&name);
        let map = images.listing.class_map(&model).expect("the network's labels are the folders");
        let mut observer = Observer::new(&model, Settings::default()).expect("complete");
        observer.add(&calibration).expect("fit");
        let seen = observer.finish().expect("images");
        let policy = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
        let network =
            Quantization::new(&model, &seen, &policy, &calibration).expect("fit").finish().expect("integers");
        let (engine, float) =
            (Engine::new(&network).expect("no overflow"), FloatNetwork::new(&model).expect("complete"));
        let mut workspace = Workspace::default();
        let (mut in_integers, mut in_floats) = (Tally::default(), Tally::default());
        for (pixels, class) in &evaluation {
            let target = map.outputs()[*class];
            let count = |found: usize| Tally { correct: usize::from(found == target), images: 1 };
            in_integers = in_integers + count(engine.predict(&mut workspace, pixels).expect("fits"));
            in_floats = in_floats + count(float.predict(pixels).expect("fits"));
        }
        let expected = golden["networks"][&name]["correct_of_2000_shipped"].as_u64().expect("a count");
        assert!(
            in_floats.correct.abs_diff(expected as usize) <= 1,
            "{name}: {in_floats:?}, PyTorch {expected}"
        );
        let loss = in_floats.percent() - in_integers.percent();
        assert!(loss < 1.0, "{name}: float {}, integers {}", in_floats.percent(), in_integers.percent());
    }
}
