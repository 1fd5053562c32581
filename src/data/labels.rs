//! Labels of images in no class folder, from a text file: one row an image, or one label a line.
//!
//! - Rows with the image's name and its label, separated by commas, tabs, semicolons or spaces, with or without a line of
//!   titles: Kaggle's `labels.csv`, Tiny ImageNet's `val_annotations.txt`, Caffe's `val.txt`. A name is a path, a file's
//!   name, or that without its ending.
//! - One label a line, for images in the order of their names: ImageNet's validation ground truth. There the number in an
//!   image's name (`ILSVRC2012_val_00000001`) is its line, so that some of the images are enough.

use std::collections::HashMap;

use csv_core::ReadRecordResult;

use super::imagenet;

/// Titles of columns with names of images, then with labels, the likelier first.
const NAME_TITLES: [&str; 12] = [
    "image",
    "filename",
    "file_name",
    "file",
    "path",
    "filepath",
    "image_id",
    "imageid",
    "image_name",
    "img",
    "name",
    "id",
];
const LABEL_TITLES: [&str; 12] = [
    "label",
    "labels",
    "class",
    "class_name",
    "classname",
    "category",
    "target",
    "breed",
    "species",
    "predictionstring",
    "wnid",
    "synset",
];

/// A label as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// A word, taken as the name of a class folder.
    Name(String),
    /// A number from 0.
    Number(usize),
}

/// The table in a text file: cells of every row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads the rows of a text; `None` if it has none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim_start_matches('\u{feff}');
        let lines = || text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty());
        let first = lines().next()?;
        let separator = ['\t', ',', ';'].into_iter().find(|&separator| first.contains(separator));
        let rows: Vec<Vec<String>> = match separator {
            Some(separator) => records(text, separator as u8),
            // The label is the last word, as names may have spaces.
            None => lines()
                .map(|line| match line.trim().rsplit_once(char::is_whitespace) {
                    Some((name, label)) => vec![name.trim().to_owned(), label.to_owned()],
                    None => vec![line.trim().to_owned()],
                })
                .collect(),
        };
        (!rows.is_empty()).then_some(Table { rows })
    }

    /// The labels of `images` (paths), in their order, with how many the file names; `None` if it names none of them.
    /// `file` is the name of the file with the labels.
    #[must_use]
    pub fn labels_of(&self, images: &[&str], file: &str) -> Option<Vec<Option<Label>>> {
        let found = if self.is_list() { self.by_line(images, file)? } else { self.by_name(images)? };
        let known: Vec<&String> = found.iter().flatten().collect();
        let numbers = known.iter().all(|label| label.parse::<usize>().is_ok());
        let devkit = numbers && file.to_ascii_lowercase().contains("ilsvrc2012_validation_ground_truth");
        let label = |text: &String| -> Option<Label> {
            if devkit {
                let wnid = text.parse().ok().and_then(imagenet::wnid_of_devkit)?;
                return Some(Label::Name(wnid.to_owned()));
            }
            match text.parse() {
                Ok(number) if numbers => Some(Label::Number(number)),
                _ => Some(Label::Name(text.clone())),
            }
        };
        Some(found.iter().map(|text| text.as_ref().and_then(label)).collect())
    }

    /// Whether [`Table::labels_of`] some of these images, in a file of this name, may give anything: quickly, as there may
    /// be a text for every image.
    #[must_use]
    pub fn may_label(&self, images: &ImageNames, file: &str) -> bool {
        if self.is_list() {
            images.any_numbered || says_labels(file)
        } else {
            self.rows.iter().flatten().any(|cell| images.find(cell).is_some())
        }
    }

    /// Whether every row has one cell.
    fn is_list(&self) -> bool {
        self.rows.iter().all(|row| row.len() == 1)
    }

    fn by_line(&self, images: &[&str], file: &str) -> Option<Vec<Option<String>>> {
        let line = |number: usize| self.rows.get(number).and_then(|row| row.first()).cloned();
        let numbered: Option<Vec<usize>> = images.iter().map(|path| imagenet::number_in(path)).collect();
        if let Some(numbers) =
            numbered.filter(|numbers| numbers.iter().all(|&n| (1..=self.rows.len()).contains(&n)))
        {
            return Some(numbers.into_iter().map(|number| line(number - 1)).collect());
        }
        // A list of anything else is one of labels only if it says so and fits.
        if !says_labels(file) || images.len() != self.rows.len() {
            return None;
        }
        let mut order: Vec<usize> = (0..images.len()).collect();
        order.sort_by_key(|&image| images[image]);
        let mut labels = vec![None; images.len()];
        order.into_iter().enumerate().for_each(|(number, image)| labels[image] = line(number));
        Some(labels)
    }

    fn by_name(&self, images: &[&str]) -> Option<Vec<Option<String>>> {
        let image_names = ImageNames::of(images.iter().copied());
        let images_of = |cell: &str| image_names.find(cell);
        let columns = self.rows.iter().map(Vec::len).max()?;
        // Rows differ in length, so that a look at every column of every row would take far longer than the file is.
        let mut hits = vec![0_usize; columns];
        for (column, cell) in self.rows.iter().flat_map(|row| row.iter().enumerate()) {
            hits[column] += usize::from(images_of(cell).is_some());
        }
        let titles = |column: usize| title_rank(self.rows[0].get(column), &NAME_TITLES);
        let names =
            (0..columns).max_by_key(|&c| (hits[c], std::cmp::Reverse(titles(c)), std::cmp::Reverse(c)))?;
        if hits[names] == 0 {
            return None;
        }
        let has_titles = self.rows[0].get(names).is_none_or(|cell| images_of(cell).is_none());
        let titled = (0..columns).filter(|&column| column != names && has_titles);
        let titled = titled.min_by_key(|&column| title_rank(self.rows[0].get(column), &LABEL_TITLES));
        let titled =
            titled.filter(|&column| title_rank(self.rows[0].get(column), &LABEL_TITLES) < LABEL_TITLES.len());
        let labels = titled.or_else(|| (0..columns).find(|&column| column > names)).unwrap_or(0);
        if labels == names {
            return None;
        }
        let mut found = vec![None; images.len()];
        for row in self.rows.iter().skip(usize::from(has_titles)) {
            let (Some(name), Some(label)) = (row.get(names), row.get(labels)) else { continue };
            // Kaggle's ImageNet solution: an id, then boxes.
            let first = label.split_whitespace().next().unwrap_or_default();
            let label = imagenet::wnid_of(first).unwrap_or(label);
            for &image in images_of(name).into_iter().flatten().filter(|_| !label.is_empty()) {
                found[image] = Some(label.to_owned());
            }
        }
        Some(found)
    }
}

