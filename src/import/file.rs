//! A weights file: named tensors and what else it says, whatever the container.

mod foreign;
mod safetensors;

use super::raw::{Constant, Values};
use super::{FileError, Note, naming::mcunet, own, quantizers, tensor::Tensor, torch};
use ::safetensors::Dtype;
use std::collections::BTreeMap;

/// First parts of names that are the networks' own and no wrapper's. A file without a classifier has nothing else.
const OWN: [&str; 6] = ["features", "layers", "layer", "blocks", "conv_stem", "classifier"];

/// Wrappers inside one another: each is taken off all names, which must not cost more than the file is worth.
const MOST_WRAPPERS: usize = 32;

/// What a container holds, with names as they stand there.
#[derive(Debug, Default)]
pub(super) struct Contents<'a> {
    pub tensors: BTreeMap<String, Tensor<'a>>,
    /// What the file says of itself.
    pub metadata: BTreeMap<String, String>,
    /// What is in it and was not taken.
    pub notes: Vec<Note>,
}

impl<'a> Contents<'a> {
    /// Reads a container, which its bytes tell.
    fn read(bytes: &'a [u8]) -> Result<Self, FileError> {
        let contents = match torch::Form::of(bytes) {
            Some(form) => torch::read(form, bytes)?,
            None => safetensors::read(bytes)?,
        };
        if contents.tensors.is_empty() { Err(FileError::NoTensors) } else { Ok(contents) }
    }
}

/// The tensors of a file by name, with the names as the network itself gives them.
pub(super) struct File<'a> {
    pub tensors: BTreeMap<String, Tensor<'a>>,
    /// Quantizers that were trained with the network.
    pub quantizers: BTreeMap<String, Tensor<'a>>,
    pub metadata: BTreeMap<String, String>,
    pub notes: Vec<Note>,
    /// A few names as they stand in the file, for messages.
    pub sample: String,
}

