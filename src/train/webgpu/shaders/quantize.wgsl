// The end of a layer: an activation's limits, or rounding to the nearest code of a grid.

@group(0) @binding(5) var<storage, read> parameters: array<vec4f>;

fn parameter(index: u32) -> f32 {
    return parameters[index / 4u][index % 4u];
}

fn grid_step() -> f32 {
    if layer.levels == 0.0 {
        return 1.0;
    }
    return exp(parameter(layer.grid));
}

// Part of a step that is added before rounding down. With a whole bias the sum is often exactly zero, which lies on the
// edge between two codes; integers go up there, single precision would go either way.
const NUDGE = 1.0 / 4096.0;

// The code of a value, before it is clamped.
fn code_of(v: vec4f, step: f32) -> vec4f {
    return floor(v / step + (layer.zero + 0.5 + NUDGE));
}

fn activate(v: vec4f, step: f32) -> vec4f {
    if layer.levels == 0.0 {
        return clamp(v, vec4f(layer.low), vec4f(layer.high));
    }
    let code = clamp(code_of(v, step), vec4f(0.0), vec4f(layer.levels));
    return (code - layer.zero) * step;
}
