//! From a list of files to classes and labelled images.
//!
//! An image's class is the folder it lies in. A folder above that, named `train`, `val` or `test`, is its
//! split; it may itself lie deeper, as in `imagenette/val/n01440764/1.JPEG`.

use std::collections::BTreeSet;

use super::error::DataError;
use super::files::FileInfo;
use super::imagenet;

/// The part of a data set that a folder such as `train/` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Split {
    /// For training and calibration.
    Train,
    /// For validation.
    Val,
    /// For the last measurement.
    Test,
}

impl Split {
    fn from_folder(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Split::Train),
            "val" | "valid" | "validation" => Some(Split::Val),
            "test" | "testing" => Some(Split::Test),
            _ => None,
        }
    }
}

/// A class of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name of its folder.
    pub folder: String,
    /// Name to show: of an ImageNet id the English name, else the folder's.
    pub name: String,
}

impl Class {
    /// The class of a folder.
    #[must_use]
    pub fn new(folder: &str) -> Self {
        let name = imagenet::class_of(folder).and_then(imagenet::name_of).unwrap_or(folder);
        Class { folder: folder.to_owned(), name: name.to_owned() }
    }
}

/// A labelled image; its bytes are still in the folder or archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// Path inside the folder or archive.
    pub path: String,
    /// Number of the file in the listing the data set was made from.
    pub file: usize,
    /// Index into [`Dataset::classes`].
    pub class: usize,
    /// The split its folders name, if any.
    pub split: Option<Split>,
}

/// The labelled images of a folder or archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Classes sorted by folder name; the same folder name in `train/` and `val/` is one class.
    pub classes: Vec<Class>,
    /// Images sorted by path.
    pub images: Vec<ImageRef>,
    /// Images that lie in no class folder and are left out.
    pub unlabelled: usize,
}

impl Dataset {
    /// Finds the images among `files`: names that end in jpg, jpeg or png in any case. Hidden files and
    /// folders and `__MACOSX` are passed over.
    ///
    /// # Errors
    /// [`DataError::NoImages`] if no image lies in a class folder.
    pub fn from_files(files: &[FileInfo]) -> Result<Self, DataError> {
        let mut labelled: Vec<(&str, ImageRef)> = Vec::new();
        let mut unlabelled = 0;
        for (file, info) in files.iter().enumerate() {
            let Some(folders) = image_folders(&info.path) else {
                continue;
            };
            match folders.split_last() {
                Some((class, above)) if Split::from_folder(class).is_none() => {
                    let split = above.iter().find_map(|folder| Split::from_folder(folder));
                    labelled.push((class, ImageRef { path: info.path.clone(), file, class: 0, split }));
                }
                _ => unlabelled += 1,
            }
        }
        if labelled.is_empty() {
            return Err(DataError::NoImages { files: files.len(), images: unlabelled });
        }

        let folders: Vec<&str> =
            labelled.iter().map(|(folder, _)| *folder).collect::<BTreeSet<_>>().into_iter().collect();
        let mut images: Vec<ImageRef> = labelled
            .into_iter()
            .map(|(folder, image)| ImageRef {
                class: folders.partition_point(|other| *other < folder),
                ..image
            })
            .collect();
        images.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Dataset { classes: folders.into_iter().map(Class::new).collect(), images, unlabelled })
    }
}

/// The folders above an image, from the outermost; `None` for what is no image or hidden.
fn image_folders(path: &str) -> Option<Vec<&str>> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| part.starts_with('.') || *part == "__MACOSX") {
        return None;
    }
    let (_, extension) = parts.pop()?.rsplit_once('.')?;
    ["jpg", "jpeg", "png"].iter().any(|known| extension.eq_ignore_ascii_case(known)).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(paths: &[&str]) -> Result<Dataset, DataError> {
        let files: Vec<FileInfo> =
            paths.iter().map(|path| FileInfo { path: (*path).to_owned(), size: 1 }).collect();
        Dataset::from_files(&files)
    }

    #[test]
    fn the_parent_folder_is_the_class_and_a_folder_above_the_split() {
        for (path, class, split) in [
            ("cat/1.jpg", "cat", None),
            ("val/cat/1.JPEG", "cat", Some(Split::Val)),
            ("imagenette/train/n01440764/1.JPEG", "n01440764", Some(Split::Train)),
            ("a/b/Validation/cat/1.PNG", "cat", Some(Split::Val)),
            ("test/cat/1.2.Jpg", "cat", Some(Split::Test)),
            ("train/val/cat/1.jpg", "cat", Some(Split::Train)),
            ("photos/cat/1.jpg", "cat", None),
        ] {
            let set = list(&[path]).expect(path);
            assert_eq!(set.classes[0].folder, class, "{path}");
            assert_eq!(set.images[0].split, split, "{path}");
        }
    }

    #[test]
    fn what_is_no_image_hidden_or_unlabelled_is_left_out() {
        let set = list(&[
            "cat/1.jpg",
            "cat/.2.jpg",
            "cat/._1.jpg",
            ".git/cat/3.jpg",
            "__MACOSX/cat/1.jpg",
            "LICENSE.txt",
            "cat/notes",
            "cat/jpg",
            "root.png",
            "train/4.jpg",
        ])
        .expect("one image");
        assert_eq!(set.images.len(), 1);
        assert_eq!(set.images[0].path, "cat/1.jpg");
        assert_eq!(set.unlabelled, 2);
    }

    #[test]
    fn classes_and_images_are_sorted_and_point_back_to_the_files() {
        let paths = ["val/dog/2.jpg", "train/cat/9.jpg", "readme.md", "train/dog/1.jpg", "val/cat/3.jpg"];
        let set = list(&paths).expect("images");
        assert_eq!(set.classes, [Class::new("cat"), Class::new("dog")]);
        let found: Vec<(&str, usize)> =
            set.images.iter().map(|image| (image.path.as_str(), image.class)).collect();
        assert_eq!(
            found,
            [("train/cat/9.jpg", 0), ("train/dog/1.jpg", 1), ("val/cat/3.jpg", 0), ("val/dog/2.jpg", 1)]
        );
        assert!(set.images.iter().all(|image| paths[image.file] == image.path));
    }

    #[test]
    fn imagenet_ids_are_shown_by_name() {
        assert_eq!(Class::new("n03445777").name, "golf ball");
        assert_eq!(Class::new("n99999999").name, "n99999999");
    }

    #[test]
    fn a_listing_without_labelled_images_says_what_it_has() {
        let error = list(&["a.txt", "1.jpg", "train/2.jpg"]).expect_err("no class");
        assert!(matches!(error, DataError::NoImages { files: 3, images: 2 }), "{error}");
    }
}
