//! The C runtime against a plain reference: on the host with two compilers and their sanitizers, and on the emulated
//! boards. Every kernel, all widths, separate and overlapping buffers; no byte may differ. And what it takes: code,
//! and instructions on the emulated Cortex-M7.
//!
//! With BITSMITH_FULL=1 every layer shape of the three families runs in all 27 combinations of widths on every target:
//! `BITSMITH_FULL=1 cargo test --test kernels equals`.

#[path = "kernels/cases.rs"]
mod cases;
#[path = "kernels/costs.rs"]
mod costs;
#[path = "kernels/layers.rs"]
mod layers;
#[path = "common/parallel.rs"]
mod parallel;
#[path = "kernels/reference.rs"]
mod reference;
#[path = "board/toolchain.rs"]
mod toolchain;

use cases::{Case, Layout, case_file};
use costs::{Meter, counted, total};
use layers::{Kernel, Layer, Rng, Widths};
use parallel::in_parallel;
use std::path::{Path, PathBuf};
use std::process::Command;
use toolchain::{Program, TARGETS, Target};

const SEED: u64 = 20_260_101;

/// Most bytes of stack, those of the driver included.
const MOST_STACK: usize = 1023;

/// Most bytes of code for the kernels of one network of the zoo at -O2, and for a pool with a window, which it has not.
const MOST_CODE: u64 = 8192;
const MOST_WINDOW_CODE: u64 = 672;

/// The same for functions, products and pools that give logits.
const MOST_LOOKUP_CODE: u64 = 500;
const MOST_MULTIPLY_CODE: u64 = 780;
const MOST_LOGITS_CODE: u64 = 120;

const LAYOUTS: [Layout; 3] = [Layout::Separate, Layout::Overlap(0), Layout::Overlap(1)];

/// Every corner case in all widths and layouts, and every layer of the zoo in a few.
fn random_cases() -> Vec<Case> {
    let mut rng = Rng(SEED);
    let mut cases = Vec::new();
    for layer in layers::corner_cases() {
        for widths in layers::all_widths() {
            cases.extend(LAYOUTS.iter().filter_map(|&layout| Case::random(&layer, widths, layout, &mut rng)));
        }
    }
    let all_widths: Vec<_> = layers::all_widths().collect();
    for layer in layers::zoo() {
        for layout in LAYOUTS {
            cases.extend(Case::random(&layer, rng.pick(&all_widths), layout, &mut rng));
        }
    }
    cases
}

