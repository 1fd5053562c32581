//! A small store of the browser's own file system, which outlives the page.
//!
//! A value is written in turn to one of two files, each with its number under a seal. Whatever interrupts a write
//! leaves the other file as it was. The files lie in a folder of the app's own.

use super::address::app_name;
use super::wire::describe;
use crate::memory::Bytes;
use crate::sealed::{self, Kind};
use gloo::timers::future::TimeoutFuture;
use js_sys::{Function, Promise, Reflect, Uint8Array};
use std::cell::Cell;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, DedicatedWorkerGlobalScope, FileSystemDirectoryHandle, FileSystemFileHandle,
    FileSystemGetFileOptions, FileSystemSyncAccessHandle,
};

/// A place for one value.
pub struct Store {
    scope: DedicatedWorkerGlobalScope,
    files: [FileSystemFileHandle; 2],
    /// Number of the newest value.
    newest: Cell<u64>,
}

/// Version of what lies under the seal: the number, then the value.
const VERSION: u16 = 1;
/// How often a file that is in use is tried again, and after how many milliseconds each time.
const TRIES: u32 = 50;
const AGAIN: u32 = 100;

/// Why this page can store nothing; `None` if it can. Only in workers.
pub async fn problem(scope: &DedicatedWorkerGlobalScope) -> Option<String> {
    let global: &JsValue = scope;
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).unwrap_or(JsValue::UNDEFINED);
    let has = |object: &JsValue, key: &str| !get(object, key).is_undefined();
    if get(global, "isSecureContext").is_falsy() {
        let message = "browsers let a page store something only if it comes over https, or from this machine";
        return Some(message.into());
    }
    let navigator: JsValue = scope.navigator().into();
    if !has(&get(&navigator, "storage"), "getDirectory") {
        return Some("this browser has no file system for pages".into());
    }
    if !has(&get(&get(global, "FileSystemFileHandle"), "prototype"), "createSyncAccessHandle") {
        return Some("this browser lets no worker write to its file system".into());
    }
    if !has(&navigator, "locks") {
        return Some("this browser has no Web Locks, so that two tabs could write to one place".into());
    }
    let refused = |error| format!("this browser refuses ({error}), as some do in private windows");
    folder(scope).await.err().map(|error| refused(describe(&error)))
}

/// The app's own folder.
async fn folder(scope: &DedicatedWorkerGlobalScope) -> Result<FileSystemDirectoryHandle, JsValue> {
    let root = JsFuture::from(scope.navigator().storage().get_directory()).await?;
    let root: FileSystemDirectoryHandle = root.dyn_into()?;
    let name = js_sys::encode_uri_component(&app_name(&scope.name()));
    // The options of a folder are those of a file.
    let options = FileSystemGetFileOptions::new();
    options.set_create(true);
    let open: Function = Reflect::get(&root, &"getDirectoryHandle".into())?.dyn_into()?;
    let folder: Promise = open.call2(&root, &name, &options)?.dyn_into()?;
    JsFuture::from(folder).await?.dyn_into()
}

impl Store {
    /// The place of a name; only in workers.
    ///
    /// # Errors
    /// What the browser says: private windows, for one, may have no file system.
    pub async fn open(scope: &DedicatedWorkerGlobalScope, name: &str) -> Result<Self, String> {
        let open = async {
            let folder = folder(scope).await?;
            let options = FileSystemGetFileOptions::new();
            options.set_create(true);
            let file = async |half: &str| -> Result<FileSystemFileHandle, JsValue> {
                let file = folder.get_file_handle_with_options(&format!("{name}.{half}"), &options);
                JsFuture::from(file).await?.dyn_into()
            };
            Ok([file("a").await?, file("b").await?])
        };
        let files = open.await.map_err(|error: JsValue| describe(&error))?;
        Ok(Self { scope: scope.clone(), files, newest: Cell::new(0) })
    }

    /// The newest value that was written to its end; `None` if there is none.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn read(&self) -> Result<Option<Vec<u8>>, String> {
        let mut best: Option<(u64, Vec<u8>)> = None;
        for file in &self.files {
            let bytes = read(file).await.map_err(|error| describe(&error))?;
            best = best.into_iter().chain(unsealed(&bytes)).max_by_key(|(number, _)| *number);
        }
        if let Some((number, _)) = &best {
            self.newest.set(*number);
        }
        Ok(best.map(|(_, value)| value))
    }

    /// Writes a value.
    ///
    /// # Errors
    /// A sentence, for one that the browser has no room left. The value before is still there.
    pub async fn write(&self, value: &[u8]) -> Result<(), String> {
        let number = self.newest.get() + 1;
        let bytes = sealed::seal(Kind::Page, VERSION, &[&number.to_le_bytes(), value].concat());
        let file = &self.files[(number % 2) as usize];
        match write(file, &bytes).await {
            Ok(()) => {
                self.newest.set(number);
                Ok(())
            }
            Err(error) if is_called(&error, "QuotaExceededError") => {
                // What was written in part takes room and says nothing.
                let _ = write(file, &[]).await;
                Err(self.no_room(bytes.len()).await)
            }
            Err(error) => Err(describe(&error)),
        }
    }

    /// Forgets the value and gives its room back.
    ///
    /// # Errors
    /// What the browser says.
    pub async fn clear(&self) -> Result<(), String> {
        for file in &self.files {
            write(file, &[]).await.map_err(|error| describe(&error))?;
        }
        Ok(())
    }

    /// Bytes that its files take.
    pub async fn size(&self) -> f64 {
        let mut bytes = 0.0;
        for file in &self.files {
            let file = JsFuture::from(file.get_file()).await;
            bytes += file.ok().and_then(|file| file.dyn_into().ok()).map_or(0.0, |file: Blob| file.size());
        }
        bytes
    }

    async fn no_room(&self, bytes: usize) -> String {
        let estimate = async {
            let estimate = JsFuture::from(self.scope.navigator().storage().estimate().ok()?).await.ok()?;
            let bytes = |key: &str| Reflect::get(&estimate, &key.into()).ok()?.as_f64();
            Some((bytes("usage")?, bytes("quota")?))
        };
        let of = match estimate.await {
            Some((usage, quota)) => {
                format!(": {} of {} are in use", Bytes(usage as usize), Bytes(quota as usize))
            }
            None => String::new(),
        };
        format!("the browser has no room left for its {}{of}", Bytes(bytes))
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
    is_called(error, "NoModificationAllowedError")
}

fn is_called(error: &JsValue, name: &str) -> bool {
    Reflect::get(error, &"name".into()).is_ok_and(|found| found == name)
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
        let written = access.write_with_buffer_source(&Uint8Array::from(bytes))?;
        if written < bytes.len() as f64 {
            let error = js_sys::Error::new(&format!("{written} of {} bytes were written", bytes.len()));
            error.set_name("QuotaExceededError");
            return Err(error.into());
        }
        access.flush()
    });
    access.close();
    written
}

/// Number and value of a file's bytes; `None` if they are damaged.
fn unsealed(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let body = sealed::open(Kind::Page, VERSION, bytes).ok()?;
    let (number, value) = body.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), value.to_vec()))
}
