//! Forward with the statistics of the batch.

use super::{Builder, Dispatch, NetworkPlaces, Slice, Trace, groups, is_bare, is_normed};
use crate::net::LayerId;
use crate::train::error::TrainError;
use crate::train::plan::{AffinePlan, Geometry, KernelPlan, Plan, UnitOp};
use crate::train::webgpu::kernel::Kernel;
use crate::train::webgpu::layout::{Layout, fours};
use crate::train::webgpu::record::{Sizes, with_part};

/// What a kernel of a layer is given besides maps.
pub(super) struct Given {
    pub record: Slice,
    pub weights: Slice,
    pub affine: Slice,
    pub parameters: Slice,
    pub running: Slice,
    pub steps: Slice,
}

impl Builder {
    pub(super) fn given(
        &mut self,
        layout: &Layout,
        network: &NetworkPlaces,
        id: LayerId,
        record: Slice,
        sizes: &Sizes,
    ) -> Given {
        let place = &layout.places[id];
        let channels = 16 * fours(sizes.geometry.output.channels);
        Given {
            record,
            weights: self.slice(network.quantized, place.weight.start * 4, place.weight.len() * 4),
            affine: self.whole(network.affine[id]),
            parameters: self.whole(network.parameters).moving(2 * channels),
            running: self.slice(network.running, place.running.start * 4, place.running.len() * 4),
            steps: self.whole(network.steps).moving(2 * channels),
        }
    }

    pub(super) fn forward(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        network: &NetworkPlaces,
        input: Slice,
        setup: &mut Vec<Dispatch>,
        list: &mut Vec<Dispatch>,
    ) -> Result<Trace, TrainError> {
        let mut trace =
            Trace { sizes: Vec::new(), sums: Vec::new(), maps: vec![input; plan.graph.tensors.len()] };
        for (id, unit) in plan.units.iter().enumerate() {
            let sizes = Sizes::new(plan, id, self.images);
            let record = self.record(sizes.words(plan, layout, id, self.images, false));
            let given = self.given(layout, network, id, record, &sizes);
            let sums = self.map("sums", Self::numbers(plan, unit.output));
            let source = trace.maps[unit.inputs[0]];
            let outputs = fours(unit.shape.channels);
            let elements = self.images * unit.shape.pixels() * outputs;
            let channelwise = |kernel| Dispatch {
                kernel,
                slices: vec![given.record, given.affine, given.parameters],
                groups: groups(outputs),
            };
            match &unit.op {
                UnitOp::Kernel(kernel) => {
                    list.push(sum_of(kernel, &given, source, sums, self.images));
                    if let AffinePlan::Bias(_) = kernel.affine {
                        let mut bias = channelwise(Kernel::Bias);
                        bias.slices.push(given.steps);
                        list.push(bias);
                    } else if !sizes.is_small(self.images) {
                        self.normalize(&sizes, &given, sums, list);
                    }
                }
                _ => self.weightless(plan, layout, id, record, &trace.maps, sums, list),
            }
            match &unit.op {
                UnitOp::Pool | UnitOp::AvgPool(_) | UnitOp::Multiply if !is_bare(unit) => {
                    list.push(channelwise(Kernel::Plain));
                }
                UnitOp::Add | UnitOp::Lookup(_) | UnitOp::Concat if !is_bare(unit) => {
                    setup.push(channelwise(Kernel::Plain));
                }
                // The loss adds what is added to the logits.
                UnitOp::Pool if unit.output == plan.graph.logits() => setup.push(channelwise(Kernel::Plain)),
                _ => {}
            }
            trace.maps[unit.output] = if is_bare(unit) || unit.output == plan.graph.logits() {
                sums
            } else {
                let map = self.map("map", Self::numbers(plan, unit.output));
                if is_normed(unit) && sizes.is_small(self.images) {
                    list.push(self.normalize_map(&given, sums, map, outputs));
                } else {
                    list.push(Dispatch {
                        kernel: Kernel::Finish,
                        slices: vec![record, sums, given.affine, given.parameters, map],
                        groups: groups(elements),
                    });
                }
                map
            };
            trace.sizes.push(sizes);
            trace.sums.push(sums);
        }
        Ok(trace)
    }

