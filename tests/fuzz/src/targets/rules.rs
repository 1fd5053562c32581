//! What must hold of an arena's plan, by runtime/bitsmith.h alone: where kernels read and write, and in which order.
//!
//! Nothing here is shared with the planner, not even sizes of tensors or lifetimes.

use bitsmith::memory::Plan;
use bitsmith::net::{Activation, Function, Graph, Layer, LayerId, Op, Pads, Shape, Spec, TensorId, Window};
use bitsmith::quant::{Bits, Policy};
use std::ops::Range;

/// Checks a plan.
///
/// # Errors
/// The first rule that does not hold, and for which layer.
pub fn check(graph: &Graph, policy: &Policy, plan: &Plan) -> Result<(), String> {
    let rules = Rules { graph, policy, plan };
    for (id, layer) in graph.layers.iter().enumerate() {
        rules.layer(id, layer).map_err(|what| format!("{}: {what}", layer.name))?;
    }
    Ok(())
}

struct Rules<'a> {
    graph: &'a Graph,
    policy: &'a Policy,
    plan: &'a Plan,
}

/// `Err(what)` unless `holds`.
fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

impl Rules<'_> {
    /// Bits of a tensor's elements: logits are int32.
    fn bits(&self, tensor: TensorId) -> usize {
        if tensor + 1 == self.graph.tensors.len() {
            32
        } else {
            self.policy.activation(self.graph, tensor).count()
        }
    }

    /// "Every pixel starts on a byte and takes ceil(channels * bits / 8) bytes."
    fn pixel(&self, tensor: TensorId) -> usize {
        (self.graph.tensors[tensor].shape.channels * self.bits(tensor)).div_ceil(8)
    }

    fn place(&self, tensor: TensorId) -> Range<usize> {
        let shape = self.graph.tensors[tensor].shape;
        let start = self.plan.tensors[tensor];
        start..start + shape.height * shape.width * self.pixel(tensor)
    }

    /// Whether a tensor holds something when a layer begins: the image, or what an earlier layer has written, if this or
    /// a later layer reads it.
    fn is_live(&self, tensor: TensorId, at: LayerId) -> bool {
        let written = tensor == 0 || self.graph.layers[..at].iter().any(|layer| layer.output == tensor);
        written && self.graph.layers[at..].iter().any(|layer| layer.inputs.contains(&tensor))
    }

    fn layer(&self, id: LayerId, layer: &Layer) -> Result<(), String> {
        let output = self.place(layer.output);
        let scratch = &self.plan.scratch[id];
        let work = scratch.offset..scratch.offset + scratch.bytes;
        require(scratch.bytes == 0 || work.start.is_multiple_of(4), || format!("scratch at {}", work.start))?;
        require(layer.output + 1 != self.graph.tensors.len() || output.start.is_multiple_of(4), || {
            format!("logits at {}", output.start)
        })?;
        let live: Vec<TensorId> = (0..self.graph.tensors.len()).filter(|&t| self.is_live(t, id)).collect();
        for place in live.iter().map(|&t| self.place(t)).chain([output.clone(), work.clone()]) {
            require(place.end <= self.plan.arena, || {
                format!("{place:?} of an arena of {}", self.plan.arena)
            })?;
        }
        require(work.is_empty() || !overlap(&work, &output), || "scratch and output overlap".into())?;
        for (n, &tensor) in live.iter().enumerate() {
            let place = self.place(tensor);
            let name = || &self.graph.tensors[tensor].name;
            require(work.is_empty() || !overlap(&work, &place), || format!("scratch lies over {}", name()))?;
            for &other in &live[..n] {
                require(!overlap(&place, &self.place(other)), || {
                    format!("two live tensors overlap: {}", name())
                })?;
            }
            if overlap(&place, &output) {
                let is_over = !self.graph.layers[id + 1..].iter().any(|later| later.inputs.contains(&tensor));
                require(is_over, || format!("the output lies over {}, which is needed later", name()))?;
                self.over(id, layer, tensor).map_err(|what| format!("the output over {}: {what}", name()))?;
            }
        }
        Ok(())
    }

    /// The output lies over this input: the kernel must have read what it overwrites.
    fn over(&self, id: LayerId, layer: &Layer, input: TensorId) -> Result<(), String> {
        let (from, to) = (self.place(input), self.place(layer.output));
        require(to.start <= from.start, || {
            format!("it starts at {} and not below {}", to.start, from.start)
        })?;
        let (read, written) = (self.pixel(input), self.pixel(layer.output));
        let (inputs, outputs) = (self.graph.tensors[input].shape, self.graph.tensors[layer.output].shape);
        let pixels = inputs.height * inputs.width;
        // So many bytes are written when so many are read of those that ever are.
        let keeps_behind = |bytes_written: usize, bytes_read: usize, ever: usize| {
            let is_all = bytes_read >= ever;
            require(is_all || to.start + bytes_written <= from.start + bytes_read, || {
                format!("byte {bytes_written} is written when {bytes_read} are read")
            })
        };
        let rows = |kernel: usize, stride: usize, top: usize| {
            let bytes_read = |y: usize| {
                let rows = (y * stride + kernel).saturating_sub(top).min(inputs.height);
                rows * inputs.width * read
            };
            let ever = bytes_read(outputs.height - 1);
            (0..outputs.height)
                .try_for_each(|y| keeps_behind((y + 1) * outputs.width * written, bytes_read(y), ever))
        };
        match layer.op {
            Op::Conv(window) if (window.kernel, window.stride) == (1, 1) => {
                (0..pixels).step_by(2).try_for_each(|first| {
                    let count = (first + 2).min(pixels);
                    keeps_behind(count * written, count * read, from.len())
                })
            }
            Op::Conv(window) => rows(window.kernel, window.stride, window.pads.top),
            Op::Depthwise(window) => {
                let block = self.plan.blocks[id];
                if block == inputs.channels {
                    return rows(window.kernel, window.stride, window.pads.top);
                }
                let same = to == from && window.stride == 1 && self.bits(input) == self.bits(layer.output);
                require(same, || format!("with {block} of {} channels at a time", inputs.channels))
            }
            Op::Linear => Ok(()),
            Op::GlobalAvgPool => Err("a pool".into()),
            Op::MaxPool(window) | Op::AvgPool(window) => self.windows(layer, input, window),
            Op::Concat => Err("a concatenation".into()),
            Op::Multiply if layer.inputs[1] == input => Err("a gate".into()),
            Op::Add | Op::Lookup(_) | Op::Multiply => (0..pixels).try_for_each(|pixel| {
                (0..inputs.channels).step_by(4).try_for_each(|first| {
                    let count = (first + 4).min(inputs.channels);
                    let upto = |bytes: usize, bits: usize| pixel * bytes + (count * bits).div_ceil(8);
                    let (bytes_written, bytes_read) =
                        (upto(written, self.bits(layer.output)), upto(read, self.bits(input)));
                    keeps_behind(bytes_written, bytes_read, from.len())
                })
            }),
        }
    }
}

