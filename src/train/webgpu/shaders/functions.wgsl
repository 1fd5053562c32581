// Functions of each element, and their gradients.

@group(0) @binding(1) var<storage, read> first: array<vec4f>;
// What the function has read.
@group(0) @binding(2) var<storage, read> map: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;

// `Function::code`.
const HARD_SWISH = 1u;
const HARD_SIGMOID = 2u;
const SIGMOID = 3u;
const SWISH = 4u;

fn hard_sigmoid(x: vec4f) -> vec4f {
    return clamp(x + 3.0, vec4f(0.0), vec4f(6.0)) / 6.0;
}

// WGSL need not know infinity: below -80 there is nothing left in any case.
fn sigmoid(x: vec4f) -> vec4f {
    return 1.0 / (1.0 + exp(-max(x, vec4f(-80.0))));
}

fn value_of(x: vec4f) -> vec4f {
    switch layer.function {
        case HARD_SWISH: { return x * hard_sigmoid(x); }
        case HARD_SIGMOID: { return hard_sigmoid(x); }
        case SIGMOID: { return sigmoid(x); }
        case SWISH: { return x * sigmoid(x); }
        // tanh: WGSL's own may be off by 1e-5.
        default: { return 2.0 * sigmoid(2.0 * x) - 1.0; }
    }
}

fn slope_of(x: vec4f) -> vec4f {
    let bends = abs(x) <= vec4f(3.0);
    let s = sigmoid(x);
    switch layer.function {
        case HARD_SWISH: {
            return select(select(vec4f(), vec4f(1.0), x > vec4f()), (2.0 * x + 3.0) / 6.0, bends);
        }
        case HARD_SIGMOID: { return select(vec4f(), vec4f(1.0 / 6.0), bends); }
        case SIGMOID: { return s * (1.0 - s); }
        case SWISH: { return s * (1.0 + x * (1.0 - s)); }
        default: {
            let twice = sigmoid(2.0 * x);
            return 4.0 * twice * (1.0 - twice);
        }
    }
}

// The gap behind the last channel stays zero, whatever the function is there.
@compute @workgroup_size(64)
fn lookup(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        let channels = vec4u(index % layer.outputs * 4u) + vec4u(0u, 1u, 2u, 3u);
        target_[index] = select(vec4f(), value_of(first[index]), channels < vec4u(layer.classes));
    }
}

// `first` is the gradient of the values, `target_` that of what was read.
@compute @workgroup_size(64)
fn lookup_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    if index < out_pixels() * layer.outputs {
        add_to(index, first[index] * slope_of(map[index]));
    }
}
