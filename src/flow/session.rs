//! One session: what is loaded, what was found out about it, and the steps from one to the other.
//!
//! Every result is stored under the [`Key`] of what it is of. A step first looks for its result under the present key, so
//! opening other weights or images, or changing a limit, neither keeps nor clears anything by hand.

mod finetune;
mod hold;
mod measure;
mod prepare;
mod room;
mod search;

use super::{
    Artefact, End, Epochs, Event, Executor, Figure, Inputs, Key, Listing, NetworkSummary, Order, Origin,
    Package, PackageName, Provenance, Set, Setting, Slot,
};
use crate::calibrate::{Calibration, Settings};
use crate::data::{Files, Resize, Sources};
use crate::import::{Format, Imported, Naming, Note, Ranges, Remark, SettingKind};
use crate::link::Link;
use crate::net::Model;
use crate::quant::{Grids, QuantizedNetwork};
use crate::train::Trained;
pub use finetune::{TrainingEnd, TrainingPlan};
use hold::Holding;
pub use prepare::Prepared;
pub use search::{Calibrated, Scoring, Subject};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Weights that are loaded.
#[derive(Debug)]
pub struct Weights {
    /// The float network.
    pub model: Arc<Model>,
    /// Quantizers that were trained with the weights, if their file has them.
    pub grids: Option<Grids>,
    /// Ranges of activations, if their file has integers that say them.
    ranges: Option<Ranges>,
    /// What the screen shows of them.
    pub summary: NetworkSummary,
    /// Metadata that was not used.
    notes: Vec<Note>,
}

impl Weights {
    /// What the tensors do not show, and where it came from.
    pub fn provenance(&self) -> Vec<Provenance> {
        let settings = self.summary.settings.iter().map(Provenance::from);
        settings.chain(self.notes.iter().map(Provenance::from)).collect()
    }

    /// The value of a setting, in words, if it was settled for these weights.
    fn setting(&self, kind: SettingKind) -> Option<&str> {
        let found = self.summary.settings.iter().find(|setting| setting.kind == kind);
        found.map(|setting| setting.value.as_str())
    }

    /// Ranges of activations at 8 bits that do not come from images, by tensor.
    fn ranges(&self) -> &[Option<(f64, f64)>] {
        self.ranges.as_ref().map_or(&[], Ranges::used)
    }

    fn use_floats(&self) -> Order {
        Order::UseFloats(Box::new((*self.model).clone()), self.summary.key)
    }
}

/// Weights as they were read from a file.
#[derive(Debug)]
pub struct Opened {
    model: Model,
    grids: Option<Grids>,
    ranges: Option<Ranges>,
    /// Name of the file.
    source: String,
    /// SHA-256 of the file in hexadecimal.
    sha256: String,
    settings: Vec<Setting>,
    /// Format and naming of the file, if there is one.
    format: Option<Format>,
    naming: Option<Naming>,
    remarks: Vec<Remark>,
    notes: Vec<Note>,
    resize: Option<String>,
}

impl Opened {
    /// `sha256` is that of the file, in hexadecimal. A network that is not of the zoo is called after the file.
    pub fn new(imported: Imported, source: String, sha256: String) -> Self {
        let Imported { mut model, format, naming, grids, ranges, settings, remarks, notes, resize } =
            imported;
        let file = source.rsplit(['/', '\\']).next().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        model.network = model.network.named(stem.strip_suffix("-trained").unwrap_or(stem));
        let format = Some(format);
        Self { model, grids, ranges, source, sha256, settings, format, naming, remarks, notes, resize }
    }

    /// Weights that come from no file.
    pub fn of_model(model: Model) -> Self {
        Self {
            model,
            grids: None,
            ranges: None,
            source: String::new(),
            sha256: String::new(),
            settings: Vec::new(),
            format: None,
            naming: None,
            remarks: Vec::new(),
            notes: Vec::new(),
            resize: None,
        }
    }
}

/// Images that are loaded.
pub struct Images {
    sources: Sources,
    /// What serves what.
    pub listing: Rc<Listing>,
    /// Other for each time that images are opened.
    key: Key,
    /// The same whenever files of these names and sizes are opened.
    shown: Key,
    /// Those that cannot be read, each with the reason.
    unread: Vec<(String, String)>,
}

/// A network in integers.
#[derive(Debug)]
pub struct Integers {
    /// The network.
    pub network: QuantizedNetwork,
    /// What training of its policy begins with.
    pub start: Trained,
    /// Training behind its weights, if they were trained after they were loaded.
    pub trained: Option<Epochs>,
    key: Key,
}