/// Whether a file's name says that it lists labels.
fn says_labels(file: &str) -> bool {
    let file = file.to_ascii_lowercase();
    ["label", "truth", "synset"].iter().any(|word| file.contains(word))
}

/// What images are called in tables: by their paths, by the names of their files, and by those without their endings.
pub struct ImageNames<'a> {
    numbers: HashMap<&'a str, Vec<usize>>,
    /// Whether any name has a number as ImageNet's validation images have.
    any_numbered: bool,
}

impl<'a> ImageNames<'a> {
    /// The names of images with these paths.
    pub fn of(paths: impl Iterator<Item = &'a str>) -> Self {
        let mut names = Self { numbers: HashMap::new(), any_numbered: false };
        for (image, path) in paths.enumerate() {
            let name = path.rsplit('/').next().unwrap_or(path);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            let mut all = vec![path, name, stem];
            all.dedup();
            all.into_iter().for_each(|key| names.numbers.entry(key).or_default().push(image));
            names.any_numbered |= imagenet::number_in(path).is_some();
        }
        names
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The images that a cell names. A path in it may begin further up or further down than the listing.
    fn find(&self, cell: &str) -> Option<&Vec<usize>> {
        let cell = cell.trim().trim_start_matches("./");
        let name = || cell.rsplit(['/', '\\']).next().unwrap_or(cell);
        self.numbers.get(cell).or_else(|| self.numbers.get(name()))
    }
}

/// Columns that a row may have; reading ends at a longer one.
const COLUMNS: usize = 4096;

/// The rows of a text with separated cells, which may be quoted.
fn records(text: &str, separator: u8) -> Vec<Vec<String>> {
    let mut reader = csv_core::ReaderBuilder::new().delimiter(separator).build();
    let (mut input, mut rows) = (text.as_bytes(), Vec::new());
    let (mut cells, mut ends) = (vec![0; text.len() + 1], vec![0; COLUMNS]);
    let (mut written, mut ended) = (0, 0);
    loop {
        let (result, read, out, end) = reader.read_record(input, &mut cells[written..], &mut ends[ended..]);
        (input, written, ended) = (&input[read..], written + out, ended + end);
        match result {
            // The next call tells the reader that this was the end.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::Record => {
                let starts = std::iter::once(0).chain(ends.iter().copied());
                let cell = |(start, &end): (usize, &usize)| {
                    String::from_utf8_lossy(&cells[start..end]).trim().to_owned()
                };
                rows.push(starts.zip(&ends[..ended]).map(cell).collect());
                (written, ended) = (0, 0);
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull | ReadRecordResult::End => {
                return rows;
            }
        }
    }
}

/// Place of a column's title among the known ones, their count if it is none.
fn title_rank(title: Option<&String>, known: &[&str]) -> usize {
    let title = title.map(|title| title.trim().to_lowercase().replace([' ', '-'], "_")).unwrap_or_default();
    known.iter().position(|name| *name == title).unwrap_or(known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str, images: &[&str], file: &str) -> Option<Vec<String>> {
        let found = Table::read(text)?.labels_of(images, file)?;
        let said = |label: Option<Label>| match label {
            Some(Label::Name(name)) => name,
            Some(Label::Number(number)) => format!("#{number}"),
            None => "-".to_owned(),
        };
        Some(found.into_iter().map(said).collect())
    }

    #[test]
    fn rows_name_image_and_label() {
        let images = ["train/1.jpg", "train/2.jpg", "train/3.jpg"];
        for (text, expected) in [
            ("1.jpg,cat\n2.jpg,dog\n", ["cat", "dog", "-"]),
            ("id,breed\n1,cat\n2,\"dog, big\"\n", ["cat", "dog, big", "-"]),
            ("\u{feff}label;filename\ncat;1.jpg\ndog;3.jpg\n", ["cat", "-", "dog"]),
            ("width,label,image\n10,cat,train/1.jpg\n10,dog,train/2.jpg\n", ["cat", "dog", "-"]),
            (
                "1.jpg\tn01440764\t0\t32\t44\t62\n2.jpg\tn15075141\t0\t1\t2\t3\n",
                ["n01440764", "n15075141", "-"],
            ),
            ("train/1.jpg 65\n./train/2.jpg 970\n/data/train/3.jpg 0\n", ["#65", "#970", "#0"]),
            (
                "ImageId,PredictionString\n1,n01440764 85 1 499 272 n01440764 1 2 3 4\n",
                ["n01440764", "-", "-"],
            ),
            ("train\\2.jpg cat\r\n", ["-", "cat", "-"]),
        ] {
            assert_eq!(labels(text, &images, "labels.csv").expect(text), expected, "{text}");
        }
    }

    #[test]
    fn a_list_of_labels_is_in_the_order_of_the_names() {
        assert_eq!(labels("b\na\n", &["y.jpg", "x.jpg"], "labels.txt").expect("labels"), ["a", "b"]);
        let images = ["val/ILSVRC2012_val_00000003.JPEG", "val/ILSVRC2012_val_00000001.JPEG"];
        let synsets = "n01440764\nn15075141\nn02102040\n";
        assert_eq!(labels(synsets, &images, "synsets.txt").expect("labels"), ["n02102040", "n01440764"]);
    }

    /// The development kit's own numbers: 1 is the kit fox, class 278 in the sorted order.
    #[test]
    fn the_development_kit_has_numbers_of_its_own() {
        let images = ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG"];
        let file = "ILSVRC2012_validation_ground_truth.txt";
        assert_eq!(labels("1\n2\n", &images, file).expect("labels"), ["n02119789", "n02100735"]);
    }

    /// A reader that looks at every column of every row would hardly come to its end.
    #[test]
    fn one_long_row_makes_no_other_longer() {
        let text = format!("{}\n{}1.jpg,cat\n", "a,".repeat(4000), "b,c\n".repeat(1 << 20));
        assert_eq!(labels(&text, &["1.jpg"], "labels.csv").expect("labels"), ["cat"]);
    }

    /// What is passed over quickly has no labels, and what has labels is not passed over.
    #[test]
    fn tables_that_may_have_labels_are_known() {
        let images = ["a/1.jpg", "b/x y.png"];
        for (text, file, may) in [
            ("1.jpg,cat\n", "labels.csv", true),
            ("c/x y.png 3\n", "notes.txt", true),
            ("1 3\n", "notes.txt", true),
            ("0 0.5 0.5 0.2 0.2\n", "1.txt", false),
            ("cat\n", "1.txt", false),
            ("cat\ndog\n", "labels.txt", true),
        ] {
            let names = ImageNames::of(images.iter().copied());
            let table = Table::read(text).expect("rows");
            assert_eq!(table.may_label(&names, file), may, "{text}");
            assert!(may || table.labels_of(&images, file).is_none(), "{text}");
        }
        let names = ImageNames::of(["ILSVRC2012_val_00000001.JPEG"].into_iter());
        assert!(Table::read("cat\n").expect("rows").may_label(&names, "synsets.txt"));
    }

    #[test]
    fn other_texts_have_no_labels() {
        for text in ["", "Photos by many people.\nAll rights reserved.\n", "a,b\nc,d\n", "1.jpg\n2.jpg\n"] {
            assert_eq!(labels(text, &["1.jpg", "2.jpg"], "notes.txt"), None, "{text}");
        }
    }
}
