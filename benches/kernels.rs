//! What the C runtime takes on emulated boards (`cargo bench --bench kernels`): instructions per multiply-accumulate,
//! counted on the Cortex-M7, and cycles per multiply-accumulate of a Cortex-M4, estimated by the model of
//! `tests/board/cycles.c`. Per layer and per network, beside other libraries. The same on every machine; every output
//! is compared with the plain reference of the tests.

#[path = "../tests/kernels/cases.rs"]
mod cases;
#[path = "../tests/kernels/costs.rs"]
mod costs;
#[path = "../tests/kernels/layers.rs"]
mod layers;
#[path = "../tests/common/parallel.rs"]
mod parallel;
#[path = "kernels/peers.rs"]
mod peers;
#[path = "../tests/kernels/reference.rs"]
mod reference;
#[path = "../tests/board/toolchain.rs"]
mod toolchain;

use costs::{Cost, Counted, Meter, total};
use layers::{Kernel, Layer, Widths};
use parallel::in_parallel;
use std::path::Path;
use std::sync::Mutex;
use toolchain::Target;

const NETWORKS: [&str; 3] = ["mobilenet-v1-0.25-128", "mobilenet-v2-0.35-128", "mnasnet-0.50-128"];

/// The one that others have been measured on.
const COMPARED: &str = NETWORKS[0];

/// Bits of input, weights, output.
const WIDTHS: [Widths; 5] = [[8, 8, 8], [8, 4, 8], [8, 2, 8], [4, 4, 4], [2, 2, 2]];

/// Costs of all layers for all choices of widths, `[widths][layer]`.
fn measure(meter: &Meter, layers: &[Counted]) -> Vec<Vec<Cost>> {
    let columns = Mutex::new(vec![Vec::new(); WIDTHS.len()]);
    in_parallel(WIDTHS.iter().enumerate(), |(i, &widths)| {
        let costs = meter.measure(layers, widths);
        columns.lock().expect("no worker panics with the lock")[i] = costs;
    });
    columns.into_inner().expect("no worker panicked")
}

/// A line of figures, one for each choice of widths.
fn line(name: &str, macs: u64, figures: impl Iterator<Item = String>) {
    print!("{name:30}{macs:>10}");
    figures.for_each(|figure| print!("{figure:>12}"));
}

/// Name of a layer with the size of its input.
fn name_of(layer: &Layer) -> String {
    let [height, width, c_in] = layer.input;
    let kernel = format!("{:?}", layer.kernel).to_lowercase();
    let window = layer.window;
    format!("{kernel} {window}x{window} {height}x{width}x{c_in}-{} s{}", layer.output[2], layer.stride)
}

/// Sums over a network: name, and which layers count.
type Choice = fn(&Layer) -> bool;
const SUMS: [(&str, Choice); 4] = [
    ("pointwise", |layer| layer.kernel == Kernel::Pointwise),
    ("depthwise", |layer| layer.kernel.is_depthwise()),
    ("all but the first layer", |layer| layer.kernel != Kernel::Conv),
    ("all", |_| true),
];

fn main() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let meters = [
        Meter::new(Target::CortexM7, folder, &[]),
        Meter::new(Target::CortexM7, folder, &["-DBS_PORTABLE=1"]),
        Meter::estimating(Target::CortexM4, folder),
    ];
    for network in NETWORKS {
        let spec = network.parse().expect("a network of the zoo");
        let layers = costs::counted(layers::of_network(&spec));
        let [dsp, portable, estimated] = meters.each_ref().map(|meter| measure(meter, &layers));

        println!("\n{network}: instructions per multiply-accumulate, emulated Cortex-M7");
        print!("{:30}{:>10}", "bits of input, output, weights", "MACs");
        WIDTHS
            .iter()
            .for_each(|[input, weight, output]| print!("{:>12}", format!("{input} {output} {weight}")));
        if network == COMPARED {
            peers::NAMES.iter().for_each(|name| print!("{name:>12}"));
        }
        println!();
        for (i, (layer, count)) in layers.iter().enumerate() {
            let name = format!(
                "{}{}",
                name_of(layer),
                if *count > 1 { format!(" (x{count})") } else { String::new() }
            );
            line(&name, dsp[0][i].macs, dsp.iter().map(|costs| format!("{:.2}", costs[i].per_mac())));
            if network == COMPARED {
                peers::of_layer(layer).iter().for_each(|figure| print!("{figure:>12}"));
            }
            println!();
        }
        for (name, chosen) in SUMS {
            let sums: Vec<Cost> = dsp.iter().map(|costs| total(&layers, costs, chosen)).collect();
            line(name, sums[0].macs, sums.iter().map(|sum| format!("{:.2}", sum.per_mac())));
            if network == COMPARED {
                peers::of_sum(name).iter().for_each(|figure| print!("{figure:>12}"));
            }
            println!();
        }
        let plain: Vec<Cost> = portable.iter().map(|costs| total(&layers, costs, SUMS[2].1)).collect();
        line(
            "the same in portable C",
            plain[0].macs,
            plain.iter().map(|sum| format!("{:.2}", sum.per_mac())),
        );
        println!();

        println!(
            "{network}: cycles per multiply-accumulate, ESTIMATE for a Cortex-M4, low-high, not measured on hardware"
        );
        for (name, chosen) in SUMS {
            let sums: Vec<Cost> = estimated.iter().map(|costs| total(&layers, costs, chosen)).collect();
            let ranges = sums.iter().map(|sum| {
                let [low, high] = sum.cycles_per_mac();
                format!("{low:.2}-{high:.2}")
            });
            line(name, sums[0].macs, ranges);
            if network == COMPARED {
                peers::cycles_of_sum(name).iter().for_each(|figure| print!("{figure:>12}"));
            }
            println!();
        }
    }
    println!("\n{}", peers::SOURCE);
}
