//! Functions of one number that stand in networks as layers of their own.

use serde::{Deserialize, Serialize};

/// A function of each element. Over codes it is a table, so that another one costs the runtime nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// x min(max(x + 3, 0), 6) / 6 (MobileNetV3, arXiv 1905.02244).
    HardSwish,
    /// min(max(x + 3, 0), 6) / 6.
    HardSigmoid,
    /// 1 / (1 + exp(-x)).
    Sigmoid,
    /// x / (1 + exp(-x)), also called SiLU.
    Swish,
    /// tanh(x).
    Tanh,
}

impl Function {
    /// All functions.
    pub const ALL: [Self; 5] = [Self::HardSwish, Self::HardSigmoid, Self::Sigmoid, Self::Swish, Self::Tanh];

    /// Its value, the same on every machine.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::HardSwish => x * hard_sigmoid(x),
            Self::HardSigmoid => hard_sigmoid(x),
            Self::Sigmoid => sigmoid(x),
            Self::Swish => x * sigmoid(x),
            Self::Tanh => libm::tanh(x),
        }
    }

    /// Its derivative; at a bend, that of the side with the smaller magnitude of x.
    pub fn slope(self, x: f64) -> f64 {
        let bends = (-3.0..=3.0).contains(&x);
        match self {
            Self::HardSwish if bends => (2.0 * x + 3.0) / 6.0,
            Self::HardSwish => f64::from(u8::from(x > 0.0)),
            Self::HardSigmoid => f64::from(u8::from(bends)) / 6.0,
            Self::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
            Self::Swish => sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
            Self::Tanh => 1.0 - libm::tanh(x) * libm::tanh(x),
        }
    }

    /// Whether its values may lie below zero.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::HardSwish | Self::Swish | Self::Tanh)
    }

    /// Its number in links, files and shaders; none is ever given to another.
    pub const fn code(self) -> u8 {
        match self {
            Self::HardSwish => 1,
            Self::HardSigmoid => 2,
            Self::Sigmoid => 3,
            Self::Swish => 4,
            Self::Tanh => 5,
        }
    }

    /// The function of a number.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.code() == code)
    }

    /// Its name in a sentence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardSwish => "hard-swish",
            Self::HardSigmoid => "hard-sigmoid",
            Self::Sigmoid => "sigmoid",
            Self::Swish => "swish",
            Self::Tanh => "tanh",
        }
    }
}

fn hard_sigmoid(x: f64) -> f64 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From PyTorch's definitions, by hand.
    #[test]
    fn values_are_those_of_the_definitions() {
        for (function, x, expected) in [
            (Function::HardSwish, -4.0, 0.0),
            (Function::HardSwish, -1.5, -0.375),
            (Function::HardSwish, 1.0, 4.0 / 6.0),
            (Function::HardSwish, 5.0, 5.0),
            (Function::HardSigmoid, -3.0, 0.0),
            (Function::HardSigmoid, 0.0, 0.5),
            (Function::HardSigmoid, 7.0, 1.0),
            (Function::Sigmoid, 0.0, 0.5),
            (Function::Sigmoid, 2.0, 0.880_797_077_977_882_3),
            (Function::Sigmoid, -800.0, 0.0),
            (Function::Swish, -1.0, -0.268_941_421_369_995_1),
            (Function::Tanh, 1.0, 0.761_594_155_955_764_9),
        ] {
            assert!((function.value(x) - expected).abs() < 1e-15, "{function:?} {x}");
            assert!(function.is_signed() || function.value(x) >= 0.0);
        }
    }

    #[test]
    fn slopes_are_those_of_the_values() {
        for function in Function::ALL {
            for step in -80..80 {
                // Beside the bends.
                let x = f64::from(step) / 10.0 + 0.05;
                let across = (function.value(x + 1e-6) - function.value(x - 1e-6)) / 2e-6;
                assert!((function.slope(x) - across).abs() < 1e-8, "{function:?} {x}");
            }
        }
    }
}
