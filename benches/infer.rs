//! Speed of integer inference: layers in GMAC/s, networks in images/s. `cargo bench --bench infer`.
//!
//! Each figure is the fastest of many short runs, which other work on the machine disturbs least.

#[path = "../tests/common/infer.rs"]
mod cases;

use bitsmith::infer::{Engine, PreparedKernel, RowRequantizer, Scratch, Workspace, reference};
use bitsmith::net::{Activation, Graph, Pads, Shape, Window};
use bitsmith::quant::{Bits, Requantizer};
use cases::{Random, uniform_network};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Time that each figure takes.
const PATIENCE: Duration = Duration::from_millis(600);

fn main() {
    println!("{:34} {:>12} {:>12}", "GMAC/s of layers", "sums", "and codes");
    let pointwise = Window { kernel: 1, stride: 1, pads: Pads::default() };
    for (side, c_in, c_out) in
        [(32, 16, 32), (16, 32, 64), (16, 64, 64), (8, 128, 128), (4, 256, 256), (7, 512, 512)]
    {
        let mut graph = Graph::new(Shape::new(side, side, c_in));
        graph.conv("layer", 0, c_out, pointwise, Activation::Relu6);
        layer(&format!("pointwise {side}x{side}, {c_in} to {c_out}"), &graph);
    }
    let mut graph = Graph::new(Shape::new(128, 128, 3));
    let window = Window { kernel: 3, stride: 2, pads: Pads::symmetric(1) };
    graph.conv("layer", 0, 16, window, Activation::Relu6);
    layer("convolution 3x3/2 128x128, 3 to 16", &graph);
    for (side, channels, kernel, stride) in
        [(64, 8, 3, 1), (32, 32, 3, 1), (32, 32, 3, 2), (16, 64, 3, 1), (16, 144, 5, 1), (8, 128, 3, 1)]
    {
        let mut graph = Graph::new(Shape::new(side, side, channels));
        let window = Window { kernel, stride, pads: Pads::same(side, kernel, stride) };
        graph.depthwise("layer", 0, window, Activation::Relu6);
        layer(&format!("depthwise {kernel}x{kernel}/{stride} {side}x{side}, {channels}"), &graph);
    }
    let mut graph = Graph::new(Shape::new(1, 1, 1024));
    graph.linear("layer", 0, 1000);
    layer("linear 1024 to 1000", &graph);

    println!("\n{:34} {:>12} {:>12} {:>12} {:>12}", "networks", "images/s", "GMAC/s", "reference/s", "ratio");
    for name in ["mobilenet-v1-0.25-128", "mobilenet-v1-0.5-128", "mobilenet-v2-0.35-128", "mnasnet-0.5-128"]
    {
        network(name);
    }
}

/// Seconds of the fastest run.
fn fastest(mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut best = Duration::MAX;
    while start.elapsed() < PATIENCE || best == Duration::MAX {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
    }
    best.as_secs_f64()
}

/// The only layer of a graph, at 8 bits.
fn layer(name: &str, graph: &Graph) {
    let mut random = Random(1);
    let weights = random.codes(graph.weight_elements(&graph.layers[0]), Bits::B8);
    let channels = graph.classes();
    let kernel = PreparedKernel::new(graph, 0, &weights, &random.codes(channels, Bits::B8));
    let requantizer = Requantizer::new(1e-3, 0.0).expect("a moderate factor");
    let requantizer = RowRequantizer::new(&vec![requantizer; channels], 0, Bits::B8);
    let input = random.codes(graph.image().shape.elements(), Bits::B8);
    let mut output = vec![0; graph.output_shape(&graph.layers[0]).elements()];
    let mut scratch = Scratch::default();

    let sums = fastest(|| {
        kernel.sums(&input, &[0], &mut scratch, |_, sums| {
            black_box(sums);
        });
    });
    let codes = fastest(|| {
        kernel.sums(&input, &[0], &mut scratch, |y, sums| {
            requantizer.apply(sums, &mut output[y * sums.len()..][..sums.len()]);
        });
        black_box(&output);
    });
    let giga = graph.macs() as f64 * 1e-9;
    println!("{name:34} {:12.1} {:12.1}", giga / sums, giga / codes);
}

/// A whole network at 8 bits.
fn network(name: &str) {
    let network = uniform_network(name, 1000, Bits::B8, Bits::B8);
    let image = Random(2).codes(network.graph().image().shape.elements(), Bits::B8);
    let engine = Engine::new(&network).expect("no overflow");
    let mut workspace = Workspace::default();
    let fast = fastest(|| {
        black_box(engine.run(&mut workspace, &image).expect("an image of the right size"));
    });
    let plain = fastest(|| {
        black_box(reference::run(&network, &image).expect("an image of the right size"));
    });
    let giga = network.graph().macs() as f64 * 1e-9;
    println!("{name:34} {:12.0} {:12.1} {:12.1} {:12.0}", 1.0 / fast, giga / fast, 1.0 / plain, plain / fast);
}
