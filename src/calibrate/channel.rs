//! The integers of one output channel.

use crate::infer::Reach;
use crate::quant::{Requantizer, RequantizerError};

/// Sums that move the output by less than this part of a step are as good as none.
const HALF_STEP: f64 = 0.5;

/// Outputs this many steps from zero are the first or the last code, whatever the width.
const BEYOND_CODES: f64 = 512.0;

/// An output channel in steps of the output: `y = factor * sum + offset`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChannelLine {
    pub(super) factor: f64,
    pub(super) offset: f64,
    /// How far the sums go, for one code.
    pub(super) reach: Reach,
    /// Largest code of the input.
    pub(super) max_code: u8,
    /// Mean of the output.
    pub(super) expected: f64,
    /// Whether the output is a logit rather than a code.
    pub(super) is_logit: bool,
}

impl ChannelLine {
    /// The requantizer, and whether the channel is constant. A constant channel's weights must be set to zero.
    ///
    /// A channel is constant if its factor is too small: below what a requantizer can hold, or so small that an offset
    /// among the codes would need a bias beyond 32 bits. Accumulators are so much smaller than that bias that they
    /// move the output by an eighth of the offset at most.
    ///
    /// # Errors
    /// If the factor is too large, or the offset is too large for the factor, or one is not a number.
    pub(super) fn requantizer(&self) -> Result<(Requantizer, bool), RequantizerError> {
        let error = match Requantizer::new(self.factor, self.offset) {
            Ok(requantizer) => return Ok((requantizer, false)),
            Err(error) => error,
        };
        let span = (self.reach.positive - self.reach.negative) as f64 * f64::from(self.max_code);
        let is_still = self.factor.abs() * span < HALF_STEP;
        let is_code = !self.is_logit && self.expected.abs() < BEYOND_CODES;
        let is_small = !matches!(error, RequantizerError::Large(_));
        if !(is_still || is_small && is_code) {
            return Err(error);
        }
        let steps = self.expected.round();
        if steps.abs() <= f64::from(i32::MAX) {
            Ok((Requantizer::constant(steps as i32), true))
        } else {
            Err(RequantizerError::Bias(steps))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A channel whose sums go from 0 to `span`.
    fn line(factor: f64, offset: f64, span: i64) -> ChannelLine {
        let reach = Reach { negative: 0, positive: span };
        ChannelLine { factor, offset, reach, max_code: 1, expected: offset, is_logit: false }
    }

    fn constant(steps: i32) -> Result<(Requantizer, bool), RequantizerError> {
        Ok((Requantizer::constant(steps), true))
    }

    #[test]
    fn only_a_factor_that_is_too_small_makes_a_constant() {
        let tiny = 2f64.powi(-40);
        let cases = [
            ("switched off", line(0.0, 77.4, 1 << 28), constant(77)),
            ("switched off, beyond all codes", line(0.0, -3e6, 1 << 28), constant(-3_000_000)),
            ("nearly switched off", line(tiny, 20.0, 1 << 28), constant(20)),
            ("too small for its offset", line(2f64.powi(-30), 20.0, 1 << 20), constant(20)),
            ("the same, with wide sums", line(2f64.powi(-24), 200.0, 1 << 28), constant(200)),
            ("no weights, any factor", line(1e20, 9.0, 0), constant(9)),
            ("factor too large", line(1e20, 9.0, 4), Err(RequantizerError::Large(1e20))),
            (
                "bias too large",
                line(1e-3, 1e7, 4096),
                Err(RequantizerError::Bias(((1e7 + 0.5) / 1e-3f64).round())),
            ),
            ("constant beyond 32 bits", line(0.0, 1e12, 4096), Err(RequantizerError::Bias(1e12))),
        ];
        for (case, line, expected) in cases {
            assert_eq!(line.requantizer(), expected, "{case}");
        }
        let (usual, is_constant) = line(1e-3, 5.0, 4096).requantizer().expect("a usual channel");
        assert_eq!((usual, is_constant), (Requantizer::new(1e-3, 5.0).expect("moderate"), false));
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(line(bad, 0.0, 9).requantizer(), Err(RequantizerError::Large(_))), "{bad}");
            assert!(matches!(line(bad, 0.0, 0).requantizer(), Err(RequantizerError::Large(_))), "{bad}");
            for factor in [0.0, 1e-20, 1e-3] {
                assert!(
                    matches!(line(factor, bad, 9).requantizer(), Err(RequantizerError::Bias(_))),
                    "{bad}"
                );
            }
        }
    }

    /// A logit is compared with others as it is: within half a step, or an error.
    #[test]
    fn logits_keep_their_value() {
        let logit = |factor, offset, span| ChannelLine { is_logit: true, ..line(factor, offset, span) };
        assert_eq!(logit(0.0, 1e6, 1 << 28).requantizer(), constant(1_000_000));
        assert_eq!(logit(2f64.powi(-31), -2e9, 1 << 20).requantizer(), constant(-2_000_000_000));
        assert!(matches!(
            logit(2f64.powi(-24), 200.0, 1 << 28).requantizer(),
            Err(RequantizerError::Bias(_))
        ));
        assert!(matches!(logit(0.0, 3e9, 1 << 20).requantizer(), Err(RequantizerError::Bias(_))));
    }
}
