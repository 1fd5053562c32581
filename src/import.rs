//! From the bytes of a weights file to a [`Model`].
//!
//! A file holds named tensors and perhaps a few words of metadata: a `.safetensors` file, or a checkpoint of PyTorch
//! ([`torch`]). The names and layouts of several tools are read ([`Naming`]). Which one it is, which network and which width follow from the names and the shapes alone;
//! metadata fills in only what these cannot say.
//!
//! | setting | [`ImportOptions`] | else metadata | else |
//! |---|---|---|---|
//! | naming, family, width, classes | checked | - | names and shapes |
//! | image side, if no graph in the file fixes it | `side`, `network` | `resolution` | `linked_side`, [`DEFAULT_SIDE`] |
//! | padding | `padding` | `padding` | [`Naming::usual_padding`] |
//! | epsilon of batch normalization | `epsilon` | `bn_eps` | [`Naming::usual_epsilon`] |
//! | normalization of the image | `normalization` | `preprocessing`, or `mean` and `std` | [`Naming::usual_normalization`] |
//! | class labels | - | `labels`, `classes` | none |
//!
//! A setting that the metadata state is used, or the file is refused; docs/weights.md lists the entries. Every setting
//! is reported with its [`Origin`]: weights give wrong answers without an error if one of them is not as it was in
//! training. Whatever is wrong with the tensors is reported at once, as [`Problems`].

mod classes;
mod described;
mod error;
mod file;
mod format;
pub mod keras;
mod layout;
mod luma;
mod metadata;
mod naming;
pub mod onnx;
mod own;
pub mod passes;
mod quantizers;
mod ranges;
pub mod raw;
mod recognize;
mod save;
mod settings;
mod tensor;
pub mod tflite;
pub mod torch;
mod weights;

pub use classes::{ClassesError, KeptClass};
pub use error::{FileError, ImportError, Problem, Problems};
pub use format::Format;
pub use metadata::{Note, channels};
pub use naming::{Naming, names};
pub use passes::Remark;
pub use ranges::{Ranges, RangesFrom};
pub use save::{SaveError, TooLarge, rounded_to_half, save};
pub use settings::{Origin, Setting, SettingKind};

use crate::net::{Model, Network, Normalization, Padding, Spec, SpecError};
use crate::quant::Grids;
use file::File;
use metadata::Metadata;
use recognize::{Recognized, recognize};

/// Side of the image in pixels if nothing says otherwise: that of ImageNet's published weights.
pub const DEFAULT_SIDE: u16 = 224;

/// Why anything is assumed.
const SILENT: &str = "the file does not say";

/// Why [`DEFAULT_SIDE`] is assumed, and how a caller says otherwise.
const USUAL_SIDE: &str =
    "ImageNet's published weights have it; say another with --side or in the page's field Input size";

/// Bytes of the largest file that is read: 512 MiB. The largest network of the zoo takes half of it as float32.
pub const MAX_FILE_BYTES: u64 = 512 << 20;

/// What the caller knows better than the file. The default knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImportOptions {
    /// The network that must be in the file: family, width and number of classes are checked; the side is taken
    /// over. Its padding is not looked at, as a name like `mobilenet-v2-1.0-224` says nothing about it.
    pub network: Option<Spec>,
    /// Side of the square image in pixels; goes before that of `network`. A file with a graph may fix it: another is then
    /// refused.
    pub side: Option<u16>,
    /// Side of the network in a link, where neither of these and nothing in the file says it.
    pub linked_side: Option<u16>,
    /// Convention of names, if the names alone must not decide.
    pub naming: Option<Naming>,
    /// Padding, e.g. TensorFlow's for timm's `tf_` variants.
    pub padding: Option<Padding>,
    /// Epsilon of all batch normalizations.
    pub epsilon: Option<f32>,
    /// Normalization of the image.
    pub normalization: Option<Normalization>,
    /// Where the ranges of activations come from.
    pub ranges: RangesFrom,
}

impl ImportOptions {
    /// The side that the caller gives.
    fn given_side(&self) -> Option<u16> {
        self.side.or(self.network.map(|network| network.side))
    }
}

/// The side where neither the caller nor the file says it: `why` the file does not.
fn usual_side(linked: Option<u16>, why: &str) -> (u16, Origin) {
    match linked {
        Some(side) => (side, Origin::Linked),
        None => (DEFAULT_SIDE, Origin::Assumed(format!("{why}; {USUAL_SIDE}"))),
    }
}

