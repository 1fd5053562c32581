//! A network without its weights: its graph, and what people call it.

use super::{Graph, Spec, SpecError, code, spec::CLASSES};
use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest, Sha256};
use std::{fmt, sync::Arc};

/// A network without its weights: one of the zoo, or one out of a file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Network {
    name: Arc<str>,
    graph: Arc<Graph>,
    zoo: Option<Spec>,
}

/// Most characters of a name.
const NAME_CHARACTERS: usize = 48;

impl Network {
    /// A network that is not of the zoo. Of `name`, what may stand in the names of files stays: letters, digits, and
    /// `-`, `_`, `.` between them.
    pub fn own(name: &str, graph: Graph) -> Self {
        let kept = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let name: String = name.trim().chars().map(kept).take(NAME_CHARACTERS).collect();
        let name = name.trim_matches(['-', '_', '.']);
        let name = if name.is_empty() { "network" } else { name };
        Self { name: name.into(), graph: Arc::new(graph), zoo: None }
    }

    /// What people call it: a name of the zoo, or that of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For headings: the family of a network of the zoo, else the name.
    pub fn title(&self) -> &str {
        self.zoo.map_or(&self.name, |spec| spec.family.title())
    }

    /// Its layers and tensors.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Which network of the zoo it is, if it is one.
    pub fn zoo(&self) -> Option<Spec> {
        self.zoo
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.graph.classes()
    }

    /// Rows, and columns, of its image.
    pub fn side(&self) -> usize {
        self.graph.image().shape.height
    }

    /// The same network with another number of classes.
    ///
    /// # Errors
    /// [`SpecError::Classes`] unless there are 2 to 10,000.
    pub fn with_classes(&self, classes: usize) -> Result<Self, SpecError> {
        if let Some(spec) = self.zoo {
            return Ok(spec.with_classes(classes as u64)?.into());
        }
        if !CLASSES.contains(&classes) {
            return Err(SpecError::Classes(classes as u64));
        }
        let mut graph = Graph::clone(&self.graph);
        let logits = graph.logits();
        graph.tensors[logits].shape.channels = classes;
        Ok(Self { graph: Arc::new(graph), ..self.clone() })
    }

    /// The same network under another name; one of the zoo keeps its own.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        if self.zoo.is_some() { self } else { Self::own(name, Arc::unwrap_or_clone(self.graph)) }
    }

    /// Name, classes, and the padding where the name leaves it open.
    pub fn in_words(&self) -> String {
        let padding = self.zoo.map_or(String::new(), |spec| format!(" and {} padding", spec.padding.title()));
        format!("{self} with {} classes{padding}", self.classes())
    }

    /// Whether another network computes the same, whatever it is called.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.zoo, other.zoo) {
            (None, None) => {
                Arc::ptr_eq(&self.graph, &other.graph) || self.fingerprint() == other.fingerprint()
            }
            (ours, theirs) => ours == theirs,
        }
    }

    /// SHA-256 of what it computes, whatever its layers and itself are called.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(code::write(&self.graph)).into()
    }
}

/// Two are equal if they are called the same in all parts; see [`Network::is_same`].
impl PartialEq for Network {
    fn eq(&self, other: &Self) -> bool {
        match (self.zoo, other.zoo) {
            (None, None) => self.name == other.name && self.graph == other.graph,
            (ours, theirs) => ours == theirs,
        }
    }
}

