//! From a float network to integers: what calibration must keep.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/folded.rs"]
mod folded;
#[path = "common/quantized.rs"]
mod quantized;
#[path = "common/walked.rs"]
mod walked;

use bitsmith::calibrate::{CalibrateError, Observer, Quantization, Rounding, Settings, has_folded, trained};
use bitsmith::float::FloatNetwork;
use bitsmith::infer::{Engine, Workspace, reference};
use bitsmith::net::{Affine, BatchNorm, Model};
use bitsmith::quant::{Bits, Granularity, Policy, RangeMethod, RequantizerError, WeightRange};
use folded::{folded, of_bytes};
use quantized::{images, mixed, model, quantized};
use walked::{Damage, observed, policies, silent};

#[test]
fn integers_are_the_recorded_ones() {
    quantized::integers_are_the_recorded_ones();
}

/// Correlation of integer and float logits over some images, each image's logits centred.
fn agreement(model: &Model, policy: &Policy, settings: Settings) -> f64 {
    let calibration = images(model, 16);
    let network = quantized(model, policy, settings, &calibration);
    let engine = Engine::new(&network).expect("no overflow");
    let float = FloatNetwork::new(model).expect("complete");
    let scale = network.tensors[network.graph().logits()].scale;
    let mut workspace = Workspace::default();
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for image in images(model, 24).iter().skip(16) {
        let expected: Vec<f64> = float.run(image).expect("fits").into_iter().map(f64::from).collect();
        let found: Vec<f64> =
            engine.run(&mut workspace, image).expect("fits").iter().map(|&l| scale * f64::from(l)).collect();
        for (x, y) in expected.iter().zip(&found) {
            xy += x * y;
            xx += x * x;
            yy += y * y;
        }
    }
    xy / (xx * yy).sqrt()
}

#[test]
fn eight_bits_keep_the_logits() {
    // Made-up weights make a network that amplifies noise; trained ones lose nothing (see tests/demo.rs).
    for (name, floor) in
        [("mobilenet-v1-0.25-32", 0.99), ("mobilenet-v2-0.35-32", 0.9), ("mnasnet-0.35-32", 0.9)]
    {
        let model = model(name);
        let policy = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
        for granularity in [Granularity::PerChannel, Granularity::PerLayer] {
            for activations in [RangeMethod::MinMax, RangeMethod::Percentile(99.9), RangeMethod::Mse] {
                for reestimate in [true, false] {
                    let settings = Settings { granularity, activations, reestimate, ..Settings::default() };
                    let found = agreement(&model, &policy, settings);
                    assert!(found > floor, "{name} {settings:?}: {found}");
                }
            }
        }
    }
}

#[test]
fn reestimation_pays_at_few_bits() {
    let model = model("mobilenet-v1-0.25-32");
    let policy = Policy::uniform(model.graph(), Bits::B2, Bits::B8);
    let settings = Settings { weights: WeightRange::MinMax, ..Settings::default() };
    let with = agreement(&model, &policy, settings);
    let without = agreement(&model, &policy, Settings { reestimate: false, ..settings });
    assert!(with > without, "{with} {without}");
}

/// Sums follow the float network better with codes that were chosen by that than with the nearest.
#[test]
fn codes_by_output_error_pay_at_few_bits() {
    for (name, activations) in [("mobilenet-v1-0.25-32", Bits::B8), ("mobilenet-v2-0.35-32", Bits::B8)] {
        let model = model(name);
        let policy = Policy::uniform(model.graph(), Bits::B2, activations);
        let of = |rounding| agreement(&model, &policy, Settings { rounding, ..Settings::default() });
        let (nearest, output) = (of(Rounding::Nearest), of(Rounding::Output));
        println!("{name}: nearest {nearest:.3}, by output error {output:.3}");
        assert!(output > nearest, "{name}: {output} {nearest}");
    }
}

/// At 8 bits nothing is chosen.
#[test]
fn codes_of_eight_bits_are_the_nearest() {
    let model = model("mobilenet-v1-0.25-32");
    let policy = Policy::uniform(model.graph(), Bits::B8, Bits::B4);
    let of = |rounding| {
        quantized(&model, &policy, Settings { rounding, ..Settings::default() }, &images(&model, 4))
    };
    assert!(of(Rounding::Nearest) == of(Rounding::Output));
}

