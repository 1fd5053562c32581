//! A package on the disk.

use bitsmith::data::{Archive, Files};
use bitsmith::export::{GoldenImage, PackageInfo, package};
use bitsmith::quant::QuantizedNetwork;
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Name of all packages here; driver.c knows it.
pub const NAME: &str = "net";

/// A package's folder.
#[derive(Clone, Debug)]
pub struct Unpacked(pub PathBuf);

impl Unpacked {
    /// Exports a network with golden images and unpacks the archive into a folder, which is emptied before.
    pub fn new(network: &QuantizedNetwork, golden: &[&[u8]], folder: &Path) -> Self {
        let info = PackageInfo { name: NAME.into(), ..PackageInfo::default() };
        let golden: Vec<_> = golden.iter().map(|pixels| GoldenImage { pixels, label: 0 }).collect();
        let zip = package(network, &info, &golden).expect("an exportable network");
        if folder.exists() {
            std::fs::remove_dir_all(folder).expect("a removable folder");
        }
        let mut archive = Archive::open("package", Cursor::new(zip)).expect("a zip");
        for (number, file) in archive.files().to_vec().iter().enumerate() {
            let path = folder.join(&file.path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("space for the package");
            std::fs::write(path, archive.read(number).expect("a sound archive"))
                .expect("space for the package");
        }
        Self(folder.join(NAME))
    }

    /// The folder of headers, and of the binaries for the assembler.
    pub fn includes(&self) -> [PathBuf; 1] {
        [self.0.join("src")]
    }

    /// Sources of the runtime.
    pub fn runtime(&self) -> Vec<PathBuf> {
        self.sources("src/runtime")
    }

    /// Sources of this network.
    pub fn own(&self) -> Vec<PathBuf> {
        self.sources("src")
    }

    /// A file of the package.
    pub fn file(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn sources(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.file(folder)).expect("a folder of sources");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "c" || ending == "S"));
        paths.sort();
        paths
    }
}
