//! The built-in networks and images, natively and in the browser.

#![allow(dead_code, reason = "tests each take what they need")]

use bitsmith::data::{Archive, Files, Preprocess, PureRust, Sources};
use bitsmith::flow::{Listing, Subset};
use bitsmith::import::{ImportOptions, import};
use bitsmith::net::{Affine, Model};
use bitsmith::train::Images;
use std::io::Cursor;

/// Names of the networks and their files.
pub const NETWORKS: [(&str, &[u8]); 3] = [
    ("mobilenet-v1-0.25-32", include_bytes!("../../www/demo/mobilenet-v1-0.25-32.safetensors")),
    ("mobilenet-v2-0.35-32", include_bytes!("../../www/demo/mobilenet-v2-0.35-32.safetensors")),
    ("mnasnet-0.35-32", include_bytes!("../../www/demo/mnasnet-0.35-32.safetensors")),
];

const IMAGES: &[u8] = include_bytes!("../../www/demo/fashion-mnist.tgz");

/// Side of the images.
pub const SIDE: usize = 32;

pub fn network(name: &str) -> Model {
    let (_, bytes) = NETWORKS.into_iter().find(|(known, _)| *known == name).expect(name);
    import(bytes, &ImportOptions::default()).expect(name).model
}

/// A network whose classifier knows nothing.
pub fn blank(name: &str) -> Model {
    let mut model = network(name);
    let classifier = model.weights.iter_mut().flatten().next_back().expect("layers");
    classifier.weight.fill(0.0);
    classifier.affine = Affine::Bias(vec![0.0; 10]);
    model
}

/// The first `count` images in an order in which classes take turns: to train, or to measure.
pub fn images(count: usize, train: bool) -> Images {
    let archive = Archive::open("fashion-mnist.tgz", Cursor::new(IMAGES)).expect("an archive");
    let mut files = Sources::one("demo", archive);
    let listing = Listing::new("demo".into(), &mut files, 1000).expect("classes");
    let items = if train { listing.calibration } else { listing.measured(Subset::Validation, Some(count)).1 };
    let mut images = Images::new(SIDE);
    for item in items.iter().take(count) {
        let image = files.read(item.file).and_then(|bytes| Preprocess::new(SIDE).load(&PureRust, &bytes));
        images.push(image.expect("an image"), item.class).expect("fits");
    }
    assert_eq!(images.len(), count);
    images
}
