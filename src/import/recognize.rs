//! Which network a file holds, from the names and shapes of its tensors alone.

use super::{
    ImportError, Naming,
    file::File,
    layout,
    naming::{Part, candidates},
    weights::is_float,
};
use crate::net::{Family, Graph, Layer, Op, Spec, Width};

/// A network and the way its tensors are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognized {
    pub family: Family,
    pub naming: Naming,
    pub width: Width,
    pub classes: u64,
    /// Name of the classifier's module.
    pub classifier: String,
}

/// Recognizes the network, `naming` forced if given. Of widths with the same shapes, `prefer` is taken, or a
/// published one, or the smallest.
pub(super) fn recognize(
    file: &File,
    naming: Option<Naming>,
    prefer: Option<Width>,
) -> Result<Recognized, ImportError> {
    let (naming, family, classifier) = nearest_names(file, naming)?;
    Ok(Recognized {
        family,
        naming,
        width: nearest_width(file, naming, family, prefer),
        classes: classes(file, naming, &classifier),
        classifier,
    })
}

/// The naming and the family with the most names in common with the file.
fn nearest_names(file: &File, forced: Option<Naming>) -> Result<(Naming, Family, String), ImportError> {
    // Counters of batches and the like must not weigh against a naming.
    let floats = file.tensors.values().filter(|tensor| is_float(tensor.dtype())).count();
    let mut best: Option<(f64, (Naming, Family, String))> = None;
    for naming in Naming::ALL.into_iter().filter(|naming| forced.is_none_or(|forced| forced == *naming)) {
        for family in Family::ALL.into_iter().filter(|&family| naming.has(family)) {
            let classifier = classifier(file, naming, family);
            let graph = reference(family).build();
            let (mut shared, mut expected) = (0, 0);
            for (_, layer) in graph.weighted_layers() {
                for &part in Part::of(layer.op) {
                    let names = candidates(naming, family, layer, part, &classifier);
                    expected += 1;
                    shared += usize::from(names.iter().any(|name| file.contains(name)));
                }
            }
            let overlap = shared as f64 / (expected + floats).saturating_sub(shared).max(1) as f64;
            if overlap > best.as_ref().map_or(0.1, |(overlap, _)| *overlap) {
                best = Some((overlap, (naming, family, classifier)));
            }
        }
    }
    best.map(|(_, found)| found).ok_or_else(|| ImportError::UnknownNames {
        count: file.tensors.len(),
        sample: file.tensors.keys().take(3).map(String::as_str).collect::<Vec<_>>().join(", "),
        forced,
    })
}

/// Name of the classifier's module: one that is known, else in Keras the only dense layer, as people name the head
/// which they put on a pretrained network as they like.
fn classifier(file: &File, naming: Naming, family: Family) -> String {
    let known = naming.classifiers(family);
    let weight = |module: &str| match naming {
        Naming::Keras => format!("{module}/kernel"),
        Naming::Torchvision | Naming::Timm => format!("{module}.weight"),
    };
    if let Some(module) = known.iter().find(|module| file.contains(&weight(module))) {
        return (*module).to_owned();
    }
    let mut dense = file
        .tensors
        .iter()
        .filter(|(_, tensor)| naming == Naming::Keras && tensor.shape().len() == 2)
        .filter_map(|(name, _)| name.strip_suffix("/kernel"));
    match (dense.next(), dense.next()) {
        (Some(module), None) => module.to_owned(),
        _ => known[0].to_owned(),
    }
}

/// The width whose convolutions fit best.
fn nearest_width(file: &File, naming: Naming, family: Family, prefer: Option<Width>) -> Width {
    let found: Vec<Option<[usize; 4]>> = convolutions(&reference(family).build())
        .map(|layer| {
            let names = candidates(naming, family, layer, Part::Weight, "");
            let tensor = names.iter().find_map(|name| file.tensors.get(name))?;
            let stored: [usize; 4] = tensor.shape().try_into().ok()?;
            Some(layout::ours(stored, layout::axes(naming, layer.op)))
        })
        .collect();
    let named = family.named_widths().iter().copied();
    let order = prefer.into_iter().chain(named.chain(1..=1000).map(Width));
    let mut best = (0, reference(family).width);
    for spec in order.filter_map(|width| Spec::new(family, width, 32).ok()) {
        let graph = spec.build();
        let expected = convolutions(&graph).map(|layer| graph.weight_shape(layer));
        let fitting = expected.zip(&found).filter(|(expected, found)| expected == *found).count();
        if fitting > best.0 {
            best = (fitting, spec.width);
        }
    }
    best.1
}

/// Layers whose weights depend on the width alone; as many at every width.
fn convolutions(graph: &Graph) -> impl Iterator<Item = &Layer> {
    graph.weighted_layers().map(|(_, layer)| layer).filter(|layer| layer.op != Op::Linear)
}

/// Outputs of the classifier; ImageNet's 1000 if it is missing or has no sensible shape.
fn classes(file: &File, naming: Naming, classifier: &str) -> u64 {
    let classes = match naming {
        Naming::Keras => {
            file.tensors.get(&format!("{classifier}/kernel")).and_then(|kernel| kernel.shape().last())
        }
        Naming::Torchvision | Naming::Timm => {
            file.tensors.get(&format!("{classifier}.weight")).and_then(|weight| weight.shape().first())
        }
    };
    classes.map_or(1000, |&classes| classes as u64)
}

/// Any network of a family: names do not depend on width, side and classes.
fn reference(family: Family) -> Spec {
    let padding = family.usual_padding();
    Spec { family, width: Width(100), side: 224, classes: 1000, padding }
}
