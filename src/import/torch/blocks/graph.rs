//! From layers in JSON and named tensors to nodes.

use super::PRODUCER;
use super::config::{Block, Layer, Network, Normalization};
use crate::import::error::Problem;
use crate::import::file::File;
use crate::import::naming::{Part, mcunet};
use crate::import::raw::{
    Constant, Layout, RawGraph, RawInput, RawNode, RawOp, RawPadding, RawWindow, Values,
};
use crate::import::tensor::Tensor;
use crate::import::{layout, weights};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the image.
const INPUT: &str = "image";

/// Where our axes `[outputs, rows, columns, inputs]` are in PyTorch's `[outputs, inputs, rows, columns]`.
const AXES: [usize; 4] = [0, 3, 1, 2];

/// Builds the graph of a network with the tensors of a file.
///
/// # Errors
/// With everything that is wrong with the tensors.
pub(super) fn build(network: &Network, file: &File) -> Result<RawGraph, Vec<Problem>> {
    let tensors = file.tensors.iter().map(|(name, tensor)| (mcunet::once(name), tensor)).collect();
    let side = network.resolution;
    let graph = RawGraph {
        name: network.name.clone(),
        producer: PRODUCER.into(),
        layout: Layout::ChannelsFirst,
        inputs: vec![RawInput { name: INPUT.into(), dims: vec![None, Some(3), side, side] }],
        metadata: file.metadata.clone(),
        ..RawGraph::default()
    };
    let norm = network.bn.clone().unwrap_or_default();
    let mut builder = Builder { tensors, norm, graph, used: BTreeSet::new(), problems: Vec::new() };
    let mut x = builder.layer(&network.first_conv, "first_conv", INPUT.into());
    for (number, block) in network.blocks.iter().enumerate() {
        x = builder.block(block, &format!("blocks.{number}"), x);
    }
    let mean = |keep| RawOp::Mean { axes: vec![2, 3], keep };
    match (&network.final_expand_layer, &network.feature_mix_layer) {
        (Some(before), mix) => {
            x = builder.layer(before, "final_expand_layer", x);
            x = builder.node("mean".into(), "mean", mean(true), vec![x]);
            if let Some(layer) = mix {
                x = builder.layer(layer, "feature_mix_layer", x);
            }
            let flat = RawOp::Reshape { dims: vec![0, -1] };
            x = builder.node("flatten".into(), "flatten", flat, vec![x]);
        }
        (None, mix) => {
            if let Some(layer) = mix {
                x = builder.layer(layer, "feature_mix_layer", x);
            }
            x = builder.node("mean".into(), "mean", mean(false), vec![x]);
        }
    }
    x = builder.layer(&network.classifier, "classifier", x);
    builder.graph.outputs.push(x);
    builder.finish()
}

struct Builder<'a> {
    tensors: BTreeMap<String, &'a Tensor<'a>>,
    norm: Normalization,
    graph: RawGraph,
    /// Tensors that layers have taken.
    used: BTreeSet<String>,
    problems: Vec<Problem>,
}

/// Numbers of a convolution.
#[derive(Clone, Copy)]
struct Conv {
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    dilation: usize,
    groups: usize,
    bias: bool,
}

impl Conv {
    /// A 1x1 convolution without bias.
    const fn point(channels: [usize; 2]) -> Self {
        Self { channels, kernel: 1, stride: 1, dilation: 1, groups: 1, bias: false }
    }
}

