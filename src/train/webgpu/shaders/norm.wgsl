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
// Over the pixels, by channel: mean of the gradient, mean of gradient x normalized sum.
@group(0) @binding(9) var<storage, read_write> means: array<vec4f>;
// By channel: gradient of the grid.
@group(0) @binding(11) var<storage, read_write> grids: array<vec4f>;

var<workgroup> lane_a: array<vec4f, 64>;
var<workgroup> lane_b: array<vec4f, 64>;
var<workgroup> lane_c: array<vec4f, 64>;

fn count() -> f32 {
    return f32(out_pixels());
}

// Sums over the lanes of a workgroup, in the first place of each.
fn add_up_lanes(lane: u32, a: vec4f, b: vec4f, c: vec4f) {
    lane_a[lane] = a;
    lane_b[lane] = b;
    lane_c[lane] = c;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            lane_a[lane] += lane_a[lane + half];
            lane_b[lane] += lane_b[lane + half];
            lane_c[lane] += lane_c[lane + half];
        }
    }
    workgroupBarrier();
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
    add_up_lanes(lane, sum, square, vec4f());
    if lane == 0u {
        settle(channel, lane_a[0], lane_b[0]);
    }
}

// Of a small map, all of the above and `finish` in one: a workgroup has all pixels of four channels.
@compute @workgroup_size(64)
fn normalize_map(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = layer.outputs;
    let channel = group.x;
    let end = out_pixels() * n;
    let shift = running[channel];
    var sum = vec4f();
    var square = vec4f();
    for (var at = lane * n + channel; at < end; at += 64u * n) {
        let x = sums[at] - shift;
        sum += x;
        square += x * x;
    }
    add_up_lanes(lane, sum, square, vec4f());
    if lane == 0u {
        settle(channel, lane_a[0], lane_b[0]);
        lane_a[0] = affine[channel];
        lane_b[0] = affine[n + channel];
    }
    workgroupBarrier();
    let slope = lane_a[0];
    let offset = lane_b[0];
    let step = grid_step();
    for (var at = lane * n + channel; at < end; at += 64u * n) {
        map[at] = activate(sums[at] * slope + offset, step);
    }
}

// From sums and squared sums over all pixels, less the running mean.
fn settle(channel: u32, sum: vec4f, square: vec4f) {
    let n = layer.outputs;
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
    // The gap behind the last channel has no variance.
    let inverse = 1.0 / sqrt(max(variance + layer.epsilon, vec4f(1e-30)));
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

// Slope 1 for all without weights; on the integers global pools and products add half a step as a whole number of units.
@compute @workgroup_size(64)
fn plain(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= n {
        return;
    }
    var offset = vec4f(layer.nudge * grid_step());
    if layer.integer_bias != 0u {
        let step = grid_step();
        var unit = in_step();
        if layer.gate_grid == NO_GRID {
            unit /= f32(layer.in_height * layer.in_width);
        } else {
            unit *= exp(parameter(layer.gate_grid));
        }
        offset = whole(offset, vec4f(unit / step), vec4f(), step);
    }
    affine[index] = vec4f(1.0);
    affine[n + index] = offset;
    affine[2u * n + index] = vec4f();
    affine[3u * n + index] = vec4f(1.0);
}

// Slope 1 and the bias as offset, for layers without batch normalization.
@compute @workgroup_size(64)
fn bias(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index < n {
        var offset = parameters[layer.factors + index];
        if layer.integer_bias != 0u {
            let step = grid_step();
            let factor = in_step() * steps[layer.steps + index] / step;
            offset = whole(offset, factor, steps[layer.steps + n + index], step);
        }
        affine[index] = vec4f(1.0);
        affine[n + index] = offset;
        affine[2u * n + index] = vec4f();
        affine[3u * n + index] = vec4f(1.0);
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
    let place = reached(v, step);
    return (place >= vec4f(-SLACK)) & (place < vec4f(layer.levels + 1.0));
}

// What of the gradient passes the end of the layer, and its shares in the sums over the pixels.
struct Passed { gradient: vec4f, centred: vec4f, grid: vec4f }

// Four channels of `affine`, and the output's step.
struct Channels { slope: vec4f, offset: vec4f, mean: vec4f, inverse: vec4f, step: f32 }

fn channels_at(channel: u32) -> Channels {
    let n = layer.outputs;
    return Channels(
        affine[channel], affine[n + channel], affine[2u * n + channel], affine[3u * n + channel], grid_step());
}

fn pass_at(at: u32, c: Channels) -> Passed {
    let x = sums[at];
    let v = x * c.slope + c.offset;
    let within = inside(v, c.step);
    let gradient = select(vec4f(), map[at], within);
    var grid = vec4f();
    if layer.levels != 0.0 {
        grid = map[at] * (activate(v, c.step) - select(vec4f(), v, within));
    }
    return Passed(gradient, x - c.mean, grid);
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
    let c = channels_at(channel);
    var sum = vec4f();
    var product = vec4f();
    var grid = vec4f();
    for (var p = span * layer.span; p < end; p++) {
        let passed = pass_at(p * n + channel, c);
        sum += passed.gradient;
        product += passed.gradient * passed.centred;
        grid += passed.grid;
    }
    let at = span * 3u * n + channel;
    partials[at] = sum;
    partials[at + n] = product;
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
    add_up_lanes(lane, sum, product, grid);
    if lane == 0u {
        write_gradients(channel);
        means[channel] = mean_of(lane_a[0]);
        means[n + channel] = mean_of(lane_b[0] * affine[3u * n + channel]);
    }
}

// Gradients of gamma, beta and grid from the sums over the lanes.
fn write_gradients(channel: u32) {
    let n = layer.outputs;
    if layer.normalized != 0u {
        gradients[layer.factors + channel] = lane_b[0] * affine[3u * n + channel];
        gradients[layer.factors + n + channel] = lane_a[0];
    }
    grids[channel] = lane_c[0];
}

// Mean over the pixels, where the statistics depend on them.
fn mean_of(sum: vec4f) -> vec4f {
    if settings.frozen != 0u || layer.normalized == 0u {
        return vec4f();
    }
    return sum / count();
}

// The gradient of a sum.
fn gradient_at(at: u32, c: Channels, mean: vec4f, product: vec4f) -> vec4f {
    let passed = pass_at(at, c);
    return c.slope * (passed.gradient - mean - passed.centred * c.inverse * product);
}

// `map` becomes the gradient of the sums, in place.
@compute @workgroup_size(64)
fn gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index < out_pixels() * n {
        let channel = index % n;
        map[index] = gradient_at(index, channels_at(channel), means[channel], means[n + channel]);
    }
}

// Of a small map, the three above in one: a workgroup has all pixels of four channels.
@compute @workgroup_size(64)
fn gradient_map(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let n = layer.outputs;
    let channel = group.x;
    let end = out_pixels() * n;
    let c = channels_at(channel);
    var sum = vec4f();
    var product = vec4f();
    var grid = vec4f();
    for (var at = lane * n + channel; at < end; at += 64u * n) {
        let passed = pass_at(at, c);
        sum += passed.gradient;
        product += passed.gradient * passed.centred;
        grid += passed.grid;
    }
    add_up_lanes(lane, sum, product, grid);
    if lane == 0u {
        write_gradients(channel);
    }
    let mean = mean_of(lane_a[0]);
    let mean_product = mean_of(lane_b[0] * c.inverse);
    for (var at = lane * n + channel; at < end; at += 64u * n) {
        map[at] = gradient_at(at, c, mean, mean_product);
    }
}
