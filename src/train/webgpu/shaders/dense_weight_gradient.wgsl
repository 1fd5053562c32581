// Weight gradients of dense layers. Each invocation adds up four outputs by four inputs over one span of pixels;
// `partial` is [span][output][tap][input].

@group(0) @binding(1) var<storage, read> source: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> partials: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let columns = layer.kernel * layer.kernel * layer.inputs;
    let column = index % columns;
    let output = (index / columns) % layer.outputs;
    let span = index / columns / layer.outputs;
    if span >= layer.weight_spans {
        return;
    }
    let end = min((span + 1u) * layer.weight_span, out_pixels());
    var a = vec4f();
    var b = vec4f();
    var c = vec4f();
    var d = vec4f();
    if layer.kernel == 1u {
        for (var p = span * layer.weight_span; p < end; p++) {
            let x = source[p * layer.inputs + column];
            let g = gradient[p * layer.outputs + output];
            a += g.x * x;
            b += g.y * x;
            c += g.z * x;
            d += g.w * x;
        }
    } else {
        let input = column % layer.inputs;
        let tap = column / layer.inputs;
        let ky = tap / layer.kernel;
        let kx = tap % layer.kernel;
        for (var p = span * layer.weight_span; p < end; p++) {
            let pixel = locate(p, layer.out_height, layer.out_width);
            let row = pixel.row * layer.stride + ky - layer.top;
            let col = pixel.column * layer.stride + kx - layer.left;
            if row < layer.in_height && col < layer.in_width {
                let x = source[((pixel.image * layer.in_height + row) * layer.in_width + col) * layer.inputs + input];
                let g = gradient[p * layer.outputs + output];
                a += g.x * x;
                b += g.y * x;
                c += g.z * x;
                d += g.w * x;
            }
        }
    }
    let at = (span * layer.outputs + output) * 4u * columns + column;
    partials[at] = a;
    partials[at + columns] = b;
    partials[at + 2u * columns] = c;
    partials[at + 3u * columns] = d;
}
