// Gradients of the logarithms of all tensors' steps: sums over the channels, one workgroup for each tensor.

struct Scale {
    // Where the channels' gradients are, in fours, and how many fours.
    first: u32,
    count: u32,
    // Where the sum goes, and what it is multiplied with.
    place: u32,
    factor: f32,
}

@group(0) @binding(0) var<storage, read> scales: array<Scale>;
@group(0) @binding(1) var<storage, read> grids: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> gradients: array<f32>;

var<workgroup> lanes: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
    let scale = scales[group.x];
    var sum = vec4f();
    for (var i = lane; i < scale.count; i += 64u) {
        sum += grids[scale.first + i];
    }
    lanes[lane] = sum;
    workgroupBarrier();
    if lane == 0u {
        for (var i = 1u; i < 64u; i++) {
            sum += lanes[i];
        }
        gradients[scale.place] = dot(sum, vec4f(scale.factor));
    }
}
