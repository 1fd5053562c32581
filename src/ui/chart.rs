//! Geometry of the charts: scales, ticks and columns, in plain numbers.

mod axis;
mod lanes;

pub use axis::Axis;
pub use lanes::{Lanes, Line, Stroke};

use crate::memory::Step;

/// A vertical scale from 0 to [`Scale::top`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Bytes at the upper edge.
    pub top: usize,
    /// Bytes between ticks, a power of two.
    pub tick: usize,
}

impl Scale {
    /// A scale that shows `peak`, and `budget` unless it is so far away that the columns would shrink to nothing.
    pub fn new(peak: usize, budget: usize) -> Self {
        let peak = peak.max(1);
        let shown = if budget > 3 * peak { peak } else { peak.max(budget) };
        let top = shown + shown.div_ceil(8);
        Self { top, tick: (top / 4).next_power_of_two() }
    }

    /// Ticks in bytes, from 0 on.
    pub fn ticks(self) -> impl Iterator<Item = usize> {
        (0..=self.top / self.tick).map(move |i| i * self.tick)
    }

    /// Height of `bytes` in percent of the chart's.
    pub fn percent(self, bytes: usize) -> f64 {
        100.0 * bytes as f64 / self.top as f64
    }

    /// Whether a value lies on the chart.
    pub const fn shows(self, bytes: usize) -> bool {
        bytes <= self.top
    }
}

/// What RAM is used for while a layer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The layer's inputs.
    Input,
    /// Its output, as far as it does not lie over an input.
    Output,
    /// Tensors that later layers read.
    Kept,
    /// Scratch of the routine.
    Scratch,
}

impl Use {
    /// All uses, lowest in a column first.
    pub const ALL: [Use; 4] = [Use::Input, Use::Output, Use::Kept, Use::Scratch];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Use::Input => "input",
            Use::Output => "output",
            Use::Kept => "kept for later",
            Use::Scratch => "scratch",
        }
    }

    /// Its CSS class.
    pub const fn class(self) -> &'static str {
        match self {
            Use::Input => "use-input",
            Use::Output => "use-output",
            Use::Kept => "use-kept",
            Use::Scratch => "use-scratch",
        }
    }

    /// Its bytes in a step.
    pub const fn bytes(self, step: &Step) -> usize {
        match self {
            Use::Input => step.inputs,
            Use::Output => step.output - step.shared,
            Use::Kept => step.kept,
            Use::Scratch => step.scratch,
        }
    }
}

/// Where column `index` of `count` lies, in percent of the chart's width: left edge and width of its bar.
pub fn column(index: usize, count: usize) -> (f64, f64) {
    let width = 100.0 / count as f64;
    (width * (index as f64 + 0.1), width * 0.8)
}

/// The column at `fraction` (0 to 1) of the chart's width.
pub fn column_at(fraction: f64, count: usize) -> usize {
    ((fraction.clamp(0.0, 1.0) * count as f64) as usize).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_distant_budget_does_not_flatten_the_columns() {
        assert!(Scale::new(100_000, 120_000).shows(120_000));
        assert!(Scale::new(100_000, 60_000).shows(100_000));
        assert!(!Scale::new(10_000, 1 << 20).shows(1 << 20));
    }

    #[test]
    fn parts_of_a_column_add_up() {
        let step = Step { layer: 3, inputs: 900, output: 500, shared: 400, kept: 64, scratch: 128 };
        let sum: usize = Use::ALL.iter().map(|part| part.bytes(&step)).sum();
        assert_eq!(sum, step.live());
    }

    proptest! {
        #[test]
        fn ticks_are_few_and_on_the_chart(peak in 0_usize..1 << 28, budget in 0_usize..1 << 28) {
            let scale = Scale::new(peak, budget);
            let ticks: Vec<_> = scale.ticks().collect();
            prop_assert!((2..=6).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.iter().all(|&t| scale.shows(t)));
        }

        #[test]
        fn every_column_is_found_where_it_is_drawn(count in 1_usize..200, index in 0_usize..200) {
            let index = index % count;
            let (left, width) = column(index, count);
            prop_assert_eq!(column_at((left + width / 2.0) / 100.0, count), index);
        }
    }
}
