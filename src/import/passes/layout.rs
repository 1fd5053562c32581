//! Maps as `[1, rows, columns, channels]`, and nothing left that moves axes.
//!
//! Each tensor of the file is followed as a [`View`] of such a map. Nodes are rewritten for the map itself:
//!
//! | node | becomes |
//! |---|---|
//! | reshape, transposition | nothing: only the view changes |
//! | dense on a flattened map | a convolution as large as the map, its columns in our order |
//! | dense on the last axis of a map | a convolution of 1x1 |
//! | pads that depend on the size, windows that stick out | pads in numbers |
//! | mean over rows and columns, average pool over the whole map | mean over the axes 1 and 2 |
//! | sum or product with a constant | with one number per channel |
//! | product of a map and one number per channel | the same, also where the file repeats these over the map |
//!
//! What reads a tensor that is not known, as its writer cannot be taken, stays as it is.

mod dense;
mod two;

use super::axes::{Atom, View, order};
use super::draft::{Draft, refuse};
use super::image;
use super::windows::Sliding;
use crate::import::raw::{Layout, RawInput, RawNode, RawOp, RawPadding, RawWindow};
use crate::net::Shape;
use std::collections::HashMap;

/// Rewrites the graph.
pub(super) fn settle(draft: &mut Draft) {
    let mut views = HashMap::new();
    match image::image(draft) {
        Ok((name, view)) => {
            let Shape { height, width, channels } = view.shape;
            let dims = [1, height, width, channels].map(Some).to_vec();
            draft.graph.inputs = vec![RawInput { name: name.clone(), dims }];
            views.insert(name, view);
        }
        Err(mut refusals) => draft.refusals.append(&mut refusals),
    }
    let mut nodes = std::mem::take(&mut draft.graph.nodes);
    let layout = draft.graph.layout;
    let mut settler = Settler { draft, layout, views, expanded: HashMap::new() };
    for node in &mut nodes {
        match settler.node(node) {
            Ok(Some(view)) => {
                settler.views.extend(node.outputs.iter().map(|output| (output.clone(), view.clone())));
            }
            Ok(None) => {}
            Err(reason) => refuse(node, reason),
        }
    }
    let channels = settler.views.into_iter().map(|(name, view)| (name, view.shape.channels)).collect();
    draft.channels = channels;
    draft.graph.nodes = nodes;
    draft.graph.layout = Layout::ChannelsLast;
}

struct Settler<'a> {
    draft: &'a mut Draft,
    /// That of the file.
    layout: Layout,
    views: HashMap<String, View>,
    /// Sizes of tensors whose elements are repeated. Their views are of those elements alone.
    expanded: HashMap<String, Vec<usize>>,
}

