//! Hard sigmoids of any slope and offset as the usual one, min(max(x + 3, 0), 6) / 6, behind a factor and an addend: these
//! join what is before, as a batch normalization does.

use super::draft::{Draft, refuse};
use super::norm;
use crate::import::raw::{RawNode, RawOp};

/// Slope and offset of the usual one.
const USUAL: RawOp = RawOp::HardSigmoid { slope: 1.0 / 6.0, offset: 0.5 };

/// How near a factor and an addend are to those that change nothing: files round the sixth.
const NEAR: f64 = 1e-5;

/// Puts the factor and the addend in.
pub(super) fn settle(draft: &mut Draft) {
    let nodes = std::mem::take(&mut draft.graph.nodes);
    let mut kept = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        match before(draft, &node) {
            Ok(None) => {}
            Ok(Some(norm)) => {
                node.inputs.clone_from(&norm.outputs);
                node.op = USUAL;
                kept.push(norm);
            }
            Err(reason) => refuse(&mut node, reason),
        }
        kept.push(node);
    }
    draft.graph.nodes = kept;
}

/// The batch normalization before a hard sigmoid, if it needs one.
fn before(draft: &mut Draft, node: &RawNode) -> Result<Option<RawNode>, String> {
    let RawOp::HardSigmoid { slope, offset } = node.op else { return Ok(None) };
    let near = |value: f64, usual: f64| if (value - usual).abs() < NEAR { usual } else { value };
    let (factor, addend) = (near(6.0 * f64::from(slope), 1.0), near(6.0 * f64::from(offset) - 3.0, 0.0));
    let input = node.inputs.first().cloned().unwrap_or_default();
    // Behind something that cannot be taken nothing is known.
    let Some(channels) = draft.channels.get(&input).copied().filter(|_| (factor, addend) != (1.0, 0.0))
    else {
        return Ok(None);
    };
    let mut scale = RawNode {
        name: format!("{}/slope", node.name),
        operator: node.operator.clone(),
        op: RawOp::Identity,
        inputs: Vec::new(),
        outputs: vec![draft.fresh(&input)],
    };
    let line = norm::affine(vec![factor as f32; channels], vec![addend as f32; channels]);
    norm::write(draft, &mut scale, line, input)?;
    Ok(Some(scale))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, assert_same, operators};
    use super::super::{activations, layout};
    use super::*;
    use crate::import::raw::Layout;

    #[test]
    fn any_slope_is_the_usual_one_of_a_scale() {
        let usual = "HardSigmoid(0.16666667, 0.5)";
        for (slope, offset, expected) in [
            (1.0 / 6.0, 0.5, &["Conv", usual][..]),
            (0.166_666_7, 0.5, &["Conv", "HardSigmoid(0.1666667, 0.5)"]),
            (0.2, 0.5, &["Conv", "BatchNorm", usual]),
            // x / 6 of a map to which 3 was added before.
            (1.0 / 6.0, 0.0, &["Conv", "BatchNorm", usual]),
            (-1.0, 0.25, &["Conv", "BatchNorm", usual]),
        ] {
            let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
            let x = builder.conv("image", 4, [3, 3], [1, 1]);
            builder.unary(&x, RawOp::HardSigmoid { slope, offset });
            let graph = builder.finish();
            let mut draft = Draft::new(graph.clone(), Default::default());
            layout::settle(&mut draft);
            activations::recognize(&mut draft);
            settle(&mut draft);
            assert_eq!(operators(&draft.graph), expected, "{slope} {offset}");
            assert_same(&graph, &draft.graph);
        }
    }
}
