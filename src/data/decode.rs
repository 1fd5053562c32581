//! JPEG and PNG to 8-bit RGB.
//!
//! Accuracy figures of a run are only comparable when every machine sees the same pixels. Image decoders
//! are not equal: the JPEG standard leaves rounding open, and browsers use whatever their platform has.
//! [`PureRust`] is therefore the same code everywhere: scalar, integer arithmetic, with all processor
//! specific routes of its crates left out when it is compiled (zune-jpeg's option `set_use_unsafe(false)`
//! would not do: its AVX2 flag stays set beside it).
//!
//! Against libjpeg-turbo (through Pillow), 291 photographs of three sets, all but one with halved chroma,
//! differ by 5 levels at most and by 0.19 to 0.29 on average of a set; at most 0.06 % of the levels differ
//! by more than 2. `tests/data_shared.rs` compares what is left of that in network inputs.
//!
//! Not looked at: EXIF orientation, colour profiles and gamma. Networks are trained on pixels read
//! without them.

mod jpeg_scans;
mod png_chunks;

use std::io::Cursor;

use png::{ColorType, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::error::DataError;
use super::kind::{self, Kind};
use crate::guarded::guarded;

/// The largest image that is decoded, in pixels; its RGB bytes take three times as much memory.
pub const MAX_PIXELS: u64 = 64 << 20;

/// The most memory that decoding one image may take, in bytes, for its RGB bytes and what its format makes a decoder
/// hold beside them. Large progressive JPEGs and PNGs of 16 bits meet this limit before [`MAX_PIXELS`].
pub const MAX_BYTES: u64 = 256 << 20;

/// An image of 8-bit RGB pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RgbImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl RgbImage {
    /// An image from its bytes: rows from the top, pixels from the left, red, green, blue.
    ///
    /// # Errors
    /// [`DataError::BadDimensions`] unless there is a pixel and `pixels` has `3 * width * height` bytes.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Result<Self, DataError> {
        let expected = width.checked_mul(height).and_then(|count| count.checked_mul(3));
        if expected != Some(pixels.len()) || pixels.is_empty() {
            return Err(DataError::BadDimensions { width, height, bytes: pixels.len() });
        }
        Ok(RgbImage { width, height, pixels })
    }

    /// Width in pixels, at least 1.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels, at least 1.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes in the order height, width, channel.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The bytes in the order height, width, channel.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }
}

/// Turns the bytes of an image file into pixels.
pub trait Decode {
    /// Decodes one image file.
    ///
    /// # Errors
    /// When the bytes are no image this decoder reads, or a damaged one. One such file never stops a run:
    /// the caller names it, counts it and goes on.
    fn decode(&self, bytes: &[u8]) -> Result<RgbImage, DataError>;
}

/// The decoder that gives the same pixels on every machine: JPEG (baseline and progressive; RGB, gray,
/// CMYK and YCCK) and PNG (1 to 16 bits; gray, RGB, palette; interlaced or not). Opacity is dropped, as
/// training loaders do (Pillow's `convert("RGB")`); of 16 bits the upper 8 are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct PureRust;

impl Decode for PureRust {
    fn decode(&self, bytes: &[u8]) -> Result<RgbImage, DataError> {
        match Kind::of(bytes.get(..kind::START).unwrap_or(bytes)) {
            Kind::Jpeg => alone("JPEG", || decode_jpeg(bytes)),
            Kind::Png => alone("PNG", || decode_png(bytes)),
            _ => Err(DataError::UnknownImage { found: kind::describe(bytes) }),
        }
    }
}

/// Decodes an image so that a panic of the decoder is an error of the image.
fn alone(
    format: &'static str,
    decode: impl FnOnce() -> Result<RgbImage, DataError>,
) -> Result<RgbImage, DataError> {
    guarded(decode).unwrap_or_else(|found| Err(DataError::DamagedImage { format, found }))
}

