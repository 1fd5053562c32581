//! Layers of ours out of nodes.

use super::super::Remark;
use super::sides::Sides;
use super::{Behind, Lowering, activation, checked};
use crate::import::raw::{Constant, RawNode, RawOp, RawPadding, RawWindow, Values};
use crate::net::{Activation, Affine, GAPLESS, LayerWeights, Pads, Shape, TensorId, WINDOW_SIDES, Window};

impl Lowering {
    /// Our tensor of a node's input.
    pub(super) fn input(&self, node: &RawNode, index: usize) -> Option<(TensorId, Shape)> {
        let &tensor = self.tensors.get(node.inputs.get(index)?)?;
        Some((tensor, self.graph.tensors.get(tensor)?.shape))
    }

    pub(super) fn name(&self, position: usize) -> String {
        self.names.get(position).cloned().unwrap_or_default()
    }

    /// Keeps what belongs to a layer that was just appended.
    pub(super) fn appended(
        &mut self,
        position: usize,
        tensor: TensorId,
        behind: Behind,
        weights: Option<LayerWeights>,
    ) {
        self.weights.push(weights);
        self.origins.push(position);
        self.consumed.extend(behind.nodes);
        self.tensors.insert(behind.end, tensor);
    }

    pub(super) fn conv(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let RawOp::Conv { stride, dilation, padding, groups } = node.op else { return Ok(()) };
        let dims = node.inputs.get(1).and_then(|name| self.draft.floats(name)).map(|(dims, _)| dims.to_vec());
        let Some(&[channels, rows, columns, inputs]) = dims.as_deref().and_then(|dims| dims.as_array())
        else {
            return Err("its weights are no constant of the file with 4 axes".into());
        };
        let kernel = [rows, columns];
        if let Some((dilation, _)) =
            dilation.iter().zip(kernel).find(|(dilation, side)| **dilation != 1 && *side > 1)
        {
            return Err(format!("dilation {dilation}: 1 is taken"));
        }
        let is_depthwise = groups != 1 && inputs == 1 && channels == groups;
        if groups != 1 && !is_depthwise {
            return Err(match groups {
                // All channels by themselves.
                1.. if inputs == 1 && channels % groups == 0 => {
                    format!("depthwise multiplier {}: 1 is taken", channels / groups)
                }
                _ => format!("groups = {groups}: grouped convolution"),
            });
        }
        let known = self.input(node, 0);
        let sides = Sides { kernel, stride, pads: pads(padding) };
        let behind = self.behind(node, true)?;
        if let Some((_, map)) = known.filter(|(_, map)| !is_depthwise && sides.see_all(*map))
            && (map.pixels() != 1 || self.is_result(&behind.end))
        {
            let mut node = node.clone();
            if kernel != [map.height, map.width] {
                self.crop(position, &mut node, sides, map)?;
            }
            return self.matrix(position, &node, channels, behind);
        }
        let window = sides.window(known.map(|(_, map)| map))?;
        let Some((input, map)) = known else { return Ok(()) };
        if inputs.checked_mul(groups) != Some(map.channels) {
            return Err(format!("its weights are of {inputs} input channels, and it reads {}", map.channels));
        }
        let mut weights = self.weights_of(node, channels, &behind)?;
        self.square(position, sides, window, &mut weights, inputs)?;
        let name = self.name(position);
        let tensor = match is_depthwise {
            true => self.graph.depthwise(name, input, window, behind.activation),
            false => self.graph.conv(name, input, channels, window, behind.activation),
        };
        self.appended(position, tensor, behind, Some(weights));
        Ok(())
    }

    /// Leaves of a kernel what is on the map and not on the zeros around it.
    fn crop(&mut self, position: usize, node: &mut RawNode, sides: Sides, map: Shape) -> Result<(), String> {
        let Some(name) = node.inputs.get_mut(1) else { return Ok(()) };
        let Some((&[channels, rows, columns, inputs], values)) =
            self.draft.floats(name).and_then(|(dims, values)| Some((dims.as_array()?, values)))
        else {
            return Err("its weights are no constant of the file with 4 axes".into());
        };
        let (Pads { top, left, .. }, Shape { height, width, .. }) = (sides.pads, map);
        let mut kept = Vec::new();
        for output in values.chunks_exact((rows * columns * inputs).max(1)) {
            for row in output.chunks_exact((columns * inputs).max(1)).skip(top).take(height) {
                kept.extend(row.iter().skip(left * inputs).take(width * inputs));
            }
        }
        self.draft.spend(kept.len())?;
        let base = name.clone();
        *name = self.draft.keep(&base, vec![channels, height, width, inputs], kept);
        self.wires.made_for(name, position);
        Ok(())
    }

