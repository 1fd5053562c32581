//! Runs a network byte by byte, without numbers: every byte of the arena knows what it holds. A plan is valid if every
//! byte that is read still holds what was written there for this purpose.
//!
//! This follows the order in which the runtime reads and writes, and shares no code with the planner.

use crate::{
    memory::Plan,
    net::{Graph, Layer, LayerId, Op, TensorId, Window},
    quant::Policy,
};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Content {
    Nothing,
    /// A byte of a tensor, counted from its start.
    Tensor(TensorId, usize),
    Scratch(LayerId),
}

struct Machine<'a> {
    graph: &'a Graph,
    policy: &'a Policy,
    plan: &'a Plan,
    arena: Vec<Content>,
}

type Checked = Result<(), String>;

/// Checks a plan.
///
/// # Errors
/// What went wrong, and where.
pub fn simulate(graph: &Graph, policy: &Policy, plan: &Plan) -> Checked {
    if let Some(odd) = plan.tensors.iter().chain(plan.scratch.iter().map(|s| &s.offset)).find(|o| *o % 4 != 0)
    {
        return Err(format!("offset {odd} is no multiple of 4"));
    }
    let arena = vec![Content::Nothing; plan.arena];
    let mut machine = Machine { graph, policy, plan, arena };
    machine.write(0, 0..machine.bytes(0))?;
    for (id, layer) in graph.layers.iter().enumerate() {
        machine.run(id, layer).map_err(|e| format!("{}: {e}", layer.name))?;
    }
    machine.read(graph.logits(), 0..machine.bytes(graph.logits()))
}