/// Calls with one wrong field in the descriptor.
fn wrong_cases() -> Vec<Case> {
    let mut rng = Rng(SEED);
    let corner_cases = layers::corner_cases();
    let mut wrong = |kernel: Kernel, field: usize, value: u32| {
        let found: Option<&Layer> = corner_cases.iter().find(|layer| layer.kernel == kernel);
        let layer = found.expect("corner cases of every kernel");
        let case = Case::random(layer, [4, 4, 4], Layout::Separate, &mut rng);
        case.expect("separate buffers are always possible").refused(field, value)
    };
    vec![
        wrong(Kernel::Pointwise, 0, 0),         // no rows
        wrong(Kernel::Pointwise, 4, 9),         // another width of the output
        wrong(Kernel::Pointwise, 6, 3),         // kernel
        wrong(Kernel::Pointwise, 10, 3),        // input bits
        wrong(Kernel::Pointwise, 12, 1),        // output bits
        wrong(Kernel::Pointwise, 13, 16),       // zero point outside the codes
        wrong(Kernel::Conv, 7, 0),              // stride
        wrong(Kernel::Conv, 8, 3),              // padding as large as the window
        wrong(Kernel::Conv, 3, 100),            // windows past the padding
        wrong(Kernel::Conv, 15, 16),            // padding outside the codes
        wrong(Kernel::Depthwise, 5, 10),        // another number of channels
        wrong(Kernel::Depthwise, 6, 4),         // kernel
        wrong(Kernel::Depthwise, 17, 0),        // no block
        wrong(Kernel::Depthwise, 17, 8),        // block that is no multiple of 16
        wrong(Kernel::DepthwiseAny, 6, 0),      // kernel
        wrong(Kernel::DepthwiseAny, 6, 5),      // kernel of the other routine
        wrong(Kernel::DepthwiseAny, 6, 12),     // kernel
        wrong(Kernel::DepthwiseAny, 9, 7),      // padding as large as the window
        wrong(Kernel::Linear, 1, 2),            // two pixels
        wrong(Kernel::Linear, 11, 16),          // weight bits
        wrong(Kernel::Pool, 7, 0),              // shift
        wrong(Kernel::Pool, 7, 63),             // shift
        wrong(Kernel::PoolLogits, 2, 0),        // no rows
        wrong(Kernel::PoolLogits, 5, 3),        // bits
        wrong(Kernel::PoolLogits, 7, 63),       // shift
        wrong(Kernel::Multiply, 3, 0),          // no columns
        wrong(Kernel::Multiply, 6, 16),         // bits of the gate
        wrong(Kernel::Multiply, 7, 16),         // zero point outside the map's codes
        wrong(Kernel::Multiply, 8, 16),         // zero point outside the gate's codes
        wrong(Kernel::Multiply, 9, 5),          // output bits
        wrong(Kernel::Multiply, 10, 63),        // shift
        wrong(Kernel::Multiply, 10, 0),         // shift
        wrong(Kernel::Multiply, 11, 16),        // zero point outside the codes
        wrong(Kernel::Lookup, 0, 0),            // no rows
        wrong(Kernel::Lookup, 2, 0),            // fewer channels of the output
        wrong(Kernel::Lookup, 3, 2),            // codes outside the output's
        wrong(Kernel::Lookup, 4, 2),            // more channels than the output
        wrong(Kernel::Lookup, 5, 1),            // input bits
        wrong(Kernel::Concat, 2, 1),            // channels behind those of the output
        wrong(Kernel::Concat, 6, 3),            // the same of the second map
        wrong(Kernel::Concat, 7, 0),            // bits of the second map
        wrong(Kernel::WindowMax, 9, 3),         // bits
        wrong(Kernel::WindowMax, 7, 2),         // padding as large as the window
        wrong(Kernel::WindowMax, 3, 3),         // windows past the map
        wrong(Kernel::WindowAverage, 5, 12),    // window with too many pixels
        wrong(Kernel::WindowAverage, 6, 0),     // stride
        wrong(Kernel::WindowAverage, 2, 0),     // no channels
        wrong(Kernel::Add, 5, 0),               // no channels
        wrong(Kernel::Add, 9, 31),              // shift
        wrong(Kernel::Add, 0, 1 << 30),         // product beyond 32 bits
        wrong(Kernel::Add, 1, 3 << 30),         // the same below zero
        wrong(Kernel::Add, 2, i32::MAX as u32), // offset that leaves no room for the products
    ]
}

/// Residual adds whose sums go just as far as 32 bits, and the same one step beyond, which debug builds refuse.
fn widest_adds() -> Vec<Case> {
    const MOST: i64 = i32::MAX as i64;
    const LEAST: i64 = i32::MIN as i64;
    let mut rng = Rng(SEED);
    let corner_cases = layers::corner_cases();
    let mut cases = Vec::new();
    for layer in corner_cases.iter().filter(|layer| layer.kernel == Kernel::Add) {
        for widths in layers::all_widths() {
            let [a, b] = [widths[0], widths[1]].map(|bits| (1i64 << bits) - 1);
            let sums = [
                ([MOST / a, 0], MOST % a, 1),
                ([0, MOST / b], MOST % b, 1),
                ([MOST / a / 2, MOST / a / 2 / b], MOST - MOST / a / 2 * a - MOST / a / 2 / b * b, 1),
                ([-(MOST / a), 0], LEAST + MOST / a * a, -1),
                ([0, 0], MOST, 0),
                ([0, 0], LEAST, 0),
                // Products of both signs do not add up.
                ([MOST / a, -(MOST / b)], 0, 0),
            ];
            for (multipliers, offset, beyond) in sums {
                let mut add = |offset: i64| {
                    let multipliers = multipliers.map(|multiplier| multiplier as i32);
                    Case::add(layer, widths, multipliers, offset as i32, &mut rng)
                };
                cases.push(add(offset));
                if beyond != 0 {
                    cases.push(add(offset + beyond).refused_as_it_is());
                }
            }
        }
    }
    cases
}

