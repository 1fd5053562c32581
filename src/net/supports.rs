//! What the runtime can run: the one place that import, search and export ask.

use super::{Activation, Graph, Layer, Op, Pads, Shape, Window};
use std::ops::RangeInclusive;

/// Rows or columns of a window, and its step.
pub const WINDOW_SIDES: RangeInclusive<usize> = 1..=11;

/// Rows or columns of a map.
pub const MAP_SIDES: RangeInclusive<usize> = 1..=1024;

/// Channels of the image.
pub const IMAGE_CHANNELS: RangeInclusive<usize> = 1..=4;

/// Channels of a map, and elements that a fully connected layer reads: the runtime's records hold them in 16 bits.
pub const CHANNELS: RangeInclusive<usize> = 1..=65_535;

/// Classes that a network tells apart.
pub const CLASSES: RangeInclusive<usize> = 2..=10_000;

/// Why the runtime cannot run a layer, in words that end a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A window that is too small or too large.
    #[error("kernel {}: at most {}", by(*.0), by([*WINDOW_SIDES.end(); 2]))]
    Kernel([usize; 2]),
    /// A step that is too small or too large.
    #[error("stride {}: at most {}", by(*.0), by([*WINDOW_SIDES.end(); 2]))]
    Stride([usize; 2]),
    /// Whole windows that see nothing of the map.
    #[error("{found} rows or columns around the map for a kernel of {kernel}: at most {}", kernel - 1)]
    Pads {
        /// On one side.
        found: usize,
        /// Rows or columns of the kernel.
        kernel: usize,
    },
    /// A window that does not fit.
    #[error("kernel {} on a map of {map} pixels with what is around it: expected a larger map", by(*.kernel))]
    Window {
        /// Rows and columns.
        kernel: [usize; 2],
        /// Rows and columns as text.
        map: String,
    },
    /// A map that is too large.
    #[error("a map of {0}: 1 to {side} rows and columns", side = MAP_SIDES.end())]
    Map(Shape),
    /// Channels of the image.
    #[error("{0} input channels: {min} to {max}", min = IMAGE_CHANNELS.start(), max = IMAGE_CHANNELS.end())]
    ImageChannels(usize),
    /// Too many channels.
    #[error("{0} channels: 1 to {max}", max = CHANNELS.end())]
    Channels(usize),
    /// Too many inputs of a fully connected layer.
    #[error("{0} inputs of a fully connected layer: 1 to {max}", max = CHANNELS.end())]
    Inputs(usize),
    /// Too many or too few classes.
    #[error("{0} classes: {min} to {max}", min = CLASSES.start(), max = CLASSES.end())]
    Classes(usize),
    /// Logits come from a fully connected layer without an activation.
    #[error(
        "it is the last layer: expected a fully connected one, or a convolution of the pooled map, without activation"
    )]
    Last,
    /// Operands of different sizes.
    #[error("operands of {0} and {1}: expected equal sizes")]
    Operands(Shape, Shape),
    /// An activation where none can be.
    #[error(
        "an activation behind a pool: expected it behind a convolution, a fully connected layer or a sum"
    )]
    Activation,
}

fn by([rows, columns]: [usize; 2]) -> String {
    format!("{rows}x{columns}")
}

/// Whether the runtime can run a layer of a graph.
///
/// # Errors
/// The first reason why not.
pub fn supports(graph: &Graph, layer: &Layer) -> Result<(), Reason> {
    let input = graph.input_shape(layer);
    let output = graph.output_shape(layer);
    if layer.inputs.contains(&0) {
        supports_image(graph.image().shape)?;
    }
    supports_map(output)?;
    let is_last = layer.output == graph.logits();
    if is_last && (layer.op != Op::Dense || layer.activation != Activation::Linear) {
        return Err(Reason::Last);
    }
    if is_last && !CLASSES.contains(&output.channels) {
        return Err(Reason::Classes(output.channels));
    }
    match layer.op {
        Op::Conv(window) | Op::Depthwise(window) => supports_window(window, Some(input)),
        Op::MaxPool(window) | Op::AvgPool(window) => {
            supports_window(window, Some(input))?;
            if layer.activation == Activation::Linear { Ok(()) } else { Err(Reason::Activation) }
        }
        Op::GlobalAvgPool if layer.activation != Activation::Linear => Err(Reason::Activation),
        Op::GlobalAvgPool => Ok(()),
        Op::Dense if !CHANNELS.contains(&input.elements()) => Err(Reason::Inputs(input.elements())),
        Op::Dense => Ok(()),
        Op::Add => {
            let mut shapes = layer.inputs.iter().map(|&tensor| graph.tensors[tensor].shape);
            match shapes.find(|shape| *shape != output) {
                Some(other) => Err(Reason::Operands(output, other)),
                None => Ok(()),
            }
        }
    }
}

/// Whether an image can be a network's input.
///
/// # Errors
/// If it is too large, or has other than 1 to 4 channels.
pub fn supports_image(image: Shape) -> Result<(), Reason> {
    if !IMAGE_CHANNELS.contains(&image.channels) {
        return Err(Reason::ImageChannels(image.channels));
    }
    supports_map(image)
}

/// Whether a map can be.
///
/// # Errors
/// If it is too large.
pub fn supports_map(map: Shape) -> Result<(), Reason> {
    if !MAP_SIDES.contains(&map.height) || !MAP_SIDES.contains(&map.width) {
        return Err(Reason::Map(map));
    }
    if !CHANNELS.contains(&map.channels) {
        return Err(Reason::Channels(map.channels));
    }
    Ok(())
}

/// Whether a window can slide over a map; over any map if none is given. What this allows cannot overflow.
///
/// # Errors
/// If kernel, stride or pads are out of range, or the window does not fit.
pub fn supports_window(window: Window, map: Option<Shape>) -> Result<(), Reason> {
    let Window { kernel, stride, pads } = window;
    if !kernel.iter().all(|side| WINDOW_SIDES.contains(side)) {
        return Err(Reason::Kernel(kernel));
    }
    if !stride.iter().all(|step| WINDOW_SIDES.contains(step)) {
        return Err(Reason::Stride(stride));
    }
    let Pads { top, left, bottom, right } = pads;
    for (found, kernel) in [(top.max(bottom), kernel[0]), (left.max(right), kernel[1])] {
        if found >= kernel {
            return Err(Reason::Pads { found, kernel });
        }
    }
    let Some(map) = map else { return Ok(()) };
    supports_map(map)?;
    if map.height + top + bottom < kernel[0] || map.width + left + right < kernel[1] {
        return Err(Reason::Window { kernel, map: by([map.height, map.width]) });
    }
    Ok(())
}
