//! Figures of arXiv 1905.13082 and what follows from its formulas.

use super::*;
use crate::{
    memory::{
        Budget, MemoryModel,
        sample::{Random, graph},
    },
    net::{Family, Op, Spec, Width},
    quant::Slot,
};
use proptest::prelude::*;

/// Table 2 of the paper gives 4.06, 2.05, 2.10 and 2.12 MB for MobileNetV1 1.0.
#[test]
fn weight_memory_of_the_schemes() {
    let graph = graph("mobilenet-v1-1.0-224");
    for (scheme, weights, parameters, mebibytes) in [
        (Scheme::PerLayerFolded, Bits::B8, 48_336, 4.060),
        (Scheme::PerLayerFolded, Bits::B4, 48_336, 2.053),
        (Scheme::PerLayerIcn, Bits::B4, 102_840, 2.105),
        (Scheme::PerChannelIcn, Bits::B4, 116_660, 2.118),
    ] {
        assert_eq!(parameter_bytes(&graph, scheme), parameters, "{scheme:?}");
        let bytes = flash_bytes(&graph, &Policy::uniform(&graph, weights, Bits::B8), scheme);
        let found = bytes as f64 / f64::from(1 << 20);
        assert!((found - mebibytes).abs() < 0.0005, "{scheme:?} {weights}: {found}");
    }
}

