//! Networks whose ends differ from the zoo's: one output is two classes, the second where it is above zero, as a sigmoid
//! says; one input channel is luma.

use crate::archive::Archive;
use crate::quantized::{images, model, quantized};
use bitsmith::{
    calibrate::Settings,
    float::FloatNetwork,
    import::{ClassesError, ImportOptions, KeptClass, SettingKind, import, save},
    infer::{argmax, reference},
    quant::{Bits, Policy},
};

/// A network of ten outputs, and one whose only output is the difference of two of them.
fn ten_and_one() -> (FloatNetwork, Vec<u8>) {
    let ten = model("mobilenet-v1-0.25-32");
    let mut archive = Archive::read(&save(&ten, None).expect("a whole network"));
    let (weights, bias) = (archive.values("classifier.weight"), archive.values("classifier.bias"));
    let inputs = weights.len() / bias.len();
    let difference: Vec<f32> = (0..inputs).map(|i| weights[inputs + i] - weights[i]).collect();
    archive.put("classifier.weight", &[1, inputs], &difference);
    let float = FloatNetwork::new(&ten).expect("complete");
    let sum = |image: &Vec<u8>| {
        let logits = float.run(image).expect("fits");
        logits[1] - logits[0] - (bias[1] - bias[0])
    };
    // Half of the images on each side of zero.
    let mut sums: Vec<f32> = images(&ten, 24).iter().map(sum).collect();
    sums.sort_by(f32::total_cmp);
    archive.put("classifier.bias", &[1], &[-(sums[11] + sums[12]) / 2.0]);
    (float, archive.bytes())
}

#[test]
fn one_output_is_two_classes_in_real_numbers_and_in_integers() {
    let (_, bytes) = ten_and_one();
    let imported = import(&bytes, &ImportOptions::default()).expect("a head of one output");
    let one = imported.model;
    assert_eq!(one.network.classes(), 2);
    assert!(
        imported.settings.iter().any(|setting| setting.kind == SettingKind::Head && setting.is_assumed())
    );

    let float = FloatNetwork::new(&one).expect("complete");
    let pictures = images(&one, 24);
    let mut seen = [0, 0];
    for image in &pictures {
        let logits = float.run(image).expect("fits");
        assert_eq!((logits.len(), logits[0]), (2, 0.0));
        let class = float.predict(image).expect("fits");
        assert_eq!(class == 1, logits[1] > 0.0);
        seen[class] += 1;
    }
    assert_eq!(seen, [12, 12]);

    for bits in Bits::ALL {
        let policy = Policy::uniform(one.graph(), bits, Bits::B8);
        let network = quantized(&one, &policy, Settings::default(), &pictures[..16]);
        let mut seen = [0, 0];
        for image in &pictures {
            let logits = reference::run(&network, image).expect("fits");
            // Rounding adds half a step to every output alike.
            assert!(logits.len() == 2 && (0..=1).contains(&logits[0]), "{bits:?} {logits:?}");
            assert_eq!(argmax(&logits) == 1, logits[1] > logits[0], "{bits:?}");
            seen[argmax(&logits)] += 1;
        }
        // At 8 bits few decisions change, at 2 bits the noise of made-up weights may change them all.
        assert!(bits != Bits::B8 || seen.iter().all(|&count| count >= 8), "{seen:?}");
    }
}

#[test]
fn the_only_output_is_the_one_of_the_file() {
    let (ten, bytes) = ten_and_one();
    let one = import(&bytes, &ImportOptions::default()).expect("a head of one output").model;
    let float = FloatNetwork::new(&one).expect("complete");
    let bias = |logits: &[f32]| logits[1] - logits[0];
    let pictures = images(&one, 8);
    let offset = {
        let expected = ten.run(&pictures[0]).expect("fits");
        bias(&expected) - float.run(&pictures[0]).expect("fits")[1]
    };
    for image in &pictures {
        let (expected, found) = (ten.run(image).expect("fits"), float.run(image).expect("fits"));
        let difference = (bias(&expected) - offset - found[1]).abs();
        assert!(difference < 1e-3, "{expected:?} {found:?}");
    }
}

