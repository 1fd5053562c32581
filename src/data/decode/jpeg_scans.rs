//! Whether all coded data of a JPEG are there, found before it is decoded.
//!
//! Decoders take zeros for data that are missing, so that a file that was cut and closed again gives a picture with a
//! gray half; and they allocate what the header asks for, whatever stands behind it. This walks the Huffman codes of
//! every scan (ITU-T T.81, sections F.2 and G.2) without computing a pixel.

mod huffman;

use huffman::{Bits, Short, Table};

/// A block has 8 x 8 coefficients.
const COEFFICIENTS: usize = 64;

/// Blocks that can be coded in a byte: one bit each.
const BLOCKS_PER_BYTE: usize = 8;

/// Scans of a file. Encoders make about ten; each may pass over all blocks in a few bytes, so that many would cost far
/// more than their bytes.
pub const MOST_SCANS: usize = 100;

/// A picture's size and how it is coded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes of all coefficients if they are held at once: where several scans bring parts of the same pixels, as in
    /// every progressive file. 0 where one scan brings all.
    pub coefficient_bytes: u64,
}

/// The frame as the header says, with nothing behind it looked at; `None` where [`check`] refuses the file too.
pub fn frame(bytes: &[u8]) -> Option<Frame> {
    let mut walk = Walk::new(bytes);
    while let Some(marker) = walk.next_marker() {
        match marker {
            0x01 | 0xd0..=0xd8 => {}
            0xc0..=0xc2 => walk.start_of_frame(marker == 0xc2).ok()?,
            0xda => {
                let components = *walk.segment().ok()?.first()?;
                let coded = walk.frame.as_mut()?;
                coded.is_one_scan = usize::from(components) == coded.components.len();
                return Some(coded.frame());
            }
            0xd9 => break,
            _ => {
                walk.segment().ok()?;
            }
        }
    }
    None
}

/// The frame of a file whose coded data are complete.
///
/// # Errors
/// What is missing or wrong, as the end of a sentence.
pub fn check(bytes: &[u8]) -> Result<Frame, String> {
    let mut walk = Walk::new(bytes);
    let mut scans = 0;
    while let Some(marker) = walk.next_marker() {
        match marker {
            // Markers that stand alone.
            0x01 | 0xd0..=0xd8 => {}
            0xd9 => break,
            0xc0..=0xc2 => walk.start_of_frame(marker == 0xc2)?,
            0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(format!("coding process {}, of which 0 to 2 are read", marker - 0xc0));
            }
            0xc4 => walk.huffman_tables()?,
            0xdd => walk.restart_interval()?,
            0xda if scans == MOST_SCANS => {
                return Err(format!("more than {MOST_SCANS} scans, where encoders make about ten"));
            }
            0xda => {
                scans += 1;
                walk.scan()?;
                if walk.frame.as_ref().is_some_and(Coded::is_complete) {
                    break;
                }
            }
            _ => {
                walk.segment()?;
            }
        }
    }
    let coded = walk.frame.ok_or("no frame")?;
    if !coded.is_complete() {
        return Err("some of its scans are missing: it was cut off".into());
    }
    Ok(coded.frame())
}

/// A component of the picture and what is known of it.
struct Component {
    id: u8,
    /// Sampling factors, across and down.
    sampling: (usize, usize),
    /// Blocks across and down, with those that fill up the last units of interleaved scans.
    size: (usize, usize),
    /// Blocks across and down in a scan of its own.
    own: (usize, usize),
    /// Lowest bit that has come of each coefficient; `None` before any.
    lowest: [Option<u8>; COEFFICIENTS],
    /// Of each block the coefficients that are not zero; only progressive refinement asks for them.
    nonzero: Vec<u64>,
}

impl Component {
    fn blocks(&self) -> usize {
        self.size.0 * self.size.1
    }
}

/// A frame and what has come of it.
struct Coded {
    width: usize,
    height: usize,
    is_progressive: bool,
    /// Whether the first scan brings all components.
    is_one_scan: bool,
    /// Units of interleaved scans, across and down.
    units: (usize, usize),
    components: Vec<Component>,
}

impl Coded {
    /// Whether all bits of all coefficients have come.
    fn is_complete(&self) -> bool {
        self.components.iter().all(|component| component.lowest == [Some(0); COEFFICIENTS])
    }

    fn frame(&self) -> Frame {
        let coefficients = self.components.iter().map(Component::blocks).sum::<usize>() * COEFFICIENTS;
        let are_held = self.is_progressive || !self.is_one_scan;
        let coefficient_bytes = if are_held { 2 * coefficients as u64 } else { 0 };
        Frame { width: self.width, height: self.height, coefficient_bytes }
    }
}

/// What a scan brings: coefficients `start..=end`, their bits from `low` up, or bit `low` alone.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    low: u8,
    is_refinement: bool,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// Units between restarts; 0 without.
    restart: usize,
    frame: Option<Coded>,
}

