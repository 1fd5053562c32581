//! Cycles of a network on a Cortex-M: an estimate, by multiply-accumulates.
//!
//! Nothing here was measured on hardware. Instructions are counted on an emulated Cortex-M7 (`cargo bench --bench
//! kernels`, 8-bit codes of MobileNetV1 0.25 at 128 pixels; pools and adds of 4,096 and 6,144 codes, windowed pools of 16 x 16
//! pixels and 2 x 2 to 5 x 5 windows, depthwise convolutions of other kernels than 3 and 5, functions, products and
//! concatenations on 14 x 14 x 48 codes by themselves), and [`CYCLES_PER_INSTRUCTION`] takes them to cycles. `instructions`
//! is the one place that has the counts, and every figure that is shown as an estimate comes from it.

use crate::{
    memory::{Mcu, Routine, catalogue},
    net::{Graph, Layer},
};
use serde::Serialize;

/// What the figures are, for everybody to whom they are shown.
pub const MODEL: &str = "An estimate: instructions of the kernels for the DSP extension, counted on an emulated \
    Cortex-M7, times the 1.33 to 1.49 cycles that one takes in a model of the Cortex-M4 without wait states of the \
    FLASH. A Cortex-M7 issues up to two instructions a cycle and takes fewer. Not measured on hardware.";

/// Cycles of a Cortex-M4 for each instruction of the kernels, low and high: one for each arithmetic instruction, store
/// and load (high: two for a load), three for a taken branch, over MobileNetV1 0.25 at 128 pixels.
pub const CYCLES_PER_INSTRUCTION: [f64; 2] = [1.33, 1.49];

/// A number of cycles that lies somewhere between two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cycles {
    /// At least.
    pub low: u64,
    /// At most.
    pub high: u64,
}

impl Cycles {
    /// The time in milliseconds at a clock.
    pub fn milliseconds(self, mhz: u32) -> [f64; 2] {
        [self.low, self.high].map(|cycles| cycles as f64 / (f64::from(mhz) * 1e3))
    }
}

impl std::ops::Add for Cycles {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }
}

impl std::iter::Sum for Cycles {
    fn sum<I: Iterator<Item = Self>>(cycles: I) -> Self {
        cycles.fold(Self::default(), |a, b| a + b)
    }
}

/// Whether the estimate holds for a microcontroller: for those with a Cortex-M that has the DSP extension.
pub fn covers(mcu: &Mcu) -> bool {
    mcu.dsp && mcu.core.contains("Cortex-M")
}

/// The microcontroller that is called so, by its maker's name.
pub fn mcu_named(name: &str) -> Option<&'static Mcu> {
    catalogue::MCUS.iter().find(|mcu| mcu.name == name)
}

/// Cycles of one layer.
pub fn layer(graph: &Graph, layer: &Layer) -> Cycles {
    let routine = Routine::of(graph, layer);
    let outputs = graph.output_shape(layer).elements() as f64;
    let kernel = layer.window().map_or(1, |window| window.kernel);
    let taps = (kernel * kernel) as f64;
    let each = instructions(routine, kernel);
    let counted = match routine {
        // Global pools work once for each code of the input, these others for each of the output.
        Routine::Pool | Routine::PoolLogits => graph.input_shape(layer).elements() as f64 * each,
        Routine::Add | Routine::Lookup | Routine::Multiply | Routine::Concat => outputs * each,
        // A windowed pool works for each code under a window, and for each code of the output.
        Routine::MaxPool => outputs * (taps * each + 26.0),
        Routine::AvgPool => outputs * (taps * each + 34.0),
        _ => graph.layer_macs(layer) as f64 * each,
    };
    let [low, high] = CYCLES_PER_INSTRUCTION.map(|cycles| (counted * cycles).round() as u64);
    Cycles { low, high }
}

/// Cycles of a network.
pub fn network(graph: &Graph) -> Cycles {
    graph.layers.iter().map(|subject| layer(graph, subject)).sum()
}