/// Among the classes that stay the answers are those of before; all others are gone.
#[test]
fn a_specialised_network_has_some_of_the_outputs() {
    let ten = model("mobilenet-v1-0.25-32");
    let bytes = save(&ten, None).expect("a whole network");
    let keep = |outputs: &[usize]| {
        let kept = outputs.iter().map(|&output| KeptClass { output, label: format!("class {output}") });
        import(&bytes, &ImportOptions::default())
            .expect("ten outputs")
            .keep_classes(&kept.collect::<Vec<_>>())
    };
    let some = keep(&[7, 2, 4]).expect("three of ten");
    assert_eq!(some.model.graph().classes(), 3);
    assert_eq!(some.model.labels.as_deref().unwrap_or_default(), ["class 7", "class 2", "class 4"]);
    let setting = some.settings.iter().find(|setting| setting.kind == SettingKind::Head).expect("it is said");
    assert_eq!((setting.value.as_str(), setting.is_assumed()), ("3 of the file's 10", false));
    let (all, some) = (FloatNetwork::new(&ten), FloatNetwork::new(&some.model));
    let (all, some) = (all.expect("complete"), some.expect("complete"));
    for image in images(&ten, 6) {
        let logits = all.run(&image).expect("fits");
        assert_eq!(some.run(&image).expect("fits"), [logits[7], logits[2], logits[4]]);
    }
    for (outputs, wrong) in [
        (&[1, 10][..], ClassesError::Output { output: 10, outputs: 10 }),
        (&[1, 2, 1], ClassesError::Output { output: 1, outputs: 10 }),
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], ClassesError::All(10)),
    ] {
        assert_eq!(keep(outputs).map(|_| ()), Err(wrong));
    }
    assert!(matches!(keep(&[3]), Err(ClassesError::Spec(_))));
}

/// A network of one input channel computes on luma, for any colours and for gray.
#[test]
fn one_input_channel_is_luma() {
    let rgb = model("mobilenet-v1-0.25-32");
    let mut archive = Archive::read(&save(&rgb, None).expect("a whole network"));
    // [c_out, 1, 3, 3]: the kernels of green.
    let kernels: Vec<f32> =
        archive.values("conv_stem.weight").chunks(27).flat_map(|kernel| kernel[9..18].to_vec()).collect();
    archive.put("conv_stem.weight", &[kernels.len() / 9, 1, 3, 3], &kernels);
    archive.metadata.insert("preprocessing".into(), "x/127.5 - 1".into());
    let imported = import(&archive.bytes(), &ImportOptions::default()).expect("a gray network");
    assert!(
        imported.settings.iter().any(|setting| setting.kind == SettingKind::Channels && setting.is_assumed())
    );

    // An RGB network that sees the same gray in green alone.
    let mut green = imported.model.clone();
    let stem = green.weights[0].as_mut().expect("a convolution");
    for (kernel, pixel) in kernels.chunks(9).zip(stem.weight.chunks_mut(27)) {
        for (value, colours) in kernel.iter().zip(pixel.chunks_mut(3)) {
            colours.copy_from_slice(&[0.0, *value, 0.0]);
        }
    }
    let (gray, green) = (FloatNetwork::new(&imported.model), FloatNetwork::new(&green));
    let (gray, green) = (gray.expect("complete"), green.expect("complete"));
    for image in images(&imported.model, 6) {
        let colours: Vec<u8> =
            image.chunks(3).flat_map(|pixel| [pixel[0] / 2, pixel[0] / 2, pixel[0] / 2]).collect();
        let difference = differences(&gray.run(&colours).expect("fits"), &green.run(&colours).expect("fits"));
        assert!(difference < 1e-3, "{difference}");
        // Real luma of real colours: a black image but for one colour.
        for (channel, part) in [(0, 0.299), (1, 0.587), (2, 0.114)] {
            let one: Vec<u8> = (0..image.len()).map(|i| if i % 3 == channel { 200 } else { 0 }).collect();
            let luma = (200.0_f64 * part).round() as u8;
            let same = vec![luma; image.len()];
            let (found, expected) = (gray.run(&one).expect("fits"), green.run(&same).expect("fits"));
            // Rounding of luma is at most half a code.
            let (low, high) = (vec![luma - 1; image.len()], vec![luma + 1; image.len()]);
            let reach = differences(&green.run(&low).expect("fits"), &green.run(&high).expect("fits"));
            assert!(differences(&found, &expected) <= reach + 1e-3, "colour {channel}");
        }
    }
}

fn differences(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
