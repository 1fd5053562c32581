// Batch normalization and the end of a layer, forward and backward.
//
// `affine` of a layer is [slope, offset, mean, 1 / deviation] by channel.

@group(0) @binding(1) var<storage, read> sums: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> partials: array<vec4f>;
// [mean, variance] by channel.
@group(0) @binding(3) var<storage, read_write> running: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> affine: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> map: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> gradients: array<vec4f>;
// By layer: steps of the weights, what the image's zero adds to the sums in units.
@group(0) @binding(10) var<storage, read> steps: array<vec4f>;
// Over the pixels, by channel: mean of the gradient, mean of gradient x normalized sum, gradient of the grid.
@group(0) @binding(9) var<storage, read_write> means: array<vec4f>;

var<workgroup> lane_a: array<vec4f, 64>;
var<workgroup> lane_b: array<vec4f, 64>;
var<workgroup> lane_c: array<vec4f, 64>;

fn count() -> f32 {
    return f32(out_pixels());
}

// Sums and squared sums over a span of pixels, less the running mean: both stay small, no digits cancel.
@compute @workgroup_size(64)
fn moments(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    let channel = index % n;
    let span = index / n;
    if span >= layer.spans {
        return;
    }
    let end = min((span + 1u) * layer.span, out_pixels());
    let shift = running[channel];
    var sum = vec4f();
    var square = vec4f();
    for (var p = span * layer.span; p < end; p++) {
        let x = sums[p * n + channel] - shift;
        sum += x;
        square += x * x;
    }
    partials[span * 2u * n + channel] = sum;
    partials[(span * 2u + 1u) * n + channel] = square;
}

// One workgroup adds up the spans of four channels.
@compute @workgroup_size(64)
fn normalize(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = layer.outputs;
    let channel = group.x;
    var sum = vec4f();
    var square = vec4f();
    for (var span = lane; span < layer.spans; span += 64u) {
        sum += partials[span * 2u * n + channel];
        square += partials[(span * 2u + 1u) * n + channel];
    }
    lane_a[lane] = sum;
    lane_b[lane] = square;
    workgroupBarrier();
    if lane != 0u {
        return;
    }
    for (var i = 1u; i < min(64u, layer.spans); i++) {
        sum += lane_a[i];
        square += lane_b[i];
    }
    if settings.frozen != 0u {
        write_affine(channel, running[channel], running[n + channel], layer.integer_bias != 0u);
        return;
    }
    let shifted = sum / count();
    let mean = running[channel] + shifted;
    let variance = max(square / count() - shifted * shifted, vec4f());
    running[channel] = mix(running[channel], mean, settings.norm_momentum);
    running[n + channel] = mix(running[n + channel], variance, settings.norm_momentum);
    write_affine(channel, mean, variance, false);
}

fn write_affine(channel: u32, mean: vec4f, variance: vec4f, integer_bias: bool) {
    let n = layer.outputs;
    let inverse = 1.0 / sqrt(variance + layer.epsilon);
    let slope = parameters[layer.factors + channel] * inverse;
    var offset = parameters[layer.factors + n + channel] - mean * slope;
    if integer_bias {
        let step = grid_step();
        // Output steps per unit of the integer sum.
        let factor = slope * in_step() * steps[layer.steps + channel] / step;
        offset = whole(offset, factor, steps[layer.steps + n + channel], step);
    }
    affine[channel] = slope;
    affine[n + channel] = offset;
    affine[2u * n + channel] = mean;
    affine[3u * n + channel] = inverse;
}

fn in_step() -> f32 {
    if layer.in_step != 0.0 {
        return layer.in_step;
    }
    return exp(parameter(layer.in_grid));
}

// The offset that the integers have: a whole number of units above `zeros`, half a step folded in.
fn whole(offset: vec4f, factor: vec4f, zeros: vec4f, step: f32) -> vec4f {
    let rounded = (factor * (round((offset / step + 0.5) / factor - zeros) + zeros) - 0.5) * step;
    return select(rounded, offset, abs(factor) < vec4f(1e-6));
}

// Slope and offset from the running statistics, for inference.
@compute @workgroup_size(64)
fn fold(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < layer.outputs {
        write_affine(index, running[index], running[layer.outputs + index], layer.integer_bias != 0u);
    }
}

