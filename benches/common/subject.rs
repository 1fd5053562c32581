//! A network and images from files, as a search has them.

use bitsmith::calibrate::{Calibration, Observer, Preparation, Settings};
use bitsmith::data::{Archive, Files, Preprocess, PureRust, Source, Sources};
use bitsmith::float::FloatNetwork;
use bitsmith::flow::{CALIBRATION, Item, Listing};
use bitsmith::import::{ImportOptions, import};
use bitsmith::net::Model;
use bitsmith::score::{Evaluator, Rewarded};
use bitsmith::search::Sample;
use std::fs::File;
use std::io::BufReader;
use std::sync::Arc;

/// Most reward images.
const REWARD: usize = 1000;

/// A calibrated network with its images.
pub struct Subject {
    pub model: Arc<Model>,
    /// With codes that can be combined freely, if the settings choose any.
    pub calibration: Arc<Calibration>,
    pub calibrating: Vec<Vec<u8>>,
    pub reward: Vec<Rewarded>,
    /// Those of them that probes are scored on.
    pub part: Vec<Rewarded>,
    /// Pixels and right outputs.
    #[allow(dead_code, reason = "benchmarks each take what they need")]
    pub test: Vec<(Vec<u8>, usize)>,
}

impl Subject {
    /// Of the first of some paths the weights, of the others the images; without any, of the demo.
    pub fn of_arguments(settings: Settings) -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
        match arguments.split_first() {
            Some((weights, images)) if !images.is_empty() => Self::load(weights, images, settings),
            _ => Self::load(
                "www/demo/mobilenet-v1-0.25-32.safetensors",
                &["www/demo/fashion-mnist.tgz".into()],
                settings,
            ),
        }
    }

    fn load(weights: &str, images: &[String], settings: Settings) -> Self {
        let bytes = std::fs::read(weights).expect("weights");
        let model = import(&bytes, &ImportOptions::default()).expect("weights").model;
        let archive = |path: &String| {
            let file = BufReader::new(File::open(path).expect("an archive"));
            Source { name: path.clone(), files: Box::new(Archive::open(path, file).expect("an archive")) }
        };
        let mut sources = Sources::new(images.iter().map(archive).collect());
        let listing = Listing::new("bench".into(), &mut sources, CALIBRATION).expect("images");
        let map = listing.class_map(&model).expect("classes");
        let preprocess = Preprocess::new(model.network.side());
        let mut load = |items: &[Item]| -> Vec<(Vec<u8>, usize)> {
            let one = |item: &Item| {
                let bytes = sources.read(item.file).expect("an image");
                (preprocess.load(&PureRust, &bytes).expect("an image"), map.outputs()[item.class])
            };
            items.iter().map(one).collect()
        };
        let calibrating: Vec<Vec<u8>> =
            load(&listing.calibration).into_iter().map(|(pixels, _)| pixels).collect();
        let float = FloatNetwork::new(&model).expect("complete");
        let mut answered =
            |limit| Rewarded::of(&float, &load(&listing.limited_reward(Some(limit)))).expect("images fit");
        let reward = answered(REWARD);
        let part = answered(Sample::Part.of(reward.len()));
        let test = load(&listing.test);
        let calibration = calibrated(&model, settings, &calibrating);
        Self { model: Arc::new(model), calibration: Arc::new(calibration), calibrating, reward, part, test }
    }

    /// Of all reward images or of those that probes are scored on; `memory` is in bytes.
    pub fn evaluator(&self, sample: Sample, memory: usize) -> Evaluator {
        let calibrating = &self.calibrating[..sample.of(self.calibrating.len())];
        let images = if sample == Sample::All { &self.reward } else { &self.part };
        let counted = calibrating.len() + images.len();
        let (model, calibration) = (self.model.clone(), self.calibration.clone());
        Evaluator::new(model, calibration, calibrating, images, memory, counted)
    }
}

fn calibrated(model: &Model, settings: Settings, images: &[Vec<u8>]) -> Calibration {
    let mut observer = Observer::new(model, settings).expect("complete");
    observer.add(images).expect("images fit");
    let mut calibration = observer.finish().expect("images");
    let codes = Preparation::new(model, &calibration, images).map(|mut preparation| {
        loop {
            if let Some(codes) = preparation.step().expect("integers exist") {
                break codes;
            }
        }
    });
    if let Some(codes) = codes {
        calibration.codes = codes;
    }
    calibration
}
