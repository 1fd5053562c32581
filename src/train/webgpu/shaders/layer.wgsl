// What every kernel knows of its layer. Maps are [image, row, column, channel], read four channels at a time.

struct Layer {
    in_height: u32,
    in_width: u32,
    out_height: u32,
    out_width: u32,
    // Channels, in fours.
    inputs: u32,
    outputs: u32,
    kernel: u32,
    stride: u32,
    top: u32,
    left: u32,
    images: u32,
    // Channels of the output.
    classes: u32,
    // Output pixels that one invocation of a reduction adds up, and how many such invocations there are per channel.
    span: u32,
    spans: u32,
    // The same for weight gradients; depthwise ones count rows.
    weight_span: u32,
    weight_spans: u32,
    // Whether the gradient of the input is added to what is there.
    accumulate: u32,
    // Whether batch normalization follows the sum.
    normalized: u32,
    // Whether the device adds a whole number of steps of the sum as bias.
    integer_bias: u32,
    // Where this layer's numbers are: [gamma, beta] or [bias] among the parameters, [step, zeros] of the weights among
    // the steps, in fours; the logarithms of the steps of output and input among the parameters, singly.
    factors: u32,
    steps: u32,
    grid: u32,
    in_grid: u32,
    epsilon: f32,
    // The activation's limits, for outputs in real numbers.
    low: f32,
    high: f32,
    // The highest code of the output, 0 if it stays in real numbers, and the code of zero.
    levels: f32,
    zero: f32,
    // Step of the input where no parameter says it: the image. 0 elsewhere.
    in_step: f32,
    // What is added to the mean of a windowed average, in steps of the output, so that halves are rounded up.
    nudge: f32,
    // Of a product, where the logarithm of the step of the gate is; NO_GRID: it is none.
    gate_grid: u32,
    // Of a function, which: see functions.wgsl.
    function: u32,
    // Of a concatenation, the first channel of the input's in the output, and how many there are.
    part: u32,
    part_channels: u32,
}

const NO_GRID = 0xffffffffu;

@group(0) @binding(0) var<storage, read> layer: Layer;

fn out_pixels() -> u32 {
    return layer.images * layer.out_height * layer.out_width;
}

struct Pixel { image: u32, row: u32, column: u32 }

fn locate(index: u32, height: u32, width: u32) -> Pixel {
    let row = index / width;
    return Pixel(row / height, row % height, index % width);
}