    /// Adds zeros to kernels that are not as large as the window that the runtime slides for them.
    fn square(
        &mut self,
        position: usize,
        sides: Sides,
        window: Window,
        weights: &mut LayerWeights,
        inputs: usize,
    ) -> Result<(), String> {
        let [rows, columns] = sides.kernel;
        let side = window.kernel;
        if [rows, columns] == [side; 2] {
            return Ok(());
        }
        self.draft.spend(weights.weight.len() / (rows * columns).max(1) * side * side)?;
        weights.weight = sides.extended(&weights.weight, side, inputs);
        let text = format!(
            "{}: its kernel of {rows}x{columns} is computed as one of {side}x{side} with zeros",
            self.name(position)
        );
        self.draft.remarks.push(Remark::Recognised(text));
        Ok(())
    }

    pub(super) fn dense(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let dims = node.inputs.get(1).and_then(|name| self.draft.floats(name)).map(|(dims, _)| dims.to_vec());
        let Some(&[channels, _]) = dims.as_deref().and_then(|dims| dims.as_array()) else {
            return Err("its matrix is no constant of the file with 2 axes".into());
        };
        let behind = self.behind(node, true)?;
        self.matrix(position, node, channels, behind)
    }

    /// A fully connected layer, which reads all elements of its input.
    fn matrix(
        &mut self,
        position: usize,
        node: &RawNode,
        channels: usize,
        behind: Behind,
    ) -> Result<(), String> {
        let Some((input, map)) = self.input(node, 0) else { return Ok(()) };
        let mut weights = self.weights_of(node, channels, &behind)?;
        if weights.weight.len() != map.elements().saturating_mul(channels) {
            return Err(format!("its matrix has {} elements for an input of {map}", weights.weight.len()));
        }
        let mut outputs = channels;
        if channels == 1 && self.is_result(&behind.end) {
            add_zero_output(&mut weights);
            outputs = 2;
            let text =
                "one output, as a sigmoid has it: two classes, the second where the one output is above 0";
            self.draft.remarks.push(Remark::Recognised(text.into()));
        }
        let name = self.name(position);
        let tensor = if self.is_result(&behind.end) && behind.activation == Activation::Linear {
            let input = self.gapless(position, input, map, &mut weights)?;
            fold(&mut weights);
            self.graph.linear(name, input, outputs)
        } else {
            // Inside of a network it is a convolution as large as its map.
            let kernel = [map.height, map.width];
            let sides = Sides { kernel, stride: [1; 2], pads: Pads::default() };
            let window = sides.window(Some(map))?;
            self.square(position, sides, window, &mut weights, map.channels)?;
            self.graph.conv(name, input, outputs, window, behind.activation)
        };
        self.appended(position, tensor, behind, Some(weights));
        Ok(())
    }

    /// A map of which a linear layer can read all: it is not the image, and its pixels lie without gaps. `weights` of that
    /// layer are made to fit.
    fn gapless(
        &mut self,
        position: usize,
        input: TensorId,
        map: Shape,
        weights: &mut LayerWeights,
    ) -> Result<TensorId, String> {
        let has_gaps = map.pixels() > 1 && !map.channels.is_multiple_of(GAPLESS);
        if input != 0 && !has_gaps {
            return Ok(input);
        }
        let channels = map.channels.next_multiple_of(GAPLESS);
        let added = channels - map.channels;
        self.draft.spend(weights.weight.len() / map.channels * channels + channels * map.channels)?;
        let pixels = weights.weight.chunks_exact(map.channels);
        weights.weight =
            pixels.flat_map(|pixel| pixel.iter().copied().chain(std::iter::repeat_n(0.0, added))).collect();
        Ok(self.copied(input, format!("{}.input", self.name(position)), channels, position))
    }

    /// Parameters of a layer with so many outputs.
    fn weights_of(
        &mut self,
        node: &RawNode,
        channels: usize,
        behind: &Behind,
    ) -> Result<LayerWeights, String> {
        let weight = match node.inputs.get(1) {
            Some(name) => self.values(name)?,
            None => Vec::new(),
        };
        let bias = match node.inputs.get(2) {
            Some(name) => Some(self.values(name)?),
            None => None,
        };
        self.draft.spend(behind.norm.as_ref().map_or(channels, |norm| 4 * norm.gamma.len()))?;
        let affine = match (behind.norm.clone(), bias) {
            (None, None) => Affine::Bias(vec![0.0; channels]),
            (None, Some(bias)) => Affine::Bias(bias),
            (Some(norm), None) => Affine::BatchNorm(norm),
            (Some(mut norm), Some(bias)) => {
                for (mean, bias) in norm.mean.iter_mut().zip(bias) {
                    *mean -= bias;
                }
                Affine::BatchNorm(norm)
            }
        };
        let count = match &affine {
            Affine::Bias(bias) => bias.len(),
            Affine::BatchNorm(norm) => norm.gamma.len(),
        };
        if count != channels {
            return Err(format!("its bias or batch normalization has {count} numbers: expected {channels}"));
        }
        Ok(LayerWeights { weight, affine })
    }

