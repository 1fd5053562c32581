//! What the runtime can run: the one place that import, search and export ask.

use super::checked::MOST_ELEMENTS;
use super::{Activation, Graph, Layer, Op, Pads, Shape, Window, spec::CLASSES};
use std::ops::RangeInclusive;

/// Rows or columns of a window, and its step.
pub const WINDOW_SIDES: RangeInclusive<usize> = 1..=11;

/// Rows or columns of a map.
pub const MAP_SIDES: RangeInclusive<usize> = 1..=1024;

/// Channels of the image.
pub const IMAGE_CHANNELS: RangeInclusive<usize> = 1..=4;

/// Channels of a map: the runtime's records hold them in 16 bits.
pub const CHANNELS: RangeInclusive<usize> = 1..=65_535;

/// Weights of one output channel: the runtime's sums of so many products fit 32 bits.
pub const DEPTH: RangeInclusive<usize> = 1..=32_768;

/// Channels of a map of several pixels that a linear layer reads are a multiple of this: pixels then lie without gaps
/// between them at every number of bits.
pub const GAPLESS: usize = 4;

/// Why the runtime cannot run a layer, in words that end a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A window that is too small or too large.
    #[error("kernel {}: at most {}", by(*.0), by([*WINDOW_SIDES.end(); 2]))]
    Kernel([usize; 2]),
    /// A step that is too small or too large.
    #[error("stride {}: at most {}", by(*.0), by([*WINDOW_SIDES.end(); 2]))]
    Stride([usize; 2]),
    /// Different steps.
    #[error("stride {}: expected the same in rows and columns", by(*.0))]
    Steps([usize; 2]),
    /// Too many products in a sum.
    #[error("{0} weights of an output channel: at most {max}", max = DEPTH.end())]
    Depth(usize),
    /// Pixels with gaps between them.
    #[error("it reads all of a map of {0}: expected a multiple of {GAPLESS} channels, or a pool before it")]
    Gaps(Shape),
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
    /// A map of too many elements: files and links cannot hold it.
    #[error("a map of {0}: at most {MOST_ELEMENTS} elements")]
    Elements(Shape),
    /// Channels of the image.
    #[error("{0} input channels: {min} to {max}", min = IMAGE_CHANNELS.start(), max = IMAGE_CHANNELS.end())]
    ImageChannels(usize),
    /// The image's codes are normalized in the weights of the one layer that reads them.
    #[error("it reads the image: expected one convolution, the first layer, to do so")]
    Image,
    /// Too many channels.
    #[error("{0} channels: 1 to {max}", max = CHANNELS.end())]
    Channels(usize),
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
        if layer.output != 1 || !matches!(layer.op, Op::Conv(_)) {
            return Err(Reason::Image);
        }
    }
    supports_map(output)?;
    let is_last = layer.output == graph.logits();
    if is_last != (layer.op == Op::Linear) || is_last && layer.activation != Activation::Linear {
        return Err(Reason::Last);
    }
    if is_last && !CLASSES.contains(&output.channels) {
        return Err(Reason::Classes(output.channels));
    }
    match layer.op {
        Op::Conv(Window { kernel, stride, pads }) => {
            supports_window([kernel; 2], [stride; 2], pads, Some(input))?;
            supports_depth(kernel * kernel * input.channels)
        }
        Op::Depthwise(Window { kernel, stride, pads }) => {
            supports_window([kernel; 2], [stride; 2], pads, Some(input))
        }
        Op::MaxPool(_) | Op::AvgPool(_) | Op::GlobalAvgPool if layer.activation != Activation::Linear => {
            Err(Reason::Activation)
        }
        Op::MaxPool(Window { kernel, stride, pads }) | Op::AvgPool(Window { kernel, stride, pads }) => {
            supports_window([kernel; 2], [stride; 2], pads, Some(input))
        }
        Op::GlobalAvgPool => Ok(()),
        Op::Linear => {
            let map = graph.tensors[layer.inputs[0]].shape;
            if map.pixels() > 1 && !map.channels.is_multiple_of(GAPLESS) {
                return Err(Reason::Gaps(map));
            }
            supports_depth(map.elements())
        }
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
/// If it is too large, or has too many channels or elements.
pub fn supports_map(map: Shape) -> Result<(), Reason> {
    if !MAP_SIDES.contains(&map.height) || !MAP_SIDES.contains(&map.width) {
        return Err(Reason::Map(map));
    }
    if !CHANNELS.contains(&map.channels) {
        return Err(Reason::Channels(map.channels));
    }
    // On 32 bits the product may not fit.
    if [map.height, map.width, map.channels].map(|size| size as u64).iter().product::<u64>()
        > MOST_ELEMENTS as u64
    {
        return Err(Reason::Elements(map));
    }
    Ok(())
}

fn supports_depth(depth: usize) -> Result<(), Reason> {
    if DEPTH.contains(&depth) { Ok(()) } else { Err(Reason::Depth(depth)) }
}

/// Whether a window of so many rows and columns can slide over a map; over any map if none is given. What this allows
/// cannot overflow.
///
/// # Errors
/// If kernel, stride or pads are out of range, or the window does not fit.
pub fn supports_window(
    kernel: [usize; 2],
    stride: [usize; 2],
    pads: Pads,
    map: Option<Shape>,
) -> Result<(), Reason> {
    if !kernel.iter().all(|side| WINDOW_SIDES.contains(side)) {
        return Err(Reason::Kernel(kernel));
    }
    if !stride.iter().all(|step| WINDOW_SIDES.contains(step)) {
        return Err(Reason::Stride(stride));
    }
    if stride[0] != stride[1] {
        return Err(Reason::Steps(stride));
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

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: Shape = Shape::new(8, 8, 3);

    #[test]
    fn windows_are_bounded() {
        for (kernel, stride, pads, expected) in [
            ([1, 1], [1, 1], [0; 4], ""),
            ([11, 11], [11, 11], [10; 4], ""),
            ([3, 5], [2, 2], [2, 4, 2, 4], ""),
            ([3, 5], [1, 2], [2, 4, 2, 4], "stride 1x2: expected the same"),
            ([8, 8], [1, 1], [0; 4], ""),
            ([12, 1], [1, 1], [0; 4], "kernel 12x1: at most 11x11"),
            ([0, 1], [1, 1], [0; 4], "kernel 0x1: at most 11x11"),
            ([1, 1], [1, 12], [0; 4], "stride 1x12: at most 11x11"),
            ([1, 1], [0, 1], [0; 4], "stride 0x1: at most 11x11"),
            ([3, 3], [1, 1], [0, 0, 3, 0], "3 rows or columns around the map for a kernel of 3: at most 2"),
            ([3, 1], [1, 1], [0, 1, 0, 0], "1 rows or columns around the map for a kernel of 1: at most 0"),
            ([3, 3], [1, 1], [usize::MAX; 4], "around the map"),
            ([9, 1], [1, 1], [0; 4], "kernel 9x1 on a map of 8x8 pixels"),
        ] {
            let [top, left, bottom, right] = pads;
            let found = supports_window(kernel, stride, Pads { top, left, bottom, right }, Some(MAP));
            let text = found.map_or_else(|reason| reason.to_string(), |()| String::new());
            assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{expected}: {text}");
        }
    }

    #[test]
    fn maps_and_images_are_bounded() {
        for (map, expected) in [
            (Shape::new(1, 1, 1), ""),
            (Shape::new(1024, 1, 65_535), ""),
            (Shape::new(1025, 1, 1), "a map of 1025x1x1: 1 to 1024 rows and columns"),
            (Shape::new(1, 0, 1), "a map of 1x0x1"),
            (Shape::new(1, 1, 65_536), "65536 channels: 1 to 65535"),
            (Shape::new(1024, 1024, 64), ""),
            (Shape::new(1024, 1024, 65), "a map of 1024x1024x65: at most 67108864 elements"),
            (Shape::new(1024, 1024, 65_535), "at most 67108864 elements"),
        ] {
            let text = supports_map(map).map_or_else(|reason| reason.to_string(), |()| String::new());
            assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{expected}: {text}");
        }
        assert_eq!(supports_image(Shape::new(8, 8, 4)), Ok(()));
        assert_eq!(supports_image(Shape::new(8, 8, 5)), Err(Reason::ImageChannels(5)));
    }

    #[test]
    fn layers_are_checked_where_they_stand() {
        let three = Window { kernel: 3, stride: 1, pads: Pads::default() };
        let checked = |build: &dyn Fn(&mut Graph)| {
            let mut graph = Graph::new(MAP);
            build(&mut graph);
            graph.layers.iter().find_map(|layer| supports(&graph, layer).err())
        };
        let conv = |graph: &mut Graph| graph.conv("conv", 0, 4, three, Activation::Relu);
        let dense = |graph: &mut Graph, input, classes| {
            graph.linear("dense", input, classes);
        };
        for (build, expected) in [
            (&|g: &mut Graph| dense(g, 0, 2), Some(Reason::Image)),
            (
                &|g: &mut Graph| {
                    let x = g.conv("conv", 0, 3, three, Activation::Relu);
                    dense(g, x, 2);
                },
                Some(Reason::Gaps(Shape::new(6, 6, 3))),
            ),
            (
                &|g: &mut Graph| {
                    let x = conv(g);
                    dense(g, x, 10_000);
                },
                None,
            ),
            (
                &|g: &mut Graph| {
                    let x = conv(g);
                    dense(g, x, 1);
                },
                Some(Reason::Classes(1)),
            ),
            (
                &|g: &mut Graph| {
                    let x = conv(g);
                    dense(g, x, 10_001);
                },
                Some(Reason::Classes(10_001)),
            ),
            (
                &|g: &mut Graph| {
                    let x = conv(g);
                    dense(g, x, 2);
                    dense(g, x, 2);
                },
                Some(Reason::Last),
            ),
            (
                &|g: &mut Graph| {
                    conv(g);
                },
                Some(Reason::Last),
            ),
            (
                &|g: &mut Graph| {
                    let x = g.depthwise("dw", 0, three, Activation::Relu);
                    dense(g, x, 2);
                },
                Some(Reason::Image),
            ),
            (
                &|g: &mut Graph| {
                    let x = conv(g);
                    g.tensors[x].shape = Shape::new(256, 256, 4);
                    dense(g, x, 3);
                },
                Some(Reason::Depth(262_144)),
            ),
            (
                &|g: &mut Graph| {
                    let a = conv(g);
                    let b =
                        g.depthwise("b", a, Window { pads: Pads::symmetric(1), ..three }, Activation::Relu);
                    let sum = g.add("add", a, b, Activation::Linear);
                    g.tensors[b].shape = MAP;
                    dense(g, sum, 3);
                },
                Some(Reason::Operands(Shape::new(6, 6, 4), MAP)),
            ),
        ] as [(&dyn Fn(&mut Graph), Option<Reason>); 10]
        {
            assert_eq!(checked(build), expected);
        }
    }
}
