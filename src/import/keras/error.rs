//! What can be wrong with a file of Keras.

/// Why a file gives neither a network nor weights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KerasError {
    /// The bytes are no intact HDF5 file.
    #[error("the HDF5 file is damaged or cut off ({0}); download or copy it again")]
    Hdf5(String),
    /// The bytes are no intact archive of Keras.
    #[error(
        "the .keras archive cannot be read ({0}): expected a zip of config.json and model.weights.h5; download or \
         copy it again, or save the network again with model.save"
    )]
    Archive(String),
    /// The file claims to hold more than can be in it.
    #[error(
        "{what} needs more memory than a file of {file_bytes} bytes may ask for ({limit} bytes); the file is \
         damaged, save the network again with model.save"
    )]
    TooLarge {
        /// What it was.
        what: String,
        /// Bytes of the file.
        file_bytes: usize,
        /// Bytes that it may take in memory.
        limit: u64,
    },
    /// An HDF5 file of something else.
    #[error(
        "the HDF5 file holds neither a Keras network (attribute model_config) nor Keras weights (layer_names, or a \
         group layers); save the network with model.save"
    )]
    NotKeras,
    /// The description of the network is no JSON.
    #[error("the description of the network is damaged ({0}); save the network again with model.save")]
    Json(String),
    /// A network whose layers are called by code of the user.
    #[error(
        "the network is of the class {class}: expected Sequential or Functional, whose layers stand in the file; build \
         it with keras.Model(inputs, outputs) and save it again"
    )]
    Subclassed {
        /// Its class.
        class: String,
    },
    /// The description of a layer is not as Keras writes it.
    #[error(
        "layer '{layer}' is not described as Keras does: {problem}; save the network again with model.save"
    )]
    Layer {
        /// Its name, after those of the models it is in.
        layer: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A layer without its weights.
    #[error(
        "the weights '{part}' of layer '{layer}' are not in the file (looked for {sought}); save the network again \
         with model.save"
    )]
    Missing {
        /// Name of the layer.
        layer: String,
        /// What they are, e.g. `kernel`.
        part: String,
        /// Where they should be.
        sought: String,
    },
    /// Weights of another size than the layer has.
    #[error(
        "the weights '{part}' of layer '{layer}' have the shape {found:?}: expected {expected}; save the network again \
         with model.save"
    )]
    Shape {
        /// Name of the layer.
        layer: String,
        /// What they are, e.g. `kernel`.
        part: String,
        /// The shape as the layer's settings have it.
        expected: String,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// Weights that are no floating point numbers.
    #[error(
        "the weights '{name}' are of type {found}: expected float16, float32 or float64; save them as float32"
    )]
    Type {
        /// Path in the file.
        name: String,
        /// Their type.
        found: String,
    },
}
