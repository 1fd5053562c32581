//! When a convolution in 32-bit floating point gives exact integers.

use crate::infer::Reach;

/// Integers up to this magnitude are binary32 numbers.
const LARGEST: i64 = 1 << 24;

/// Values that an input takes, after its pad code was subtracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The smallest; zero or less, since padding is zero.
    pub low: i64,
    /// The largest; zero or more.
    pub high: i64,
}

/// How a layer's sums are to be computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In one convolution.
    Whole,
    /// The input as `16 high + low` in two.
    Halves,
}

/// The form in which all partial sums over inputs in `span` are exact; `None` if neither will do.
pub fn form(channels: &[Reach], span: Span) -> Option<Form> {
    let high = Span { low: span.low.div_euclid(16), high: span.high.div_euclid(16) };
    let low = Span { low: 0, high: 15 };
    let fits = |span: Span| channels.iter().all(|reach| fits(reach, span));
    if fits(span) {
        Some(Form::Whole)
    } else if fits(high) && fits(low) {
        Some(Form::Halves)
    } else {
        None
    }
}

/// Whether every sum of any of a channel's products is a binary32 number.
fn fits(reach: &Reach, Span { low, high }: Span) -> bool {
    let most = reach.positive * high + reach.negative * low;
    let least = reach.positive * low + reach.negative * high;
    most <= LARGEST && least >= -LARGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTE: Span = Span { low: 0, high: 255 };

    fn reach(negative: i64, positive: i64) -> Reach {
        Reach { negative, positive }
    }

    #[test]
    fn the_limit_is_the_last_exact_integer() {
        assert_eq!((LARGEST as f32) as i64, LARGEST);
        assert_ne!(((LARGEST + 1) as f32) as i64, LARGEST + 1);
        let most = LARGEST / 255;
        assert_eq!(form(&[reach(-most, most)], BYTE), Some(Form::Whole), "both signs do not add up");
        assert_eq!(form(&[reach(0, most), reach(-most - 1, 0)], BYTE), Some(Form::Halves));
        // Centred codes reach half as far in each direction.
        assert_eq!(form(&[reach(0, LARGEST / 128)], Span { low: -127, high: 128 }), Some(Form::Whole));
        assert_eq!(form(&[reach(-most, most)], Span { low: -127, high: 128 }), Some(Form::Whole));
        assert_eq!(form(&[reach(-most, most + 9)], Span { low: -127, high: 128 }), Some(Form::Halves));
    }

    #[test]
    fn halves_reach_seventeen_times_as_far() {
        let most = LARGEST / 15;
        assert_eq!(form(&[reach(-most, most)], BYTE), Some(Form::Halves));
        assert_eq!(form(&[reach(0, most + 1)], BYTE), None);
        // The largest sums of the zoo: 8-bit weights, all of them as far from their zero point as they can be.
        assert!(255 * 4386 <= most, "4386 weights in a row");
    }
}
