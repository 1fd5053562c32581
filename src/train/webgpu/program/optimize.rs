//! From what the way back leaves to new parameters.

use super::{BufferId, Builder, Dispatch, NetworkPlaces};
use crate::train::plan::{Plan, TensorGrid, Unit};
use crate::train::webgpu::kernel::Kernel;
use crate::train::webgpu::layout::{BLOCK, Kind, Layout, ROW, fours};
use crate::train::webgpu::record::Sizes;

/// The blocks of the optimizer, `Block` in WGSL; partial gradients are at `partials` by layer, in bytes.
pub(super) fn blocks(layout: &Layout, sizes: &[Sizes], partials: &[usize]) -> Vec<u32> {
    let mut blocks = Vec::new();
    for (range, kind) in &layout.tensors {
        for start in (range.start..range.end.max(range.start + 1)).step_by(BLOCK) {
            let (first, stride, spans) = match *kind {
                Kind::Weight(id) => (
                    partials[id] / 16 + (start - range.start) / 4,
                    range.len() / 4,
                    sizes[id].weight_spans.count,
                ),
                _ => (0, 0, 0),
            };
            let left = range.end.saturating_sub(start).div_ceil(4);
            let kind = match kind {
                Kind::Weight(_) => 0,
                Kind::Factor => 1,
                Kind::Step => 2,
            };
            blocks.push([first, stride, spans, left, kind]);
        }
    }
    let count = blocks.len();
    let words =
        |[first, stride, spans, left, kind]: [usize; 5]| [first, stride, spans, left, kind, count, 0, 0];
    blocks.into_iter().flat_map(words).map(|word| word as u32).collect()
}

/// The steps of tensors, `Scale` in WGSL; the gradients of their channels are at `places` by unit, in bytes.
pub(super) fn scales(plan: &Plan, layout: &Layout, places: &[usize]) -> Vec<u32> {
    let scale = |(unit, place): (&Unit, &usize)| {
        let TensorGrid { scale, max_code, .. } = unit.learned_grid()?;
        let factor = 1.0 / ((unit.shape.elements() * usize::from(max_code)) as f32).sqrt();
        let words = [place / 16, fours(unit.shape.channels), layout.parameter(scale)].map(|word| word as u32);
        Some([words[0], words[1], words[2], factor.to_bits()])
    };
    plan.units.iter().zip(places).filter_map(scale).flatten().collect()
}

impl Builder {
    /// The gradients of all parameters, and the step along them; `clip` adds the norm of all gradients.
    pub(super) fn optimize(
        &mut self,
        network: &NetworkPlaces,
        layout: &Layout,
        partials: BufferId,
        blocks: &[u32],
        clip: bool,
        plan: &Plan,
    ) -> (Vec<Dispatch>, Dispatch) {
        let count = blocks.len() / 8;
        let groups = |kernel, slices| Dispatch { kernel, slices, groups: count as u32 };
        let norms = self.buffer("norms", count + 1);
        let norms = self.whole(norms);
        let blocks = self.slice(self.places.blocks, 0, blocks.len() * 4);
        let gradients = self.whole(self.places.gradients);
        let parameters = self.whole(network.parameters);
        let mut list = vec![groups(Kernel::Gather, vec![blocks, self.whole(partials), gradients])];
        let tensors = plan.units.iter().filter(|unit| unit.learned_grid().is_some()).count();
        if tensors > 0 {
            let scales = self.slice(self.places.scales, 0, tensors * 16);
            list.push(Dispatch {
                kernel: Kernel::ScaleGradients,
                slices: vec![scales, self.whole(self.grids), gradients],
                groups: tensors as u32,
            });
        }
        if plan.kernels().any(|(_, kernel)| kernel.grid.is_some()) {
            list.push(Dispatch {
                kernel: Kernel::Pass,
                slices: vec![self.whole(network.rows), parameters, gradients],
                groups: super::groups(layout.rows.len() / ROW),
            });
        }
        if clip {
            list.push(groups(Kernel::NormOfBlocks, vec![gradients, norms]));
            list.push(Dispatch { kernel: Kernel::NormOfAll, slices: vec![blocks, norms], groups: 1 });
        }
        let places = &self.places;
        let update = groups(
            Kernel::Update,
            vec![
                blocks,
                gradients,
                parameters,
                self.whole(places.first),
                self.whole(places.second),
                self.whole(places.settings),
                norms,
            ],
        );
        (list, update)
    }
}
