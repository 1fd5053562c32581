//! The form of PyTorch before 1.6: pickles one behind the other (a magic number, the protocol, the machine, the object, the
//! storages' keys), then each storage as a count and its elements.

use super::storage::{Place, element_size};
use super::value::{Pickle, Value};
use super::{TorchError, pickle};
use std::collections::BTreeMap;

/// What all files of this form begin with.
const MAGIC: i128 = 0x1950_a86a_20f9_469c_fc6c;

/// A file in its parts.
pub(super) struct Legacy<'a> {
    pub object: Pickle<'a>,
    pub storages: BTreeMap<&'a str, &'a [u8]>,
}

/// Takes a file apart.
///
/// # Errors
/// If it is another pickle, one of another machine, damaged, or cut off.
pub(super) fn read(bytes: &[u8]) -> Result<Legacy<'_>, TorchError> {
    let mut at = 0;
    let mut next = || {
        let pickle = pickle::read(bytes.get(at..).unwrap_or_default()).map_err(|error| match error {
            TorchError::Pickle { at: within, reason } => TorchError::Pickle { at: at + within, reason },
            other => other,
        })?;
        at += pickle.length;
        Ok(pickle)
    };
    let magic = next()?;
    if *magic.get(magic.root) != Value::Int(MAGIC) {
        return Err(TorchError::NotTorch);
    }
    let _protocol = next()?;
    let machine = next()?;
    let order = machine.entries(machine.root).into_iter().find(|(key, _)| *key == "little_endian");
    if order.is_some_and(|(_, order)| *machine.get(order) == Value::Bool(false)) {
        return Err(TorchError::BigEndian);
    }
    let object = next()?;
    let keys = next()?;
    let rest = bytes.get(at..).unwrap_or_default();
    Ok(Legacy { storages: storages(&object, &keys, rest)?, object })
}

/// Finds the storages, which lie one behind the other in the order of their keys. Only the object says what their elements
/// are.
fn storages<'a>(
    object: &Pickle<'a>,
    keys: &Pickle<'a>,
    mut rest: &'a [u8],
) -> Result<BTreeMap<&'a str, &'a [u8]>, TorchError> {
    let persistent = object.values.iter().filter_map(|value| match value {
        Value::Persistent(words) => Place::read(object, *words),
        _ => None,
    });
    // Of one storage the first word counts, as in PyTorch.
    let mut kinds = BTreeMap::new();
    for place in persistent {
        kinds.entry(place.key).or_insert(place.kind);
    }
    let mut storages = BTreeMap::new();
    for &key in keys.sequence(keys.root).unwrap_or_default() {
        let key = keys.text(key).unwrap_or_default();
        let damaged = |expected: &str, found: String| TorchError::Storage {
            key: key.into(),
            expected: expected.into(),
            found,
        };
        let Some(size) = kinds.get(key).and_then(|kind| element_size(kind)) else {
            return Err(damaged("a type of elements", format!("{:?}", kinds.get(key).unwrap_or(&"none"))));
        };
        let Some((count, elements)) = rest.split_first_chunk() else {
            return Err(damaged("a count of elements", format!("{} bytes", rest.len())));
        };
        let count = u64::from_le_bytes(*count);
        let end = count.checked_mul(size as u64).and_then(|bytes| usize::try_from(bytes).ok());
        let Some((elements, behind)) = end.and_then(|end| elements.split_at_checked(end)) else {
            let expected = format!("{count} elements of {size} bytes");
            return Err(damaged(&expected, format!("{} bytes", elements.len())));
        };
        storages.insert(key, elements);
        rest = behind;
    }
    Ok(storages)
}
