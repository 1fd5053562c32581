//! Weights and images from disk, and what is computed from them, with progress.

use super::arguments::{ImageArguments, Inputs, PaddingName};
use super::progress::Progress;
use crate::calibrate::{Calibration, Observer, Quantization, Settings, trained};
use crate::data::{Archive, Charset, Files, Folder, Limits, Preprocess, PureRust, Source, Sources};
use crate::float::FloatNetwork;
use crate::flow::{
    Inputs as Taken, Item, Listing, Origin, PreprocessingCheck, PreprocessingVerdict, Provenance, Tally,
};
use crate::import::{Note, Setting, check_size, import};
use crate::infer::{Engine, Workspace};
use crate::link::{HashPrefix, Link};
use crate::net::Model;
use crate::printable::printable_lines;
use crate::quant::{Grids, Policy, QuantizedNetwork};
use anyhow::{Context, anyhow, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Images that are in memory as files at the same time.
const BATCH: usize = 64;

/// A decoded image and the output that is right for it.
pub type Labelled = (Vec<u8>, usize);

/// What was loaded.
pub struct Session {
    /// The float network.
    pub model: Model,
    /// SHA-256 of the weights file in hexadecimal.
    pub sha256: String,
    /// Quantizers that were trained with the weights, if the file has them.
    grids: Option<Grids>,
    /// What the weights do not show, and where it came from.
    settings: Vec<Setting>,
    listing: Listing,
    sources: Sources,
    /// Entries of the weights' metadata that were not used.
    notes: Vec<Note>,
    /// Images that cannot be read, each with the reason.
    unread: Vec<(String, String)>,
}

impl Session {
    /// Reads weights and lists images; a link says which network it is where nothing else does.
    pub fn open(inputs: &Inputs, link: Option<&Link>) -> anyhow::Result<Self> {
        let Inputs { weights, images, calibration, trained, .. } = inputs;
        let network = inputs.network.or(link.map(|link| link.spec));
        let size = fs::metadata(weights).with_context(|| format!("{}", weights.display()))?.len();
        check_size(size).with_context(|| format!("{}", weights.display()))?;
        let bytes = fs::read(weights).with_context(|| format!("{}", weights.display()))?;
        // The side is the caller's, the number of classes the file's.
        let options = trained.options(network)?;
        let imported = import(&bytes, &options).with_context(|| format!("{}", weights.display()))?;
        let model = imported.model;
        if let Some(expected) = network
            && (expected.family, expected.width) != (model.spec.family, model.spec.width)
        {
            return Err(anyhow!("{} holds {}, not {expected}", weights.display(), model.spec));
        }
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let mut session = Self::list(model, sha256, images, calibration.images)?;
        (session.grids, session.settings, session.notes) =
            (imported.grids, imported.settings, imported.notes);
        if images.resize.is_none() {
            let stated = session.listing.adopt_resize(imported.resize.as_deref());
            stated.with_context(|| format!("{}", weights.display()))?;
        }
        eprintln!("{}", printable_lines(&session.taken().text()));
        if let Some(link) = link {
            session.compare(link);
        }
        Ok(session)
    }

    /// Says so if a link is of other weights or images than these.
    fn compare(&self, link: &Link) {
        let (weights, images) = self.hashes();
        for (what, of_link, found) in [("weights", link.weights, weights), ("images", link.images, images)] {
            if let (Some(expected), Some(found)) = (of_link, found)
                && expected != found
            {
                eprintln!(
                    "note: the link is of other {what}: SHA-256 {expected}... in the link, {found}... here"
                );
            }
        }
    }

    /// What weights and images were found to be.
    pub fn taken(&self) -> Taken {
        Taken::new(&self.sources, &self.listing, Some(&self.model), &self.provenance(), &self.unread)
    }

    /// Lists images for a model that has no weights yet.
    #[cfg(feature = "train")]
    pub fn new(model: Model, images: &ImageArguments) -> anyhow::Result<Self> {
        let mut session = Self::list(model, String::new(), images, 0)?;
        session.model.labels = Some(session.class_names());
        eprintln!("{}", printable_lines(&session.taken().text()));
        Ok(session)
    }

    fn list(
        model: Model,
        sha256: String,
        images: &ImageArguments,
        calibration: usize,
    ) -> anyhow::Result<Self> {
        let open = |path: &PathBuf| open_images(path, images.names);
        let mut opened: Vec<Source> = images.images.iter().map(open).collect::<Result<_, _>>()?;
        let source = opened.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
        for path in &images.labels {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            opened.push(Source { name, files: Box::new(Folder::file(path)?) });
        }
        let mut sources = Sources::new(opened);
        let mut listing = Listing::new(source, &mut sources, calibration)?;
        for path in &images.labels {
            // What is given is used or refused.
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            ensure!(
                listing.dataset.labels.iter().any(|file| file.path == name),
                "{}: expected names or numbers of images in no class folder with their labels, found none of the {} \
                 images without a class",
                path.display(),
                listing.dataset.unlabelled()
            );
        }
        if let Some(resize) = images.resize {
            listing.set_resize(resize, Origin::Given, "--resize");
        }
        let (settings, notes, unread) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { model, sha256, grids: None, settings, notes, listing, sources, unread })
    }

    /// Names of the images' classes.
    #[cfg(feature = "train")]
    pub fn class_names(&self) -> Vec<String> {
        self.listing.dataset.classes.iter().map(|class| class.folder.clone()).collect()
    }

    /// What tells weights and images apart in a link.
    pub fn hashes(&self) -> (Option<HashPrefix>, Option<HashPrefix>) {
        (HashPrefix::of(&self.sha256), HashPrefix::of(&self.listing.sha256))
    }

    /// Where the images came from.
    pub fn images_source(&self) -> &str {
        &self.listing.source
    }

    /// Decodes the calibration images: pixels, and the outputs that are right for them. Where preprocessing was assumed,
    /// says whether another one does clearly better on them.
    pub fn calibration_images(&mut self) -> anyhow::Result<(Vec<Vec<u8>>, Vec<usize>)> {
        let items = self.listing.calibration.clone();
        let images = self.decode("calibration images", &items)?;
        self.check_preprocessing(&images)?;
        Ok(images.into_iter().unzip())
    }

    /// What the weights do not show, and where it came from.
    pub fn provenance(&self) -> Vec<Provenance> {
        self.settings.iter().map(Into::into).chain(self.notes.iter().map(Into::into)).collect()
    }

    fn check_preprocessing(&self, images: &[Labelled]) -> anyhow::Result<()> {
        let Some(check) = PreprocessingCheck::new(&self.model, &self.settings)? else { return Ok(()) };
        let sample = check.sample(images.len());
        let bar = Progress::new("checking preprocessing", sample.len());
        let judged = sample.par_iter().map(|&place| {
            let (image, target) = &images[place];
            let judged = check.judge(image, *target);
            bar.inc(1);
            judged
        });
        let verdict = check.verdict(&judged.collect::<Result<Vec<_>, _>>()?);
        bar.finish();
        eprintln!("note: {}{}", verdict.sentence(), options_for(&verdict));
        Ok(())
    }

    /// Decodes the evaluation images.
    pub fn evaluation_images(&mut self, limit: Option<usize>) -> anyhow::Result<Vec<Labelled>> {
        let items = self.listing.limited(limit);
        self.decode("evaluation images", &items)
    }

    /// Decodes the images that steer a search.
    pub fn reward_images(&mut self, limit: Option<usize>) -> anyhow::Result<Vec<Labelled>> {
        let items = self.listing.limited_reward(limit);
        self.decode("reward images", &items)
    }

    /// Decodes images for each round of the run-off of a search with so many reward images.
    pub fn run_off_images(&mut self, reward: usize) -> anyhow::Result<Vec<Vec<Labelled>>> {
        let rounds = self.listing.run_off(reward);
        rounds.iter().map(|items| self.decode("run-off images", items)).collect()
    }

    /// Decodes the images that nothing but the last measurement sees.
    pub fn test_images(&mut self) -> anyhow::Result<Vec<Labelled>> {
        let items = self.listing.test.clone();
        self.decode("test images", &items)
    }

    /// Decodes the training images, or so many of them, classes in turn: centre squares of `side` pixels.
    #[cfg(feature = "train")]
    pub fn training_images(&mut self, side: usize, limit: Option<usize>) -> anyhow::Result<Vec<Labelled>> {
        let items = self.listing.limited_train(limit);
        let preprocess = self.listing.preprocess_training(side);
        self.decode_as("training images", &items, preprocess)
    }

    fn decode(&mut self, what: &'static str, items: &[Item]) -> anyhow::Result<Vec<Labelled>> {
        let preprocess = self.listing.preprocess(usize::from(self.model.spec.side));
        self.decode_as(what, items, preprocess)
    }

    /// Images that cannot be read are named and left out.
    fn decode_as(
        &mut self,
        what: &'static str,
        items: &[Item],
        preprocess: Preprocess,
    ) -> anyhow::Result<Vec<Labelled>> {
        let map = self.listing.class_map(&self.model)?;
        let bar = Progress::new(what, items.len());
        let mut images = Vec::with_capacity(items.len());
        for batch in items.chunks(BATCH) {
            let files: Vec<_> = batch.iter().map(|item| self.sources.read(item.file)).collect();
            let decoded: Vec<_> = files
                .into_par_iter()
                .zip(batch)
                .map(|(bytes, item)| {
                    let pixels =
                        bytes.and_then(|b| preprocess.load(&PureRust, &b).map_err(|e| e.in_file(&item.path)));
                    pixels.map(|pixels| (pixels, map.outputs()[item.class]))
                })
                .collect();
            for (image, item) in decoded.into_iter().zip(batch) {
                match image {
                    Ok(image) => images.push(image),
                    Err(error) => {
                        bar.print(&printable_lines(&format!("skipped {error}")));
                        let unread = (item.path.clone(), error.reason());
                        if !self.unread.contains(&unread) {
                            self.unread.push(unread);
                        }
                    }
                }
            }
            bar.inc(batch.len() as u64);
        }
        bar.finish();
        Ok(images)
    }

    /// Runs the float network over the calibration images.
    pub fn calibrate(&self, images: &[Vec<u8>], settings: Settings) -> anyhow::Result<Calibration> {
        let bar = Progress::new("calibrating", images.len());
        let mut observer = Observer::new(&self.model, settings)?;
        for batch in images.chunks(8) {
            observer.add(batch)?;
            bar.inc(batch.len() as u64);
        }
        bar.finish();
        Ok(observer.finish()?)
    }

    /// Turns the network into integers: those that were trained, if the file has quantizers of these very widths.
    pub fn quantize(
        &self,
        calibration: &Calibration,
        policy: &Policy,
        images: &[Vec<u8>],
    ) -> anyhow::Result<QuantizedNetwork> {
        match &self.grids {
            Some(grids) if grids.policy(&self.model.graph) == *policy => {
                return Ok(trained(&self.model, grids)?);
            }
            Some(_) => {
                eprintln!("note: the weights were trained at other widths; their quantizers are not used")
            }
            None => {}
        }
        let bar = Progress::new("quantizing", self.model.graph.layers.len());
        let mut quantization = Quantization::new(&self.model, calibration, policy, images)?;
        loop {
            if let Some(network) = quantization.step()? {
                bar.finish();
                return Ok(network);
            }
            bar.set_position(quantization.progress().0 as u64);
        }
    }
}

