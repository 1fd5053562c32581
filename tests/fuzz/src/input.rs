//! Choices made of a fuzzer's bytes.

/// Bytes that choices are read from; behind the last one everything is zero.
#[derive(Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// A number below `count`, which is at most 256.
    pub fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    /// A number from `low` to `high`.
    pub fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// The next bytes, fewer at the end.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.take(self.0.len())
    }

    /// A text of at most 255 bytes, its length first.
    pub fn text(&mut self) -> String {
        let length = usize::from(self.byte());
        String::from_utf8_lossy(self.take(length)).into_owned()
    }
}

/// A file with small changes, so that a few bytes of input reach deep into a large one.
pub fn edited(base: &[u8], script: &mut Input) -> Vec<u8> {
    let mut bytes = base.to_vec();
    while !script.is_empty() {
        let (kind, at) = (script.below(5), usize::from(script.word()) << 8 | usize::from(script.byte()));
        let (at, count) = (at % (bytes.len() + 1), script.within(1, 16));
        let end = (at + count).min(bytes.len());
        match kind {
            0 => {
                let new = script.take(end - at);
                bytes[at..at + new.len()].copy_from_slice(new);
            }
            1 => drop(bytes.splice(at..at, script.take(count).iter().copied())),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            _ => {
                let from = usize::from(script.word()) % (bytes.len() + 1);
                let copied = bytes[from..(from + count).min(bytes.len())].to_vec();
                let count = copied.len().min(bytes.len() - at);
                bytes[at..at + count].copy_from_slice(&copied[..count]);
            }
        }
    }
    bytes
}
