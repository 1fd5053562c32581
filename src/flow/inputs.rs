//! Weights and images as they were taken: what was found, what was passed over, and what was assumed. The page and the
//! command line show the same tables.

use super::{ImageMemory, Listing, Origin, Provenance, Table};
use crate::data::{ClassMap, Dataset, MatchedBy, Names, Reason, Sources, Split, without_background};
use crate::export::grouped;
use crate::import::KeptClass;
use crate::net::Model;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// Files that are named for each reason.
const NAMED: usize = 100;

/// Files that a table names for each reason.
const SHOWN: usize = 3;

/// Classes that a table has on a terminal, at most.
const CLASSES: usize = 40;

/// All that is known of weights and images as they were taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Folders and archives.
    pub sources: Vec<SourceRow>,
    /// Classes in the order of their folders' names.
    pub classes: Vec<ClassRow>,
    /// How classes were matched with outputs; `None` without weights, or if they do not fit.
    pub matched_by: Option<MatchedBy>,
    /// Which of the classes the images show; `None` without weights, or if they do not fit.
    pub coverage: Option<Coverage>,
    /// Why classes do not fit the network.
    pub mismatch: Option<String>,
    /// Files that are not used, by reason.
    pub passed_over: Vec<PassedOverRow>,
    /// Settings of weights and images.
    pub settings: Vec<Provenance>,
    /// What the images take once they are decoded; `None` without weights, which say their size.
    pub memory: Option<ImageMemory>,
}

/// Classes that images show, and that a network tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Calibration images.
    pub calibrating: usize,
    /// Classes that they show.
    pub seen: usize,
    /// Classes of the network, without ImageNet's background.
    pub told_apart: usize,
}

impl Coverage {
    fn new(listing: &Listing, model: &Model) -> Self {
        let seen: HashSet<usize> = listing.calibration.iter().map(|item| item.class).collect();
        let told_apart = without_background(model.graph().classes());
        Self { calibrating: listing.calibration.len(), seen: seen.len(), told_apart }
    }
}

/// A folder or archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceRow {
    /// Its name.
    pub name: String,
    /// Files in it.
    pub files: usize,
    /// Images of which the class is known.
    pub images: usize,
    /// Encoding of names that do not say theirs, and whether it is a guess.
    pub names: Option<(String, bool)>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// Its folder.
    pub folder: String,
    /// Name to show.
    pub name: String,
    /// The network's output for it.
    pub output: Option<usize>,
    /// The network's label of that output.
    pub label: Option<String>,
    /// Images in `train`, `val`, `test` and in no split.
    pub images: [usize; 4],
}

/// Files that are not used for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassedOverRow {
    /// The reason.
    pub reason: String,
    /// How many.
    pub count: usize,
    /// Paths of the first 100.
    pub paths: Vec<String>,
    /// Whether somebody may have meant them to be used.
    pub is_worth_a_look: bool,
}

/// The parts of a data set in the order of [`ClassRow::images`].
const SPLITS: [Option<Split>; 4] = [Some(Split::Train), Some(Split::Val), Some(Split::Test), None];

impl Inputs {
    /// What is known of images, and of how they fit a network if there is one. `settings` are those of the weights and of
    /// how images are read; `unread` are images that turned out to be unreadable, each with the reason; `memory` is what
    /// decoded images may take, in bytes.
    pub fn new(
        sources: &Sources,
        listing: &Listing,
        model: Option<&Model>,
        settings: &[Provenance],
        unread: &[(String, String)],
        memory: u64,
    ) -> Self {
        let dataset = &listing.dataset;
        let map = model.map(|model| listing.class_map(model));
        let (map, mismatch) = match map {
            Some(Ok(map)) => (Some(map), None),
            Some(Err(error)) => (None, Some(error.to_string())),
            None => (None, None),
        };
        let mut settings = settings.to_vec();
        settings.extend(of_images(listing));
        Self {
            sources: source_rows(sources, dataset),
            classes: class_rows(dataset, map.as_ref(), model),
            matched_by: map.as_ref().map(ClassMap::matched_by),
            coverage: map.as_ref().and(model).map(|model| Coverage::new(listing, model)),
            mismatch,
            passed_over: passed_over_rows(dataset, unread),
            settings,
            memory: model.map(|model| ImageMemory::new(listing, model.network.side(), memory)),
        }
    }

