//! Operators as what they compute.

use super::flat::{Damaged, Scalar};
use super::graph::Builder;
use super::model::Operator;
use super::{TfliteError, operators};
use crate::import::raw::{RawOp, RawPadding, RawWindow};

mod axes;
mod layers;

/// Why an operator is not taken.
#[derive(Debug)]
pub enum Stop {
    /// It is nothing that we have, for a reason.
    Refused(String),
    /// The file is damaged.
    Failed(TfliteError),
}

/// What is taken over, or why not.
pub type Taken<T> = Result<T, Stop>;

impl Stop {
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }
}

impl From<TfliteError> for Stop {
    fn from(error: TfliteError) -> Self {
        Self::Failed(error)
    }
}

impl From<Damaged> for Stop {
    fn from(damaged: Damaged) -> Self {
        Self::Failed(damaged.into())
    }
}

/// One of the nodes that an operator becomes.
pub struct Step {
    /// What the operator is called.
    pub operator: String,
    pub op: RawOp,
    /// Names of tensors; the first one of a later step is set to what the step before it writes.
    pub inputs: Vec<String>,
    /// Whether it stands for the operator itself, and not for what is done before or behind it.
    pub is_main: bool,
}

impl Operator<'_> {
    /// One of its options or the default.
    pub fn option<T: Scalar>(&self, field: usize, default: T) -> Taken<T> {
        Ok(match self.options {
            Some(options) => options.scalar(field, default)?,
            None => default,
        })
    }

    /// A flag among its options.
    fn flag(&self, field: usize) -> Taken<bool> {
        Ok(self.option(field, 0_u8)? != 0)
    }

    /// An option that counts from 1.
    fn count(&self, field: usize, default: i32, what: &str) -> Taken<usize> {
        let found = self.option(field, default)?;
        let count = usize::try_from(found).ok().filter(|count| *count > 0);
        count.ok_or_else(|| Stop::refused(format!("a {what} of {found}")))
    }

    /// Number of the tensor that it reads at a place.
    fn input(&self, index: usize) -> Taken<usize> {
        self.optional(index).ok_or_else(|| Stop::refused(format!("no input number {index}")))
    }

    /// As [`Self::input`], if it is not left out.
    fn optional(&self, index: usize) -> Option<usize> {
        self.inputs.get(index).copied().flatten()
    }

    fn step(&self, op: RawOp, inputs: Vec<String>) -> Step {
        Step { operator: self.name.clone(), op, inputs, is_main: true }
    }

    /// How a map is padded, by an option.
    fn padding(&self, field: usize) -> Taken<RawPadding> {
        match self.option(field, 0_i8)? {
            0 => Ok(RawPadding::Same),
            1 => Ok(RawPadding::VALID),
            other => Err(Stop::refused(format!("a padding of kind {other}"))),
        }
    }

    /// What is done to its output, by an option.
    fn fused(&self, field: usize) -> Taken<Option<Step>> {
        let (name, op) = match self.option(field, 0_i8)? {
            0 => return Ok(None),
            1 => ("RELU", RELU),
            2 => ("RELU_N1_TO_1", RELU_N1_TO_1),
            3 => ("RELU6", RELU6),
            4 => ("TANH", RawOp::Tanh),
            5 => return Err(Stop::refused("the sign of its result")),
            other => return Err(Stop::refused(format!("a fused activation of kind {other}"))),
        };
        Ok(Some(Step { operator: name.to_owned(), op, inputs: vec![String::new()], is_main: false }))
    }
}

const RELU: RawOp = RawOp::Clip { min: 0.0, max: f32::INFINITY };
const RELU6: RawOp = RawOp::Clip { min: 0.0, max: 6.0 };
const RELU_N1_TO_1: RawOp = RawOp::Clip { min: -1.0, max: 1.0 };
const RELU_0_TO_1: RawOp = RawOp::Clip { min: 0.0, max: 1.0 };