/// What training has left.
#[derive(Clone, Debug)]
pub struct Training {
    /// Weights and quantizers.
    pub trained: Trained,
    /// How long.
    pub epochs: Epochs,
    key: Key,
}

/// What is loaded and found out; `E` carries out its steps.
pub struct Session<E> {
    /// Who carries out the steps.
    pub executor: E,
    /// How networks are quantized.
    pub settings: Settings,
    weights: Option<Rc<Weights>>,
    images: Option<Images>,
    /// Times that images were opened.
    opened: u64,
    /// How images become squares if that was said; with where that comes from.
    pub resize: Option<(Resize, Origin, String)>,
    /// The same as the weights' metadata state it.
    stated_resize: Option<String>,
    prepared: Slot<Rc<Prepared>>,
    calibration: Slot<Arc<Calibration>>,
    /// With codes that policies are scored with.
    calibration_for_scores: Slot<Arc<Calibration>>,
    integers: Slot<Rc<Integers>>,
    holding: Holding,
    training: Slot<Rc<Training>>,
    /// The policy that was measured last.
    measured: Slot<(Rc<Integers>, Figure)>,
    figures: HashMap<Key, Figure>,
}

impl<E: Executor> Session<E> {
    /// A session with nothing loaded.
    pub fn new(executor: E) -> Self {
        Self {
            executor,
            settings: Settings::default(),
            weights: None,
            images: None,
            opened: 0,
            resize: None,
            stated_resize: None,
            prepared: Slot::default(),
            calibration: Slot::default(),
            calibration_for_scores: Slot::default(),
            integers: Slot::default(),
            holding: Holding::default(),
            training: Slot::default(),
            measured: Slot::default(),
            figures: HashMap::new(),
        }
    }

    /// Takes weights in the place of those before.
    ///
    /// # Errors
    /// If they state a way to resize images that there is not.
    pub fn adopt_weights(&mut self, opened: Opened) -> Result<(), End> {
        let Opened { model, grids, ranges, source, sha256, settings, format, naming, remarks, notes, resize } =
            opened;
        let former = std::mem::replace(&mut self.stated_resize, resize);
        if let Err(refused) = self.choose_resize() {
            self.stated_resize = former;
            return Err(refused);
        }
        let policy = grids.as_ref().map(|grids| grids.policy(model.graph()));
        let (network, labels) = (model.network.clone(), model.labels.clone());
        let key = match ranges.as_ref().map_or(&[][..], Ranges::used) {
            [] => Key::of(&(&model, &grids)),
            used => Key::of(&(&model, &grids, used)),
        };
        let texts = notes.iter().map(ToString::to_string).collect();
        let summary = NetworkSummary {
            network,
            source,
            labels,
            sha256,
            policy,
            ranges: ranges.as_ref().map(|ranges| ranges.from),
            format,
            naming,
            settings,
            remarks,
            notes: texts,
            key,
        };
        self.executor.report(&Event::Network(summary.clone()));
        self.weights = Some(Weights { model: Arc::new(model), grids, ranges, summary, notes }.into());
        self.report_inputs();
        Ok(())
    }

    /// Takes images in the place of those before. `calibration` is the wanted number of calibration images.
    ///
    /// # Errors
    /// If there are too few.
    pub fn adopt_images(
        &mut self,
        source: String,
        mut sources: Sources,
        calibration: usize,
    ) -> Result<(), End> {
        let listing = Listing::new(source, &mut sources, calibration)?;
        self.opened += 1;
        let files: Vec<_> = sources.files().iter().map(|file| (&file.path, file.size)).collect();
        let resize = self.resize.as_ref().map(|(resize, ..)| resize);
        let shown = Key::of(&(&listing.source, files, calibration, resize));
        let key = Key::of(&(shown, self.opened));
        let summary = listing.summary(shown);
        self.images = Some(Images { sources, listing: listing.into(), key, shown, unread: Vec::new() });
        self.choose_resize()?;
        self.executor.report(&Event::Images(summary));
        self.report_inputs();
        Ok(())
    }

    /// How images become squares: as was said, else as the weights state, else as usual.
    fn choose_resize(&mut self) -> Result<(), End> {
        let Some(images) = &mut self.images else { return Ok(()) };
        let listing = Rc::make_mut(&mut images.listing);
        match &self.resize {
            Some((resize, origin, source)) => listing.set_resize(*resize, *origin, source),
            None => listing.adopt_resize(self.stated_resize.as_deref())?,
        }
        Ok(())
    }