    /// Whether something was assumed or passed over that a person should look at.
    pub fn is_worth_a_look(&self) -> bool {
        self.mismatch.is_some()
            || self.coverage_sentence().is_some()
            || self.matched_by == Some(MatchedBy::Position)
            || self.sources.iter().any(|source| matches!(source.names, Some((_, true))))
            || self.passed_over.iter().any(|row| row.is_worth_a_look)
            || self.settings.iter().any(|setting| setting.origin == Origin::Assumed)
    }

    /// How classes were matched with outputs, in words.
    pub fn matching(&self) -> Option<String> {
        let how = self.matched_by?;
        let guessed =
            self.sources.iter().find_map(|source| source.names.as_ref().filter(|(_, guessed)| *guessed));
        let numbers = self.classes.len() > 10 && self.classes.iter().all(|c| c.folder.parse::<u64>().is_ok());
        let mut text = how.to_string();
        if how == MatchedBy::Position {
            if let Some((encoding, _)) = guessed {
                text.push_str(&format!(", which were decoded as {encoding} by a guess"));
            }
            if numbers {
                text.push_str(", numbers sorted as text (1, 10, 2), as training loaders do");
            }
        }
        Some(text)
    }

    /// What it means that the images show only some of the classes.
    pub fn coverage_sentence(&self) -> Option<String> {
        let Coverage { calibrating, seen, told_apart } = self.coverage?;
        // Fewer images than classes cannot show them all.
        (seen < told_apart && calibrating > seen).then(|| {
            format!(
                "The calibration images show {} of the network's {} classes. What is quantized and searched with them is \
                 made for these: the others lose more, and nothing measures it. Images of all classes would keep all.",
                grouped(seen as u64),
                grouped(told_apart as u64)
            )
        })
    }

    /// Whether the network has classes of which there are no images.
    pub fn lacks_classes(&self) -> bool {
        self.coverage.is_some_and(|coverage| self.classes.len() < coverage.told_apart)
    }

    /// The classes of the images as a network has them that is specialised to these; `None` if they do not fit the network,
    /// or are all of its classes.
    pub fn kept_classes(&self) -> Option<Vec<KeptClass>> {
        if !self.lacks_classes() {
            return None;
        }
        let names: HashSet<&str> = self.classes.iter().map(|class| class.name.as_str()).collect();
        // ImageNet has two kinds of crane.
        let are_unique = names.len() == self.classes.len();
        let kept = |class: &ClassRow| {
            let own = if are_unique { &class.name } else { &class.folder };
            Some(KeptClass { output: class.output?, label: class.label.as_ref().unwrap_or(own).clone() })
        };
        self.classes.iter().map(kept).collect()
    }

