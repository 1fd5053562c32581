//! Preprocessing that the file holds: scales and shifts of the image, and what the integers of a quantized image stand
//! for. The runtime's first layer reads normalized codes, so that both become a [`Normalization`].

use super::draft::Draft;
use super::{Remark, norm};
use crate::import::raw::{RawGraph, RawQuantizer};
use crate::net::{IMAGE_CHANNELS, Normalization};
use std::collections::BTreeMap;

/// Largest deviation of colours from 0 to 1; of codes from 0 to 255 it is far larger.
const LARGEST_DEVIATION_OF_ONE: f64 = 2.0;

/// How near a rounded normalization is to the one that was meant: half a code, and half a percent.
const NEAR_CODES: f32 = 0.51;
const NEAR_FACTOR: f32 = 0.005;

/// slope x + offset per channel.
type Lines = Vec<(f64, f64)>;

/// Takes scales and shifts off the image.
pub(super) fn take(draft: &mut Draft) {
    let Some(input) = draft.graph.inputs.first() else { return };
    let (image, channels) = (input.name.clone(), input.dims.last().copied().flatten().unwrap_or(0));
    if !IMAGE_CHANNELS.contains(&channels) || draft.graph.inputs.len() != 1 {
        return;
    }
    let quantizer = draft.graph.quantizers.get(&image).and_then(line);
    let (lines, end, removed) = scales(draft, &image, channels);
    if removed > 0 {
        match normalization(&lines, quantizer) {
            Some((found, unit)) => {
                let text = format!("the network itself normalizes its image: {found}");
                draft.remarks.push(Remark::Recognised(text));
                if let Some(unit) = unit {
                    draft.remarks.push(Remark::Assumed(unit.into()));
                }
                draft.normalization = Some(found);
                unlink(draft, &image, end);
                return;
            }
            None => {
                let text =
                    "the network's first scale and shift stay a layer: they are no preprocessing of an image";
                draft.remarks.push(Remark::Recognised(text.into()));
            }
        }
    }
    if let Some(line) = quantizer
        && let Some((found, _)) = normalization(&vec![(1.0, 0.0); channels], Some(line))
    {
        let text = format!("the integers of the image stand for {found}");
        draft.remarks.push(Remark::Recognised(text));
        draft.normalization = Some(found);
    }
}

/// What a code from 0 to 255 stands for.
fn line(quantizer: &RawQuantizer) -> Option<(f64, f64)> {
    let RawQuantizer { scale, zero_point, range: (low, high) } = *quantizer;
    let eight_bits = high.checked_sub(low) == Some(255);
    let scale = f64::from(scale);
    // real = scale (code + low - zero point).
    let shift = low.checked_sub(zero_point)? as f64;
    (eight_bits && scale > 0.0 && scale.is_finite()).then_some((scale, scale * shift))
}

/// All scales and shifts right behind the image as one, the tensor behind them, and how many they are.
fn scales(draft: &Draft, image: &str, channels: usize) -> (Lines, String, usize) {
    let wires = draft.wires();
    let mut lines = vec![(1.0, 0.0); channels];
    let (mut at, mut count) = (image.to_owned(), 0);
    while let Some(node) = wires.only_reader(&at).and_then(|position| draft.graph.nodes.get(position)) {
        let Some(norm) = norm::read(draft, node).filter(|norm| norm.gamma.len() == channels) else { break };
        let ([first, ..], [output]) = (node.inputs.as_slice(), node.outputs.as_slice()) else { break };
        if *first != at || draft.graph.outputs.contains(output) {
            break;
        }
        for (line, (slope, offset)) in lines.iter_mut().zip(norm::slope_offset(&norm)) {
            *line = (slope * line.0, slope * line.1 + offset);
        }
        at.clone_from(output);
        count += 1;
    }
    (lines, at, count)
}

/// The normalization of codes, and what was assumed of the file's unit.
fn normalization(
    lines: &Lines,
    quantizer: Option<(f64, f64)>,
) -> Option<(Normalization, Option<&'static str>)> {
    let (lines, unit): (Lines, _) = match quantizer {
        Some((scale, shift)) => {
            (lines.iter().map(|(slope, offset)| (slope * scale, slope * shift + offset)).collect(), None)
        }
        None => {
            let of_one = lines
                .iter()
                .all(|(slope, offset)| 1.0 / slope <= LARGEST_DEVIATION_OF_ONE && -offset / slope <= 1.0);
            if of_one {
                let unit =
                    "the file's image has colours from 0 to 1, as the scale of its normalization suggests";
                (lines.iter().map(|(slope, offset)| (slope / 255.0, *offset)).collect(), Some(unit))
            } else {
                (lines.clone(), None)
            }
        }
    };
    let mut mean = [0.0; 3];
    let mut deviation = [0.0; 3];
    for channel in 0..3 {
        // A gray image has one for all.
        let &(slope, offset) = if lines.len() == 3 { lines.get(channel)? } else { lines.first()? };
        if lines.len() != 3 && lines.iter().any(|line| *line != (slope, offset)) {
            return None;
        }
        let at_zero = -offset / slope;
        mean[channel] = (if at_zero.abs() < 1e-4 { 0.0 } else { at_zero }) as f32;
        deviation[channel] = (1.0 / slope) as f32;
    }
    let fits = mean.iter().all(|mean| (0.0..=255.0).contains(mean))
        && deviation.iter().all(|deviation| deviation.is_normal() && (1e-3..=1e4).contains(deviation));
    fits.then(|| (usual(Normalization { mean, deviation }), unit))
}