/// What an operator becomes: nodes of which each reads what the one before it writes.
pub fn convert(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    if operator.custom {
        return Err(Stop::refused(operators::custom_refusal(&operator.name)));
    }
    match operator.name.as_str() {
        "CONV_2D" => layers::conv(builder, operator),
        "DEPTHWISE_CONV_2D" => layers::depthwise(builder, operator),
        "FULLY_CONNECTED" => layers::dense(builder, operator),
        "ADD" => elementwise(builder, operator, RawOp::Add),
        "SUB" => elementwise(builder, operator, RawOp::Sub),
        "MUL" => elementwise(builder, operator, RawOp::Mul),
        "DIV" => elementwise(builder, operator, RawOp::Div),
        "MAXIMUM" => clip(builder, operator, |min| RawOp::Clip { min, max: f32::INFINITY }),
        "MINIMUM" => clip(builder, operator, |max| RawOp::Clip { min: f32::NEG_INFINITY, max }),
        "MAX_POOL_2D" => pool(builder, operator, RawOp::MaxPool),
        // TensorFlow's mean is of what lies in the map.
        "AVERAGE_POOL_2D" => pool(builder, operator, |window| RawOp::AvgPool { window, counts_pads: false }),
        "CONCATENATION" => concat(builder, operator),
        "MEAN" => axes::mean(builder, operator),
        "PAD" | "PADV2" => axes::pad(builder, operator),
        "RESHAPE" => axes::reshape(builder, operator),
        "SQUEEZE" => axes::squeeze(builder, operator),
        "EXPAND_DIMS" => axes::expand(builder, operator),
        "BROADCAST_TO" => axes::broadcast(builder, operator),
        "TRANSPOSE" => axes::transpose(builder, operator),
        "RELU" => unary(builder, operator, RELU),
        "RELU6" => unary(builder, operator, RELU6),
        "RELU_N1_TO_1" => unary(builder, operator, RELU_N1_TO_1),
        "RELU_0_TO_1" => unary(builder, operator, RELU_0_TO_1),
        "LEAKY_RELU" => unary(builder, operator, RawOp::LeakyRelu { slope: operator.option(0, 0.0)? }),
        "HARD_SWISH" => unary(builder, operator, RawOp::HardSwish),
        "LOGISTIC" => unary(builder, operator, RawOp::Sigmoid),
        "TANH" => unary(builder, operator, RawOp::Tanh),
        "SOFTMAX" => match operator.option(0, 0.0)? {
            1.0 => unary(builder, operator, RawOp::Softmax),
            beta => Err(Stop::refused(format!("a softmax of its input times {beta}"))),
        },
        // Its order of classes is the same, as the dialect has it.
        "LOG_SOFTMAX" => unary(builder, operator, RawOp::Softmax),
        "QUANTIZE" | "DEQUANTIZE" => unary(builder, operator, RawOp::Identity),
        "PRELU" => Err(Stop::refused("a slope that is learned for each channel")),
        "MIRROR_PAD" => Err(Stop::refused("padding with the map's own values")),
        name => Err(Stop::refused(operators::refusal(name))),
    }
}

fn unary(builder: &mut Builder, operator: &Operator, op: RawOp) -> Taken<Vec<Step>> {
    let input = builder.operand(operator.input(0)?)?;
    Ok(vec![operator.step(op, vec![input])])
}

fn elementwise(builder: &mut Builder, operator: &Operator, op: RawOp) -> Taken<Vec<Step>> {
    let inputs = vec![builder.operand(operator.input(0)?)?, builder.operand(operator.input(1)?)?];
    Ok([operator.step(op, inputs)].into_iter().chain(operator.fused(0)?).collect())
}

/// The larger or the smaller of a tensor and one number.
fn clip(builder: &mut Builder, operator: &Operator, op: impl FnOnce(f32) -> RawOp) -> Taken<Vec<Step>> {
    let (first, second) = (operator.input(0)?, operator.input(1)?);
    let (tensor, number) = if builder.constant(first).is_some() { (second, first) } else { (first, second) };
    let op = op(builder.number(number)?);
    let input = builder.operand(tensor)?;
    Ok(vec![operator.step(op, vec![input])])
}

fn concat(builder: &mut Builder, operator: &Operator) -> Taken<Vec<Step>> {
    let inputs = (0..operator.inputs.len()).map(|index| builder.operand(operator.input(index)?));
    let inputs = inputs.collect::<Taken<_>>()?;
    let op = RawOp::Concat { axis: operator.option(0, 0_i32)?.into() };
    Ok([operator.step(op, inputs)].into_iter().chain(operator.fused(1)?).collect())
}

fn pool(builder: &mut Builder, operator: &Operator, op: impl FnOnce(RawWindow) -> RawOp) -> Taken<Vec<Step>> {
    let window = RawWindow {
        kernel: [operator.count(4, 0, "window height")?, operator.count(3, 0, "window width")?],
        stride: [operator.count(2, 0, "stride")?, operator.count(1, 0, "stride")?],
        padding: operator.padding(0)?,
        ceil: false,
    };
    let input = builder.operand(operator.input(0)?)?;
    Ok([operator.step(op(window), vec![input])].into_iter().chain(operator.fused(5)?).collect())
}
