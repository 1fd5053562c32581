use super::*;

/// `é` as one character, and as `e` with an accent.
#[test]
fn two_ways_to_write_a_name_are_one_class() {
    let set = list(&["train/caf\u{e9}/1.jpg", "val/cafe\u{301}/1.jpg"]).expect("images");
    assert_eq!(set.classes, [Class::new("caf\u{e9}")]);
    assert!(set.images.iter().all(|image| image.path.contains("caf\u{e9}")));
}

struct Texts(Vec<FileInfo>, Vec<&'static str>);

impl Files for Texts {
    fn files(&self) -> &[FileInfo] {
        &self.0
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        Ok(self.1[index].as_bytes().to_vec())
    }
}

/// Files by path and text, sorted by path.
fn open(files: &[(&str, &'static str)]) -> Dataset {
    let infos = files.iter().map(|(path, text)| FileInfo { path: (*path).into(), size: text.len() as u64 });
    let texts = Texts(infos.collect(), files.iter().map(|(_, text)| *text).collect());
    Dataset::open(&mut Sources::new(vec![super::super::Source {
        name: "set".into(),
        files: Box::new(texts),
    }]))
    .expect("images")
}

fn said(set: &Dataset) -> Vec<String> {
    let split = |image: &ImageRef| image.split.map_or("-".to_owned(), |split| split.to_string());
    set.images.iter().map(|i| format!("{} {} {}", i.path, set.classes[i.class].folder, split(i))).collect()
}

#[test]
fn files_with_labels_are_used_where_folders_say_nothing() {
    let set = open(&[
        ("train/n01440764-tench/1.jpg", ""),
        ("train/n15075141/1.jpg", ""),
        ("val/annotations.txt", "v1.JPEG\tn01440764\t0\t1\nv2.JPEG\tn15075141\t0\t1\n"),
        ("val/images/v1.JPEG", ""),
        ("val/images/v2.JPEG", ""),
        ("val/images/v3.JPEG", ""),
    ]);
    assert_eq!(
        said(&set),
        [
            "train/n01440764-tench/1.jpg n01440764-tench train",
            "train/n15075141/1.jpg n15075141 train",
            "val/images/v1.JPEG n01440764-tench val",
            "val/images/v2.JPEG n15075141 val",
        ]
    );
    assert_eq!(set.unlabelled(), 1);
    assert_eq!((set.labels[0].images, set.labels[0].by_folder), (2, false));

    let set = open(&[
        ("images/1.jpg", ""),
        ("images/2.jpg", ""),
        ("images/3.jpg", ""),
        ("train.csv", "id,label\n1,cat\n2,dog\n"),
        ("val.csv", "id,label\n3,cat\n"),
    ]);
    assert_eq!(said(&set), ["images/1.jpg cat train", "images/2.jpg dog train", "images/3.jpg cat val"]);

    let set = open(&[("a.jpg", ""), ("b.jpg", ""), ("list.txt", "a.jpg 65\nb.jpg 970\n")]);
    assert_eq!(set.classes, [Class::numbered(65), Class::numbered(970)]);

    let numbers = "a.jpg 1\nb.jpg 0\n";
    let set = open(&[
        ("train/cat/1.jpg", ""),
        ("train/dog/1.jpg", ""),
        ("val/a.jpg", ""),
        ("val/b.jpg", ""),
        ("val.txt", numbers),
    ]);
    assert_eq!(said(&set)[2..], ["val/a.jpg dog val", "val/b.jpg cat val"]);
    assert!(set.labels[0].by_folder);
}

/// By name where the ending says it, else by the first bytes.
#[test]
fn files_are_known_by_their_bytes() {
    struct Bytes(Vec<(FileInfo, Vec<u8>)>, Vec<FileInfo>);
    impl Files for Bytes {
        fn files(&self) -> &[FileInfo] {
            &self.1
        }
        fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
            Ok(self.0[index].1.clone())
        }
    }
    let jpeg = b"\xff\xd8\xff\xe0".to_vec();
    let files: Vec<(FileInfo, Vec<u8>)> = [
        ("cat/1.jfif", jpeg.clone()),
        ("cat/2", jpeg.clone()),
        ("cat/3.JPG_large", jpeg.clone()),
        ("cat/4.webp", b"RIFF\x10\0\0\0WEBPVP8 ".to_vec()),
        ("cat/5.txt", b"words".to_vec()),
        ("dog/1.PNG", Vec::new()),
    ]
    .map(|(path, bytes)| (FileInfo { path: path.into(), size: 4 }, bytes))
    .to_vec();
    let infos = files.iter().map(|(info, _)| info.clone()).collect();
    let source = super::super::Source { name: "set".into(), files: Box::new(Bytes(files, infos)) };
    let set = Dataset::open(&mut Sources::new(vec![source])).expect("images");
    let paths: Vec<&str> = set.images.iter().map(|image| image.path.as_str()).collect();
    assert_eq!(paths, ["cat/1.jfif", "cat/2", "cat/3.JPG_large", "dog/1.PNG"]);
    let reasons: Vec<&Reason> = set.passed_over.iter().map(|file| &file.reason).collect();
    assert_eq!(reasons, [&Reason::Format("WebP"), &Reason::NoImage]);
}

fn list(paths: &[&str]) -> Result<Dataset, DataError> {
    let files: Vec<FileInfo> =
        paths.iter().map(|path| FileInfo { path: (*path).to_owned(), size: 1 }).collect();
    Dataset::from_files(&files)
}

#[test]
fn folders_name_class_and_split() {
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
        "@eaDir/cat/1.jpg",
        "cat/Thumbs.db",
    ])
    .expect("one image");
    assert_eq!(set.images.len(), 1);
    assert_eq!(set.images[0].path, "cat/1.jpg");
    let mut passed_over: Vec<(&str, &Reason)> =
        set.passed_over.iter().map(|file| (file.path.as_str(), &file.reason)).collect();
    passed_over.sort();
    let (system, other) = (&Reason::System, &Reason::NoImage);
    let expected = [
        (".git/cat/3.jpg", system),
        ("LICENSE.txt", other),
        ("__MACOSX/cat/1.jpg", system),
        ("@eaDir/cat/1.jpg", system),
        ("cat/._1.jpg", system),
        ("cat/.2.jpg", system),
        ("cat/Thumbs.db", system),
        ("cat/jpg", other),
        ("cat/notes", other),
        ("root.png", &Reason::NoClass),
    ];
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(passed_over, expected);
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
    assert_eq!(Class::new("n03445777-golf").name, "golf ball");
    assert_eq!(Class::new("n99999999").name, "n99999999");
}

#[test]
fn a_listing_without_labelled_images_says_what_it_has() {
    let error = list(&["a.txt", "1.jpg", "train/2.jpg"]).expect_err("no class");
    assert!(matches!(error, DataError::NoImages { files: 3, images: 2 }), "{error}");
}
