//! Whatever bytes a user drops, the answer is pixels or an error, never a panic.

use std::io::{Cursor, Write};
use std::path::Path;

use bitsmith::data::{Archive, Dataset, Decode, Files, Limits, PureRust};
use proptest::prelude::*;

const IMAGES: &[&str] = &[
    "photo_444.jpg",
    "photo_422.jpg",
    "photo_420.jpg",
    "photo_progressive.jpg",
    "photo_restart.jpg",
    "photo_gray.jpg",
    "photo_cmyk.jpg",
    "rgb8_interlaced.png",
    "rgb16.png",
    "gray1.png",
    "graya8.png",
    "palette4_alpha.png",
];

fn image(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/images").join(name);
    std::fs::read(path).expect("a golden image")
}

fn archives() -> Vec<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for name in ["photo_gray.jpg", "gray1.png"] {
        let (path, bytes) = (format!("val/{}/{name}", "c".repeat(120)), image(name));
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, &path, bytes.as_slice()).expect("in memory");
        zip.start_file(path, zip::write::SimpleFileOptions::default()).expect("in memory");
        zip.write_all(&bytes).expect("in memory");
    }
    let tar = tar.into_inner().expect("in memory");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("in memory");
    vec![tar, gzip.finish().expect("in memory"), zip.finish().expect("in memory").into_inner()]
}

/// Opens, lists, reads and decodes all there is, under limits that a damaged size cannot pass.
fn read_all(bytes: &[u8]) {
    let limits = Limits { total: 1 << 20, file: 1 << 20, files: 100 };
    let Ok(mut archive) = Archive::open_as("broken", Cursor::new(bytes), limits, None) else { return };
    let _ = Dataset::from_files(archive.files());
    for index in 0..archive.files().len() {
        if let Ok(image) = archive.read(index) {
            let _ = PureRust.decode(&image);
        }
    }
}

/// Changed bytes: (where, as a fraction of the length; what to xor).
fn flips() -> impl Strategy<Value = Vec<(f64, u8)>> {
    prop::collection::vec((0.0..1.0, 1_u8..), 1..6)
}

fn flip(bytes: &mut [u8], flips: &[(f64, u8)]) {
    for (place, mask) in flips {
        let index = (place * bytes.len() as f64) as usize;
        bytes[index] ^= mask;
    }
}

#[test]
fn every_beginning_of_every_image_and_archive() {
    for name in IMAGES {
        let bytes = image(name);
        (0..bytes.len()).for_each(|length| drop(PureRust.decode(&bytes[..length])));
    }
    for bytes in archives() {
        (0..bytes.len()).for_each(|length| read_all(&bytes[..length]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn images_with_changed_bytes(name in prop::sample::select(IMAGES), flips in flips()) {
        let mut bytes = image(name);
        flip(&mut bytes, &flips);
        let _ = PureRust.decode(&bytes);
    }

    /// Most changes above fall into coded pixels; these fall into the headers.
    #[test]
    fn images_with_changed_headers(name in prop::sample::select(IMAGES), flips in flips()) {
        let mut bytes = image(name);
        let header = bytes.len().min(640);
        flip(&mut bytes[..header], &flips);
        let _ = PureRust.decode(&bytes);
    }

    #[test]
    fn archives_with_changed_bytes(kind in 0_usize..3, flips in flips()) {
        let mut bytes = archives().swap_remove(kind);
        flip(&mut bytes, &flips);
        read_all(&bytes);
    }

    #[test]
    fn arbitrary_bytes_after_a_magic(
        magic in prop::sample::select(vec![&b"PK\x03\x04"[..], b"\x1f\x8b\x08", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b""]),
        rest in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let bytes = [magic, &rest].concat();
        read_all(&bytes);
        let _ = PureRust.decode(&bytes);
    }
}
