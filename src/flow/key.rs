//! What a result is of, as one short value.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Write};

/// SHA-256 of all that a result depends on. Results are stored under their keys: another file, image or setting gives
/// another key, so nothing old is found under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of parts; the same parts have the same key on every machine.
    pub fn of(parts: &impl Serialize) -> Self {
        let written = postcard::to_io(parts, Hashing(Sha256::new()));
        Self(written.expect("a digest takes all bytes, and parts have lengths").0.finalize().into())
    }

    /// The key of a decoded image: its pixels, and the output that is right for it.
    pub fn of_image(pixels: &[u8], output: usize) -> Self {
        let digest = Sha256::new().chain_update((output as u64).to_le_bytes()).chain_update(pixels);
        Self(digest.finalize().into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Key({:.8})", self.to_string())
    }
}

/// A value with the key of what it is of: found again under that key alone.
#[derive(Clone, Debug)]
pub struct Slot<T>(Option<(Key, T)>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    /// The value, if it is of this.
    pub fn get(&self, key: Key) -> Option<&T> {
        self.0.as_ref().filter(|(of, _)| *of == key).map(|(_, value)| value)
    }

    /// Empties it if the value is of some kind.
    pub fn take_if(&mut self, is: impl FnOnce(&T) -> bool) {
        self.0.take_if(|(_, value)| is(value));
    }

    /// Stores a value in the place of the one before.
    pub fn put(&mut self, key: Key, value: T) -> &T {
        &self.0.insert((key, value)).1
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '\\x01\\x02ab' | sha256sum`: a byte, the length of a text, the text.
    #[test]
    fn a_key_is_the_digest_of_its_parts() {
        let digest = "36108c2257e69cc56383a708267c420bd16ee2750feaf5e8690fb34159bd261b";
        assert_eq!(Key::of(&(1_u8, "ab")).to_string(), digest);
        assert_ne!(Key::of_image(&[1], 2), Key::of_image(&[1], 3));
    }

    #[test]
    fn a_slot_gives_a_value_for_its_key_alone() {
        let (one, other) = (Key::of(&1), Key::of(&2));
        let mut slot = Slot::default();
        assert_eq!(slot.get(one), None);
        slot.put(one, "a");
        assert_eq!((slot.get(one), slot.get(other)), (Some(&"a"), None));
        slot.put(other, "b");
        assert_eq!((slot.get(one), slot.get(other)), (None, Some(&"b")));
    }
}
