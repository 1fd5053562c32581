//! Why something cannot be done now: every disabled control has a reason.

use super::{Area, State};

impl State {
    /// Why nothing can be measured now; `None` if it can.
    pub fn why_not_measure(&self) -> Option<String> {
        if self.search.is_active() {
            return Some("A search is running: stop it first.".into());
        }
        self.why_not_compute()
    }

    /// Why no search can be started now; `None` if it can.
    pub fn why_not_search(&self) -> Option<String> {
        if self.search.is_active() || self.work.running(Area::Search).is_some() {
            return Some("A search is running.".into());
        }
        if self.work.running(Area::Result).is_some() {
            return Some("A measurement is running.".into());
        }
        if self.search.wish.allocators.is_empty() {
            return Some("No way to choose widths is ticked.".into());
        }
        self.why_not_compute()
    }

    /// Why the stored search cannot go on now; `None` if it can.
    pub fn why_not_continue(&self) -> Option<String> {
        let found = self.search.found.as_ref()?;
        let loaded = self.work.network.as_ref();
        if loaded.is_none_or(|loaded| loaded.sha256 != found.network.sha256) {
            return Some(format!(
                "Load its weights first: {} ({}).",
                found.network.source, found.network.spec
            ));
        }
        if self.work.images.as_ref().is_none_or(|images| images.source != found.images) {
            return Some(format!("Load its images first: {}.", found.images));
        }
        self.work.running(Area::Result).map(|_| "A measurement is running.".into())
    }

    /// Why no accuracy can be counted now, whoever asks.
    fn why_not_compute(&self) -> Option<String> {
        let spec = self.design.network.spec;
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
            return Some(format!("No weights of {spec} with {} classes are loaded.", spec.classes));
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
