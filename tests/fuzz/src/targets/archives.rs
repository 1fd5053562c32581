//! Zip, tar and tar.gz: their index, their files, and the classes that are found in them.

use super::{KIB, MIB, Target, nothing};
use crate::input::Input;
use bitsmith::data::{Archive, Charset, ClassMap, Dataset, Files, Limits, Sources};
use bitsmith::flow::{Inputs, Listing};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::io::{Cursor, Read, Write};

pub const TARGET: Target = Target {
    name: "archives",
    longest: 16 * KIB,
    // A file of a zip unpacks to 1,032 times its bytes, a tar.gz to 64 times its own and 1 MiB.
    memory: |bytes| 8 * MIB + 3 * KIB * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "PK\u{1}\u{2}|PK\u{3}\u{4}|PK\u{5}\u{6}|PK\u{6}\u{6}|ustar|ustar  \u{0}|././@LongLink|path=|size=|\
        GNU.sparse.|train/|val/cat/|dog/1.jpg|__MACOSX/|labels.csv|../",
};

/// Files of an archive that are read, the first ones.
const READ: usize = 8;

/// The first byte says what the rest is: an archive, a tar whose headers' checksums are set here, or such a tar that is
/// compressed here; and in which encoding unmarked names are.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let what = input.byte();
    let bytes = match what & 3 {
        0 | 3 => input.rest().to_vec(),
        1 => summed(input.rest()),
        _ => compressed(&summed(input.rest())),
    };
    let names = [None, Some("gbk"), Some("cp437"), Some("windows-1251")][usize::from(what >> 2) % 4];
    let names: Option<Charset> = names.map(|name| name.parse().expect("an encoding"));
    let archive = match Archive::open_as("archive", Cursor::new(bytes), Limits::default(), names) {
        Ok(archive) => archive,
        Err(error) => return drop(error.to_string()),
    };
    let mut reader = archive.clone();
    let sizes: Vec<u64> = reader.files().iter().map(|file| file.size).collect();
    for (number, &size) in sizes.iter().enumerate().take(READ) {
        match reader.read(number) {
            Ok(bytes) => {
                assert_eq!(bytes.len() as u64, size, "file {number}");
                let start = reader.start(number, 100).expect("what was read whole");
                assert_eq!(start, bytes[..bytes.len().min(100)]);
            }
            Err(error) => drop(error.to_string()),
        }
    }
    assert!(reader.read(sizes.len()).is_err());
    listed(&mut Sources::one("archive", archive));
}

/// The classes and images of sources, and the table that is shown of them.
pub fn listed(sources: &mut Sources) {
    match Dataset::open(sources) {
        Ok(dataset) => {
            assert!(dataset.images.iter().all(|image| image.class < dataset.classes.len()));
            for outputs in [2, 10, 1000] {
                match ClassMap::new(&dataset.classes, outputs, None) {
                    Ok(map) => assert!(map.outputs().iter().all(|&output| output < outputs)),
                    Err(error) => drop(error.to_string()),
                }
            }
        }
        Err(error) => drop(error.to_string()),
    }
    match Listing::new("source".into(), sources, 4) {
        Ok(listing) => drop(Inputs::new(sources, &listing, None, &[], &[], u64::MAX).text()),
        Err(error) => drop(error.to_string()),
    }
}

/// A tar with the checksums that its headers should have.
fn summed(tar: &[u8]) -> Vec<u8> {
    let mut tar = tar.to_vec();
    let mut at = 0;
    while let Some(block) = tar.get_mut(at..at + 512) {
        if block.iter().all(|&byte| byte == 0) {
            break;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = String::from_utf8_lossy(&block[124..136]).trim_matches(['\0', ' ']).to_owned();
        let size = usize::from_str_radix(&size, 8).unwrap_or(0);
        at = at.saturating_add(512).saturating_add(size.min(1 << 30).next_multiple_of(512));
    }
    tar
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

/// Paths and contents of a small data set.
const FILES: [(&str, &[u8]); 7] = [
    ("train/cat/1.jpg", b"\xff\xd8\xff"),
    ("train/dog/2.JPEG", b"\xff\xd8\xff"),
    ("val/cat/3.png", b"\x89PNG"),
    ("val/dog/4", b"\x89PNG"),
    ("test/5.jpg", b"\xff\xd8\xff"),
    ("test/labels.csv", b"image,label\n5.jpg,cat\n"),
    ("__MACOSX/train/cat/._1.jpg", b""),
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in FILES {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, path, bytes).expect("in memory");
    }
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "link", "train").expect("in memory");
    let mut tar = builder.into_inner().expect("in memory");
    seeds.push([&[2][..], &tar].concat());
    seeds.push([&[0][..], &compressed(&tar)].concat());
    let mut long = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(0);
    long.append_data(&mut header, format!("{}/1.jpg", "long".repeat(30)), &[][..]).expect("in memory");
    seeds.push([&[1][..], &long.into_inner().expect("in memory")].concat());
    // Without a class; unpacked it is what it was.
    tar.truncate(1024);
    tar.extend([0; 1024]);
    let mut again = Vec::new();
    GzDecoder::new(&compressed(&tar)[..]).read_to_end(&mut again).expect("in memory");
    seeds.push([&[5][..], &again].concat());

    for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method);
        for (path, bytes) in FILES {
            writer.start_file(path, options).expect("in memory");
            writer.write_all(bytes).expect("in memory");
        }
        let bytes = writer.finish().expect("in memory").into_inner();
        seeds.push([&[0][..], &bytes].concat());
        // Names in a code page.
        let mut odd = bytes;
        odd.windows(3).map(|name| name == b"cat").collect::<Vec<_>>().into_iter().enumerate().for_each(
            |(at, is_name)| {
                if is_name {
                    odd[at..at + 3].copy_from_slice(&[0xb9, 0xb7, b'a']);
                }
            },
        );
        seeds.push([&[0][..], &odd].concat());
        seeds.push([&[4][..], &odd].concat());
    }
    seeds
}
