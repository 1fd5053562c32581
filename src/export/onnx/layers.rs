//! The operations of each layer.

use super::exact::{self, Form, Span};
use super::graph::{Attribute, Builder};
use crate::{
    export::{ExportError, packed::pack},
    infer::Reach,
    net::{Layer, LayerId, Op, Pads, Shape, TensorId, Window},
    onnx_proto::DataType,
    quant::{AddRequantizer, Bits, Kernel, QuantizedLayer, QuantizedNetwork, Quantizer, Requantizer},
};

/// What is added before a division so that nothing is negative: 2^62.
const LIFT: i64 = 1 << 62;

/// The window of linear layers.
const POINT: Window = Window { kernel: 1, stride: 1, pads: Pads::symmetric(0) };

/// Sizes of the image, `[N, h, w, 3]`.
pub fn image_shape(network: &QuantizedNetwork) -> [Option<usize>; 4] {
    let Shape { height, width, channels } = network.graph().image().shape;
    [None, Some(height), Some(width), Some(channels)]
}

/// Sizes of a layer's output, `[N, c, h, w]`.
pub fn tensor_shape(network: &QuantizedNetwork, tensor: TensorId) -> [Option<usize>; 4] {
    let Shape { height, width, channels } = network.graph().tensors[tensor].shape;
    [None, Some(channels), Some(height), Some(width)]
}

/// Names of all tensors in the graph, by [`TensorId`]: their own, but `image/channels_first` and `logits`.
pub fn names(network: &QuantizedNetwork) -> Vec<String> {
    let mut names: Vec<String> = network.graph().tensors.iter().map(|tensor| tensor.name.clone()).collect();
    names[0] = "image/channels_first".into();
    names[network.graph().logits()] = "logits".into();
    names
}

/// The image as layers read it.
pub fn image(builder: &mut Builder, names: &[String]) {
    builder.node("Transpose", &["image"], &names[0], &[Attribute::Ints("perm", vec![0, 3, 1, 2])]);
}

/// Appends a layer.
///
/// # Errors
/// If its sums are too large to be exact.
pub fn layer(
    builder: &mut Builder,
    network: &QuantizedNetwork,
    names: &[String],
    id: LayerId,
) -> Result<(), ExportError> {
    let subject = &network.graph().layers[id];
    let inputs: Vec<&str> = subject.inputs.iter().map(|&input| names[input].as_str()).collect();
    let mut writer = Writer {
        builder,
        network,
        layer: subject,
        prefix: format!("{}/", subject.name),
        output: &names[subject.output],
    };
    match &network.layers[id] {
        QuantizedLayer::Kernel(kernel) => writer.kernel(inputs[0], kernel)?,
        QuantizedLayer::Pool(requantizer) => writer.pool(inputs[0], requantizer),
        QuantizedLayer::Add(requantizer) => writer.add([inputs[0], inputs[1]], requantizer),
        QuantizedLayer::MaxPool => writer.max_pool(inputs[0]),
        QuantizedLayer::AvgPool => writer.avg_pool(inputs[0]),
        QuantizedLayer::Lookup(table) => writer.lookup(inputs[0], table),
        QuantizedLayer::Multiply(requantizer) => writer.multiply([inputs[0], inputs[1]], requantizer),
        QuantizedLayer::Concat(tables) => writer.concat(&inputs, tables),
    }
    Ok(())
}

/// Writes one layer.
struct Writer<'a> {
    builder: &'a mut Builder,
    network: &'a QuantizedNetwork,
    layer: &'a Layer,
    /// What names of tensors inside of the layer begin with.
    prefix: String,
    output: &'a str,
}

