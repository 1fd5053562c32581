// Convolutions over all channels and matrix products. Weights are [output][tap][input].

@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;
@group(0) @binding(4) var<storage, read> affine: array<vec4f>;

struct Tile { a: vec4f, b: vec4f, c: vec4f, d: vec4f }

// Sums of four pixels by four outputs, 1x1 windows: 64 products for 8 loads.
fn pointwise(pixel: vec4u, output: u32) -> Tile {
    let n = layer.inputs;
    let at = pixel * n;
    let row = output * 4u * n;
    var tile = Tile();
    for (var i = 0u; i < n; i++) {
        let w0 = weights[row + i];
        let w1 = weights[row + n + i];
        let w2 = weights[row + 2u * n + i];
        let w3 = weights[row + 3u * n + i];
        let a = source[at.x + i];
        let b = source[at.y + i];
        let c = source[at.z + i];
        let d = source[at.w + i];
        tile.a += vec4f(dot(a, w0), dot(a, w1), dot(a, w2), dot(a, w3));
        tile.b += vec4f(dot(b, w0), dot(b, w1), dot(b, w2), dot(b, w3));
        tile.c += vec4f(dot(c, w0), dot(c, w1), dot(c, w2), dot(c, w3));
        tile.d += vec4f(dot(d, w0), dot(d, w1), dot(d, w2), dot(d, w3));
    }
    return tile;
}

// The four pixels of a tile; past the end the last one again, which writes the same value twice.
fn tile_pixels(tile: u32) -> vec4u {
    return min(vec4u(tile * 4u) + vec4u(0u, 1u, 2u, 3u), vec4u(out_pixels() - 1u));
}

@compute @workgroup_size(64)
fn pointwise_sum(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let output = index % layer.outputs;
    let tile = index / layer.outputs;
    if tile * 4u >= out_pixels() {
        return;
    }
    let pixel = tile_pixels(tile);
    let sums = pointwise(pixel, output);
    let at = pixel * layer.outputs + output;
    target_[at.x] = sums.a;
    target_[at.y] = sums.b;
    target_[at.z] = sums.c;
    target_[at.w] = sums.d;
}

@compute @workgroup_size(64)
fn pointwise_infer(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let output = index % layer.outputs;
    let tile = index / layer.outputs;
    if tile * 4u >= out_pixels() {
        return;
    }
    let pixel = tile_pixels(tile);
    let sums = pointwise(pixel, output);
    let at = pixel * layer.outputs + output;
    let slope = affine[output];
    let offset = affine[layer.outputs + output];
    let step = grid_step();
    target_[at.x] = activate(sums.a * slope + offset, step);
    target_[at.y] = activate(sums.b * slope + offset, step);
    target_[at.z] = activate(sums.c * slope + offset, step);
    target_[at.w] = activate(sums.d * slope + offset, step);
}

// Sum of one pixel by four outputs, any window.
fn windowed(index: u32, output: u32) -> vec4f {
    let n = layer.inputs;
    let taps = layer.kernel * layer.kernel;
    let pixel = locate(index, layer.out_height, layer.out_width);
    var sum = vec4f();
    for (var ky = 0u; ky < layer.kernel; ky++) {
        // Rows and columns in the padding wrap around to large numbers.
        let row = pixel.row * layer.stride + ky - layer.top;
        if row >= layer.in_height {
            continue;
        }
        for (var kx = 0u; kx < layer.kernel; kx++) {
            let column = pixel.column * layer.stride + kx - layer.left;
            if column >= layer.in_width {
                continue;
            }
            let at = ((pixel.image * layer.in_height + row) * layer.in_width + column) * n;
            let w = (output * 4u * taps + ky * layer.kernel + kx) * n;
            for (var i = 0u; i < n; i++) {
                let x = source[at + i];
                sum += vec4f(
                    dot(x, weights[w + i]),
                    dot(x, weights[w + taps * n + i]),
                    dot(x, weights[w + 2u * taps * n + i]),
                    dot(x, weights[w + 3u * taps * n + i]),
                );
            }
        }
    }
    return sum;
}

@compute @workgroup_size(64)
fn windowed_sum(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        target_[index] = windowed(index / layer.outputs, index % layer.outputs);
    }
}

@compute @workgroup_size(64)
fn windowed_infer(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        let output = index % layer.outputs;
        let z = windowed(index / layer.outputs, output) * affine[output] + affine[layer.outputs + output];
        target_[index] = activate(z, grid_step());
    }
}

// Gradient of the input of a 1x1 window: `source` is the gradient of the sums, `target_` that of the input.
@compute @workgroup_size(64)
fn pointwise_input_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let input = index % layer.inputs;
    let tile = index / layer.inputs;
    if tile * 4u >= out_pixels() {
        return;
    }
    let pixel = tile_pixels(tile);
    let source_at = pixel * layer.outputs;
    var sums = Tile();
    for (var o = 0u; o < layer.outputs; o++) {
        let w = o * 4u * layer.inputs + input;
        let m = mat4x4f(
            weights[w],
            weights[w + layer.inputs],
            weights[w + 2u * layer.inputs],
            weights[w + 3u * layer.inputs],
        );
        sums.a += m * source[source_at.x + o];
        sums.b += m * source[source_at.y + o];
        sums.c += m * source[source_at.z + o];
        sums.d += m * source[source_at.w + o];
    }
    let at = pixel * layer.inputs + input;
    if layer.accumulate != 0u {
        sums = Tile(
            sums.a + target_[at.x],
            sums.b + target_[at.y],
            sums.c + target_[at.z],
            sums.d + target_[at.w],
        );
    }
    target_[at.x] = sums.a;
    target_[at.y] = sums.b;
    target_[at.z] = sums.c;
    target_[at.w] = sums.d;
}
