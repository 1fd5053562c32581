//! Which network a file holds, from the names and shapes of its tensors alone.

use super::{
    ImportError, Naming,
    file::File,
    layout,
    naming::{Part, candidates},
};
use crate::net::{Family, Graph, Layer, Op, Spec, Width};

/// A network and the way its tensors are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recognized {
    pub family: Family,
    pub naming: Naming,
    pub width: Width,
    /// Outputs of the classifier.
    pub outputs: u64,
    /// Name of the classifier's module.
    pub classifier: String,
    /// Whether the first convolution has one input channel: gray.
    pub gray: bool,
}

impl Recognized {
    /// Whether the classifier has one output, as a sigmoid for two classes has it.
    pub fn has_one_output(&self) -> bool {
        self.outputs == 1
    }

    /// Classes that the outputs tell apart.
    pub fn classes(&self) -> u64 {
        if self.has_one_output() { 2 } else { self.outputs }
    }
}

/// Recognizes the network, `naming` forced if given. Of widths with the same shapes, `prefer` is taken, or a
/// published one, or the smallest.
pub(super) fn recognize(
    file: &File,
    naming: Option<Naming>,
    prefer: Option<Width>,
) -> Result<Recognized, ImportError> {
    let names = nearest_names(file, naming)?;
    // Names that two families share leave the choice to the shapes.
    let fitted = names.into_iter().map(|found| (nearest_width(file, found.0, found.1, prefer), found));
    let best = fitted.reduce(|best, next| if next.0.0 > best.0.0 { next } else { best });
    let Some(((_, width), (naming, family, classifier))) = best else { return Err(unknown(file, naming)) };
    let outputs = outputs(file, naming, &classifier);
    let gray = is_gray(file, naming, family);
    Ok(Recognized { family, naming, width, outputs, classifier, gray })
}

/// A naming, a family, and the name of the classifier's module.
type Names = (Naming, Family, String);

/// The namings and families with the most names in common with the file; several only if they have the same names.
fn nearest_names(file: &File, forced: Option<Naming>) -> Result<Vec<Names>, ImportError> {
    // Counters of batches and the like must not weigh against a naming.
    let floats = file.tensors.values().filter(|tensor| tensor.is_float()).count();
    let (mut most, mut best) = (0.1, Vec::new());
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
            if overlap > most {
                (most, best) = (overlap, Vec::new());
            }
            if overlap >= most && overlap > 0.1 {
                best.push((naming, family, classifier));
            }
        }
    }
    if best.is_empty() { Err(unknown(file, forced)) } else { Ok(best) }
}

fn unknown(file: &File, forced: Option<Naming>) -> ImportError {
    ImportError::UnknownNames { count: file.tensors.len(), sample: file.sample.clone(), forced }
}

/// Name of the classifier's module: one that is known, else in Keras the only dense layer, as people name the head
/// which they put on a pretrained network as they like.
fn classifier(file: &File, naming: Naming, family: Family) -> String {
    let known = naming.classifiers(family);
    let weight = |module: &str| {
        if naming.is_keras() { format!("{module}/kernel") } else { format!("{module}.weight") }
    };
    if let Some(module) = known.iter().find(|module| file.contains(&weight(module))) {
        return (*module).to_owned();
    }
    let mut dense = file
        .tensors
        .iter()
        .filter(|(_, tensor)| naming == Naming::Keras && tensor.shape.len() == 2)
        .filter_map(|(name, _)| name.strip_suffix("/kernel"));
    match (dense.next(), dense.next()) {
        (Some(module), None) => module.to_owned(),
        _ => known[0].to_owned(),
    }
}

/// The width whose convolutions fit best, and how many of them do.
fn nearest_width(file: &File, naming: Naming, family: Family, prefer: Option<Width>) -> (usize, Width) {
    let found: Vec<Option<[usize; 4]>> = convolutions(&reference(family).build())
        .map(|layer| {
            let names = candidates(naming, family, layer, Part::Weight, "");
            let tensor = names.iter().find_map(|name| file.tensors.get(name))?;
            let stored: [usize; 4] = tensor.shape[..].try_into().ok()?;
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
        if fitting == found.len() {
            break;
        }
    }
    best
}

/// Whether the first convolution has one input channel.
fn is_gray(file: &File, naming: Naming, family: Family) -> bool {
    let graph = reference(family).build();
    let Some(stem) = convolutions(&graph).next() else { return false };
    let names = candidates(naming, family, stem, Part::Weight, "");
    let stored = names.iter().find_map(|name| file.tensors.get(name)).map(|tensor| &tensor.shape[..]);
    let stored = stored.and_then(|shape| <[usize; 4]>::try_from(shape).ok());
    stored.is_some_and(|stored| layout::ours(stored, layout::axes(naming, stem.op))[3] == 1)
}

/// Layers whose weights depend on the width alone; as many at every width.
fn convolutions(graph: &Graph) -> impl Iterator<Item = &Layer> {
    graph.weighted_layers().map(|(_, layer)| layer).filter(|layer| layer.op != Op::Linear)
}

/// Outputs of the classifier; ImageNet's 1000 if it is missing or has no sensible shape.
fn outputs(file: &File, naming: Naming, classifier: &str) -> u64 {
    let outputs = if naming.is_keras() {
        file.tensors.get(&format!("{classifier}/kernel")).and_then(|kernel| kernel.shape.last())
    } else {
        file.tensors.get(&format!("{classifier}.weight")).and_then(|weight| weight.shape.first())
    };
    outputs.map_or(1000, |&outputs| outputs as u64)
}

/// Any network of a family: names do not depend on width, side and classes.
fn reference(family: Family) -> Spec {
    let padding = family.usual_padding();
    Spec { family, width: Width(100), side: 224, classes: 1000, padding }
}
