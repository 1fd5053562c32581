//! Files that were made to harm: each costs what its own bytes are worth, and is an error of that file.

use bitsmith::data::{Archive, DataError, Decode, PureRust};
use flate2::{Compression, Crc, write::GzEncoder};
use std::io::{Cursor, Write};
use std::path::Path;

fn image(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/images").join(name);
    std::fs::read(path).expect("a golden image")
}

fn refusal(bytes: &[u8]) -> String {
    PureRust.decode(bytes).expect_err("refused").to_string()
}

/// A PNG of 8-bit samples: header, these chunks, end.
fn png(width: u32, height: u32, colour: u8, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&size[..], &[8, colour, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let whole =
        [(b"IHDR", &header[..])].into_iter().chain(chunks.iter().copied()).chain([(b"IEND", &[][..])]);
    for (kind, data) in whole {
        let body = [&kind[..], data].concat();
        let mut crc = Crc::new();
        crc.update(&body);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(body);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), Compression::best());
    writer.write_all(bytes).expect("in memory");
    writer.finish().expect("in memory")
}

/// A JPEG's segment.
fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker][..], &length, body].concat()
}

/// A progressive JPEG of zeros: a scan of all means with so many bytes, one bit a block, and a scan of all other
/// coefficients of each of the first components, in which fifteen bits pass over 16,384 blocks.
fn progressive(side: u16, components: u8, means: usize, others: u8) -> Vec<u8> {
    let [s0, s1] = side.to_be_bytes();
    let listed: Vec<u8> = (1..=components).flat_map(|id| [id, 0x11, 0]).collect();
    let frame = [&[8, s0, s1, s0, s1, components][..], &listed].concat();
    let quantization = [&[0][..], &[1; 64]].concat();
    let table = |place: u8, symbol: u8| [&[place, 1][..], &[0; 15], &[symbol]].concat();
    let scanned: Vec<u8> = (1..=components).flat_map(|id| [id, 0]).collect();
    let mut file = [
        &[0xff, 0xd8][..],
        &segment(0xdb, &quantization),
        &segment(0xc2, &frame),
        &segment(0xc4, &table(0, 0)),
        &segment(0xc4, &table(0x10, 0xe0)),
        &segment(0xda, &[&[components][..], &scanned, &[0, 0, 0]].concat()),
        &vec![0; means],
    ]
    .concat();
    let blocks = usize::from(side).div_ceil(8).pow(2);
    for id in 1..=others {
        file.extend(segment(0xda, &[1, id, 0, 1, 63, 0]));
        file.extend(vec![0; (blocks.div_ceil(1 << 14) * 15).div_ceil(8)]);
    }
    [&file[..], &[0xff, 0xd9]].concat()
}

/// `png` 0.18.1 panics on it: `eval` ended with status 101, and the page's worker died.
#[test]
fn a_palette_that_is_no_multiple_of_three_is_an_error_of_the_image() {
    let rows = deflated(&[0, 0]);
    for entries in [1, 2, 4, 5, 767] {
        let palette = vec![7; entries];
        let error = refusal(&png(1, 1, 3, &[(b"PLTE", &palette), (b"IDAT", &rows)]));
        assert!(error.contains(&format!("a palette of {entries} bytes")), "{error}");
    }
    assert!(PureRust.decode(&png(1, 1, 3, &[(b"PLTE", &[7; 3]), (b"IDAT", &rows)])).is_ok());
    // A palette image without one.
    assert!(PureRust.decode(&png(1, 1, 3, &[(b"IDAT", &rows)])).is_err());
}

/// A decoder takes zeros for what is missing and gives a picture with a gray rest.
#[test]
fn a_jpeg_that_was_cut_and_closed_is_refused_wherever_it_was_cut() {
    for name in [
        "photo_444.jpg",
        "photo_422.jpg",
        "photo_420.jpg",
        "photo_progressive.jpg",
        "photo_restart.jpg",
        "photo_gray.jpg",
        "photo_cmyk.jpg",
    ] {
        let bytes = image(name);
        assert!(bytes.ends_with(&[0xff, 0xd9]), "{name} ends with its end mark");
        assert!(PureRust.decode(&bytes).is_ok(), "{name}");
        let content = bytes.len() - 2;
        // The last byte may hold nothing but filling.
        for length in 2..content - 1 {
            let cut = [&bytes[..length], &[0xff, 0xd9]].concat();
            let error = PureRust.decode(&cut).err();
            assert!(error.is_some(), "{name} cut to {length} of {content} bytes");
        }
    }
}

