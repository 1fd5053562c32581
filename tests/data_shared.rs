//! Real photographs: the archives and golden inputs of the shared data folder. That folder is no part of
//! the project; where it is not found (`BITSMITH_SHARED`, else `../shared`) these tests say so and pass.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bitsmith::data::{Archive, ClassMap, Dataset, Files, MatchedBy, Preprocess, PureRust, Splits, imagenet};
use safetensors::SafeTensors;

/// The path of a shared file, or `None` with a line that says what is skipped.
fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BITSMITH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("data").join(path);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn open(path: &Path) -> (Archive<File>, Dataset) {
    let file = File::open(path).expect("the archive is there");
    let archive = Archive::open(&path.display().to_string(), file).expect("a sound archive");
    let dataset = Dataset::from_files(archive.files()).expect("images in class folders");
    (archive, dataset)
}

#[test]
fn the_imagenet_table_has_the_official_order() {
    let Some(path) = shared("weights/imagenet_wnids_sorted.txt") else { return };
    let text = std::fs::read_to_string(path).expect("text");
    let wnids: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(wnids.len(), imagenet::CLASSES);
    assert!(wnids.iter().enumerate().all(|(index, wnid)| imagenet::class_of(wnid) == Some(index)));
}

#[test]
fn imagenette_is_listed_named_and_split() {
    let Some(path) = shared("images/imagenette-val-224.tar") else { return };
    let (_, dataset) = open(&path);
    assert_eq!((dataset.images.len(), dataset.passed_over.len()), (3925, 0));
    let names: Vec<&str> = dataset.classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "tench",
            "English springer",
            "cassette player",
            "chain saw",
            "church",
            "French horn",
            "garbage truck",
            "gas pump",
            "golf ball",
            "parachute"
        ]
    );
    let map = ClassMap::new(&dataset.classes, 1000, None).expect("ImageNet ids");
    assert_eq!((map.matched_by(), map.output_of(9)), (MatchedBy::ImageNetId, Some(701)));
    let alone = Splits::new(&dataset, 256, 1).expect("splits");
    assert_eq!((alone.calibration.len(), alone.evaluation.len()), (256, 3925 - 256));

    let Some(path) = shared("images/imagenette-train-160.tar") else { return };
    let (train, val) = (open(&path).0, open(&shared("images/imagenette-val-224.tar").expect("seen above")).0);
    let both = Dataset::from_files(&[train.files(), val.files()].concat()).expect("images");
    let splits = Splits::new(&both, 256, 1).expect("splits");
    assert_eq!((splits.train.len(), splits.evaluation.len()), (9469, 3925));
    assert_eq!((splits.reward.len(), splits.test.len()), (982, 2943));
}

#[test]
fn flowers_have_their_own_splits() {
    let Some(path) = shared("images/flowers-128.tar") else { return };
    let (_, dataset) = open(&path);
    let splits = Splits::new(&dataset, 100, 1).expect("splits");
    assert_eq!((dataset.images.len(), dataset.classes.len()), (3670, 5));
    assert_eq!(splits.train.len() + splits.evaluation.len(), 3670);
    assert!(!splits.evaluation.is_empty());
}

/// Pillow resizes as we do, bit for bit; what differs is libjpeg-turbo's rounding of colours.
#[test]
fn network_inputs_equal_pillows_within_the_decoders_rounding() {
    let Some(path) = shared("images/imagenette-val-224.tar") else { return };
    let Some(golden) = shared("weights/imagenette10_mobilenet_v1_0.25_128.golden.safetensors") else {
        return;
    };
    let (mut archive, dataset) = open(&path);
    let bytes = std::fs::read(golden).expect("golden inputs");
    let tensors = SafeTensors::deserialize(&bytes).expect("safetensors");

    let spread: Vec<usize> = (0..16).map(|step| 100 + 245 * step).collect();
    for (name, numbers) in [("input", (0..16).collect::<Vec<usize>>()), ("input_spread", spread)] {
        let expected = tensors.tensor(name).expect(name);
        assert_eq!(expected.shape(), [16, 128, 128, 3]);
        let mut found = Vec::new();
        for number in numbers {
            let file = archive.read(dataset.images[number].file).expect("an image");
            found.extend(Preprocess::new(128).load(&PureRust, &file).expect("an image"));
        }
        let differences: Vec<u8> = found.iter().zip(expected.data()).map(|(a, b)| a.abs_diff(*b)).collect();
        let max = differences.iter().max().copied().unwrap_or(0);
        let mean = differences.iter().map(|&level| f64::from(level)).sum::<f64>() / differences.len() as f64;
        println!("{name}: max {max} levels, mean {mean:.4}");
        assert_eq!(found.len(), expected.data().len());
        assert!(max <= 4 && mean <= 0.3, "{name}: max {max}, mean {mean}");
    }
}

/// One in ten, to be quick; all 17,064 do.
#[test]
fn photographs_decode() {
    for name in ["imagenette-val-224", "imagenette-train-160", "flowers-128"] {
        let Some(path) = shared(&format!("images/{name}.tar")) else { continue };
        let (mut archive, dataset) = open(&path);
        let start = Instant::now();
        let images: Vec<_> = dataset.images.iter().step_by(10).collect();
        for image in &images {
            let file = archive.read(image.file).expect("a sound file");
            let input = Preprocess::new(128).load(&PureRust, &file).expect("a sound image");
            assert_eq!(input.len(), 128 * 128 * 3);
        }
        let each = start.elapsed().as_secs_f64() * 1e3 / images.len() as f64;
        println!("{name}: {} images, {each:.2} ms each (read, decode, resize to 128)", images.len());
    }
}