/// Instructions for each multiply-accumulate; for global pools for each code of the input, for adds, functions, products and
/// concatenations of the output, for windowed pools under a window. Widths change them by less than a tenth, those of
/// windowed pools by a sixth, of products by a fifth, of functions by two fifths. A concatenation takes about 20 for maps
/// that begin within a byte.
fn instructions(routine: Routine, kernel: usize) -> f64 {
    match routine {
        Routine::Pointwise => 1.66,
        Routine::Conv => 3.91,
        Routine::Depthwise => 3.90,
        Routine::DepthwiseAny if kernel == 7 => 2.40,
        // For each output, for each row of its window, for each column.
        Routine::DepthwiseAny => {
            let kernel = kernel as f64;
            35.0 / (kernel * kernel) + 2.8 / kernel + 4.0
        }
        Routine::Linear => 1.85,
        Routine::Pool => 11.7,
        Routine::Add => 45.0,
        Routine::MaxPool => 3.7,
        Routine::AvgPool => 4.6,
        Routine::PoolLogits => 10.8,
        Routine::Lookup => 6.8,
        Routine::Multiply => 22.2,
        Routine::Concat => 7.1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;

    #[test]
    fn a_network_is_the_sum_of_its_layers_and_what_was_counted() {
        let graph = "mobilenet-v1-0.25-128".parse::<Spec>().expect("a name").build();
        let cycles = network(&graph);
        let first = layer(&graph, &graph.layers[0]);
        let pool = layer(&graph, &graph.layers[graph.layer_named("pool").expect("pool")]);
        let macs = (graph.macs() - graph.layer_macs(&graph.layers[0])) as f64;
        // 1.92 instructions were counted for each multiply-accumulate of all layers but the first.
        let counted = (cycles.low - first.low - pool.low) as f64 / CYCLES_PER_INSTRUCTION[0] / macs;
        assert!((counted - 1.92).abs() < 0.03, "{counted}");
        assert!((cycles.high as f64 / cycles.low as f64 - 1.49 / 1.33).abs() < 1e-3);
        assert_eq!(Cycles { low: 480_000, high: 960_000 }.milliseconds(480), [1.0, 2.0]);
    }

    #[test]
    fn windowed_pools_are_what_was_counted() {
        use crate::net::{Pads, Shape, Window};
        let mut graph = Graph::new(Shape::new(16, 16, 16));
        let window = |kernel, stride| Window { kernel, stride, pads: Pads::default() };
        graph.max_pool("max", 0, window(3, 2));
        graph.avg_pool("mean", 0, window(2, 2));
        // 6.59 and 12.65 instructions for each of 9 and 4 codes under 7 x 7 and 8 x 8 windows.
        for (id, expected) in [(0, 6.59 * 9.0 * 49.0 * 16.0), (1, 12.65 * 4.0 * 64.0 * 16.0)] {
            let found = layer(&graph, &graph.layers[id]).low as f64 / CYCLES_PER_INSTRUCTION[0];
            assert!((found / expected - 1.0).abs() < 0.05, "{found} {expected}");
        }
    }

    #[test]
    fn functions_products_and_concatenations_count_each_code_of_the_output() {
        use crate::net::{Activation, Function, Pads, Shape, Window};
        let mut graph = Graph::new(Shape::new(14, 14, 3));
        let one = Window { kernel: 1, stride: 1, pads: Pads::default() };
        let x = graph.conv("conv", 0, 48, one, Activation::Linear);
        let y = graph.lookup("function", x, Function::HardSwish);
        let gate = graph.global_avg_pool("gate", y);
        let z = graph.multiply("product", y, gate);
        let z = graph.concat("concat", vec![z, x, y]);
        graph.global_avg_pool("logits", z);
        let codes = 14.0 * 14.0 * 48.0;
        for (name, expected) in [
            ("function", 6.80 * codes),
            ("product", 22.20 * codes),
            ("concat", 7.10 * 3.0 * codes),
            // Counted for 4 x 4 x 256 codes.
            ("logits", 10.83 * 3.0 * codes),
        ] {
            let id = graph.layer_named(name).expect(name);
            let found = layer(&graph, &graph.layers[id]).low as f64 / CYCLES_PER_INSTRUCTION[0];
            assert!((found / expected - 1.0).abs() < 0.01, "{name}: {found} {expected}");
        }
    }

    #[test]
    fn only_cores_with_the_extension_have_an_estimate() {
        let covered = |name: &str| mcu_named(name).is_some_and(covers);
        assert!(covered("STM32H743ZI") && !covered("STM32F103C8"));
        assert!(!covered("ESP32-S3") && mcu_named("Z80").is_none());
    }
}