impl<'a> Walk<'a> {
    /// Behind the first marker of a file.
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2, dc: Default::default(), ac: Default::default(), restart: 0, frame: None }
    }

    /// The next marker's code; bytes before it are passed over, as all decoders do.
    fn next_marker(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at..)? {
                [0xff, 0 | 0xff, ..] => self.at += 1,
                [0xff, code, ..] => {
                    self.at += 2;
                    return Some(*code);
                }
                [_, _, ..] => self.at += 1,
                _ => return None,
            }
        }
    }

    /// What stands behind a marker and its length.
    fn segment(&mut self) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let segment = rest
            .first_chunk::<2>()
            .and_then(|&length| rest.get(2..usize::from(u16::from_be_bytes(length))))
            .ok_or("it ends in the middle of a segment")?;
        self.at += 2 + segment.len();
        Ok(segment)
    }

    fn start_of_frame(&mut self, is_progressive: bool) -> Result<(), String> {
        let segment = self.segment()?;
        let (&[precision, h0, h1, w0, w1, count], listed) =
            segment.split_first_chunk::<6>().ok_or("a frame without a size")?;
        let height = usize::from(u16::from_be_bytes([h0, h1]));
        let width = usize::from(u16::from_be_bytes([w0, w1]));
        let listed = listed.as_chunks::<3>().0;
        if self.frame.is_some() {
            return Err("two frames".into());
        } else if precision != 8 {
            return Err(format!("{precision} bits a sample, of which 8 are read"));
        } else if width == 0 || height == 0 {
            return Err(format!("{width}x{height} pixels"));
        } else if listed.len() != usize::from(count) || !(1..=4).contains(&count) {
            return Err(format!("{count} components in a list of {}", listed.len()));
        }
        let sampling = |&[_, factors, _]: &[u8; 3]| (usize::from(factors >> 4), usize::from(factors & 15));
        if !listed.iter().map(sampling).all(|(h, v)| (1..=4).contains(&h) && (1..=4).contains(&v)) {
            return Err("a sampling factor that is not 1 to 4".into());
        }
        // A single component is never interleaved; its factors mean nothing.
        let sampling = |entry: &[u8; 3]| if listed.len() == 1 { (1, 1) } else { sampling(entry) };
        let most = listed.iter().map(sampling).fold((1, 1), |(h, v), own| (h.max(own.0), v.max(own.1)));
        let units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        let component = |entry: &[u8; 3]| {
            let (h, v) = sampling(entry);
            Component {
                id: entry[0],
                sampling: (h, v),
                size: (units.0 * h, units.1 * v),
                own: ((width * h).div_ceil(most.0).div_ceil(8), (height * v).div_ceil(most.1).div_ceil(8)),
                lowest: [None; COEFFICIENTS],
                nonzero: Vec::new(),
            }
        };
        let components: Vec<Component> = listed.iter().map(component).collect();
        let own: usize = components.iter().map(|component| component.own.0 * component.own.1).sum();
        let left = self.bytes.len() - self.at;
        if own > left * BLOCKS_PER_BYTE {
            return Err(format!("{left} bytes for {width}x{height} pixels: every block of them takes a bit"));
        }
        self.frame = Some(Coded { width, height, is_progressive, is_one_scan: true, units, components });
        Ok(())
    }

    fn huffman_tables(&mut self) -> Result<(), String> {
        let mut rest = self.segment()?;
        while let Some((&place, behind)) = rest.split_first() {
            let (table, behind) = Table::read(behind)?;
            let tables = if place >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            let slot = tables.get_mut(usize::from(place & 15)).ok_or("a Huffman table beyond the fourth")?;
            *slot = Some(table);
            rest = behind;
        }
        Ok(())
    }

    fn restart_interval(&mut self) -> Result<(), String> {
        let interval = self.segment()?.first_chunk::<2>().ok_or("a restart interval without a length")?;
        self.restart = usize::from(u16::from_be_bytes(*interval));
        Ok(())
    }

    fn scan(&mut self) -> Result<(), String> {
        let segment = self.segment()?;
        let frame = self.frame.as_mut().ok_or("a scan before the frame")?;
        let (&count, listed) = segment.split_first().ok_or("a scan without components")?;
        let count = usize::from(count);
        let (Some(listed), Some(&[start, end, bits])) =
            (listed.get(..2 * count), listed.get(2 * count..2 * count + 3))
        else {
            return Err("a scan whose list of components is cut off".into());
        };
        let mut members = Vec::with_capacity(count);
        for &[id, tables] in listed.as_chunks::<2>().0 {
            let place = frame.components.iter().position(|component| component.id == id);
            let place = place.ok_or_else(|| format!("a scan of component {id}, which there is not"))?;
            members.push((
                place,
                self.dc.get(usize::from(tables >> 4)),
                self.ac.get(usize::from(tables & 15)),
            ));
        }
        let part = if frame.is_progressive {
            Part { start: start.into(), end: end.into(), low: bits & 15, is_refinement: bits >> 4 > 0 }
        } else {
            Part { start: 0, end: COEFFICIENTS - 1, low: 0, is_refinement: false }
        };
        frame.is_one_scan &= count == frame.components.len();
        let is_one_kind = !frame.is_progressive || (part.start == 0) == (part.end == 0);
        let is_alone = part.start == 0 || members.len() == 1;
        if part.end >= COEFFICIENTS || part.start > part.end || !is_one_kind || !is_alone || part.low > 13 {
            return Err(format!("a scan of the coefficients {start} to {end}"));
        }
        let (across, down) = match members[..] {
            [] => return Err("a scan without components".into()),
            [(place, ..)] => frame.components[place].own,
            _ => frame.units,
        };
        let mut bits = Bits::new(self.bytes, self.at);
        let mut run = 0_u32;
        for unit in 0..across * down {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.restart().map_err(|_| missing(unit, across * down))?;
                run = 0;
            }
            for &(place, dc, ac) in &members {
                let component = &mut frame.components[place];
                let (h, v) = if members.len() == 1 { (1, 1) } else { component.sampling };
                for block in 0..h * v {
                    let row = unit / across * v + block / h;
                    let column = unit % across * h + block % h;
                    let mut block = Block { bits: &mut bits, part, run: &mut run };
                    let done = if !frame.is_progressive {
                        block.sequential(table(dc)?, table(ac)?)
                    } else if part.start == 0 {
                        if part.is_refinement { block.bits.skip(1) } else { block.dc(table(dc)?) }
                    } else {
                        let (blocks, across) = (component.blocks(), component.size.0);
                        component.nonzero.resize(blocks, 0);
                        let nonzero = &mut component.nonzero[row * across + column];
                        if part.is_refinement {
                            block.refine(table(ac)?, nonzero)
                        } else {
                            block.ac(table(ac)?, nonzero)
                        }
                    };
                    done.map_err(|_| missing(unit, across * down))?;
                }
            }
        }
        for (place, ..) in members {
            frame.components[place].lowest[part.start..=part.end].fill(Some(part.low));
        }
        self.at = bits.position();
        Ok(())
    }
}