impl Machine<'_> {
    fn run(&mut self, id: LayerId, layer: &Layer) -> Checked {
        let scratch = self.plan.scratch[id];
        self.fill(scratch.offset..scratch.offset + scratch.bytes, |_| Content::Scratch(id))?;
        match layer.op {
            Op::Conv(Window { kernel: 1, stride: 1, .. }) => self.pairs(layer)?,
            Op::Add => self.groups(layer)?,
            Op::MaxPool(window) | Op::AvgPool(window) => self.windows(layer, window)?,
            Op::Lookup(_) => self.groups(layer)?,
            Op::Multiply => self.gated(layer)?,
            Op::Concat => self.joined(layer)?,
            Op::Linear => {
                self.read(layer.inputs[0], 0..self.bytes(layer.inputs[0]))?;
                self.write(layer.output, 0..self.bytes(layer.output))?;
            }
            Op::GlobalAvgPool => {
                self.write(layer.output, 0..self.bytes(layer.output))?;
                self.read(layer.inputs[0], 0..self.bytes(layer.inputs[0]))?;
            }
            Op::Conv(window) => {
                let channels = self.graph.tensors[layer.inputs[0]].shape.channels;
                let outputs = self.graph.tensors[layer.output].shape.channels;
                self.rows(layer, window, 0..channels, 0..outputs)?;
            }
            Op::Depthwise(window) => {
                let channels = self.graph.tensors[layer.inputs[0]].shape.channels;
                let block = self.plan.blocks[id];
                if block != channels && (block == 0 || !block.is_multiple_of(16) || block > channels) {
                    return Err(format!("a block of {block} of {channels} channels"));
                }
                for first in (0..channels).step_by(block) {
                    let block = first..(first + block).min(channels);
                    self.rows(layer, window, block.clone(), block)?;
                }
            }
        }
        let found = &self.arena[scratch.offset..scratch.offset + scratch.bytes];
        if found.iter().any(|&content| content != Content::Scratch(id)) {
            return Err("its output was written over its scratch".into());
        }
        Ok(())
    }

    /// Two pixels of input, then two of output, and so on.
    fn pairs(&mut self, layer: &Layer) -> Checked {
        let pixels = self.graph.tensors[layer.output].shape.pixels();
        for first in (0..pixels).step_by(2) {
            let part = |bytes: usize| first * bytes..(first + 2).min(pixels) * bytes;
            self.read(layer.inputs[0], part(self.pixel_bytes(layer.inputs[0])))?;
            self.write(layer.output, part(self.pixel_bytes(layer.output)))?;
        }
        Ok(())
    }

    /// Four channels of a pixel of both inputs, then of the output, and so on.
    fn groups(&mut self, layer: &Layer) -> Checked {
        let shape = self.graph.tensors[layer.output].shape;
        for pixel in 0..shape.pixels() {
            for first in (0..shape.channels).step_by(4) {
                let channels = first..(first + 4).min(shape.channels);
                for &input in &layer.inputs {
                    self.read(input, self.codes(input, pixel, &channels))?;
                }
                self.write(layer.output, self.codes(layer.output, pixel, &channels))?;
            }
        }
        Ok(())
    }

    /// Four channels of a pixel, and of the gate's only one, then of the output, and so on.
    fn gated(&mut self, layer: &Layer) -> Checked {
        let (map, gate) = (layer.inputs[0], layer.inputs[1]);
        let shape = self.graph.tensors[layer.output].shape;
        for pixel in 0..shape.pixels() {
            for first in (0..shape.channels).step_by(4) {
                let channels = first..(first + 4).min(shape.channels);
                self.read(map, self.codes(map, pixel, &channels))?;
                self.read(gate, self.codes(gate, 0, &channels))?;
                self.write(layer.output, self.codes(layer.output, pixel, &channels))?;
            }
        }
        Ok(())
    }

    /// All of one map into its channels of the output, then the next map; a byte of which two maps have a part is read
    /// again.
    fn joined(&mut self, layer: &Layer) -> Checked {
        let bits = self.policy.activation(self.graph, layer.output).count();
        let pixels = self.graph.tensors[layer.output].shape.pixels();
        let mut next = 0;
        for &input in &layer.inputs {
            let channels = self.graph.tensors[input].shape.channels;
            let whole = 0..channels;
            let (first, end) = (next, next + channels);
            next = end;
            for pixel in 0..pixels {
                self.read(input, self.codes(input, pixel, &whole))?;
                let start = pixel * self.pixel_bytes(layer.output);
                let place = start + first * bits / 8..start + (end * bits).div_ceil(8);
                if !(first * bits).is_multiple_of(8) {
                    self.read(layer.output, place.start..place.start + 1)?;
                }
                self.write(layer.output, place)?;
            }
        }
        Ok(())
    }

    /// Four channels of all pixels under a window, then of the output, and so on.
    fn windows(&mut self, layer: &Layer, window: Window) -> Checked {
        let (input, output) = (layer.inputs[0], layer.output);
        let (from, to) = (self.graph.tensors[input].shape, self.graph.tensors[output].shape);
        let inside = |at: usize, pad: usize, side: usize| at.checked_sub(pad).filter(|&at| at < side);
        for pixel in 0..to.pixels() {
            let (y, x) = (pixel / to.width * window.stride, pixel % to.width * window.stride);
            for first in (0..to.channels).step_by(4) {
                let channels = first..(first + 4).min(to.channels);
                for tap in 0..window.kernel * window.kernel {
                    let row = inside(y + tap / window.kernel, window.pads.top, from.height);
                    let column = inside(x + tap % window.kernel, window.pads.left, from.width);
                    if let (Some(row), Some(column)) = (row, column) {
                        self.read(input, self.codes(input, row * from.width + column, &channels))?;
                    }
                }
                self.write(output, self.codes(output, pixel, &channels))?;
            }
        }
        Ok(())
    }

    /// All rows under the window that have not been read, then a row of output, and so on; of some channels.
    fn rows(&mut self, layer: &Layer, window: Window, from: Range<usize>, to: Range<usize>) -> Checked {
        let (input, output) = (layer.inputs[0], layer.output);
        let height = self.graph.tensors[input].shape.height as isize;
        let mut next = 0;
        for y in 0..self.graph.tensors[output].shape.height {
            let last = (y * window.stride + window.kernel) as isize - 1 - window.pads.top as isize;
            while next <= last.min(height - 1) {
                self.row(input, next as usize, &from, Self::read)?;
                next += 1;
            }
            self.row(output, y, &to, Self::write)?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        tensor: TensorId,
        y: usize,
        channels: &Range<usize>,
        access: impl Fn(&mut Self, TensorId, Range<usize>) -> Checked,
    ) -> Checked {
        let width = self.graph.tensors[tensor].shape.width;
        for x in 0..width {
            access(self, tensor, self.codes(tensor, y * width + x, channels))?;
        }
        Ok(())
    }

    /// Bytes of some channels of a pixel; the first starts on a byte.
    fn codes(&self, tensor: TensorId, pixel: usize, channels: &Range<usize>) -> Range<usize> {
        let bits = self.policy.activation(self.graph, tensor).count();
        let start = pixel * self.pixel_bytes(tensor);
        start + channels.start * bits / 8..start + (channels.end * bits).div_ceil(8)
    }

    fn pixel_bytes(&self, tensor: TensorId) -> usize {
        let channels = self.graph.tensors[tensor].shape.channels;
        let bits = if tensor == self.graph.logits() {
            32
        } else {
            self.policy.activation(self.graph, tensor).count()
        };
        (channels * bits).div_ceil(8)
    }

    fn bytes(&self, tensor: TensorId) -> usize {
        self.graph.tensors[tensor].shape.pixels() * self.pixel_bytes(tensor)
    }

    fn write(&mut self, tensor: TensorId, range: Range<usize>) -> Checked {
        let offset = self.plan.tensors[tensor];
        self.fill(offset + range.start..offset + range.end, |at| Content::Tensor(tensor, at - offset))
    }

    fn fill(&mut self, range: Range<usize>, content: impl Fn(usize) -> Content) -> Checked {
        for at in range {
            let len = self.arena.len();
            let byte = self.arena.get_mut(at).ok_or(format!("byte {at} of an arena of {len}"))?;
            *byte = content(at);
        }
        Ok(())
    }

    fn read(&mut self, tensor: TensorId, range: Range<usize>) -> Checked {
        let name = &self.graph.tensors[tensor].name;
        let offset = self.plan.tensors[tensor];
        for byte in range {
            let found = self.arena.get(offset + byte).copied();
            if found != Some(Content::Tensor(tensor, byte)) {
                return Err(format!("byte {byte} of {name} is lost: {found:?}"));
            }
        }
        Ok(())
    }
}
