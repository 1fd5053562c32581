// Fake quantization of all weights and its gradient, one invocation per output channel. Rows without weights fill
// the last workgroup.

struct Row {
    // Where the channel's weights are, the distance between them, how many there are.
    first: u32,
    stride: u32,
    length: u32,
    // Where the logarithm of the channel's step is; NONE: the step follows from the extreme weights.
    step: u32,
    // The highest code, 0 to leave the weights in real numbers, and the code of zero.
    levels: f32,
    zero: f32,
    // By how much the gradient of the step is scaled.
    scale: f32,
    // Where the step goes, and behind all steps of the layer what the image's zero adds to the sum, in units.
    out: u32,
    zeros: u32,
    // Zeros of the image's colours in codes; 0 behind the first layer.
    colours: vec3f,
}

const NONE = 0xffffffffu;

@group(0) @binding(0) var<storage, read> rows: array<Row>;
@group(0) @binding(1) var<storage, read> parameters: array<f32>;
@group(0) @binding(2) var<storage, read_write> quantized: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> steps: array<f32>;

// Step and code of zero of a range that is widened to hold zero and shifted so that zero has a code of its own.
fn grid_of_extremes(row: Row) -> vec2f {
    var low = 0.0;
    var high = 0.0;
    for (var i = 0u; i < row.length; i++) {
        let weight = parameters[row.first + i * row.stride];
        low = min(low, weight);
        high = max(high, weight);
    }
    if high == low {
        return vec2f(1.0, 0.0);
    }
    let step = (high - low) / row.levels;
    return vec2f(step, round(-low / step));
}

fn grid_of(row: Row) -> vec2f {
    if row.step == NONE {
        return grid_of_extremes(row);
    }
    return vec2f(exp(parameters[row.step]), row.zero);
}

@compute @workgroup_size(64)
fn quantize(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let row = rows[index];
    var at = row.first;
    if row.levels == 0.0 {
        for (var i = 0u; i < row.length; i++) {
            quantized[at] = parameters[at];
            at += row.stride;
        }
        return;
    }
    let grid = grid_of(row);
    steps[row.out] = grid.x;
    let colours = array(row.colours.x, row.colours.y, row.colours.z, 0.0);
    var zeros = 0.0;
    for (var i = 0u; i < row.length; i++) {
        let code = clamp(round(parameters[at] / grid.x) + grid.y, 0.0, row.levels) - grid.y;
        quantized[at] = code * grid.x;
        zeros += code * colours[i % 4u];
        at += row.stride;
    }
    steps[row.zeros] = zeros;
}

// Straight through where the code is not clamped; the step's gradient as in LSQ (arXiv 1902.08153).
@compute @workgroup_size(64)
fn pass_through(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let row = rows[index];
    if row.levels == 0.0 {
        return;
    }
    let grid = grid_of(row);
    var total = 0.0;
    var at = row.first;
    for (var i = 0u; i < row.length; i++) {
        let exact = parameters[at] / grid.x;
        let code = round(exact) + grid.y;
        let nearest = clamp(code, 0.0, row.levels);
        if code == nearest {
            total += gradients[at] * (nearest - grid.y - exact);
        } else {
            total += gradients[at] * (nearest - grid.y);
            gradients[at] = 0.0;
        }
        at += row.stride;
    }
    if row.step != NONE {
        gradients[row.step] = total * grid.x * row.scale;
    }
}
