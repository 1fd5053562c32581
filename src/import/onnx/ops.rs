//! From ONNX's operators to ours, one function for each; <https://onnx.ai/onnx/operators/> says what they mean.

mod activation;
mod dense;
mod quantized;
mod shape;
mod window;

use super::error::Trouble;
use super::fold::quantization::quantizer;
use super::node::Node;
use super::reader::{Reader, Step};
use crate::import::raw::RawOp;
use crate::onnx_proto::NodeProto;

/// Rectified linear unit.
pub const RELU: RawOp = RawOp::Clip { min: 0.0, max: f32::INFINITY };

/// Operators of ONNX Runtime's own that are read: integers with scales.
const OF_RUNTIME: [&str; 10] = [
    "DequantizeLinear",
    "QGemm",
    "QLinearAdd",
    "QLinearAveragePool",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearLeakyRelu",
    "QLinearMul",
    "QLinearSigmoid",
    "QuantizeLinear",
];

/// Whether an operator of a domain of its own is read.
pub fn has_domain(node: &NodeProto) -> bool {
    node.domain == "com.microsoft" && OF_RUNTIME.contains(&node.op_type.as_str())
}

/// What a node becomes that does not follow from constants.
///
/// # Errors
/// If it is not supported, or the file is damaged.
pub fn converted(node: &Node, reader: &mut Reader) -> Result<Step, Trouble> {
    let made = match node.proto.op_type.as_str() {
        "Conv" => window::conv(node, reader)?,
        "MaxPool" => window::max_pool(node, reader)?,
        "AveragePool" => window::average_pool(node, reader)?,
        "GlobalAveragePool" => window::global_average_pool(node, reader)?,
        "ReduceMean" => window::mean(node, reader)?,
        "Pad" => window::pad(node, reader)?,
        "Gemm" => dense::gemm(node, reader)?,
        "MatMul" => dense::mat_mul(node, reader)?,
        "BatchNormalization" => dense::batch_norm(node, reader)?,
        "Add" | "Sub" | "Mul" | "Div" | "Sum" => dense::two(node, reader)?,
        "Reshape" => shape::reshape(node, reader)?,
        "Flatten" => shape::flatten(node, reader)?,
        "Squeeze" => shape::squeeze(node, reader)?,
        "Expand" => shape::expand(node, reader)?,
        "Unsqueeze" => shape::unsqueeze(node, reader)?,
        "Transpose" => shape::transpose(node, reader)?,
        "Concat" => shape::concat(node, reader)?,
        "Identity" | "Dropout" | "Cast" | "CastLike" => shape::identity(node, reader)?,
        "QuantizeLinear" => return Ok(Step::Quantized(quantizer(node, 1, &mut reader.constants)?)),
        "DequantizeLinear" => quantized::dequantize(node, reader)?,
        name if name.starts_with("QLinear") || name == "QGemm" => quantized::converted(node, reader)?,
        _ => activation::converted(node, reader)?,
    };
    Ok(Step::Node(made))
}

/// Why an operator is not supported that is not known here.
pub fn unknown(operator: &str) -> Trouble {
    let reason = match operator {
        "LSTM" | "GRU" | "RNN" => "a recurrent layer",
        "ConvTranspose" => "a transposed convolution",
        "Resize" | "Upsample" | "GridSample" => "a map that is resized",
        "GlobalMaxPool" | "ReduceMax" => "a maximum over whole maps; the mean is supported",
        "LayerNormalization" | "InstanceNormalization" | "GroupNormalization" | "LRN" | "LpNormalization" => {
            "a normalization by values that are known only when it runs; batch normalization is supported"
        }
        "Attention" | "MultiHeadAttention" => "attention",
        "ConvInteger" | "MatMulInteger" | "DynamicQuantizeLinear" => {
            "quantization by values that are known only when it runs; quantize statically or not at all"
        }
        "Split" | "Slice" | "Gather" => "a part of a tensor; whole tensors only are supported",
        "Elu" | "Selu" | "Celu" | "PRelu" | "Gelu" | "Softplus" | "Softsign" | "Mish" | "ThresholdedRelu" => {
            "an activation that is not supported"
        }
        _ => "an operator that is not supported",
    };
    reason.into()
}