impl Writer<'_> {
    /// Convolution, depthwise convolution, linear layer.
    fn kernel(&mut self, input: &str, kernel: &Kernel) -> Result<(), ExportError> {
        let graph = self.network.graph();
        let padded = self.layer.window().is_some_and(|window| window.pads != Default::default());
        // Without padding no code stands for what is outside.
        let pad_codes: &[u8] = if padded { &kernel.pad_codes } else { &[0] };
        let reach = Reach::of_channels(&kernel.weights, &kernel.zero_points);
        let form = exact::form(&reach, self.span(pad_codes)).ok_or_else(|| ExportError::Layer {
            layer: self.layer.name.clone(),
            problem: "has sums that ONNX's operators cannot compute exactly",
        })?;
        let weights = self.weights(kernel);
        let flat = self.flat(input);
        let centred = self.centred(&flat, pad_codes);
        let sum = match form {
            Form::Whole => self.convolution("sum", &centred, &weights),
            Form::Halves => self.halves(&centred, &weights),
        };
        let per_pixel = graph.weight_elements(self.layer) / graph.output_shape(self.layer).channels;
        let bias = |(channel, r): (usize, &Requantizer)| {
            let row = &kernel.weights[channel * per_pixel..][..per_pixel];
            i64::from(r.bias) + self.padding_share(row, kernel.zero_points[channel], channel, pad_codes)
        };
        let biases: Vec<i64> = kernel.requantizers.iter().enumerate().map(bias).collect();
        self.requantize(&sum, &biases, &kernel.requantizers);
        Ok(())
    }

    /// The values that the input takes after its pad code was subtracted.
    fn span(&self, pad_codes: &[u8]) -> Span {
        let input = self.layer.inputs[0];
        let largest = if input == 0 { u8::MAX } else { self.network.tensors[input].bits.max_code() };
        let least = |codes: &[u8]| codes.iter().min().copied().unwrap_or(0);
        let most = |codes: &[u8]| codes.iter().max().copied().unwrap_or(0);
        let low = -i64::from(most(pad_codes));
        Span { low, high: (i64::from(largest) - i64::from(least(pad_codes))).max(0) }
    }

    /// Weights as real numbers: differences from their zero point. Codes `[c_out, c_in, k, k]`.
    fn weights(&mut self, kernel: &Kernel) -> String {
        let (codes, dims) = self.channels_first(kernel);
        let channels = dims[0];
        let data_type = unsigned(kernel.bits);
        // One row: ONNX pads the whole tensor, not its rows.
        let (weight, zero_point) = (self.named("weight"), self.named("weight_zero_point"));
        self.builder.constant(&weight, data_type, &dims, pack(&codes, codes.len(), kernel.bits));
        let zero_points = pack(&kernel.zero_points, channels, kernel.bits);
        self.builder.constant(&zero_point, data_type, &[channels], zero_points);
        let scale = format!("ones/{channels}");
        self.builder.floats(&scale, &[channels], std::iter::repeat_n(1.0, channels));
        let difference = self.named("weight_difference");
        let inputs = [weight.as_str(), &scale, &zero_point];
        self.builder.node("DequantizeLinear", &inputs, &difference, &[Attribute::Int("axis", 0)]);
        difference
    }

    /// The codes with input channels before the window, and the shape.
    fn channels_first(&self, kernel: &Kernel) -> (Vec<u8>, [usize; 4]) {
        let shape = self.network.graph().weight_shape(self.layer);
        let [outputs, height, width, inputs] = shape.unwrap_or_default();
        let taps = height * width;
        let code = |(output, input, tap)| kernel.weights[(output * taps + tap) * inputs + input];
        let places =
            (0..outputs).flat_map(|o| (0..inputs).flat_map(move |i| (0..taps).map(move |tap| (o, i, tap))));
        (places.map(code).collect(), [outputs, inputs, height, width])
    }

    /// The input as the layer sees it: a linear layer sees one pixel, the channels of each of the map's innermost.
    fn flat(&mut self, input: &str) -> String {
        let graph = self.network.graph();
        let shape = graph.tensors[self.layer.inputs[0]].shape;
        if graph.input_shape(self.layer) == shape {
            return input.to_owned();
        }
        let (pixels, flat, dims) = (self.named("pixels"), self.named("flat"), self.named("flat_shape"));
        self.builder.node("Transpose", &[input], &pixels, &[Attribute::Ints("perm", vec![0, 2, 3, 1])]);
        self.builder.ints(&dims, &[4], [0, shape.elements() as i64, 1, 1].into_iter());
        self.builder.node("Reshape", &[&pixels, &dims], &flat, &[]);
        flat
    }

    /// The input as real numbers, its pad code subtracted if it is not zero.
    fn centred(&mut self, input: &str, pad_codes: &[u8]) -> String {
        let real = self.named("input");
        self.builder.cast(input, &real, DataType::Float);
        if pad_codes.iter().all(|&code| code == 0) {
            return real;
        }
        let (pad, centred) = (self.named("pad"), self.named("centred"));
        let codes = pad_codes.iter().map(|&code| f32::from(code));
        self.builder.floats(&pad, &[1, pad_codes.len(), 1, 1], codes);
        self.builder.node("Sub", &[&real, &pad], &centred, &[]);
        centred
    }

    /// What the subtracted pad codes take from the sum of an output channel: `sum pad (w - zero_point)`.
    fn padding_share(&self, row: &[u8], zero_point: u8, channel: usize, pad_codes: &[u8]) -> i64 {
        let depthwise = matches!(self.layer.op, Op::Depthwise(..));
        let inputs = if depthwise { 1 } else { self.network.graph().input_shape(self.layer).channels };
        let share = |(at, &weight): (usize, &u8)| {
            let input = if depthwise { channel } else { at % inputs };
            let pad = pad_codes[input % pad_codes.len()];
            i64::from(pad) * (i64::from(weight) - i64::from(zero_point))
        };
        row.iter().enumerate().map(share).sum()
    }

    /// The sum of products in INT64.
    fn convolution(&mut self, name: &str, input: &str, weights: &str) -> String {
        let graph = self.network.graph();
        let depthwise = matches!(self.layer.op, Op::Depthwise(..) | Op::AvgPool(..));
        let group = if depthwise { graph.output_shape(self.layer).channels } else { 1 };
        let mut attributes = vec![Attribute::Int("group", group as i64)];
        attributes.extend(self.window_attributes());
        let (real, sum) = (self.named(&format!("{name}_real")), self.named(name));
        self.builder.node("Conv", &[input, weights], &real, &attributes);
        self.builder.cast(&real, &sum, DataType::Int64);
        sum
    }

    /// How the layer's window slides.
    fn window_attributes(&self) -> [Attribute<'static>; 3] {
        let Window { kernel, stride, pads } = self.layer.window().unwrap_or(POINT);
        let ints = |values: &[usize]| values.iter().map(|&value| value as i64).collect();
        [
            Attribute::Ints("kernel_shape", ints(&[kernel, kernel])),
            Attribute::Ints("pads", ints(&[pads.top, pads.left, pads.bottom, pads.right])),
            Attribute::Ints("strides", ints(&[stride, stride])),
        ]
    }

    /// The same from an input in two parts, for sums beyond 24 bits.
    fn halves(&mut self, input: &str, weights: &str) -> String {
        self.builder.floats("sixteenth", &[], std::iter::once(0.0625));
        self.builder.floats("sixteen", &[], std::iter::once(16.0));
        self.builder.int("sixteen_int", 16);
        let [scaled, high, rest, low] = ["scaled", "high", "rest", "low"].map(|name| self.named(name));
        self.builder.node("Mul", &[input, "sixteenth"], &scaled, &[]);
        self.builder.node("Floor", &[&scaled], &high, &[]);
        self.builder.node("Mul", &[&high, "sixteen"], &rest, &[]);
        self.builder.node("Sub", &[input, &rest], &low, &[]);
        let high = self.convolution("sum_high", &high, weights);
        let low = self.convolution("sum_low", &low, weights);
        let (shifted, sum) = (self.named("sum_shifted"), self.named("sum"));
        self.builder.node("Mul", &[&high, "sixteen_int"], &shifted, &[]);
        self.builder.node("Add", &[&shifted, &low], &sum, &[]);
        sum
    }

    /// Sum of each channel's codes, then as any layer.
    fn pool(&mut self, input: &str, requantizer: &Requantizer) {
        let (codes, sum) = (self.named("input"), self.named("sum"));
        self.builder.cast(input, &codes, DataType::Int64);
        self.builder.ints("rows_and_columns", &[2], [2, 3].into_iter());
        self.builder.node("ReduceSum", &[&codes, "rows_and_columns"], &sum, &[Attribute::Int("keepdims", 1)]);
        self.requantize(&sum, &[i64::from(requantizer.bias)], std::slice::from_ref(requantizer));
    }

    /// Largest code under each window. Codes are not below the zeros of the padding.
    fn max_pool(&mut self, input: &str) {
        let [codes, largest] = ["input", "largest"].map(|name| self.named(name));
        self.builder.cast(input, &codes, DataType::Float);
        let attributes = self.window_attributes();
        self.builder.node("MaxPool", &[&codes], &largest, &attributes);
        self.builder.cast(&largest, self.output, DataType::Uint8);
    }

    /// Sum of each channel's codes under a window as a convolution with ones; then the mean, rounded, in INT64.
    fn avg_pool(&mut self, input: &str) {
        let graph = self.network.graph();
        let (from, to) = (graph.input_shape(self.layer), graph.output_shape(self.layer));
        let window = self.layer.window().unwrap_or(POINT);
        let channels = from.channels;
        let [codes, ones, rows, columns, count, half, raised, mean] =
            ["input", "ones", "rows", "columns", "count", "half", "raised", "mean"]
                .map(|name| self.named(name));
        self.builder.cast(input, &codes, DataType::Float);
        let taps = window.kernel * window.kernel;
        let dims = [channels, 1, window.kernel, window.kernel];
        self.builder.floats(&ones, &dims, std::iter::repeat_n(1.0, channels * taps));
        let sum = self.convolution("sum", &codes, &ones);
        // What each window covers: so many rows, so many columns.
        let covered = |at: [usize; 2], side: usize| window.covered(at, from)[side].len() as i64;
        self.builder.ints(&rows, &[1, 1, to.height, 1], (0..to.height).map(|y| covered([y, 0], 0)));
        self.builder.ints(&columns, &[1, 1, 1, to.width], (0..to.width).map(|x| covered([0, x], 1)));
        self.builder.int("two", 2);
        self.builder.node("Mul", &[&rows, &columns], &count, &[]);
        self.builder.node("Div", &[&count, "two"], &half, &[]);
        self.builder.node("Add", &[&sum, &half], &raised, &[]);
        self.builder.node("Div", &[&raised, &count], &mean, &[]);
        self.builder.cast(&mean, self.output, DataType::Uint8);
    }

    /// Bias, factor, zero point and clamp; one requantizer per channel or one for all.
    fn requantize(&mut self, sum: &str, biases: &[i64], requantizers: &[Requantizer]) {
        let dims = [1, requantizers.len(), 1, 1];
        let [bias, multiplier] = ["bias", "multiplier"].map(|name| self.named(name));
        self.builder.ints(&bias, &dims, biases.iter().copied());
        self.builder.ints(&multiplier, &dims, requantizers.iter().map(|r| i64::from(r.multiplier)));
        let [accumulator, product] = ["accumulator", "product"].map(|name| self.named(name));
        self.builder.node("Add", &[sum, &bias], &accumulator, &[]);
        self.builder.node("Mul", &[&accumulator, &multiplier], &product, &[]);
        self.builder.int("lift", LIFT);
        let lifted = self.named("lifted");
        self.builder.node("Add", &[&product, "lift"], &lifted, &[]);
        let shifts: Vec<u8> = requantizers.iter().map(|r| r.shift).collect();
        self.floor(&lifted, &shifts);
    }

    /// `a * m_a + b * m_b + offset`, then as any layer.
    fn add(&mut self, inputs: [&str; 2], requantizer: &AddRequantizer) {
        let AddRequantizer { multipliers, offset, shift } = *requantizer;
        let mut terms = Vec::new();
        for ((input, multiplier), side) in inputs.into_iter().zip(multipliers).zip(["a", "b"]) {
            let [codes, factor, term] =
                ["input", "multiplier", "term"].map(|name| self.named(&format!("{name}_{side}")));
            self.builder.cast(input, &codes, DataType::Int64);
            self.builder.int(&factor, i64::from(multiplier));
            self.builder.node("Mul", &[&codes, &factor], &term, &[]);
            terms.push(term);
        }
        let [sum, lift, lifted] = ["sum", "lifted_offset", "lifted"].map(|name| self.named(name));
        self.builder.node("Add", &[&terms[0], &terms[1]], &sum, &[]);
        self.builder.int(&lift, i64::from(offset) + LIFT);
        self.builder.node("Add", &[&sum, &lift], &lifted, &[]);
        self.floor(&lifted, &[shift]);
    }

    /// A function of each element: its code by the code of the input.
    fn lookup(&mut self, input: &str, table: &[u8]) {
        self.gather("", input, table, self.output);
    }

    /// Codes of each map by a table of its own, then all channels one behind the other.
    fn concat(&mut self, inputs: &[&str], tables: &[Vec<u8>]) {
        let mut maps = Vec::new();
        for (number, (input, table)) in inputs.iter().zip(tables).enumerate() {
            let suffix = format!("_{number}");
            let map = self.named(&format!("map{suffix}"));
            self.gather(&suffix, input, table, &map);
            maps.push(map);
        }
        let maps: Vec<&str> = maps.iter().map(String::as_str).collect();
        self.builder.node("Concat", &maps, self.output, &[Attribute::Int("axis", 1)]);
    }

    /// The code in a table for each code of a tensor; `suffix` tells apart several of a layer.
    fn gather(&mut self, suffix: &str, input: &str, table: &[u8], output: &str) {
        let [codes, name] = ["input", "table"].map(|name| self.named(&format!("{name}{suffix}")));
        self.builder.cast(input, &codes, DataType::Int64);
        self.builder.constant(&name, DataType::Uint8, &[table.len()], table.to_vec());
        self.builder.node("Gather", &[&name, &codes], output, &[Attribute::Int("axis", 0)]);
    }

    /// Product of the distances of map and gate from their zero points, then as any layer.
    fn multiply(&mut self, inputs: [&str; 2], requantizer: &Requantizer) {
        let mut factors = Vec::new();
        for ((input, side), tensor) in inputs.into_iter().zip(["map", "gate"]).zip(&self.layer.inputs) {
            let [codes, zero_point, distance] =
                ["input", "zero_point", "distance"].map(|name| self.named(&format!("{name}_{side}")));
            self.builder.cast(input, &codes, DataType::Int64);
            self.builder.int(&zero_point, i64::from(self.network.tensors[*tensor].zero_point));
            self.builder.node("Sub", &[&codes, &zero_point], &distance, &[]);
            factors.push(distance);
        }
        let sum = self.named("sum");
        self.builder.node("Mul", &[&factors[0], &factors[1]], &sum, &[]);
        self.requantize(&sum, &[i64::from(requantizer.bias)], std::slice::from_ref(requantizer));
    }

    /// From numbers raised by [`LIFT`] to codes or logits: `floor(x / 2^shift)`, zero point, clamp.
    fn floor(&mut self, lifted: &str, shifts: &[u8]) {
        let dims = [1, shifts.len(), 1, 1];
        let is_add = self.layer.op == Op::Add;
        let is_logits = self.layer.output == self.network.graph().logits();
        let Quantizer { zero_point, bits, .. } = self.network.tensors[self.layer.output];
        // An add's offset holds the zero point.
        let zero_point = if is_add || is_logits { 0 } else { i64::from(zero_point) };
        let [divisor, offset] = ["divisor", "offset"].map(|name| self.named(name));
        self.builder.ints(&divisor, &dims, shifts.iter().map(|&shift| 1 << shift));
        self.builder.ints(&offset, &dims, shifts.iter().map(|&shift| zero_point - (LIFT >> shift)));
        let [quotient, value] = ["quotient", "value"].map(|name| self.named(name));
        self.builder.node("Div", &[lifted, &divisor], &quotient, &[]);
        self.builder.node("Add", &[&quotient, &offset], &value, &[]);
        if is_logits {
            let logits = self.named("logits");
            self.builder.cast(&value, &logits, DataType::Int32);
            self.builder.node("Flatten", &[&logits], self.output, &[Attribute::Int("axis", 1)]);
        } else {
            let most = format!("largest_code/{bits}");
            self.builder.floats("smallest_code", &[], std::iter::once(0.0));
            self.builder.floats(&most, &[], std::iter::once(f32::from(bits.max_code())));
            let [real, code] = ["real", "code"].map(|name| self.named(name));
            self.builder.cast(&value, &real, DataType::Float);
            self.builder.node("Clip", &[&real, "smallest_code", &most], &code, &[]);
            self.builder.cast(&code, self.output, DataType::Uint8);
        }
    }

    fn named(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// The type of codes of a width.
fn unsigned(bits: Bits) -> DataType {
    match bits {
        Bits::B2 => DataType::Uint2,
        Bits::B4 => DataType::Uint4,
        Bits::B8 => DataType::Uint8,
    }
}
