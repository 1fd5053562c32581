//! Quantizers that were trained with the weights, beside them in the same file.
//!
//! For each layer `L` with weights `quantizer.L.weight_scale` (F64), `quantizer.L.weight_zero_point` and
//! `quantizer.L.weight_bits` (U8, all one per output channel); for each layer's output but the logits
//! `quantizer.L.output_scale`, `quantizer.L.output_zero_point` and `quantizer.L.output_bits` (one each).

use super::{ImportError, file::File, tensor::Tensor};
use crate::net::{Graph, Normalization};
use crate::quant::{Bits, Grids, Quantizer};
use safetensors::Dtype;

/// What the names of all tensors of quantizers begin with.
pub(super) const PREFIX: &str = "quantizer.";

/// Name, type, elements as bytes.
pub(super) type Part = (String, Dtype, Vec<u8>);

/// The tensors of a network's quantizers.
pub(super) fn write(graph: &Graph, grids: &Grids) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut add = |layer: &str, what: &str, quantizers: &[Quantizer]| {
        let name = |part: &str| format!("{PREFIX}{layer}.{what}_{part}");
        let scales = quantizers.iter().flat_map(|q| q.scale.to_le_bytes()).collect();
        parts.push((name("scale"), Dtype::F64, scales));
        parts.push((name("zero_point"), Dtype::U8, quantizers.iter().map(|q| q.zero_point).collect()));
        parts.push((name("bits"), Dtype::U8, quantizers.iter().map(|q| q.bits.count() as u8).collect()));
    };
    for (id, layer) in graph.layers.iter().enumerate() {
        if let Some(quantizers) = &grids.weights[id] {
            add(&layer.name, "weight", quantizers);
        }
        if layer.output != graph.logits() {
            add(&layer.name, "output", &grids.tensors[layer.output..=layer.output]);
        }
    }
    parts
}

/// The quantizers in a file; `None` if there are none at all.
pub(super) fn read(
    file: &File,
    graph: &Graph,
    normalization: &Normalization,
) -> Result<Option<Grids>, ImportError> {
    if file.quantizers.is_empty() {
        return Ok(None);
    }
    let image = Quantizer {
        scale: 1.0 / f64::from(normalization.deviation[0]),
        zero_point: normalization.mean[0].round().clamp(0.0, 255.0) as u8,
        bits: Bits::B8,
    };
    let mut grids =
        Grids { tensors: vec![image; graph.tensors.len()], weights: vec![None; graph.layers.len()] };
    for (id, layer) in graph.layers.iter().enumerate() {
        if layer.has_weights() {
            let channels = graph.output_shape(layer).channels;
            grids.weights[id] = Some(quantizers(file, &layer.name, "weight", channels)?);
        }
        if layer.output != graph.logits() {
            grids.tensors[layer.output] = quantizers(file, &layer.name, "output", 1)?[0];
        }
    }
    Ok(Some(grids))
}

fn quantizers(file: &File, layer: &str, what: &str, count: usize) -> Result<Vec<Quantizer>, ImportError> {
    let part = |part: &str, dtype: Dtype, size: usize| -> Result<&[u8], ImportError> {
        let name = format!("{PREFIX}{layer}.{what}_{part}");
        let fits = |tensor: &&Tensor| tensor.dtype == dtype && tensor.data.len() == count * size;
        match file.quantizers.get(&name).filter(fits) {
            Some(tensor) => Ok(&tensor.data[..]),
            None => {
                Err(ImportError::Quantizers { name, expected: format!("{count} elements of type {dtype:?}") })
            }
        }
    };
    let scales = part("scale", Dtype::F64, 8)?.as_chunks().0;
    let zero_points = part("zero_point", Dtype::U8, 1)?;
    let bits = part("bits", Dtype::U8, 1)?;
    let one = |((scale, &zero_point), &bits): ((&[u8; 8], &u8), &u8)| {
        let quantizer = Quantizer {
            scale: f64::from_le_bytes(*scale),
            zero_point,
            bits: Bits::try_from(u32::from(bits)).ok()?,
        };
        let fits = quantizer.scale.is_normal()
            && quantizer.scale > 0.0
            && zero_point <= quantizer.bits.max_code()
            && bits == file.quantizers[&format!("{PREFIX}{layer}.{what}_bits")].data[0];
        fits.then_some(quantizer)
    };
    let all: Option<Vec<_>> = scales.iter().zip(zero_points).zip(bits).map(one).collect();
    all.ok_or_else(|| ImportError::Quantizers {
        name: format!("{PREFIX}{layer}.{what}_scale"),
        expected: "positive scales, zero points within the codes and one width of 2, 4 or 8".into(),
    })
}