// All of these take the name of a tensor and give that of the next.
impl Builder<'_> {
    fn node(&mut self, name: String, operator: &str, op: RawOp, inputs: Vec<String>) -> String {
        self.graph.nodes.push(RawNode {
            name: name.clone(),
            operator: operator.into(),
            op,
            inputs,
            outputs: vec![name.clone()],
        });
        name
    }

    fn unsupported(&mut self, name: &str, operator: &str, reason: String, x: String) -> String {
        self.node(name.into(), operator, RawOp::Unsupported { reason }, vec![x])
    }

    /// A block: its layer, around which the shortcut leads.
    fn block(&mut self, block: &Block, name: &str, x: String) -> String {
        let there = |layer: &&Layer| layer.name != "ZeroLayer";
        // A block that a search left out.
        let named = [("mobile_inverted_conv", &block.mobile_inverted_conv), ("conv", &block.conv)];
        let mut layers = named.into_iter().filter_map(|(part, layer)| Some((part, layer.as_deref()?)));
        let Some((part, layer)) = layers.next().filter(|(_, layer)| there(layer)) else { return x };
        let result = self.layer(layer, &format!("{name}.{part}"), x.clone());
        let Some(shortcut) = block.shortcut.as_deref().filter(there) else { return result };
        let around = self.layer(shortcut, &format!("{name}.shortcut"), x);
        self.node(format!("{name}.add"), "add", RawOp::Add, vec![result, around])
    }

    /// A layer of any class.
    fn layer(&mut self, layer: &Layer, name: &str, mut x: String) -> String {
        let class = layer.name.as_str();
        let (normalized, activation) = match class {
            "MBInvertedConvLayer" | "MBConvLayer" => return self.inverted(layer, name, x),
            "ConvLayer" | "DepthConvLayer" => (true, Some("relu")),
            "PoolingLayer" | "IdentityLayer" | "LinearLayer" => (false, None),
            _ => return self.unsupported(name, class, format!("a layer of class '{class}'"), x),
        };
        let [inputs, outputs] = match class {
            "LinearLayer" => [layer.in_features, layer.out_features],
            _ => [layer.in_channels, layer.out_channels],
        };
        let order = layer.ops_order.as_deref().unwrap_or("weight_bn_act");
        let mut channels = inputs;
        for step in order.split('_') {
            x = match step {
                "weight" => {
                    channels = outputs;
                    self.weight(layer, name, x)
                }
                "bn" if layer.use_bn.unwrap_or(normalized) => self.norm(&format!("{name}.bn"), channels, x),
                "bn" => x,
                "act" => self.activation(&format!("{name}.act"), layer.activation(activation), x),
                _ => self.unsupported(&format!("{name}.{step}"), step, format!("a step '{step}'"), x),
            };
        }
        x
    }

    /// What a layer does between normalization and activation.
    fn weight(&mut self, layer: &Layer, name: &str, x: String) -> String {
        let groups = layer.groups.unwrap_or(1);
        let bias = layer.bias.unwrap_or(false);
        let (kernel, stride) = (layer.kernel_size.unwrap_or(3), layer.stride.unwrap_or(1));
        let dilation = layer.dilation.unwrap_or(1);
        let channels = [layer.in_channels, layer.out_channels];
        match layer.name.as_str() {
            "ConvLayer" => {
                let conv = Conv { channels, kernel, stride, dilation, groups, bias };
                let x = self.conv(&format!("{name}.conv"), conv, x);
                self.shuffle(layer, groups, name, x)
            }
            "DepthConvLayer" => {
                let channels = [layer.in_channels; 2];
                let depth =
                    Conv { channels, kernel, stride, dilation, groups: layer.in_channels, bias: false };
                let x = self.conv(&format!("{name}.depth_conv"), depth, x);
                let point = Conv { groups, bias, ..Conv::point([layer.in_channels, layer.out_channels]) };
                let x = self.conv(&format!("{name}.point_conv"), point, x);
                self.shuffle(layer, groups, name, x)
            }
            "PoolingLayer" => self.pool(layer, &format!("{name}.pool"), x),
            "LinearLayer" => self.linear(layer, &format!("{name}.linear"), x),
            _ => x,
        }
    }

    /// An inverted residual: up to more channels, each by itself, and down again.
    fn inverted(&mut self, layer: &Layer, name: &str, mut x: String) -> String {
        let activation = layer.activation(Some("relu6"));
        let expansion = layer.expand_ratio.unwrap_or(6.0);
        // Python rounds halves to even.
        let middle = (layer.in_channels as f64 * expansion).round_ties_even() as usize;
        let middle = layer.mid_channels.unwrap_or(middle);
        if expansion != 1.0 {
            let name = format!("{name}.inverted_bottleneck");
            x = self.conv(&format!("{name}.conv"), Conv::point([layer.in_channels, middle]), x);
            x = self.norm(&format!("{name}.bn"), middle, x);
            x = self.activation(&format!("{name}.act"), activation, x);
        }
        let depth = Conv {
            channels: [middle; 2],
            kernel: layer.kernel_size.unwrap_or(3),
            stride: layer.stride.unwrap_or(1),
            dilation: 1,
            groups: middle,
            bias: false,
        };
        x = self.conv(&format!("{name}.depth_conv.conv"), depth, x);
        x = self.norm(&format!("{name}.depth_conv.bn"), middle, x);
        x = self.activation(&format!("{name}.depth_conv.act"), activation, x);
        if layer.use_se {
            x = self.squeeze_excite(&format!("{name}.depth_conv.se"), middle, x);
        }
        x = self.conv(&format!("{name}.point_linear.conv"), Conv::point([middle, layer.out_channels]), x);
        self.norm(&format!("{name}.point_linear.bn"), layer.out_channels, x)
    }

    /// A factor for each channel, from the means of all.
    fn squeeze_excite(&mut self, name: &str, channels: usize, x: String) -> String {
        let reduced = divisible(channels / 4, 8);
        let conv = |channels| Conv { bias: true, ..Conv::point(channels) };
        let mean = RawOp::Mean { axes: vec![2, 3], keep: true };
        let y = self.node(format!("{name}.mean"), "mean", mean, vec![x.clone()]);
        let y = self.conv(&format!("{name}.fc.reduce"), conv([channels, reduced]), y);
        let y = self.activation(&format!("{name}.fc.relu"), Some("relu"), y);
        let y = self.conv(&format!("{name}.fc.expand"), conv([reduced, channels]), y);
        let y = self.activation(&format!("{name}.fc.h_sigmoid"), Some("h_sigmoid"), y);
        self.node(format!("{name}.mul"), "mul", RawOp::Mul, vec![x, y])
    }

    fn conv(&mut self, name: &str, conv: Conv, x: String) -> String {
        let Conv { channels: [inputs, outputs], kernel, stride, dilation, groups, bias } = conv;
        let mut operands = vec![x];
        let shape = [outputs, kernel, kernel, inputs.checked_div(groups).unwrap_or(0)];
        operands.push(self.constant(format!("{name}.weight"), &shape, Part::Weight));
        if bias {
            operands.push(self.constant(format!("{name}.bias"), &[outputs], Part::Bias));
        }
        let op = if self.norm.ws_eps.is_some() && !bias {
            RawOp::Unsupported { reason: "a convolution with standardized weights".into() }
        } else if shape.contains(&0) || groups == 0 {
            RawOp::Unsupported { reason: "a convolution of no channels".into() }
        } else if kernel.is_multiple_of(2) || !are_sizes([kernel, stride, dilation]) {
            RawOp::Unsupported { reason: "a convolution with an even kernel or a step out of range".into() }
        } else {
            let pad = kernel / 2 * dilation;
            RawOp::Conv {
                stride: [stride; 2],
                dilation: [dilation; 2],
                padding: RawPadding::Explicit([pad; 4]),
                groups,
            }
        };
        self.node(name.into(), "Conv2d", op, operands)
    }

    fn linear(&mut self, layer: &Layer, name: &str, x: String) -> String {
        let mut operands = vec![x];
        let shape = [layer.out_features, layer.in_features];
        operands.push(self.constant(format!("{name}.weight"), &shape, Part::Weight));
        if layer.bias.unwrap_or(true) {
            operands.push(self.constant(format!("{name}.bias"), &shape[..1], Part::Bias));
        }
        self.node(name.into(), "Linear", RawOp::Dense, operands)
    }

    fn norm(&mut self, name: &str, channels: usize, x: String) -> String {
        let parts = match self.norm.gn_channel_per_group {
            None => &[
                ("weight", Part::Gamma),
                ("bias", Part::Beta),
                ("running_mean", Part::Mean),
                ("running_var", Part::Variance),
            ][..],
            Some(_) => &[("weight", Part::Gamma), ("bias", Part::Beta)],
        };
        let mut operands = vec![x];
        for &(part, kind) in parts {
            operands.push(self.constant(format!("{name}.{part}"), &[channels], kind));
        }
        let (operator, op) = match self.norm.gn_channel_per_group {
            None => ("BatchNorm", RawOp::BatchNorm { epsilon: self.norm.eps }),
            Some(_) => ("GroupNorm", RawOp::Unsupported { reason: "a normalization of groups".into() }),
        };
        self.node(name.into(), operator, op, operands)
    }

    fn activation(&mut self, name: &str, function: Option<&str>, x: String) -> String {
        let Some(function) = function else { return x };
        let (operator, op) = match function {
            "relu" => ("ReLU", RawOp::Clip { min: 0.0, max: f32::INFINITY }),
            "relu6" => ("ReLU6", RawOp::Clip { min: 0.0, max: 6.0 }),
            "tanh" => ("Tanh", RawOp::Tanh),
            "sigmoid" => ("Sigmoid", RawOp::Sigmoid),
            "swish" | "silu" => ("SiLU", RawOp::Swish),
            "h_swish" => ("Hswish", RawOp::HardSwish),
            "h_sigmoid" => ("Hsigmoid", RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 }),
            _ => (function, RawOp::Unsupported { reason: format!("the activation '{function}'") }),
        };
        self.node(name.into(), operator, op, vec![x])
    }

    fn pool(&mut self, layer: &Layer, name: &str, x: String) -> String {
        let (kernel, stride) = (layer.kernel_size.unwrap_or(2), layer.stride.unwrap_or(2));
        let pad = if stride == 1 { kernel / 2 } else { 0 };
        let window = RawWindow {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: RawPadding::Explicit([pad; 4]),
            ceil: false,
        };
        let (operator, op) = match layer.pool_type.as_str() {
            _ if !are_sizes([kernel, stride]) => {
                ("Pool2d", RawOp::Unsupported { reason: "a window or step out of range".into() })
            }
            "avg" => ("AvgPool2d", RawOp::AvgPool { window, counts_pads: false }),
            "max" => ("MaxPool2d", RawOp::MaxPool(window)),
            other => (other, RawOp::Unsupported { reason: format!("a pool of type '{other}'") }),
        };
        self.node(name.into(), operator, op, vec![x])
    }

    fn shuffle(&mut self, layer: &Layer, groups: usize, name: &str, x: String) -> String {
        if !layer.has_shuffle || groups <= 1 {
            return x;
        }
        let reason = "a shuffle of channels".to_owned();
        self.unsupported(&format!("{name}.shuffle"), "ShuffleLayer", reason, x)
    }

    /// Makes a constant of a tensor, which must have `shape`, ours.
    fn constant(&mut self, name: String, shape: &[usize], part: Part) -> String {
        let kernel = <[usize; 4]>::try_from(shape).ok();
        let stored = kernel.map_or_else(|| shape.to_vec(), |shape| layout::stored(shape, AXES).to_vec());
        self.used.insert(name.clone());
        let Some(tensor) = self.tensors.get(&name) else {
            self.problems.push(Problem::Missing { name: name.clone(), expected: stored });
            return name;
        };
        match weights::values(&name, tensor, &[stored], part) {
            Ok(values) => {
                let values = match kernel {
                    // Nothing to bring into order, over however many places.
                    Some(shape) if shape.contains(&0) => values,
                    Some(shape) => layout::reorder(&values, shape, AXES),
                    None => values,
                };
                let constant = Constant { dims: shape.to_vec(), values: Values::Floats(values) };
                self.graph.constants.insert(name.clone(), constant);
            }
            Err(problem) => self.problems.push(problem),
        }
        name
    }

    fn finish(mut self) -> Result<RawGraph, Vec<Problem>> {
        let left = self.tensors.iter().filter(|(name, tensor)| {
            tensor.is_float() && !name.ends_with("num_batches_tracked") && !self.used.contains(*name)
        });
        self.problems.extend(
            left.map(|(name, tensor)| Problem::Unexpected {
                name: name.clone(),
                found: tensor.shape.clone(),
            }),
        );
        if self.problems.is_empty() { Ok(self.graph) } else { Err(self.problems) }
    }
}

/// Whether numbers can be sizes of windows, steps and the like: neither zero nor larger than any map.
fn are_sizes<const N: usize>(sizes: [usize; N]) -> bool {
    sizes.iter().all(|size| (1..=1 << 15).contains(size))
}

/// The multiple of a divisor that is nearest to a number, if it is not less than nine tenths of it, else the next one; at
/// least the divisor.
fn divisible(number: usize, divisor: usize) -> usize {
    let nearest = number.saturating_add(divisor / 2) / divisor * divisor;
    let nearest = nearest.max(divisor);
    if (nearest as f64) < 0.9 * number as f64 { nearest + divisor } else { nearest }
}
