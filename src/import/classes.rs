//! A head of some of a network's classes.

use super::{Imported, Origin, Setting, SettingKind};
use crate::net::{Affine, BatchNorm, LayerWeights, Model, SpecError};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A class that stays when a network is specialised to some of its classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptClass {
    /// Its output in the network with all classes.
    pub output: usize,
    /// Its name.
    pub label: String,
}

/// Why a network cannot be specialised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClassesError {
    /// An output that there is not, or twice.
    #[error(
        "output {output} of {outputs}: expected different outputs of the network; choose its classes from its images again"
    )]
    Output {
        /// The output.
        output: usize,
        /// How many there are.
        outputs: usize,
    },
    /// All classes would stay.
    #[error("the images have all {0} classes of the network: there is nothing to specialise it to")]
    All(usize),
    /// Too few.
    #[error(transparent)]
    Spec(#[from] SpecError),
}

impl Imported {
    /// The same network with a head of some of its classes, in this order: what tells the others apart is cut off. The
    /// answer is the same as before among these classes.
    ///
    /// # Errors
    /// If a class is none of the network's, or fewer than two or all of them would stay.
    pub fn keep_classes(mut self, classes: &[KeptClass]) -> Result<Self, ClassesError> {
        let Model { network, weights, labels, .. } = &mut self.model;
        let graph = network.graph();
        let outputs = graph.classes();
        let mut seen = HashSet::new();
        if let Some(wrong) =
            classes.iter().find(|class| class.output >= outputs || !seen.insert(class.output))
        {
            return Err(ClassesError::Output { output: wrong.output, outputs });
        }
        if classes.len() == outputs {
            return Err(ClassesError::All(outputs));
        }
        let kept: Vec<usize> = classes.iter().map(|class| class.output).collect();
        let smaller = network.with_classes(kept.len())?;
        let logits = graph.logits();
        let heads = graph.layers.iter().enumerate().filter(|(_, layer)| layer.output == logits);
        for (id, _) in heads {
            if let Some(LayerWeights { weight, affine }) = &mut weights[id] {
                *weight = rows(weight, outputs, &kept);
                match affine {
                    Affine::Bias(bias) => *bias = rows(bias, outputs, &kept),
                    Affine::BatchNorm(BatchNorm { gamma, beta, mean, variance, .. }) => {
                        for values in [gamma, beta, mean, variance] {
                            *values = rows(values, outputs, &kept);
                        }
                    }
                }
            }
            if let Some(quantizers) = self.grids.as_mut().and_then(|grids| grids.weights[id].as_mut()) {
                *quantizers = rows(quantizers, outputs, &kept);
            }
        }
        *labels = Some(classes.iter().map(|class| class.label.clone()).collect());
        *network = smaller;
        let value = format!("{} of the file's {outputs}", kept.len());
        self.settings.push(Setting { kind: SettingKind::Head, value, origin: Origin::Given });
        Ok(self)
    }
}

/// Some rows of `count` rows.
fn rows<T: Clone>(values: &[T], count: usize, kept: &[usize]) -> Vec<T> {
    let width = values.len() / count;
    kept.iter().flat_map(|row| &values[row * width..][..width]).cloned().collect()
}
