// Pools with a window, and their gradients. What lies outside the map is left out.

@group(0) @binding(1) var<storage, read> first: array<vec4f>;
// What a max pool has read.
@group(0) @binding(2) var<storage, read> map: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> target_: array<vec4f>;

// Rows or columns of the map, the end not included.
struct Span { start: u32, end: u32 }

fn rows_of(row: u32) -> Span {
    let at = row * layer.stride;
    return Span(max(at, layer.top) - layer.top, min(at + layer.kernel - layer.top, layer.in_height));
}

fn columns_of(column: u32) -> Span {
    let at = column * layer.stride;
    return Span(max(at, layer.left) - layer.left, min(at + layer.kernel - layer.left, layer.in_width));
}

fn place_of(image: u32, row: u32, column: u32) -> u32 {
    return ((image * layer.in_height + row) * layer.in_width + column) * layer.outputs;
}

@compute @workgroup_size(64)
fn max_pool(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= out_pixels() * n {
        return;
    }
    let pixel = locate(index / n, layer.out_height, layer.out_width);
    let rows = rows_of(pixel.row);
    let columns = columns_of(pixel.column);
    var largest = first[place_of(pixel.image, rows.start, columns.start) + index % n];
    for (var row = rows.start; row < rows.end; row++) {
        for (var column = columns.start; column < columns.end; column++) {
            largest = max(largest, first[place_of(pixel.image, row, column) + index % n]);
        }
    }
    target_[index] = largest;
}

@compute @workgroup_size(64)
fn average_pool(@builtin(global_invocation_id) id: vec3u) {
    let index = index_of(id);
    let n = layer.outputs;
    if index >= out_pixels() * n {
        return;
    }
    let pixel = locate(index / n, layer.out_height, layer.out_width);
    let rows = rows_of(pixel.row);
    let columns = columns_of(pixel.column);
    var sum = vec4f();
    for (var row = rows.start; row < rows.end; row++) {
        for (var column = columns.start; column < columns.end; column++) {
            sum += first[place_of(pixel.image, row, column) + index % n];
        }
    }
    target_[index] = sum / f32((rows.end - rows.start) * (columns.end - columns.start));
}

// Four channels where another pixel under the window of an output comes first: those before are as large, or those
// behind larger.
fn is_beaten(own: Pixel, channel: u32, output: Pixel) -> vec4<bool> {
    let rows = rows_of(output.row);
    let columns = columns_of(output.column);
    let value = map[place_of(own.image, own.row, own.column) + channel];
    var beaten = vec4<bool>(false);
    for (var row = rows.start; row < rows.end; row++) {
        for (var column = columns.start; column < columns.end; column++) {
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
    for (var ky = 0u; ky < layer.kernel; ky++) {
        let from_row = own.row + layer.top - ky;
        let row = from_row / layer.stride;
        if row * layer.stride != from_row || row >= layer.out_height {
            continue;
        }
        for (var kx = 0u; kx < layer.kernel; kx++) {
            let from_column = own.column + layer.left - kx;
            let column = from_column / layer.stride;
            if column * layer.stride == from_column && column < layer.out_width {
                let at = ((own.image * layer.out_height + row) * layer.out_width + column) * n + index % n;
                let beaten = is_beaten(own, index % n, Pixel(own.image, row, column));
                sum += select(first[at], vec4f(), beaten);
            }
        }
    }
    if layer.accumulate != 0u {
        sum += target_[index];
    }
    target_[index] = sum;
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
    for (var ky = 0u; ky < layer.kernel; ky++) {
        let from_row = own.row + layer.top - ky;
        let row = from_row / layer.stride;
        if row * layer.stride != from_row || row >= layer.out_height {
            continue;
        }
        let rows = rows_of(row);
        for (var kx = 0u; kx < layer.kernel; kx++) {
            let from_column = own.column + layer.left - kx;
            let column = from_column / layer.stride;
            if column * layer.stride == from_column && column < layer.out_width {
                let columns = columns_of(column);
                let count = f32((rows.end - rows.start) * (columns.end - columns.start));
                let line = (own.image * layer.out_height + row) * layer.out_width;
                sum += first[(line + column) * n + index % n] / count;
            }
        }
    }
    if layer.accumulate != 0u {
        sum += target_[index];
    }
    target_[index] = sum;
}
