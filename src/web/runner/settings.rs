//! What the user says of weights, and whether what was assumed of them is right.

use super::{End, Runner};
use crate::flow::{Event, GivenSettings, KeptClass};
use crate::net::Spec;
use web_sys::File;

/// Weights as the user opened them, to be read again with other settings.
pub(super) enum Opened {
    /// A file, read as a network if one was chosen.
    File { name: String, network: Option<Spec>, files: Vec<File> },
    /// A built-in network.
    Demo(Spec),
}

impl Runner {
    /// Reads the weights that were opened last again.
    pub(super) async fn use_settings(&mut self, settings: GivenSettings) -> Result<(), End> {
        match &self.opened {
            Some(Opened::File { name, network, files }) => {
                let (name, network, files) = (name.clone(), *network, files.clone());
                self.open_weights(&name, network, settings, &files)
            }
            Some(Opened::Demo(spec)) => {
                let spec = *spec;
                self.open_demo_weights(spec, settings).await
            }
            None => Err(End::Failed("there is no network yet; open the demo or a weights file".into())),
        }
    }

    /// Reads them again with a head of some of their classes; of all if there are none. What cannot be leaves them as they
    /// were.
    pub(super) async fn keep_classes(&mut self, classes: Vec<KeptClass>) -> Result<(), End> {
        let former = std::mem::replace(&mut self.kept, classes);
        let result = self.use_settings(self.given).await;
        if result.is_err() {
            self.kept = former;
        }
        result
    }

    /// Tries what was assumed of the weights on calibration images.
    pub(super) async fn check_preprocessing(&mut self) -> Result<(), End> {
        let verdict = self.session.check_preprocessing().await?;
        self.report(&Event::PreprocessingChecked(verdict));
        Ok(())
    }
}
