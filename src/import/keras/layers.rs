//! What each class of layers computes.

mod activations;
mod affine;
mod convolution;
mod merging;
mod operations;
mod pooling;
mod preprocessing;
mod shapes;

use super::{
    KerasError,
    builder::{Arranged, Builder, Shape},
    calls::Call,
    config::{Entry, Settings},
    store::Place,
};
use crate::import::raw::{RawOp, Values};

/// A layer where it is called.
pub struct Layer<'a> {
    /// Its class.
    pub class: &'a str,
    /// Its settings.
    pub config: Settings<'a>,
    /// Name of its node.
    pub name: String,
    /// Where its weights stand.
    pub place: &'a Place,
    /// What it is called with.
    pub call: Call<'a, String>,
}

/// Why a layer gives no node of its own kind.
pub enum Trouble {
    /// The dialect cannot say what it computes.
    Unsupported(String),
    /// The file is wrong.
    File(KerasError),
}

impl From<KerasError> for Trouble {
    fn from(error: KerasError) -> Self {
        Self::File(error)
    }
}

/// A layer that is not taken, and why.
pub fn unsupported<T>(reason: impl Into<String>) -> Result<T, Trouble> {
    Err(Trouble::Unsupported(reason.into()))
}

/// Adds the nodes of a layer; returns its result.
pub fn add(builder: &mut Builder, layer: &Layer) -> Result<String, KerasError> {
    match class(builder, layer) {
        Ok(output) => Ok(output),
        Err(Trouble::File(error)) => Err(error),
        Err(Trouble::Unsupported(reason)) => {
            let inputs = layer.call.tensors().cloned().collect();
            builder.node(&layer.name, layer.class, RawOp::Unsupported { reason }, inputs, None)
        }
    }
}

/// Adds the nodes of a layer that is taken.
fn class(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    if layer.config.text("data_format") == Some("channels_first") {
        return unsupported("its maps have channels first (data_format channels_first)");
    }
    match layer.class {
        "Conv2D" | "Convolution2D" => convolution::conv(builder, layer),
        "DepthwiseConv2D" => convolution::depthwise(builder, layer),
        "SeparableConv2D" | "SeparableConvolution2D" => convolution::separable(builder, layer),
        "Dense" => affine::dense(builder, layer),
        "BatchNormalization" | "BatchNormalizationV1" | "BatchNormalizationV2" | "SyncBatchNormalization" => {
            affine::batch_norm(builder, layer)
        }
        "Activation" | "ReLU" | "LeakyReLU" | "Softmax" => activations::layer(builder, layer),
        "MaxPooling2D" | "MaxPool2D" => pooling::max(builder, layer),
        "AveragePooling2D" | "AvgPool2D" => pooling::average(builder, layer),
        "GlobalAveragePooling2D" | "GlobalAvgPool2D" => pooling::global_average(builder, layer),
        "ZeroPadding2D" => shapes::zero_padding(builder, layer),
        "Flatten" => shapes::flatten(builder, layer),
        "Reshape" if layer.config.get("target_shape").is_some() => shapes::reshape(builder, layer),
        "Permute" => shapes::permute(builder, layer),
        "Add" => merging::chain(builder, layer, RawOp::Add),
        "Subtract" => merging::chain(builder, layer, RawOp::Sub),
        "Multiply" => merging::chain(builder, layer, RawOp::Mul),
        "Average" => merging::average(builder, layer),
        "Concatenate" => merging::concatenate(builder, layer),
        "Rescaling" => preprocessing::rescaling(builder, layer),
        "Normalization" => preprocessing::normalization(builder, layer),
        "Resizing" | "CenterCrop" | "RandomCrop" => preprocessing::resizing(builder, layer),
        "QuantizeWrapper" | "QuantizeWrapperV2" | "PruneLowMagnitude" | "ClusterWeights" => {
            wrapped(builder, layer)
        }
        "TFOpLambda" | "SlicingOpLambda" => {
            operations::call(builder, layer, layer.config.text("function").unwrap_or_default())
        }
        name if preprocessing::only_trains(name) => {
            let input = layer.input()?;
            let shape = builder.shape(&input);
            Ok(layer.node(builder, RawOp::Identity, vec![input], shape)?)
        }
        other => match reason(other) {
            Some(reason) => unsupported(reason),
            None => operations::call(builder, layer, other),
        },
    }
}