/// Weights, share of the classifier and of depthwise layers in percent, mean bits at 2,000,000 bytes, 2 MiB and 1 MiB
/// (`None` if more than 8).
#[test]
fn weights_and_average_bits() {
    struct Row(&'static str, usize, f64, f64, [Option<f64>; 3]);
    for Row(name, weights, classifier, depthwise, averages) in [
        Row("mobilenet-v1-1.0-224", 4_209_088, 24.3, 1.06, [Some(3.80), Some(3.99), Some(1.99)]),
        Row("mobilenet-v1-0.75-224", 2_568_144, 29.9, 1.30, [Some(6.23), Some(6.53), Some(3.27)]),
        Row("mobilenet-v1-0.5-224", 1_319_648, 38.8, 1.69, [None, None, Some(6.36)]),
        Row("mobilenet-v2-1.4-224", 6_059_840, 29.6, 1.49, [Some(2.64), Some(2.77), Some(1.38)]),
        Row("mobilenet-v2-1.0-224", 3_469_760, 36.9, 1.85, [Some(4.61), Some(4.84), Some(2.42)]),
        Row("mobilenet-v2-0.75-224", 2_608_784, 49.1, 1.88, [Some(6.13), Some(6.43), Some(3.22)]),
        Row("mnasnet-1.0-224", 4_344_392, 29.5, 3.69, [Some(3.68), Some(3.86), Some(1.93)]),
        Row("mnasnet-0.75-224", 3_139_400, 40.8, 3.93, [Some(5.10), Some(5.34), Some(2.67)]),
        Row("mnasnet-0.5-224", 2_196_888, 58.3, 3.73, [Some(7.28), Some(7.64), Some(3.82)]),
    ] {
        let graph = graph(name);
        let bytes = |keep: &dyn Fn(&Op) -> bool| -> usize {
            let layers = graph.layers.iter().filter(|layer| keep(&layer.op));
            layers.map(|layer| weight_bytes(&graph, layer, Bits::B8)).sum()
        };
        assert_eq!(bytes(&|_| true), weights, "{name}");
        let percent = |part: usize| 100.0 * part as f64 / weights as f64;
        assert!((percent(bytes(&|op| matches!(op, Op::Linear))) - classifier).abs() < 0.05, "{name}");
        assert!((percent(bytes(&|op| matches!(op, Op::Depthwise(..)))) - depthwise).abs() < 0.005, "{name}");
        for (budget, expected) in [2_000_000, 2 << 20, 1 << 20].into_iter().zip(averages) {
            let average = 8.0 * f64::from(budget) / weights as f64;
            match expected {
                Some(expected) => assert!((average - expected).abs() < 0.0051, "{name}: {average}"),
                None => assert!(average > 8.0, "{name}: {average}"),
            }
        }
    }
}

#[test]
fn the_peak_is_at_the_first_pointwise_layer_of_mobilenet_v1() {
    for (name, peak) in [
        ("mobilenet-v1-1.0-224", 1_204_224),
        ("mobilenet-v1-0.75-160", 460_800),
        ("mobilenet-v1-0.5-192", 442_368),
        ("mobilenet-v1-0.25-128", 98_304),
        ("mobilenet-v2-1.4-224", 2_257_920),
        ("mobilenet-v2-0.35-224", 752_640),
        ("mnasnet-1.0-224", 802_816),
        ("mnasnet-0.5-224", 401_408),
    ] {
        let graph = graph(name);
        let policy = Policy::uniform(&graph, Bits::B8, Bits::B8);
        assert_eq!(ram_bytes(&graph, &policy), peak, "{name}");
        let footprint = MemoryModel::Paper.footprint(&graph, &policy);
        let budget = Budget { flash: usize::MAX, ram: peak - 1 };
        let excess = footprint.excesses(&graph, &policy, budget).remove(0);
        if name.starts_with("mobilenet-v1") {
            assert_eq!(excess.layers, ["pw1"], "{name}");
        }
        assert_eq!((excess.needed, excess.bytes()), (peak, 1), "{name}");
    }
}

/// Fewest halvings of tensors after which every layer's input and output fit `ram` bytes, if they may go down to
/// `narrowest`. Exact, since in a chain only neighbours constrain each other.
fn fewest_halvings(graph: &Graph, ram: usize, narrowest: Bits) -> Option<usize> {
    let choices: Vec<TensorId> = Slot::all(graph)
        .into_iter()
        .filter_map(|slot| if let Slot::Activation(tensor) = slot { Some(tensor) } else { None })
        .collect();
    let bytes = |tensor: TensorId, bits: Bits| bits.bytes(graph.tensors[tensor].shape.elements());
    // Fewest halvings up to the tensor before, by its width.
    let mut fewest = vec![(Bits::B8, 0)];
    let mut before = 0;
    for tensor in choices {
        let widths = Bits::ALL.into_iter().filter(|&bits| bits >= narrowest);
        fewest = widths
            .filter_map(|bits| {
                let halvings = (8 / bits.count()).ilog2() as usize;
                let fits = |&&(other, _): &&(Bits, usize)| bytes(before, other) + bytes(tensor, bits) <= ram;
                let least = fewest.iter().filter(fits).map(|(_, count)| count + halvings).min()?;
                Some((bits, least))
            })
            .collect();
        before = tensor;
    }
    // The classifier's input and output are 8 bits and small.
    fewest.iter().map(|(_, count)| *count).min()
}

/// A policy of 8 bits but for these tensors.
fn narrowed(graph: &Graph, tensors: &[(TensorId, Bits)]) -> Policy {
    let mut policy = Policy::uniform(graph, Bits::B8, Bits::B8);
    tensors.iter().for_each(|&(tensor, bits)| policy.set(Slot::Activation(tensor), bits));
    policy
}

#[test]
fn what_ram_alone_forces_on_mobilenet_v1() {
    use Bits::{B2, B4};
    let five = &[(1, B4), (2, B4), (3, B2), (5, B4), (6, B4), (7, B4)][..];
    let three = &[(2, B4), (3, B4), (6, B4)][..];
    let one = &[(3, B4)][..];
    let other = &[(1, B4), (3, B2), (6, B4)][..];
    type Case<'a> = (&'a [&'a str], usize, &'a [(TensorId, Bits)]);
    let cases: [Case; 9] = [
        (&["1.0-224"], 512_000, five),
        (&["1.0-192", "0.75-224"], 512_000, three),
        (&["1.0-160", "0.75-192", "0.5-224"], 512_000, one),
        (&["1.0-128", "0.75-160", "0.75-128", "0.5-192", "0.25-224"], 512_000, &[]),
        (&["1.0-160", "0.75-192", "0.5-224"], 256_000, five),
        (&["1.0-128", "0.75-160"], 256_000, three),
        (&["0.75-128", "0.5-160", "0.25-224"], 256_000, one),
        (&["0.5-192"], 256_000, other),
        (&["0.5-128", "0.25-192", "0.25-160"], 256_000, &[]),
    ];
    for (names, ram, tensors) in cases {
        for name in names {
            let graph = graph(&format!("mobilenet-v1-{name}"));
            let policy = narrowed(&graph, tensors);
            assert!(ram_bytes(&graph, &policy) <= ram, "{name} {ram}");
            let halvings: usize = tensors.iter().map(|(_, bits)| if *bits == B2 { 2 } else { 1 }).sum();
            assert_eq!(fewest_halvings(&graph, ram, B2), Some(halvings), "{name} {ram}");
            let has_two_bits = tensors == five;
            assert_eq!(fewest_halvings(&graph, ram, B4).is_none(), has_two_bits, "{name} {ram}");
        }
    }
    let fewest = |name: &str, narrowest| fewest_halvings(&graph(name), 256_000, narrowest);
    assert_eq!(fewest("mobilenet-v1-1.0-224", B2), None, "infeasible");
    for name in ["mobilenet-v1-1.0-192", "mobilenet-v1-0.75-224"] {
        assert!(fewest(name, B2).is_some() && fewest(name, B4).is_none(), "{name} needs 2 bits");
    }
}

#[test]
fn shares_of_random_policies_that_fit() {
    const SAMPLES: usize = 20_000;
    for (name, percent) in
        [("mobilenet-v1-1.0-224", 9.7), ("mobilenet-v1-0.75-224", 42.0), ("mobilenet-v1-0.75-192", 74.0)]
    {
        let graph = graph(name);
        let mut random = Random(2020);
        let fits = (0..SAMPLES).filter(|_| ram_bytes(&graph, &random.policy(&graph)) <= 512_000).count();
        let found = 100.0 * fits as f64 / SAMPLES as f64;
        assert!((found - percent).abs() < 1.0, "{name}: {found} %");
    }
}

proptest! {
    #[test]
    fn narrower_is_never_more(
        family in proptest::sample::select(&Family::ALL[..]),
        width in 10..150_u16,
        seed in any::<u64>(),
        choice in any::<prop::sample::Index>(),
    ) {
        let graph = Spec::new(family, Width(width), 64).expect("in range").build();
        let policy = Random(seed).policy(&graph);
        let slot = *choice.get(&Slot::all(&graph));
        let Some(bits) = policy.get(slot).narrower() else { return Ok(()) };
        let mut narrower = policy.clone();
        narrower.set(slot, bits);
        let before = MemoryModel::Paper.usage(&graph, &policy);
        let after = MemoryModel::Paper.usage(&graph, &narrower);
        prop_assert!(after.flash <= before.flash && after.ram <= before.ram);
        let before = MemoryModel::DEVICE.flash(&graph, &policy);
        let after = MemoryModel::DEVICE.flash(&graph, &narrower);
        prop_assert!(after <= before);
    }
}
