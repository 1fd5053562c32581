//! Archives built in memory: what is found in them, in which order, and what is said of broken ones.

use std::io::{Cursor, Write};

use bitsmith::data::{Archive, DataError, Dataset, Files, Folder, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

const FILES: &[(&str, &[u8])] =
    &[("set/val/dog/2.png", b"dog two"), ("set/val/cat/10.png", b""), ("set/a.txt", &[7; 3000])];

fn zipped(files: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    writer.add_directory("set/", options).expect("in memory");
    for (path, bytes) in files {
        writer.start_file(*path, options).expect("in memory");
        writer.write_all(bytes).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, *bytes).expect("in memory");
    }
    builder.into_inner().expect("in memory")
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn open(bytes: &[u8]) -> Result<Archive<Cursor<&[u8]>>, DataError> {
    Archive::open("photos", Cursor::new(bytes))
}

/// Everything in an archive, in its order.
fn contents<F: Files>(files: &mut F) -> Vec<(String, Vec<u8>)> {
    let listed = files.files().to_vec();
    let mut all = Vec::new();
    for (index, info) in listed.into_iter().enumerate() {
        let bytes = files.read(index).expect("a sound file");
        assert_eq!(bytes.len() as u64, info.size);
        all.push((info.path, bytes));
    }
    all
}

fn sorted(files: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    files.sort();
    files
}

#[test]
fn all_kinds_hold_the_same_files_in_the_same_order() {
    let tar = tarred(FILES);
    for (kind, bytes) in [
        ("stored zip", zipped(FILES, CompressionMethod::Stored)),
        ("deflated zip", zipped(FILES, CompressionMethod::Deflated)),
        ("tar.gz", gzipped(&tar)),
        ("tar.gz of two parts", [gzipped(&tar[..700]), gzipped(&tar[700..])].concat()),
        ("tar", tar),
    ] {
        let mut archive = open(&bytes).expect(kind);
        assert_eq!(contents(&mut archive), sorted(FILES), "{kind}");
        let mut clone = archive.clone();
        assert_eq!(contents(&mut clone), sorted(FILES), "a clone of {kind}");
    }
}

#[test]
fn a_folder_is_listed_like_an_archive() {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (path, bytes) in FILES.iter().chain(&[(".hidden/dog/1.png", &b"x"[..])]) {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
    let mut folder = Folder::open(root.path(), None).expect("a folder");
    let all = [FILES, &[(".hidden/dog/1.png", &b"x"[..])]].concat();
    assert_eq!(contents(&mut folder), sorted(&all));
    let dataset = Dataset::from_files(folder.files()).expect("images");
    assert_eq!((dataset.images.len(), dataset.passed_over.len()), (2, 2));

    let missing = Folder::open(&root.path().join("nowhere"), None).expect_err("not there").to_string();
    assert!(missing.contains("nowhere") && missing.contains("check that it exists"), "{missing}");
}

#[test]
fn long_paths_and_repeated_paths_in_a_tar() {
    let long = format!("val/cat/{}.png", "x".repeat(300));
    let bytes = tarred(&[("./val/cat/1.png", b"old"), (&long, b"long"), ("val/cat/1.png", b"new")]);
    let mut archive = open(&bytes).expect("a tar");
    assert_eq!(contents(&mut archive), sorted(&[("val/cat/1.png", b"new"), (&long, b"long")]));
}

#[test]
fn what_is_no_archive_is_told_by_its_first_bytes() {
    for (bytes, expected) in [
        (&b"Rar!\x1a\x07"[..], "found a RAR archive; pack the class folders as zip or tar.gz"),
        (b"7z\xbc\xaf\x27\x1c", "found a 7z archive"),
        (b"\xfd7zXZ\0", "found an xz archive"),
        (b"\x28\xb5\x2f\xfd", "found a Zstandard archive"),
        (b"", "found nothing"),
        (&[0; 2000], "begins with the bytes 00 00"),
    ] {
        let error = open(bytes).expect_err("no archive").to_string();
        assert!(error.starts_with("photos: expected a zip, tar or tar.gz archive"), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let error = open(&gzipped(b"no tar")).expect_err("no tar").to_string();
    assert!(error.contains("a tar archive inside the gzip file"), "{error}");
}

/// A tar cut anywhere is noticed, between two files too: running on fewer images would pass unseen.
#[test]
fn archives_cut_short_are_errors_at_any_length() {
    let tar = tarred(FILES);
    let end_of_files = tar.len() - 1024;
    for (kind, bytes, lengths) in [
        ("tar", tar.clone(), (1..end_of_files + 512).step_by(64).collect::<Vec<_>>()),
        ("tar.gz", gzipped(&tar), (1..gzipped(&tar).len()).collect()),
        (
            "zip",
            zipped(FILES, CompressionMethod::Deflated),
            (1..zipped(FILES, CompressionMethod::Deflated).len()).collect(),
        ),
    ] {
        for length in lengths {
            let error = open(&bytes[..length]).map(|_| ()).expect_err(&format!("{kind} cut to {length}"));
            assert!(error.to_string().starts_with("photos: expected "), "{kind} cut to {length}: {error}");
        }
    }
    let error = open(&tar[..end_of_files]).expect_err("no end mark").to_string();
    assert!(error.contains("end mark") && error.contains("damaged or cut short"), "{error}");
}

#[test]
fn one_broken_file_in_a_zip_leaves_the_others() {
    let mut bytes = zipped(FILES, CompressionMethod::Stored);
    let place = bytes.windows(7).position(|part| part == b"dog two").expect("stored as it is");
    bytes[place] ^= 1;
    let mut archive = open(&bytes).expect("a sound directory");
    let dog = archive.files().iter().position(|info| info.path.contains("dog")).expect("listed");
    let error = archive.read(dog).expect_err("a wrong checksum").to_string();
    assert!(
        error.starts_with("photos: set/val/dog/2.png: expected a file that unpacks to its checksum"),
        "{error}"
    );
    assert!((0..3).filter(|&index| index != dog).all(|index| archive.read(index).is_ok()));
}

#[test]
fn limits_are_held() {
    let bomb = vec![0_u8; 100_000];
    let files: &[(&str, &[u8])] = &[("val/cat/1.png", &bomb), ("val/cat/2.png", b"x")];
    let zip = zipped(files, CompressionMethod::Deflated);
    let tgz = gzipped(&tarred(files));
    let tar = tarred(files);
    let within = |bytes: &[u8], limits| Archive::open_as("photos", Cursor::new(bytes.to_vec()), limits, None);

    // A tar.gz is unpacked as a whole; of the others nothing is until it is read.
    let total = Limits { total: 50_000, ..Limits::default() };
    let error = within(&tgz, total).map(|_| ()).expect_err("above the total").to_string();
    assert!(error.contains("expected at most 50000 bytes"), "{error}");
    for bytes in [&zip, &tar] {
        assert_eq!(within(bytes, total).expect("listed").read(1).expect("a small file"), b"x");
    }
    let files_limit = Limits { files: 1, ..Limits::default() };
    let file_limit = Limits { file: 1000, ..Limits::default() };
    for bytes in [&zip, &tgz, &tar] {
        let error = within(bytes, files_limit).map(|_| ()).expect_err("too many files").to_string();
        assert!(error.contains("expected at most 1 files, found "), "{error}");
        let mut archive = within(bytes, file_limit).expect("listed all the same");
        assert!(
            archive
                .read(0)
                .expect_err("a large file")
                .to_string()
                .contains("expected at most 1000 bytes, found 100000")
        );
        assert_eq!(archive.read(1).expect("a small file"), b"x");
    }
}

/// A zip whose directory understates a size must not be unpacked past it.
#[test]
fn a_zip_that_lies_about_a_size_is_refused() {
    let bomb = vec![0_u8; 100_000];
    let mut bytes = zipped(&[("val/cat/1.png", &bomb)], CompressionMethod::Deflated);
    let true_size = 100_000_u32.to_le_bytes();
    let places: Vec<usize> =
        (0..bytes.len() - 4).filter(|&place| bytes[place..place + 4] == true_size).collect();
    assert!(!places.is_empty(), "the size is in the directory");
    places.iter().for_each(|&place| bytes[place..place + 4].copy_from_slice(&10_u32.to_le_bytes()));
    let mut archive = open(&bytes).expect("a directory");
    assert_eq!(archive.files()[0].size, 10);
    assert!(matches!(archive.read(0), Err(DataError::InFile { .. })));
}

#[test]
fn a_number_that_is_not_listed_is_an_error() {
    let bytes = tarred(FILES);
    assert!(open(&bytes).expect("a tar").read(3).is_err());
}
