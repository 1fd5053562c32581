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
//!
//! What reads a tensor that is not known, as its writer cannot be taken, stays as it is.

use super::axes::{Atom, View, order};
use super::draft::{Draft, refuse};
use super::windows::Sliding;
use super::{constants, image};
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
    let mut settler = Settler { draft, layout, views };
    for node in &mut nodes {
        match settler.node(node) {
            Ok(Some(view)) => {
                settler.views.extend(node.outputs.iter().map(|output| (output.clone(), view.clone())));
            }
            Ok(None) => {}
            Err(reason) => refuse(node, reason),
        }
    }
    draft.graph.nodes = nodes;
    draft.graph.layout = Layout::ChannelsLast;
}

struct Settler<'a> {
    draft: &'a mut Draft,
    /// That of the file.
    layout: Layout,
    views: HashMap<String, View>,
}

impl Settler<'_> {
    /// Rewrites a node and gives the view of its output; `None` if nothing can be said of it.
    fn node(&mut self, node: &mut RawNode) -> Result<Option<View>, String> {
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
                let RawPadding::Explicit(pads) = window.padding else { return Err("pads without numbers".into()) };
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
            return Err(format!("its weights are of {inputs} x {groups} input channels, and it reads {}", map.channels));
        }
        let sliding = Sliding { kernel, dilation: *dilation, stride: *stride, padding: *padding, ceil: false };
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

    fn dense(&mut self, node: &mut RawNode, view: &View) -> Result<View, String> {
        let name = node.inputs.get(1).cloned().unwrap_or_default();
        let (dims, values) = self.draft.floats(&name).ok_or("its matrix is no constant of the file")?;
        let [channels, columns]: [usize; 2] =
            dims.try_into().map_err(|_| format!("its matrix has {} axes: expected 2", dims.len()))?;
        let elements = values.len();
        self.bias(node, channels)?;
        let Some((last, before)) = view.axes.split_last() else { return Err("it reads a single number".into()) };
        if view.dim(last) != columns {
            return Err(format!("its matrix has {columns} columns, and it reads rows of {}", view.dim(last)));
        }
        let Shape { height, width, .. } = view.shape;
        let reads_all = before.iter().flatten().all(|atom| *atom == Atom::Batch) && !last.contains(&Atom::Batch);
        let shape = if reads_all {
            Shape::new(1, 1, channels)
        } else if last.iter().all(|atom| *atom == Atom::Channel) {
            Shape::new(height, width, channels)
        } else {
            return Err("a matrix product over rows or columns alone".into());
        };
        let mut output = View { shape, ..view.clone() };
        if let Some(axis) = output.axes.last_mut() {
            *axis = if channels == 1 { Vec::new() } else { vec![Atom::Channel] };
        }
        // Sizes of the new map are small enough.
        View::new(view.batch, shape, &order(self.layout))?;
        let is_vector = (height, width) == (1, 1);
        if is_vector {
            return Ok(output);
        }
        self.draft.spend(elements)?;
        let (kernel, values) = match self.draft.floats(&name) {
            Some((_, values)) if reads_all => ([height, width], in_our_order(view, last, values)),
            Some((_, values)) => ([1, 1], values.to_vec()),
            None => return Err("its matrix is no constant of the file".into()),
        };
        let inputs = columns / (kernel[0] * kernel[1]);
        let made = self.draft.keep(&name, vec![channels, kernel[0], kernel[1], inputs], values);
        if let Some(matrix) = node.inputs.get_mut(1) {
            *matrix = made;
        }
        node.op = RawOp::Conv { stride: [1; 2], dilation: [1; 2], padding: RawPadding::VALID, groups: 1 };
        Ok(output)
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
        for (position, (axis, &pad)) in view.axes.iter().zip(pads).enumerate().filter(|(_, (_, pad))| **pad != [0; 2]) {
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
            false => view.axes.iter().map(|axis| match axis.as_slice() { [atom] => Some(*atom), _ => None }).collect(),
        };
        match atoms {
            Some(atoms) => Ok((settled.to_vec(), View::new(view.batch, shape, &atoms)?)),
            None if shape == view.shape => Ok((settled.to_vec(), view.clone())),
            // Axes of size 1 stay what they are.
            None => Ok((settled.to_vec(), View { shape, ..view.clone() })),
        }
    }

    fn binary(&mut self, node: &mut RawNode) -> Result<Option<View>, String> {
        let [a, b] = node.inputs.as_slice() else { return Err("it reads other than two tensors".into()) };
        let is_constant = |name: &String| self.draft.graph.constants.contains_key(name);
        let position = match (is_constant(a), is_constant(b)) {
            (false, false) => return self.of_two(a, b),
            (true, true) => return Err("it computes something of constants".into()),
            (first, _) => usize::from(!first),
        };
        let (constant, other) = if position == 0 { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
        let Some(view) = self.views.get(&other).cloned() else { return Ok(None) };
        let (dims, values) = self.draft.floats(&constant).ok_or("its constant is of integers")?;
        let (values, view) = constants::per_channel(&view, dims, values)?;
        let channels = view.shape.channels;
        self.draft.spend(channels)?;
        let made = self.draft.keep(&constant, vec![channels], values.spread(channels));
        if let Some(input) = node.inputs.get_mut(position) {
            *input = made;
        }
        Ok(Some(view))
    }

    /// Sum, product and the like of two maps.
    fn of_two(&self, a: &str, b: &str) -> Result<Option<View>, String> {
        let (Some(a), Some(b)) = (self.views.get(a), self.views.get(b)) else { return Ok(None) };
        let count = a.axes.len().max(b.axes.len());
        let (wide_a, wide_b) = (a.widened(count), b.widened(count));
        if wide_a == wide_b {
            return Ok(Some(wide_a));
        }
        let vector = |view: &View| (view.shape.height, view.shape.width) == (1, 1);
        if a.shape.channels == b.shape.channels && vector(a) != vector(b) {
            return Err("one of its operands is one number per channel of the other, as in squeeze-and-excite".into());
        }
        Err(format!("its operands have the sizes {:?} and {:?}, or other axes: equal ones are taken", a.dims(), b.dims()))
    }

    fn concat(&self, node: &mut RawNode, axis: i64) -> Result<Option<View>, String> {
        let Some(views) = node.inputs.iter().map(|input| self.views.get(input)).collect::<Option<Vec<_>>>() else {
            return match node.inputs.iter().any(|input| self.draft.graph.constants.contains_key(input)) {
                true => Err("it joins a map and a constant".into()),
                false => Ok(None),
            };
        };
        let Some(first) = views.first() else { return Err("it joins nothing".into()) };
        let axis = first.axis(axis)?;
        let mut channels = 0_usize;
        for view in &views {
            let is_channels = match view.axes.get(axis).map(Vec::as_slice) {
                Some([Atom::Channel]) => true,
                Some([]) => view.shape.channels == 1 && order(self.layout).get(axis) == Some(&Atom::Channel),
                _ => false,
            };
            let Shape { height, width, .. } = first.shape;
            if !is_channels || (view.shape.height, view.shape.width, view.batch) != (height, width, first.batch) {
                return Err("it joins other than the channels of maps of one size".into());
            }
            let others = |view: &View| {
                let others = view.axes.iter().enumerate().filter(|(position, _)| *position != axis);
                others.map(|(_, axis)| axis.clone()).collect::<Vec<_>>()
            };
            if others(view) != others(first) {
                return Err("it joins maps with other axes".into());
            }
            channels = channels.saturating_add(view.shape.channels);
        }
        let shape = Shape { channels, ..first.shape };
        View::new(first.batch, shape, &order(self.layout))?;
        let mut view = View { shape, ..(*first).clone() };
        if let Some(axis) = view.axes.get_mut(axis) {
            *axis = if channels == 1 { Vec::new() } else { vec![Atom::Channel] };
        }
        node.op = RawOp::Concat { axis: 3 };
        Ok(Some(view))
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

/// The columns of a matrix that reads a flattened map, in the order rows, columns, channels.
fn in_our_order(view: &View, flattened: &[Atom], values: &[f32]) -> Vec<f32> {
    let Shape { height, width, channels } = view.shape;
    let elements = height * width * channels;
    let step = |atom: Atom| -> usize {
        let behind = flattened.iter().rev().take_while(|other| **other != atom);
        let size = behind.map(|&other| view.size(other)).product();
        if flattened.contains(&atom) { size } else { 0 }
    };
    let [row, column, channel] = [Atom::Row, Atom::Column, Atom::Channel].map(step);
    let mut ours = Vec::with_capacity(values.len());
    for output in values.chunks_exact(elements) {
        for y in 0..height {
            for x in 0..width {
                let start = y * row + x * column;
                ours.extend((0..channels).filter_map(|c| output.get(start + c * channel)));
            }
        }
    }
    ours
}
