//! Why a checkpoint of PyTorch gives no tensors.

/// The line that saves what is read here.
const SAVE: &str = "torch.save(model.state_dict(), 'net.pth')";

/// Why a checkpoint of PyTorch gives no tensors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TorchError {
    /// The pickle contradicts itself or is cut off.
    #[error("the checkpoint's pickle is damaged at byte {at}: {reason}; download or copy the file again")]
    Pickle {
        /// Place in the pickle.
        at: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is more than a network needs.
    #[error(
        "the checkpoint has more than {most} {what}, more than any supported network needs; save the network alone: {SAVE}"
    )]
    TooMuch {
        /// What there is too much of.
        what: &'static str,
        /// How many may be.
        most: usize,
    },
    /// The zip archive or one of its files is damaged.
    #[error("the checkpoint's archive is damaged ({0}); download or copy the file again")]
    Archive(String),
    /// The elements of a tensor are not there.
    #[error(
        "the checkpoint is damaged or cut off: storage '{key}': expected {expected}, found {found}; download or copy the \
         file again"
    )]
    Storage {
        /// Its name.
        key: String,
        /// What must be there.
        expected: String,
        /// What is.
        found: String,
    },
    /// A tensor does not say in a known way what it is.
    #[error("tensor '{name}' of the checkpoint is damaged: {reason}; download or copy the file again")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor of a kind that is not read: sparse, quantized, a rare type.
    #[error(
        "tensor '{name}' of the checkpoint is {found}: expected plain numbers; save the float network's state dict: {SAVE}"
    )]
    Kind {
        /// Its name.
        name: String,
        /// What it is, with its article.
        found: String,
    },
    /// The elements are in the other order of bytes.
    #[error(
        "the checkpoint was written on a big-endian machine; load it in PyTorch and save it again: {SAVE}"
    )]
    BigEndian,
    /// A program and not weights.
    #[error(
        "the file is a TorchScript archive, which holds a program; save its weights: \
         torch.save(torch.jit.load('net.pt').state_dict(), 'net.pth')"
    )]
    TorchScript,
    /// The form of PyTorch before version 0.1.10 of 2017.
    #[error(
        "the file is a checkpoint in the tar form of 2016; load it in PyTorch and save it again: \
         torch.save(torch.load('net.pth'), 'new.pth')"
    )]
    Tar,
    /// A pickle of something else.
    #[error(
        "the file is a pickle that torch.save has not written; load it in Python and save the tensors: \
         torch.save(state_dict, 'net.pth')"
    )]
    NotTorch,
    /// No tensors with names.
    #[error("the checkpoint holds no state dict, only {holds}; save the network's: {SAVE}")]
    NoState {
        /// What it holds.
        holds: String,
    },
    /// More than one network.
    #[error("the checkpoint holds the tensors of several networks ({names}); save one of them: {SAVE}")]
    Several {
        /// Their keys.
        names: String,
    },
}