/// Channels that batch normalization switches off, dead weights and extreme statistics have integers all the same.
#[test]
fn degenerate_channels_have_integers() {
    let mut model = model("mobilenet-v1-0.25-32");
    for (i, parameters) in model.weights.iter_mut().flatten().enumerate() {
        match &mut parameters.affine {
            Affine::BatchNorm(bn) => {
                bn.gamma[i % 8] = 0.0;
                bn.gamma[(i + 1) % 8] = 1e-30;
                bn.gamma[(i + 2) % 8] *= -1.0;
                bn.variance[(i + 3) % 8] = 0.0;
                bn.variance[(i + 4) % 8] = 1e12;
            }
            Affine::Bias(bias) => bias[0] = 100.0,
        }
        let per_channel = parameters.weight.len() / parameters.affine.slope_offset().len();
        parameters.weight[..per_channel].fill(0.0);
    }
    for policy in [mixed(&model), Policy::uniform(model.graph(), Bits::B8, Bits::B8)] {
        let network = quantized(&model, &policy, Settings::default(), &images(&model, 4));
        let engine = Engine::new(&network).expect("no overflow");
        for image in images(&model, 8) {
            let expected = reference::run(&network, &image).expect("runs");
            assert_eq!(engine.run(&mut Workspace::default(), &image).expect("runs"), expected);
        }
    }
    // The constant class wins by far: 100 in real units.
    let policy = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
    let network = quantized(&model, &policy, Settings::default(), &images(&model, 4));
    let engine = Engine::new(&network).expect("no overflow");
    assert_eq!(engine.predict(&mut Workspace::default(), &images(&model, 1)[0]), Ok(0));
}

/// A channel is switched off only if its factor is too small. What is too large is an error that names it.
#[test]
fn values_out_of_range_name_layer_and_channel() {
    const LAYER: usize = 4;
    const CHANNEL: usize = 5;
    let sound = model("mobilenet-v1-0.25-32");
    let images = images(&sound, 4);
    type Of = fn(&RequantizerError) -> bool;
    let large: Of = |error| matches!(error, RequantizerError::Large(_));
    let bias: Of = |error| matches!(error, RequantizerError::Bias(_));
    let cases = [
        ("gamma", 1e30, large, "expected a magnitude below 2^30"),
        ("gamma", f32::NAN, large, "a factor of NaN"),
        ("gamma", f32::INFINITY, large, "a factor of inf"),
        ("beta", 1e12, bias, "expected a magnitude below 2^31"),
        ("beta", -1e12, bias, "expected a magnitude below 2^31"),
        ("beta", f32::NAN, bias, "a bias of NaN"),
    ];
    for reestimate in [true, false] {
        let settings = Settings { reestimate, ..Settings::default() };
        let calibration = observed(&sound, settings, &images);
        for (field, value, is_expected, expected) in cases {
            let mut wrong = sound.clone();
            let Some(Affine::BatchNorm(bn)) = wrong.weights[LAYER].as_mut().map(|layer| &mut layer.affine)
            else {
                panic!("layer {LAYER} has batch normalization")
            };
            let values = if field == "gamma" { &mut bn.gamma } else { &mut bn.beta };
            values[CHANNEL] = value;
            for (widths, policy) in policies(&sound) {
                let case = format!("{field} {value} {widths}, re-estimated: {reestimate}");
                let quantization =
                    Quantization::new(&wrong, &calibration, &policy, &images).expect("images fit");
                let error = quantization.finish().err().unwrap_or_else(|| panic!("{case}: integers exist"));
                let text = error.to_string();
                assert!(text.contains(expected), "{case}: {text}");
                let name = &sound.graph().layers[LAYER].name;
                assert!(text.contains(&format!("layer {name}, output channel {CHANNEL}")), "{case}: {text}");
                let CalibrateError::Channel { layer, channel, error } = error else {
                    panic!("{case}: {text}")
                };
                assert_eq!((&layer, channel), (name, CHANNEL), "{case}");
                assert!(is_expected(&error), "{case}: {error:?}");
            }
        }
    }
}

/// Classes with hardly any weights beside the others', down to none, keep their bias.
#[test]
fn logits_keep_their_value() {
    let biases = [100.0, -250.0];
    for size in [0.0, 1e-30, 1e-9, 1e-6, 1e-4, 1e-3] {
        let mut model = model("mobilenet-v1-0.25-32");
        let images = images(&model, 2);
        let classifier = model.weights.iter_mut().flatten().next_back().expect("layers");
        let per_class = classifier.weight.len() / 10;
        for (class, &bias) in biases.iter().enumerate() {
            classifier.weight[class * per_class..][..per_class].iter_mut().for_each(|w| *w *= size);
            let Affine::Bias(all) = &mut classifier.affine else { panic!("a classifier has a bias") };
            all[class] = bias;
        }
        let float = FloatNetwork::new(&model).expect("complete");
        for reestimate in [true, false] {
            let settings = Settings { reestimate, ..Settings::default() };
            let calibration = observed(&model, settings, &images);
            for (widths, policy) in policies(&model) {
                let quantization = Quantization::new(&model, &calibration, &policy, &images);
                let network = quantization.and_then(Quantization::finish).expect("integers exist");
                let scale = network.tensors[network.graph().logits()].scale;
                for image in &images {
                    let expected = float.run(image).expect("fits");
                    let found = reference::run(&network, image).expect("runs");
                    for (class, bias) in biases.iter().enumerate() {
                        let (expected, found) = (f64::from(expected[class]), scale * f64::from(found[class]));
                        let case =
                            format!("weights times {size}, {widths}, re-estimated: {reestimate}, {bias}");
                        assert!((found - expected).abs() < 0.05, "{case}: {found}, expected {expected}");
                    }
                }
            }
        }
    }
}

