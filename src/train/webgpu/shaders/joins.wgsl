// Adds and pools.

@group(0) @binding(1) var<storage, read> first: array<vec4f>;
@group(0) @binding(2) var<storage, read> second: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;

@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        target_[index] = first[index] + second[index];
    }
}

// Gradient of one of the two that were added.
@compute @workgroup_size(64)
fn add_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        var gradient = first[index];
        if layer.accumulate != 0u {
            gradient += target_[index];
        }
        target_[index] = gradient;
    }
}

@compute @workgroup_size(64)
fn pool(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= layer.images * n {
        return;
    }
    let pixels = layer.in_height * layer.in_width;
    let at = index / n * pixels * n + index % n;
    var sum = vec4f();
    for (var p = 0u; p < pixels; p++) {
        sum += first[at + p * n];
    }
    target_[index] = sum / f32(pixels);
}

@compute @workgroup_size(64)
fn pool_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    let pixels = layer.in_height * layer.in_width;
    if index >= layer.images * pixels * n {
        return;
    }
    var gradient = first[index / n / pixels * n + index % n] / f32(pixels);
    if layer.accumulate != 0u {
        gradient += target_[index];
    }
    target_[index] = gradient;
}

// Gradient of the bias: `first` is that of the logits, `target_` the gradients of all parameters.
@compute @workgroup_size(64)
fn bias_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index >= layer.outputs {
        return;
    }
    var sum = vec4f();
    for (var p = 0u; p < out_pixels(); p++) {
        sum += first[p * layer.outputs + index];
    }
    target_[layer.factors + index] = sum;
}
