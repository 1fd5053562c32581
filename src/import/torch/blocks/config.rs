//! The JSON of a network. What is left out has the values of the classes' constructors.

use serde::Deserialize;

/// A network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Network {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub bn: Option<Normalization>,
    pub first_conv: Layer,
    pub blocks: Vec<Block>,
    /// Before the mean, where `feature_mix_layer` is behind it: MobileNetV3.
    #[serde(default)]
    pub final_expand_layer: Option<Layer>,
    #[serde(default)]
    pub feature_mix_layer: Option<Layer>,
    pub classifier: Layer,
    #[serde(default)]
    pub resolution: Option<usize>,
}

/// Settings of all normalizations.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Normalization {
    pub eps: f32,
    /// Added to the deviation of weights where these are standardized.
    #[serde(default)]
    pub ws_eps: Option<f32>,
    /// Channels of a group where groups are normalized in place of batches.
    #[serde(default)]
    pub gn_channel_per_group: Option<usize>,
}

impl Default for Normalization {
    fn default() -> Self {
        Self { eps: 1e-3, ws_eps: None, gn_channel_per_group: None }
    }
}

/// A layer and what goes around it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Block {
    #[serde(default)]
    pub mobile_inverted_conv: Option<Box<Layer>>,
    /// The same in later versions of Once-for-All.
    #[serde(default)]
    pub conv: Option<Box<Layer>>,
    #[serde(default)]
    pub shortcut: Option<Box<Layer>>,
}

/// A layer of any class: the entries of all classes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Layer {
    /// The class.
    pub name: String,
    pub in_channels: usize,
    pub out_channels: usize,
    pub in_features: usize,
    pub out_features: usize,
    pub kernel_size: Option<usize>,
    pub stride: Option<usize>,
    pub dilation: Option<usize>,
    pub groups: Option<usize>,
    pub bias: Option<bool>,
    pub has_shuffle: bool,
    pub use_bn: Option<bool>,
    /// `Some(None)` is no activation, `None` the class' own.
    #[serde(deserialize_with = "stated")]
    pub act_func: Option<Option<String>>,
    pub ops_order: Option<String>,
    pub expand_ratio: Option<f64>,
    pub mid_channels: Option<usize>,
    pub use_se: bool,
    pub pool_type: String,
}

/// An entry that is there, though it may be null.
fn stated<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl Layer {
    /// The activation, where the class has `usual` if the JSON says nothing.
    pub fn activation<'a>(&'a self, usual: Option<&'a str>) -> Option<&'a str> {
        match &self.act_func {
            Some(stated) => stated.as_deref().filter(|name| *name != "none"),
            None => usual,
        }
    }
}