/// A network with its weights, and what the import had to assume.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network.
    pub model: Model,
    /// The format of its file; of two files that of the one with the graph.
    pub format: Format,
    /// Quantizers that were trained with it, if the file is one that [`save`] wrote with them.
    pub grids: Option<Grids>,
    /// Ranges of activations, if the file has integers that say them.
    pub ranges: Option<Ranges>,
    /// The convention in which the file names its tensors; `None` of a file with a graph.
    pub naming: Option<Naming>,
    /// What the tensors do not show, each with where it came from.
    pub settings: Vec<Setting>,
    /// How images become squares, as the metadata state it by `resize`; it is for whoever reads the images.
    pub resize: Option<String>,
    /// What was recognised in a graph and what was assumed.
    pub remarks: Vec<Remark>,
    /// What else the file holds that was not used.
    pub notes: Vec<Note>,
}

/// Refuses a file that is too large before it is read into memory.
///
/// # Errors
/// If it has more than [`MAX_FILE_BYTES`] bytes.
pub fn check_size(bytes: u64) -> Result<(), FileError> {
    if bytes > MAX_FILE_BYTES { Err(FileError::TooLarge { found: bytes }) } else { Ok(()) }
}

/// Reads a network out of the bytes of a file, which tell its format: a graph with weights in ONNX, TFLite or Keras'
/// formats, or named tensors of a network of the zoo in safetensors or a checkpoint of PyTorch.
///
/// Elements of type F32, F16, BF16 and F64 are read as f32; weights come out as
/// [`Graph::weight_shape`](crate::net::Graph::weight_shape) says, whatever their layout in the file.
///
/// # Errors
/// If the bytes are another format or cut off, hold no network of the zoo or another one than `options` expects,
/// or if tensors are missing, of a wrong shape or type, not finite, or not known.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    check_size(bytes.len() as u64)?;
    let format = Format::of(bytes);
    let graph = match format {
        Format::Onnx => onnx::read(bytes)?,
        Format::Tflite => tflite::read(bytes)?,
        Format::KerasArchive => keras::read_keras(bytes)?,
        Format::Hdf5 => match keras::read_h5(bytes)? {
            keras::KerasFile::Network(graph) => graph,
            keras::KerasFile::Weights(tensors) => return named(File::of_constants(tensors), format, options),
        },
        Format::Blocks => return Err(ImportError::WeightsMissing),
        Format::Tensors => return named(File::parse(bytes)?, format, options),
    };
    described::import(graph, format, options)
}

/// Reads a network whose layers `json` describes, as MCUNet and ProxylessNAS publish them, with weights in any format of
/// named tensors.
///
/// # Errors
/// As [`import()`].
pub fn import_blocks(json: &[u8], weights: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    check_size(json.len() as u64)?;
    check_size(weights.len() as u64)?;
    described::import(torch::read_blocks(json, weights)?, Format::Blocks, options)
}

/// Reads a network out of one file, or out of two of which one describes the layers and the other holds the weights, in
/// either order. Returns it with the place of the file that holds the weights.
///
/// # Errors
/// As [`import()`], or if there are other files.
pub fn import_files(files: &[Vec<u8>], options: &ImportOptions) -> Result<(Imported, usize), ImportError> {
    let describes = |bytes: &Vec<u8>| Format::of(bytes) == Format::Blocks;
    match files {
        [only] => Ok((import(only, options)?, 0)),
        [json, weights] if describes(json) => Ok((import_blocks(json, weights, options)?, 1)),
        [weights, json] if describes(json) => Ok((import_blocks(json, weights, options)?, 0)),
        files => Err(ImportError::Files(files.len())),
    }
}