/// Training begins with what calibration made of dead and nearly dead channels, and its result has integers as well.
#[test]
fn dead_channels_stay_dead_when_training_begins() {
    for name in ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"] {
        let mut model = model(name);
        Damage::All.apply(&mut model);
        let images = images(&model, 2);
        let calibration = observed(&model, Settings::default(), &images);
        for (widths, policy) in policies(&model) {
            let mut quantization =
                Quantization::new(&model, &calibration, &policy, &images).expect("images fit");
            let (network, (settled, grids)) = loop {
                if let Some(network) = quantization.step().expect("integers exist") {
                    break (network, quantization.settled());
                }
            };
            let again = trained(&settled, &grids).expect("integers exist");
            assert_eq!(silent(&again), silent(&network), "{name} {widths}");
        }
    }
}

/// What batch normalization a folded layer has, if any.
enum Folding {
    /// A bias.
    Bias,
    /// A stand-in that changes nothing, as networks of the zoo have it.
    StandIn,
}

/// A folded network is given statistics of its sums and weights of the usual size, and computes what it did.
#[test]
fn what_was_folded_is_unfolded_without_a_change() {
    for name in ["mobilenet-v1-0.25-32", "mobilenet-v2-0.35-32", "mnasnet-0.35-32"] {
        for folding in [Folding::Bias, Folding::StandIn] {
            let mut model = of_bytes(folded(&model(name)));
            // A channel that never varies.
            let first = model.weights[0].as_mut().expect("weights");
            first.weight[..27].fill(0.0);
            if matches!(folding, Folding::StandIn) {
                stand_in(&mut model);
            }
            let images = images(&model, 6);
            let calibration = observed(&model, Settings::default(), &images);
            assert!(has_folded(&model));
            let unfolded = calibration.unfolded(&model);
            assert!(!has_folded(&unfolded), "{name}: something is folded still");
            assert_eq!(calibration.unfolded(&model), unfolded);

            let [before, after] =
                [&model, &unfolded].map(|model| FloatNetwork::new(model).expect("complete"));
            for image in &images {
                let [before, after] = [&before, &after].map(|network| network.run(image).expect("fits"));
                let size = before.iter().fold(0.0, |size: f32, logit| size.max(logit.abs()));
                for (before, after) in before.iter().zip(&after) {
                    assert!((before - after).abs() < 1e-3 * size, "{name}: {before} became {after}");
                }
            }
            let seen = observed(&unfolded, Settings::default(), &images);
            for (id, layer) in unfolded.graph().weighted_layers() {
                let parameters = unfolded.layer(id).expect("weights");
                let Affine::BatchNorm(bn) = &parameters.affine else {
                    assert_eq!(layer.output, unfolded.graph().logits(), "{name} {}", layer.name);
                    continue;
                };
                let seen = seen.sums[id].as_ref().expect("sums");
                for (c, weights) in
                    parameters.weight.chunks_exact(parameters.weight.len() / bn.gamma.len()).enumerate()
                {
                    let place = format!("{name} {} channel {c}", layer.name);
                    let (mean, deviation) = (f64::from(bn.mean[c]), f64::from(bn.variance[c]).sqrt());
                    let near = 3e-3 * (seen.deviation(c) + seen.mean(c).abs()) + 1e-5;
                    assert!((mean - seen.mean(c)).abs() < near, "{place}: mean {mean}, {}", seen.mean(c));
                    assert!((deviation - seen.deviation(c)).abs() < near, "{place}: deviation {deviation}");
                    let squares: f32 = weights.iter().map(|weight| weight * weight).sum();
                    assert!(squares == 0.0 || (0.999..=4.001).contains(&squares), "{place}: {squares}");
                }
            }
        }
    }
}

/// Puts batch normalization that changes nothing in the place of biases.
fn stand_in(model: &mut Model) {
    for (layer, parameters) in model.network.clone().graph().layers.iter().zip(&mut model.weights) {
        if let (Some(_), Some(parameters)) = (layer.window(), parameters)
            && let Affine::Bias(bias) = &mut parameters.affine
        {
            let all = |value: f32| vec![value; bias.len()];
            let (gamma, mean, variance) = (all(1.0), all(0.0), all(1.0 - 1.0 / 1024.0));
            let bn = BatchNorm { gamma, beta: bias.clone(), mean, variance, epsilon: 1.0 / 1024.0 };
            parameters.affine = Affine::BatchNorm(bn);
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    let model = model("mobilenet-v1-0.25-32");
    let observer = Observer::new(&model, Settings::default()).expect("complete");
    assert!(matches!(observer.finish(), Err(CalibrateError::NoImages)));
    let mut observer = Observer::new(&model, Settings::default()).expect("complete");
    let error = observer.add(&[vec![0; 7]]).expect_err("too small").to_string();
    assert!(error.contains("an image of 7 bytes: expected 3072"), "{error}");
    observer.add(&images(&model, 1)).expect("fits");
    let calibration = observer.finish().expect("an image");
    let policy = mixed(&model);
    assert!(matches!(
        Quantization::new(&model, &calibration, &policy, &[[0_u8; 0]; 0]),
        Err(CalibrateError::NoImages)
    ));
}
