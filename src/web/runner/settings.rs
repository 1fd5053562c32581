//! What the user says of weights, and whether what was assumed of them is right.

use super::{End, Runner, no_images, no_network};
use crate::flow::{Event, GivenSettings, PreprocessingCheck, Task};
use crate::net::Spec;
use web_sys::File;

/// Weights as the user opened them, to be read again with other settings.
pub(super) enum Opened {
    /// A file, read as a network if one was chosen.
    File { name: String, network: Option<Spec>, file: File },
    /// A built-in network.
    Demo(Spec),
}

impl Runner {
    /// Reads the weights that were opened last again.
    pub(super) async fn use_settings(&mut self, settings: GivenSettings) -> Result<(), End> {
        match &self.opened {
            Some(Opened::File { name, network, file }) => {
                let (name, network, file) = (name.clone(), *network, file.clone());
                self.open_weights(&name, network, settings, &[file])
            }
            Some(Opened::Demo(spec)) => {
                let spec = *spec;
                self.open_demo_weights(spec, settings).await
            }
            None => Err(no_network()),
        }
    }

    /// Tries what was assumed of the weights on calibration images.
    pub(super) async fn check_preprocessing(&mut self) -> Result<(), End> {
        let limit = self.prepared.as_ref().and_then(|prepared| prepared.limit);
        self.prepare(limit).await?;
        let (model, summary) = self.model.as_ref().ok_or_else(no_network)?;
        let Some(check) = PreprocessingCheck::new(model, &summary.settings)? else {
            self.report(&Event::PreprocessingChecked(None));
            return Ok(());
        };
        let prepared = self.prepared.as_ref().ok_or_else(no_images)?;
        let sample = check.sample(prepared.calibration.len());
        let mut judged = Vec::with_capacity(sample.len());
        for &place in &sample {
            judged.push(check.judge(&prepared.calibration[place], prepared.targets[place])?);
            self.progress(Task::CheckPreprocessing, judged.len(), sample.len(), None);
            self.breathe().await?;
        }
        self.report(&Event::PreprocessingChecked(Some(check.verdict(&judged))));
        Ok(())
    }
}
