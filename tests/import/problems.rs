//! Whatever is wrong with a file is said by name, with what was expected and found, and all at once.

use crate::archive::Archive;
use bitsmith::import::{
    FileError, ImportError, ImportOptions, MAX_FILE_BYTES, Naming, Problem, check_size, import, names,
};
use bitsmith::net::Spec;
use proptest::prelude::*;
use safetensors::Dtype;
use std::sync::LazyLock;

fn error(archive: &Archive) -> ImportError {
    import(&archive.bytes(), &ImportOptions::default()).expect_err("the file is wrong")
}

fn problems(archive: &Archive) -> Vec<Problem> {
    match error(archive) {
        ImportError::Tensors(problems) => problems.list,
        other => panic!("{other}"),
    }
}

fn keras() -> Archive {
    Archive::of("mobilenet-v1-0.25-128", Naming::Keras)
}

#[test]
fn all_problems_are_collected_in_order() {
    let mut archive = keras();
    archive.tensors.remove("conv_pw_1/kernel");
    archive.put("conv_dw_2/kernel", &[3, 3, 1, 16], &[0.5; 144]);
    archive.put("extra/kernel", &[1, 1, 8, 8], &[0.5; 64]);
    archive.poke("conv_pw_3_bn/moving_variance", 5, -0.25);
    archive.poke("conv_pw_4/kernel", 7, f32::NAN);
    archive.poke("conv_pw_4/kernel", 9, f32::INFINITY);
    archive.tensors.insert("conv1/kernel".into(), (Dtype::I8, vec![3, 3, 3, 8], vec![1; 216]));
    let found = problems(&archive);
    let name = |name: &str| name.to_string();
    assert!(matches!(&found[4], Problem::NotFinite { name, index: 7, .. } if name == "conv_pw_4/kernel"));
    let others: Vec<_> = found.iter().enumerate().filter(|(i, _)| *i != 4).map(|(_, p)| p.clone()).collect();
    assert_eq!(
        others,
        [
            Problem::Type { name: name("conv1/kernel"), found: name("I8") },
            Problem::Missing { name: name("conv_pw_1/kernel"), expected: vec![1, 1, 8, 16] },
            Problem::Shape {
                name: name("conv_dw_2/kernel"),
                expected: vec![3, 3, 16, 1],
                found: vec![3, 3, 1, 16]
            },
            Problem::NegativeVariance { name: name("conv_pw_3_bn/moving_variance"), index: 5, value: -0.25 },
            Problem::Unexpected { name: name("extra/kernel"), found: vec![1, 1, 8, 8] },
        ]
    );
    let text = error(&archive).to_string();
    for part in
        ["mobilenet-v1-0.25-224 with 1000 classes in Keras names", "[3, 3, 16, 1]", "NaN", "extra/kernel"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_long_list_is_cut() {
    let mut archive = keras();
    archive.tensors.retain(|name, _| !name.ends_with("gamma"));
    assert_eq!(problems(&archive).len(), 27);
    let text = error(&archive).to_string();
    assert!(text.ends_with("and 19 more"), "{text}");
    assert_eq!(text.lines().count(), 10);
}

#[test]
fn squeeze_and_excite_is_named() {
    let mut archive = Archive::of("mnasnet-1.0-224", Naming::Timm);
    archive.put("blocks.3.0.se.conv_reduce.weight", &[4, 96, 1, 1], &[0.0; 384]);
    archive.put("blocks.3.0.se.conv_reduce.bias", &[4], &[0.0; 4]);
    let name = "blocks.3.0.se.conv_reduce.bias".into();
    assert_eq!(problems(&archive), [Problem::Unsupported { layer: "squeeze-and-excite", name, others: 1 }]);
    assert!(error(&archive).to_string().contains("squeeze-and-excite is not supported"));
}

#[test]
fn a_swapped_head_must_have_its_bias() {
    let mut archive = keras();
    archive.tensors.remove("conv_preds/bias");
    assert_eq!(
        problems(&archive),
        [Problem::Missing { name: "conv_preds/bias".into(), expected: vec![1000] }]
    );
}

#[test]
fn foreign_names_are_refused() {
    let mut archive = Archive::default();
    for name in ["encoder.0.weight", "encoder.1.weight"] {
        archive.put(name, &[2], &[0.0; 2]);
    }
    let text = error(&archive).to_string();
    assert!(text.contains("encoder.0.weight") && text.contains("torchvision"), "{text}");
    assert_eq!(error(&Archive::default()), FileError::NoTensors.into());
    let options = ImportOptions { naming: Some(Naming::Timm), ..Default::default() };
    let forced = import(&keras().bytes(), &options).expect_err("other names");
    assert!(forced.to_string().contains("in timm names"), "{forced}");
}

#[test]
fn another_network_than_expected_is_refused() {
    for expected in ["mobilenet-v1-0.5-128", "mobilenet-v2-0.35-128"] {
        let options = ImportOptions { network: expected.parse().ok(), ..Default::default() };
        let error = import(&keras().bytes(), &options).expect_err("another network");
        assert!(matches!(error, ImportError::OtherNetwork { .. }), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    let network = "mobilenet-v1-0.25-128".parse::<bitsmith::net::Spec>().expect("a name");
    let options = ImportOptions { network: network.with_classes(10).ok(), ..Default::default() };
    let error = import(&keras().bytes(), &options).expect_err("another number of classes");
    assert!(
        error.to_string().contains("with 1000 classes, expected mobilenet-v1-0.25-128 with 10"),
        "{error}"
    );
}

#[test]
fn classes_and_sides_out_of_range_are_refused() {
    let mut archive = keras();
    archive.put("conv_preds/kernel", &[1, 1, 1, 10_001], &[0.0; 10_001]);
    archive.put("conv_preds/bias", &[10_001], &[0.0; 10_001]);
    assert!(matches!(error(&archive), ImportError::Spec(_)));
    let options = ImportOptions { side: Some(100), ..Default::default() };
    let error = import(&keras().bytes(), &options).expect_err("no side of the zoo");
    assert!(error.to_string().contains("image side '100'"), "{error}");
}

#[test]
fn a_file_too_large_is_refused_by_its_size_alone() {
    assert_eq!(check_size(MAX_FILE_BYTES), Ok(()));
    let error = check_size(MAX_FILE_BYTES + 1).expect_err("too large").to_string();
    assert!(error.contains("513 MiB") && error.contains("at most 512 MiB"), "{error}");
    // The largest network of the zoo is allowed in every type of elements.
    let largest =
        "mobilenet-v2-2.0-320".parse::<Spec>().and_then(|spec| spec.with_classes(10_000)).expect("in range");
    let elements: usize =
        names(&largest, Naming::Keras).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert!((elements * 8) as u64 <= MAX_FILE_BYTES, "{elements}");
}

#[test]
fn a_cut_file_says_how_much_is_missing() {
    let bytes = keras().bytes();
    let expected = bytes.len() as u64;
    for end in [bytes.len() - 1, bytes.len() / 2] {
        let error = import(&bytes[..end], &ImportOptions::default()).expect_err("cut off");
        assert_eq!(error, FileError::Truncated { expected, found: end as u64 }.into());
    }
    let longer = [&bytes[..], b"more"].concat();
    let error = import(&longer, &ImportOptions::default()).expect_err("too long");
    assert_eq!(error, FileError::TooLong { expected, found: expected + 4 }.into());
}

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| keras().bytes());

proptest! {
    #[test]
    fn any_bytes_give_an_error_in_words(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let error = import(&bytes, &ImportOptions::default()).expect_err("no file");
        prop_assert!(error.to_string().len() > 20);
    }

    #[test]
    fn a_damaged_header_never_panics(position in 0..20_000usize, byte in any::<u8>()) {
        let mut bytes = BYTES.clone();
        bytes[position] = byte;
        if let Err(error) = import(&bytes, &ImportOptions::default()) {
            prop_assert!(error.to_string().len() > 20);
        }
    }

    #[test]
    fn a_cut_file_is_never_a_network(end in 0..20_000usize) {
        prop_assert!(import(&BYTES[..end], &ImportOptions::default()).is_err());
    }
}
