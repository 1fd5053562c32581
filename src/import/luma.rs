//! Networks for gray images: their first convolution computes the gray from red, green and blue.

use super::passes::Lowered;
use super::{Setting, SettingKind};
use crate::net::{Graph, Op, Shape};

/// Parts of red, green and blue in luma: ITU-R BT.601, as in PIL's mode L and in JPEG.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Weights over red, green and blue that compute what weights over luma do: luma is a weighted sum of the colours, and
/// its parts of one add up to one, so that mean and deviation of the image stay as they are.
pub(super) fn weights(gray: &[f32]) -> Vec<f32> {
    gray.iter().flat_map(|weight| LUMA.map(|part| weight * part)).collect()
}

/// Gives a network for gray images three input channels. The image is read by convolutions alone.
pub(super) fn to_colours(network: &mut Lowered) {
    let Graph { tensors, layers } = &mut network.graph;
    if let Some(image) = tensors.first_mut() {
        image.shape = Shape { channels: LUMA.len(), ..image.shape };
    }
    for (layer, parameters) in layers.iter().zip(&mut network.weights) {
        if let (Op::Conv(_), Some(0), Some(parameters)) = (layer.op, layer.inputs.first(), parameters) {
            parameters.weight = weights(&parameters.weight);
        }
    }
}

/// What a user is told.
pub(super) fn setting() -> Setting {
    let why = "the first convolution has one input channel, and images have three";
    let value = "red, green and blue, summed to luma (ITU-R BT.601) by the first convolution";
    Setting::assumed(SettingKind::Channels, value.into(), why.into())
}