    /// Finite numbers of a constant, which nobody needs any more if only one node reads it.
    fn values(&mut self, name: &str) -> Result<Vec<f32>, String> {
        let found = match self.wires.readers(name) {
            [_] => match self.draft.graph.constants.remove(name) {
                Some(Constant { values: Values::Floats(values), .. }) => Some(values),
                _ => None,
            },
            _ => {
                let elements = self.draft.floats(name).map_or(0, |(_, values)| values.len());
                self.draft.spend(elements)?;
                self.draft.floats(name).map(|(_, values)| values.to_vec())
            }
        };
        let values = found.ok_or("its weights are no constant of the file")?;
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!("{value} among its weights: expected finite numbers")),
            None => Ok(values),
        }
    }

    /// Batch normalization that could join nothing.
    pub(super) fn batch_norm(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        if self.input(node, 0).is_none() {
            return Ok(());
        }
        let Some(norm) = super::norm::read(&self.draft, node) else {
            return Err("its parameters are no constants of the file".into());
        };
        checked(&norm)?;
        self.draft.spend(4 * norm.gamma.len())?;
        let behind = self.behind(node, false)?;
        self.carrier(position, node, Affine::BatchNorm(norm), behind)
    }

    /// An activation that could join nothing.
    pub(super) fn activation(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let activation = match activation(&node.op) {
            Some(found) => found?,
            None => return Err("an operation that is not known".into()),
        };
        let Some((_, map)) = self.input(node, 0) else { return Ok(()) };
        self.draft.spend(map.channels)?;
        let end = node.outputs.first().cloned().unwrap_or_default();
        let behind = Behind { norm: None, activation, end, nodes: Vec::new() };
        self.carrier(position, node, Affine::Bias(vec![0.0; map.channels]), behind)
    }

    /// A depthwise convolution with a single weight of one: it carries what stands by itself in the file.
    fn carrier(
        &mut self,
        position: usize,
        node: &RawNode,
        affine: Affine,
        behind: Behind,
    ) -> Result<(), String> {
        let Some((input, map)) = self.input(node, 0) else { return Ok(()) };
        self.draft.spend(map.channels)?;
        let sides = Sides { kernel: [1; 2], stride: [1; 2], pads: Pads::default() };
        let window = sides.window(Some(map))?;
        self.draft.spend(map.channels * window.kernel * window.kernel)?;
        let tensor = self.graph.depthwise(self.name(position), input, window, behind.activation);
        let weight = sides.extended(&vec![1.0; map.channels], window.kernel, 1);
        let weights = LayerWeights { weight, affine };
        self.appended(position, tensor, behind, Some(weights));
        Ok(())
    }

    /// Zeros around a map that nobody took over: a depthwise convolution whose kernel has a single one.
    pub(super) fn pad(
        &mut self,
        position: usize,
        node: &RawNode,
        added: &[[i64; 2]],
        value: f32,
    ) -> Result<(), String> {
        if value != 0.0 {
            return Err(format!("values of {value} around a map: zeros are taken"));
        }
        let Some((input, map)) = self.input(node, 0) else { return Ok(()) };
        let [_, rows, columns, _] = added else { return Err("pads of other than 4 axes".into()) };
        let ([top, rows, bottom], [left, columns, right]) = (shifting(*rows), shifting(*columns));
        let sides =
            Sides { kernel: [rows, columns], stride: [1; 2], pads: Pads { top, left, bottom, right } };
        let window = sides.window(Some(map)).map_err(|_| {
            let most = WINDOW_SIDES.end() - 1;
            format!("too many rows or columns around a map: at most {most} in all")
        })?;
        self.draft.spend(map.channels.saturating_mul(rows * columns + 1))?;
        let mut kernel = vec![0.0; rows * columns];
        // Behind the one stand as many as are added after the map.
        if let (Ok(below), Ok(behind)) = (usize::try_from(added[1][1]), usize::try_from(added[2][1]))
            && let Some(one) = kernel.get_mut(below * columns + behind)
        {
            *one = 1.0;
        }
        let behind = self.behind(node, true)?;
        let affine = match behind.norm.clone() {
            Some(norm) => Affine::BatchNorm(norm),
            None => Affine::Bias(vec![0.0; map.channels]),
        };
        let tensor = self.graph.depthwise(self.name(position), input, window, behind.activation);
        let weight = sides.extended(&kernel.repeat(map.channels), window.kernel, 1);
        let weights = LayerWeights { weight, affine };
        self.appended(position, tensor, behind, Some(weights));
        Ok(())
    }

    /// A pool: of means where it is said whether zeros around the map count, else of maxima.
    pub(super) fn pool(
        &mut self,
        position: usize,
        node: &RawNode,
        window: &RawWindow,
        counts_pads: Option<bool>,
    ) -> Result<(), String> {
        let known = self.input(node, 0);
        let sides = Sides { kernel: window.kernel, stride: window.stride, pads: pads(window.padding) };
        let slid = sides.window(known.map(|(_, map)| map))?;
        let Some((input, map)) = known else { return Ok(()) };
        let name = self.name(position);
        if counts_pads == Some(true) && window.padding != RawPadding::VALID {
            // With zeros that count it is a convolution, which can take more along.
            let behind = self.behind(node, true)?;
            let [rows, columns] = window.kernel;
            let elements = rows * columns;
            self.draft.spend(map.channels.saturating_mul(elements + 4))?;
            let weight = vec![(1.0 / elements as f64) as f32; map.channels * elements];
            let weight = sides.extended(&weight, slid.kernel, 1);
            let affine = match behind.norm.clone() {
                Some(norm) => Affine::BatchNorm(norm),
                None => Affine::Bias(vec![0.0; map.channels]),
            };
            let tensor = self.graph.depthwise(name, input, slid, behind.activation);
            self.appended(position, tensor, behind, Some(LayerWeights { weight, affine }));
            return Ok(());
        }
        if window.kernel[0] != window.kernel[1] {
            let [rows, columns] = window.kernel;
            return Err(format!("a pool with a window of {rows}x{columns}: expected a square one"));
        }
        // The image has a quantizer for each colour, and a pool passes on one.
        let input = match input {
            0 => self.copied(0, format!("{name}.input"), map.channels, position),
            input => input,
        };
        let tensor = match counts_pads {
            Some(_) => self.graph.avg_pool(name, input, slid),
            None => self.graph.max_pool(name, input, slid),
        };
        self.appended(position, tensor, alone(node), None);
        Ok(())
    }

    pub(super) fn global_pool(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let Some((input, _)) = self.input(node, 0) else { return Ok(()) };
        let tensor = self.graph.global_avg_pool(self.name(position), input);
        self.appended(position, tensor, alone(node), None);
        Ok(())
    }

    pub(super) fn add(&mut self, position: usize, node: &RawNode) -> Result<(), String> {
        let (Some((a, first)), Some((b, second))) = (self.input(node, 0), self.input(node, 1)) else {
            return Ok(());
        };
        if first != second {
            return Err(format!("a sum of {first} and {second}: expected equal sizes"));
        }
        let behind = self.behind(node, false)?;
        // The older one first, as the zoo has it: a sum has no order of its own.
        let tensor = self.graph.add(self.name(position), a.min(b), a.max(b), behind.activation);
        self.appended(position, tensor, behind, None);
        Ok(())
    }
}