    fn normalize(&mut self, sizes: &Sizes, given: &Given, sums: Slice, list: &mut Vec<Dispatch>) {
        let outputs = fours(sizes.geometry.output.channels);
        let spans = sizes.spans.count;
        let partials = self.partial_sums(spans * 2 * 4 * outputs);
        list.push(Dispatch {
            kernel: Kernel::Moments,
            slices: vec![given.record, sums, partials, given.running],
            groups: groups(spans * outputs),
        });
        let settings = self.whole(self.places.settings);
        list.push(Dispatch {
            kernel: Kernel::Normalize,
            slices: vec![
                given.record,
                partials,
                given.running,
                given.affine,
                given.parameters,
                settings,
                given.steps,
            ],
            groups: outputs as u32,
        });
    }
}

impl Builder {
    /// What a unit without weights computes before its activation; `maps` are the tensors.
    #[expect(clippy::too_many_arguments, reason = "the unit and where its numbers are")]
    pub(super) fn weightless(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        id: LayerId,
        record: Slice,
        maps: &[Slice],
        target: Slice,
        list: &mut Vec<Dispatch>,
    ) {
        let unit = &plan.units[id];
        let outputs = fours(unit.shape.channels);
        let pixels = self.images * unit.shape.pixels();
        let source = maps[unit.inputs[0]];
        if unit.op == UnitOp::Concat {
            let words = Sizes::new(plan, id, self.images).words(plan, layout, id, self.images, false);
            for (part, &input) in plan.parts(unit).iter().zip(&unit.inputs) {
                let record = self.record(with_part(words, part));
                let is_last = part.end == unit.shape.channels;
                let channels = if is_last { 4 * outputs - part.start } else { part.len() };
                list.push(Dispatch {
                    kernel: Kernel::Concat,
                    slices: vec![record, maps[input], target.moving(4 * pixels * channels)],
                    groups: groups(pixels * channels),
                });
            }
            return;
        }
        let kernel = match unit.op {
            UnitOp::Add => Kernel::Add,
            UnitOp::Multiply => Kernel::Multiply,
            UnitOp::Lookup(_) => Kernel::Lookup,
            UnitOp::MaxPool(_) => Kernel::MaxPool,
            UnitOp::AvgPool(_) => Kernel::AveragePool,
            _ => Kernel::Pool,
        };
        let slices = match unit.inputs[..] {
            [_, second] => vec![record, source, maps[second], target],
            _ => vec![record, source, target],
        };
        list.push(Dispatch { kernel, slices, groups: groups(pixels * outputs) });
    }

    /// Batch normalization and what follows it, of a small map.
    fn normalize_map(&self, given: &Given, sums: Slice, map: Slice, outputs: usize) -> Dispatch {
        let Given { record, affine, parameters, running, steps, .. } = *given;
        let settings = self.whole(self.places.settings);
        Dispatch {
            kernel: Kernel::NormalizeMap,
            slices: vec![
                record,
                sums.moving(2 * sums.bytes),
                running,
                affine,
                parameters,
                settings,
                map,
                steps,
            ],
            groups: outputs as u32,
        }
    }
}

/// How a layer over all channels or each channel is summed, and how many invocations that takes.
pub(super) fn invocations(geometry: &Geometry, images: usize) -> usize {
    let outputs = fours(geometry.output.channels);
    let pixels = images * geometry.output.pixels();
    if geometry.is_pointwise() { pixels.div_ceil(4) * outputs } else { pixels * outputs }
}

fn sum_of(kernel: &KernelPlan, given: &Given, source: Slice, sums: Slice, images: usize) -> Dispatch {
    let geometry = &kernel.geometry;
    let kernel = if geometry.depthwise {
        Kernel::DepthwiseSum
    } else if geometry.is_pointwise() {
        Kernel::PointwiseSum
    } else {
        Kernel::WindowedSum
    };
    let slices = vec![given.record, source, given.weights, sums];
    Dispatch { kernel, slices, groups: groups(invocations(geometry, images)) }
}