    /// The tables: sources, classes, files passed over, settings and memory; those without rows are left out.
    pub fn tables(&self) -> Vec<Table> {
        let mut sources = Table::new("Sources", &["source", "files", "images", "encoding of names"]);
        for SourceRow { name, files, images, names } in &self.sources {
            let names = match names {
                Some((encoding, true)) => format!("{encoding} (a guess)"),
                Some((encoding, false)) => format!("{encoding} (given)"),
                None => "UTF-8".to_owned(),
            };
            sources.push([name.clone(), files.to_string(), images.to_string(), names]);
        }
        let mut passed_over = Table::new("Files passed over", &["files", "reason", "which"]);
        for PassedOverRow { reason, count, paths, .. } in &self.passed_over {
            let more = if *count > SHOWN { ", ..." } else { "" };
            let which = format!("{}{more}", paths.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "));
            passed_over.push([count.to_string(), reason.clone(), which]);
        }
        let mut settings = Table::new("Settings", &["setting", "value", "from"]);
        for setting in &self.settings {
            settings.push([setting.what.clone(), setting.value.clone(), setting.chosen_by()]);
        }
        let all = [sources, self.class_table(), passed_over, settings];
        let memory = self.memory.as_ref().map(ImageMemory::table);
        all.into_iter().chain(memory).filter(|table| !table.rows.is_empty()).collect()
    }

    fn class_table(&self) -> Table {
        let title = match (self.matching(), &self.mismatch) {
            (Some(matching), _) => format!("Classes, matched {matching}"),
            (None, Some(mismatch)) => format!("Classes, which do not fit the network: {mismatch}"),
            (None, None) => "Classes".to_owned(),
        };
        let used: Vec<usize> = (0..SPLITS.len())
            .filter(|&split| self.classes.iter().any(|class| class.images[split] > 0))
            .collect();
        let mut columns = vec!["class", "output"];
        let labelled = self.classes.iter().any(|class| class.label.is_some());
        columns.extend(labelled.then_some("label"));
        let names = ["train", "val", "test", if used.len() > 1 { "in no split" } else { "images" }];
        columns.extend(used.iter().map(|&split| names[split]));
        let mut table = Table::new(title, &columns);
        for class in &self.classes {
            let name = if class.name == class.folder {
                class.folder.clone()
            } else {
                format!("{} ({})", class.folder, class.name)
            };
            let mut row = vec![name, class.output.map_or("-".to_owned(), |output| output.to_string())];
            row.extend(labelled.then(|| class.label.clone().unwrap_or_default()));
            row.extend(used.iter().map(|&split| class.images[split].to_string()));
            table.push(row);
        }
        table
    }

    /// The tables for a terminal, with a line between them; of many classes the first.
    pub fn text(&self) -> String {
        let mut tables = self.tables();
        for table in &mut tables {
            let hidden = table.rows.len().saturating_sub(CLASSES);
            if hidden > 0 {
                table.rows.truncate(CLASSES);
                table.push([format!("and {hidden} more; --json has all")]);
            }
        }
        let tables = tables.iter().map(Table::to_string);
        tables.chain(self.coverage_sentence().map(|text| format!("{text}\n"))).collect::<Vec<_>>().join("\n")
    }
}

/// Settings that the images or their folders decide.
fn of_images(listing: &Listing) -> Vec<Provenance> {
    let dataset = &listing.dataset;
    let mut settings = vec![listing.resize_setting()];
    for file in &dataset.labels {
        let value = format!("{} images", file.images);
        settings.push(if file.by_folder {
            let why =
                format!("{}: its numbers are taken for the class folders in their order, from 0", file.path);
            Provenance::assumed("labels", value, why)
        } else {
            Provenance::stated("labels", value, file.path.clone())
        });
    }
    let of = |split| dataset.images.iter().filter(|image| image.split == split).count();
    let [train, val, test, none] = SPLITS.map(of);
    let held_out = val + test;
    let value = format!(
        "{} to calibrate with, {} to train with, {} reward images, {} test images",
        listing.calibration.len(),
        listing.train.len(),
        listing.reward.len(),
        listing.test.len()
    );
    settings.push(if held_out > 0 && train + none > 0 {
        Provenance::stated("split", value, "names of folders or sources")
    } else {
        let why =
            "no folder or source names both training and validation images; a quarter at most calibrates";
        Provenance::assumed("split", value, why)
    });
    settings
}

fn source_rows(sources: &Sources, dataset: &Dataset) -> Vec<SourceRow> {
    let mut images = vec![0; sources.each().len()];
    dataset.images.iter().for_each(|image| images[image.source] += 1);
    let row = |(source, images): (&crate::data::Source, usize)| SourceRow {
        name: source.name.clone(),
        files: source.files.files().len(),
        images,
        names: source.files.names().map(|names| match names {
            Names::Given(charset) => (charset.to_string(), false),
            Names::Guessed(charset) => (charset.to_string(), true),
        }),
    };
    sources.each().iter().zip(images).map(row).collect()
}

fn class_rows(dataset: &Dataset, map: Option<&ClassMap>, model: Option<&Model>) -> Vec<ClassRow> {
    let mut images = vec![[0; SPLITS.len()]; dataset.classes.len()];
    for image in &dataset.images {
        let split = SPLITS.iter().position(|&split| split == image.split).unwrap_or(SPLITS.len() - 1);
        images[image.class][split] += 1;
    }
    let labels = model.and_then(|model| model.labels.as_ref());
    let rows = dataset.classes.iter().zip(images).enumerate().map(|(number, (class, images))| {
        let output = map.and_then(|map| map.output_of(number));
        let label = output.and_then(|output| labels?.get(output)).cloned();
        ClassRow { folder: class.folder.clone(), name: class.name.clone(), output, label, images }
    });
    rows.collect()
}

fn passed_over_rows(dataset: &Dataset, unread: &[(String, String)]) -> Vec<PassedOverRow> {
    let mut by_reason: BTreeMap<Reason, Vec<&str>> = BTreeMap::new();
    for file in &dataset.passed_over {
        by_reason.entry(file.reason.clone()).or_default().push(&file.path);
    }
    for (path, why) in unread {
        by_reason.entry(Reason::Unreadable(why.clone())).or_default().push(path);
    }
    let row = |(reason, paths): (Reason, Vec<&str>)| PassedOverRow {
        reason: reason.to_string(),
        count: paths.len(),
        paths: paths.iter().take(NAMED).map(|path| (*path).to_owned()).collect(),
        is_worth_a_look: reason.is_worth_a_look(),
    };
    by_reason.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Charset, DataError, FileInfo, Files, Resize, Source};