impl<'a> File<'a> {
    /// A file whose names are to be those of a network of the zoo.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FileError> {
        let file = Self::unwrapped(bytes)?;
        if own::is_own(&file) {
            return Ok(file);
        }
        Ok(Self { tensors: mcunet::plain(file.tensors), ..file })
    }

    /// A file of weights alone that was read already.
    pub fn of_constants(constants: BTreeMap<String, Constant>) -> Self {
        let tensor = |Constant { dims, values }: Constant| {
            let (dtype, data): (_, Vec<u8>) = match values {
                Values::Floats(values) => {
                    (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
                }
                Values::Integers(values) => {
                    (Dtype::I64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
                }
            };
            Tensor { dtype, shape: dims, data: data.into() }
        };
        let tensors = constants.into_iter().map(|(name, constant)| (name, tensor(constant))).collect();
        Self::of(Contents { tensors, ..Contents::default() })
    }

    /// A file with its own names, but for what stands before all of them.
    pub fn unwrapped(bytes: &'a [u8]) -> Result<Self, FileError> {
        Ok(Self::of(Contents::read(bytes)?))
    }

    fn of(Contents { tensors, metadata, notes }: Contents<'a>) -> Self {
        let (quantizers, tensors): (BTreeMap<_, _>, BTreeMap<_, _>) =
            tensors.into_iter().partition(|(name, _)| name.starts_with(quantizers::PREFIX));
        let sample = tensors.keys().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let tensors = match metadata.contains_key(own::ENTRY) {
            true => tensors,
            false => unwrap_names(tensors, Tensor::is_float),
        };
        Self { tensors, quantizers, metadata, notes, sample }
    }

    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}

/// Takes off what wrappers and savers put before the names of all weights: `DataParallel`, `torch.compile`, averages of
/// weights, modules and checkpoints with the network as a member, Keras' HDF5 tree. Counters beside the network, such
/// as `n_averaged`, need not have it. Different weights keep different names.
fn unwrap_names<T>(mut tensors: BTreeMap<String, T>, is_weight: impl Fn(&T) -> bool) -> BTreeMap<String, T> {
    for by in ['.', '/'] {
        let split = |name: &str| {
            let (first, rest) = name.split_once(by)?;
            (!OWN.contains(&first) && !rest.is_empty()).then(|| (first.to_owned(), rest.to_owned()))
        };
        for _ in 0..MOST_WRAPPERS {
            let first = tensors.iter().find(|(_, tensor)| is_weight(tensor));
            let Some((shared, _)) = first.and_then(|(name, _)| split(name)) else { break };
            let strip = |name: &str| split(name).filter(|(first, _)| *first == shared).map(|(_, rest)| rest);
            if !rename_all(&mut tensors, &is_weight, strip) {
                break;
            }
        }
    }
    // Keras 2 numbers its variables, and its HDF5 groups repeat the layer: conv1/conv1/kernel:0.
    rename_all(&mut tensors, &is_weight, |name| name.strip_suffix(":0").map(String::from));
    rename_all(&mut tensors, &is_weight, |name| {
        let (layer, rest) = name.split_once('/')?;
        rest.strip_prefix(layer)?.starts_with('/').then(|| rest.into())
    });
    tensors
}

/// Renames all weights, and the counters that can be, unless there is a weight that cannot be renamed.
fn rename_all<T>(
    tensors: &mut BTreeMap<String, T>,
    is_weight: impl Fn(&T) -> bool,
    rename: impl Fn(&str) -> Option<String>,
) -> bool {
    let mut weights = tensors.iter().filter(|(_, tensor)| is_weight(tensor)).peekable();
    if weights.peek().is_none() || !weights.all(|(name, _)| rename(name).is_some()) {
        return false;
    }
    let (weights, counters): (Vec<_>, Vec<_>) =
        std::mem::take(tensors).into_iter().partition(|(_, tensor)| is_weight(tensor));
    for (name, tensor) in weights.into_iter().chain(counters) {
        let renamed = rename(&name).unwrap_or(name);
        tensors.entry(renamed).or_insert(tensor);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of weights, and of counters after a bar.
    fn unwrapped(names: &str) -> String {
        let (weights, counters) = names.split_once('|').unwrap_or((names, ""));
        let of = |names: &str, weight: bool| -> Vec<_> {
            names.split_whitespace().map(|name| (name.to_owned(), weight)).collect()
        };
        let tensors = of(weights, true).into_iter().chain(of(counters, false)).collect();
        unwrap_names(tensors, |weight| *weight).into_keys().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn names_lose_what_all_weights_share() {
        for (names, expected) in [
            ("module.a.weight module.b.weight", "a.weight b.weight"),
            ("model._orig_mod.a.weight model._orig_mod.b.bias", "a.weight b.bias"),
            ("ema.module.a.weight ema.module.b.bias", "a.weight b.bias"),
            ("student.a.weight student.b.bias", "a.weight b.bias"),
            ("module.a.weight b.weight", "b.weight module.a.weight"),
            (
                "module.a.weight module.b.bias | n_averaged module.a.num_batches_tracked",
                "a.num_batches_tracked a.weight b.bias n_averaged",
            ),
            // A counter never takes a weight's name.
            ("module.a.weight module.b.bias | a.weight", "a.weight b.bias"),
            ("features.0.weight features.1.weight", "features.0.weight features.1.weight"),
            (
                "model_weights/conv1/conv1/kernel:0 model_weights/conv1_bn/conv1_bn/beta:0",
                "conv1/kernel conv1_bn/beta",
            ),
            ("conv1/kernel conv1_bn/beta", "conv1/kernel conv1_bn/beta"),
            ("", ""),
            (" | n_averaged", "n_averaged"),
        ] {
            assert_eq!(unwrapped(names), expected, "{names}");
        }
    }

    #[test]
    fn a_name_of_wrappers_alone_loses_some() {
        let name = format!("{}weight", "a.".repeat(200_000));
        assert_eq!(unwrapped(&name).len(), name.len() - 2 * MOST_WRAPPERS);
    }
}
