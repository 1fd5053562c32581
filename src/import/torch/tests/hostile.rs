//! Pickles that were made to harm: nothing runs, and each costs what its own bytes are worth.

use super::{Form, contents_of, file, read, refusal};
use crate::import::torch::pickle;
use crate::import::torch::value::{Id, Value};

/// A file of the legacy form with an object and storages of these keys, each `data` elements long.
fn legacy(object: &[u8], keys: &[&str], data: &[(u64, &[u8])]) -> Vec<u8> {
    let mut file = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.".to_vec();
    file.extend(object);
    file.extend(b"\x80\x02](");
    keys.iter().for_each(|key| file.extend(text(key)));
    file.extend(b"e.");
    for (count, bytes) in data {
        file.extend(count.to_le_bytes());
        file.extend(*bytes);
    }
    file
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn number(number: u32) -> Vec<u8> {
    [b"J", &number.to_le_bytes()[..]].concat()
}

/// The instructions for a tensor of floats in storage `0`.
fn tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let storage =
        [b"(", &text("storage")[..], b"ctorch\nFloatStorage\n", &text("0"), &text("cpu"), b"K\x04tQ"]
            .concat();
    let mut all = b"ctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
    for part in [&storage, offset, shape, strides, b"\x89}tR"] {
        all.extend(part);
    }
    all
}

/// A file with one tensor of four floats, but for what is given.
fn one_tensor(offset: &[u8], shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let object = [b"\x80\x02}", &text("w")[..], &tensor(offset, shape, strides), b"s."].concat();
    legacy(&object, &["0"], &[(4, &[0; 16])])
}

fn tuple(numbers: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|&n| number(n)).collect();
    [b"(", &numbers[..], b"t"].concat()
}

#[test]
fn a_call_is_a_name_with_arguments() {
    // What Python would run on loading: os.system('touch /tmp/x').
    let call = [b"cos\nsystem\n(", &text("touch /tmp/x")[..], b"tR"].concat();
    let alone = [b"\x80\x02", &call[..], b"."].concat();
    let found = pickle::read(&alone).expect("a pickle");
    let (function, arguments) = found.call(found.root).expect("a call");
    assert_eq!(*found.get(function), Value::Global("os", "system"));
    assert_eq!(found.text(arguments[0]), Some("touch /tmp/x"));
    assert!(refusal(&legacy(&alone, &[], &[])).contains("no state dict"));
    // Beside a tensor it is passed over; in the place of one it is none.
    let plain = tensor(b"K\x00", &tuple(&[4]), &tuple(&[1]));
    let beside = [b"\x80\x02}(", &text("run")[..], &call, &text("w"), &plain, b"u."].concat();
    let bytes = legacy(&beside, &["0"], &[(4, &[0; 16])]);
    let found = contents_of(&bytes).expect("a tensor");
    assert_eq!(found.tensors.keys().collect::<Vec<_>>(), ["w"]);
    for other in ["eval", "exec", "__import__"] {
        let inside = [b"\x80\x02}", &text("w")[..], b"c__builtin__\n", other.as_bytes(), b"\n(tRs."].concat();
        assert!(refusal(&legacy(&inside, &[], &[])).contains("no state dict"), "{other}");
    }
    let wrapped =
        [b"\x80\x02}", &text("w")[..], b"ctorch._utils\n_rebuild_parameter\n(", &call, b"\x88}tRs."];
    assert!(refusal(&legacy(&wrapped.concat(), &[], &[])).contains("not read (system)"));
}

