//! Networks with dead and nearly dead channels on their way to integers: what calibration runs is what a device
//! computes. Needs the modules `cases` and `quantized` at the root of the crate.

#![allow(dead_code, reason = "tests each take what they need")]

use crate::quantized::{images, mixed};
use bitsmith::calibrate::{Calibration, Observer, Quantization, Rounding, Settings};
use bitsmith::infer::reference;
use bitsmith::net::{Affine, BatchNorm, Model};
use bitsmith::quant::{Bits, Policy, QuantizedNetwork};

/// Bytes of a layer's sums up to which [`Walk`](bitsmith::calibrate::Walk) keeps them.
const KEPT: usize = 1 << 16;

/// What is wrong with the channels of every layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// Gamma is zero, as weight decay leaves it.
    GammaZero,
    /// All weights are zero.
    WeightsZero,
    /// Gamma is tiny: with some the factor is too small, with some the bias too large, and some are still alive.
    GammaTiny,
    /// Weights and variance are tiny, so that only epsilon is left of the deviation.
    VarianceTiny,
    /// Each of them, and a channel that is upside down.
    All,
}

impl Damage {
    pub const ALL: [Self; 6] =
        [Self::None, Self::GammaZero, Self::WeightsZero, Self::GammaTiny, Self::VarianceTiny, Self::All];

    /// Every layer's channels, from another one on in each layer.
    pub fn apply(self, model: &mut Model) {
        for (number, parameters) in model.weights.iter_mut().flatten().enumerate() {
            let channels = parameters.affine.slope_offset().len();
            let per_channel = parameters.weight.len() / channels;
            let mut next = number % channels;
            let mut channel = || {
                next = (next + 1) % channels;
                next
            };
            let mut scale = |channel: usize, factor: f32| {
                parameters.weight[channel * per_channel..][..per_channel]
                    .iter_mut()
                    .for_each(|w| *w *= factor);
            };
            let Affine::BatchNorm(BatchNorm { gamma, beta, variance, .. }) = &mut parameters.affine else {
                // Classes: one with a bias alone, one with next to nothing beside it.
                if self != Self::None {
                    scale(0, 0.0);
                    scale(1, 1e-7);
                }
                continue;
            };
            let does = |damage| self == damage || self == Self::All;
            if does(Self::GammaZero) {
                for (channel, offset) in [(channel(), 0.7), (channel(), -0.7)] {
                    (gamma[channel], beta[channel]) = (0.0, offset);
                }
            }
            if does(Self::WeightsZero) {
                scale(channel(), 0.0);
            }
            if does(Self::GammaTiny) {
                for size in [1e-30, 1e-8, 1e-6, 1e-4] {
                    let channel = channel();
                    (gamma[channel], beta[channel]) = (gamma[channel] * size, 0.6);
                }
            }
            if does(Self::VarianceTiny) {
                let channel = channel();
                scale(channel, 1e-12);
                variance[channel] = 1e-24;
            }
            if self == Self::All {
                gamma[channel()] *= -1.0;
            }
        }
    }
}

/// Policies in which all widths meet.
pub fn policies(model: &Model) -> Vec<(String, Policy)> {
    let widths = [(8, 8), (4, 8), (2, 8), (8, 2), (4, 4), (2, 2)];
    let bits = |bits: u32| Bits::try_from(bits).expect("a width");
    let uniform = |(w, a)| (format!("{w}/{a}"), Policy::uniform(model.graph(), bits(w), bits(a)));
    widths.into_iter().map(uniform).chain([("mixed".into(), mixed(model))]).collect()
}

/// Channels of each layer whose weights are all zero.
pub fn silent(network: &QuantizedNetwork) -> Vec<Vec<usize>> {
    let of = |layer| {
        let Some(kernel) = network.kernel(layer) else { return Vec::new() };
        let per_channel = kernel.weights.len() / kernel.zero_points.len();
        let channels = kernel.weights.chunks_exact(per_channel).zip(&kernel.zero_points).enumerate();
        channels.filter(|(_, (weights, zero))| weights.iter().all(|w| w == *zero)).map(|(c, _)| c).collect()
    };
    (0..network.layers.len()).map(of).collect()
}

/// What a walk has met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Silent channels in layers whose sums are kept.
    pub kept: usize,
    /// Silent channels in layers whose sums are computed again.
    pub again: usize,
}

/// Observes a model.
pub fn observed(model: &Model, settings: Settings, images: &[Vec<u8>]) -> Calibration {
    let mut observer = Observer::new(model, settings).expect("the model is complete");
    observer.add(images).expect("images fit");
    observer.finish().expect("there are images")
}

/// After every layer, the codes of every calibration image are those of the reference on the finished network.
pub fn codes_are_those_of_the_finished_network(mut model: Model, damage: Damage, count: u64, met: &mut Met) {
    let name = model.network.name().to_owned();
    damage.apply(&mut model);
    let images = images(&model, count);
    // Chosen codes take their time: once for each network.
    let rounding = if damage == Damage::All { Rounding::Output } else { Rounding::Nearest };
    let calibration = observed(&model, Settings { rounding, ..Settings::default() }, &images);
    let graph = model.graph();
    for (widths, policy) in policies(&model) {
        let case = format!("{name} {damage:?} {widths}");
        let mut quantization = Quantization::new(&model, &calibration, &policy, &images).expect("images fit");
        let mut seen: Vec<Vec<Vec<u8>>> = Vec::new();
        let network = loop {
            let layer = &graph.layers[quantization.progress().0];
            let finished = quantization.step().unwrap_or_else(|error| panic!("{case}: {error}"));
            seen.push(quantization.codes(layer.output).map(<[u8]>::to_vec).collect());
            if let Some(network) = finished {
                break network;
            }
        };
        let traces: Vec<_> =
            images.iter().map(|image| reference::trace(&network, image).expect("it runs")).collect();
        for ((layer, seen), silent) in graph.layers.iter().zip(seen).zip(silent(&network)) {
            if layer.output == graph.logits() {
                continue;
            }
            assert_eq!(seen.len(), images.len(), "{case} {}", layer.name);
            for (number, (seen, trace)) in seen.iter().zip(&traces).enumerate() {
                let expected = &trace.tensors[layer.output];
                let differing = seen.iter().zip(expected).filter(|(a, b)| a != b).count();
                assert!(
                    seen.len() == expected.len() && differing == 0,
                    "{case}, layer {}, image {number}: {differing} of {} codes differ",
                    layer.name,
                    expected.len()
                );
            }
            let sums = graph.output_shape(layer).elements() * size_of::<i32>();
            *(if sums <= KEPT { &mut met.kept } else { &mut met.again }) += silent.len();
        }
    }
}