    struct Paths(Vec<FileInfo>, Option<Names>);

    impl Files for Paths {
        fn files(&self) -> &[FileInfo] {
            &self.0
        }

        fn read(&mut self, _: usize) -> Result<Vec<u8>, DataError> {
            Ok(b"GIF89a".to_vec())
        }

        fn names(&self) -> Option<Names> {
            self.1
        }
    }

    fn inputs(paths: &[&str], names: Option<Names>, resize: Option<Resize>) -> Inputs {
        let infos = paths.iter().map(|path| FileInfo { path: (*path).into(), size: 1 }).collect();
        let mut sources =
            Sources::new(vec![Source { name: "set".into(), files: Box::new(Paths(infos, names)) }]);
        let mut listing = Listing::new("set".into(), &mut sources, 1).expect("images");
        if let Some(resize) = resize {
            listing.set_resize(resize, Origin::Given, "--resize");
        }
        Inputs::new(&sources, &listing, None, &[], &[("cat/2.jpg".into(), "it is cut short".into())], 0)
    }

    #[test]
    fn everything_that_was_taken_and_passed_over_is_counted_and_named() {
        let all = inputs(
            &["train/cat/1.jpg", "train/cat/1.gif", "train/dog/1.jpg", "train/.DS_Store", "val/cat/2.jpg"],
            None,
            Some(Resize::Stretch),
        );
        assert_eq!((all.sources[0].files, all.sources[0].images), (5, 3));
        assert_eq!(all.classes.iter().map(|c| c.images).collect::<Vec<_>>(), [[1, 1, 0, 0], [1, 0, 0, 0]]);
        let passed_over: Vec<_> = all
            .passed_over
            .iter()
            .map(|row| (row.count, row.paths[0].as_str(), row.is_worth_a_look))
            .collect();
        assert_eq!(
            passed_over,
            [(1, "train/.DS_Store", false), (1, "train/cat/1.gif", true), (1, "cat/2.jpg", true)]
        );
        assert!(all.is_worth_a_look());
        let text = all.text();
        for part in [
            "Sources\n",
            "Classes\n",
            "Files passed over\n",
            "Settings\n",
            "a GIF image",
            "given: --resize",
            "stated: names of folders",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn what_was_assumed_is_said() {
        let names = Some(Names::Guessed(Charset::Cp437));
        let mut all = inputs(&["cat/1.jpg", "cat/2.jpg", "dog/1.jpg"], names, None);
        let assumed: Vec<&str> =
            all.settings.iter().filter(|s| s.origin == Origin::Assumed).map(|s| s.what.as_str()).collect();
        assert_eq!(assumed, ["resize", "split"]);
        assert_eq!(all.matching(), None, "there are no weights yet");
        all.matched_by = Some(MatchedBy::Position);
        let matching = all.matching().expect("matched");
        assert!(
            matching.contains("by position") && matching.contains("decoded as CP437 by a guess"),
            "{matching}"
        );
        assert!(all.text().contains("CP437 (a guess)"));
    }

    #[test]
    fn many_classes_are_cut_for_a_terminal_and_nowhere_else() {
        let paths: Vec<String> = (0..60).flat_map(|i| [format!("{i}/1.jpg"), format!("{i}/2.jpg")]).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let mut all = inputs(&paths, None, None);
        assert!(all.text().contains("and 20 more"));
        assert!(all.tables().iter().any(|table| table.rows.len() == 60));
        all.matched_by = Some(MatchedBy::Position);
        assert!(all.matching().expect("matched").contains("sorted as text (1, 10, 2)"));
    }
}