    /// What weights and images were found to be; `notes` says whether metadata that were not used are among it.
    ///
    /// # Errors
    /// If there are no images.
    pub fn inputs(&self, notes: bool) -> Result<Inputs, End> {
        let images = self.images()?;
        let (model, settings) = match &self.weights {
            Some(weights) if notes => (Some(&*weights.model), weights.provenance()),
            Some(weights) => {
                (Some(&*weights.model), weights.summary.settings.iter().map(Provenance::from).collect())
            }
            None => (None, Vec::new()),
        };
        let memory = self.executor.image_memory();
        Ok(Inputs::new(&images.sources, &images.listing, model, &settings, &images.unread, memory))
    }

    fn report_inputs(&self) {
        if let Ok(inputs) = self.inputs(false) {
            self.executor.report(&Event::Inputs(Box::new(inputs)));
        }
    }

    /// The weights that are loaded.
    ///
    /// # Errors
    /// If there are none.
    pub fn weights(&self) -> Result<Rc<Weights>, End> {
        let none = || End::Failed("there is no network yet; open the demo or a weights file".into());
        self.weights.clone().ok_or_else(none)
    }

    /// The images that are loaded.
    ///
    /// # Errors
    /// If there are none.
    pub fn listing(&self) -> Result<Rc<Listing>, End> {
        Ok(self.images()?.listing.clone())
    }

    /// What training has left for the weights that are loaded.
    pub fn training(&self) -> Option<&Rc<Training>> {
        self.training.get(self.weights().ok()?.summary.key)
    }

    /// Stores what training has left; it began with the weights that are loaded.
    ///
    /// # Errors
    /// If none are.
    pub fn adopt_training(&mut self, trained: Trained, epochs: Epochs) -> Result<(), End> {
        let key = Key::of(&trained);
        self.training.put(self.weights()?.summary.key, Training { trained, epochs, key }.into());
        Ok(())
    }

    /// Lets go of what training has left.
    pub fn discard_training(&mut self) {
        self.training = Slot::default();
        self.measured.take_if(|(integers, _)| integers.trained.is_some());
    }

    /// The shares were started again: they hold nothing.
    pub fn lost_shares(&mut self) {
        self.holding = Holding::default();
    }

    /// The package of the policy that was measured last, or a part of it: its file name and bytes.
    ///
    /// # Errors
    /// If the link's policy was not measured last with the weights and images that are loaded, or cannot be exported.
    pub fn package(
        &self,
        artefact: Artefact,
        name: Option<&PackageName>,
        link: &Link,
    ) -> Result<(String, Vec<u8>), End> {
        let unmeasured =
            || End::Failed("this policy was not measured with these weights; measure it first".into());
        let (integers, figure) = self.measured.get(self.loaded()?).ok_or_else(unmeasured)?;
        let network = &integers.network;
        if !network.network.is_same(&link.network) || network.policy != link.policy {
            return Err(unmeasured());
        }
        let prepared = self.prepared.get(self.prepared_key()?).ok_or_else(unmeasured)?;
        let (weights, listing) = (self.weights()?, self.listing()?);
        let package = Package {
            name,
            link,
            weights_sha256: &weights.summary.sha256,
            images: &listing.source,
            integers: *figure,
            trained: integers.trained,
            ranges: weights.setting(SettingKind::Ranges),
            float: self.figures.get(&Key::of(&(weights.summary.key, figure.images.key))).copied(),
            calibration: &prepared.pixels,
            targets: &prepared.targets,
        };
        Ok((artefact.file_name(&package.name()), package.artefact(network, artefact)?))
    }

    fn images(&self) -> Result<&Images, End> {
        let none = || End::Failed("there are no images yet; open the demo, a folder or an archive".into());
        self.images.as_ref().ok_or_else(none)
    }

    /// Of the weights and images that are loaded.
    fn loaded(&self) -> Result<Key, End> {
        Ok(Key::of(&(self.weights()?.summary.key, self.images()?.key)))
    }

    fn check_stop(&self) -> Result<(), End> {
        if self.executor.stops() { Err(End::Stopped) } else { Ok(()) }
    }

    /// Lets messages come in.
    ///
    /// # Errors
    /// If one of them ends the step.
    pub async fn breathe(&self) -> Result<(), End> {
        self.executor.breathe().await;
        self.check_stop()
    }
}