/// What layers are that are known and not taken.
fn reason(class: &str) -> Option<String> {
    let reason = match class {
        "Lambda" => "a Lambda layer: its code is not run",
        "Conv2DTranspose" | "Convolution2DTranspose" => "a transposed convolution",
        "GlobalMaxPooling2D" | "GlobalMaxPool2D" => "a global max pooling",
        "UpSampling2D" => "an upsampling",
        "Cropping2D" => "a cropping",
        "PReLU" | "ELU" | "ThresholdedReLU" => "its activation has no form here",
        "LayerNormalization"
        | "GroupNormalization"
        | "UnitNormalization"
        | "RMSNormalization"
        | "SpectralNormalization" => "it normalizes by the values of each image",
        "Dot" => "it multiplies two tensors as matrices",
        "Embedding" | "EinsumDense" => "it is made for text",
        "LSTM" | "GRU" | "SimpleRNN" | "RNN" | "Bidirectional" | "ConvLSTM2D" => "a recurrent layer",
        "TimeDistributed" => "it repeats a layer over time",
        name if name.contains("Attention") => "an attention layer",
        name if ["1D", "3D"].iter().any(|end| name.ends_with(end) || name.contains("Conv1D")) => {
            "it works on signals or volumes, not on images"
        }
        _ => return None,
    };
    Some(reason.into())
}

/// A layer inside one that trains it for quantization or pruning: what that adds is for training.
fn wrapped(builder: &mut Builder, layer: &Layer) -> Result<String, Trouble> {
    let inner = layer.config.get("layer").ok_or_else(|| layer.error("expected the layer that it wraps"))?;
    let inner = Entry::new(inner)?;
    if inner.is_model() {
        return unsupported("it wraps a model");
    }
    // A group has the wrapper's name, tensors in it that of the layer inside.
    let mut place = layer.place.clone();
    if let [_, .., last] = place.names.as_mut_slice() {
        *last = inner.name.into();
    }
    let (name, call) = (layer.name.clone(), layer.call.clone());
    class(builder, &Layer { class: inner.class, config: inner.config, name, place: &place, call })
}

impl Layer<'_> {
    /// The file is wrong about this layer.
    pub fn error(&self, problem: impl Into<String>) -> KerasError {
        KerasError::Layer { layer: self.name.clone(), problem: problem.into() }
    }

    /// A setting, or that it is not one.
    pub fn setting<T>(&self, found: Result<T, String>) -> Result<T, KerasError> {
        found.map_err(|problem| self.error(problem))
    }

    /// The first tensor that it is called with.
    pub fn input(&self) -> Result<String, KerasError> {
        self.call
            .tensors()
            .next()
            .cloned()
            .ok_or_else(|| self.error("expected a tensor that it reads, found none"))
    }

    /// Adds the layer's node.
    pub fn node(
        &self,
        builder: &mut Builder,
        op: RawOp,
        inputs: Vec<String>,
        shape: Shape,
    ) -> Result<String, KerasError> {
        builder.node(&self.name, self.class, op, inputs, shape)
    }

    /// Adds a node for a part of the layer.
    pub fn part(
        &self,
        builder: &mut Builder,
        part: &str,
        op: RawOp,
        inputs: Vec<String>,
        shape: Shape,
    ) -> Result<String, KerasError> {
        builder.node(&format!("{}/{part}", self.name), self.class, op, inputs, shape)
    }

    /// Reads the weights `parts[index]` of a layer that has `parts`, which `arrange` brings into our order or says what
    /// shape was expected. Returns the constant's name.
    pub fn weights(
        &self,
        builder: &mut Builder,
        parts: &[&str],
        index: usize,
        arrange: impl FnOnce(&[usize], Vec<f32>) -> Result<Arranged, String>,
    ) -> Result<String, KerasError> {
        let part = parts.get(index).copied().unwrap_or_default();
        let name = self.place.name();
        builder.weights(&format!("{name}/{part}"), |builder| {
            let found = builder.store.read(self.place, parts, index, builder.budget)?;
            let Values::Floats(values) = found.values else {
                return Err(KerasError::Type { name: format!("{name}/{part}"), found: "integers".into() });
            };
            arrange(&found.dims, values).map_err(|expected| KerasError::Shape {
                layer: name.clone(),
                part: part.into(),
                expected,
                found: found.dims.clone(),
            })
        })
    }
}

/// Takes a vector of `size` elements as it is.
pub fn vector(size: usize) -> impl FnOnce(&[usize], Vec<f32>) -> Result<Arranged, String> {
    move |dims, values| match dims {
        [found] if *found == size => Ok((vec![size], values)),
        _ => Err(format!("[{size}]")),
    }
}
