//! Settings come from the caller, else from the metadata, else from the convention.

use crate::archive::Archive;
use bitsmith::{
    import::{DEFAULT_SIDE, ImportOptions, Imported, Naming, Note, import, names},
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
                assert_eq!((found.model.spec, found.naming), (expected, naming));
                assert_eq!(found.model.normalization, naming.usual_normalization(family));
                assert_eq!(epsilon(&found.model), naming.usual_epsilon());
                assert_eq!(found.model.labels, None);
                assert_eq!(found.notes.len(), 4, "{:?}", found.notes);
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
    let Model { spec, normalization, .. } = found.model;
    assert_eq!((spec.to_string().as_str(), spec.padding), ("mobilenet-v2-0.35-96", Padding::TensorFlow));
    assert_eq!((epsilon(&found.model), normalization), (0.002, Normalization::UNIT));
    assert_eq!(found.notes, []);

    let options = ImportOptions {
        network: "mobilenet-v2-0.35-160".parse().ok(),
        side: None,
        naming: Some(Naming::Torchvision),
        padding: Some(Padding::PyTorch),
        epsilon: Some(0.003),
        normalization: Some(Normalization::IMAGENET),
    };
    let found = imported(&archive, &options);
    let Model { spec, normalization, .. } = found.model;
    assert_eq!((spec.to_string().as_str(), spec.padding), ("mobilenet-v2-0.35-160", Padding::PyTorch));
    assert_eq!((epsilon(&found.model), normalization), (0.003, Normalization::IMAGENET));
    let found = imported(&archive, &ImportOptions { side: Some(192), ..options });
    assert_eq!(found.model.spec.side, 192);
}

#[test]
fn metadata_is_not_trusted_over_shapes() {
    let mut archive = Archive::of("mobilenet-v1-0.25-224", Naming::Keras);
    for (key, value) in [
        ("model", "resnet"),
        ("width", "0.75"),
        ("resolution", "100"),
        ("classes", "cat,dog"),
        ("bn_eps", "x"),
    ] {
        archive.metadata.insert(key.into(), value.into());
    }
    let found = imported(&archive, &ImportOptions::default());
    assert_eq!(found.model.spec.to_string(), "mobilenet-v1-0.25-224");
    assert_eq!((found.model.spec.classes, found.model.labels), (1000, None));
    let ignored = |key| found.notes.iter().any(|n| matches!(n, Note::Ignored { key: k, .. } if *k == key));
    for key in ["model", "width", "resolution", "classes", "bn_eps"] {
        assert!(ignored(key), "{key}: {:?}", found.notes);
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
    let mut wrapped = Archive::default();
    for (name, tensor) in &plain.tensors {
        wrapped.tensors.insert(format!("module.{name}"), tensor.clone());
        if name.ends_with("running_var") {
            let counter = name.replace("running_var", "num_batches_tracked");
            wrapped.tensors.insert(format!("module.{counter}"), (Dtype::I64, vec![], vec![0; 8]));
        }
    }
    assert_eq!(imported(&wrapped, &ImportOptions::default()), expected);

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