fn table(slot: Option<&Option<Table>>) -> Result<&Table, String> {
    slot.and_then(Option::as_ref).ok_or_else(|| "a scan without its Huffman table".into())
}

fn missing(unit: usize, units: usize) -> String {
    format!("a scan whose coded data end or break in unit {} of {units}", unit + 1)
}

/// One block of a scan.
struct Block<'a, 'b> {
    bits: &'a mut Bits<'b>,
    part: Part,
    /// Blocks that are still to be passed over, since they have no more coefficients.
    run: &'a mut u32,
}

impl Block<'_, '_> {
    fn dc(&mut self, table: &Table) -> Result<(), Short> {
        let size = self.bits.symbol(table)?;
        self.bits.skip(size.min(16))
    }

    fn sequential(&mut self, dc: &Table, ac: &Table) -> Result<(), Short> {
        self.dc(dc)?;
        let mut place = 1;
        while place < COEFFICIENTS {
            let symbol = self.bits.symbol(ac)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => place += 16,
                (_, 0) => break,
                (zeros, size) => {
                    self.bits.skip(size)?;
                    place += usize::from(zeros) + 1;
                }
            }
        }
        Ok(())
    }

    fn ac(&mut self, table: &Table, nonzero: &mut u64) -> Result<(), Short> {
        if *self.run > 0 {
            *self.run -= 1;
            return Ok(());
        }
        let mut place = self.part.start;
        while place <= self.part.end {
            let symbol = self.bits.symbol(table)?;
            match (symbol >> 4, symbol & 15) {
                (15, 0) => place += 16,
                (length, 0) => {
                    *self.run = (1 << length) - 1 + self.bits.take(length)?;
                    break;
                }
                (zeros, size) => {
                    place += usize::from(zeros);
                    self.bits.skip(size)?;
                    if place < COEFFICIENTS {
                        *nonzero |= 1 << place;
                    }
                    place += 1;
                }
            }
        }
        Ok(())
    }

    fn refine(&mut self, table: &Table, nonzero: &mut u64) -> Result<(), Short> {
        let mut place = self.part.start;
        while *self.run == 0 && place <= self.part.end {
            let symbol = self.bits.symbol(table)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            if size > 0 {
                self.bits.skip(1)?;
            } else if zeros < 15 {
                *self.run = (1 << zeros) + self.bits.take(zeros)?;
                break;
            }
            while place <= self.part.end {
                if *nonzero >> place & 1 == 1 {
                    self.bits.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                place += 1;
            }
            if size > 0 && place <= self.part.end {
                *nonzero |= 1 << place;
            }
            place += 1;
        }
        if *self.run > 0 {
            let left = (place..=self.part.end).filter(|place| *nonzero >> place & 1 == 1).count();
            (0..left).try_for_each(|_| self.bits.skip(1))?;
            *self.run -= 1;
        }
        Ok(())
    }
}
