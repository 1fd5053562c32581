//! How other tools name the tensors of the zoo's networks.
//!
//! Each naming is one function from a [`Place`] in the network to the names of the modules there; what tensors a
//! module has, and in which shape, is the same for all of its kind.

mod haq;
mod keras;
pub(super) mod mcunet;
mod place;
mod timm;
mod torchvision;
mod transformers;

use super::layout;
use crate::net::{Family, Layer, Normalization, Op, Padding, Spec};
use place::{Modules, Place};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A convention of names and layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Naming {
    /// `keras.applications`: MobileNet and MobileNetV2, e.g. `conv_dw_1/kernel`.
    Keras,
    /// `torchvision.models`: MobileNetV2 and MNASNet, e.g. `features.0.0.weight`.
    Torchvision,
    /// `timm`: all families, e.g. `blocks.0.0.conv_dw.weight`.
    Timm,
    /// HAQ: MobileNetV1 and MobileNetV2, e.g. `features.0.3.weight`.
    Haq,
    /// Hugging Face's `transformers`: MobileNetV1 and MobileNetV2, e.g. `mobilenet_v1.layer.0.convolution.weight`.
    Transformers,
    /// MCUNet, ProxylessNAS and Once-for-All: networks of inverted residuals, e.g. `first_conv.conv.weight`.
    Mcunet,
}

impl Naming {
    /// All namings.
    pub const ALL: [Naming; 6] =
        [Naming::Keras, Naming::Torchvision, Naming::Timm, Naming::Haq, Naming::Transformers, Naming::Mcunet];

    /// Whether tensors have Keras' layouts; else PyTorch's.
    pub const fn is_keras(self) -> bool {
        matches!(self, Naming::Keras)
    }

    /// Whether the tool has networks of a family.
    pub const fn has(self, family: Family) -> bool {
        match self {
            Naming::Keras | Naming::Haq | Naming::Transformers => !matches!(family, Family::MNasNet),
            Naming::Torchvision | Naming::Mcunet => !matches!(family, Family::MobileNetV1),
            Naming::Timm => true,
        }
    }

    /// The padding of the tool's networks.
    pub const fn usual_padding(self) -> Padding {
        match self {
            Naming::Keras | Naming::Transformers => Padding::TensorFlow,
            Naming::Torchvision | Naming::Timm | Naming::Haq | Naming::Mcunet => Padding::PyTorch,
        }
    }

    /// The epsilon of batch normalization in the tool's networks.
    pub const fn usual_epsilon(self) -> f32 {
        match self {
            Naming::Keras | Naming::Transformers | Naming::Mcunet => 1e-3,
            Naming::Torchvision | Naming::Timm | Naming::Haq => 1e-5,
        }
    }

    /// The normalization with which the tool's published weights were trained: [-1, 1] for Keras, transformers, MCUNet
    /// and timm's MobileNetV1, ImageNet's mean and deviation for the others.
    pub const fn usual_normalization(self, family: Family) -> Normalization {
        match (self, family) {
            (Naming::Keras | Naming::Transformers | Naming::Mcunet, _)
            | (Naming::Timm, Family::MobileNetV1) => Normalization::SIGNED,
            (Naming::Torchvision | Naming::Timm | Naming::Haq, _) => Normalization::IMAGENET,
        }
    }