/// Folder for what the tests write.
fn workspace(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

/// Compiles the driver for a target and runs a file of cases.
fn run_driver(target: Target, file: &Path, cases: &[Case], flags: &[&str]) {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels");
    let platform = if target.is_board() { "platform_board.c" } else { "platform_host.c" };
    let mut sources = toolchain::runtime_sources();
    sources.extend(["driver.c", platform].map(|name| kernels.join(name)));
    let includes = [toolchain::runtime(), kernels];
    let program = file.with_extension(format!("{target:?}"));
    target.compile(&Program { sources: &sources, includes: &includes, flags }, &program);
    let output = target.run(&program, &[file.to_str().expect("a path in UTF-8")]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{target:?}: {}", text.lines().last().unwrap_or("no output"));
    assert!(
        output.status.success() && text.contains(&format!("{} cases, 0 differing bytes", cases.len())),
        "{target:?}: {}\n{}{}",
        output.status,
        with_descriptions(&text, cases),
        String::from_utf8_lossy(&output.stderr)
    );
    let stack = text.trim_end().strip_suffix(" bytes of stack").and_then(|text| text.rsplit(' ').next());
    let stack: usize = stack.map_or(0, |stack| stack.parse().expect("a number"));
    assert!(stack <= MOST_STACK, "{target:?}: {stack} bytes of stack, expected at most {MOST_STACK}");
}

/// The driver's output with a description behind each number of a case, cut to a readable length.
fn with_descriptions(text: &str, cases: &[Case]) -> String {
    let describe = |line: &str| {
        let number =
            line.strip_prefix("case ").and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        match number.and_then(|number| cases.get(number)) {
            Some(Case { layer, widths, layout, .. }) => {
                format!("{line}\n    {widths:?} {layout:?} {layer:?}\n")
            }
            None => format!("{line}\n"),
        }
    };
    text.lines().take(20).map(describe).collect()
}

#[test]
fn every_kernel_equals_the_reference() {
    let cases = random_cases();
    let file = workspace("kernels").join("cases.bin");
    std::fs::write(&file, case_file(&cases)).expect("space for the cases");
    in_parallel(TARGETS, |target| {
        // Debug builds refuse nothing that the contract allows.
        let sanitized = matches!(target, Target::GccSanitized | Target::ClangSanitized);
        let flags: &[&str] = if sanitized { &["-DBS_CHECK=1"] } else { &[] };
        run_driver(target, &file, &cases, flags);
    });
}

/// All distinct layers of the zoo, in all widths. As many at a time as a file of cases should hold.
#[test]
fn every_layer_in_all_widths_equals_the_reference() {
    if std::env::var_os("BITSMITH_FULL").is_none() {
        println!("skipped: set BITSMITH_FULL=1 to run every layer in all widths on every target");
        return;
    }
    let mut rng = Rng(SEED);
    let mut layers = layers::zoo();
    layers.sort_by_key(|layer| format!("{layer:?}"));
    layers.dedup();
    for (number, chunk) in layers.chunks(16).enumerate() {
        let mut cases = Vec::new();
        for layer in chunk {
            for widths in layers::all_widths() {
                cases.extend(Case::random(layer, widths, Layout::Separate, &mut rng));
            }
        }
        println!("layers {} to {} of {}", 16 * number + 1, 16 * number + chunk.len(), layers.len());
        let file = workspace("kernels").join("full.bin");
        std::fs::write(&file, case_file(&cases)).expect("space for the cases");
        in_parallel(TARGETS, |target| run_driver(target, &file, &cases, &[]));
    }
}

/// Most instructions per multiply-accumulate for some widths.
struct Limits {
    /// All layers but the first.
    network: f64,
    depthwise: f64,
}

impl Limits {
    fn of([input, weight, _]: Widths) -> Self {
        let network = if input == 8 && weight >= 4 { 2.3 } else { 2.45 };
        Self { network, depthwise: if input == 8 { 4.6 } else { 5.5 } }
    }
}

/// Most instructions per multiply-accumulate of single layers.
fn limit_of(layer: &Layer, [_, weight, _]: Widths) -> Option<f64> {
    match (layer.kernel, layer.input[2]) {
        (Kernel::Conv, _) => Some(4.5),
        (Kernel::Linear, _) => Some(2.0),
        (Kernel::Pointwise, 128..) => Some(1.5),
        (Kernel::Pointwise, ..=16) if weight == 2 => Some(5.0),
        _ => None,
    }
}

/// Emulated Cortex-M7, MobileNetV1 0.25 at 128 x 128 pixels, all 27 combinations of widths.
#[test]
fn instructions_stay_within_limits() {
    let layers = counted(layers::of_network(&"mobilenet-v1-0.25-128".parse().expect("a network of the zoo")));
    let folder = workspace("costs");
    let meter = Meter::new(Target::CortexM7, &folder, &[]);
    in_parallel(layers::all_widths(), |widths| {
        let costs = meter.measure(&layers, widths);
        for ((layer, _), cost) in layers.iter().zip(&costs) {
            if let Some(limit) = limit_of(layer, widths) {
                let found = cost.per_mac();
                assert!(found <= limit, "{widths:?} {layer:?}: {found:.3}, expected at most {limit}");
            }
        }
        let limits = Limits::of(widths);
        let network = total(&layers, &costs, |layer| layer.kernel != Kernel::Conv).per_mac();
        let depthwise = total(&layers, &costs, |layer| layer.kernel.is_depthwise()).per_mac();
        assert!(network <= limits.network, "{widths:?}: {network:.3}, expected at most {}", limits.network);
        assert!(
            depthwise <= limits.depthwise,
            "{widths:?}: depthwise {depthwise:.3}, expected at most {}",
            limits.depthwise
        );
        println!("{widths:?}: {network:.3}, depthwise {depthwise:.3}");
    });
    let portable = Meter::new(Target::CortexM7, &folder, &["-DBS_PORTABLE=1"]);
    in_parallel([[8, 8, 8], [8, 4, 8], [4, 4, 4], [2, 2, 8]], |widths| {
        let costs = portable.measure(&layers, widths);
        let network = total(&layers, &costs, |layer| layer.kernel != Kernel::Conv).per_mac();
        assert!(network <= 4.0, "{widths:?}: {network:.3} in portable C, expected at most 4.0");
    });
}

/// A kernel of 7 costs no more than one of 5, and any other a few times as much at most.
#[test]
fn instructions_of_depthwise_kernels() {
    let folder = workspace("costs-of-kernels");
    let meters = [&[][..], &["-DBS_PORTABLE=1"]].map(|flags| Meter::new(Target::CortexM7, &folder, flags));
    let sizes = [3, 5, 7, 1, 2, 4, 6, 9, 11];
    let layers: Vec<_> = sizes
        .into_iter()
        .flat_map(|kernel| [1, 2].map(|stride| (layers::depthwise([14, 14, 48], kernel, stride), 1)))
        .collect();
    for widths in [[8, 8, 8], [8, 4, 4], [4, 4, 4], [2, 2, 2], [2, 8, 8]] {
        let [dsp, portable] = meters.each_ref().map(|meter| meter.measure(&layers, widths));
        let cost = |kernel: usize, stride: usize| {
            let at = sizes.iter().position(|&size| size == kernel).expect("measured");
            dsp[2 * at + stride - 1].per_mac()
        };
        for ((layer, _), (dsp, portable)) in layers.iter().zip(dsp.iter().zip(&portable)) {
            let (window, stride, found) = (layer.window, layer.stride, [dsp.per_mac(), portable.per_mac()]);
            println!(
                "{widths:?}: {window}x{window} stride {stride}: {:.2}, portable {:.2}",
                found[0], found[1]
            );
        }
        for stride in [1, 2] {
            let [five, seven] = [5, 7].map(|kernel| cost(kernel, stride));
            assert!(seven <= five, "{widths:?}, stride {stride}: {seven:.2} for 7, {five:.2} for 5");
        }
    }
}

/// Kernels that work code by code: instructions for each code of the input. `speed` has the figures of the first widths.
#[test]
fn instructions_for_each_code() {
    let folder = workspace("costs-of-codes");
    for (name, flags, limits) in [
        ("", &[][..], [9.0, 27.0, 10.0, 22.0]),
        (", portable", &["-DBS_PORTABLE=1"], [9.0, 33.0, 10.0, 22.0]),
    ] {
        let meter = Meter::new(Target::CortexM7, &folder, flags);
        for widths in [[8, 8, 8], [4, 4, 4], [2, 2, 2], [8, 2, 4]] {
            let layers = layers::by_codes([14, 14, 48]).into_iter();
            let layers: Vec<_> =
                layers.filter(|layer| layer.kernel.can_have(widths)).map(|layer| (layer, 1)).collect();
            let costs = meter.measure(&layers, widths);
            for ((layer, _), cost) in layers.iter().zip(costs) {
                let limit = limits[layer.kernel as usize - Kernel::PoolLogits as usize];
                let found = cost.per_mac();
                println!("{widths:?}{name}: {:?} {:?}: {found:.2}", layer.kernel, &layer.parts[..2]);
                assert!(found <= limit, "{widths:?}{name} {layer:?}: {found:.2}, expected at most {limit}");
            }
        }
    }
}

#[test]
fn debug_builds_refuse_wrong_arguments() {
    let mut cases = wrong_cases();
    cases.extend(widest_adds());
    let file = workspace("kernels").join("wrong.bin");
    std::fs::write(&file, case_file(&cases)).expect("space for the cases");
    run_driver(Target::GccSanitized, &file, &cases, &["-DBS_CHECK=1"]);
}

#[test]
fn objects_are_small_and_self_contained() {
    for (target, core) in [(Target::CortexM4, "Cortex-M4"), (Target::CortexM7, "Cortex-M7")] {
        let mut total = 0;
        println!("{core}, {} -O2, bytes of code", target.compiler());
        for source in toolchain::runtime_sources() {
            let name = source.file_stem().expect("a file").to_string_lossy().into_owned();
            let object = workspace("objects").join(format!("{name}.{target:?}.o"));
            let mut compile = Command::new(target.compiler());
            compile
                .args(toolchain::STRICT)
                .args(target.flags())
                .arg("-c")
                .arg(&source)
                .arg("-o")
                .arg(&object);
            toolchain::checked(&mut compile);

            let undefined = toolchain::checked(Command::new("arm-none-eabi-nm").arg("-u").arg(&object));
            for symbol in undefined.split_whitespace().filter(|&word| word != "U") {
                let known = symbol.starts_with("bs_") || ["memcpy", "memset"].contains(&symbol);
                assert!(known, "{name} refers to {symbol}");
            }
            let sizes = toolchain::checked(Command::new("arm-none-eabi-size").arg(&object));
            let columns: Vec<u64> = sizes
                .lines()
                .last()
                .into_iter()
                .flat_map(str::split_whitespace)
                .filter_map(|word| word.parse().ok())
                .collect();
            assert_eq!(columns[1..3], [0, 0], "{name} has data or bss");
            println!("{:6}  {name}", columns[0]);
            let at_most =
                |most: u64| assert!(columns[0] <= most, "{name}: {}, expected at most {most}", columns[0]);
            match name.as_str() {
                // Release builds do not link the checks, and most networks none of the less usual kernels.
                "bs_check" | "bs_depthwise_any" => {}
                "bs_window_max" | "bs_window_average" => at_most(MOST_WINDOW_CODE),
                "bs_lookup" => at_most(MOST_LOOKUP_CODE),
                "bs_multiply" => at_most(MOST_MULTIPLY_CODE),
                "bs_pool_logits" => at_most(MOST_LOGITS_CODE),
                _ => total += columns[0],
            }
        }
        println!(
            "{total:6}  together, without checks, what no network of the zoo has and depthwise kernels other than 3 and 5"
        );
        assert!(total <= MOST_CODE, "{total} bytes of code for {core}: expected at most {MOST_CODE}");
    }
}