/// A network of the zoo by the names of its tensors, or one that [`save`] wrote with its graph.
fn named(file: File, format: Format, options: &ImportOptions) -> Result<Imported, ImportError> {
    if own::is_own(&file) {
        return own::read(&file, options);
    }
    let mut metadata = Metadata::new(&file.metadata);
    let prefer = options.network.map(|n| n.width).or_else(|| metadata.width());
    let found = recognize(&file, options.naming, prefer)?;
    let naming = found.naming;

    let mut settings = Settings { list: Vec::new() };
    let whose = || Origin::Assumed(format!("{SILENT}; {naming}'s published weights have it"));
    // A link to a network with a size that none of the zoo has is a link to another network.
    let usual = usual_side(options.linked_side.filter(|&side| Spec::has_side(side)), SILENT);
    // What the caller says is not asked of the file, so that a caller can mend what a file states wrongly.
    let side = settings.choose(SettingKind::Side, options.given_side(), || metadata.zoo_side(), usual)?;
    let (stated, usual) = (|| metadata.padding(), (naming.usual_padding(), whose()));
    let padding = settings.choose(SettingKind::Padding, options.padding, stated, usual)?;
    let (stated, usual) = (|| metadata.epsilon(), (naming.usual_epsilon(), whose()));
    let epsilon = settings.choose(SettingKind::Epsilon, options.epsilon, stated, usual)?;
    let (stated, usual) = (|| metadata.normalization(), (naming.usual_normalization(found.family), whose()));
    let normalization = settings.choose(SettingKind::Normalization, options.normalization, stated, usual)?;

    if let Some(theirs) = naming.other_stem(found.family) {
        let origin = Origin::Assumed(format!("{naming}'s own {} has {theirs} there", found.family.title()));
        settings.list.push(Setting { kind: SettingKind::Activation, value: "ReLU6".into(), origin });
    }

    if found.gray {
        settings.list.push(luma::setting());
    }
    if found.has_one_output() {
        let origin = Origin::Assumed("the classifier has one output, as a sigmoid has".into());
        let value = "two, the second where the one output is above 0".into();
        settings.list.push(Setting { kind: SettingKind::Head, value, origin });
    }

    let spec = specify(&found, side)?.with_padding(padding);
    if let Some(expected) = options.network {
        check(&expected, &spec)?;
    }
    let network = Network::from(spec);
    let graph = network.graph();
    metadata.check_activation(graph)?;
    let weights = weights::read(&file, &spec, graph, &found, epsilon)?;
    let grids = quantizers::read(&file, graph, &normalization)?;
    let labels = metadata.labels(usize::from(spec.classes));
    metadata.compare(&spec);
    let model = Model { network, weights, normalization, labels };
    let resize = metadata.resize();
    let notes = file.notes.iter().cloned().chain(metadata.notes).collect();
    let (naming, remarks, ranges) = (Some(naming), Vec::new(), None);
    Ok(Imported { model, format, grids, ranges, naming, settings: settings.list, resize, remarks, notes })
}

/// Settings as they are decided.
struct Settings {
    list: Vec<Setting>,
}

impl Settings {
    /// The caller's value, else the file's, else the usual one with its origin.
    fn choose<T: Shown + Copy>(
        &mut self,
        kind: SettingKind,
        given: Option<T>,
        stated: impl FnOnce() -> Result<Option<T>, ImportError>,
        usual: (T, Origin),
    ) -> Result<T, ImportError> {
        let (value, origin) = match given {
            Some(given) => (given, Origin::Given),
            None => match stated()? {
                Some(stated) => (stated, Origin::Stated),
                None => usual,
            },
        };
        self.list.push(Setting { kind, value: value.shown(), origin });
        Ok(value)
    }

    /// The side that a file fixes.
    ///
    /// # Errors
    /// If the caller gives another.
    fn fix_side(&mut self, fixed: usize, options: &ImportOptions) -> Result<(), ImportError> {
        match options.given_side() {
            Some(asked) if usize::from(asked) != fixed => Err(ImportError::FixedSide { fixed, asked }),
            _ => {
                let value = format!("{fixed}x{fixed}");
                self.list.push(Setting { kind: SettingKind::Side, value, origin: Origin::Fixed });
                Ok(())
            }
        }
    }
}

/// A setting's value in words.
trait Shown {
    fn shown(self) -> String;
}

impl Shown for u16 {
    fn shown(self) -> String {
        format!("{self}x{self}")
    }
}

impl Shown for f32 {
    fn shown(self) -> String {
        self.to_string()
    }
}

impl Shown for Padding {
    fn shown(self) -> String {
        self.title().into()
    }
}

impl Shown for Normalization {
    fn shown(self) -> String {
        self.to_string()
    }
}

fn specify(found: &Recognized, side: u16) -> Result<Spec, SpecError> {
    Spec::new(found.family, found.width, side)?.with_classes(found.classes())
}

/// Whether the file holds the network that the caller expects.
fn check(expected: &Spec, found: &Spec) -> Result<(), ImportError> {
    let key = |s: &Spec| (s.family, s.width, s.classes);
    if key(expected) == key(found) {
        return Ok(());
    }
    let words = |spec: &Spec| format!("{spec} with {} classes", spec.classes);
    Err(ImportError::OtherNetwork { expected: words(expected), found: words(found) })
}