    /// The activation after the first convolution that is assumed where the tool's own network has another: HAQ's
    /// MobileNetV1 has ReLU there, the zoo's ReLU6.
    pub(super) const fn other_stem(self, family: Family) -> Option<&'static str> {
        match (self, family) {
            (Naming::Haq, Family::MobileNetV1) => Some("ReLU"),
            _ => None,
        }
    }

    /// Names under which the classifier is known, the tool's own first.
    pub(super) const fn classifiers(self, family: Family) -> &'static [&'static str] {
        match (self, family) {
            (Naming::Keras, Family::MobileNetV1) => &["conv_preds", "predictions", "Logits"],
            (Naming::Keras, _) => &["predictions", "Logits"],
            (Naming::Torchvision, _) => &["classifier.1", "classifier"],
            (Naming::Haq, Family::MobileNetV1) => &["classifier.0", "classifier.1", "classifier"],
            (Naming::Haq, _) => &["classifier", "classifier.1", "classifier.0"],
            (Naming::Timm | Naming::Transformers, _) => &["classifier"],
            (Naming::Mcunet, _) => &["classifier.linear", "classifier"],
        }
    }

    const fn separator(self) -> char {
        if self.is_keras() { '/' } else { '.' }
    }

    /// What the tool calls a part of a module, its present version's name first: Keras 2 said `depthwise_kernel` where
    /// Keras 3 says `kernel`.
    const fn part(self, part: Part, op: Op) -> &'static [&'static str] {
        match (self, part) {
            (Naming::Keras, Part::Weight) if matches!(op, Op::Depthwise(..)) => {
                &["kernel", "depthwise_kernel"]
            }
            (Naming::Keras, Part::Weight) => &["kernel"],
            (Naming::Keras, Part::Gamma) => &["gamma"],
            (Naming::Keras, Part::Beta) => &["beta"],
            (Naming::Keras, Part::Mean) => &["moving_mean"],
            (Naming::Keras, Part::Variance) => &["moving_variance"],
            (_, Part::Weight | Part::Gamma) => &["weight"],
            (_, Part::Bias | Part::Beta) => &["bias"],
            (_, Part::Mean) => &["running_mean"],
            (_, Part::Variance) => &["running_var"],
        }
    }

    /// Names of the convolution and the normalization at a place of a network that the tool [has](Self::has).
    fn modules(self, family: Family, place: Place) -> Modules {
        match (self, family) {
            (Naming::Keras, Family::MobileNetV1) => keras::mobilenet_v1(place),
            (Naming::Keras, _) => keras::mobilenet_v2(place),
            (Naming::Torchvision, Family::MNasNet) => torchvision::mnasnet(place),
            (Naming::Torchvision, _) => torchvision::mobilenet_v2(place),
            (Naming::Timm, _) => timm::modules(family, place),
            (Naming::Haq, Family::MobileNetV1) => haq::mobilenet_v1(place),
            (Naming::Haq, _) => haq::mobilenet_v2(place),
            (Naming::Transformers, Family::MobileNetV1) => transformers::mobilenet_v1(place),
            (Naming::Transformers, _) => transformers::mobilenet_v2(place),
            (Naming::Mcunet, _) => mcunet::modules(place),
        }
    }
}

impl fmt::Display for Naming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Naming::Keras => "Keras",
            Naming::Torchvision => "torchvision",
            Naming::Timm => "timm",
            Naming::Haq => "HAQ",
            Naming::Transformers => "transformers",
            Naming::Mcunet => "MCUNet",
        })
    }
}

/// What a tensor is within its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Weight,
    Bias,
    Gamma,
    Beta,
    Mean,
    Variance,
}

impl Part {
    /// The tensors of a layer with weights.
    pub fn of(op: Op) -> &'static [Part] {
        match op {
            Op::Linear => &[Part::Weight, Part::Bias],
            _ => &[Part::Weight, Part::Gamma, Part::Beta, Part::Mean, Part::Variance],
        }
    }
}

/// Names under which a tensor of a layer may stand in a file, the tool's own first.
///
/// `classifier` is the name of the classifier's module.
pub(super) fn candidates(
    naming: Naming,
    family: Family,
    layer: &Layer,
    part: Part,
    classifier: &str,
) -> Vec<String> {
    let module = match Place::of(layer) {
        None => classifier.to_owned(),
        Some(place) => {
            let modules = naming.modules(family, place);
            if part == Part::Weight { modules.conv } else { modules.norm }
        }
    };
    let separator = naming.separator();
    naming.part(part, layer.op).iter().map(|part| format!("{module}{separator}{part}")).collect()
}

/// Shapes that a tensor of a layer, whose weights have `shape` with us, may have in a file, the usual one first; two if
/// the layer is linear, as it is a 1x1 convolution to some.
pub(super) fn shapes(naming: Naming, shape: [usize; 4], layer: &Layer, part: Part) -> Vec<Vec<usize>> {
    let stored = layout::stored(shape, layout::axes(naming, layer.op)).to_vec();
    match (part, layer.op) {
        (Part::Weight, Op::Linear) => {
            let matrix = if naming.is_keras() { stored[2..].to_vec() } else { stored[..2].to_vec() };
            vec![matrix, stored]
        }
        (Part::Weight, _) => vec![stored],
        _ => vec![vec![shape[0]]],
    }
}

