//! What the agent sees of a decision: the ten features of HAQ.

use crate::{
    net::{Graph, Layer, Op},
    quant::{Bits, Slot},
};

/// Features of a decision.
pub const FEATURES: usize = 10;
/// Position of the previous action among them.
const PREVIOUS: usize = 8;

/// A decision as the networks see it.
pub type Observation = [f32; FEATURES];

/// What is known of each decision beforehand, without the previous action: 1 for depthwise layers, input channels,
/// output channels, stride, kernel, weights, input pixels, number of the layer, previous action, 1 for activations.
///
/// Each feature but the last two is scaled to 0..=1 over all decisions; one that never changes is 0.
pub fn observations(graph: &Graph, slots: &[Slot]) -> Vec<Observation> {
    let raw: Vec<[f64; PREVIOUS]> = slots.iter().map(|&slot| features(graph, slot)).collect();
    let range = |feature: usize| {
        let values = || raw.iter().map(|row| row[feature]);
        (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
    };
    let ranges: [_; PREVIOUS] = std::array::from_fn(range);
    let scaled = |(row, slot): (&[f64; PREVIOUS], &Slot)| {
        let mut observation = [0.0; FEATURES];
        for ((out, value), (low, high)) in observation.iter_mut().zip(row).zip(ranges) {
            *out = if high > low { ((value - low) / (high - low)) as f32 } else { 0.0 };
        }
        observation[FEATURES - 1] = if matches!(slot, Slot::Activation(_)) { 1.0 } else { 0.0 };
        observation
    };
    raw.iter().zip(slots).map(scaled).collect()
}

/// A decision after the one before was made.
pub fn after(mut observation: Observation, previous: Option<Bits>) -> Observation {
    observation[PREVIOUS] = previous.map_or(0.0, |bits| bits.count() as f32 / 8.0);
    observation
}

fn features(graph: &Graph, slot: Slot) -> [f64; PREVIOUS] {
    let id = match slot {
        Slot::Weight(layer) => layer,
        Slot::Activation(tensor) => graph.producer(tensor).unwrap_or(0),
    };
    let layer = &graph.layers[id];
    let (input, output) = (graph.input_shape(layer), graph.output_shape(layer));
    let (stride, kernel, pixels) = window(layer, input.pixels(), input.channels);
    [
        f64::from(u8::from(matches!(layer.op, Op::Depthwise(..)))),
        input.channels as f64,
        output.channels as f64,
        stride as f64,
        kernel as f64,
        graph.weight_elements(layer) as f64,
        pixels as f64,
        id as f64,
    ]
}

/// Stride, kernel and pixels. A linear layer has stride 0, kernel 1 and its inputs for pixels, as in HAQ.
fn window(layer: &Layer, pixels: usize, channels: usize) -> (usize, usize, usize) {
    match (layer.window(), layer.op) {
        (Some(window), _) => (window.stride, window.kernel, pixels),
        (None, Op::Linear) => (0, 1, channels),
        (None, _) => (1, 1, pixels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;

    #[test]
    fn features_are_scaled_over_all_decisions() {
        let graph = "mobilenet-v2-0.35-32".parse::<Spec>().expect("a name").build();
        let slots = Slot::all(&graph);
        let seen = observations(&graph, &slots);
        for feature in 0..PREVIOUS {
            let values = || seen.iter().map(|row| row[feature]);
            assert_eq!((values().fold(1.0, f32::min), values().fold(0.0, f32::max)), (0.0, 1.0), "{feature}");
        }
        for (row, slot) in seen.iter().zip(&slots) {
            assert_eq!(row[9] == 1.0, matches!(slot, Slot::Activation(_)), "the flag says activation");
            assert_eq!(row[PREVIOUS], 0.0, "nothing is left of earlier episodes");
        }
        assert_eq!(after(seen[3], Some(Bits::B4))[PREVIOUS], 0.5);
    }
}
