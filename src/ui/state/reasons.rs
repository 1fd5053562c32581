//! Why something cannot be done now: every disabled control has a reason.

use super::{Area, Phase, State};
use crate::flow::NetworkSummary;

impl State {
    /// Why nothing can be measured now; `None` if it can.
    pub fn why_not_measure(&self) -> Option<String> {
        if self.search.is_active() {
            return Some("A search is running: stop it first.".into());
        }
        if self.finetune.is_active() || self.work.running(Area::Finetune).is_some() {
            return Some("Training is running: stop it first.".into());
        }
        self.why_not_compute()
    }

    /// Why no measurement can be started now; `None` if it can.
    pub fn why_not_measure_now(&self) -> Option<String> {
        let running = self.work.running(Area::Result).map(|_| "A measurement is running.".into());
        self.why_not_measure().or(running)
    }

    /// Why nothing can be trained now; `None` if it can.
    pub fn why_not_finetune(&self) -> Option<String> {
        if let Some(reason) = self.why_not_measure() {
            return Some(reason);
        }
        if self.work.running(Area::Search).is_some() || self.work.running(Area::Result).is_some() {
            return Some("A measurement is running.".into());
        }
        let images = self.work.images.as_ref()?;
        if images.train < 2 {
            return Some("There are no training images: expected folders train and val with one folder for each class.".into());
        }
        None
    }

    /// Whether the network has classes of which there are no images.
    pub fn lacks_classes(&self) -> bool {
        self.work.inputs.as_ref().is_some_and(|inputs| inputs.lacks_classes())
    }

    /// Why the stored training cannot go on now; `None` if it can.
    pub fn why_not_continue_finetune(&self) -> Option<String> {
        let found = self.finetune.found.as_ref()?;
        if found.elsewhere {
            return Some("It runs in another tab of this browser.".into());
        }
        self.why_not_loaded(&found.network, &found.images).or_else(|| self.why_not_finetune())
    }

    /// Why the weights that were trained cannot be saved; `None` if they can.
    pub fn why_not_save_trained(&self) -> Option<String> {
        if self.finetune.found.as_ref().is_none_or(|found| found.end.is_none()) {
            return Some("Nothing was trained yet.".into());
        }
        if let Some(message) = &self.work.crashed {
            return Some(message.clone());
        }
        self.running_run().map(|what| format!("{what} is running: stop it first."))
    }

    /// The search or training that runs, is held or is being prepared, as a sentence begins.
    pub fn running_run(&self) -> Option<&'static str> {
        if self.search.is_active() || self.work.running(Area::Search).is_some() {
            return Some("A search");
        }
        (self.finetune.is_active() || self.work.running(Area::Finetune).is_some()).then_some("Training")
    }

    /// Whether something would be lost if the page were left now.
    pub fn has_unsaved(&self) -> bool {
        let held = self.search.run.as_ref().is_some_and(|run| run.phase == Phase::Paused);
        let search = &self.search;
        let is_kept = |problem: &Option<String>| self.work.unstored.is_none() && problem.is_none();
        let searches = self.work.running(Area::Search).is_some() && !(held && is_kept(&search.unstored));
        let unstored = (search.found.is_some() && !is_kept(&search.unstored))
            || (self.finetune.found.is_some() && !is_kept(&self.finetune.unstored));
        searches || self.work.running(Area::Finetune).is_some() || unstored
    }

    /// Why no search can be started now; `None` if it can.
    pub fn why_not_search(&self) -> Option<String> {
        if self.search.is_active() || self.work.running(Area::Search).is_some() {
            return Some("A search is running.".into());
        }
        if self.finetune.is_active() || self.work.running(Area::Finetune).is_some() {
            return Some("Training is running: stop it first.".into());
        }
        if self.work.running(Area::Result).is_some() {
            return Some("A measurement is running.".into());
        }
        if self.search.wish.allocators.is_empty() {
            return Some("No way to choose bits is ticked.".into());
        }
        self.why_not_compute()
    }

    /// Why the stored search cannot go on now; `None` if it can.
    pub fn why_not_continue(&self) -> Option<String> {
        let found = self.search.found.as_ref()?;
        if found.elsewhere {
            return Some("It runs in another tab of this browser.".into());
        }
        let loaded = self.why_not_loaded(&found.network, &found.images);
        loaded.or_else(|| self.work.running(Area::Result).map(|_| "A measurement is running.".into()))
    }

    /// What must be loaded before something that was stored can go on; `None` if it is.
    fn why_not_loaded(&self, network: &NetworkSummary, images: &str) -> Option<String> {
        if self.work.network.as_ref().is_none_or(|loaded| loaded.key != network.key) {
            return Some(format!("Load its weights first: {} ({}).", network.source, network.network));
        }
        let has_images = self.work.images.as_ref().is_some_and(|loaded| loaded.source == images);
        (!has_images).then(|| format!("Load its images first: {images}."))
    }

    /// Why no accuracy can be counted now, whoever asks.
    fn why_not_compute(&self) -> Option<String> {
        let network = &self.design.network;
        if let Some(message) = &self.work.crashed {
            return Some(message.clone());
        }
        if self.work.running(Area::Network).is_some() {
            return Some("The weights are being loaded.".into());
        }
        if self.work.running(Area::Images).is_some() {
            return Some("The images are being loaded.".into());
        }
        if self.work.running(Area::Share).is_some() {
            return Some("The package is being built.".into());
        }
        if !self.has_weights() {
            return Some(format!("No weights of {network} with {} classes are loaded.", network.classes()));
        }
        if self.work.images.is_none() {
            return Some("No images are loaded.".into());
        }
        None
    }

    /// Why no package can be built now; `None` if it can.
    pub fn why_not_package(&self) -> Option<String> {
        if let Some(reason) = self.why_not_measure() {
            return Some(reason);
        }
        if self.work.running(Area::Result).is_some() {
            return Some("A measurement is running.".into());
        }
        let Some(trial) = self.trial() else {
            return Some("Measure this policy first: the package holds what was measured.".into());
        };
        if self.trials.last() != Some(trial) {
            return Some("Another policy was measured since: measure this one again.".into());
        }
        None
    }
}