/// Nothing behind a node that belongs to it.
pub(super) fn alone(node: &RawNode) -> Behind {
    let end = node.outputs.first().cloned().unwrap_or_default();
    Behind { norm: None, activation: Activation::Linear, end, nodes: Vec::new() }
}

/// Pads in numbers; none where the size of the map, and with it the pads, are not known.
fn pads(padding: RawPadding) -> Pads {
    match padding {
        RawPadding::Explicit([top, left, bottom, right]) => Pads { top, left, bottom, right },
        RawPadding::Same | RawPadding::SameLower => Pads::default(),
    }
}

/// Zeros before, length and zeros after of a kernel with a one at `after` that leaves a map with so many rows or columns
/// before and after.
fn shifting([before, after]: [i64; 2]) -> [usize; 3] {
    let both = usize::try_from(before.saturating_add(after)).unwrap_or(usize::MAX - 1);
    [both, both.saturating_add(1), both]
}

/// Takes batch normalization into the weights: logits have a bias and nothing else.
fn fold(weights: &mut LayerWeights) {
    if matches!(weights.affine, Affine::Bias(_)) {
        return;
    }
    let lines = weights.affine.slope_offset();
    let depth = (weights.weight.len() / lines.len().max(1)).max(1);
    for (row, (slope, _)) in weights.weight.chunks_exact_mut(depth).zip(&lines) {
        row.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * slope) as f32);
    }
    weights.affine = Affine::Bias(lines.into_iter().map(|(_, offset)| offset as f32).collect());
}

/// Makes two outputs of one: the other is always 0.
fn add_zero_output(weights: &mut LayerWeights) {
    let inputs = weights.weight.len();
    weights.weight.splice(..0, std::iter::repeat_n(0.0, inputs));
    match &mut weights.affine {
        Affine::Bias(bias) => bias.insert(0, 0.0),
        Affine::BatchNorm(norm) => {
            for values in [&mut norm.gamma, &mut norm.beta, &mut norm.mean] {
                values.insert(0, 0.0);
            }
            norm.variance.insert(0, 1.0);
        }
    }
}