impl Rules<'_> {
    /// The output of a windowed pool lies over its input: no byte that a later step reads may be written before.
    fn windows(&self, layer: &Layer, input: TensorId, window: Window) -> Result<(), String> {
        let (from, to) = (self.place(input), self.place(layer.output));
        let (inputs, outputs) = (self.graph.tensors[input].shape, self.graph.tensors[layer.output].shape);
        let (pixel, bits) = (self.pixel(input), self.bits(input));
        // Where four channels, the last or fewer, end in a pixel.
        let groups: Vec<[usize; 2]> = (0..inputs.channels)
            .step_by(4)
            .map(|first| [first * bits / 8, ((first + 4).min(inputs.channels) * bits).div_ceil(8)])
            .collect();
        // From the last step to the first: the lowest byte that this or a later step reads.
        let mut lowest = usize::MAX;
        for number in (0..outputs.height * outputs.width).rev() {
            let (y, x) = (number / outputs.width * window.stride, number % outputs.width * window.stride);
            let row = y.saturating_sub(window.pads.top);
            let column = x.saturating_sub(window.pads.left);
            for [start, end] in groups.iter().rev() {
                let written = to.start + number * pixel + end;
                require(lowest == usize::MAX || written <= lowest, || {
                    format!("byte {written} is written before byte {lowest} is read")
                })?;
                lowest = lowest.min(from.start + (row * inputs.width + column) * pixel + start);
            }
        }
        Ok(())
    }
}

/// Shows that the rules find what is wrong: a plan that holds is changed, and each kernel's rule is met at its edge.
pub fn prove() {
    changed_plans_are_found();
    each_kernel_has_its_rule();
    no_gate_is_overwritten();
}

