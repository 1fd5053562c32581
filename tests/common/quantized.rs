//! Whole networks from weights to integers, with data from a small generator: the same on every machine.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::cases::Random;
use bitsmith::calibrate::{Observer, Quantization, Settings};
use bitsmith::net::{Affine, BatchNorm, LayerWeights, Model, Network, Normalization, Spec};
use bitsmith::quant::{Bits, Policy, QuantizedNetwork, Slot};
use sha2::{Digest, Sha256};

/// Networks and the SHA-256 of their integers in hexadecimal. A change of these changes every result that anybody
/// has shared.
pub const DIGESTS: [(&str, &str); 3] = [
    ("mobilenet-v1-0.25-32", "35a136c3efef4080007adebe0ed0011546ce1d463a9157414fd28d18ce4895a5"),
    ("mobilenet-v2-0.35-32", "b1d4746089741119049bdc97e38c9370baea742aab793c838936d5892c29189f"),
    ("mnasnet-0.35-32", "c892c583338d8b807ba73689e5b9fd46bbf354b8e1b7580c6106f01f3055b423"),
];

/// A network of the zoo with made-up weights.
pub fn model(name: &str) -> Model {
    let spec = name.parse::<Spec>().expect(name);
    filled(spec.with_classes(10).expect("in range").into())
}

/// A graph with made-up weights.
pub fn filled(network: Network) -> Model {
    let graph = network.graph();
    let mut random = Random(7);
    let mut uniform = move |low: f32, high: f32| {
        let code = f32::from(random.codes(1, Bits::B8)[0]) + f32::from(random.codes(1, Bits::B8)[0]) / 256.0;
        low + (high - low) * code / 256.0
    };
    let weights = graph
        .layers
        .iter()
        .map(|layer| {
            let [c_out, k, _, c_in] = graph.weight_shape(layer)?;
            let reach = 2.0 / ((k * k * c_in) as f32).sqrt();
            let weight = (0..c_out * k * k * c_in).map(|_| uniform(-reach, reach)).collect();
            let mut channel = |low, high| (0..c_out).map(|_| uniform(low, high)).collect::<Vec<_>>();
            let affine = if layer.window().is_some() {
                Affine::BatchNorm(BatchNorm {
                    gamma: channel(0.5, 1.5),
                    beta: channel(-0.5, 1.0),
                    mean: channel(-0.2, 0.2),
                    variance: channel(0.2, 1.0),
                    epsilon: 1e-3,
                })
            } else {
                Affine::Bias(channel(-0.5, 0.5))
            };
            Some(LayerWeights { weight, affine })
        })
        .collect();
    Model { network, weights, normalization: Normalization::IMAGENET, labels: None }
}

/// A network of the zoo whose activations seldom reach their bounds, where losses have kinks, and that does not amplify
/// noise.
pub fn smooth(name: &str) -> Model {
    smoothed(model(name))
}

/// The same of any network.
pub fn smoothed(mut model: Model) -> Model {
    model.normalization = Normalization::SIGNED;
    for weights in model.weights.iter_mut().flatten() {
        if let Affine::BatchNorm(bn) = &mut weights.affine {
            bn.gamma.iter_mut().for_each(|gamma| *gamma *= 0.4);
            bn.beta.iter_mut().for_each(|beta| *beta = 2.0 + 0.5 * *beta);
        }
    }
    model
}

/// Images of noise.
pub fn images(model: &Model, count: u64) -> Vec<Vec<u8>> {
    let elements = model.graph().image().shape.elements();
    (0..count).map(|i| Random(100 + i).codes(elements, Bits::B8)).collect()
}

/// A policy in which all widths occur.
pub fn mixed(model: &Model) -> Policy {
    let mut policy = Policy::uniform(model.graph(), Bits::B8, Bits::B8);
    for (slot, bits) in Slot::all(model.graph()).into_iter().zip(Bits::ALL.into_iter().rev().cycle()) {
        policy.set(slot, bits);
    }
    policy
}

/// The model in integers.
pub fn quantized(model: &Model, policy: &Policy, settings: Settings, images: &[Vec<u8>]) -> QuantizedNetwork {
    let mut observer = Observer::new(model, settings).expect("the model is complete");
    observer.add(images).expect("images fit");
    let calibration = observer.finish().expect("there are images");
    Quantization::new(model, &calibration, policy, images)
        .expect("images fit")
        .finish()
        .expect("integers exist")
}

/// SHA-256 of a network's integers, in hexadecimal.
pub fn digest(network: &QuantizedNetwork) -> String {
    let integers = (&network.policy, &network.tensors, &network.layers, &network.normalization);
    let bytes = postcard::to_stdvec(&integers).expect("networks have only types that postcard writes");
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All integers are those that were recorded once.
pub fn integers_are_the_recorded_ones() {
    let found = DIGESTS.map(|(name, _)| {
        let model = model(name);
        let images = images(&model, 6);
        (name, digest(&quantized(&model, &mixed(&model), Settings::default(), &images)))
    });
    assert_eq!(found, DIGESTS.map(|(name, digest)| (name, digest.to_owned())));
}
