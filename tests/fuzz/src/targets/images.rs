//! JPEG and PNG, and what makes squares of them.

use super::{KIB, MIB, Target, nothing};
use crate::input::Input;
use bitsmith::data::decode::{MAX_BYTES, MAX_PIXELS};
use bitsmith::data::{Decode, Preprocess, PureRust, Resize, RgbImage};
use flate2::{Compression, Crc, write::ZlibEncoder};
use std::io::Write;

pub const TARGET: Target = Target {
    name: "images",
    longest: 4 * KIB,
    memory: |bytes| (4 * MIB + 32 * KIB * bytes).min(MAX_BYTES as usize + 64 * MIB),
    prepare: nothing,
    run,
    seeds,
    words: "IHDR|PLTE|IDAT|IEND|tRNS|acTL|fcTL|fdAT|PNG\r\n|JFIF|Adobe|Exif",
};

/// The first byte says what becomes of the image that the rest is.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let how = input.byte();
    let resize = [Resize::IMAGENET, Resize::SQUARE, Resize::Stretch, Resize::Pad][usize::from(how % 4)];
    let side = 32 * (1 + usize::from(how >> 2) % 10);
    match PureRust.decode(input.rest()) {
        Ok(image) => {
            assert!((image.width() * image.height()) as u64 <= MAX_PIXELS);
            assert_eq!(image.pixels().len(), 3 * image.width() * image.height());
            assert_eq!(Preprocess { side, resize }.apply(&image).len(), 3 * side * side);
        }
        Err(error) => drop(error.to_string()),
    }
    if how & 64 == 0 {
        return;
    }
    // Any shape of image becomes a square.
    let mut shape = Input(data);
    let (width, height) = (usize::from(shape.word()) % 4096 + 1, shape.within(1, 8));
    let (width, height) = if how & 128 == 0 { (width, height) } else { (height, width) };
    let pixels = vec![how; 3 * width * height];
    let image = RgbImage::new(width, height, pixels).expect("as many bytes as it says");
    assert_eq!(Preprocess { side: 32, resize }.apply(&image).len(), 3 * 32 * 32);
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (depth, colour, bits) in [
        (1, 0, 1),
        (2, 0, 2),
        (8, 0, 8),
        (16, 0, 16),
        (8, 2, 24),
        (16, 2, 48),
        (4, 3, 4),
        (8, 4, 16),
        (8, 6, 32),
    ] {
        for interlaced in [0, 1] {
            seeds.push([&[seeds.len() as u8][..], &png(depth, colour, bits, interlaced)].concat());
        }
    }
    for components in [1, 3, 4] {
        for is_progressive in [false, true] {
            seeds.push([&[seeds.len() as u8][..], &jpeg(components, is_progressive)].concat());
        }
    }
    seeds
}

/// A PNG of 5 x 3 pixels.
fn png(depth: u8, colour: u8, bits: usize, interlaced: u8) -> Vec<u8> {
    let (width, height) = (5_usize, 3_usize);
    let row = |width: usize| (width * bits).div_ceil(8) + 1;
    // Adam7's passes of so small an image: first column and row, steps.
    let passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let bytes: usize = if interlaced == 0 {
        row(width) * height
    } else {
        let sizes = passes.map(|(x, y, right, down): (usize, usize, usize, usize)| {
            (width.saturating_sub(x).div_ceil(right), height.saturating_sub(y).div_ceil(down))
        });
        sizes.into_iter().filter(|&(w, h)| w > 0 && h > 0).map(|(w, h)| row(w) * h).sum()
    };
    let mut rows = ZlibEncoder::new(Vec::new(), Compression::fast());
    rows.write_all(&vec![0; bytes]).expect("in memory");
    let rows = rows.finish().expect("in memory");
    let mut header = [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat();
    header.extend([depth, colour, 0, 0, interlaced]);
    let palette: &[u8] = if colour == 3 { &[1, 2, 3, 4, 5, 6] } else { &[] };
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header[..]), (b"PLTE", palette), (b"IDAT", &rows), (b"IEND", &[])] {
        if kind == b"PLTE" && palette.is_empty() {
            continue;
        }
        let body = [&kind[..], data].concat();
        let mut crc = Crc::new();
        crc.update(&body);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(body);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

/// A JPEG of 16 x 16 gray pixels: every code is one bit.
fn jpeg(components: u8, is_progressive: bool) -> Vec<u8> {
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    let table = |place: u8, symbol: u8| [&[place, 1][..], &[0; 15], &[symbol]].concat();
    let listed: Vec<u8> = (1..=components).flat_map(|id| [id, 0x11, 0]).collect();
    let frame = [&[8, 0, 16, 0, 16, components][..], &listed].concat();
    let scanned: Vec<u8> = (1..=components).flat_map(|id| [id, 0]).collect();
    let mut file = [
        &[0xff, 0xd8][..],
        &segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        &segment(if is_progressive { 0xc2 } else { 0xc0 }, &frame),
        &segment(0xc4, &table(0, 0)),
        &segment(0xc4, &table(0x10, 0)),
    ]
    .concat();
    // Means alone, then the other coefficients of each component, or all of them at once.
    let (last, bits) = if is_progressive { (0, 4) } else { (63, 8) };
    let bytes = (usize::from(components) * bits).div_ceil(8);
    file.extend(segment(0xda, &[&[components][..], &scanned, &[0, last, 0]].concat()));
    file.extend(vec![0; bytes]);
    for id in 1..=components {
        if is_progressive {
            file.extend(segment(0xda, &[1, id, 0, 1, 63, 0]));
            file.push(0);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}