/// 158 bytes cost 704 MiB, and counted as an image.
#[test]
fn an_image_is_not_larger_than_its_bytes_can_say() {
    let blocks = 100 * 100;
    // Everything is there: an image.
    let flat = PureRust.decode(&progressive(800, 3, blocks * 3 / 8, 3)).expect("whole");
    assert_eq!((flat.width(), flat.height()), (800, 800));
    let error = refusal(&progressive(6000, 4, 8, 4));
    assert!(error.contains("6000x6000 pixels: every block of them takes a bit"), "{error}");
    // The last eighty of them are missing.
    let error = refusal(&progressive(800, 4, blocks * 4 / 8 - 10, 4));
    assert!(error.contains("a scan whose coded data end or break in unit"), "{error}");
    // Nothing has come of the fourth but its means.
    let error = refusal(&progressive(800, 4, blocks * 4 / 8, 3));
    assert!(error.contains("some of its scans are missing"), "{error}");
    // A PNG of 64 megapixels in a few bytes.
    let error = refusal(&png(8192, 8192, 2, &[(b"IDAT", &deflated(&[0; 100]))]));
    assert!(error.contains("bytes for 8192x8192 pixels"), "{error}");
}

/// A scan of a few bytes passes over all blocks of a picture.
#[test]
fn a_jpeg_does_not_pass_over_its_blocks_again_and_again() {
    let whole = progressive(800, 3, 100 * 100 * 3 / 8, 3);
    let first = whole.windows(2).position(|bytes| bytes == [0xff, 0xda]).expect("a scan");
    let length = whole[first + 2..].windows(2).position(|bytes| bytes == [0xff, 0xda]).expect("a second");
    let scan = &whole[first..first + 2 + length];
    let again = |times: usize| [&whole[..first], &scan.repeat(times), &whole[first..]].concat();
    assert!(PureRust.decode(&again(5)).is_ok());
    let error = refusal(&again(100));
    assert!(error.contains("more than 100 scans"), "{error}");
}

/// A progressive JPEG's coefficients take twice the memory of its pixels.
#[test]
fn an_image_that_takes_too_much_memory_is_refused_before_it_is_decoded() {
    let blocks = (7000_usize / 8).pow(2) * 3;
    let error = PureRust.decode(&progressive(7000, 3, blocks.div_ceil(8), 3)).expect_err("too large");
    let found = 7000 * 7000 * 3 * 3;
    let is_named = matches!(error, DataError::TooLarge { limit: 0x1000_0000, found: f, .. } if f == found);
    assert!(is_named, "{error}");
}

#[test]
fn a_small_tar_gz_does_not_unpack_to_gigabytes() {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    let mut header = tar::Header::new_gnu();
    header.set_size(200 << 20);
    tar.append_data(&mut header, "cat/1.png", std::io::Read::take(std::io::repeat(0), 200 << 20))
        .expect("zeros");
    let bytes = tar.into_inner().expect("in memory").finish().expect("in memory");
    let most = bytes.len() as u64 * 64 + (1 << 20);
    assert!(most < 20 << 20, "{} bytes may become {most}", bytes.len());
    let error = Archive::open("bomb.tar.gz", Cursor::new(bytes)).expect_err("refused").to_string();
    assert!(error.contains(&format!("expected at most {most} bytes when it is unpacked")), "{error}");

    // What is no tar is not unpacked at all.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![1; 100 << 20]).expect("in memory");
    let error =
        Archive::open("ones.gz", Cursor::new(gzip.finish().expect("in memory"))).expect_err("refused");
    assert!(error.to_string().contains("a tar archive inside the gzip file"), "{error}");
}

/// A name of an archive is shown on the terminal; it must not move its cursor or set its title.
#[test]
fn names_cannot_write_to_the_terminal() {
    let error =
        DataError::UnknownImage { found: "text".to_owned() }.in_file("\x1b]0;owned\x07\u{202e}gpj.zip");
    assert!(error.to_string().starts_with("\\u001b]0;owned\\u0007\\u202egpj.zip: "), "{error}");
}
