//! A small store of the browser's own file system, which outlives the page.
//!
//! A value is written in turn to one of two files, each with its number and a checksum. Whatever interrupts a write
//! leaves the other file as it was.

use super::wire::describe;
use gloo::timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions, FileSystemSyncAccessHandle,
    WorkerGlobalScope,
};

/// A place for one value.
pub struct Store {
    files: [FileSystemFileHandle; 2],
    /// Number of the newest value.
    newest: u64,
}

/// Number and checksum before the value, in bytes.
const HEADER: usize = 12;
/// How often a file that is in use is tried again, and after how many milliseconds each time.
const TRIES: u32 = 50;
const AGAIN: u32 = 100;

impl Store {
    /// The place of a name; only in workers.
    ///
    /// # Errors
    /// What the browser says: private windows, for one, may have no file system.
    pub async fn open(scope: &WorkerGlobalScope, name: &str) -> Result<Self, String> {
        let open = async {
            let folder = JsFuture::from(scope.navigator().storage().get_directory()).await?;
            let folder: FileSystemDirectoryHandle = folder.dyn_into()?;
            let options = FileSystemGetFileOptions::new();
            options.set_create(true);
            let file = async |half: &str| -> Result<FileSystemFileHandle, JsValue> {
                let file = folder.get_file_handle_with_options(&format!("{name}.{half}"), &options);
                JsFuture::from(file).await?.dyn_into()
            };
            Ok([file("a").await?, file("b").await?])
        };
        let files = open.await.map_err(|error: JsValue| describe(&error))?;
        Ok(Self { files, newest: 0 })
    }

    /// The newest value that was written to its end; `None` if there is none.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn read(&mut self) -> Result<Option<Vec<u8>>, String> {
        let mut best: Option<(u64, Vec<u8>)> = None;
        for file in &self.files {
            let bytes = read(file).await.map_err(|error| describe(&error))?;
            best = best.into_iter().chain(unsealed(bytes)).max_by_key(|(number, _)| *number);
        }
        self.newest = best.as_ref().map_or(self.newest, |(number, _)| *number);
        Ok(best.map(|(_, value)| value).filter(|value| !value.is_empty()))
    }

    /// Writes a value; an empty one stands for none.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn write(&mut self, value: &[u8]) -> Result<(), String> {
        self.newest += 1;
        let mut bytes = self.newest.to_le_bytes().to_vec();
        bytes.extend([0; 4]);
        bytes.extend_from_slice(value);
        let sum = checksum(&bytes);
        bytes[HEADER - 4..HEADER].copy_from_slice(&sum.to_le_bytes());
        let file = &self.files[(self.newest % 2) as usize];
        write(file, &bytes).await.map_err(|error| describe(&error))
    }
}

/// Opens a file for this worker alone. Another tab may be reading or writing it, or the worker of the page before a
/// reload may hold it a little longer.
async fn access(file: &FileSystemFileHandle) -> Result<FileSystemSyncAccessHandle, JsValue> {
    let mut opened = JsFuture::from(file.create_sync_access_handle()).await;
    for _ in 0..TRIES {
        if !opened.as_ref().is_err_and(is_in_use) {
            break;
        }
        TimeoutFuture::new(AGAIN).await;
        opened = JsFuture::from(file.create_sync_access_handle()).await;
    }
    opened?.dyn_into()
}

fn is_in_use(error: &JsValue) -> bool {
    error.dyn_ref::<js_sys::Error>().is_some_and(|error| error.name() == "NoModificationAllowedError")
}

async fn read(file: &FileSystemFileHandle) -> Result<Vec<u8>, JsValue> {
    let access = access(file).await?;
    let read = access.get_size().and_then(|size| {
        let buffer = Uint8Array::new_with_length(size as u32);
        access.read_with_buffer_source(&buffer)?;
        Ok(buffer.to_vec())
    });
    access.close();
    read
}

async fn write(file: &FileSystemFileHandle, bytes: &[u8]) -> Result<(), JsValue> {
    let access = access(file).await?;
    let written = access.truncate_with_f64(0.0).and_then(|()| {
        access.write_with_buffer_source(&Uint8Array::from(bytes))?;
        access.flush()
    });
    access.close();
    written
}

/// Number and value of a file's bytes; `None` if they are damaged.
fn unsealed(bytes: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let number = u64::from_le_bytes(*bytes.first_chunk()?);
    let sum = u32::from_le_bytes(*bytes[8..].first_chunk()?);
    let mut zeroed = bytes;
    zeroed[HEADER - 4..HEADER].fill(0);
    (checksum(&zeroed) == sum).then(|| (number, zeroed.split_off(HEADER)))
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}
