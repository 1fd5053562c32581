//! Files that are picked or dropped, folders included.

use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, File, FileList, FileSystemDirectoryEntry, FileSystemDirectoryReader, FileSystemEntry,
    FileSystemFileEntry,
};

/// Files with their paths below what was picked, in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picked {
    /// `folder/class/name.jpg`, or just the name for a file that was picked by itself.
    pub paths: Vec<String>,
    /// The files; their content is not read yet.
    pub files: Vec<File>,
}

impl Picked {
    /// Those whose path is wanted, and the others.
    pub fn partition(self, is_wanted: impl Fn(&str) -> bool) -> (Self, Self) {
        let (mut wanted, mut others) = (Self::default(), Self::default());
        for (path, file) in self.paths.into_iter().zip(self.files) {
            if is_wanted(&path) { &mut wanted } else { &mut others }.push(path, file);
        }
        (wanted, others)
    }

    fn push(&mut self, path: String, file: File) {
        self.paths.push(path);
        self.files.push(file);
    }
}

/// The files of an `<input type="file">`.
pub fn picked(list: &FileList) -> Picked {
    let mut picked = Picked::default();
    for file in (0..list.length()).filter_map(|i| list.get(i)) {
        let path = Reflect::get(&file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        let path = path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name());
        picked.push(path, file);
    }
    picked
}

/// The files of a drop; folders are walked to the end.
pub fn dropped(transfer: &DataTransfer) -> impl Future<Output = Picked> + 'static {
    // The list is empty once the event handler has returned, so it is read before the first wait.
    let items = transfer.items();
    let mut pending: Vec<FileSystemEntry> = (0..items.length())
        .rev()
        .filter_map(|i| items.get(i)?.webkit_get_as_entry().ok().flatten())
        .collect();
    let plain = transfer.files();
    async move {
        if pending.is_empty() {
            return plain.as_ref().map(picked).unwrap_or_default();
        }
        let mut picked = Picked::default();
        while let Some(entry) = pending.pop() {
            if entry.is_directory() {
                let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
                pending.extend(entries(&reader).await.into_iter().rev());
            } else {
                let path = entry.full_path().trim_start_matches('/').to_owned();
                if let Some(file) = file(entry.unchecked_into()).await {
                    picked.push(path, file);
                }
            }
        }
        picked
    }
}

/// All entries of a folder, which the browser hands out in portions.
async fn entries(reader: &FileSystemDirectoryReader) -> Vec<FileSystemEntry> {
    let mut all = Vec::new();
    loop {
        let portion = called_back(|resolve, reject| {
            let _ = reader.read_entries_with_callback_and_callback(resolve, reject);
        });
        match portion.await.and_then(|portion| portion.dyn_into::<Array>().ok()) {
            Some(portion) if portion.length() > 0 => {
                all.extend(portion.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
            }
            _ => return all,
        }
    }
}

async fn file(entry: FileSystemFileEntry) -> Option<File> {
    let file = called_back(|resolve, reject| entry.file_with_callback_and_callback(resolve, reject));
    file.await.and_then(|file| file.dyn_into().ok())
}

/// Waits for one of two callbacks; `None` if it was the one for errors.
async fn called_back(mut begin: impl FnMut(&js_sys::Function, &js_sys::Function)) -> Option<JsValue> {
    let promise = Promise::new(&mut |resolve, reject| begin(&resolve, &reject));
    JsFuture::from(promise).await.ok()
}