#[test]
fn pickles_that_are_none_are_refused_where_they_break() {
    let mut cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing on the stack", b"\x80\x02.".to_vec(), "finds no value"),
        ("no mark", b"\x80\x02t.".to_vec(), "finds no mark"),
        ("no mark for items", b"\x80\x02}u.".to_vec(), "finds no mark"),
        ("below a mark", b"\x80\x02}(R.".to_vec(), "finds no value"),
        ("below a mark, tuple", b"\x80\x02N(\x85.".to_vec(), "finds no value"),
        ("an odd number of items", b"\x80\x02}(Nu.".to_vec(), "a key has no value"),
        ("items of a list", b"\x80\x02]NNs.".to_vec(), "no dictionary"),
        ("elements of None", b"\x80\x02NNa.".to_vec(), "no list"),
        ("elements of the empty tuple", b"\x80\x02)Na.".to_vec(), "no list"),
        ("not in the memo", b"\x80\x02h\x05.".to_vec(), "asked for before"),
        ("protocol 9", b"\x80\x09N.".to_vec(), "protocol 2 to 5, found 9"),
        ("protocol 0", b"\x80\x02I1\n.".to_vec(), "0x49"),
        ("a registered extension", b"\x80\x02\x82\x01.".to_vec(), "0x82"),
        ("buffers beside the file", b"\x80\x05\x97.".to_vec(), "0x97"),
        ("a class without a name", b"\x80\x02cos\nsystem".to_vec(), "no end"),
        ("a class named by a number", b"\x80\x04K\x01K\x02\x93.".to_vec(), "no text"),
        (
            "text longer than the file",
            b"\x80\x02X\xff\xff\xff\xff.".to_vec(),
            "expected 4294967295 more bytes",
        ),
        ("bytes longer than memory", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.".to_vec(), "more bytes"),
        ("nested lists", [&b"\x80\x02"[..], &[b']'; 1_000_000]].concat(), "more than 262144 values"),
        ("marks", [&b"\x80\x02"[..], &[b'('; 1_000_000]].concat(), "containers inside one another"),
        ("a loop of copies", [&b"\x80\x02N"[..], &[b'2'; 5_000_000]].concat(), "instructions"),
        ("no end", b"\x80\x02N".to_vec(), "expected 1 more bytes, found 0"),
    ];
    // A memo bomb: each tuple holds the last one twice. As a tree it has 2^20000 leaves.
    let bomb = [&b"\x80\x04)\x94"[..], &b"h\x00h\x00\x86q\x00".repeat(20_000), b"."].concat();
    cases.push(("a memo bomb", legacy(&bomb, &[], &[]), "no state dict"));
    // Lists inside one another, closed again.
    let nested = [&b"\x80\x02"[..], &[b']'; 200_000], &[b'a'; 199_999], b"."].concat();
    cases.push(("closed lists", legacy(&nested, &[], &[]), "no state dict"));
    // A dictionary that holds itself under a usual key.
    let itself = [b"\x80\x02}q\x00", &text("state_dict")[..], b"h\x00s."].concat();
    cases.push(("a dictionary in itself", legacy(&itself, &[], &[]), "no state dict"));
    for (name, bytes, part) in cases {
        let error = read(Form::Legacy, &bytes).expect_err(name).to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn a_tensor_lies_within_its_storage() {
    let zero = b"K\x00";
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let far = [b"(", &huge[..], b"t"].concat();
    let fits = one_tensor(zero, &tuple(&[2, 2]), &tuple(&[2, 1]));
    assert_eq!(contents_of(&fits).expect("fits").tensors["w"].shape, [2, 2]);
    // The stride of an axis with one element is never gone.
    let one = one_tensor(zero, &tuple(&[1]), &far);
    assert_eq!(contents_of(&one).expect("fits").tensors["w"].data.len(), 4);
    for (name, bytes, part) in [
        ("too long", one_tensor(zero, &tuple(&[5]), &tuple(&[1])), "found 16 bytes"),
        ("too far", one_tensor(b"K\x01", &tuple(&[4]), &tuple(&[1])), "from element 1"),
        ("steps too far", one_tensor(zero, &tuple(&[2, 2]), &tuple(&[3, 1])), "found 16 bytes"),
        ("a step that overflows", one_tensor(zero, &tuple(&[4]), &far), "found 16 bytes"),
        (
            "a shape that overflows",
            one_tensor(zero, &[&b"("[..], huge, huge, b"t"].concat(), &tuple(&[0, 0])),
            "shape",
        ),
        ("an offset that overflows", one_tensor(huge, &tuple(&[1]), &tuple(&[1])), "storage '0'"),
        ("a negative size", one_tensor(zero, b"(J\xff\xff\xff\xfft", &tuple(&[1])), "no list of sizes"),
        ("a negative stride", one_tensor(zero, &tuple(&[2]), b"(J\xff\xff\xff\xfft"), "no list of sizes"),
        ("no strides", one_tensor(zero, &tuple(&[4]), b")"), "one stride for each axis"),
        ("65 axes", one_tensor(zero, &tuple(&[1; 65]), &tuple(&[1; 65])), "no list of sizes"),
        (
            "one number a million times",
            one_tensor(zero, &tuple(&[1_000_000_000]), &tuple(&[0])),
            "bytes of views",
        ),
        ("no offset", one_tensor(b"N", &tuple(&[4]), &tuple(&[1])), "no place"),
    ] {
        let text = refusal(&bytes);
        assert!(text.contains(part), "{name}: {text}");
    }
}

#[test]
fn storages_are_as_long_as_they_say() {
    let plain = tensor(b"K\x00", &tuple(&[4]), &tuple(&[1]));
    let object = [b"\x80\x02}", &text("w")[..], &plain, b"s."].concat();
    for (name, keys, data, part) in [
        ("shorter", &["0"][..], &[(4, &[0; 15][..])][..], "expected 4 elements of 4 bytes, found 15 bytes"),
        ("2^63 elements", &["0"], &[(1 << 63, &[0; 16])], "found 16 bytes"),
        ("2^62 elements", &["0"], &[(1 << 62, &[0; 16])], "found 16 bytes"),
        ("fewer than the tensor", &["0"], &[(3, &[0; 12])], "found 12 bytes"),
        ("no count", &["0"], &[], "a count of elements"),
        ("not listed", &[], &[], "expected elements of 'w', found nothing"),
        ("listed and unknown", &["1"], &[(4, &[0; 16])], "a type of elements"),
    ] {
        let text = refusal(&legacy(&object, keys, data));
        assert!(text.contains(part), "{name}: {text}");
    }
    // A zip whose directory says that a storage is longer.
    let mut zip = file("no_checksums.pth");
    let entry = zip.windows(6).rposition(|window| window == b"data/1").expect("an entry of the directory");
    let start = zip[..entry].windows(4).rposition(|window| window == b"PK\x01\x02").expect("its start");
    zip[start + 20..start + 28].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f]);
    assert!(refusal(&zip).contains("archive is damaged"), "{}", refusal(&zip));
}

#[test]
fn the_first_values_are_the_small_integers() {
    let found = pickle::read(b"\x80\x02(K\x00K\xffM\x00\x01J\xff\xff\xff\xff\x8a\x00\x8a\x01\x80t.")
        .expect("a pickle");
    let elements = found.sequence(found.root).expect("a tuple").to_vec();
    let values: Vec<_> = elements.iter().map(|&id| found.get(id).clone()).collect();
    assert_eq!(values, [0, 255, 256, -1, 0, -128].map(Value::Int));
    assert_eq!(*found.get(Id(u32::MAX)), Value::Other);
}
