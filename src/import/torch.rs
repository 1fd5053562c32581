//! Reader of PyTorch's checkpoints (`.pth`, `.pt`, `.bin`), and of the networks that MCUNet and ProxylessNAS describe in
//! JSON beside them.
//!
//! A checkpoint is a pickle, which is a program for Python. It is read and never run: `pickle` makes a tree of values of
//! it, in which a call is a name with arguments. A tensor is a view of a storage, whose bytes lie beside the pickle: in a
//! zip archive (`zipped`, PyTorch 1.6 and later) or behind it (`legacy`). Of the tree only tensors and the keys that
//! lead to them are looked at (`state`): a state dict, alone or in a checkpoint with an optimizer and settings of any
//! classes, or a module that was pickled whole.

mod blocks;
mod error;
mod legacy;
mod pickle;
mod state;
mod storage;
#[cfg(test)]
mod tests;
mod value;
mod zipped;

pub(super) use blocks::PRODUCER as BLOCKS_PRODUCER;
pub use blocks::{BlocksError, is_blocks, read_blocks};
pub use error::TorchError;

use super::Note;
use super::file::Contents;
use std::borrow::Cow;
use std::collections::BTreeMap;
use value::Pickle;
use zipped::Zipped;

/// Forms of checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A zip archive: PyTorch 1.6 and later.
    Zip,
    /// Pickles one behind the other: before.
    Legacy,
    /// A tar archive: before 0.1.10.
    Tar,
}

impl Form {
    /// The form of a checkpoint; `None` if the bytes are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        /// Bytes at both ends of a zip in which its pickle's name stands: the first file, and the directory.
        const ENDS: usize = 1 << 20;
        let pickle = b"data.pkl";
        let holds = |part: &[u8]| part.windows(pickle.len()).any(|window| window == pickle);
        match bytes {
            [b'P', b'K', 3, 4, ..] => {
                let (start, end) = (bytes.len().min(ENDS / 1024), bytes.len().saturating_sub(ENDS));
                (holds(&bytes[..start]) || holds(&bytes[end..])).then_some(Self::Zip)
            }
            [0x80, 2..=5, ..] => Some(Self::Legacy),
            _ => {
                let is_tar = bytes.get(257..262) == Some(b"ustar");
                let members = [&b"sys_info\0"[..], b"storages\0", b"tensors\0", b"pickle\0"];
                (is_tar && members.iter().any(|member| bytes.starts_with(member))).then_some(Self::Tar)
            }
        }
    }
}

/// Reads the tensors of a checkpoint. Those that lie in one piece in the file are not copied.
///
/// # Errors
/// If the checkpoint is damaged, cut off, no checkpoint of weights, or holds none or several networks.
pub(super) fn read(form: Form, bytes: &[u8]) -> Result<Contents<'_>, TorchError> {
    match form {
        Form::Tar => Err(TorchError::Tar),
        Form::Zip => {
            let mut zipped = Zipped::open(bytes)?;
            let text = zipped.pickle()?;
            let pickle = pickle::read(&text)?;
            contents(&pickle, bytes.len(), |key| zipped.storage(key))
        }
        Form::Legacy => {
            let legacy = legacy::read(bytes)?;
            let storage = |key: &str| Ok(legacy.storages.get(key).map(|storage| Cow::Borrowed(*storage)));
            contents(&legacy.object, bytes.len(), storage)
        }
    }
}

/// The tensors that a pickle describes and that `storage` has the bytes of, by the storages' keys.
fn contents<'a>(
    pickle: &Pickle,
    bytes: usize,
    mut storage: impl FnMut(&str) -> Result<Option<Cow<'a, [u8]>>, TorchError>,
) -> Result<Contents<'a>, TorchError> {
    let state = state::find(pickle)?;
    let mut storages: BTreeMap<&str, Cow<'a, [u8]>> = BTreeMap::new();
    let mut room = storage::MOST_GATHERED.saturating_add(bytes);
    let mut tensors = BTreeMap::new();
    for (name, id) in state.tensors {
        let view = storage::view(pickle, &name, id)?;
        let key = view.place.key;
        if !storages.contains_key(key) {
            let found = match storage(key)? {
                Some(found) => found,
                // torch.save may leave out what holds nothing.
                None if view.shape.contains(&0) => Cow::Borrowed(&[][..]),
                None => {
                    let (expected, found) = (format!("elements of '{name}'"), "nothing".to_owned());
                    return Err(TorchError::Storage { key: key.to_owned(), expected, found });
                }
            };
            storages.insert(key, found);
        }
        if let Some(storage) = storages.get(key) {
            let tensor = view.tensor(&name, storage, &mut room)?;
            tensors.insert(name, tensor);
        }
    }
    let taken = if state.path.is_empty() { "the checkpoint itself" } else { &state.path };
    let note = |(key, count)| Note {
        place: "checkpoint",
        key,
        value: format!("{count} tensors"),
        reason: format!("{taken} is the network"),
    };
    let notes = state.others.into_iter().map(note).collect();
    Ok(Contents { tensors, metadata: BTreeMap::new(), notes })
}
