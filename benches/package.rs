//! How long a package of 2 MB takes to compile for a Cortex-M7: as it is, and with its constants from tables in C.
//!
//! `cargo bench --bench package` needs `.ci/tools c` and Linux. Prints the least of three runs of all sources, one after
//! the other, in seconds of processor time, which other work on the machine disturbs least.

#[path = "../tests/common/infer.rs"]
mod cases;
#[path = "../tests/common/packaged.rs"]
mod packaged;
#[path = "../tests/board/toolchain.rs"]
mod toolchain;
#[path = "../tests/c_package/unpacked.rs"]
mod unpacked;

use bitsmith::quant::{Bits, QuantizedLayer};
use std::path::Path;
use toolchain::{Program, Target};
use unpacked::Unpacked;

const RUNS: usize = 3;

/// Processor time of all children so far in seconds: `cutime` and `cstime` of proc(5), in ticks of a hundredth.
fn children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The name of the program, in brackets, may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks as f64 / 100.0
}

/// Seconds to compile all sources of a package to objects.
fn compile(package: &Unpacked, flags: &[&str]) -> f64 {
    let object = package.file("object.o");
    let sources = [package.own(), package.runtime()].concat();
    let includes = package.includes();
    let start = children();
    for source in &sources {
        let sources = std::slice::from_ref(source);
        Target::CortexM7.compile_object(&Program { sources, includes: &includes, flags }, &object);
    }
    children() - start
}

fn main() {
    let mut network = cases::uniform_network("mobilenet-v2-0.50-128", 1000, Bits::B8, Bits::B8);
    let graph = network.graph().clone();
    for (layer, integers) in graph.layers.iter().zip(&mut network.layers) {
        if let QuantizedLayer::Kernel(kernel) = integers
            && layer.inputs[0] != 0
        {
            kernel.pad_codes.truncate(1);
        }
    }
    let images = packaged::noise(&network, 4);
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-package");
    let package = Unpacked::new(&network, &images, &folder);
    let bytes = |file: &str| std::fs::metadata(package.file(file)).expect(file).len();
    println!("{} bytes of weights, {} of images", bytes("src/net_weights.bin"), bytes("src/net_golden.bin"));
    let least = |flags: &[&str]| (0..RUNS).map(|_| compile(&package, flags)).fold(f64::INFINITY, f64::min);
    let (embedded, tables) = (least(&[]), least(&["-DNET_WEIGHTS_IN_C=1"]));
    println!("as it is          {embedded:.2} s");
    println!("tables in C       {tables:.2} s, {:.1} times as long", tables / embedded);
}