/// Bytes of memory that decoding an image takes beside those of its file, as its header says: RGB, and what its format
/// makes a decoder hold. 0 for an image without a sound header or with too many pixels, which is not decoded.
#[must_use]
pub fn decoding_bytes(bytes: &[u8]) -> u64 {
    let (width, height, held) = match Kind::of(bytes.get(..kind::START).unwrap_or(bytes)) {
        Kind::Jpeg => match jpeg_scans::frame(bytes) {
            Some(frame) => (frame.width, frame.height, frame.coefficient_bytes),
            None => return 0,
        },
        Kind::Png => match png_chunks::header(bytes) {
            Ok(header) => (header.width as usize, header.height as usize, header.held_bytes()),
            Err(_) => return 0,
        },
        _ => return 0,
    };
    if check_size(width, height).is_err() { 0 } else { (held + rgb_bytes(width, height)).min(MAX_BYTES) }
}

fn rgb_bytes(width: usize, height: usize) -> u64 {
    3 * width as u64 * height as u64
}

fn check_size(width: usize, height: usize) -> Result<(), DataError> {
    let found = (width as u64).saturating_mul(height as u64);
    if found > MAX_PIXELS {
        return Err(DataError::TooLarge { limit: MAX_PIXELS, found, unit: "pixels" });
    }
    Ok(())
}

/// Refuses an image whose decoding takes too much memory: `held` bytes beside its RGB bytes.
fn check_memory(held: u64, width: usize, height: usize) -> Result<(), DataError> {
    let found = held + rgb_bytes(width, height);
    if found > MAX_BYTES {
        return Err(DataError::TooLarge { limit: MAX_BYTES, found, unit: "bytes to decode one image" });
    }
    Ok(())
}

fn decode_jpeg(bytes: &[u8]) -> Result<RgbImage, DataError> {
    // The decoder's messages may end in a line break.
    let damaged = |found: String| DataError::DamagedImage { format: "JPEG", found: found.trim().to_owned() };
    let frame = jpeg_scans::check(bytes).map_err(damaged)?;
    check_size(frame.width, frame.height)?;
    check_memory(frame.coefficient_bytes, frame.width, frame.height)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(jpeg_scans::MOST_SCANS)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| damaged(format!("{error:?}")))?;
    RgbImage::new(frame.width, frame.height, pixels)
}

fn decode_png(bytes: &[u8]) -> Result<RgbImage, DataError> {
    let damaged =
        |error: png::DecodingError| DataError::DamagedImage { format: "PNG", found: error.to_string() };
    let damaged_chunks = |found| DataError::DamagedImage { format: "PNG", found };
    let header = png_chunks::header(bytes).map_err(damaged_chunks)?;
    let (width, height) = (header.width as usize, header.height as usize);
    check_size(width, height)?;
    png_chunks::check(bytes).map_err(damaged_chunks)?;
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let colour = reader.output_color_type().0;
    if reader.info().interlaced {
        // Its rows come in seven passes, so that all of them are held before they are converted.
        let size = reader.output_buffer_size().ok_or(DataError::BadDimensions { width, height, bytes: 0 })?;
        check_memory(size as u64, width, height)?;
        let mut rows = vec![0; size];
        reader.next_frame(&mut rows).map_err(damaged)?;
        let mut pixels = Vec::with_capacity(3 * width * height);
        append_rgb(colour, &rows, &mut pixels)?;
        return RgbImage::new(width, height, pixels);
    }
    let mut pixels = Vec::with_capacity(3 * width * height);
    while let Some(row) = reader.next_row().map_err(damaged)? {
        append_rgb(colour, row.data(), &mut pixels)?;
    }
    RgbImage::new(width, height, pixels)
}

