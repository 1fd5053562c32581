//! Instructions per multiply-accumulate of the C runtime on the emulated Cortex-M7 (`cargo bench --bench kernels`).
//!
//! Layers of MobileNetV1 0.25 at 128 x 128 pixels, with the figures of other libraries for the same layers. Counts
//! are exact and the same on every machine. Every output is compared with the plain reference of the tests.

#[path = "../tests/kernels/cases.rs"]
mod cases;
#[path = "../tests/kernels/layers.rs"]
mod layers;
#[path = "../tests/kernels/reference.rs"]
mod reference;
#[path = "../tests/board/toolchain.rs"]
mod toolchain;

use cases::{Case, Layout, case_file};
use layers::{Kernel, Layer, Rng, Widths};
use std::path::Path;
use toolchain::{Program, Target};

const NETWORK: &str = "mobilenet-v1-0.25-128";

/// Bits of input, weights, output.
const WIDTHS: [Widths; 5] = [[8, 8, 8], [8, 4, 8], [8, 2, 8], [4, 4, 4], [2, 2, 2]];

/// Instructions per multiply-accumulate of a library over the network without its first layer.
struct Peer {
    name: &'static str,
    pointwise: f64,
    depthwise: f64,
    all: f64,
}

/// Measured by us with the same compiler (arm-none-eabi-gcc 12.2, -O3), emulator and counter on the commits below.
/// CMix-NN has no linear layer for 2-bit inputs, and its depthwise kernels with 2- and 4-bit weights give wrong
/// outputs.
const PEERS: [Peer; 8] = [
    // github.com/ARM-software/CMSIS-NN 99f736a
    Peer { name: "CMSIS-NN s8", pointwise: 2.3, depthwise: 8.9, all: 3.00 },
    Peer { name: "CMSIS-NN s4 weights", pointwise: 3.9, depthwise: 17.2, all: 5.45 },
    // github.com/mit-han-lab/tinyengine 47bb283
    Peer { name: "TinyEngine s8", pointwise: 2.07, depthwise: 6.89, all: 2.62 },
    // github.com/EEESlab/CMix-NN a97415f; bits of input, output, weights
    Peer { name: "CMix-NN 8 8 8", pointwise: 2.91, depthwise: 12.5, all: 4.01 },
    Peer { name: "CMix-NN 8 8 4", pointwise: 3.02, depthwise: 14.7, all: 4.34 },
    Peer { name: "CMix-NN 8 8 2", pointwise: 3.20, depthwise: 14.7, all: 4.49 },
    Peer { name: "CMix-NN 4 4 4", pointwise: 3.01, depthwise: 17.7, all: 4.67 },
    Peer { name: "CMix-NN 2 2 2", pointwise: 3.27, depthwise: 17.1, all: 4.91 },
];

/// Instructions and multiply-accumulates of one or more layers.
#[derive(Clone, Copy, Default)]
struct Cost {
    instructions: u64,
    macs: u64,
}

impl Cost {
    fn ratio(self) -> f64 {
        self.instructions as f64 / self.macs as f64
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |sum, cost| Self {
            instructions: sum.instructions + cost.instructions,
            macs: sum.macs + cost.macs,
        })
    }
}

/// Costs of all layers for one choice of widths.
fn measure(layers: &[Layer], widths: Widths, program: &Path) -> Vec<Cost> {
    let mut rng = Rng(1);
    let random = |layer| Case::random(layer, widths_of(layer, widths), Layout::Separate, &mut rng);
    let cases: Vec<Case> = layers.iter().filter_map(random).collect();
    let file = program.with_extension("cases");
    std::fs::write(&file, case_file(&cases)).expect("space for the cases");
    let output = Target::CortexM7.run(program, &[file.to_str().expect("a path in UTF-8")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains(" 0 differing bytes"), "{text}");
    let counts = text.lines().filter_map(|line| line.split_once(": instructions ")?.1.parse().ok());
    layers.iter().zip(counts).map(|(layer, instructions)| Cost { instructions, macs: macs(layer) }).collect()
}

/// The image has 8 bits, whatever the network's widths.
fn widths_of(layer: &Layer, [input, weight, output]: Widths) -> Widths {
    [if layer.kernel == Kernel::Conv { 8 } else { input }, weight, output]
}

/// Multiply-accumulates, padding included.
fn macs(layer: &Layer) -> u64 {
    let per_output =
        layer.window * layer.window * if layer.kernel == Kernel::Depthwise { 1 } else { layer.input[2] };
    (layer.output.iter().product::<usize>() * per_output) as u64
}

fn main() {
    let network = NETWORK.parse().expect("a network of the zoo");
    let layers: Vec<Layer> = layers::of_network(&network)
        .into_iter()
        .filter(|layer| !matches!(layer.kernel, Kernel::Pool | Kernel::Add))
        .collect();
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-kernels");
    let mut sources = toolchain::runtime_sources();
    sources.extend(["driver.c", "platform_board.c"].map(|name| kernels.join(name)));
    let includes = [toolchain::runtime(), kernels];
    let flags = ["-DBENCHMARK"];
    Target::CortexM7.compile(&Program { sources: &sources, includes: &includes, flags: &flags }, &program);
    let columns: Vec<Vec<Cost>> = WIDTHS.iter().map(|&widths| measure(&layers, widths, &program)).collect();

    println!("{NETWORK}, emulated Cortex-M7, instructions per multiply-accumulate");
    print!("{:28}{:>10}", "input output weight bits", "MACs");
    WIDTHS.iter().for_each(|[input, weight, output]| print!("{:>8}", format!("{input} {output} {weight}")));
    println!();
    for (i, layer) in layers.iter().enumerate() {
        let [height, width, c_in] = layer.input;
        let kernel = format!("{:?}", layer.kernel).to_lowercase();
        let name = format!("{kernel} {height}x{width}x{c_in}-{} s{}", layer.output[2], layer.stride);
        print!("{name:28}{:>10}", macs(layer));
        columns.iter().for_each(|costs| print!("{:8.2}", costs[i].ratio()));
        println!();
    }
    for (name, kernel) in [
        ("pointwise", Some(Kernel::Pointwise)),
        ("depthwise", Some(Kernel::Depthwise)),
        ("all but the first", None),
    ] {
        let chosen =
            |layer: &Layer| kernel.map_or(layer.kernel != Kernel::Conv, |kernel| layer.kernel == kernel);
        let total = |costs: &[Cost]| -> Cost {
            layers.iter().zip(costs).filter(|(layer, _)| chosen(layer)).map(|(_, &cost)| cost).sum()
        };
        print!("{name:28}{:>10}", total(&columns[0]).macs);
        columns.iter().for_each(|costs| print!("{:8.2}", total(costs).ratio()));
        println!();
    }
    println!("\n{:38}{:>8}{:>8}{:>8}", "other libraries", "pw", "dw", "all");
    for peer in PEERS {
        println!("{:38}{:8.2}{:8.2}{:8.2}", peer.name, peer.pointwise, peer.depthwise, peer.all);
    }
}
