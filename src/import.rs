//! From the bytes of a weights file to a [`Model`].
//!
//! A `.safetensors` file holds named tensors and perhaps a few words of metadata. Three conventions of names and
//! layouts are read ([`Naming`]): Keras applications, torchvision and timm. Which one it is, which network and which
//! width follow from the names and the shapes alone; metadata fills in only what these cannot say.
//!
//! | setting | [`ImportOptions`] | else metadata | else |
//! |---|---|---|---|
//! | naming, family, width, classes | checked | - | names and shapes |
//! | image side | `side`, `network` | `resolution` | [`DEFAULT_SIDE`] |
//! | padding | `padding` | `padding` | TensorFlow for Keras, PyTorch for the others |
//! | epsilon of batch normalization | `epsilon` | `bn_eps` | 1e-3 for Keras, 1e-5 for the others |
//! | normalization of the image | `normalization` | `preprocessing` | see [`Naming::usual_normalization`] |
//! | class labels | - | `labels`, `classes` | none |
//!
//! Every setting of the last column is reported as a [`Note`]: weights give wrong answers without an error if one of
//! them is not as it was in training. Whatever is wrong with the tensors is reported at once, as [`Problems`].

mod error;
mod file;
mod layout;
mod metadata;
mod naming;
mod quantizers;
mod recognize;
mod save;
mod weights;

pub use error::{FileError, ImportError, Problem, Problems};
pub use metadata::Note;
pub use naming::{Naming, names};
pub use save::{SaveError, TooLarge, rounded_to_half, save};

use crate::net::{Model, Normalization, Padding, Spec, SpecError};
use crate::quant::Grids;
use file::File;
use metadata::Metadata;
use recognize::{Recognized, recognize};

/// Side of the image in pixels if nothing says otherwise: that of ImageNet's published weights.
pub const DEFAULT_SIDE: u16 = 224;

/// What the caller knows better than the file. The default knows nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ImportOptions {
    /// The network that must be in the file: family, width and number of classes are checked; the side is taken
    /// over. Its padding is not looked at, as a name like `mobilenet-v2-1.0-224` says nothing about it.
    pub network: Option<Spec>,
    /// Side of the square image in pixels; goes before that of `network`.
    pub side: Option<u16>,
    /// Convention of names, if the names alone must not decide.
    pub naming: Option<Naming>,
    /// Padding, e.g. TensorFlow's for timm's `tf_` variants.
    pub padding: Option<Padding>,
    /// Epsilon of all batch normalizations.
    pub epsilon: Option<f32>,
    /// Normalization of the image.
    pub normalization: Option<Normalization>,
}

/// A network with its weights, and what the import had to assume.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network.
    pub model: Model,
    /// Quantizers that were trained with it, if the file is one that [`save`] wrote with them.
    pub grids: Option<Grids>,
    /// The convention in which the file names its tensors.
    pub naming: Naming,
    /// Settings that neither caller nor file gave, and metadata that was not used.
    pub notes: Vec<Note>,
}

/// Reads a network out of the bytes of a `.safetensors` file.
///
/// Elements of type F32, F16, BF16 and F64 are read as f32; weights come out as
/// [`Graph::weight_shape`](crate::net::Graph::weight_shape) says, whatever their layout in the file.
///
/// # Errors
/// If the bytes are another format or cut off, hold no network of the zoo or another one than `options` expects,
/// or if tensors are missing, of a wrong shape or type, not finite, or not known.
pub fn import(bytes: &[u8], options: &ImportOptions) -> Result<Imported, ImportError> {
    let file = File::parse(bytes)?;
    let mut metadata = Metadata::new(&file.metadata);
    let prefer = options.network.map(|n| n.width).or_else(|| metadata.width());
    let found = recognize(&file, options.naming, prefer)?;
    let naming = found.naming;

    let side = match options.side.or(options.network.map(|n| n.side)) {
        Some(side) => side,
        None => metadata.side().unwrap_or_else(|| metadata.assume("image side", DEFAULT_SIDE)),
    };
    let padding = match options.padding {
        Some(padding) => padding,
        None => metadata.padding().unwrap_or_else(|| metadata.assume("padding", naming.usual_padding())),
    };
    let epsilon = match options.epsilon {
        Some(epsilon) => epsilon,
        None => metadata
            .epsilon()
            .unwrap_or_else(|| metadata.assume("epsilon of batch normalization", naming.usual_epsilon())),
    };
    let normalization = match options.normalization {
        Some(normalization) => normalization,
        None => metadata.normalization().unwrap_or_else(|| {
            let usual = naming.usual_normalization(found.family);
            metadata.assume_normalization(usual)
        }),
    };

    let spec = specify(&found, side)?.with_padding(padding);
    if let Some(expected) = options.network {
        check(&expected, &spec)?;
    }
    let graph = spec.build();
    let weights = weights::read(&file, &spec, &graph, &found, epsilon)?;
    let grids = quantizers::read(&file, &graph, &normalization)?;
    let labels = metadata.labels(usize::from(spec.classes));
    metadata.compare(&spec);
    let model = Model { spec, graph, weights, normalization, labels };
    Ok(Imported { model, grids, naming, notes: metadata.notes })
}

fn specify(found: &Recognized, side: u16) -> Result<Spec, SpecError> {
    Spec::new(found.family, found.width, side)?.with_classes(found.classes)
}

/// Whether the file holds the network that the caller expects.
fn check(expected: &Spec, found: &Spec) -> Result<(), ImportError> {
    let key = |s: &Spec| (s.family, s.width, s.classes);
    if key(expected) == key(found) {
        return Ok(());
    }
    Err(ImportError::OtherNetwork { expected: *expected, found: *found })
}
