//! Right answers among images as a share: in percent, how sure it is, and with the digits that it deserves.

/// The standard normal's quantile of two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A share in percent; 0 of nothing.
pub fn percent(correct: usize, images: usize) -> f64 {
    if images == 0 { 0.0 } else { 100.0 * correct as f64 / images as f64 }
}

/// Both ends of the 95 % confidence interval in percent: Wilson's score interval without continuity correction
/// (E. B. Wilson, Probable inference, 1927), which holds for shares near 0 and 1 and for few images too. 0 to 100 of
/// nothing.
pub fn interval(correct: usize, images: usize) -> [f64; 2] {
    if images == 0 {
        return [0.0, 100.0];
    }
    let (n, share) = (images as f64, correct as f64 / images as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + Z * Z / n);
    // Rounding may lead a hair beyond what can be, and past the share itself at either end.
    [
        (scale * (middle - half)).clamp(0.0, 100.0 * share),
        (scale * (middle + half)).clamp(100.0 * share, 100.0),
    ]
}

/// Digits after the point, at least one, with which one right answer more reads as another percentage.
pub fn decimals(images: usize) -> usize {
    let (mut decimals, mut told_apart) = (1, 1_000);
    while told_apart < images {
        (decimals, told_apart) = (decimals + 1, told_apart.saturating_mul(10));
    }
    decimals
}

/// A share as it is written: `91.45 %`.
pub fn text(correct: usize, images: usize) -> String {
    format!("{:.*} %", decimals(images), percent(correct, images))
}

/// A share with its confidence interval: `91.45 % (90.1 to 92.6 %)`.
pub fn text_with_interval(correct: usize, images: usize) -> String {
    let [low, high] = interval(correct, images);
    format!("{} ({low:.1} to {high:.1} %)", text(correct, images))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// R. G. Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
    #[test]
    fn intervals_are_those_of_the_literature() {
        for (correct, images, low, high) in
            [(81, 263, 25.53, 36.62), (15, 148, 6.24, 16.05), (0, 20, 0.0, 16.11), (1, 29, 0.61, 17.18)]
        {
            let found = interval(correct, images);
            assert!((found[0] - low).abs() < 0.005, "{correct} of {images}: {found:?}");
            assert!((found[1] - high).abs() < 0.005, "{correct} of {images}: {found:?}");
        }
    }

    #[test]
    fn all_right_among_few_is_not_certain() {
        assert_eq!(text_with_interval(12, 12), "100.0 % (75.8 to 100.0 %)");
        assert_eq!(text_with_interval(0, 12), "0.0 % (0.0 to 24.2 %)");
        assert_eq!((percent(0, 0), interval(0, 0)), (0.0, [0.0, 100.0]));
    }

    #[test]
    fn one_right_answer_more_reads_otherwise() {
        assert_eq!([1_829, 1_831].map(|correct| text(correct, 2_000)), ["91.45 %", "91.55 %"]);
        assert_eq!([36, 1_000, 1_001, 10_000, 50_000].map(decimals), [1, 1, 2, 2, 3]);
        assert_eq!(decimals(usize::MAX), 18);
    }

    proptest! {
        #[test]
        fn neighbours_differ_and_lie_within_their_intervals(images in 1_usize..100_000, part in 0.0..1.0) {
            let correct = (part * images as f64) as usize;
            prop_assert_ne!(text(correct, images), text(correct + 1, images));
            let [low, high] = interval(correct, images);
            let share = percent(correct, images);
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 100.0 && low < high);
        }
    }
}
