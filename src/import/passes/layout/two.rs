//! Nodes that read two or more tensors: a map and a constant, or maps with equal axes.

use super::super::axes::{Atom, View, order};
use super::super::constants;
use super::Settler;
use crate::import::raw::{RawNode, RawOp};
use crate::net::Shape;

impl Settler<'_> {
    /// Sum, difference, product, quotient.
    pub(super) fn binary(&mut self, node: &mut RawNode) -> Result<Option<View>, String> {
        let [a, b] = node.inputs.as_slice() else { return Err("it reads other than two tensors".into()) };
        let is_constant = |name: &String| self.draft.graph.constants.contains_key(name);
        let position = match (is_constant(a), is_constant(b)) {
            (false, false) => return self.of_two(&node.op, [a, b]),
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
    fn of_two(&self, op: &RawOp, names: [&str; 2]) -> Result<Option<View>, String> {
        let [Some(a), Some(b)] = names.map(|name| self.views.get(name)) else { return Ok(None) };
        let count = a.axes.len().max(b.axes.len());
        let (wide_a, wide_b) = (a.widened(count), b.widened(count));
        let [size_a, size_b] = names.map(|name| self.expanded.get(name));
        let is_repeated = size_a.is_some() || size_b.is_some();
        if wide_a == wide_b && !is_repeated {
            return Ok(Some(wide_a));
        }
        let is_vector = |view: &View| (view.shape.height, view.shape.width) == (1, 1);
        let is_gate = a.shape.channels == b.shape.channels && is_vector(a) != is_vector(b);
        let (map, gate, size) =
            if is_vector(b) { (&wide_a, &wide_b, size_b) } else { (&wide_b, &wide_a, size_a) };
        let is_matched = gate.axes.iter().zip(&map.axes).all(|(gate, map)| gate.is_empty() || gate == map);
        let fits = size.is_none_or(|size| *size == map.dims());
        if is_gate && is_matched && fits && size_a.and(size_b).is_none() {
            return match op {
                RawOp::Mul => Ok(Some(map.clone())),
                _ => {
                    Err("one of its operands is one number per channel of the other: a product is taken"
                        .into())
                }
            };
        }
        Err(format!(
            "its operands have the sizes {:?} and {:?}, or other axes: equal ones are taken",
            a.dims(),
            b.dims()
        ))
    }

    /// Elements repeated as often as `wanted` says; their view.
    pub(super) fn expand(&mut self, outputs: &[String], wanted: &[i64], view: &View) -> Result<View, String> {
        let view = view.widened(wanted.len());
        let own = view.dims();
        let mut size = own.clone();
        let first = size.len().saturating_sub(wanted.len());
        for (dim, &wanted) in size.iter_mut().skip(first).zip(wanted) {
            match usize::try_from(wanted) {
                _ if matches!(wanted, -1 | 1) => {}
                Ok(wanted) if *dim == 1 || *dim == wanted => *dim = wanted,
                _ => return Err(format!("it makes {size:?} of {own:?}: expected axes of 1 to be repeated")),
            }
        }
        if size != own {
            self.expanded.extend(outputs.iter().map(|output| (output.clone(), size.clone())));
        }
        Ok(view)
    }

    /// Channels one behind the other.
    pub(super) fn concat(&self, node: &mut RawNode, axis: i64) -> Result<Option<View>, String> {
        let Some(views) = node.inputs.iter().map(|input| self.views.get(input)).collect::<Option<Vec<_>>>()
        else {
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
            if !is_channels
                || (view.shape.height, view.shape.width, view.batch) != (height, width, first.batch)
            {
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
