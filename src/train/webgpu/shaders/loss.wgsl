// Cross-entropy with label smoothing, knowledge distillation, and what was right; one workgroup.

@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> affine: array<f32>;
// Logits of the teacher, with their padding; any values if settings.teacher is 0.
@group(0) @binding(7) var<storage, read> teacher: array<f32>;
// [loss, correct, images], added to.
@group(0) @binding(8) var<storage, read_write> tally: array<f32>;

var<workgroup> losses: array<f32, 64>;
var<workgroup> corrects: array<f32, 64>;

fn logit(at: u32, class_: u32) -> f32 {
    return sums[at + class_] + affine[4u * layer.outputs + class_];
}

@compute @workgroup_size(64)
fn loss(@builtin(local_invocation_index) lane: u32) {
    let stride = 4u * layer.outputs;
    let classes = layer.classes;
    let images = f32(layer.images);
    let temperature = settings.temperature;
    var loss = 0.0;
    var correct = 0.0;
    for (var image = lane; image < layer.images; image += 64u) {
        let at = image * stride;
        let expected = targets[image];
        var best = 0u;
        var highest = logit(at, 0u);
        var teacher_highest = teacher[at];
        var mean = 0.0;
        for (var c = 0u; c < classes; c++) {
            let z = logit(at, c);
            mean += z / f32(classes);
            if z > highest {
                highest = z;
                best = c;
            }
            teacher_highest = max(teacher_highest, teacher[at + c]);
        }
        correct += f32(best == expected);
        var total = 0.0;
        var soft_total = 0.0;
        var teacher_total = 0.0;
        for (var c = 0u; c < classes; c++) {
            let z = logit(at, c) - highest;
            total += exp(z);
            soft_total += exp(z / temperature);
            teacher_total += exp((teacher[at + c] - teacher_highest) / temperature);
        }
        let log_total = highest + log(total);
        let hard = log_total - (1.0 - settings.smoothing) * logit(at, expected) - settings.smoothing * mean;
        var divergence = 0.0;
        for (var c = 0u; c < classes; c++) {
            let z = logit(at, c);
            let wanted = settings.smoothing / f32(classes) + (1.0 - settings.smoothing) * f32(c == expected);
            var slope = (1.0 - settings.teacher) * (exp(z - log_total) - wanted);
            if settings.teacher > 0.0 {
                let soft = (z - highest) / temperature - log(soft_total);
                let taught = (teacher[at + c] - teacher_highest) / temperature - log(teacher_total);
                divergence += exp(taught) * (taught - soft);
                slope += settings.teacher * temperature * (exp(soft) - exp(taught));
            }
            gradient[at + c] = slope / images;
        }
        for (var c = classes; c < stride; c++) {
            gradient[at + c] = 0.0;
        }
        loss += (1.0 - settings.teacher) * hard + settings.teacher * temperature * temperature * divergence;
    }
    losses[lane] = loss;
    corrects[lane] = correct;
    workgroupBarrier();
    if lane != 0u {
        return;
    }
    for (var i = 1u; i < 64u; i++) {
        loss += losses[i];
        correct += corrects[i];
    }
    tally[0] += loss;
    tally[1] += correct;
    tally[2] += images;
}
