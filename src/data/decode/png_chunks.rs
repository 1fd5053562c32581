//! What must hold of a PNG before it is decoded (ISO/IEC 15948): its decoder panics where it does not, and a panic ends
//! a worker of the page.

/// Bytes that a byte of deflated data can become: 258 for two bits (RFC 1951).
const MOST_INFLATED: u64 = 1032;

/// First bytes of every file.
const SIGNATURE: usize = 8;

/// The header, which is the first chunk.
pub fn header(bytes: &[u8]) -> Result<Header, String> {
    // Signature, then length and kind of the first chunk.
    let header = bytes.get(SIGNATURE + 8..).filter(|_| bytes[SIGNATURE + 4..].starts_with(b"IHDR"));
    Header::read(header.ok_or("no header")?)
}

/// Says what is wrong with the chunks, without decoding: a palette that is none, or more pixels than the coded data can
/// hold. What only the decoder can see is left to it.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    let mut header: Option<Header> = None;
    let mut coded = 0_u64;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Some((kind, behind)) = behind.split_first_chunk::<4>() else { break };
        let length = u32::from_be_bytes(*length) as usize;
        let data = &behind[..length.min(behind.len())];
        match kind {
            b"IHDR" => header = Some(Header::read(data)?),
            b"PLTE" if !length.is_multiple_of(3) || !(3..=768).contains(&length) => {
                return Err(format!("a palette of {length} bytes, which should be 1 to 256 times 3"));
            }
            b"IDAT" => coded += data.len() as u64,
            b"IEND" => break,
            _ => {}
        }
        // The checksum behind the data takes four bytes.
        rest = behind.get(length.saturating_add(4)..).unwrap_or_default();
    }
    let header = header.ok_or("no header")?;
    let least = header.bytes().div_ceil(MOST_INFLATED);
    if coded < least {
        let Header { width, height, .. } = header;
        return Err(format!(
            "{coded} bytes for {width}x{height} pixels, which take {least} at the very least"
        ));
    }
    Ok(())
}

/// What the header says.
pub struct Header {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    bits_per_pixel: u64,
    is_interlaced: bool,
}

impl Header {
    fn read(data: &[u8]) -> Result<Self, String> {
        let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, _, _, interlaced, ..] = data else {
            return Err(format!("a header of {} bytes, which should be 13", data.len()));
        };
        let samples = match colour {
            0 | 3 => 1,
            2 => 3,
            4 => 2,
            6 => 4,
            other => return Err(format!("the colour type {other}, which there is not")),
        };
        let width = u32::from_be_bytes([w0, w1, w2, w3]);
        let height = u32::from_be_bytes([h0, h1, h2, h3]);
        let bits_per_pixel = samples * u64::from(depth);
        Ok(Self { width, height, bits_per_pixel, is_interlaced: interlaced != 0 })
    }

    /// Bytes that a decoder holds beside RGB, at most: of interlaced images all samples, a byte each, with opacity.
    pub fn held_bytes(&self) -> u64 {
        if self.is_interlaced { 4 * u64::from(self.width) * u64::from(self.height) } else { 0 }
    }

    /// Bytes of all rows before they are deflated, each with its filter; interlaced images have a few more.
    fn bytes(&self) -> u64 {
        let row = (u64::from(self.width) * self.bits_per_pixel).div_ceil(8) + 1;
        row.saturating_mul(self.height.into())
    }
}
