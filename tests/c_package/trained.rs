//! Trained networks with real images: the project's own demo, and those of the shared data folder, which is no part of
//! the project. What is not there is skipped with a line that says so.

use crate::cases::Random;
use crate::subject::Subject;
use bitsmith::calibrate::{Calibration, Observer, Quantization, Settings};
use bitsmith::data::{Archive, Files, Preprocess, PureRust, Sources};
use bitsmith::flow::{Listing, Subset};
use bitsmith::import::{ImportOptions, import};
use bitsmith::net::{Graph, Model};
use bitsmith::quant::{Bits, Policy, Slot};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Images to calibrate with.
const CALIBRATION: usize = 64;

/// Names of the policies, those first that a short run should have.
pub const POLICIES: [&str; 6] = ["mixed1", "w8a8", "w4a4", "w2a2", "mixed2", "mixed3"];

/// Weights with the images they were trained for.
#[derive(Clone)]
pub struct Source {
    pub weights: PathBuf,
    pub images: PathBuf,
}

impl Source {
    /// Name of the network under a policy.
    pub fn named(&self, policy: &str) -> String {
        let stem = self.weights.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        format!("{stem}-{policy}")
    }
}

/// The demo's networks.
pub fn demo() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/demo");
    sources(&folder, "", &folder.join("fashion-mnist.tgz"))
}

/// The imagenette10 networks.
pub fn shared() -> Vec<Source> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    sources(&root.join("data/weights"), "imagenette10_", &root.join("data/images/imagenette-val-224.tar"))
}

/// The weights in a folder whose names begin with `prefix`.
fn sources(folder: &Path, prefix: &str, images: &Path) -> Vec<Source> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut weights: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    weights.retain(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(".safetensors") && !name.ends_with(".golden.safetensors")
    });
    weights.sort();
    if weights.is_empty() || !images.exists() {
        println!(
            "skipped: there are no {}/{prefix}*.safetensors with {}",
            folder.display(),
            images.display()
        );
        return Vec::new();
    }
    weights.into_iter().map(|weights| Source { weights, images: images.to_owned() }).collect()
}

/// A network with what quantization needs, and images to run.
pub struct Trained {
    source: Source,
    model: Model,
    calibration: Calibration,
    calibration_images: Vec<Vec<u8>>,
    images: Vec<Vec<u8>>,
}

impl Trained {
    /// Imports and calibrates; `count` images that do not calibrate are kept to be run.
    pub fn load(source: &Source, count: usize) -> Self {
        let bytes = std::fs::read(&source.weights).expect("weights");
        let model = import(&bytes, &ImportOptions::default()).expect("a known network").model;
        let file = File::open(&source.images).expect("an archive");
        let mut files = Sources::one("images", Archive::open("images", file).expect("a sound archive"));
        let listing = Listing::new("images".into(), &mut files, CALIBRATION).expect("images in classes");
        let resize = Preprocess::new(model.network.side());
        let mut load = |items: &[bitsmith::flow::Item]| -> Vec<Vec<u8>> {
            let load = |item: &bitsmith::flow::Item| {
                resize.load(&PureRust, &files.read(item.file).expect("a sound file")).expect("a sound image")
            };
            items.iter().map(load).collect()
        };
        let (calibration_images, images) =
            (load(&listing.calibration), load(&listing.measured(Subset::Validation, Some(count)).1));
        let mut observer = Observer::new(&model, Settings::default()).expect("a sound network");
        observer.add(&calibration_images).expect("images of the right size");
        let calibration = observer.finish().expect("images were seen");
        Self { source: source.clone(), model, calibration, calibration_images, images }
    }

    /// The network under a policy.
    pub fn quantize(&self, (name, policy): &(&str, Policy)) -> Subject {
        let quantization =
            Quantization::new(&self.model, &self.calibration, policy, &self.calibration_images);
        let network = quantization.and_then(Quantization::finish).expect("integers");
        Subject::new(self.source.named(name), network, self.images.clone())
    }

    /// Six policies, by [`POLICIES`].
    pub fn policies(&self) -> [(&'static str, Policy); 6] {
        let graph = self.model.graph();
        let policy = |name| match name {
            "w8a8" => Policy::uniform(graph, Bits::B8, Bits::B8),
            "w4a4" => Policy::uniform(graph, Bits::B4, Bits::B4),
            "w2a2" => Policy::uniform(graph, Bits::B2, Bits::B2),
            "mixed2" => mixed(graph, 2),
            "mixed3" => mixed(graph, 3),
            _ => mixed(graph, 1),
        };
        POLICIES.map(|name| (name, policy(name)))
    }
}

/// Every width equally likely.
fn mixed(graph: &Graph, seed: u64) -> Policy {
    let mut random = Random(seed);
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    for slot in Slot::all(graph) {
        policy.set(slot, random.bits());
    }
    policy
}
