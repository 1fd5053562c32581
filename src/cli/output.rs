//! Files that the command line writes: whole, or not at all.

use anyhow::{Context, ensure};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Writes a file so that whatever interrupts it leaves the one that was there, or none: the bytes go into a new file
/// beside it, which then takes its name. What is no plain file, such as `/dev/stdout`, is written to as it is.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("{}", path.display());
    // Through a link, the file that it leads to is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return fs::write(path, bytes).with_context(failed);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let replace = || -> std::io::Result<()> {
        let mut beside = beside(path, folder)?;
        beside.write_all(bytes)?;
        beside.as_file().sync_all()?;
        beside.persist(path)?;
        Ok(())
    };
    replace().with_context(failed)
}

/// Makes sure that a folder for checkpoints is there.
pub fn create_folder(path: &Path) -> anyhow::Result<()> {
    ensure!(
        !path.is_file(),
        "{}: expected a folder for checkpoints, found a file; choose another name",
        path.display()
    );
    fs::create_dir_all(path).with_context(|| format!("{}", path.display()))
}

/// A new file in a folder, with the rights that files usually get, or those of the one that it replaces.
fn beside(path: &Path, folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bitsmith-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if let Ok(found) = fs::metadata(path) {
        file.as_file().set_permissions(found.permissions())?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("out.bin");
        write(&path, b"first").expect("written");
        write(&path, b"second").expect("written");
        assert_eq!(fs::read(&path).expect("a file"), b"second");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left beside it");
        assert!(write(&folder.path().join("none/out.bin"), b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_rights_too() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("out.bin"), folder.path().join("link"));
        fs::write(&path, b"first").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        symlink(&path, &link).expect("a link");
        write(&link, b"second").expect("written");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        assert_eq!(fs::read(&path).expect("a file"), b"second");
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o640);
    }
}
