//! Nodes, inputs and constants that no result depends on.

use super::draft::Draft;
use std::collections::HashSet;

/// Takes them out.
pub(super) fn remove(draft: &mut Draft) {
    let graph = &mut draft.graph;
    let mut needed: HashSet<String> = graph.outputs.iter().cloned().collect();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    // Nodes stand in execution order, so that all readers of a tensor come before its writer here.
    for node in graph.nodes.drain(..).rev() {
        if node.outputs.iter().any(|output| needed.contains(output)) {
            needed.extend(node.inputs.iter().cloned());
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
    graph.inputs.retain(|input| needed.contains(&input.name));
    graph.constants.retain(|name, _| needed.contains(name));
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, operators};
    use super::*;
    use crate::import::raw::{Layout, RawInput};

    #[test]
    fn what_no_result_needs_goes() {
        let mut builder = Builder::new(Layout::ChannelsLast, [1, 4, 4, 3]);
        let unused = builder.conv("image", 4, [3, 3], [1, 1]);
        builder.relu(&unused);
        builder.graph.inputs.push(RawInput { name: "learning phase".into(), dims: vec![] });
        builder.conv("image", 2, [1, 1], [1, 1]);
        let mut draft = Draft::new(builder.finish(), Default::default());
        remove(&mut draft);
        assert_eq!(operators(&draft.graph), ["Conv"]);
        assert_eq!(draft.graph.inputs.len(), 1);
        assert_eq!(draft.graph.constants.len(), 1);
    }
}
