//! Rows and columns of the image: what the file fixes, what it leaves open, and what the caller says.

use crate::archive::Archive;
use bitsmith::import::{
    DEFAULT_SIDE, ImportError, ImportOptions, Imported, Naming, Origin, SettingKind, import, import_blocks,
    save,
};
use bitsmith::link::Link;
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::quant::{Bits, Policy};
use serde_json::{Value, json};

/// A convolution of stride 2, a pool of 2x2 without pads, and a classifier.
pub fn description(resolution: Value) -> Vec<u8> {
    let pool =
        json!({"name": "PoolingLayer", "pool_type": "max", "kernel_size": 2, "stride": 2, "use_bn": false});
    let config = json!({
        "first_conv": {"name": "ConvLayer", "in_channels": 3, "out_channels": 4, "kernel_size": 3, "stride": 2},
        "blocks": [{"mobile_inverted_conv": pool}],
        "classifier": {"name": "LinearLayer", "in_features": 4, "out_features": 2},
        "resolution": resolution,
    });
    config.to_string().into_bytes()
}

pub fn weights(resolution: Option<&str>) -> Vec<u8> {
    let mut archive = Archive::default();
    archive.put("first_conv.conv.weight", &[4, 3, 3, 3], &[0.25; 108]);
    for (part, value) in [("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)] {
        archive.put(&format!("first_conv.bn.{part}"), &[4], &[value; 4]);
    }
    archive.put("classifier.linear.weight", &[2, 4], &[0.5; 8]);
    archive.put("classifier.linear.bias", &[2], &[0.5; 2]);
    archive.metadata.extend(resolution.map(|side| ("resolution".to_owned(), side.to_owned())));
    archive.bytes()
}

/// The side, and where it came from: `assumed` without the reason.
fn side(imported: &Imported) -> (usize, &'static str) {
    let setting = imported.settings.iter().find(|setting| setting.kind == SettingKind::Side);
    let setting = setting.expect("every network has a size");
    let side = imported.model.network.side();
    assert_eq!(setting.value, format!("{side}x{side}"));
    let origin = match &setting.origin {
        Origin::Given => "given",
        Origin::Stated => "stated",
        Origin::Fixed => "fixed",
        Origin::Linked => "linked",
        Origin::Assumed(why) => {
            assert!(why.contains("--side"), "{why}");
            "assumed"
        }
    };
    (side, origin)
}

fn options(given: Option<u16>, linked_side: Option<u16>) -> ImportOptions {
    ImportOptions { side: given, linked_side, ..ImportOptions::default() }
}

#[test]
fn a_network_with_a_graph_has_any_size_that_its_layers_allow() {
    const NONE: Option<&str> = None;
    let usual = DEFAULT_SIDE.into();
    for (described, metadata, given, linked, expected) in [
        (json!(null), NONE, None, None, Ok((usual, "assumed"))),
        (json!(null), NONE, Some(176), None, Ok((176, "given"))),
        (json!(null), NONE, Some(3), None, Ok((3, "given"))),
        (json!(null), NONE, Some(1024), None, Ok((1024, "given"))),
        (json!(null), NONE, None, Some(176), Ok((176, "linked"))),
        (json!(null), NONE, Some(40), Some(176), Ok((40, "given"))),
        (json!(null), Some("49"), None, None, Ok((49, "stated"))),
        (json!(null), Some("49"), None, Some(176), Ok((49, "stated"))),
        (json!(null), Some("49"), Some(40), None, Ok((40, "given"))),
        (json!(null), Some("large"), Some(40), None, Ok((40, "given"))),
        (
            json!(null),
            Some("large"),
            None,
            None,
            Err(
                "resolution = 'large' cannot be used: expected a number from 1 to 1024; correct the entry, or give it with --side",
            ),
        ),
        (json!(null), Some("1025"), None, None, Err("'1025' cannot be used")),
        (json!(null), NONE, Some(0), None, Err("image (input): a map of 0x0x3: 1 to 1024 rows and columns")),
        (json!(null), NONE, Some(1025), None, Err("image (input): a map of 1025x1025x3")),
        // The pool's window does not fit the map behind the convolution.
        (
            json!(null),
            NONE,
            Some(2),
            None,
            Err(
                "blocks.0.mobile_inverted_conv.pool (MaxPool2d): a window of 2 rows or columns on 1 of them: expected a larger image",
            ),
        ),
        (json!(176), NONE, None, None, Ok((176, "fixed"))),
        (json!(176), NONE, Some(176), None, Ok((176, "fixed"))),
        (json!(176), NONE, None, Some(96), Ok((176, "fixed"))),
        (
            json!(176),
            NONE,
            Some(224),
            None,
            Err("fixes the network's image at 176x176 pixels, not 224x224: leave out"),
        ),
        (json!(0), NONE, None, None, Err("image (input): a map of 0x0x3")),
        (json!(2), NONE, None, None, Err("blocks.0.mobile_inverted_conv.pool (MaxPool2d): a window of 2")),
    ] {
        let (json, weights) = (description(described.clone()), weights(metadata));
        let found = import_blocks(&json, &weights, &options(given, linked));
        let case = format!("{described} {metadata:?} {given:?} {linked:?}");
        match (&found, expected) {
            (Ok(imported), Ok(expected)) => assert_eq!(side(imported), expected, "{case}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{case}: {error}"),
            _ => panic!("{case}: {:?}, expected {expected:?}", found.map(|imported| side(&imported))),
        }
    }
}

#[test]
fn a_resolution_beside_a_graph_that_fixes_another_is_noted() {
    for (metadata, noted) in [("176", false), ("160", true), ("large", true)] {
        let found = import_blocks(&description(json!(176)), &weights(Some(metadata)), &options(None, None));
        let found = found.expect("a network");
        let note = found.notes.iter().find(|note| note.key == "resolution").map(ToString::to_string);
        assert_eq!(note.is_some(), noted, "{metadata}: {note:?}");
        assert!(note.is_none_or(|note| note.contains(metadata) && note.contains("176x176")));
    }
}

#[test]
fn networks_of_the_zoo_have_the_sizes_of_the_zoo() {
    for (metadata, given, linked, expected) in [
        (None, None, None, Ok((DEFAULT_SIDE.into(), "assumed"))),
        (None, Some(96), None, Ok((96, "given"))),
        (Some("128"), Some(96), None, Ok((96, "given"))),
        (Some("128"), None, Some(96), Ok((128, "stated"))),
        (None, None, Some(96), Ok((96, "linked"))),
        (None, None, Some(176), Ok((DEFAULT_SIDE.into(), "assumed"))),
        (
            None,
            Some(176),
            None,
            Err("image side '176' in 'mobilenet-v1-0.25-176': expected a multiple of 32"),
        ),
        (None, Some(352), None, Err("image side '352'")),
        (
            Some("176"),
            None,
            None,
            Err(
                "'176' cannot be used: expected a multiple of 32 from 32 to 320; correct the entry, or give it with --side",
            ),
        ),
    ] {
        let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
        archive.metadata.extend(metadata.map(|side: &str| ("resolution".to_owned(), side.to_owned())));
        let found = import(&archive.bytes(), &options(given, linked));
        let case = format!("{metadata:?} {given:?} {linked:?}");
        match (&found, expected) {
            (Ok(imported), Ok(expected)) => assert_eq!(side(imported), expected, "{case}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{case}: {error}"),
            _ => panic!("{case}: {:?}, expected {expected:?}", found.map(|imported| side(&imported))),
        }
    }
}

/// What is written fixes the size that was given; a link has it.
#[test]
fn files_and_links_keep_the_size() {
    for given in [3, 49, 176, 1024] {
        let found = import_blocks(&description(Value::Null), &weights(None), &options(Some(given), None));
        let model = found.expect("a network").model;
        let saved = save(&model, None).expect("a whole network");
        let again = import(&saved, &ImportOptions::default()).expect("what was written");
        assert_eq!((&again.model, side(&again)), (&model, (given.into(), "fixed")));
        import(&saved, &options(Some(given), Some(32))).expect("the same size");
        let error = import(&saved, &options(Some(given + 1), None)).expect_err("another size");
        assert_eq!(error, ImportError::FixedSide { fixed: given.into(), asked: given + 1 });

        let policy = Policy::uniform(model.graph(), Bits::B8, Bits::B4);
        let link = Link::new(model.network.clone(), policy, Budget::PAPER, MemoryModel::DEVICE).encode();
        let link: Link = link.parse().expect("a link");
        assert!(link.network.is_same(&model.network), "{given}");
        let linked = options(None, u16::try_from(link.network.side()).ok());
        let opened = import_blocks(&description(Value::Null), &weights(None), &linked).expect("a network");
        assert!(opened.model.network.is_same(&link.network), "{given}");
    }
}
