//! Other libraries on MobileNetV1 0.25 at 128 x 128 pixels, as constants.

use crate::layers::{Kernel, Layer};

/// Where the figures are from.
pub const SOURCE: &str = "Other libraries, measured by us in November 2026 with the same compiler (arm-none-eabi-gcc 12.2, \
    -O3), emulator and counter:\n  \
    CMSIS-NN: github.com/ARM-software/CMSIS-NN 99f736a, 8-bit activations with 8-bit (s8) and 4-bit (s4) weights\n  \
    TinyEngine: github.com/mit-han-lab/tinyengine 47bb283, requantizes in floating point\n  \
    CMix-NN: github.com/EEESlab/CMix-NN a97415f, bits of input, output, weights\n\
    A dash: refused or not there. An exclamation mark: the library's outputs are wrong.";

/// Columns.
pub const NAMES: [&str; 8] = [
    "CMSIS s8",
    "CMSIS s4",
    "TinyEngine",
    "CMix 8 8 8",
    "CMix 8 8 4",
    "CMix 8 8 2",
    "CMix 4 4 4",
    "CMix 2 2 2",
];

type Row = [&'static str; 8];
const NONE: Row = [""; 8];

/// Rows and columns of the input, its channels, those of the output, stride.
type Shape = (Kernel, [usize; 4]);

/// Instructions per multiply-accumulate on the emulated Cortex-M7.
const LAYERS: [(Shape, Row); 14] = [
    ((Kernel::Conv, [128, 3, 8, 2]), ["6.23", "7.91", "-", "5.10", "4.87!", "5.27!", "-", "-"]),
    (
        (Kernel::Depthwise, [64, 8, 8, 1]),
        ["9.85", "21.18", "6.11", "16.50", "18.65!", "18.64!", "20.81!", "20.05!"],
    ),
    ((Kernel::Pointwise, [64, 8, 16, 1]), ["6.69", "8.51", "4.66", "5.62", "5.77", "3.18!", "5.68", "-"]),
    (
        (Kernel::Depthwise, [64, 16, 16, 2]),
        ["9.17", "18.17", "7.48", "13.28", "15.45!", "15.44!", "18.59!", "17.86!"],
    ),
    ((Kernel::Pointwise, [32, 16, 32, 1]), ["3.91", "5.76", "3.48", "3.87", "3.99", "4.37", "3.95", "4.80"]),
    ((Kernel::Pointwise, [32, 32, 32, 1]), ["2.65", "4.41", "2.33", "3.20", "3.31", "3.64", "3.29", "3.81"]),
    (
        (Kernel::Depthwise, [16, 64, 64, 1]),
        ["8.47", "15.79", "6.59", "11.03", "13.22!", "13.21!", "16.69!", "16.02!"],
    ),
    ((Kernel::Pointwise, [16, 64, 64, 1]), ["2.03", "3.74", "1.94", "2.80", "2.90", "3.21", "2.89", "3.30"]),
    (
        (Kernel::Depthwise, [16, 64, 64, 2]),
        ["8.47", "15.79", "9.05", "11.03", "13.22!", "13.22!", "16.70!", "16.03!"],
    ),
    (
        (Kernel::Depthwise, [8, 128, 128, 1]),
        ["8.14", "15.26", "7.11", "10.66", "12.85!", "12.85!", "16.10!", "15.49!"],
    ),
    ((Kernel::Pointwise, [8, 128, 128, 1]), ["1.75", "3.40", "1.74", "2.61", "2.71", "3.01", "2.70", "3.04"]),
    (
        (Kernel::Depthwise, [4, 256, 256, 1]),
        ["7.64", "14.80", "8.44", "10.47", "12.66!", "12.66!", "15.37!", "14.87!"],
    ),
    ((Kernel::Pointwise, [4, 256, 256, 1]), ["1.74", "3.24", "1.65", "2.52", "2.62", "2.92", "2.61", "2.93"]),
    ((Kernel::Linear, [1, 256, 1000, 1]), ["2.06", "5.06", "2.59", "3.87", "3.76", "3.53", "3.78", "-"]),
];

/// The same over all layers but the first; CMix-NN with 2-bit inputs without the layers that it refuses.
const SUMS: [(&str, Row); 3] = [
    ("pointwise", ["2.3", "3.9", "2.07", "2.91", "3.02", "3.20", "3.01", "3.27"]),
    ("depthwise", ["8.9", "17.2", "6.89", "12.5", "14.7!", "14.7!", "17.7!", "17.1!"]),
    ("all but the first layer", ["3.00", "5.45", "2.62", "4.01", "4.34!", "4.49!", "4.67!", "4.91!"]),
];

/// Cycles per multiply-accumulate of a Cortex-M4 by the same model, low-high.
const CYCLES: [(&str, Row); 3] = [
    (
        "pointwise",
        [
            "2.44-2.92",
            "4.06-4.76",
            "2.27-2.84",
            "3.14-3.95",
            "3.22-3.96",
            "3.24-4.17",
            "3.14-3.88",
            "3.33-4.26",
        ],
    ),
    (
        "depthwise",
        [
            "9.3-11.5",
            "19.0-22.5",
            "7.5-10.1",
            "13.6-16.7",
            "15.8-19.3!",
            "15.7-19.2!",
            "19.2-23.4!",
            "18.2-22.4!",
        ],
    ),
    (
        "all but the first layer",
        [
            "3.20-3.86",
            "5.76-6.77",
            "2.87-3.68",
            "4.34-5.39",
            "4.64-5.69!",
            "4.65-5.85!",
            "4.96-6.08!",
            "5.10-6.42!",
        ],
    ),
];

/// Figures of a layer; empty if it was not measured.
pub fn of_layer(layer: &Layer) -> Row {
    let shape = (layer.kernel, [layer.input[0], layer.input[2], layer.output[2], layer.stride]);
    LAYERS.iter().find(|(other, _)| *other == shape).map_or(NONE, |(_, row)| *row)
}

/// Figures of a sum, by its name.
pub fn of_sum(name: &str) -> Row {
    SUMS.iter().find(|(other, _)| *other == name).map_or(NONE, |(_, row)| *row)
}

/// Estimated cycles of a sum, by its name.
pub fn cycles_of_sum(name: &str) -> Row {
    CYCLES.iter().find(|(other, _)| *other == name).map_or(NONE, |(_, row)| *row)
}