impl Settler<'_> {
    /// Rewrites a node and gives the view of its output; `None` if nothing can be said of it.
    fn node(&mut self, node: &mut RawNode) -> Result<Option<View>, String> {
        let is_expanded = node.inputs.iter().any(|input| self.expanded.contains_key(input));
        if is_expanded && !matches!(node.op, RawOp::Mul | RawOp::Unsupported { .. }) {
            return Err("it reads numbers that are repeated over a map: a product with a map is taken".into());
        }
        if let RawOp::Add | RawOp::Sub | RawOp::Mul | RawOp::Div = node.op {
            return self.binary(node);
        }
        if let RawOp::Concat { axis } = node.op {
            return self.concat(node, axis);
        }
        let input = node.inputs.first().map_or("", String::as_str);
        if self.draft.graph.constants.contains_key(input) && !matches!(node.op, RawOp::Unsupported { .. }) {
            return Err("it computes something of a constant".into());
        }
        let Some(view) = self.views.get(input).cloned() else { return Ok(None) };
        match &mut node.op {
            RawOp::Conv { .. } => self.conv(node, &view).map(Some),
            RawOp::Dense => self.dense(node, &view).map(Some),
            RawOp::BatchNorm { .. } => self.batch_norm(node, &view).map(Some),
            RawOp::MaxPool(window) => {
                let shape = self.pool(window, &view, false)?;
                view.with_shape(shape, self.layout).map(Some)
            }
            RawOp::AvgPool { window, counts_pads } => {
                let shape = self.pool(window, &view, *counts_pads)?;
                let RawPadding::Explicit(pads) = window.padding else {
                    return Err("pads without numbers".into());
                };
                let Shape { height, width, .. } = view.shape;
                let [top, left, ..] = pads;
                let sees_all = (shape.height, shape.width) == (1, 1)
                    && window.kernel[0] >= height + top
                    && window.kernel[1] >= width + left;
                if sees_all && (pads == [0; 4] || !*counts_pads) {
                    node.op = global_mean();
                }
                view.with_shape(shape, self.layout).map(Some)
            }
            RawOp::Mean { axes, keep } => {
                let (axes, keep) = (std::mem::take(axes), *keep);
                let (op, view) = mean(&view, &axes, keep)?;
                node.op = op;
                Ok(Some(view))
            }
            RawOp::Pad { pads, .. } => {
                let (settled, view) = self.pad(pads, &view)?;
                *pads = settled;
                Ok(Some(view))
            }
            RawOp::Reshape { dims } => {
                let view = view.reshape(dims)?;
                node.op = RawOp::Identity;
                Ok(Some(view))
            }
            RawOp::Expand { dims } => {
                let view = self.expand(&node.outputs, dims, &view)?;
                node.op = RawOp::Identity;
                Ok(Some(view))
            }
            RawOp::Transpose { order } => {
                let view = view.transpose(order)?;
                node.op = RawOp::Identity;
                Ok(Some(view))
            }
            RawOp::Unsupported { .. } => Ok(None),
            // One number at a time; a softmax goes only where its axis does not matter.
            _ => Ok(Some(view)),
        }
    }

    fn conv(&mut self, node: &mut RawNode, view: &View) -> Result<View, String> {
        let map = view.map(self.layout)?;
        let [channels, kernel @ .., inputs] = self.kernel(node)?;
        let RawOp::Conv { stride, dilation, padding, groups } = &mut node.op else {
            return Err("no convolution".into());
        };
        if inputs.checked_mul(*groups) != Some(map.channels) {
            return Err(format!(
                "its weights are of {inputs} x {groups} input channels, and it reads {}",
                map.channels
            ));
        }
        let sliding =
            Sliding { kernel, dilation: *dilation, stride: *stride, padding: *padding, ceil: false };
        let placed = sliding.place([map.height, map.width])?;
        *padding = RawPadding::Explicit(placed.pads);
        view.with_shape(Shape::new(placed.output[0], placed.output[1], channels), self.layout)
    }

    /// Size of a convolution's weights: outputs, rows, columns, inputs of one group.
    fn kernel(&self, node: &RawNode) -> Result<[usize; 4], String> {
        let name = node.inputs.get(1).map_or("", String::as_str);
        let (dims, _) = self.draft.floats(name).ok_or("its weights are no constant of the file")?;
        let kernel: [usize; 4] =
            dims.try_into().map_err(|_| format!("its weights have {} axes: expected 4", dims.len()))?;
        self.bias(node, kernel[0])?;
        Ok(kernel)
    }

    /// Checks a bias.
    fn bias(&self, node: &RawNode, channels: usize) -> Result<(), String> {
        let Some(name) = node.inputs.get(2) else { return Ok(()) };
        match self.draft.floats(name) {
            Some((_, values)) if values.len() == channels => Ok(()),
            Some((_, values)) => Err(format!("its bias has {} numbers: expected {channels}", values.len())),
            None => Err("its bias is no constant of the file".into()),
        }
    }

    fn batch_norm(&self, node: &RawNode, view: &View) -> Result<View, String> {
        // The second axis, or the last; a vector has its channels there too.
        let axis = match self.layout {
            Layout::ChannelsFirst => 1,
            Layout::ChannelsLast => view.axes.len().saturating_sub(1),
        };
        match view.axes.get(axis).map(Vec::as_slice) {
            Some([Atom::Channel] | []) => {}
            _ => return Err("batch normalization of something else than channels".into()),
        }
        let channels = view.shape.channels;
        if view.axes.get(axis).is_some_and(Vec::is_empty) && channels != 1 {
            return Err("batch normalization of something else than channels".into());
        }
        for name in node.inputs.iter().skip(1) {
            match self.draft.floats(name) {
                Some((_, values)) if values.len() == channels => {}
                Some((_, values)) => {
                    return Err(format!("its parameters have {} numbers: expected {channels}", values.len()));
                }
                None => return Err("its parameters are no constants of the file".into()),
            }
        }
        Ok(view.clone())
    }

    fn pool(&self, window: &mut RawWindow, view: &View, counts_pads: bool) -> Result<Shape, String> {
        let map = view.map(self.layout)?;
        let RawWindow { kernel, stride, padding, ceil } = *window;
        let sliding = Sliding { kernel, dilation: [1; 2], stride, padding, ceil };
        let placed = sliding.place([map.height, map.width])?;
        if counts_pads && placed.sticks_out {
            return Err("a window that sticks out of the map while zeros around it count".into());
        }
        window.padding = RawPadding::Explicit(placed.pads);
        window.ceil = false;
        Ok(Shape::new(placed.output[0], placed.output[1], map.channels))
    }

    /// Pads as of `[1, rows, columns, channels]`, and the view with them.
    fn pad(&self, pads: &[[i64; 2]], view: &View) -> Result<(Vec<[i64; 2]>, View), String> {
        if pads.len() != view.axes.len() {
            return Err(format!("pads of {} axes for a tensor of {}", pads.len(), view.axes.len()));
        }
        let plain = order(self.layout);
        let mut settled = [[0; 2]; 4];
        let mut shape = view.shape;
        for (position, (axis, &pad)) in
            view.axes.iter().zip(pads).enumerate().filter(|(_, (_, pad))| **pad != [0; 2])
        {
            let atom = match axis.as_slice() {
                [atom] => Some(*atom),
                [] if view.is_map(self.layout) => plain.get(position).copied(),
                _ => None,
            };
            let [before, after] = pad;
            let (slot, side) = match atom {
                Some(Atom::Row) => (&mut settled[1], &mut shape.height),
                Some(Atom::Column) => (&mut settled[2], &mut shape.width),
                _ => return Err("it adds values beside rows and columns".into()),
            };
            let small = 0..=4096;
            if !small.contains(&before) || !small.contains(&after) {
                return Err(format!("it adds {before} and {after} rows or columns: from 0 on is taken"));
            }
            *slot = pad;
            *side += (before + after) as usize;
        }
        let atoms: Option<Vec<Atom>> = match view.is_map(self.layout) {
            true => Some(plain.to_vec()),
            false => view
                .axes
                .iter()
                .map(|axis| match axis.as_slice() {
                    [atom] => Some(*atom),
                    _ => None,
                })
                .collect(),
        };
        match atoms {
            Some(atoms) => Ok((settled.to_vec(), View::new(view.batch, shape, &atoms)?)),
            None if shape == view.shape => Ok((settled.to_vec(), view.clone())),
            // Axes of size 1 stay what they are.
            None => Ok((settled.to_vec(), View { shape, ..view.clone() })),
        }
    }
}