fn changed_plans_are_found() {
    let graph = "mobilenet-v2-0.35-32".parse::<Spec>().expect("a name").build();
    let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let plan = Plan::new(&graph, &policy);
    assert_eq!(check(&graph, &policy, &plan), Ok(()));
    let broken = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        check(&graph, &policy, &plan).expect_err("broken")
    };
    let last = graph.tensors.len() - 1;
    assert!(broken(&|plan| plan.arena -= 4).contains("of an arena of"));
    assert!(broken(&|plan| plan.tensors[last] += 2).contains("logits at"));
    assert!(broken(&|plan| plan.scratch[0].offset = plan.tensors[0]).contains("scratch"));
    let wide = graph.layer_named("b2.expand").expect("b2.expand");
    let (input, output) = (graph.layers[wide].inputs[0], graph.layers[wide].output);
    broken(&|plan| plan.tensors[output] = plan.tensors[input]);
}

/// How far an input must lie above the output that overwrites it.
fn each_kernel_has_its_rule() {
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let three = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
    let distance = |layer: &dyn Fn(&mut Graph) -> TensorId| {
        let mut graph = Graph::new(Shape::new(6, 6, 2));
        layer(&mut graph);
        graph.linear("fc", 1, 2);
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let mut plan = Plan::new(&graph, &policy);
        // Far above everything but the pair that is looked at.
        (plan.arena, plan.tensors[1], plan.scratch[0].offset) = (10_000, 0, 8_000);
        (plan.tensors[2], plan.scratch[1].offset) = (7_000, 9_000);
        (0..=288).find(|&image| {
            plan.tensors[0] = image;
            check(&graph, &policy, &plan).is_ok()
        })
    };
    // Pixels of 2 bytes become pixels of 8; two are read before two are written, and the last two were read.
    assert_eq!(distance(&|graph| graph.conv("pw", 0, 8, one, Activation::Relu)), Some(34 * 6));
    // Rows of 12 bytes become rows of 48; the fourth row of output is written before the last of input is read.
    assert_eq!(distance(&|graph| graph.conv("conv", 0, 8, three, Activation::Relu)), Some(4 * 48 - 5 * 12));
    assert_eq!(distance(&|graph| graph.depthwise("dw", 0, three, Activation::Relu)), Some(0));
    assert_eq!(distance(&|graph| graph.add("add", 0, 0, Activation::Linear)), Some(0));
    // Windows begin a row and a column before what is written: pixels of 2 bytes.
    assert_eq!(distance(&|graph| graph.max_pool("max", 0, three)), Some(2 * 7));
    assert_eq!(distance(&|graph| graph.avg_pool("mean", 0, one)), Some(0));
    assert_eq!(distance(&|graph| graph.lookup("function", 0, Function::Tanh)), Some(0));
    // Beside it only.
    assert_eq!(distance(&|graph| graph.global_avg_pool("pool", 0)), Some(2));
    assert_eq!(distance(&|graph| graph.concat("concat", vec![0, 0])), Some(144));
}

/// A product may lie over its map and not over its gate; logits of a pool lie beside what it reads.
fn no_gate_is_overwritten() {
    let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
    let mut graph = Graph::new(Shape::new(4, 4, 3));
    let map = graph.conv("map", 0, 8, one, Activation::Linear);
    let gate = graph.global_avg_pool("gate", map);
    let product = graph.multiply("product", map, gate);
    graph.global_avg_pool("pool", product);
    let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
    let plan = Plan::new(&graph, &policy);
    let found = |change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan { arena: 10_000, ..plan.clone() };
        // Far from each other.
        plan.tensors.iter_mut().enumerate().for_each(|(tensor, place)| *place = 1_000 * tensor);
        plan.scratch.iter_mut().for_each(|scratch| scratch.offset = 9_000);
        change(&mut plan);
        check(&graph, &policy, &plan)
    };
    assert_eq!(found(&|_| {}), Ok(()));
    assert_eq!(found(&|plan| plan.tensors[product] = plan.tensors[map]), Ok(()));
    let error = found(&|plan| plan.tensors[product] = plan.tensors[gate]).expect_err("over the gate");
    assert!(error.contains("a gate"), "{error}");
    let error = found(&|plan| plan.tensors[product + 1] = plan.tensors[product]).expect_err("over the map");
    assert!(error.contains("a pool"), "{error}");
}
