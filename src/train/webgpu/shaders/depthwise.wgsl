// Depthwise convolutions. Weights are [tap][channel].

@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;
@group(0) @binding(4) var<storage, read> affine: array<vec4f>;

fn sum_at(index: u32) -> vec4f {
    let n = layer.outputs;
    let channel = index % n;
    let pixel = locate(index / n, layer.out_height, layer.out_width);
    var sum = vec4f();
    for (var ky = 0u; ky < layer.kernel; ky++) {
        // Rows and columns in the padding wrap around to large numbers.
        let row = pixel.row * layer.stride + ky - layer.top;
        if row >= layer.in_height {
            continue;
        }
        let line = (pixel.image * layer.in_height + row) * layer.in_width;
        for (var kx = 0u; kx < layer.kernel; kx++) {
            let column = pixel.column * layer.stride + kx - layer.left;
            if column < layer.in_width {
                sum += source[(line + column) * n + channel] * weights[(ky * layer.kernel + kx) * n + channel];
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn sum(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        target_[index] = sum_at(index);
    }
}

@compute @workgroup_size(64)
fn infer(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        let channel = index % layer.outputs;
        let z = sum_at(index) * affine[channel] + affine[layer.outputs + channel];
        target_[index] = activate(z, grid_step());
    }
}

// `source` is the gradient of the sums, `target_` that of the input.
@compute @workgroup_size(64)
fn input_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= layer.images * layer.in_height * layer.in_width * n {
        return;
    }
    let channel = index % n;
    let pixel = locate(index / n, layer.in_height, layer.in_width);
    var sum = vec4f();
    for (var ky = 0u; ky < layer.kernel; ky++) {
        let from_row = pixel.row + layer.top - ky;
        let row = from_row / layer.stride;
        if row * layer.stride != from_row || row >= layer.out_height {
            continue;
        }
        let line = (pixel.image * layer.out_height + row) * layer.out_width;
        for (var kx = 0u; kx < layer.kernel; kx++) {
            let from_column = pixel.column + layer.left - kx;
            let column = from_column / layer.stride;
            if column * layer.stride == from_column && column < layer.out_width {
                sum += source[(line + column) * n + channel] * weights[(ky * layer.kernel + kx) * n + channel];
            }
        }
    }
    if layer.accumulate != 0u {
        sum += target_[index];
    }
    target_[index] = sum;
}
