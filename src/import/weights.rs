//! The tensors themselves: found, checked, converted, and brought into our layout.

use super::{
    ImportError, Problem, Problems,
    file::File,
    layout, luma,
    naming::{Part, candidates, shapes},
    recognize::Recognized,
    tensor::Tensor,
};
use crate::net::{Affine, BatchNorm, Graph, Layer, LayerWeights, Op, Spec};
use std::collections::BTreeSet;

/// Parts of names that betray squeeze-and-excite, in timm and in Keras.
const SQUEEZE_EXCITE: [&str; 2] = [".se.", "squeeze_excite"];

/// Reads the parameters of all layers, by layer id.
pub(super) fn read(
    file: &File,
    spec: &Spec,
    graph: &Graph,
    found: &Recognized,
    epsilon: f32,
) -> Result<Vec<Option<LayerWeights>>, ImportError> {
    let mut reader = Reader { file, graph, found, used: BTreeSet::new(), problems: Vec::new() };
    let weights = graph.layers.iter().map(|layer| reader.layer(layer, epsilon)).collect();
    let mut list = reader.unsupported();
    list.append(&mut reader.problems);
    list.append(&mut reader.unexpected());
    if list.is_empty() {
        return Ok(weights);
    }
    let network = format!("{spec} with {} classes", spec.classes);
    Err(Problems { network, naming: Some(found.naming), list }.into())
}

struct Reader<'a> {
    file: &'a File<'a>,
    graph: &'a Graph,
    found: &'a Recognized,
    used: BTreeSet<String>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The parameters of a layer; `None` if it has none or if something is wrong with them.
    fn layer(&mut self, layer: &Layer, epsilon: f32) -> Option<LayerWeights> {
        let mut shape = self.graph.weight_shape(layer)?;
        let gray = layer.inputs[0] == 0 && self.found.gray;
        if gray {
            shape[3] = 1;
        }
        let one_output = layer.op == Op::Linear && self.found.has_one_output();
        if one_output {
            shape[0] = 1;
        }
        let mut tensor = |part| self.tensor(layer, shape, part);
        let weight = tensor(Part::Weight);
        let affine = if layer.op == Op::Linear {
            tensor(Part::Bias).map(Affine::Bias)
        } else {
            let (gamma, beta) = (tensor(Part::Gamma), tensor(Part::Beta));
            let (mean, variance) = (tensor(Part::Mean), tensor(Part::Variance));
            gamma.zip(beta).zip(mean).zip(variance).map(|(((gamma, beta), mean), variance)| {
                Affine::BatchNorm(BatchNorm { gamma, beta, mean, variance, epsilon })
            })
        };
        let axes = layout::axes(self.found.naming, layer.op);
        let mut weights = LayerWeights { weight: layout::reorder(&weight?, shape, axes), affine: affine? };
        if one_output {
            add_zero_output(&mut weights);
        }
        if gray {
            weights.weight = luma::weights(&weights.weight);
        }
        Some(weights)
    }

    /// The checked elements of a tensor in the file's order; a problem is kept if there is one.
    fn tensor(&mut self, layer: &Layer, shape: [usize; 4], part: Part) -> Option<Vec<f32>> {
        let Recognized { naming, family, ref classifier, .. } = *self.found;
        let names = candidates(naming, family, layer, part, classifier);
        let shapes = shapes(naming, shape, layer, part);
        let Some(name) = names.iter().find(|name| self.file.contains(name)) else {
            let name = names.join("' or '");
            self.problems.push(Problem::Missing { name, expected: shapes[0].clone() });
            return None;
        };
        self.used.insert(name.clone());
        match values(name, &self.file.tensors[name], &shapes, part) {
            Ok(values) => Some(values),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Takes the tensors of unsupported layers out of what is left; one problem for all of a kind.
    fn unsupported(&mut self) -> Vec<Problem> {
        let excites = |name: &str| SQUEEZE_EXCITE.iter().any(|mark| name.contains(mark));
        let names: Vec<_> = self.left().map(|(name, _)| name.clone()).filter(|name| excites(name)).collect();
        let problem = names.first().map(|name| Problem::Unsupported {
            layer: "squeeze-and-excite",
            name: name.clone(),
            others: names.len() - 1,
        });
        self.used.extend(names);
        problem.into_iter().collect()
    }

    fn unexpected(&self) -> Vec<Problem> {
        let problem = |(name, tensor): (&String, &Tensor)| Problem::Unexpected {
            name: name.clone(),
            found: tensor.shape.clone(),
        };
        self.left().map(problem).collect()
    }

    /// Tensors of numbers that no layer has taken.
    fn left(&self) -> impl Iterator<Item = (&String, &Tensor<'_>)> {
        self.file.tensors.iter().filter(|(name, tensor)| {
            tensor.is_float() && !name.ends_with("num_batches_tracked") && !self.used.contains(*name)
        })
    }
}

/// Puts an output that is always zero before the only one: the second class is that of the highest logit where the
/// one output is above zero, as a sigmoid says, in real numbers and in integers.
fn add_zero_output(classifier: &mut LayerWeights) {
    let inputs = classifier.weight.len();
    classifier.weight.splice(..0, std::iter::repeat_n(0.0, inputs));
    if let Affine::Bias(bias) = &mut classifier.affine {
        bias.insert(0, 0.0);
    }
}

/// Converts and checks the elements of one tensor.
pub(super) fn values(
    name: &str,
    tensor: &Tensor,
    shapes: &[Vec<usize>],
    part: Part,
) -> Result<Vec<f32>, Problem> {
    let name = || name.to_owned();
    if !shapes.contains(&tensor.shape) {
        let (expected, found) = (shapes[0].clone(), tensor.shape.clone());
        return Err(Problem::Shape { name: name(), expected, found });
    }
    let values = tensor
        .to_f32()
        .ok_or_else(|| Problem::Type { name: name(), found: format!("{:?}", tensor.dtype) })?;
    let first = |wrong: fn(f32) -> bool| values.iter().copied().enumerate().find(|(_, value)| wrong(*value));
    if let Some((index, value)) = first(|value| !value.is_finite()) {
        return Err(Problem::NotFinite { name: name(), index, value });
    }
    if part == Part::Variance
        && let Some((index, value)) = first(|value| value < 0.0)
    {
        return Err(Problem::NegativeVariance { name: name(), index, value });
    }
    Ok(values)
}
