//! MCUNet, ProxylessNAS and Once-for-All (github.com/mit-han-lab): blocks of inverted residuals, all named alike.

use super::place::{Modules, Place};
use std::collections::{BTreeMap, BTreeSet};

/// What all names within a block have.
const BLOCK: &str = ".mobile_inverted_conv.";

pub(super) fn modules(place: Place) -> Modules {
    let (block, part) = match place {
        Place::Stem => return within("first_conv"),
        Place::Head => return within("feature_mix_layer"),
        Place::Expand(block) => (block, "inverted_bottleneck"),
        Place::Depthwise(block) => (block, "depth_conv"),
        Place::Project(block) => (block, "point_linear"),
    };
    within(&format!("blocks.{}{BLOCK}{part}", block - 1))
}

fn within(layer: &str) -> Modules {
    Modules::new(format!("{layer}.conv"), format!("{layer}.bn"))
}

/// Names as those of a plain network: elastic layers hold theirs once more inside (`conv.conv`), and blocks that were
/// left out of a network, whose input is their output, leave gaps in the numbers. Other tools' names stay as they are.
pub(in crate::import) fn plain<T>(tensors: BTreeMap<String, T>) -> BTreeMap<String, T> {
    let block = |name: &str| {
        let number = name.strip_prefix("blocks.")?.split_once(BLOCK)?.0;
        number.parse::<usize>().ok()
    };
    let present: BTreeSet<usize> = tensors.keys().filter_map(|name| block(name)).collect();
    if present.is_empty() {
        return tensors;
    }
    let places: BTreeMap<usize, usize> = present.into_iter().zip(0..).collect();
    let rename = |name: String| {
        let place = block(&name).and_then(|number| Some((number, places.get(&number)?)));
        let name = match place {
            Some((number, place)) => {
                name.replacen(&format!("blocks.{number}."), &format!("blocks.{place}."), 1)
            }
            None => name,
        };
        once(&name)
    };
    let mut renamed = BTreeMap::new();
    for (name, tensor) in tensors {
        renamed.entry(rename(name)).or_insert(tensor);
    }
    renamed
}

/// The name that a plain layer's tensor has where an elastic one says it twice.
pub(in crate::import) fn once(name: &str) -> String {
    [(".conv.conv.", ".conv."), (".bn.bn.", ".bn."), (".linear.linear.", ".linear.")]
        .into_iter()
        .fold(name.to_owned(), |name, (twice, once)| name.replace(twice, once))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_a_plain_network() {
        let block = |rest: &str| format!("blocks.{rest}");
        for (names, expected) in [
            (vec!["features.0.conv.conv.weight".to_owned()], vec!["features.0.conv.conv.weight".to_owned()]),
            (
                vec![
                    block("0.mobile_inverted_conv.depth_conv.conv.conv.weight"),
                    block("4.mobile_inverted_conv.depth_conv.bn.bn.bias"),
                    block("11.mobile_inverted_conv.depth_conv.bn.running_var"),
                    "classifier.linear.linear.weight".into(),
                ],
                vec![
                    block("0.mobile_inverted_conv.depth_conv.conv.weight"),
                    block("1.mobile_inverted_conv.depth_conv.bn.bias"),
                    block("2.mobile_inverted_conv.depth_conv.bn.running_var"),
                    "classifier.linear.weight".into(),
                ],
            ),
        ] {
            let tensors = names.into_iter().map(|name| (name, ())).collect();
            assert_eq!(plain(tensors).into_keys().collect::<Vec<_>>(), expected);
        }
    }
}
