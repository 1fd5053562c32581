//! What reading a checkpoint of PyTorch takes, and what one that was made to harm does: four times its bytes and 64 MiB.

use super::{MIB, alone, counted};
use bitsmith::import::{ImportOptions, import};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The legacy form up to its object.
const LEGACY: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";

fn legacy(start: &[u8], repeated: &[u8], count: usize, end: &[u8]) -> Vec<u8> {
    [LEGACY, start, &repeated.repeat(count), end].concat()
}

/// A state dict of `count` tensors `name`, each a view of four floats, and its storage.
fn views(shape: &[u8], strides: &[u8], count: usize) -> Vec<u8> {
    // The function and the storage go to the memo and off the stack.
    let function = b"ctorch._utils\n_rebuild_tensor_v2\nq\x010";
    let words = b"X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04";
    let mut file = [LEGACY, b"}", function, b"(", words, b"tQq\x020"].concat();
    for name in 0..count as u32 {
        file.extend(b"X\x08\0\0\0");
        file.extend(format!("{name:08}").bytes());
        file.extend([b"h\x01(h\x02K\x00", shape, strides, b"\x89}tRs"].concat());
    }
    file.extend(b".\x80\x02]X\x01\0\0\x000a.\x04\0\0\0\0\0\0\0");
    file.extend([0; 16]);
    file
}

fn zipped(files: &[(String, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(name, SimpleFileOptions::default().compression_method(method)).expect("in memory");
        writer.write_all(bytes).expect("in memory");
    }
    writer.finish().expect("in memory").into_inner()
}

#[test]
fn a_checkpoint_costs_what_its_bytes_are_worth() {
    // Making the files takes more than reading them.
    let _alone = alone();
    let stored = CompressionMethod::Stored;
    let pickle = |count: usize| -> Vec<(String, &[u8])> {
        let rest = (0..count).map(|i| (format!("net/data/{i}"), &[][..]));
        std::iter::once(("net/data.pkl".to_owned(), &b"\x80\x02}."[..])).chain(rest).collect()
    };
    let zeros = vec![0; 200 * MIB];
    let bomb = [("data.pkl".to_owned(), &zeros[..]), ("byteorder".to_owned(), b"little")];
    let name = [b"X", &(MIB as u32).to_le_bytes()[..], &vec![b'x'; MIB], b"q\x000"].concat();
    let cases = [
        ("objects", legacy(b"cos\nsystem\nq\x00", b"h\x00)R", 400_000, b".")),
        ("objects with items", legacy(b"cos\nsystem\nq\x00", b"h\x00)RNNs", 400_000, b".")),
        ("tuples", legacy(b"N", b"\x85", 4_000_000, b".")),
        ("dictionaries", legacy(b"", b"}NNs", 1_000_000, b".")),
        ("numbers", legacy(b"", b"N", 4_100_000, b".")),
        ("a long list", legacy(b"](", b"N", 4_100_000, b"e.")),
        ("a long dictionary", legacy(b"}(", b"N", 4_100_000, b"u.")),
        ("a full memo", legacy(b"N", b"\x94", 4_000_000, b".")),
        ("large integers", legacy(b"", b"\x8a\x00", 1_000_000, b".")),
        ("long names", legacy(&[b"}", &name[..]].concat(), b"h\x00}s", 200_000, b".")),
        ("small tensors", views(b"K\x04\x85", b"K\x01\x85", 16_000)),
        ("many tensors", views(b"K\x04\x85", b"K\x01\x85", 30_000)),
        ("repeated tensors", views(b"J\x00\x00\x10\x00\x85", b"K\x00\x85", 100)),
        ("a huge tensor", views(b"J\xff\xff\xff\x7f\x85", b"K\x00\x85", 1)),
        ("files", zipped(&pickle(60_000), stored)),
        ("too many files", zipped(&pickle(70_000), stored)),
        ("a packed pickle", zipped(&bomb, CompressionMethod::Deflated)),
    ];
    for (name, bytes) in cases {
        let (result, peak, _) =
            counted(|| import(&bytes, &ImportOptions::default()).map_err(|e| e.to_string()));
        let error = result.expect_err(name);
        println!("{name}: {} bytes, {} KiB at the peak: {error:.90}", bytes.len(), peak >> 10);
        assert!(peak <= 4 * bytes.len() + 64 * MIB, "{name}: {} bytes take {peak}", bytes.len());
    }
}
