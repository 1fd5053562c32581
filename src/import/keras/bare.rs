//! Weights without a network: what `model.save_weights` writes.

use super::{KerasError, budget::Budget, hdf5::Hdf5, store};
use crate::import::raw::Constant;
use std::collections::BTreeMap;

/// Groups inside one another: models in models, and their lists of layers.
const MAX_DEPTH: usize = 24;

/// Parts of a batch normalization in the order in which Keras numbers them.
const NORMALIZATION: [&str; 4] = ["gamma", "beta", "moving_mean", "moving_variance"];

/// The tensors of floating point numbers, by the name of the layer and what they are: `conv1/kernel`. Where two would
/// have the same name, it is the whole path.
pub fn read(file: &Hdf5, budget: &Budget) -> Result<BTreeMap<String, Constant>, KerasError> {
    let mut found = Vec::new();
    if let Some(layers) = store::listed(file, "", "layer_names", budget)? {
        for layer in layers {
            for name in store::listed(file, &layer, "weight_names", budget)?.unwrap_or_default() {
                let path = format!("{layer}/{name}");
                if file.is_float(&path)? {
                    let plain = path.strip_suffix(":0").unwrap_or(&path).to_owned();
                    found.push(Found {
                        name: short(&plain).to_owned(),
                        tensor: file.tensor(&path, budget)?,
                        path: plain,
                    });
                }
            }
        }
    } else if file.has_group("layers") || file.has_group(store::OLD_LAYERS) {
        numbered(file, "", 0, &mut found, budget)?;
    } else {
        return Err(KerasError::NotKeras);
    }
    Ok(unique(found))
}

/// A tensor of a file.
struct Found {
    /// Layer and part.
    name: String,
    /// Where it stands in the file.
    path: String,
    tensor: Constant,
}

/// Tensors of the numbered kind, `layers/conv2d/vars/0`, depth first.
fn numbered(
    file: &Hdf5,
    group: &str,
    depth: usize,
    found: &mut Vec<Found>,
    budget: &Budget,
) -> Result<(), KerasError> {
    if depth > MAX_DEPTH {
        return Err(KerasError::Hdf5(format!("groups inside one another: expected at most {MAX_DEPTH}")));
    }
    // Groups may contain themselves.
    budget.take(1024 + group.len() as u64, "the tree of groups")?;
    let (groups, tensors) = file.members(group)?;
    let mut values = Vec::new();
    for name in tensors {
        let path = joined(group, &name);
        if file.is_float(&path)? {
            values.push((name, file.tensor(&path, budget)?));
        }
    }
    if !values.is_empty() {
        let layer = file.text(group, "name", budget)?;
        let layer = layer.unwrap_or_else(|| group.strip_suffix("/vars").unwrap_or(group).to_owned());
        let parts = parts(&values);
        found.extend(values.into_iter().zip(parts).map(|((number, tensor), part)| {
            let name = joined(&layer, &part);
            Found { name: short(&name).to_owned(), path: joined(group, &number), tensor }
        }));
    }
    for name in groups.iter().filter(|name| *name != "optimizer") {
        numbered(file, &joined(group, name), depth + 1, found, budget)?;
    }
    Ok(())
}

/// What the numbered tensors of a layer are, by their shapes: the file does not say.
fn parts(values: &[(String, Constant)]) -> Vec<String> {
    let ranks: Vec<_> = values.iter().map(|(_, tensor)| tensor.dims.len()).collect();
    match ranks.as_slice() {
        [1, 1, 1, 1] => NORMALIZATION.map(String::from).to_vec(),
        [2 | 4] => vec!["kernel".into()],
        [2 | 4, 1] => vec!["kernel".into(), "bias".into()],
        _ => values.iter().map(|(name, _)| name.clone()).collect(),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// Tensors by name, or by path where two have one name.
fn unique(tensors: Vec<Found>) -> BTreeMap<String, Constant> {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for found in &tensors {
        *count.entry(found.name.clone()).or_default() += 1;
    }
    let is_unique = |found: &Found| count.get(&found.name) == Some(&1);
    let named = |found: Found| (if is_unique(&found) { found.name } else { found.path }, found.tensor);
    tensors.into_iter().map(named).collect()
}

/// The last two parts of a path.
fn short(path: &str) -> &str {
    match path.rmatch_indices('/').nth(1) {
        Some((at, _)) => &path[at + 1..],
        None => path,
    }
}
