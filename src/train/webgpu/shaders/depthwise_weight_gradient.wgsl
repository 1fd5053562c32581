// Weight gradients of depthwise convolutions. Each invocation adds up four channels of one tap over one span of
// rows; `partial` is [span][tap][channel].

@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    let taps = layer.kernel * layer.kernel;
    let channel = index % n;
    let tap = (index / n) % taps;
    let span = index / n / taps;
    if span >= layer.weight_spans {
        return;
    }
    let ky = tap / layer.kernel;
    let kx = tap % layer.kernel;
    // Columns whose tap is not in the padding; of a small map all may be.
    let first = (max(layer.left, kx) - kx + layer.stride - 1u) / layer.stride;
    let end_column = max(layer.in_width + layer.left, kx) - kx;
    let last = min(layer.out_width, (end_column + layer.stride - 1u) / layer.stride);
    let end = min((span + 1u) * layer.weight_span, layer.images * layer.out_height);
    var sum = vec4f();
    for (var line = span * layer.weight_span; line < end; line++) {
        let row = (line % layer.out_height) * layer.stride + ky - layer.top;
        if row >= layer.in_height {
            continue;
        }
        let source_at = (line / layer.out_height * layer.in_height + row) * layer.in_width + kx - layer.left;
        for (var column = first; column < last; column++) {
            let x = source[(source_at + column * layer.stride) * n + channel];
            sum += x * gradient[(line * layer.out_width + column) * n + channel];
        }
    }
    partials[(span * taps + tap) * n + channel] = sum;
}
