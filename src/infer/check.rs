//! What a network must fulfil before it runs.

use super::kernel::PreparedKernel;
use super::pool::Pool;
use super::reach::Reach;
use crate::net::{Graph, Layer, LayerId, Op, Shape, TensorId};
use crate::quant::{AddRequantizer, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer};

/// Why a network or an image is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// The image has the wrong size.
    #[error(
        "an image of {found} bytes: expected {} ({expected}, 8 bits each); resize it to the network's input",
        expected.elements()
    )]
    Image {
        /// The network's input.
        expected: Shape,
        /// Bytes given.
        found: usize,
    },
    /// A sum of products may leave the range of an i32.
    #[error(
        "layer {layer}: the accumulator of channel {channel} may leave 32 bits; give its weights or its input \
         fewer bits"
    )]
    Overflow {
        /// Name of the layer.
        layer: String,
        /// The first channel concerned; 0 if it is all.
        channel: usize,
    },
    /// The parts of the network contradict each other.
    #[error("layer {layer} has {found} {what}: expected {expected}; export or convert the network again")]
    Malformed {
        /// Name of the layer.
        layer: String,
        /// What was counted or measured.
        what: &'static str,
        /// What the graph needs.
        expected: usize,
        /// What there is.
        found: usize,
    },
    /// A layer stands where the integers of the network cannot serve it.
    #[error("layer {layer} {problem}; export or convert the network again")]
    Structure {
        /// Name of the layer.
        layer: String,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Checks an image's size.
pub(super) fn check_image(expected: Shape, image: &[u8]) -> Result<(), InferError> {
    let found = image.len();
    if found == expected.elements() { Ok(()) } else { Err(InferError::Image { expected, found }) }
}

/// Checks all that inference relies on, so that it neither panics nor leaves the range of an i32.
///
/// # Errors
/// If parts of the network contradict each other, or an accumulator may overflow.
pub fn check_network(network: &QuantizedNetwork) -> Result<(), InferError> {
    let (graph, tensors, layers) = (network.graph(), &network.tensors, &network.layers);
    let checks = Checks { graph, tensors };
    checks.lengths(layers.len())?;
    for (id, (layer, integers)) in graph.layers.iter().zip(layers).enumerate() {
        match integers {
            QuantizedLayer::Kernel(kernel) => {
                let count = |what, expected, found| equal(layer, what, expected, found);
                count("codes of weights", graph.weight_elements(layer), kernel.weights.len())?;
                let channels = graph.output_shape(layer).channels;
                count("zero points of weights", channels, kernel.zero_points.len())?;
                let mut codes = kernel.weights.iter().chain(&kernel.zero_points);
                if codes.any(|&code| code > kernel.bits.max_code()) {
                    return structure(layer, "has codes of weights beyond the largest of their width");
                }
                let reach = Reach::of_channels(&kernel.weights, &kernel.zero_points);
                checks.kernel(id, &reach, &kernel.requantizers, &kernel.pad_codes)?;
            }
            QuantizedLayer::Pool(requantizer) => checks.pool(id, requantizer)?,
            QuantizedLayer::Add(requantizer) => checks.add(id, requantizer)?,
            QuantizedLayer::MaxPool => checks.max_pool(id).map(|_| ())?,
            QuantizedLayer::AvgPool => checks.avg_pool(id).map(|_| ())?,
            QuantizedLayer::Lookup(table) => checks.lookup(id, table)?,
            QuantizedLayer::Multiply(requantizer) => checks.multiply(id, requantizer)?,
            QuantizedLayer::Concat(tables) => checks.concat(id, tables)?,
        }
    }
    Ok(())
}

/// Checks of a network's parts.
pub(super) struct Checks<'a> {
    pub(super) graph: &'a Graph,
    pub(super) tensors: &'a [Quantizer],
}

