//! A package as a person gets it.

use crate::toolchain::checked;
use bitsmith::data::{Archive, Files};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An unpacked zip.
pub struct Downloaded {
    /// The folder in the zip.
    pub folder: PathBuf,
    /// Its name.
    pub name: String,
    readme: String,
}

impl Downloaded {
    /// Exports a demo network with residual blocks by the command line, and unpacks the zip below the test's folder.
    pub fn new(test: &str) -> Self {
        Self::export(&Self::root(test), "mobilenet-v2-0.35-32", "4/8", None)
    }

    /// An empty folder for a test.
    pub fn root(test: &str) -> PathBuf {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages").join(test);
        if root.exists() {
            fs::remove_dir_all(&root).expect("a removable folder");
        }
        fs::create_dir_all(&root).expect("a folder for temporary files");
        root
    }

    /// The same for any demo network, with a name of its own if one is given, below any folder.
    pub fn export(root: &Path, network: &str, bits: &str, name: Option<&str>) -> Self {
        let zip = root.join("package.zip");
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/demo");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
        command.arg("export").arg("--weights").arg(demo.join(format!("{network}.safetensors")));
        command.arg("--images").arg(demo.join("fashion-mnist.tgz"));
        command.args(["--bits", bits, "--device", "stm32h743zi", "--calibration", "16", "--limit", "10"]);
        command.args(name.iter().flat_map(|name| ["--name", name]));
        checked(command.arg("--no-float").arg("--out").arg(&zip));

        let file = fs::File::open(&zip).expect("the zip");
        let mut archive = Archive::open("package.zip", file).expect("a zip");
        for (number, file) in archive.files().to_vec().iter().enumerate() {
            let path = root.join(&file.path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("space for the package");
            fs::write(path, archive.read(number).expect("a sound archive")).expect("space for the package");
        }
        let name = name.map_or_else(|| network.replace(['-', '.'], "_"), str::to_owned);
        let folder = root.join(&name);
        let readme = fs::read_to_string(folder.join("README.md")).expect("a README");
        Self { folder, name, readme }
    }

    /// The first block of code of a kind in the README.
    pub fn block(&self, kind: &str) -> &str {
        let start = self.readme.find(&format!("```{kind}\n")).expect(kind) + kind.len() + 4;
        self.readme[start..].split("```").next().unwrap_or_default()
    }

    /// Files below a folder and its folders, as paths from the package's folder.
    pub fn files_below(&self, folder: &str) -> Vec<String> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.folder.join(folder)).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("{folder}/{}", entry.file_name().to_str().expect("UTF-8"));
            if entry.file_type().expect("a type").is_dir() {
                files.extend(self.files_below(&path));
            } else {
                files.push(path);
            }
        }
        files.sort();
        files
    }

    /// All sources that a build system finds in src/.
    pub fn sources(&self) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.files_below("src").iter().map(|file| self.folder.join(file)).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "c" || ending == "S"));
        paths.sort();
        paths
    }
}
