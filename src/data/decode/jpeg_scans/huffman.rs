//! Huffman codes of a scan, read bit by bit.

/// Bits that are looked up at once; longer codes are rare.
const LOOKUP: u32 = 9;

/// The data end, or have a code that there is not.
#[derive(Debug)]
pub struct Short;

/// A Huffman table (ITU-T T.81, annex C).
pub struct Table {
    /// Length and symbol of the code that nine bits begin with; length 0 if it is longer.
    short: Vec<(u8, u8)>,
    /// Of each length one more than the last code, and what to add to a code to find its symbol.
    long: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Table {
    /// The table at the beginning of some bytes, and what stands behind it.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), String> {
        let cut = || "a Huffman table that is cut off".to_owned();
        let (counts, behind) = bytes.split_first_chunk::<16>().ok_or_else(cut)?;
        let total = counts.iter().map(|&count| usize::from(count)).sum::<usize>();
        let (symbols, behind) = behind.split_at_checked(total).ok_or_else(cut)?;
        let mut short = vec![(0, 0); 1 << LOOKUP];
        let mut long = [(0, 0); 17];
        let (mut code, mut first) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            let count = usize::from(count);
            if code as usize + count > 1 << length {
                return Err("a Huffman table with more codes than there are".into());
            }
            for (number, &symbol) in symbols[first..first + count].iter().enumerate() {
                if length <= LOOKUP {
                    let spare = LOOKUP - length;
                    let start = (code as usize + number) << spare;
                    short[start..start + (1 << spare)].fill((length as u8, symbol));
                }
            }
            long[length as usize] = (code + count as u32, first as i32 - code as i32);
            (code, first) = ((code + count as u32) << 1, first + count);
        }
        Ok((Self { short, long, symbols: symbols.to_vec() }, behind))
    }
}

/// The coded data from a place up to the next marker.
pub struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The lowest `count` bits are still to be read.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, count: 0 }
    }

    /// Where reading goes on: at a marker or in bytes that were not looked at.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Reads on while there is room; a marker or the end stops it.
    fn fill(&mut self) {
        while self.count <= 48 {
            let (byte, length) = match self.bytes.get(self.at..) {
                Some([0xff, 0, ..]) => (0xff, 2),
                Some([0xff, ..]) => return,
                Some(&[byte, ..]) => (byte, 1),
                _ => return,
            };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.count += 8;
            self.at += length;
        }
    }

    /// The next `count` bits, up to 16.
    pub fn take(&mut self, count: u8) -> Result<u32, Short> {
        let wanted = u32::from(count);
        if self.count < wanted {
            self.fill();
        }
        self.count = self.count.checked_sub(wanted).ok_or(Short)?;
        Ok((self.buffer >> self.count) as u32 & ((1 << wanted) - 1))
    }

    /// Passes over bits, up to 16.
    pub fn skip(&mut self, count: u8) -> Result<(), Short> {
        self.take(count).map(|_| ())
    }

    /// The symbol of the next code.
    pub fn symbol(&mut self, table: &Table) -> Result<u8, Short> {
        if self.count < 16 {
            self.fill();
        }
        // What is missing at the end counts as zeros, and is noticed when it is taken.
        let next = if self.count >= 16 {
            self.buffer >> (self.count - 16)
        } else {
            self.buffer << (16 - self.count)
        };
        let next = next as u32 & 0xffff;
        let (length, symbol) = table.short[(next >> (16 - LOOKUP)) as usize];
        if length > 0 {
            self.skip(length)?;
            return Ok(symbol);
        }
        for length in LOOKUP + 1..=16 {
            let code = next >> (16 - length);
            let (end, offset) = table.long[length as usize];
            if code < end {
                self.skip(length as u8)?;
                return table.symbols.get((code as i32 + offset) as usize).copied().ok_or(Short);
            }
        }
        Err(Short)
    }

    /// Goes on behind the next restart marker.
    pub fn restart(&mut self) -> Result<(), Short> {
        self.count = 0;
        loop {
            match self.bytes.get(self.at..) {
                Some([0xff, 0xd0..=0xd7, ..]) => {
                    self.at += 2;
                    return Ok(());
                }
                // Filling before a marker, and bytes that no code has used.
                Some([0xff, 0 | 0xff, ..]) => self.at += 1,
                Some([0xff, ..]) | Some([]) | None => return Err(Short),
                Some(_) => self.at += 1,
            }
        }
    }
}
