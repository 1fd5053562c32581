//! Loss and gradients.

use super::{BufferId, Builder, Dispatch, NetworkPlaces, Slice, Trace, groups, is_bare, unsupported};
use crate::net::LayerId;
use crate::train::error::TrainError;
use crate::train::plan::{AffinePlan, KernelPlan, Plan, UnitOp};
use crate::train::webgpu::kernel::Kernel;
use crate::train::webgpu::layout::{Layout, fours};
use crate::train::webgpu::record::{Sizes, with_part};

/// Partial weight gradients of all layers.
pub(super) struct Partials {
    pub buffer: BufferId,
    /// First byte, by layer.
    pub places: Vec<usize>,
}

impl Builder {
    /// Writes down the loss and the way back; `taught` are the teacher's logits.
    pub(super) fn backward(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        network: &NetworkPlaces,
        trace: &Trace,
        taught: Option<Slice>,
        list: &mut Vec<Dispatch>,
    ) -> Result<Partials, TrainError> {
        let partials = self.partials(plan, layout, trace);
        let logits = plan.graph.logits();
        let mut gradients: Vec<Option<Slice>> = vec![None; plan.graph.tensors.len()];
        gradients[logits] = Some(self.loss(plan, layout, network, trace, taught, list));
        for (id, unit) in plan.units.iter().enumerate().rev() {
            // Every tensor but the image leads to the logits.
            let Some(gradient) = gradients[unit.output].take() else { continue };
            let sizes = &trace.sizes[id];
            let accumulate = gradients[unit.inputs[0]].is_some();
            let record = self.record(sizes.words(plan, layout, id, self.images, accumulate));
            if unit.output != logits && !is_bare(unit) {
                self.unfinish(layout, network, trace, id, record, gradient, list);
            }
            if let UnitOp::Kernel(kernel) = &unit.op {
                self.weight_gradient(
                    kernel,
                    sizes,
                    &partials,
                    id,
                    record,
                    trace.maps[unit.inputs[0]],
                    gradient,
                    list,
                );
                if let AffinePlan::Bias(_) = kernel.affine {
                    let all = self.whole(self.places.gradients).moving(layout.places[id].factors.len() * 4);
                    list.push(Dispatch {
                        kernel: Kernel::BiasGradient,
                        slices: vec![record, gradient, all],
                        groups: groups(fours(unit.shape.channels)),
                    });
                }
            }
            // The gradient of a sum is that of either; one of the two takes over its memory.
            let heir = match (&unit.op, &unit.inputs[..]) {
                (UnitOp::Add, &[a, b]) if a != b => [b, a].into_iter().find(|&x| gradients[x].is_none()),
                _ => None,
            };
            let parts = if unit.op == UnitOp::Concat { plan.parts(unit) } else { Vec::new() };
            for (position, &input) in unit.inputs.iter().enumerate() {
                if input == 0 || Some(input) == heir {
                    continue;
                }
                let record = match (parts.get(position), gradients[input].is_some()) {
                    (None, same) if same == accumulate => record,
                    (part, accumulate) => {
                        let words = sizes.words(plan, layout, id, self.images, accumulate);
                        self.record(part.map_or(words, |part| with_part(words, part)))
                    }
                };
                let target = gradients[input].unwrap_or_else(|| self.borrow(Self::numbers(plan, input)));
                let dispatch = self.input_gradient(
                    plan,
                    layout,
                    network,
                    [id, position],
                    trace,
                    record,
                    gradient,
                    target,
                )?;
                list.push(dispatch);
                gradients[input] = Some(target);
            }
            match heir {
                Some(input) => gradients[input] = Some(gradient),
                None => self.give_back(gradient),
            }
        }
        Ok(partials)
    }

    /// Room for the partial weight gradients of all layers.
    fn partials(&mut self, plan: &Plan, layout: &Layout, trace: &Trace) -> Partials {
        let mut places = vec![0; plan.units.len()];
        let mut bytes: usize = 0;
        for (id, _) in plan.kernels() {
            places[id] = bytes;
            bytes += trace.sizes[id].weight_spans.count * layout.places[id].weight.len() * 4;
            bytes = bytes.next_multiple_of(256);
        }
        Partials { buffer: self.buffer("partial weight gradients", bytes / 4), places }
    }

    fn loss(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        network: &NetworkPlaces,
        trace: &Trace,
        taught: Option<Slice>,
        list: &mut Vec<Dispatch>,
    ) -> Slice {
        let id = plan.units.len() - 1;
        let record = self.record(trace.sizes[id].words(plan, layout, id, self.images, false));
        let gradient = self.borrow(Self::numbers(plan, plan.graph.logits()));
        let sums = trace.sums[id];
        list.push(Dispatch {
            kernel: Kernel::Loss,
            slices: vec![
                record,
                sums,
                self.whole(self.places.targets),
                gradient,
                self.whole(network.affine[id]),
                self.whole(self.places.settings),
                taught.unwrap_or(sums),
                self.whole(self.places.tally),
            ],
            groups: 1,
        });
        gradient
    }

