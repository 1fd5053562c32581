// Adds, global pools, products and concatenations.

@group(0) @binding(1) var<storage, read> first: array<vec4f>;
@group(0) @binding(2) var<storage, read> second: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;
// Channel by channel, for concatenations.
@group(0) @binding(4) var<storage, read> channels: array<f32>;
@group(0) @binding(5) var<storage, read_write> target_channels: array<f32>;

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
        add_to(index, first[index]);
    }
}

// Product of a map and a gate with a number for each channel of an image, `second`. From the gradient of the product this
// is that of the map.
@compute @workgroup_size(64)
fn multiply(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= out_pixels() * n {
        return;
    }
    let image = index / n / (layer.out_height * layer.out_width);
    add_to(index, first[index] * second[image * n + index % n]);
}

// Gradient of the gate: `first` is that of the product, `second` the map.
@compute @workgroup_size(64)
fn gate_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= layer.images * n {
        return;
    }
    let pixels = layer.out_height * layer.out_width;
    let at = index / n * pixels * n + index % n;
    var sum = vec4f();
    for (var p = 0u; p < pixels; p++) {
        sum += first[at + p * n] * second[at + p * n];
    }
    add_to(index, sum);
}

// One of the maps of a concatenation. The last one's writes zeros into the gap behind all channels, too.
@compute @workgroup_size(64)
fn concat(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    var width = layer.part_channels;
    if layer.part + width == layer.classes {
        width = 4u * layer.outputs - layer.part;
    }
    let pixel = index / width;
    let channel = index % width;
    if pixel >= out_pixels() {
        return;
    }
    var value = 0.0;
    if channel < layer.part_channels {
        value = channels[pixel * 4u * layer.inputs + channel];
    }
    target_channels[pixel * 4u * layer.outputs + layer.part + channel] = value;
}

// Gradient of one of the maps, with zeros in the gap behind its channels.
@compute @workgroup_size(64)
fn concat_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let pixel = index / (4u * layer.inputs);
    let channel = index % (4u * layer.inputs);
    if pixel >= out_pixels() {
        return;
    }
    var value = 0.0;
    if channel < layer.part_channels {
        value = channels[pixel * 4u * layer.outputs + layer.part + channel];
    }
    if layer.accumulate != 0u {
        value += target_channels[index];
    }
    target_channels[index] = value;
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
    add_to(index, first[index / n / pixels * n + index % n] / f32(pixels));
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