// Slope 1 for pools and adds; a pool on the integers adds half a step as a whole number of units.
@compute @workgroup_size(64)
fn plain(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= n {
        return;
    }
    var offset = vec4f();
    if layer.integer_bias != 0u {
        let step = grid_step();
        let factor = in_step() / (step * f32(layer.in_height * layer.in_width));
        offset = whole(offset, vec4f(factor), vec4f(), step);
    }
    affine[index] = vec4f(1.0);
    affine[n + index] = offset;
    affine[2u * n + index] = vec4f();
    affine[3u * n + index] = vec4f(1.0);
}

// Slope 1 and the bias as offset, for the logits.
@compute @workgroup_size(64)
fn bias(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < layer.outputs {
        affine[index] = vec4f(1.0);
        affine[layer.outputs + index] = parameters[layer.factors + index];
    }
}

@compute @workgroup_size(64)
fn finish(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        let channel = index % layer.outputs;
        map[index] = activate(sums[index] * affine[channel] + affine[layer.outputs + channel], grid_step());
    }
}

// Where the gradient passes: within the limits, or where the code is not clamped.
fn inside(v: vec4f, step: f32) -> vec4<bool> {
    if layer.levels == 0.0 {
        return (v > vec4f(layer.low)) & (v < vec4f(layer.high));
    }
    let code = floor(v / step + 0.5) + layer.zero;
    return (code >= vec4f(0.0)) & (code <= vec4f(layer.levels));
}

// `map` is the gradient of the layer's output.
@compute @workgroup_size(64)
fn gradient_moments(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    let channel = index % n;
    let span = index / n;
    if span >= layer.spans {
        return;
    }
    let end = min((span + 1u) * layer.span, out_pixels());
    let slope = affine[channel];
    let offset = affine[n + channel];
    let mean = affine[2u * n + channel];
    let step = grid_step();
    var sum = vec4f();
    var product = vec4f();
    var grid = vec4f();
    for (var p = span * layer.span; p < end; p++) {
        let x = sums[p * n + channel];
        let gradient = map[p * n + channel];
        let v = x * slope + offset;
        let within = inside(v, step);
        let passed = select(vec4f(), gradient, within);
        sum += passed;
        product += passed * (x - mean);
        if layer.levels != 0.0 {
            grid += gradient * (activate(v, step) - select(vec4f(), v, within));
        }
    }
    let at = span * 3u * n + channel;
    partials[at] = sum;
    partials[at + n] = product * affine[3u * n + channel];
    partials[at + 2u * n] = grid;
}

@compute @workgroup_size(64)
fn gradient_sums(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = layer.outputs;
    let channel = group.x;
    var sum = vec4f();
    var product = vec4f();
    var grid = vec4f();
    for (var span = lane; span < layer.spans; span += 64u) {
        let at = span * 3u * n + channel;
        sum += partials[at];
        product += partials[at + n];
        grid += partials[at + 2u * n];
    }
    lane_a[lane] = sum;
    lane_b[lane] = product;
    lane_c[lane] = grid;
    workgroupBarrier();
    if lane != 0u {
        return;
    }
    for (var i = 1u; i < min(64u, layer.spans); i++) {
        sum += lane_a[i];
        product += lane_b[i];
        grid += lane_c[i];
    }
    if layer.normalized != 0u {
        gradients[layer.factors + channel] = product;
        gradients[layer.factors + n + channel] = sum;
    }
    let constant = settings.frozen != 0u || layer.normalized == 0u;
    means[channel] = select(sum / count(), vec4f(), constant);
    means[n + channel] = select(product / count(), vec4f(), constant);
    means[2u * n + channel] = grid;
}

// `map` becomes the gradient of the sums, in place.
@compute @workgroup_size(64)
fn gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= out_pixels() * n {
        return;
    }
    let channel = index % n;
    let x = sums[index];
    let slope = affine[channel];
    let v = x * slope + affine[n + channel];
    let passed = select(vec4f(), map[index], inside(v, grid_step()));
    let normalized = (x - affine[2u * n + channel]) * affine[3u * n + channel];
    map[index] = slope * (passed - means[channel] - normalized * means[n + channel]);
    if index == 0u && layer.levels != 0.0 {
        var grid = vec4f();
        for (var i = 0u; i < n; i++) {
            grid += means[2u * n + i];
        }
        gradients[layer.grid / 4u][layer.grid % 4u] = dot(grid, vec4f(layer.grid_scale));
    }
}
