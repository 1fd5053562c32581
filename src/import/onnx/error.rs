//! Why bytes are no ONNX network.

/// Why a file cannot be read. What is only not supported is a node of the network, see
/// [`RawOp::Unsupported`](crate::import::raw::RawOp::Unsupported).
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OnnxError {
    /// The bytes are no messages of protobuf, or not those of ONNX.
    #[error("the file is not in the ONNX format or damaged ({0}); export or copy it again")]
    Format(String),
    /// There is no network in it.
    #[error("the file holds no {0}; expected an ONNX network, export it again")]
    Empty(&'static str),
    /// The file is what [`export::onnx`](crate::export::onnx) wrote.
    #[error(
        "the file is a quantized network that Bitsmith itself exported for ONNX Runtime: its tensors are codes of 2, 4 \
         and 8 bits; expected a network in real numbers, open the file that the network was made from"
    )]
    Twin,
    /// Operators whose meaning has changed since.
    #[error(
        "the file uses version {found} of ONNX's operators: expected {} or newer; export it again",
        super::OLDEST_OPSET
    )]
    Opset {
        /// The version that the file states; 0 if it states none.
        found: i64,
    },
    /// Weights are somewhere else.
    #[error(
        "the weights of '{tensor}' are in another file ({location}): expected one file with everything; save it again \
         without external data, e.g. onnx.save(onnx.load(path), path, save_as_external_data=False)"
    )]
    ExternalData {
        /// The first tensor of the kind.
        tensor: String,
        /// Where its values are.
        location: String,
    },
    /// A tensor's values do not fit what it says of them.
    #[error("the tensor '{tensor}' is damaged: {problem}; export or copy the file again")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What was expected, what was found.
        problem: String,
    },
    /// A node reads what does not exist.
    #[error(
        "'{node}' reads '{tensor}': expected a tensor of the network, found none of this name; export the file again"
    )]
    Missing {
        /// Who reads it; `the network's result` for an output of the graph.
        node: String,
        /// The name.
        tensor: String,
    },
    /// A name that stands for two tensors.
    #[error("the name '{tensor}' stands for two tensors: expected one; export the file again")]
    Duplicate {
        /// The name.
        tensor: String,
    },
    /// Nodes that wait for one another.
    #[error(
        "'{node}' needs its own result: expected an order in which nodes can be computed; export the file again"
    )]
    Cycle {
        /// One of them.
        node: String,
    },
    /// A function that calls itself, or functions that grow too large.
    #[error("the function '{function}' {problem}; export the file with its functions inlined")]
    Function {
        /// Its name.
        function: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More than a file of this size should need.
    #[error(
        "{what} would take {found} MiB: expected at most {most} MiB for a file of this size; export a smaller network"
    )]
    TooLarge {
        /// What is too large.
        what: String,
        /// What it takes.
        found: u64,
        /// The limit.
        most: u64,
    },
}

/// Why one node or tensor cannot be taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is not supported; the words stand for [`RawOp::Unsupported`](crate::import::raw::RawOp::Unsupported).
    Reason(String),
    /// The file is damaged.
    Fatal(OnnxError),
}

impl Trouble {
    /// A tensor that contradicts itself.
    pub fn damaged(tensor: &str, problem: String) -> Self {
        Self::Fatal(OnnxError::Tensor { tensor: tensor.to_owned(), problem })
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl From<&str> for Trouble {
    fn from(reason: &str) -> Self {
        Self::Reason(reason.to_owned())
    }
}

impl From<OnnxError> for Trouble {
    fn from(error: OnnxError) -> Self {
        Self::Fatal(error)
    }
}
