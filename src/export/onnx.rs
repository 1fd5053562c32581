//! The network in integers as an ONNX file, for everybody who has ONNX Runtime and not our runtime: the same logits, and
//! the same codes in every tensor on the way, to the last bit.
//!
//! The input `image` is `[N, h, w, 3]` of UINT8: the bytes that firmware takes. Each layer's output is a UINT8 tensor
//! `[N, c, h, w]` of codes, named as the layer; `logits` are INT32, `[N, classes]`. Weights are UINT2, UINT4 or UINT8
//! initializers with a zero point per output channel, in ONNX's opset 25.
//!
//! # Construction
//!
//! A layer with weights is
//!
//! ```text
//! sum    = Conv(Cast(x, FLOAT) - pad, DequantizeLinear(weight, 1, zero_point))   pad: the code of real zero
//! acc    = Cast(sum, INT64) + bias
//! value  = (acc * multiplier + 2^62) / 2^shift + offset
//! y      = Cast(Clip(Cast(value, FLOAT), 0, 2^b - 1), UINT8)
//! offset = zero point of y - 2^(62 - shift)
//! ```
//!
//! - ONNX pads with zero, our layers with the code of real zero, which the image has per colour. So `pad` is subtracted
//!   before, where there is padding, and `bias` holds what that takes from the sum, `sum pad (w_q - w_zero_point)`.
//! - `Conv` in FLOAT is exact as long as no partial sum leaves 24 bits, in whatever order they are added. This is
//!   checked per channel (`exact.rs`); where it does not hold, `x - pad` is split into `16 high + low` by `Floor`, each
//!   part convolved with the same weights, and put together in INT64.
//! - `Div` in INT64 rounds towards zero, but floor is wanted. `|acc * multiplier| < 2^62`, so after adding 2^62 nothing
//!   is negative and both are the same; `offset` takes `2^62 / 2^shift` away again.
//! - `Clip` in FLOAT is exact for codes, and rounding keeps larger values larger. In INT64 it is not to be trusted: ONNX
//!   Runtime 1.31 on processors with SSE2 compares the low 32 bits alone (microsoft/onnxruntime#25280).
//! - Logits leave out `Clip` and have no zero point.
//!
//! The global average pool is `ReduceSum` of the codes in INT64, then the same; the residual add is
//! `(a * m_a + b * m_b + offset + 2^62) / 2^shift - 2^(62 - shift)`, clipped. A max pool is `MaxPool` of the codes in FLOAT;
//! an average pool is `Conv` with ones, whose sums of up to 121 codes are exact, then `(sum + count / 2) / count` in INT64
//! with the number of pixels that each window covers. A function is `Gather` of its table by the codes, a concatenation
//! the same for each map and `Concat`; a product is `Mul` of the distances from the zero points in INT64, then as a sum. A
//! global pool that gives the logits leaves out `Clip` as they do.
//!
//! There is neither `QuantizeLinear` nor a float after `Conv`, so no optimization for quantized networks applies that
//! computes in another way. An execution provider must add products in FLOAT: Winograd's algorithm, TF32 and half
//! precision are not exact. ONNX Runtime's CPU and Wasm providers do.

mod exact;
mod graph;
mod layers;

use super::ExportError;
use crate::{
    infer::check_network,
    onnx_proto::{DataType, ModelProto, OperatorSetIdProto, PRODUCER, StringStringEntryProto},
    quant::QuantizedNetwork,
};
use graph::Builder;
use prost::Message;

/// ONNX's set of operators: the first with 2-bit integers.
pub const OPSET: i64 = 25;

/// Version of the file format that belongs to it.
const IR_VERSION: i64 = 13;

/// What the file's graph gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// The logits alone.
    Logits,
    /// Every layer's tensor, in execution order; the logits last. For comparing layer by layer.
    EveryLayer,
}

/// The ONNX file of a network.
///
/// # Errors
/// If the network does not run in integers ([`check_network`]), or a sum of products is too large even for its split
/// form, which no network of the zoo reaches.
pub fn write(network: &QuantizedNetwork, outputs: Outputs) -> Result<Vec<u8>, ExportError> {
    check_network(network)?;
    let (graph, labels) = (network.graph(), &network.labels);
    let name = network.network.name();
    let mut builder = Builder::default();
    let names = layers::names(network);
    builder.input("image", DataType::Uint8, &layers::image_shape(network));
    layers::image(&mut builder, &names);
    for id in 0..graph.layers.len() {
        layers::layer(&mut builder, network, &names, id)?;
        let tensor = graph.layers[id].output;
        if tensor == graph.logits() {
            builder.output(&names[tensor], DataType::Int32, &[None, Some(graph.classes())]);
        } else {
            let shape = layers::tensor_shape(network, tensor);
            match outputs {
                Outputs::Logits => builder.describe(&names[tensor], DataType::Uint8, &shape),
                Outputs::EveryLayer => builder.output(&names[tensor], DataType::Uint8, &shape),
            }
        }
    }
    let mut metadata = vec![
        ("network", name.to_owned()),
        ("classes", graph.classes().to_string()),
        ("image", "RGB, 8 bits each, rows of pixels; scaling and mean are in the weights".into()),
    ];
    if let Some(labels) = labels {
        metadata.push(("labels", serde_json::json!(labels).to_string()));
    }
    let entry = |(key, value): (&str, String)| StringStringEntryProto { key: key.into(), value };
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: PRODUCER.into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: format!("{name} in integers of 2, 4 and 8 bits: bit for bit what the firmware computes"),
        graph: Some(builder.finish(name.to_owned())),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
        metadata_props: metadata.into_iter().map(entry).collect(),
        ..ModelProto::default()
    };
    Ok(model.encode_to_vec())
}