impl Checks<'_> {
    /// A quantizer for each tensor, integers for each layer, and logits at the end.
    pub(super) fn lengths(&self, layers: usize) -> Result<(), InferError> {
        let Some(last) = self.graph.layers.last() else {
            let layer = self.graph.image().name.clone();
            return Err(InferError::Structure { layer, problem: "is followed by nothing" });
        };
        equal(last, "quantized layers up to it", self.graph.layers.len(), layers)?;
        equal(last, "quantizers of tensors up to it", self.graph.tensors.len(), self.tensors.len())?;
        for (id, layer) in self.graph.layers.iter().enumerate() {
            let is_last = id + 1 == self.graph.layers.len();
            let may_stand = match layer.op {
                Op::Linear => is_last,
                Op::GlobalAvgPool => true,
                _ => !is_last,
            };
            if !may_stand {
                return structure(
                    layer,
                    "is out of place: logits come from a linear layer or a global pool at the very end",
                );
            }
            let quantizer = self.tensors[layer.output];
            if !is_last && quantizer.zero_point > quantizer.bits.max_code() {
                return structure(layer, "has a zero point beyond its largest code");
            }
        }
        Ok(())
    }

    /// A layer with weights.
    pub(super) fn kernel(
        &self,
        id: LayerId,
        reach: &[Reach],
        requantizers: &[Requantizer],
        pad_codes: &[u8],
    ) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if !layer.has_weights() {
            return structure(layer, "has weights, though its operation needs none");
        }
        let channels = self.graph.output_shape(layer).channels;
        equal(layer, "requantizers", channels, requantizers.len())?;
        let input = self.graph.input_shape(layer);
        if layer.op == Op::Linear {
            equal(layer, "input pixels", 1, input.pixels())?;
        }
        if pad_codes.len() != 1 {
            equal(layer, "pad codes", input.channels, pad_codes.len())?;
        }
        let max_code = self.max_code(layer.inputs[0]);
        if pad_codes.iter().any(|&code| code > max_code) {
            return structure(layer, "has a pad code beyond its input's largest code");
        }
        for (channel, (reach, requantizer)) in reach.iter().zip(requantizers).enumerate() {
            self.shift(layer, requantizer.shift, 62)?;
            let fits = reach.fits(requantizer.bias, max_code)
                && (layer.op != Op::Linear || fits_logits(reach, requantizer, max_code));
            if !fits {
                return Err(InferError::Overflow { layer: layer.name.clone(), channel });
            }
        }
        Ok(())
    }

    /// Prepared weights are those of the layer.
    pub(super) fn prepared(&self, id: LayerId, kernel: &PreparedKernel) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if kernel.serves(self.graph, layer) {
            Ok(())
        } else {
            structure(layer, "was given the prepared weights of another layer")
        }
    }

    /// A global average pool: each code of a channel counts once.
    pub(super) fn pool(&self, id: LayerId, requantizer: &Requantizer) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if layer.op != Op::GlobalAvgPool {
            return structure(layer, "has a pool's integers, though it is none");
        }
        self.shift(layer, requantizer.shift, 62)?;
        let pixels = self.graph.input_shape(layer).pixels();
        let reach = Reach { negative: 0, positive: pixels as i64 };
        let max_code = self.max_code(layer.inputs[0]);
        let is_last = layer.output == self.graph.logits();
        if reach.fits(requantizer.bias, max_code) && (!is_last || fits_logits(&reach, requantizer, max_code))
        {
            Ok(())
        } else {
            Err(InferError::Overflow { layer: layer.name.clone(), channel: 0 })
        }
    }

    /// A max pool with a window.
    pub(super) fn max_pool(&self, id: LayerId) -> Result<Pool, InferError> {
        let is_one = matches!(self.graph.layers[id].op, Op::MaxPool(..));
        self.window_pool(id, is_one, "has a max pool's integers, though it is none")
    }

    /// An average pool with a window.
    pub(super) fn avg_pool(&self, id: LayerId) -> Result<Pool, InferError> {
        let is_one = matches!(self.graph.layers[id].op, Op::AvgPool(..));
        self.window_pool(id, is_one, "has an average pool's integers, though it is none")
    }

    /// Codes stand for the same on both sides, and each window covers some.
    fn window_pool(&self, id: LayerId, is_one: bool, problem: &'static str) -> Result<Pool, InferError> {
        let layer = &self.graph.layers[id];
        let Some(pool) = Pool::of(self.graph, layer).filter(|_| is_one) else {
            return structure(layer, problem);
        };
        if self.tensors[layer.inputs[0]] != self.tensors[layer.output] {
            return structure(layer, "has another quantizer than its input, though it requantizes nothing");
        }
        if !pool.is_sound() {
            return structure(layer, "has a window that covers no pixel, or more than 121");
        }
        Ok(pool)
    }

    /// A residual add: two products and an offset.
    pub(super) fn add(&self, id: LayerId, requantizer: &AddRequantizer) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if layer.op != Op::Add {
            return structure(layer, "has an add's integers, though it is none");
        }
        self.shift(layer, requantizer.shift, 31)?;
        let offset = i64::from(requantizer.offset);
        let (mut low, mut high) = (offset.min(0), offset.max(0));
        for (&input, multiplier) in layer.inputs.iter().zip(requantizer.multipliers) {
            let extreme = i64::from(multiplier) * i64::from(self.max_code(input));
            low += extreme.min(0);
            high += extreme.max(0);
        }
        if low >= i64::from(i32::MIN) && high <= i64::from(i32::MAX) {
            Ok(())
        } else {
            Err(InferError::Overflow { layer: layer.name.clone(), channel: 0 })
        }
    }

    /// A function of each element.
    pub(super) fn lookup(&self, id: LayerId, table: &[u8]) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if !matches!(layer.op, Op::Lookup(_)) {
            return structure(layer, "has a function's table, though it is none");
        }
        self.table(layer, layer.inputs[0], table)
    }

    /// A concatenation: a table for each map.
    pub(super) fn concat(&self, id: LayerId, tables: &[Vec<u8>]) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if layer.op != Op::Concat {
            return structure(layer, "has a concatenation's tables, though it is none");
        }
        equal(layer, "tables", layer.inputs.len(), tables.len())?;
        layer.inputs.iter().zip(tables).try_for_each(|(&input, table)| self.table(layer, input, table))
    }

    /// A code of the output for each code of an input.
    fn table(&self, layer: &Layer, input: TensorId, table: &[u8]) -> Result<(), InferError> {
        equal(layer, "codes in a table", usize::from(self.max_code(input)) + 1, table.len())?;
        let max_code = self.max_code(layer.output);
        if table.iter().any(|&code| code > max_code) {
            return structure(layer, "has a table with codes beyond the largest of its output");
        }
        Ok(())
    }

    /// A product of a map and a gate.
    pub(super) fn multiply(&self, id: LayerId, requantizer: &Requantizer) -> Result<(), InferError> {
        let layer = &self.graph.layers[id];
        if layer.op != Op::Multiply {
            return structure(layer, "has a product's integers, though it is none");
        }
        self.shift(layer, requantizer.shift, 62)?;
        let largest: i64 = layer.inputs.iter().map(|&input| i64::from(self.max_code(input))).product();
        // Zero points lie among the codes: distances are no larger than the largest code, either way.
        let reach = Reach { negative: -largest, positive: largest };
        if reach.fits(requantizer.bias, 1) {
            Ok(())
        } else {
            Err(InferError::Overflow { layer: layer.name.clone(), channel: 0 })
        }
    }

    /// Largest code of a tensor; the image takes any byte.
    fn max_code(&self, tensor: TensorId) -> u8 {
        if tensor == 0 { u8::MAX } else { self.tensors[tensor].bits.max_code() }
    }

    fn shift(&self, layer: &Layer, shift: u8, most: u8) -> Result<(), InferError> {
        if shift <= most { Ok(()) } else { structure(layer, "shifts by more digits than there are") }
    }
}

/// Whether logits fit an i32.
fn fits_logits(reach: &Reach, requantizer: &Requantizer, max_code: u8) -> bool {
    let i32s = i64::from(i32::MIN)..=i64::from(i32::MAX);
    reach.logits(requantizer, max_code).iter().all(|logit| i32s.contains(logit))
}

fn equal(layer: &Layer, what: &'static str, expected: usize, found: usize) -> Result<(), InferError> {
    if expected == found {
        Ok(())
    } else {
        Err(InferError::Malformed { layer: layer.name.clone(), what, expected, found })
    }
}

fn structure<T>(layer: &Layer, problem: &'static str) -> Result<T, InferError> {
    Err(InferError::Structure { layer: layer.name.clone(), problem })
}
