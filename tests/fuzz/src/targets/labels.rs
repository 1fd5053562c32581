//! Files with labels of images, as the command line's `--labels` and archives have them.

use super::{KIB, MIB, Target, archives, nothing};
use crate::input::Input;
use bitsmith::data::labels::Table;
use bitsmith::data::{DataError, FileInfo, Files, Sources};

pub const TARGET: Target = Target {
    name: "labels",
    longest: 8 * KIB,
    memory: |bytes| 8 * MIB + KIB * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "image,label|1.jpg|2.jpg|ILSVRC2012_val_00000001.JPEG|n01440764|\t|;|\"\"|\u{feff}|\r\n|val/|\
        PredictionString",
};

/// Names that files with labels have.
const NAMES: [&str; 6] = [
    "labels.csv",
    "val_annotations.txt",
    "ILSVRC2012_validation_ground_truth.txt",
    "synset_labels",
    "train.tsv",
    "notes.lst",
];

/// Images of data sets.
const IMAGES: [&[&str]; 4] = [
    &["1.jpg", "2.jpg", "3.jpg"],
    &["val/ILSVRC2012_val_00000001.JPEG", "val/ILSVRC2012_val_00000002.JPEG"],
    &["images/a b.png", "images/a/b.png", "images/\u{e9}.png", "train/cat/1.jpg", "train/dog/2.jpg"],
    &["val/images/val_0.JPEG", "train/n01440764/1.JPEG", "train/n15075141/2.JPEG"],
];

/// The first byte chooses names and images, the rest is the file.
fn run(data: &[u8]) {
    let mut input = Input(data);
    let what = usize::from(input.byte());
    let (name, images) = (NAMES[what % NAMES.len()], IMAGES[what / NAMES.len() % IMAGES.len()]);
    let bytes = input.rest();
    if let Some(table) = Table::read(&String::from_utf8_lossy(bytes)) {
        let labels = table.labels_of(images, name);
        assert!(labels.is_none_or(|labels| labels.len() == images.len()));
    }
    let path = if what & 128 == 0 { name.to_owned() } else { format!("val/{name}") };
    let mut files: Vec<(String, &[u8])> =
        images.iter().map(|&image| (image.to_owned(), &b"\xff\xd8\xff"[..])).collect();
    files.push((path, bytes));
    files.sort();
    archives::listed(&mut Sources::one("set", Memory::new(&files)));
}

/// Files in memory.
struct Memory {
    infos: Vec<FileInfo>,
    bytes: Vec<Vec<u8>>,
}

impl Memory {
    fn new(files: &[(String, &[u8])]) -> Self {
        let infos =
            files.iter().map(|(path, bytes)| FileInfo { path: path.clone(), size: bytes.len() as u64 });
        Self { infos: infos.collect(), bytes: files.iter().map(|(_, bytes)| bytes.to_vec()).collect() }
    }
}

impl Files for Memory {
    fn files(&self) -> &[FileInfo] {
        &self.infos
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
        Ok(self.bytes.get(index).ok_or_else(missing)?.clone())
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let number = |name: usize, images: usize| (images * NAMES.len() + name) as u8;
    [
        (number(0, 0), "image,label\n1.jpg,cat\n2.jpg,\"dog, big\"\n3.jpg,cat\n"),
        (number(0, 0), "\u{feff}label;filename\ncat;1.jpg\ndog;3.jpg\n"),
        (number(1, 3), "val_0.JPEG\tn01440764\t0\t32\t44\t62\n"),
        (number(2, 1), "490\n361\n"),
        (number(3, 1), "n01440764\nn15075141\n"),
        (number(4, 2), "a b.png 1\na/b.png 0\n"),
        (number(5, 0), "1 cat\r\n2 dog\r\n"),
    ]
    .map(|(number, text)| [&[number][..], text.as_bytes()].concat())
    .to_vec()
}