impl From<Spec> for Network {
    fn from(spec: Spec) -> Self {
        Self { name: spec.to_string().into(), graph: Arc::new(spec.build()), zoo: Some(spec) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A network of the zoo as its name, any other with its graph.
#[derive(Serialize, Deserialize)]
enum Stored {
    Zoo(Spec),
    Own(String, Graph),
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stored = match self.zoo {
            Some(spec) => Stored::Zoo(spec),
            None => Stored::Own(self.name.to_string(), Graph::clone(&self.graph)),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Stored::deserialize(deserializer)? {
            Stored::Zoo(spec) => spec.checked().map(Self::from).map_err(D::Error::custom),
            Stored::Own(name, graph) if graph.is_sound() => Ok(Self::own(&name, graph)),
            Stored::Own(name, _) => {
                Err(D::Error::custom(format_args!("{name}: a graph that cannot be computed")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Activation, Pads, Shape, Window};

    fn graph(name: &str, activation: Activation) -> Graph {
        let mut graph = Graph::new(Shape::new(8, 8, 3));
        let window = Window { kernel: 3, stride: 1, pads: Pads::symmetric(1) };
        let x = graph.conv(name, 0, 4, window, activation);
        let x = graph.global_avg_pool("pool", x);
        graph.linear("fc", x, 2);
        graph
    }

    #[test]
    fn only_what_can_be_built_is_read() {
        let read = |stored: &Stored| -> bool {
            let bytes = postcard::to_stdvec(stored).expect("written");
            postcard::from_bytes::<Network>(&bytes).is_ok()
        };
        let spec: Spec = "mobilenet-v1-0.25-128".parse().expect("a name");
        let own = |change: &dyn Fn(&mut Graph)| {
            let mut graph = graph("conv", Activation::Relu);
            change(&mut graph);
            Stored::Own("own".into(), graph)
        };
        for (stored, expected) in [
            (Stored::Zoo(spec), true),
            (Stored::Zoo(Spec { side: 0, ..spec }), false),
            (Stored::Zoo(Spec { side: 33, ..spec }), false),
            (Stored::Zoo(Spec { classes: 0, ..spec }), false),
            (Stored::Zoo(Spec { width: super::super::Width(0), ..spec }), false),
            (own(&|_| {}), true),
            (own(&|graph| graph.layers[1].inputs = vec![7]), false),
            (own(&|graph| graph.layers[1].output = 1), false),
            (own(&|graph| graph.tensors[1].shape.height = 9), false),
            (own(&|graph| graph.tensors.clear()), false),
            (own(&|graph| drop(graph.layers.pop())), false),
            (own(&|graph| graph.layers.clear()), false),
        ] {
            assert_eq!(read(&stored), expected);
        }
    }

    #[test]
    fn names_may_stand_in_the_names_of_files() {
        for (given, name) in [
            ("ResNet-8 v1.0", "ResNet-8-v1.0"),
            (" a/b\\c:d ", "a-b-c-d"),
            ("../../etc", "etc"),
            ("größe", "gr--e"),
            ("", "network"),
            ("...", "network"),
        ] {
            assert_eq!(Network::own(given, graph("a", Activation::Relu)).name(), name, "{given}");
        }
        let long = Network::own(&"x".repeat(500), graph("a", Activation::Relu));
        assert_eq!(long.name().len(), NAME_CHARACTERS);
    }

    #[test]
    fn identity_is_what_is_computed() {
        let of =
            |name: &str, layer: &str, activation| Network::own(name, graph(layer, activation)).fingerprint();
        assert_eq!(of("a", "conv", Activation::Relu), of("b", "c1", Activation::Relu));
        assert_ne!(of("a", "conv", Activation::Relu), of("a", "conv", Activation::Relu6));
        let spec = |name: &str| Network::from(name.parse::<Spec>().expect("a name")).fingerprint();
        assert_ne!(spec("mobilenet-v1-0.25-32"), spec("mobilenet-v1-0.25-64"));
    }

    #[test]
    fn stored_networks_come_back() {
        let zoo = Network::from("mobilenet-v1-0.25-32".parse::<Spec>().expect("a name"));
        for network in [zoo, Network::own("mine", graph("a", Activation::Relu))] {
            let bytes = postcard::to_stdvec(&network).expect("stored");
            assert_eq!(postcard::from_bytes::<Network>(&bytes).expect("read"), network);
        }
    }
}
