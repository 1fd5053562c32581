// Writes what a tensor gets of one of its readers, or adds it to what others gave.
fn add_to(index: u32, gradient: vec4f) {
    var sum = gradient;
    if layer.accumulate != 0u {
        sum += target_[index];
    }
    target_[index] = sum;
}