/// The usual normalization that is meant, if one is near: scales are rounded, and zero points to whole codes.
fn usual(found: Normalization) -> Normalization {
    let near = |usual: &Normalization| {
        let means = usual.mean.iter().zip(&found.mean).all(|(a, b)| (a - b).abs() <= NEAR_CODES);
        let deviations = usual.deviation.iter().zip(&found.deviation);
        means && deviations.into_iter().all(|(a, b)| (a / b - 1.0).abs() <= NEAR_FACTOR)
    };
    Normalization::USUAL.into_iter().find(near).unwrap_or(found)
}

/// Lets what reads the end of the scales read the image.
fn unlink(draft: &mut Draft, image: &str, end: String) {
    let RawGraph { quantizers, .. } = &mut draft.graph;
    // They are of the image before its normalization.
    quantizers.remove(image);
    draft.rename(&BTreeMap::from([(end, image.to_owned())]));
    super::dead::remove(draft);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::super::{identities, layout};
    use super::*;
    use crate::import::raw::{Layout, RawOp};

    const COLOURS: [f32; 3] = [0.485, 0.456, 0.406];

    #[test]
    fn scales_and_shifts_are_a_normalization() {
        use RawOp::{Add, Div, Mul, Sub};
        let one = |value: f32| vec![value];
        let quantizer = |scale, zero_point, range| Some(RawQuantizer { scale, zero_point, range });
        let (signed, unsigned) = ((-128, 127), (0, 255));
        type Steps = Vec<(RawOp, Vec<f32>)>;
        let signed_steps: Steps = vec![(Div, one(127.5)), (Sub, one(1.0))];
        let deviations = vec![0.229, 0.224, 0.225];
        let imagenet: Steps = vec![(Sub, COLOURS.to_vec()), (Div, deviations.clone())];
        let keras: Steps = vec![
            (Mul, one(1.0 / 255.0)),
            (Sub, COLOURS.to_vec()),
            (Mul, deviations.iter().map(|d| 1.0 / d).collect()),
        ];
        let caffe = vec![(Sub, vec![103.939, 116.779, 123.68])];
        for (steps, quantizer, expected, left) in [
            (signed_steps.clone(), None, Some(Normalization::SIGNED), 1),
            (vec![(Mul, one(1.0 / 127.5)), (Add, one(-1.0))], None, Some(Normalization::SIGNED), 1),
            (vec![(Mul, one(2.0)), (Sub, one(1.0))], None, Some(Normalization::SIGNED), 1),
            (vec![(Div, one(255.0))], None, Some(Normalization::UNIT), 1),
            (imagenet.clone(), None, Some(Normalization::IMAGENET), 1),
            (keras, None, Some(Normalization::IMAGENET), 1),
            (caffe, None, Some(Normalization { mean: [103.939, 116.779, 123.68], deviation: [1.0; 3] }), 1),
            // 1 - x: no image is inverted by its normalization.
            (vec![(Mul, one(-1.0)), (Add, one(1.0))], None, None, 3),
            (vec![], None, None, 1),
            (vec![], quantizer(1.0 / 255.0, 0, unsigned), Some(Normalization::UNIT), 1),
            (vec![], quantizer(1.0 / 255.0, -128, signed), Some(Normalization::UNIT), 1),
            (vec![], quantizer(1.0 / 256.0, -128, signed), Some(Normalization::UNIT), 1),
            (vec![], quantizer(1.0, -128, signed), Some(Normalization::RAW), 1),
            (vec![], quantizer(0.007_812_5, 128, unsigned), Some(Normalization::SIGNED), 1),
            (vec![], quantizer(0.007_843_138, -1, signed), Some(Normalization::SIGNED), 1),
            (vec![], quantizer(f32::NAN, -1, signed), None, 1),
            (vec![], quantizer(1.0, 0, (-32768, 32767)), None, 1),
            (imagenet, quantizer(1.0 / 255.0, -128, signed), Some(Normalization::IMAGENET), 1),
            (signed_steps, quantizer(1.0, 0, unsigned), Some(Normalization::SIGNED), 1),
        ] {
            let mut builder = Builder::new(Layout::ChannelsFirst, [1, 3, 8, 8]);
            let mut x = "image".to_owned();
            for (op, values) in &steps {
                let constant = builder.constant_of(&[values.len(), 1, 1], values.clone());
                x = builder.node(op.clone(), &[&x, &constant]);
            }
            builder.conv_of(&x, 3, 4, [3, 3], [1, 1]);
            builder.graph.quantizers.extend(quantizer.map(|quantizer| ("image".to_owned(), quantizer)));
            let mut draft = Draft::new(builder.finish(), Default::default());
            for pass in [layout::settle, identities::remove, super::super::scales::to_norms, take] {
                pass(&mut draft);
            }
            let close =
                |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4 * b.abs());
            match (draft.normalization, expected) {
                (Some(found), Some(expected)) => {
                    assert!(
                        close(found.mean, expected.mean) && close(found.deviation, expected.deviation),
                        "{found:?}"
                    );
                }
                (found, expected) => assert_eq!(found, expected, "{steps:?}"),
            }
            assert_eq!(operators(&draft.graph).len(), left, "{steps:?}");
        }
    }
}
