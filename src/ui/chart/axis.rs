//! A linear axis with round ticks.

/// Values from `low` to `high`, of which some are marked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// At the lower or left end.
    pub low: f64,
    /// At the upper or right end.
    pub high: f64,
    step: f64,
}

impl Axis {
    /// An axis that holds `low..=high`, widened to ticks of 1, 2 or 5 times a power of ten, at most `most` intervals.
    pub fn new(low: f64, high: f64, most: usize) -> Self {
        let span = if high > low { high - low } else { 1.0 };
        let rough = span / most.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].into_iter().map(|f| f * power).find(|&step| step >= rough * (1.0 - 1e-9));
        let step = step.unwrap_or(10.0 * power);
        let low = (low / step + 1e-9).floor() * step;
        let high = ((high / step - 1e-9).ceil() * step).max(low + step);
        Self { low, high, step }
    }

    /// The marked values, ascending.
    pub fn ticks(self) -> impl Iterator<Item = f64> {
        let count = ((self.high - self.low) / self.step).round() as usize;
        (0..=count).map(move |i| self.low + self.step * i as f64)
    }

    /// Where a value lies, 0 at the low end and 1 at the high one; what lies outside is put on the edge.
    pub fn part(self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// A marked value, with as many decimals as tell it apart from its neighbours.
    pub fn label(self, tick: f64) -> String {
        let decimals = (-self.step.log10().floor()).max(0.0) as usize;
        format!("{tick:.decimals$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        let ticks: Vec<_> = Axis::new(61.3, 92.6, 5).ticks().collect();
        assert_eq!(ticks, [60.0, 70.0, 80.0, 90.0, 100.0]);
        let axis = Axis::new(127.45, 128.0, 4);
        let labels: Vec<_> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["127.4", "127.6", "127.8", "128.0"]);
        assert_eq!(Axis::new(0.0, 0.25, 5).label(0.1), "0.10");
        assert_eq!(Axis::new(5.0, 5.0, 5).ticks().count(), 2, "no span at all");
    }

    proptest! {
        #[test]
        fn values_lie_on_the_axis(low in -1e6..1e6f64, span in 1e-3..1e6f64, most in 2..9usize) {
            let axis = Axis::new(low, low + span, most);
            prop_assert!(axis.low <= low + span * 1e-6 && axis.high >= low + span * (1.0 - 1e-6), "{axis:?}");
            let ticks = axis.ticks().count();
            prop_assert!((2..=most + 3).contains(&ticks), "{ticks} {axis:?}");
            prop_assert!(axis.part(low) <= axis.part(low + span));
        }
    }
}