/// Adds pixels of 8-bit samples as RGB; their opacity is dropped.
fn append_rgb(colour: ColorType, samples: &[u8], pixels: &mut Vec<u8>) -> Result<(), DataError> {
    match colour {
        ColorType::Rgb => pixels.extend_from_slice(samples),
        ColorType::Grayscale => pixels.extend(samples.iter().flat_map(|&gray| [gray; 3])),
        ColorType::GrayscaleAlpha => {
            pixels.extend(samples.chunks_exact(2).flat_map(|pixel| [pixel[0]; 3]));
        }
        ColorType::Rgba => {
            pixels.extend(samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]));
        }
        // EXPAND has turned palette indices into RGB or RGBA.
        ColorType::Indexed => {
            let found = "a palette that cannot be expanded".to_owned();
            return Err(DataError::DamagedImage { format: "PNG", found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::{image_file, ppm};

    /// Largest and mean difference of levels.
    fn difference(a: &RgbImage, b: &RgbImage) -> (u8, f64) {
        assert_eq!((a.width(), a.height()), (b.width(), b.height()));
        let each = || a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b));
        (each().max().unwrap_or(0), each().map(f64::from).sum::<f64>() / a.pixels().len() as f64)
    }

    #[test]
    fn jpeg_is_within_rounding_of_libjpeg_turbo() {
        for (name, most, mean) in [
            ("photo_444", 3, 0.3),
            ("photo_422", 4, 0.3),
            ("photo_420", 5, 0.5),
            ("photo_progressive", 5, 0.5),
            ("photo_restart", 5, 0.5),
            ("photo_gray", 1, 0.1),
            ("photo_cmyk", 3, 0.5),
        ] {
            let decoded = PureRust.decode(&image_file(&format!("{name}.jpg"))).expect(name);
            let found = difference(&decoded, &ppm(&format!("{name}.ppm")));
            assert!(found.0 <= most && found.1 <= mean, "{name}: max {}, mean {:.3}", found.0, found.1);
        }
    }

    #[test]
    fn png_is_exact() {
        for name in [
            "rgb8",
            "rgb8_interlaced",
            "rgb16",
            "gray1",
            "gray8",
            "gray16",
            "graya8",
            "rgba8",
            "palette4",
            "palette4_alpha",
        ] {
            let decoded = PureRust.decode(&image_file(&format!("{name}.png"))).expect(name);
            assert_eq!(difference(&decoded, &ppm(&format!("{name}.ppm"))).0, 0, "{name}");
        }
    }

    #[test]
    fn other_files_are_told_by_name() {
        for (bytes, expected) in [
            (&b"GIF89a"[..], "a GIF image"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
            (b"BM6\0\0\0\0\0\0\0", "a BMP image"),
            (b"hello", "found text"),
            (b"\0\x01", "the bytes 00 01"),
            (b"", "nothing"),
        ] {
            let error = PureRust.decode(bytes).expect_err("no image").to_string();
            assert!(error.contains(expected) && error.contains("convert it to JPEG or PNG"), "{error}");
        }
    }

    #[test]
    fn an_image_cut_short_is_an_error() {
        for name in ["photo_444.jpg", "photo_420.jpg", "photo_progressive.jpg", "photo_gray.jpg", "rgb8.png"]
        {
            let bytes = image_file(name);
            for part in [20, bytes.len() / 2, bytes.len() * 9 / 10] {
                let error = PureRust.decode(&bytes[..part]).expect_err(name);
                assert!(matches!(error, DataError::DamagedImage { .. }), "{name} cut to {part}: {error}");
                assert_eq!(error.to_string().lines().count(), 1, "one sentence");
            }
        }
    }

    #[test]
    fn an_image_of_too_many_pixels_is_refused_before_it_is_decoded() {
        let mut bytes = image_file("rgb8.png");
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let mut checksum = flate2::Crc::new();
        checksum.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
        let error = PureRust.decode(&bytes).expect_err("65536 x 65536");
        assert!(matches!(error, DataError::TooLarge { found: 0x1_0000_0000, .. }), "{error}");
    }
}
