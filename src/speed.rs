//! Cycles of a network on a Cortex-M: an estimate, by multiply-accumulates.
//!
//! Nothing here was measured on hardware. `cycles_per_mac` is the one place that says how many cycles a
//! multiply-accumulate takes; every figure shown as an estimate comes from it. Low and high are those of the model
//! without and with a cycle of waiting for each load, both without wait states of the FLASH.

use crate::{
    memory::{Mcu, Routine, catalogue},
    net::{Graph, Layer},
    quant::{Bits, Policy},
};
use serde::Serialize;

/// What the figures are, for everybody to whom they are shown.
pub const MODEL: &str = "An estimate by a model of the Cortex-M4: one cycle for each arithmetic instruction, store and \
    load (high: two for a load), three for a taken branch, no wait states of the FLASH. A Cortex-M7 issues up to two \
    instructions a cycle and takes fewer. Not measured on hardware.";

/// Which of the runtime's kernels run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernels {
    /// Plain C.
    Portable,
    /// With the DSP extension of Armv7E-M and Armv8-M.
    Dsp,
}

impl Kernels {
    /// The kernels of a microcontroller; `None` if the model knows nothing of its core.
    pub fn of(mcu: &Mcu) -> Option<Self> {
        let cortex = mcu.core.contains("Cortex-M");
        cortex.then_some(if mcu.dsp { Self::Dsp } else { Self::Portable })
    }
}

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
    pub fn milliseconds(self, mhz: u32) -> (f64, f64) {
        let per_millisecond = f64::from(mhz) * 1e3;
        (self.low as f64 / per_millisecond, self.high as f64 / per_millisecond)
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

/// Cycles of one layer.
pub fn layer(graph: &Graph, policy: &Policy, layer: &Layer, kernels: Kernels) -> Cycles {
    let routine = Routine::of(layer);
    let input = policy.activation(layer.inputs[0]);
    let weights = graph.producer(layer.output).filter(|_| layer.has_weights()).map(|id| policy.weight(id));
    let [low, high] = cycles_per_mac(routine, input, weights.unwrap_or(Bits::B8), kernels);
    // A pool and an add work once for each code they read.
    let work = match routine {
        Routine::Pool | Routine::Add => graph.input_shape(layer).elements() as u64,
        _ => graph.layer_macs(layer),
    };
    let cycles = |each: f64| (work as f64 * each).round() as u64;
    Cycles { low: cycles(low), high: cycles(high) }
}

/// Cycles of a network.
pub fn network(graph: &Graph, policy: &Policy, kernels: Kernels) -> Cycles {
    graph.layers.iter().map(|subject| layer(graph, policy, subject, kernels)).sum()
}

/// The microcontroller that is called so, by its maker's name.
pub fn mcu_named(name: &str) -> Option<&'static Mcu> {
    catalogue::MCUS.iter().find(|mcu| mcu.name == name)
}

/// Cycles for each multiply-accumulate, low and high; for pools and adds for each code.
///
/// The kernels with the DSP extension: sums over whole networks of emulated instructions through the model, for
/// MobileNetV1 0.25 at 128 pixels. Plain C: instructions that were counted, at the 1.17 to 1.56 cycles an instruction
/// that the same network takes in the model.
fn cycles_per_mac(routine: Routine, input: Bits, weights: Bits, kernels: Kernels) -> [f64; 2] {
    let narrow = input != Bits::B8;
    match (kernels, routine) {
        (Kernels::Dsp, Routine::Pointwise | Routine::Linear) => match (narrow, weights) {
            (false, Bits::B8) => [2.47, 2.88],
            (false, Bits::B4) => [2.54, 2.80],
            (false, Bits::B2) => [2.67, 2.91],
            (true, Bits::B8 | Bits::B4) => [2.63, 2.90],
            (true, Bits::B2) => [2.77, 3.02],
        },
        (Kernels::Dsp, Routine::Depthwise) if narrow => [6.3, 8.2],
        (Kernels::Dsp, Routine::Depthwise) => [5.0, 6.7],
        (Kernels::Dsp, Routine::Conv) => [5.3, 7.0],
        (Kernels::Portable, Routine::Pointwise | Routine::Conv) if narrow => [4.1, 5.5],
        (Kernels::Portable, Routine::Pointwise | Routine::Conv) => [3.5, 4.7],
        (Kernels::Portable, Routine::Depthwise) if narrow => [11.0, 14.7],
        (Kernels::Portable, Routine::Depthwise) => [9.7, 13.0],
        (Kernels::Portable, Routine::Linear) => [3.5, 4.7],
        (_, Routine::Pool) => [4.0, 8.0],
        (_, Routine::Add) => [14.0, 24.0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Spec;

    #[test]
    fn a_network_is_the_sum_of_its_layers_and_near_what_was_counted() {
        let graph = "mobilenet-v1-0.25-128".parse::<Spec>().expect("a name").build();
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        let cycles = network(&graph, &policy, Kernels::Dsp);
        let layers: Cycles = graph.layers.iter().map(|l| layer(&graph, &policy, l, Kernels::Dsp)).sum();
        assert_eq!(cycles, layers);
        // All layers but the first took 2.77 to 3.33 cycles a multiply-accumulate.
        let first = layer(&graph, &policy, &graph.layers[0], Kernels::Dsp);
        let macs = (graph.macs() - graph.layer_macs(&graph.layers[0])) as f64;
        let each = [(cycles.low - first.low) as f64 / macs, (cycles.high - first.high) as f64 / macs];
        assert!((each[0] - 2.77).abs() < 0.15 && (each[1] - 3.33).abs() < 0.15, "{each:?}");
        let portable = network(&graph, &policy, Kernels::Portable);
        assert!(portable.low > cycles.high);
        assert_eq!(Cycles { low: 480_000, high: 960_000 }.milliseconds(480), (1.0, 2.0));
    }

    #[test]
    fn only_cortex_m_has_an_estimate() {
        let kernels = |name: &str| Kernels::of(mcu_named(name).expect(name));
        assert_eq!(kernels("STM32H743ZI"), Some(Kernels::Dsp));
        assert_eq!(kernels("STM32F103C8"), Some(Kernels::Portable));
        assert_eq!(kernels("ESP32-S3"), None);
        assert_eq!(mcu_named("Z80"), None);
    }
}
