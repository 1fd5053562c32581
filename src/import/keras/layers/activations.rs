//! Activations: layers of their own, and those inside other layers, which become nodes behind.

use super::{Layer, Trouble, affine::is_last, unsupported};
use crate::import::keras::{
    KerasError,
    builder::{Builder, Shape},
    config::{Settings, brief},
};
use crate::import::raw::RawOp;
use serde_json::Value;

/// Activations inside activations, as quantization-aware training wraps them.
const MAX_WRAPPERS: usize = 4;

/// `Activation`, `ReLU`, `LeakyReLU` and `Softmax`.
pub fn layer(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let input = layer.input()?;
    let shape = builder.shape(&input);
    let ops = match layer.class {
        "Activation" => {
            let value =
                layer.config.get("activation").ok_or_else(|| layer.error("expected an activation"))?;
            named(builder.major, value, &shape, 0)
        }
        class => of_class(class, layer.config, &shape),
    };
    let mut output = input;
    let mut ops = wrong_setting(layer, ops)?;
    // A node stands for the layer, whatever it does.
    if ops.is_empty() {
        ops.push(RawOp::Identity);
    }
    let last = ops.len() - 1;
    for (at, op) in ops.into_iter().enumerate() {
        output = match at == last {
            true => layer.node(builder, op, vec![output], shape.clone())?,
            false => layer.part(builder, "slope", op, vec![output], shape.clone())?,
        };
    }
    Ok(output)
}

/// Adds the activation of a layer that has one behind `output`.
pub fn of(builder: &mut Builder, layer: &Layer, output: String) -> Result<String, KerasError> {
    let Some(value) = layer.config.get("activation") else { return Ok(output) };
    let shape = builder.shape(&output);
    let ops = match wrong_setting(layer, named(builder.major, value, &shape, 0)) {
        Ok(ops) => ops,
        Err(Trouble::Unsupported(reason)) => vec![RawOp::Unsupported { reason }],
        Err(Trouble::File(error)) => return Err(error),
    };
    let mut output = output;
    for op in ops {
        output = layer.part(builder, "activation", op, vec![output], shape.clone())?;
    }
    Ok(output)
}

/// Why there is no list of operations.
enum Found {
    Unsupported(String),
    Wrong(String),
}

impl From<String> for Found {
    fn from(problem: String) -> Self {
        Self::Wrong(problem)
    }
}

fn wrong_setting<T>(layer: &Layer, found: Result<T, Found>) -> Result<T, Trouble> {
    found.map_err(|found| match found {
        Found::Unsupported(reason) => Trouble::Unsupported(reason),
        Found::Wrong(problem) => Trouble::File(layer.error(problem)),
    })
}

/// An activation as Keras writes it: a name, a layer, or a function with a name.
fn named(major: u32, value: &Value, shape: &Shape, depth: usize) -> Result<Vec<RawOp>, Found> {
    if let Some(name) = value.as_str() {
        return of_name(major, name.rsplit(['>', '.']).next().unwrap_or(name));
    }
    let config = value.get("config").unwrap_or(&Value::Null);
    match (value.get("class_name").and_then(Value::as_str), config) {
        (Some("function"), Value::String(name)) => of_name(major, name),
        (Some("Activation" | "QuantizeAwareActivation"), config) if depth < MAX_WRAPPERS => {
            match config.get("activation") {
                Some(inner) => named(major, inner, shape, depth + 1),
                None => Err(Found::Unsupported("its activation is not in the file".into())),
            }
        }
        (Some("NoOpActivation"), _) => Ok(Vec::new()),
        (Some(class), config) => of_class(class, Settings(config), shape),
        (None, _) => {
            Err(Found::Wrong(format!("activation: expected a name or a layer, found {}", brief(value))))
        }
    }
}

/// What a name means; nothing for `linear`.
pub fn of_name_op(major: u32, name: &str) -> Option<RawOp> {
    Some(match name {
        "relu" => clip(f32::INFINITY),
        "relu6" => clip(6.0),
        "sigmoid" => RawOp::Sigmoid,
        // Keras 3 took over the definition of PyTorch.
        "hard_sigmoid" if major < 3 => RawOp::HardSigmoid { slope: 0.2, offset: 0.5 },
        "hard_sigmoid" => RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 },
        "hard_swish" | "hard_silu" => RawOp::HardSwish,
        "swish" | "silu" => RawOp::Swish,
        "tanh" => RawOp::Tanh,
        "softmax" => RawOp::Softmax,
        "leaky_relu" => RawOp::LeakyRelu { slope: 0.2 },
        _ => return None,
    })
}

fn of_name(major: u32, name: &str) -> Result<Vec<RawOp>, Found> {
    if matches!(name, "linear" | "identity") {
        return Ok(Vec::new());
    }
    match of_name_op(major, name) {
        Some(op) => Ok(vec![op]),
        None => {
            let name: String = name.chars().take(60).collect();
            Err(Found::Unsupported(format!("the activation '{name}' has no form here")))
        }
    }
}

fn of_class(class: &str, config: Settings, shape: &Shape) -> Result<Vec<RawOp>, Found> {
    match class {
        "ReLU" => {
            if config.real("threshold", 0.0)? != 0.0 {
                return Err(Found::Unsupported("a ReLU with a threshold".into()));
            }
            let max = config.real("max_value", f64::INFINITY)? as f32;
            let slope = config.real("negative_slope", 0.0)? as f32;
            Ok(match slope {
                0.0 => vec![clip(max)],
                slope if max == f32::INFINITY => vec![RawOp::LeakyRelu { slope }],
                slope => {
                    vec![RawOp::LeakyRelu { slope }, RawOp::Clip { min: f32::NEG_INFINITY, max }]
                }
            })
        }
        "LeakyReLU" => {
            let slope = match config.get("alpha") {
                Some(_) => config.real("alpha", 0.3)?,
                None => config.real("negative_slope", 0.3)?,
            };
            Ok(vec![RawOp::LeakyRelu { slope: slope as f32 }])
        }
        "Softmax" => {
            let axes = config.integers("axis")?.unwrap_or_else(|| vec![-1]);
            if is_last(&axes, shape) {
                Ok(vec![RawOp::Softmax])
            } else {
                Err(Found::Unsupported("a softmax that is not over the last axis".into()))
            }
        }
        other => {
            let other: String = other.chars().take(60).collect();
            Err(Found::Unsupported(format!("the activation '{other}' has no form here")))
        }
    }
}

/// A clip from zero on.
fn clip(max: f32) -> RawOp {
    RawOp::Clip { min: 0.0, max }
}

/// The activation that an operation of a name is, e.g. `tf.nn.relu6`.
pub fn operation(builder: &mut Builder, layer: &Layer, name: &str) -> Result<String, Trouble> {
    match of_name_op(builder.major, name) {
        Some(op) => {
            let input = layer.input()?;
            let shape = builder.shape(&input);
            Ok(layer.node(builder, op, vec![input], shape)?)
        }
        None => unsupported(format!(
            "the operation '{}' has no form here",
            name.chars().take(60).collect::<String>()
        )),
    }
}