/// Mean over rows and columns.
pub(super) fn global_mean() -> RawOp {
    RawOp::Mean { axes: vec![1, 2], keep: true }
}

/// What a mean over some axes is, and what comes out.
fn mean(view: &View, axes: &[i64], keep: bool) -> Result<(RawOp, View), String> {
    let mut axes = axes.iter().map(|&axis| view.axis(axis)).collect::<Result<Vec<_>, _>>()?;
    axes.sort_unstable();
    axes.dedup();
    let covered: Vec<Atom> = axes.iter().filter_map(|&axis| view.axes.get(axis)).flatten().copied().collect();
    let spatial = [Atom::Row, Atom::Column].into_iter().filter(|&atom| view.size(atom) != 1);
    let rest = spatial.filter(|atom| !covered.contains(atom)).count();
    let is_spatial = covered.iter().all(|atom| matches!(atom, Atom::Row | Atom::Column));
    if covered.is_empty() {
        // Of one element each.
        return Ok((RawOp::Identity, squeezed(view.clone(), &axes, keep)));
    }
    if !is_spatial || rest != 0 {
        return Err("a mean over other than all rows and columns".into());
    }
    let pooled = View { shape: Shape::new(1, 1, view.shape.channels), ..view.clone() };
    Ok((global_mean(), squeezed(pooled, &axes, keep)))
}

/// Without what some axes held, or without these axes.
fn squeezed(mut view: View, axes: &[usize], keep: bool) -> View {
    for &axis in axes.iter().rev() {
        if keep {
            if let Some(axis) = view.axes.get_mut(axis) {
                axis.clear();
            }
        } else if axis < view.axes.len() {
            view.axes.remove(axis);
        }
    }
    view
}
