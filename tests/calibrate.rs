//! From a float network to integers: what calibration must keep.

#[path = "common/infer.rs"]
mod cases;
#[path = "common/quantized.rs"]
mod quantized;

use bitsmith::calibrate::{CalibrateError, Observer, Quantization, Settings};
use bitsmith::float::FloatNetwork;
use bitsmith::infer::{Engine, Workspace, reference};
use bitsmith::net::{Affine, Model};
use bitsmith::quant::{Bits, Granularity, Policy, RangeMethod, WeightRange};
use quantized::{images, mixed, model, quantized};

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
    let scale = network.tensors[network.graph.logits()].scale;
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
        let policy = Policy::uniform(&model.graph, Bits::B8, Bits::B8);
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
    let policy = Policy::uniform(&model.graph, Bits::B2, Bits::B8);
    let settings = Settings { weights: WeightRange::MinMax, ..Settings::default() };
    let with = agreement(&model, &policy, settings);
    let without = agreement(&model, &policy, Settings { reestimate: false, ..settings });
    assert!(with > without, "{with} {without}");
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
    for policy in [mixed(&model), Policy::uniform(&model.graph, Bits::B8, Bits::B8)] {
        let network = quantized(&model, &policy, Settings::default(), &images(&model, 4));
        let engine = Engine::new(&network).expect("no overflow");
        for image in images(&model, 8) {
            let expected = reference::run(&network, &image).expect("runs");
            assert_eq!(engine.run(&mut Workspace::default(), &image).expect("runs"), expected);
        }
    }
    // The constant class wins by far: 100 in real units.
    let policy = Policy::uniform(&model.graph, Bits::B8, Bits::B8);
    let network = quantized(&model, &policy, Settings::default(), &images(&model, 4));
    let engine = Engine::new(&network).expect("no overflow");
    assert_eq!(engine.predict(&mut Workspace::default(), &images(&model, 1)[0]), Ok(0));
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
    assert!(matches!(Quantization::new(&model, &calibration, &policy, &[]), Err(CalibrateError::NoImages)));
}
