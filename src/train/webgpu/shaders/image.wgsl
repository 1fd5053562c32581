// Images of bytes to the network's input: crop, mirror, colour, normalize, pad. Four channels, the last one 0.

struct Images {
    // Of the stored images.
    height: u32,
    width: u32,
    // Of the crop.
    crop_height: u32,
    crop_width: u32,
    // Of the result, and where the crop lies in it.
    out_height: u32,
    out_width: u32,
    top: u32,
    left: u32,
    // Per colour; the deviation is the first colour's.
    mean: vec3f,
    deviation: f32,
    // Value outside the image.
    outside: vec3f,
    images: u32,
}

struct Augment {
    row: i32,
    column: i32,
    mirrored: u32,
    unused: u32,
    gain: vec4f,
    shift: vec4f,
}

@group(0) @binding(0) var<storage, read> images: Images;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> augments: array<Augment>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;

fn byte(index: u32) -> f32 {
    return f32((pixels[index / 4u] >> (index % 4u * 8u)) & 255u);
}

@compute @workgroup_size(64)
fn prepare(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let map = images.out_height * images.out_width;
    if index >= images.images * map {
        return;
    }
    let image = index / map;
    let augment = augments[image];
    var value = images.outside;
    let row = index % map / images.out_width - images.top;
    var column = index % images.out_width - images.left;
    if row < images.crop_height && column < images.crop_width {
        if augment.mirrored != 0u {
            column = images.crop_width - 1u - column;
        }
        // Negative positions wrap around to large ones.
        let from_row = bitcast<u32>(i32(row) + augment.row);
        let from_column = bitcast<u32>(i32(column) + augment.column);
        if from_row < images.height && from_column < images.width {
            let at = ((image * images.height + from_row) * images.width + from_column) * 3u;
            let code = vec3f(byte(at), byte(at + 1u), byte(at + 2u));
            let changed = clamp(augment.gain.xyz * code + augment.shift.xyz, vec3f(0.0), vec3f(255.0));
            value = (changed - images.mean) / images.deviation;
        }
    }
    target_[index] = vec4f(value, 0.0);
}