/// Names and shapes of all tensors of a network as a tool saves it, in layer order; empty if the tool has no networks
/// of the family.
pub fn names(spec: &Spec, naming: Naming) -> Vec<(String, Vec<usize>)> {
    if !naming.has(spec.family) {
        return Vec::new();
    }
    let graph = spec.build();
    let classifier = naming.classifiers(spec.family)[0];
    let mut names = Vec::new();
    for (_, layer) in graph.weighted_layers() {
        for &part in Part::of(layer.op) {
            let name = candidates(naming, spec.family, layer, part, classifier).swap_remove(0);
            let shape = graph.weight_shape(layer).unwrap_or_default();
            let mut shapes = shapes(naming, shape, layer, part);
            // Keras' MobileNet classifies with a 1x1 convolution.
            let usual = if classifier == "conv_preds" { shapes.len() - 1 } else { 0 };
            names.push((name, shapes.swap_remove(usual)));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_tensors_share_a_name() {
        for naming in Naming::ALL {
            for family in Family::ALL {
                let spec = Spec::new(family, crate::net::Width(100), 224).expect("in range");
                let names = names(&spec, naming);
                let layers = spec.build().weighted_layers().count();
                let expected = if naming.has(family) { (layers - 1) * 5 + 2 } else { 0 };
                assert_eq!(names.len(), expected, "{naming} {family:?}");
                let unique: BTreeSet<_> = names.iter().map(|(name, _)| name).collect();
                assert_eq!(unique.len(), names.len(), "{naming} {family:?}");
            }
        }
    }

    #[test]
    fn names_and_shapes_are_those_of_the_tools() {
        // Read off keras 3.15, torchvision 0.29 and timm 1.0.
        for (network, naming, name, shape) in [
            ("mobilenet-v1-0.25-128", Naming::Keras, "conv1/kernel", &[3, 3, 3, 8][..]),
            ("mobilenet-v1-0.25-128", Naming::Keras, "conv_dw_1/kernel", &[3, 3, 8, 1]),
            ("mobilenet-v1-0.25-128", Naming::Keras, "conv_pw_13_bn/moving_variance", &[256]),
            ("mobilenet-v1-0.25-128", Naming::Keras, "conv_preds/kernel", &[1, 1, 256, 1000]),
            ("mobilenet-v2-0.35-128", Naming::Keras, "bn_Conv1/gamma", &[16]),
            ("mobilenet-v2-0.35-128", Naming::Keras, "expanded_conv_project/kernel", &[1, 1, 16, 8]),
            ("mobilenet-v2-0.35-128", Naming::Keras, "block_16_expand/kernel", &[1, 1, 56, 336]),
            ("mobilenet-v2-0.35-128", Naming::Keras, "Conv_1_bn/beta", &[1280]),
            ("mobilenet-v2-0.35-128", Naming::Keras, "predictions/kernel", &[1280, 1000]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "features.1.conv.1.weight", &[8, 16, 1, 1]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "features.2.conv.0.0.weight", &[48, 8, 1, 1]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "features.17.conv.1.0.weight", &[336, 1, 3, 3]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "features.17.conv.3.running_var", &[112]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "features.18.1.bias", &[1280]),
            ("mobilenet-v2-0.35-128", Naming::Torchvision, "classifier.1.weight", &[1000, 1280]),
            ("mnasnet-0.5-224", Naming::Torchvision, "layers.6.weight", &[8, 16, 1, 1]),
            ("mnasnet-0.5-224", Naming::Torchvision, "layers.8.0.layers.0.weight", &[24, 8, 1, 1]),
            ("mnasnet-0.5-224", Naming::Torchvision, "layers.12.3.layers.4.weight", &[576]),
            ("mnasnet-0.5-224", Naming::Torchvision, "layers.13.0.layers.6.weight", &[160, 576, 1, 1]),
            ("mnasnet-0.5-224", Naming::Torchvision, "layers.15.running_mean", &[1280]),
            ("mobilenet-v1-1.0-224", Naming::Timm, "blocks.3.5.conv_pw.weight", &[512, 512, 1, 1]),
            ("mobilenet-v1-1.0-224", Naming::Timm, "blocks.4.0.bn2.bias", &[1024]),
            ("mobilenet-v1-1.0-224", Naming::Timm, "classifier.weight", &[1000, 1024]),
            ("mobilenet-v2-1.0-224", Naming::Timm, "blocks.1.0.conv_pwl.weight", &[24, 96, 1, 1]),
            ("mnasnet-1.0-224", Naming::Timm, "blocks.0.0.conv_pw.weight", &[16, 32, 1, 1]),
            ("mnasnet-1.0-224", Naming::Timm, "blocks.1.1.conv_pw.weight", &[72, 24, 1, 1]),
            ("mnasnet-1.0-224", Naming::Timm, "conv_head.weight", &[1280, 320, 1, 1]),
            ("mnasnet-1.0-224", Naming::Timm, "bn2.running_var", &[1280]),
        ] {
            let spec: Spec = network.parse().expect(network);
            let all = names(&spec, naming);
            assert!(all.contains(&(name.into(), shape.into())), "{naming} {network}: {name}");
        }
    }
}