/// How the command line is told of a better choice.
fn options_for(verdict: &PreprocessingVerdict) -> String {
    let Some(choice) = verdict.better() else { return String::new() };
    let mut options = String::new();
    if verdict.assumed.0 {
        options += &format!(" --preprocessing '{}'", choice.normalization);
    }
    if verdict.assumed.1 {
        options += &format!(" --padding {}", PaddingName::from(choice.padding));
    }
    format!("; try{options}")
}

/// Accuracy in integers.
pub fn measure(network: &QuantizedNetwork, images: &[Labelled]) -> anyhow::Result<Tally> {
    let engine = Engine::new(network)?;
    tally("integers", images, Workspace::default, |workspace, image| Ok(engine.predict(workspace, image)?))
}

/// Accuracy in real numbers.
pub fn measure_float(model: &Model, images: &[Labelled]) -> anyhow::Result<Tally> {
    let network = FloatNetwork::new(model)?;
    tally("float", images, || (), |(), image| Ok(network.predict(image)?))
}

fn tally<W: Send>(
    what: &'static str,
    images: &[Labelled],
    workspace: impl Fn() -> W + Sync + Send,
    predict: impl Fn(&mut W, &[u8]) -> anyhow::Result<usize> + Sync,
) -> anyhow::Result<Tally> {
    let bar = Progress::new(what, images.len());
    let counted = images.par_iter().map_init(workspace, |workspace, (image, target)| {
        let class = predict(workspace, image)?;
        bar.inc(1);
        Ok(Tally { correct: usize::from(class == *target), images: 1 })
    });
    let sum = counted.try_reduce(Tally::default, |a, b| Ok(a + b));
    bar.finish();
    sum
}

/// Opens a folder or an archive under the last part of its path.
fn open_images(path: &Path, names: Option<Charset>) -> anyhow::Result<Source> {
    // `.` and `photos/..` have no name of their own.
    let whole = if path.file_name().is_none() { path.canonicalize().ok() } else { None };
    let whole = whole.as_deref().unwrap_or(path);
    let name = whole.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if path.is_dir() {
        return Ok(Source { name, files: Box::new(Folder::open(path, names)?) });
    }
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let shown = path.display().to_string();
    let archive = Archive::open_as(&shown, BufReader::new(file), Limits::default(), names)?;
    Ok(Source { name, files: Box::new(archive) })
}
