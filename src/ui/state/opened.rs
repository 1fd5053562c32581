//! The link that was opened last, as long as its policy is on the screen.

use super::{State, Target};
use crate::{
    flow::GivenSettings,
    link::{HashPrefix, Link},
    net::Network,
    quant::Policy,
};
use std::rc::Rc;

/// What an opened link says that the screen does not hold otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opened {
    network: Network,
    policy: Rc<Policy>,
    /// The microcontroller, if this version does not know it, or knows it with other memories.
    unknown_device: Option<String>,
    hashes: Hashes,
    /// Whether the user has opened weights or images since.
    own_weights: bool,
    own_images: bool,
}

/// What tells weights and images apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hashes {
    /// Of the weights.
    pub weights: Option<HashPrefix>,
    /// Of the images.
    pub images: Option<HashPrefix>,
}

impl Opened {
    pub(super) fn new(link: &Link) -> Self {
        Self {
            network: link.network.clone(),
            policy: Rc::new(link.policy.clone()),
            unknown_device: link.device.clone().filter(|_| Target::of_link(link).device.is_none()),
            hashes: Hashes { weights: link.weights, images: link.images },
            own_weights: false,
            own_images: false,
        }
    }

    pub(super) fn weights_chosen(&mut self) {
        self.own_weights = true;
    }

    pub(super) fn images_chosen(&mut self) {
        self.own_images = true;
    }
}

impl State {
    /// What the user says of weights, and the size of the network that was opened as a link, as long as that is on the
    /// screen.
    pub fn given(&self) -> GivenSettings {
        let network = self.opened_link.as_ref().map(|link| &link.network);
        let network = network.filter(|network| network.is_same(&self.design.network));
        let linked_side = network.and_then(|network| u16::try_from(network.side()).ok());
        GivenSettings { linked_side, ..self.given }
    }

    /// What the link to what is on the screen is of. An opened link keeps its weights' and images' hashes until its
    /// policy is changed or the user opens others: the demo, which the page loads by itself, is not what it is of.
    pub fn link_hashes(&self) -> Hashes {
        let loaded = self.hashes();
        match self.shown_link() {
            None => loaded,
            Some(Opened { hashes, own_weights, own_images, .. }) => Hashes {
                weights: hashes.weights.filter(|_| !own_weights).or(loaded.weights),
                images: hashes.images.filter(|_| !own_images).or(loaded.images),
            },
        }
    }

    /// Of the weights and images that are loaded for the network on the screen.
    pub(super) fn hashes(&self) -> Hashes {
        if !self.has_weights() {
            return Hashes::default();
        }
        let of = |sha256: &String| HashPrefix::of(sha256);
        Hashes {
            weights: self.work.network.as_ref().map(|network| &network.sha256).and_then(of),
            images: self.work.images.as_ref().map(|images| &images.sha256).and_then(of),
        }
    }

    /// In what the opened link is of something else than what is here, in sentences.
    pub fn link_notice(&self) -> Option<String> {
        let Opened { unknown_device, hashes, .. } = self.shown_link()?;
        let mut said = Vec::new();
        if let Some(device) = unknown_device {
            said.push(format!(
                "The link is for the microcontroller {device}, which this version does not know with these memories: they are \
                 shown as budgets of your own."
            ));
        }
        let loaded = self.hashes();
        let network = self.work.network.as_ref().map_or("", |network| &network.source);
        let images = self.work.images.as_ref().map_or("", |images| &images.source);
        for (what, of_link, loaded, source) in [
            ("weights", hashes.weights, loaded.weights, network),
            ("images", hashes.images, loaded.images, images),
        ] {
            if let (Some(expected), Some(found)) = (of_link, loaded)
                && expected != found
            {
                said.push(format!(
                    "The link is of other {what} than those that are loaded: SHA-256 {expected}… in the link, {found}… of \
                     {source}. Open the link's {what} to see what it was made for."
                ));
            }
        }
        (!said.is_empty()).then(|| said.join(" "))
    }

    /// The opened link while its policy is on the screen.
    fn shown_link(&self) -> Option<&Opened> {
        let opened = self.opened_link.as_ref()?;
        let is_shown = opened.network.is_same(&self.design.network) && opened.policy == *self.design.policy();
        is_shown.then_some(opened)
    }
}
