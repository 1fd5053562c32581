//! The fast path equals the reference, bit for bit.

#[path = "common/infer.rs"]
mod cases;

use bitsmith::infer::{
    Engine, PreparedKernel, RowRequantizer, Scratch, Workspace, reference, requantize_row,
};
use bitsmith::quant::Bits;
use cases::{LayerCase, Random, all_widths, random_network};
use proptest::prelude::*;

/// Codes of a layer by the fast path.
fn fast(case: &LayerCase) -> (Vec<i32>, Vec<u8>, Vec<u8>) {
    let LayerCase { graph, kernel, input, zero_point, bits } = case;
    let prepared = PreparedKernel::new(graph, 0, &kernel.weights, &kernel.zero_points);
    let requantizer = RowRequantizer::new(&kernel.requantizers, *zero_point, *bits);
    let (mut accumulators, mut codes, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    prepared.sums(input, &kernel.pad_codes, &mut Scratch::default(), |y, sums| {
        assert_eq!(accumulators.len(), y * sums.len(), "rows come in order");
        let biases = kernel.requantizers.iter().map(|r| r.bias).cycle();
        accumulators.extend(sums.iter().zip(biases).map(|(sum, bias)| sum + bias));
        codes.resize(accumulators.len(), 0);
        plain.resize(accumulators.len(), 0);
        let start = y * sums.len();
        requantizer.apply(sums, &mut codes[start..]);
        requantize_row(sums, &kernel.requantizers, *zero_point, *bits, &mut plain[start..]);
    });
    (accumulators, codes, plain)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn layers_agree(seed: u64) {
        for (i, widths) in all_widths().enumerate() {
            let case = LayerCase::random(seed.wrapping_add(i as u64), widths);
            let accumulators = reference::accumulate(&case.graph, 0, &case.kernel, &case.input);
            let codes = reference::requantize(&accumulators, &case.kernel.requantizers, case.zero_point, case.bits);
            let (fast_accumulators, fast_codes, plain_codes) = fast(&case);
            prop_assert_eq!(fast_accumulators, accumulators, "{:?}", case);
            prop_assert_eq!(plain_codes, &codes[..], "{:?}", case);
            prop_assert_eq!(fast_codes, codes, "{:?}", case);
        }
    }
}

#[test]
fn networks_agree() {
    for (name, seeds) in [("mobilenet-v1-0.25-96", 3), ("mobilenet-v2-0.35-64", 4), ("mnasnet-0.5-32", 8)] {
        let mut workspace = Workspace::default();
        for seed in 0..seeds {
            let network = random_network(name, 10 + seed, seed);
            let engine = Engine::new(&network).expect(name);
            for image in 0..2 {
                let image = Random(image).codes(network.graph.image().shape.elements(), Bits::B8);
                let expected = reference::run(&network, &image).expect(name);
                let logits = engine.run(&mut workspace, &image).expect(name);
                assert_eq!(logits, expected, "{name}, seed {seed}");
                assert!(expected.iter().any(|logit| *logit != expected[0]), "{name} says something");
            }
        }
    }
}
