//! Instructions and estimated cycles that layers take on an emulated board.

#![allow(dead_code, reason = "each test and benchmark that includes this file uses a part of it")]

use crate::cases::{Case, case_file};
use crate::layers::{Kernel, Layer, Rng, Widths};
use crate::toolchain::{self, Program, Target};
use std::iter::Sum;
use std::path::{Path, PathBuf};

/// A layer and how often a network has it.
pub type Counted = (Layer, u64);

/// What one or more layers take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub macs: u64,
    /// Executed instructions.
    pub instructions: u64,
    /// Estimated cycles of a Cortex-M4, low and high; 0 if not estimated.
    pub cycles: [u64; 2],
}

impl Cost {
    /// Instructions per multiply-accumulate.
    pub fn per_mac(self) -> f64 {
        self.instructions as f64 / self.macs as f64
    }

    /// Estimated cycles per multiply-accumulate, low and high.
    pub fn cycles_per_mac(self) -> [f64; 2] {
        self.cycles.map(|cycles| cycles as f64 / self.macs as f64)
    }

    fn times(self, count: u64) -> Self {
        Self {
            macs: self.macs * count,
            instructions: self.instructions * count,
            cycles: self.cycles.map(|cycles| cycles * count),
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), |sum, cost| Self {
            macs: sum.macs + cost.macs,
            instructions: sum.instructions + cost.instructions,
            cycles: [sum.cycles[0] + cost.cycles[0], sum.cycles[1] + cost.cycles[1]],
        })
    }
}

/// The layers of a network that multiply, each once with its number.
pub fn counted(layers: Vec<Layer>) -> Vec<Counted> {
    let mut counted: Vec<Counted> = Vec::new();
    for layer in layers.into_iter().filter(|layer| layer.kernel.has_weights()) {
        match counted.iter_mut().find(|(other, _)| *other == layer) {
            Some((_, count)) => *count += 1,
            None => counted.push((layer, 1)),
        }
    }
    counted
}

/// Cost of those layers of a network that are asked for.
pub fn total(layers: &[Counted], costs: &[Cost], chosen: impl Fn(&Layer) -> bool) -> Cost {
    let pairs = layers.iter().zip(costs);
    pairs.filter(|((layer, _), _)| chosen(layer)).map(|((_, count), cost)| cost.times(*count)).sum()
}

/// The driver that measures, on one target.
pub struct Meter {
    target: Target,
    program: PathBuf,
    plugin: Option<PathBuf>,
}

impl Meter {
    /// Compiles the driver into a folder, with further flags for the compiler.
    pub fn new(target: Target, folder: &Path, flags: &[&str]) -> Self {
        let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels");
        let mut sources = toolchain::runtime_sources();
        sources.extend(["driver.c", "platform_board.c"].map(|name| kernels.join(name)));
        let includes = [toolchain::runtime(), kernels];
        let flags = [&["-DBENCHMARK"], flags].concat();
        let program = folder.join(format!("meter-{target:?}{}", flags.concat()));
        target.compile(&Program { sources: &sources, includes: &includes, flags: &flags }, &program);
        Self { target, program, plugin: None }
    }

    /// The same with an estimate of cycles.
    pub fn estimating(target: Target, folder: &Path) -> Self {
        let plugin = folder.join("cycles.so");
        toolchain::compile_plugin(&toolchain::folder().join("cycles.c"), &plugin);
        Self { plugin: Some(plugin), ..Self::new(target, folder, &[]) }
    }

    /// Costs of layers for one choice of widths; every output is compared with the plain reference.
    ///
    /// # Panics
    /// If an output is wrong.
    pub fn measure(&self, layers: &[Counted], widths: Widths) -> Vec<Cost> {
        let mut rng = Rng(1);
        let case = |(layer, _): &Counted| Case::usual(layer, widths_of(layer, widths), &mut rng);
        let cases: Vec<Case> = layers.iter().map(case).collect();
        let [a, b, c] = widths;
        let file = self.program.with_extension(format!("{a}{b}{c}.cases"));
        std::fs::write(&file, case_file(&cases)).expect("space for the cases");
        let arguments = [file.to_str().expect("a path in UTF-8")];
        let output = match &self.plugin {
            Some(plugin) => {
                let plugin = plugin.to_str().expect("a path in UTF-8");
                self.target.run_with(&self.program, &arguments, &["-plugin", plugin])
            }
            None => self.target.run_counted(&self.program, &arguments),
        };
        std::fs::remove_file(&file).expect("the file just written");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(" 0 differing bytes"), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let instructions = numbers(&output.stdout, ": instructions ");
        let cycles = numbers(&output.stderr, "estimate ");
        let cost = |(i, (layer, _)): (usize, &Counted)| Cost {
            macs: macs(layer),
            instructions: instructions[i][0],
            cycles: cycles.get(i).map_or([0; 2], |cycles| [cycles[0], cycles[1]]),
        };
        layers.iter().enumerate().map(cost).collect()
    }
}

/// Numbers behind a mark, of all lines that have it.
fn numbers(output: &[u8], mark: &str) -> Vec<Vec<u64>> {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().filter_map(|line| Some(line.split_once(mark)?.1));
    lines.map(|line| line.split(' ').filter_map(|word| word.parse().ok()).collect()).collect()
}

/// The image has 8 bits, whatever the network's widths.
fn widths_of(layer: &Layer, [input, weight, output]: Widths) -> Widths {
    [if layer.kernel == Kernel::Conv { 8 } else { input }, weight, output]
}

/// Multiply-accumulates, padding included; of a layer without weights codes of its input.
fn macs(layer: &Layer) -> u64 {
    if !layer.kernel.has_weights() {
        return layer.input.iter().product::<usize>() as u64;
    }
    let per_output =
        layer.window * layer.window * if layer.kernel.is_depthwise() { 1 } else { layer.input[2] };
    (layer.output.iter().product::<usize>() * per_output) as u64
}
