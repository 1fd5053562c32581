// Pools with a window, and their gradients. What lies outside the map is left out.

@group(0) @binding(1) var<storage, read> first: array<vec4f>;
// What a max pool has read.
@group(0) @binding(2) var<storage, read> map: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;

// What the window of an output covers of the map, ends not included.
struct Area { top: u32, bottom: u32, left: u32, right: u32 }

fn area_of(output: Pixel) -> Area {
    let row = output.row * layer.stride;
    let column = output.column * layer.stride;
    return Area(
        max(row, layer.top) - layer.top,
        min(row + layer.kernel - layer.top, layer.in_height),
        max(column, layer.left) - layer.left,
        min(column + layer.kernel - layer.left, layer.in_width),
    );
}

fn size_of(area: Area) -> f32 {
    return f32((area.bottom - area.top) * (area.right - area.left));
}

fn place_of(image: u32, row: u32, column: u32) -> u32 {
    return ((image * layer.in_height + row) * layer.in_width + column) * layer.outputs;
}

// Largest value and sum of four channels under a window.
struct Seen { largest: vec4f, sum: vec4f }

fn seen_in(area: Area, image: u32, channel: u32) -> Seen {
    var seen = Seen(first[place_of(image, area.top, area.left) + channel], vec4f());
    for (var row = area.top; row < area.bottom; row++) {
        for (var column = area.left; column < area.right; column++) {
            let value = first[place_of(image, row, column) + channel];
            seen.largest = max(seen.largest, value);
            seen.sum += value;
        }
    }
    return seen;
}

@compute @workgroup_size(64)
fn max_pool(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index < out_pixels() * n {
        let pixel = locate(index / n, layer.out_height, layer.out_width);
        target_[index] = seen_in(area_of(pixel), pixel.image, index % n).largest;
    }
}

@compute @workgroup_size(64)
fn average_pool(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index < out_pixels() * n {
        let pixel = locate(index / n, layer.out_height, layer.out_width);
        let area = area_of(pixel);
        target_[index] = seen_in(area, pixel.image, index % n).sum / size_of(area);
    }
}

// Four channels where another pixel under the window of an output comes first: those before are as large, or those
// behind larger.
fn is_beaten(own: Pixel, channel: u32, area: Area) -> vec4<bool> {
    let value = map[place_of(own.image, own.row, own.column) + channel];
    var beaten = vec4<bool>(false);
    for (var row = area.top; row < area.bottom; row++) {
        for (var column = area.left; column < area.right; column++) {
            let other = map[place_of(own.image, row, column) + channel];
            if row < own.row || (row == own.row && column < own.column) {
                beaten = beaten | (other >= value);
            } else {
                beaten = beaten | (other > value);
            }
        }
    }
    return beaten;
}

const NONE = 0xffffffffu;

// The output row or column, of `count`, whose window has a row or column of the map at a tap; NONE if there is none.
fn output_at(own: u32, before: u32, tap: u32, count: u32) -> u32 {
    // What lies before the first one wraps around to large numbers.
    let from_start = own + before - tap;
    let output = from_start / layer.stride;
    return select(NONE, output, output * layer.stride == from_start && output < count);
}

// The output whose window has a pixel of the map at a tap; its row or column is NONE if there is none.
fn output_of(own: Pixel, tap: u32) -> Pixel {
    return Pixel(
        own.image,
        output_at(own.row, layer.top, tap / layer.kernel, layer.out_height),
        output_at(own.column, layer.left, tap % layer.kernel, layer.out_width),
    );
}

fn gradient_of(output: Pixel, channel: u32) -> vec4f {
    return first[((output.image * layer.out_height + output.row) * layer.out_width + output.column) * layer.outputs + channel];
}

// `first` is the gradient of the output, `target_` that of the input: of each window it goes to the first of the largest.
@compute @workgroup_size(64)
fn max_pool_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= layer.images * layer.in_height * layer.in_width * n {
        return;
    }
    let own = locate(index / n, layer.in_height, layer.in_width);
    var sum = vec4f();
    for (var tap = 0u; tap < layer.kernel * layer.kernel; tap++) {
        let output = output_of(own, tap);
        if output.row != NONE && output.column != NONE {
            let beaten = is_beaten(own, index % n, area_of(output));
            sum += select(gradient_of(output, index % n), vec4f(), beaten);
        }
    }
    add_to(index, sum);
}

@compute @workgroup_size(64)
fn average_pool_gradient(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= layer.images * layer.in_height * layer.in_width * n {
        return;
    }
    let own = locate(index / n, layer.in_height, layer.in_width);
    var sum = vec4f();
    for (var tap = 0u; tap < layer.kernel * layer.kernel; tap++) {
        let output = output_of(own, tap);
        if output.row != NONE && output.column != NONE {
            sum += gradient_of(output, index % n) / size_of(area_of(output));
        }
    }
    add_to(index, sum);
}
