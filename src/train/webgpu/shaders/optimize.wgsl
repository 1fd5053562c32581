// Optimizer over all parameters at once, in blocks of 64 fours; a block belongs to one tensor.

struct Block {
    // Where the partial gradients of the block are, in fours, how far the spans are apart and how many there are;
    // no spans: the gradient is there already.
    first: u32,
    stride: u32,
    spans: u32,
    // Fours of the tensor from the block's first on.
    left: u32,
    // 0: weights, 1: batch normalization and bias, 2: steps.
    kind: u32,
    // Blocks in all.
    count: u32,
    unused_a: u32,
    unused_b: u32,
}

@group(0) @binding(0) var<storage, read> blocks: array<Block>;
@group(0) @binding(1) var<storage, read> partials: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> means: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> squares: array<vec4f>;
// The sum, and behind it those of all blocks.
@group(0) @binding(7) var<storage, read_write> norms: array<f32>;

var<workgroup> lanes: array<f32, 64>;

// Adds up the partial gradients of the weights.
@compute @workgroup_size(64)
fn gather(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let block = blocks[group.x];
    if block.spans == 0u || lane >= block.left {
        return;
    }
    var sum = vec4f();
    for (var span = 0u; span < block.spans; span++) {
        sum += partials[block.first + lane + span * block.stride];
    }
    gradients[group.x * 64u + lane] = sum;
}

fn sum_of_lanes(own: f32, lane: u32) -> f32 {
    lanes[lane] = own;
    workgroupBarrier();
    var sum = own;
    if lane == 0u {
        for (var i = 1u; i < 64u; i++) {
            sum += lanes[i];
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn norm_of_blocks(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let gradient = gradients[group.x * 64u + lane];
    let sum = sum_of_lanes(dot(gradient, gradient), lane);
    if lane == 0u {
        norms[1u + group.x] = sum;
    }
}

@compute @workgroup_size(64)
fn norm_of_all(@builtin(local_invocation_index) lane: u32) {
    var own = 0.0;
    for (var i = lane; i < blocks[0].count; i += 64u) {
        own += norms[1u + i];
    }
    let sum = sum_of_lanes(own, lane);
    if lane == 0u {
        norms[0] = sum;
    }
}

// Adam with decoupled decay (arXiv 1711.05101), or momentum.
@compute @workgroup_size(64)
fn update(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let block = blocks[group.x];
    if lane >= block.left {
        return;
    }
    let at = group.x * 64u + lane;
    var gradient = gradients[at];
    if settings.largest_norm > 0.0 {
        let norm = sqrt(norms[0]);
        gradient *= min(1.0, settings.largest_norm / max(norm, 1e-20));
    }
    let rate = settings.rate * select(1.0, settings.grid_rate, block.kind == 2u);
    let decay = select(0.0, settings.decay, block.kind == 0u);
    let old = parameters[at];
    if settings.second == 0.0 {
        let mean = settings.momentum * means[at] + gradient + decay * old;
        means[at] = mean;
        parameters[at] = old - rate * mean;
    } else {
        let mean = mix(gradient, means[at], settings.momentum);
        let square = mix(gradient * gradient, squares[at], settings.second);
        means[at] = mean;
        squares[at] = square;
        let deviation = sqrt(square * settings.second_correction) + 1e-8;
        parameters[at] = old - rate * (mean * settings.correction / deviation + decay * old);
    }
}
