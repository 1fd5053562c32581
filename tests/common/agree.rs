//! The fast path equals the reference, bit for bit. Needs the module `cases` at the root of the crate.

use crate::cases::{LayerCase, Random};
use bitsmith::infer::{
    Engine, PreparedKernel, RowRequantizer, Scratch, Workspace, argmax, reference, requantize_row,
};
use bitsmith::quant::{Bits, QuantizedNetwork};

/// One layer: accumulators and codes, by vectors and one by one.
pub fn layer(case: &LayerCase, scratch: &mut Scratch) {
    let LayerCase { graph, kernel, input, zero_point, bits } = case;
    let accumulators = reference::accumulate(graph, 0, kernel, input);
    let codes = reference::requantize(&accumulators, &kernel.requantizers, *zero_point, *bits);

    let prepared = PreparedKernel::new(graph, 0, &kernel.weights, &kernel.zero_points);
    let requantizer = RowRequantizer::new(&kernel.requantizers, *zero_point, *bits);
    let mut rows = 0;
    prepared.sums(input, &kernel.pad_codes, scratch, |y, sums| {
        assert_eq!(y, rows, "rows come in order");
        rows += 1;
        let row = y * sums.len()..(y + 1) * sums.len();
        let biases = kernel.requantizers.iter().map(|r| r.bias).cycle();
        let found: Vec<i32> = sums.iter().zip(biases).map(|(sum, bias)| sum + bias).collect();
        assert_eq!(found, accumulators[row.clone()], "accumulators of row {y} of {case:?}");
        let mut found = vec![0; sums.len()];
        requantizer.apply(sums, &mut found);
        assert_eq!(found, codes[row.clone()], "codes of row {y} of {case:?}");
        requantize_row(sums, &kernel.requantizers, *zero_point, *bits, &mut found);
        assert_eq!(found, codes[row], "codes of row {y} of {case:?}, one by one");
    });
    assert_eq!(rows, graph.output_shape(&graph.layers[0]).height);
}

/// A network: the codes of every tensor, and the logits, which are given.
pub fn tensors(
    network: &QuantizedNetwork,
    engine: &Engine,
    image: &[u8],
    workspace: &mut Workspace,
) -> Vec<i32> {
    let (name, graph) = (network.network.to_string(), network.graph());
    let expected = reference::trace(network, image).expect(&name);
    let mut seen = 0;
    let logits = engine.run_observed(workspace, image, |layer, codes| {
        let output = graph.layers[layer].output;
        assert_eq!(codes, expected.tensors[output], "{name}, layer {layer}, under {:?}", network.policy);
        seen += 1;
    });
    assert_eq!(logits, Ok(&expected.logits[..]), "{name} under {:?}", network.policy);
    assert_eq!(seen, graph.layers.len() - 1, "all but the logits");
    expected.logits
}

/// A network: codes and logits of some images.
pub fn network(network: &QuantizedNetwork, images: u64, workspace: &mut Workspace) {
    let name = network.network.to_string();
    let engine = Engine::new(network).expect(&name);
    for image in 0..images {
        let image = Random(image).codes(network.graph().image().shape.elements(), Bits::B8);
        let expected = tensors(network, &engine, &image, workspace);
        assert!(expected.iter().any(|logit| *logit != expected[0]), "the logits of {name} say something");
        assert_eq!(engine.predict(workspace, &image), Ok(argmax(&expected)));
    }
}
