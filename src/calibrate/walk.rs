//! Calibration images on their way through the network in integers.

use super::{SumMoments, SumsWanted};
use crate::infer::{EngineStep, PreparedKernel, Scratch};
use crate::net::{Graph, LayerId, TensorId};
use std::sync::Arc;

/// Sums of an image up to this many bytes are kept from [`Walk::sums`] for [`Walk::advance`]; beyond, they are
/// quicker computed again than written to memory and read.
const KEPT: usize = 1 << 16;

/// Some images, layer by layer.
#[derive(Clone, Debug)]
pub struct Walk {
    images: Vec<Image>,
    /// What the images' sums were computed with, if they are kept.
    kernel: Option<Arc<PreparedKernel>>,
    scratch: Scratch,
}

#[derive(Clone, Debug)]
struct Image {
    /// Codes by tensor; empty before they are computed and after their last use.
    codes: Vec<Vec<u8>>,
    /// Sums of the layer at hand, if they are few.
    sums: Vec<i32>,
}

impl Walk {
    /// Images before the first layer.
    pub fn new<I: AsRef<[u8]>>(graph: &Graph, images: &[I]) -> Self {
        let image = |pixels: &I| {
            let mut codes = vec![Vec::new(); graph.tensors.len()];
            codes[0] = pixels.as_ref().to_vec();
            Image { codes, sums: Vec::new() }
        };
        Self { images: images.iter().map(image).collect(), kernel: None, scratch: Scratch::default() }
    }

    /// Images that already have codes for some tensors: `codes` gives those of an image, each with its tensor.
    pub fn with_codes(
        graph: &Graph,
        images: usize,
        codes: impl Fn(usize) -> Vec<(TensorId, Vec<u8>)>,
    ) -> Self {
        let image = |number| {
            let mut image = Image { codes: vec![Vec::new(); graph.tensors.len()], sums: Vec::new() };
            for (tensor, codes) in codes(number) {
                image.codes[tensor] = codes;
            }
            image
        };
        Self { images: (0..images).map(image).collect(), kernel: None, scratch: Scratch::default() }
    }

    /// Codes of a tensor of each image; empty ones if it is not in memory.
    pub fn codes(&self, tensor: TensorId) -> impl Iterator<Item = &[u8]> {
        self.images.iter().map(move |image| image.codes[tensor].as_slice())
    }

    /// Statistics of a layer's sums `x_q * (w_q - w_zero_point)` over these images, per output channel.
    pub fn sums(&mut self, graph: &Graph, id: LayerId, wanted: &SumsWanted) -> SumMoments {
        let layer = &graph.layers[id];
        let shape = graph.output_shape(layer);
        let reach = wanted.kernel.reach().iter().map(|reach| reach.positive.max(-reach.negative)).max();
        // Inputs are bytes; what leaves 32 bits is refused before it runs.
        let largest = u32::try_from(reach.unwrap_or(0) * i64::from(u8::MAX)).unwrap_or(u32::MAX);
        let keep = shape.elements() * size_of::<i32>() <= KEPT;
        let mut moments = SumMoments::new(shape.channels);
        for Image { codes, sums } in &mut self.images {
            sums.clear();
            let input = &codes[layer.inputs[0]];
            wanted.kernel.sums(input, &wanted.pad_codes, &mut self.scratch, |_, row| {
                if keep {
                    sums.extend_from_slice(row);
                } else {
                    moments.add(row, largest);
                }
            });
            moments.add(sums, largest);
        }
        self.kernel = keep.then(|| wanted.kernel.clone());
        moments
    }

    /// Computes a layer's output codes, those of the finished network, and forgets inputs that nobody reads again.
    /// After [`Walk::sums`] of the same layer, or without.
    pub fn advance(&mut self, graph: &Graph, id: LayerId, step: &EngineStep) {
        let layer = &graph.layers[id];
        let kernel = self.kernel.take();
        for Image { codes, sums } in &mut self.images {
            let mut output = vec![0; step.len()];
            let is_kept = kernel.as_ref().is_some_and(|kernel| step.requantize(kernel, sums, &mut output));
            if !is_kept {
                let input = |at: usize| layer.inputs.get(at).map_or(&[][..], |&input| &codes[input]);
                step.codes(input, &mut self.scratch, &mut output);
            }
            sums.clear();
            codes[layer.output] = output;
            for &read in &layer.inputs {
                if graph.last_reader(read) == Some(id) {
                    codes[read] = Vec::new();
                }
            }
        }
    }
}
