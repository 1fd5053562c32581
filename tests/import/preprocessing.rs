//! Wrong preprocessing is found by the labels of the calibration images.

use crate::archive::Archive;
use crate::built_in::{NETWORKS, SIDE, images};
use bitsmith::{
    flow::{Choice, PreprocessingCheck, PreprocessingVerdict},
    import::{ImportOptions, import},
    net::{Normalization, Padding},
};

/// Checks a built-in network whose file says no more than is left of it without `forgotten`.
fn checked(network: &str, forgotten: &[&str], options: &ImportOptions) -> Option<PreprocessingVerdict> {
    let (_, bytes) = NETWORKS.into_iter().find(|(name, _)| *name == network).expect(network);
    let mut archive = Archive::read(bytes);
    archive.metadata.retain(|key, _| !forgotten.contains(&key.as_str()));
    let imported = import(&archive.bytes(), options).expect(network);
    let check = PreprocessingCheck::new(&imported.model, &imported.settings).expect("complete")?;
    let batch = images(300, true).batch(0..300, SIDE);
    let pictures: Vec<&[u8]> = batch.pixels.chunks_exact(SIDE * SIDE * 3).collect();
    let sample = check.sample(pictures.len());
    assert!(sample.len() == 200 && sample.is_sorted_by(|a, b| a < b));
    let judged = sample.iter().map(|&i| check.judge(pictures[i], batch.targets[i].into()).expect("fits"));
    Some(check.verdict(&judged.collect::<Vec<_>>()))
}

#[test]
fn a_wrong_assumption_is_found_with_what_is_right() {
    // timm's MobileNetV2 is taken to have ImageNet's mean and deviation; these weights have not.
    let network = "mobilenet-v2-0.35-32";
    let verdict = checked(network, &["preprocessing"], &ImportOptions::default()).expect("an assumption");
    let right = Choice { normalization: Normalization::SIGNED, padding: Some(Padding::PyTorch) };
    println!("{}", verdict.sentence());
    assert_eq!(verdict.choices[0].0.normalization, Normalization::IMAGENET);
    assert_eq!(verdict.better(), Some(right), "{:?}", verdict.choices);
    assert_eq!(verdict.assumed, (true, false), "the padding is stated");
    for part in ["x/127.5 - 1", "[0.485, 0.456, 0.406]", "probably"] {
        assert!(verdict.sentence().contains(part), "{part}: {}", verdict.sentence());
    }
}

#[test]
fn a_right_assumption_stays() {
    // timm's MobileNetV1 is taken to have what these weights have.
    let network = "mobilenet-v1-0.25-32";
    let forgotten = ["preprocessing", "padding"];
    let verdict = checked(network, &forgotten, &ImportOptions::default()).expect("an assumption");
    assert_eq!((verdict.choices.len(), verdict.better()), (8, None), "{:?}", verdict.choices);
    assert!(verdict.sentence().contains("no usual"), "{}", verdict.sentence());
}

#[test]
fn what_is_stated_or_given_is_not_checked() {
    let network = "mobilenet-v1-0.25-32";
    assert_eq!(checked(network, &[], &ImportOptions::default()), None);
    let given = ImportOptions {
        normalization: Some(Normalization::UNIT),
        padding: Some(Padding::PyTorch),
        ..Default::default()
    };
    assert_eq!(checked(network, &["preprocessing", "padding"], &given), None);
}
