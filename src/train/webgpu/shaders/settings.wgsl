// What changes from step to step.

struct Settings {
    rate: f32,
    grid_rate: f32,
    decay: f32,
    // Decay rate of the mean of gradients; of their squares, 0 for plain momentum.
    momentum: f32,
    second: f32,
    // 1 / (1 - momentum^t) and 1 / (1 - second^t).
    correction: f32,
    second_correction: f32,
    // 0: gradients are not clipped.
    largest_norm: f32,
    norm_momentum: f32,
    // 1: running statistics take the place of the batch's.
    frozen: u32,
    smoothing: f32,
    // Share of the teacher in the loss, and the temperature.
    teacher: f32,
    temperature: f32,
    unused_a: u32,
    unused_b: u32,
    unused_c: u32,
}

@group(0) @binding(6) var<storage, read> settings: Settings;
