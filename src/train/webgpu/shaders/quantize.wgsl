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

// Where a value stands between the codes; the code is what is rounded down. NUDGE and SLACK are src/train/stepper.rs's.
fn reached(v: vec4f, step: f32) -> vec4f {
    return v / step + (layer.zero + 0.5 + NUDGE);
}

fn activate(v: vec4f, step: f32) -> vec4f {
    if layer.levels == 0.0 {
        return clamp(v, vec4f(layer.low), vec4f(layer.high));
    }
    let code = clamp(floor(reached(v, step)), vec4f(0.0), vec4f(layer.levels));
    return (code - layer.zero) * step;
}