    /// From the gradient of a unit's output to that of its sums, in place.
    #[expect(clippy::too_many_arguments, reason = "the unit and where its numbers are")]
    fn unfinish(
        &mut self,
        layout: &Layout,
        network: &NetworkPlaces,
        trace: &Trace,
        id: LayerId,
        record: Slice,
        gradient: Slice,
        list: &mut Vec<Dispatch>,
    ) {
        let sizes = &trace.sizes[id];
        let sums = trace.sums[id];
        let outputs = fours(sizes.geometry.output.channels);
        let given = self.given(layout, network, id, record, sizes);
        let settings = self.whole(self.places.settings);
        let all = self.whole(self.places.gradients).moving(32 * outputs);
        let grids = self.slice(self.grids, self.grid_places[id], 16 * outputs);
        if sizes.is_small(self.images) {
            list.push(Dispatch {
                kernel: Kernel::GradientMap,
                slices: vec![
                    record,
                    sums.moving(2 * sums.bytes),
                    given.affine,
                    given.parameters,
                    settings,
                    gradient.moving(3 * gradient.bytes),
                    all,
                    grids,
                ],
                groups: outputs as u32,
            });
            return;
        }
        let means = self.slice(self.means, 0, 2 * 16 * outputs);
        let partials = self.partial_sums(sizes.spans.count * 3 * 4 * outputs);
        list.push(Dispatch {
            kernel: Kernel::GradientMoments,
            slices: vec![record, sums, partials, given.affine, given.parameters, gradient],
            groups: groups(sizes.spans.count * outputs),
        });
        list.push(Dispatch {
            kernel: Kernel::GradientSums,
            slices: vec![record, partials, given.affine, settings, all, means, grids],
            groups: outputs as u32,
        });
        list.push(Dispatch {
            kernel: Kernel::Gradient,
            slices: vec![
                record,
                sums,
                given.affine,
                given.parameters,
                gradient.moving(2 * gradient.bytes),
                means,
            ],
            groups: groups(self.images * sizes.geometry.output.pixels() * outputs),
        });
    }

    #[expect(clippy::too_many_arguments, reason = "the layer and where its numbers are")]
    fn weight_gradient(
        &mut self,
        kernel: &KernelPlan,
        sizes: &Sizes,
        partials: &Partials,
        id: LayerId,
        record: Slice,
        source: Slice,
        gradient: Slice,
        list: &mut Vec<Dispatch>,
    ) {
        let geometry = &kernel.geometry;
        let taps = geometry.window.kernel.pow(2);
        let outputs = fours(geometry.output.channels);
        let (name, tiles, numbers) = if geometry.depthwise {
            (Kernel::DepthwiseWeightGradient, taps * outputs, 4 * taps * outputs)
        } else {
            let columns = taps * fours(geometry.input.channels);
            (Kernel::DenseWeightGradient, columns * outputs, 16 * columns * outputs)
        };
        let spans = sizes.weight_spans.count;
        let target = self.slice(partials.buffer, partials.places[id], spans * numbers * 4);
        list.push(Dispatch {
            kernel: name,
            slices: vec![record, source, gradient, target],
            groups: groups(spans * tiles),
        });
    }

    /// The gradient of the input at a position of a unit.
    #[expect(clippy::too_many_arguments, reason = "the unit and where its numbers are")]
    fn input_gradient(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        network: &NetworkPlaces,
        [id, position]: [usize; 2],
        trace: &Trace,
        record: Slice,
        gradient: Slice,
        target: Slice,
    ) -> Result<Dispatch, TrainError> {
        let sizes = &trace.sizes[id];
        let geometry = &sizes.geometry;
        let inputs = fours(geometry.input.channels);
        let elements = self.images * geometry.input.pixels() * inputs;
        let weights = self.given(layout, network, id, record, sizes).weights;
        let unit = &plan.units[id];
        let read = |position: usize| trace.maps[unit.inputs[position]];
        let (kernel, slices, invocations) = match &unit.op {
            UnitOp::Lookup(_) => (Kernel::LookupGradient, vec![record, gradient, read(0), target], elements),
            UnitOp::Multiply if position == 0 => {
                (Kernel::Multiply, vec![record, gradient, read(1), target], elements)
            }
            UnitOp::Multiply => {
                (Kernel::GateGradient, vec![record, gradient, read(0), target], self.images * inputs)
            }
            UnitOp::Concat => {
                let numbers = self.images * Self::numbers(plan, unit.inputs[position]);
                (Kernel::ConcatGradient, vec![record, gradient.moving(4 * numbers), target], numbers)
            }
            UnitOp::Add => (Kernel::AddGradient, vec![record, gradient, target], elements),
            UnitOp::Pool => (Kernel::PoolGradient, vec![record, gradient, target], elements),
            UnitOp::MaxPool(_) => {
                (Kernel::MaxPoolGradient, vec![record, gradient, read(0), target], elements)
            }
            UnitOp::AvgPool(_) => (Kernel::AveragePoolGradient, vec![record, gradient, target], elements),
            UnitOp::Kernel(_) if geometry.depthwise => {
                (Kernel::DepthwiseInputGradient, vec![record, gradient, weights, target], elements)
            }
            UnitOp::Kernel(_) if geometry.is_pointwise() => {
                let tiles = (self.images * geometry.output.pixels()).div_ceil(4);
                (Kernel::PointwiseInputGradient, vec![record, gradient, weights, target], tiles * inputs)
            }
            UnitOp::Kernel(_) => {
                return Err(unsupported(plan, id, "windows over all channels behind the first layer"));
            }
        };
        Ok(Dispatch { kernel, slices, groups: groups(invocations) })
    }
}
