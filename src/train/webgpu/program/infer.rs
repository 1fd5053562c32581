//! Forward with the running statistics: one dispatch for each layer.

use super::forward::invocations;
use super::{Builder, Dispatch, NetworkPlaces, Slice, groups, is_bare};
use crate::net::TensorId;
use crate::train::error::TrainError;
use crate::train::plan::{AffinePlan, Plan, UnitOp};
use crate::train::webgpu::kernel::Kernel;
use crate::train::webgpu::layout::{Layout, fours};
use crate::train::webgpu::record::Sizes;

impl Builder {
    /// Writes slopes and offsets into `refresh`, the layers into `list`; returns the logits.
    pub(super) fn infer(
        &mut self,
        plan: &Plan,
        layout: &Layout,
        network: &NetworkPlaces,
        input: Slice,
        refresh: &mut Vec<Dispatch>,
        list: &mut Vec<Dispatch>,
    ) -> Result<Slice, TrainError> {
        let mut maps = vec![input; plan.graph.tensors.len()];
        for (id, unit) in plan.units.iter().enumerate() {
            let sizes = Sizes::new(plan, id, self.images);
            let record = self.record(sizes.words(plan, layout, id, self.images, false));
            let given = self.given(layout, network, id, record, &sizes);
            let outputs = fours(unit.shape.channels);
            let mut channelwise =
                |kernel, slices| refresh.push(Dispatch { kernel, slices, groups: groups(outputs) });
            let plain = vec![record, given.affine, given.parameters];
            match &unit.op {
                UnitOp::Kernel(kernel) => match kernel.affine {
                    AffinePlan::Bias(_) => channelwise(Kernel::Bias, [plain, vec![given.steps]].concat()),
                    AffinePlan::Norm { .. } => channelwise(
                        Kernel::Fold,
                        vec![record, given.running, given.affine, given.parameters, given.steps],
                    ),
                },
                _ => channelwise(Kernel::Plain, plain),
            }
            let source = maps[unit.inputs[0]];
            let numbers = Self::numbers(plan, unit.output);
            // The logits are read after all else here has run.
            let target = if unit.output == plan.graph.logits() {
                self.map("logits", numbers)
            } else {
                self.borrow(numbers)
            };
            let elements = self.images * unit.shape.pixels() * outputs;
            match &unit.op {
                UnitOp::Kernel(kernel) => {
                    let geometry = &kernel.geometry;
                    let kernel = if geometry.depthwise {
                        Kernel::DepthwiseInfer
                    } else if geometry.is_pointwise() {
                        Kernel::PointwiseInfer
                    } else {
                        Kernel::WindowedInfer
                    };
                    list.push(Dispatch {
                        kernel,
                        slices: vec![record, source, given.weights, target, given.affine, given.parameters],
                        groups: groups(invocations(geometry, self.images)),
                    });
                }
                _ => self.weightless(plan, layout, id, record, &maps, target, list),
            }
            maps[unit.output] = target;
            if !matches!(unit.op, UnitOp::Kernel(_)) && !is_bare(unit) {
                let finished = self.borrow(numbers);
                list.push(Dispatch {
                    kernel: Kernel::Finish,
                    slices: vec![record, target, given.affine, given.parameters, finished],
                    groups: groups(elements),
                });
                self.give_back(target);
                maps[unit.output] = finished;
            }
            for tensor in no_longer_read(plan, id) {
                self.give_back(maps[tensor]);
            }
        }
        Ok(maps[plan.graph.logits()])
    }
}

/// Tensors that a layer is the last to read; never the image, which has a buffer of its own.
fn no_longer_read(plan: &Plan, id: usize) -> Vec<TensorId> {
    let mut tensors = plan.units[id].inputs.clone();
    tensors.sort_unstable();
    tensors.dedup();
    tensors.retain(|&tensor| tensor != 0 && plan.graph.last_reader(tensor) == Some(id));
    tensors
}
