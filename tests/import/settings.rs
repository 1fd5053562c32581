//! Settings come from the caller, else from the metadata, else from the convention.

use crate::archive::Archive;
use bitsmith::{
    import::{
        DEFAULT_SIDE, ImportError, ImportOptions, Imported, Naming, Origin, RangesFrom, Setting, SettingKind,
        import, names, save,
    },
    net::{Affine, Family, Model, Normalization, Padding, Spec, Width},
};
use half::{bf16, f16};
use safetensors::Dtype;

fn imported(archive: &Archive, options: &ImportOptions) -> Imported {
    import(&archive.bytes(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn epsilon(model: &Model) -> f32 {
    match &model.weights[0].as_ref().expect("a convolution").affine {
        Affine::BatchNorm(norm) => norm.epsilon,
        Affine::Bias(_) => panic!("a convolution has batch normalization"),
    }
}

#[test]
fn every_network_is_recognized_from_names_and_shapes() {
    for naming in Naming::ALL {
        for family in Family::ALL.into_iter().filter(|&family| naming.has(family)) {
            for &width in family.named_widths() {
                let spec = Spec::new(family, Width(width), DEFAULT_SIDE).expect("in range");
                let found = imported(&Archive::of(&spec.to_string(), naming), &ImportOptions::default());
                let expected = spec.with_padding(naming.usual_padding());
                assert_eq!((found.model.network.zoo(), found.naming), (Some(expected), Some(naming)));
                assert_eq!(found.model.normalization, naming.usual_normalization(family));
                assert_eq!(epsilon(&found.model), naming.usual_epsilon());
                assert_eq!(found.model.labels, None);
                assert_eq!(found.notes, []);
                assert!(found.settings.iter().all(Setting::is_assumed), "{:?}", found.settings);
                let stem = usize::from((naming, family) == (Naming::Haq, Family::MobileNetV1));
                assert_eq!(found.settings.len(), 4 + stem, "{:?}", found.settings);
            }
        }
    }
}

#[test]
fn metadata_replaces_conventions_and_the_caller_replaces_metadata() {
    let mut archive = Archive::of("mobilenet-v2-0.35-128", Naming::Torchvision);
    archive.metadata = [
        ("model", "mobilenet_v2"),
        ("width", "0.35"),
        ("resolution", "96"),
        ("padding", "TF SAME"),
        ("bn_eps", "0.002"),
        ("preprocessing", "x/255"),
        ("val_top1", "0.5"),
    ]
    .map(|(key, value)| (key.into(), value.into()))
    .into();
    let found = imported(&archive, &ImportOptions::default());
    let (network, normalization) = (&found.model.network, found.model.normalization);
    let spec = network.zoo().expect("a network of the zoo");
    assert_eq!((spec.to_string().as_str(), spec.padding), ("mobilenet-v2-0.35-96", Padding::TensorFlow));
    assert_eq!((epsilon(&found.model), normalization), (0.002, Normalization::UNIT));
    assert_eq!(found.notes, []);
    assert!(found.settings.iter().all(|setting| setting.origin == Origin::Stated), "{:?}", found.settings);

    let options = ImportOptions {
        network: "mobilenet-v2-0.35-160".parse().ok(),
        side: None,
        linked_side: Some(64),
        naming: Some(Naming::Torchvision),
        padding: Some(Padding::PyTorch),
        epsilon: Some(0.003),
        normalization: Some(Normalization::IMAGENET),
        ranges: RangesFrom::Images,
    };
    let found = imported(&archive, &options);
    let (network, normalization) = (&found.model.network, found.model.normalization);
    let spec = network.zoo().expect("a network of the zoo");
    assert_eq!((spec.to_string().as_str(), spec.padding), ("mobilenet-v2-0.35-160", Padding::PyTorch));
    assert_eq!((epsilon(&found.model), normalization), (0.003, Normalization::IMAGENET));
    assert!(found.settings.iter().all(|setting| setting.origin == Origin::Given), "{:?}", found.settings);
    let found = imported(&archive, &ImportOptions { side: Some(192), ..options });
    assert_eq!(found.model.network.side(), 192);
}

#[test]
fn metadata_is_not_trusted_over_shapes() {
    let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    for (key, value) in [("model", "resnet"), ("width", "0.75"), ("classes", "cat,dog")] {
        archive.metadata.insert(key.into(), value.into());
    }
    let found = imported(&archive, &ImportOptions::default());
    assert_eq!(found.model.network.to_string(), "mobilenet-v1-0.25-224");
    assert_eq!((found.model.network.classes(), found.model.labels), (1000, None));
    for key in ["model", "width", "classes"] {
        assert!(found.notes.iter().any(|note| note.key == key), "{key}: {:?}", found.notes);
    }
}

/// A setting that the file states is used or refused, never replaced by a guess.
#[test]
fn a_stated_setting_that_cannot_be_used_is_refused_unless_the_caller_gives_it() {
    let given = ImportOptions {
        side: Some(128),
        padding: Some(Padding::PyTorch),
        epsilon: Some(0.002),
        normalization: Some(Normalization::UNIT),
        ..Default::default()
    };
    for (key, value, option) in [
        ("resolution", "100", "--side"),
        ("padding", "some", "--padding"),
        ("bn_eps", "x", "--epsilon"),
        ("preprocessing", "as in the paper", "--preprocessing"),
        ("preprocessing", "x/255, then minus the mean", "--preprocessing"),
        ("mean", "0.5", "--mean"),
    ] {
        let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
        archive.metadata.insert(key.into(), value.into());
        let error = import(&archive.bytes(), &ImportOptions::default()).expect_err(value);
        assert!(matches!(error, ImportError::Setting { .. }), "{error}");
        let text = error.to_string();
        for part in [key, value, option] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(imported(&archive, &given).model.normalization, Normalization::UNIT, "{key}");
    }
    let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    archive.metadata.insert("activation".into(), "relu6".into());
    imported(&archive, &given);
    archive.metadata.insert("activation".into(), "hswish".into());
    let error = import(&archive.bytes(), &given).expect_err("no network of the zoo").to_string();
    assert!(error.contains("hswish") && error.contains("relu6"), "{error}");
}

#[test]
fn every_spelling_of_a_normalization_is_the_same_network() {
    let mut archive = Archive::of("mobilenet-v2-0.35-224", Naming::Torchvision);
    for (entries, expected) in [
        (&[("preprocessing", "(x/255 - 0.5)/0.5")][..], Normalization::SIGNED),
        (&[("preprocessing", "x/127.5 - 1")], Normalization::SIGNED),
        (&[("preprocessing", "raw 0..255")], Normalization::RAW),
        (&[("preprocessing", "x")], Normalization::RAW),
        (&[("mean", "0.485, 0.456, 0.406"), ("std", "0.229, 0.224, 0.225")], Normalization::IMAGENET),
    ] {
        archive.metadata = entries.iter().map(|&(k, v)| (k.into(), v.into())).collect();
        let found = imported(&archive, &ImportOptions::default());
        assert_eq!(found.model.normalization, expected, "{entries:?}");
        let stated = found.settings.iter().find(|setting| setting.kind == SettingKind::Normalization);
        assert_eq!(stated.map(|setting| &setting.origin), Some(&Origin::Stated), "{entries:?}");
    }
}

/// What is written is read as it was, whatever the preprocessing.
#[test]
fn a_saved_network_states_its_preprocessing() {
    let archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    let own = Normalization { mean: [121.0, 117.25, 101.5], deviation: [60.1, 59.0, 61.75] };
    for normalization in Normalization::USUAL.into_iter().chain([own]) {
        let options = ImportOptions { normalization: Some(normalization), ..Default::default() };
        let model = imported(&archive, &options).model;
        let again = import(&save(&model, None).expect("a whole network"), &ImportOptions::default());
        let again = again.expect("what we write we read");
        assert_eq!(again.model.normalization, normalization);
        assert!(!again.settings.iter().any(Setting::is_assumed), "{:?}", again.settings);
    }
}

#[test]
fn labels_come_along() {
    let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    let labels: Vec<String> = (0..1000).map(|i| format!("class {i}")).collect();
    archive.metadata.insert("classes".into(), labels.join(","));
    assert_eq!(imported(&archive, &ImportOptions::default()).model.labels, Some(labels));
}

#[test]
fn wrapped_and_older_names_are_the_same_network() {
    let plain = Archive::of("mobilenet-v2-0.35-224", Naming::Timm);
    let expected = imported(&plain, &ImportOptions::default());
    for wrapper in ["module.", "model.", "ema.", "ema_model.module.", "net.", "state_dict."] {
        let mut wrapped = Archive::default();
        for (name, tensor) in &plain.tensors {
            wrapped.tensors.insert(format!("{wrapper}{name}"), tensor.clone());
            if name.ends_with("running_var") {
                let counter = name.replace("running_var", "num_batches_tracked");
                wrapped.tensors.insert(format!("{wrapper}{counter}"), (Dtype::I64, vec![], vec![0; 8]));
            }
        }
        // Counters of a wrapper stand beside the network.
        for counter in ["n_averaged", "num_updates"] {
            wrapped.tensors.insert(counter.into(), (Dtype::I64, vec![], vec![0; 8]));
        }
        assert_eq!(imported(&wrapped, &ImportOptions::default()), expected, "{wrapper}");
    }

    let plain = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    let expected = imported(&plain, &ImportOptions::default());
    let mut older = Archive::default();
    for (name, (dtype, mut shape, data)) in plain.tensors {
        let (layer, part) = name.split_once('/').expect("layer and part");
        let part =
            if layer.contains("_dw_") { part.replace("kernel", "depthwise_kernel") } else { part.into() };
        // A head of one's own: a dense layer with some name.
        let layer = if layer == "conv_preds" { "dense_3" } else { layer };
        if layer == "dense_3" && part == "kernel" {
            shape = shape[2..].to_vec();
        }
        older.tensors.insert(format!("model_weights/{layer}/{layer}/{part}:0"), (dtype, shape, data));
    }
    assert_eq!(imported(&older, &ImportOptions::default()), expected);
}

#[test]
fn all_types_of_floats_are_read() {
    let archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    let expected = imported(&archive, &ImportOptions::default());
    // The elements are exact in every type.
    type Write = fn(f32) -> Vec<u8>;
    let types: [(Dtype, Write); 3] = [
        (Dtype::F16, |x| f16::from_f32(x).to_le_bytes().to_vec()),
        (Dtype::BF16, |x| bf16::from_f32(x).to_le_bytes().to_vec()),
        (Dtype::F64, |x| f64::from(x).to_le_bytes().to_vec()),
    ];
    for (dtype, write) in types {
        let mut archive = archive.clone();
        archive.convert(dtype, write);
        assert!(imported(&archive, &ImportOptions::default()) == expected, "{dtype:?}");
    }
}

#[test]
fn a_tool_has_no_names_for_families_it_lacks() {
    assert!(names(&"mnasnet-0.5-128".parse().expect("a name"), Naming::Keras).is_empty());
    assert!(names(&"mobilenet-v1-0.5-128".parse().expect("a name"), Naming::Torchvision).is_empty());
}
