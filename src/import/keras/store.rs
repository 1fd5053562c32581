//! Where the weights of a layer stand in a file.

use super::{KerasError, budget::Budget, hdf5::Hdf5};
use crate::import::raw::Constant;
use std::cell::RefCell;
use std::collections::HashMap;

/// What Keras before 2.13 calls the list of layers in an archive.
pub const OLD_LAYERS: &str = "_layer_checkpoint_dependencies";

/// Parts of an attribute that is too long for one.
const MAX_PARTS: usize = 100_000;

/// A layer's place in the network.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Names of the models that it is in, from the outside, and its own.
    pub names: Vec<String>,
    /// The same as an archive numbers them: `["functional", "conv2d_1"]`.
    pub saved: Vec<String>,
}

impl Place {
    /// The names as one, for messages.
    pub fn name(&self) -> String {
        self.names.join("/")
    }
}

/// The weights of a file.
pub struct Store {
    file: Hdf5,
    kind: Kind,
}

enum Kind {
    /// `.h5`: a group for each layer of the outermost model, with a list of names of all weights in it.
    Named { root: &'static str, lists: RefCell<HashMap<String, Vec<String>>> },
    /// `.keras`: groups named after the class of the layer, tensors by number.
    Numbered { layers: &'static str },
}

impl Store {
    /// Weights of an `.h5` file, in the group `root`.
    pub fn named(file: Hdf5, root: &'static str) -> Self {
        Self { file, kind: Kind::Named { root, lists: RefCell::default() } }
    }

    /// Weights of an archive.
    pub fn numbered(file: Hdf5) -> Result<Self, KerasError> {
        let layers = if file.has_group(OLD_LAYERS) { OLD_LAYERS } else { "layers" };
        Ok(Self { file, kind: Kind::Numbered { layers } })
    }

    /// The weights `parts[index]` of a layer that has `parts`, in the order in which Keras keeps them.
    ///
    /// # Errors
    /// If they are not there, or not floating point numbers.
    pub fn read(
        &self,
        place: &Place,
        parts: &[&str],
        index: usize,
        budget: &Budget,
    ) -> Result<Constant, KerasError> {
        let part = parts.get(index).copied().unwrap_or_default();
        let missing = |sought| KerasError::Missing { layer: place.name(), part: part.into(), sought };
        match &self.kind {
            Kind::Named { root, lists } => {
                let layer = place.names.first().map_or("", String::as_str);
                let group = format!("{root}/{layer}");
                let mut lists = lists.borrow_mut();
                let list = match lists.get(layer) {
                    Some(list) => list,
                    None => {
                        if !self.file.has_group(&group) {
                            return Err(missing(format!("the group {group}")));
                        }
                        let list = listed(&self.file, &group, "weight_names", budget)?.unwrap_or_default();
                        lists.entry(layer.to_owned()).or_insert(list)
                    }
                };
                let name = find(list, &place.names, part);
                let name = name.ok_or_else(|| missing(format!("{group}, which lists {}", sample(list))))?;
                self.file.tensor(&format!("{group}/{name}"), budget)
            }
            Kind::Numbered { layers } => {
                let group: Vec<_> = place.saved.iter().map(|name| format!("{layers}/{name}")).collect();
                let group = format!("{}/vars", group.join("/"));
                if !self.file.has_group(&group) {
                    return Err(missing(group));
                }
                let (_, tensors) = self.file.members(&group)?;
                let number = index.to_string();
                if !tensors.contains(&number) {
                    return Err(missing(format!("{group}/{number}")));
                }
                self.file.tensor(&format!("{group}/{number}"), budget)
            }
        }
    }
}

/// A few names, for messages.
fn sample(names: &[String]) -> String {
    match names {
        [] => "none".into(),
        [first] => first.clone(),
        [first, second] => format!("{first}, {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

/// The name of the list that is a layer's part. In the group of a model the names have those of the inner layers in
/// front: all of the way or only the last, as the version of Keras has it.
fn find<'a>(list: &'a [String], names: &[String], part: &str) -> Option<&'a str> {
    let of_part: Vec<(&str, &str)> =
        list.iter().filter_map(|name| Some((name.as_str(), owner(name, part)?))).collect();
    // From the most exact match to the least.
    for skipped in 0..names.len() {
        let own = names[skipped..].join("/");
        if let Some((name, _)) = of_part.iter().find(|(_, owner)| *owner == own) {
            return Some(name);
        }
        let ends = |owner: &str| owner.strip_suffix(own.as_str()).is_some_and(|rest| rest.ends_with('/'));
        let mut fitting = of_part.iter().filter(|(_, owner)| ends(owner));
        if let (Some((name, _)), None) = (fitting.next(), fitting.next()) {
            return Some(name);
        }
    }
    // In the group of a layer only its own stand, and those of what wraps it.
    of_part.first().filter(|_| names.len() == 1).map(|(name, _)| *name)
}

/// The layer in `layer/part` or `layer/part:0`.
fn owner<'a>(name: &'a str, part: &str) -> Option<&'a str> {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let (owner, last) = name.rsplit_once('/').unwrap_or(("", name));
    // Keras 3 calls it a kernel as any other.
    (last == part || (part == "depthwise_kernel" && last == "kernel")).then_some(owner)
}

/// The texts of an attribute that may be split: `name`, or `name0`, `name1` and so on. `None` if there is none.
pub fn listed(
    file: &Hdf5,
    group: &str,
    name: &str,
    budget: &Budget,
) -> Result<Option<Vec<String>>, KerasError> {
    if let Some(all) = file.texts(group, name, budget)? {
        return Ok(Some(all));
    }
    let mut all = None;
    for part in 0..MAX_PARTS {
        let Some(texts) = file.texts(group, &format!("{name}{part}"), budget)? else { break };
        all.get_or_insert_with(Vec::new).extend(texts);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_inner_layers_are_found_by_the_end_of_their_names() {
        let list: Vec<String> = [
            "conv/kernel:0",
            "conv/bias:0",
            "outer/inner/conv/kernel:0",
            "body/a/conv/gamma",
            "b/conv/gamma",
        ]
        .map(String::from)
        .to_vec();
        for (names, part, expected) in [
            (&["body", "conv"][..], "bias", Some("conv/bias:0")),
            (&["body", "conv"], "kernel", Some("conv/kernel:0")),
            (&["body", "inner", "conv"], "kernel", Some("outer/inner/conv/kernel:0")),
            (&["body", "other", "conv"], "bias", Some("conv/bias:0")),
            (&["body", "conv"], "gamma", None),
            (&["body", "a", "conv"], "gamma", Some("body/a/conv/gamma")),
            (&["body", "onv"], "bias", None),
            // Its own group holds nothing but its own.
            (&["anything"], "bias", Some("conv/bias:0")),
            (&["anything"], "mean", None),
        ] {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(find(&list, &names, part), expected, "{names:?} {part}");
        }
        let list = ["model/depthwise_conv2d/kernel".to_owned()];
        let names = ["model".to_owned(), "depthwise_conv2d".to_owned()];
        assert_eq!(find(&list, &names, "depthwise_kernel"), Some("model/depthwise_conv2d/kernel"));
    }
}
