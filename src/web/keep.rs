//! The state of a search or of training, kept so that it outlives the page, by one tab at a time.

use super::address::app_name;
use super::lock::{self, Lock};
use super::store::Store;
use crate::memory::Bytes;
use gloo::timers::future::TimeoutFuture;
use serde::{Serialize, de::DeserializeOwned};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use web_sys::DedicatedWorkerGlobalScope;

/// How often a lock that another has is asked for again, and after how many milliseconds each time: the worker of the page
/// before a reload may have it a little longer.
const TRIES: u32 = 40;
const AGAIN: u32 = 50;
/// Before every state; another number for each form of what follows.
const FORM: &[u8] = b"bitsmith state 2\n";

/// What is kept of one kind of run. In memory where the browser stores nothing or has no room.
#[derive(Clone)]
pub struct Keep(Rc<Inner>);

struct Inner {
    scope: DedicatedWorkerGlobalScope,
    name: &'static str,
    /// What kind of run it is, in sentences.
    what: &'static str,
    /// Whether the browser stores anything for this page.
    stores: Cell<bool>,
    store: RefCell<Option<Rc<Store>>>,
    /// The newest state, if the file system has not got it.
    memory: RefCell<Option<Vec<u8>>>,
}

/// The right to run, which of all tabs one has.
pub struct Turn {
    _lock: Option<Lock>,
}

impl Keep {
    /// Of the runs of a name; `what` is what sentences call one of them.
    pub fn new(scope: &DedicatedWorkerGlobalScope, name: &'static str, what: &'static str) -> Self {
        let (stores, store, memory) = (Cell::new(true), RefCell::default(), RefCell::default());
        Self(Rc::new(Inner { scope: scope.clone(), name, what, stores, store, memory }))
    }

    /// From now on, only in memory.
    pub fn store_nothing(&self) {
        self.0.stores.set(false);
    }

    /// The right to run.
    ///
    /// # Errors
    /// A sentence if another tab has it.
    pub async fn begin(&self) -> Result<Turn, String> {
        if !self.0.stores.get() {
            return Ok(Turn { _lock: None });
        }
        // Whatever is wrong with locks is no reason not to run.
        let lock = self.lock().await;
        if !matches!(lock, Ok(None)) {
            // For the number of the newest value, which another tab may have written.
            if let Ok(Some(store)) = self.store().await {
                let _ = store.read().await;
            }
            return Ok(Turn { _lock: lock.ok().flatten() });
        }
        let what = self.0.what;
        Err(format!(
            "{what} is running in another tab of this browser, and both would be stored in one place; stop it there, or close \
             that tab"
        ))
    }

    /// Whether another tab runs.
    pub async fn is_elsewhere(&self) -> bool {
        self.0.stores.get() && matches!(self.lock().await, Ok(None))
    }

    /// The lock; `None` if another has it, and has it still after a moment.
    async fn lock(&self) -> Result<Option<Lock>, String> {
        let Inner { scope, name, .. } = &*self.0;
        let name = format!("{} {name}", app_name(&scope.name()));
        for _ in 0..TRIES {
            if let Some(lock) = lock::take(scope, &name).await? {
                return Ok(Some(lock));
            }
            TimeoutFuture::new(AGAIN).await;
        }
        Ok(None)
    }

    /// What was kept last, if anything was.
    ///
    /// # Errors
    /// A sentence if another version of the app has written it, or what the browser says.
    pub async fn read<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        let unstored = self.0.memory.borrow().clone();
        let bytes = match (unstored, self.store().await?) {
            (Some(bytes), _) => Some(bytes),
            (None, Some(store)) => store.read().await?,
            (None, None) => None,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let state = bytes.strip_prefix(FORM).and_then(|state| postcard::from_bytes(state).ok());
        let unreadable = || {
            let what = self.0.what;
            format!(
                "{what} is stored that another version of the app has written; this one cannot read it, and what is started takes its place"
            )
        };
        state.map(Some).ok_or_else(unreadable)
    }

    /// Keeps a state; where it cannot be stored, in memory.
    ///
    /// # Errors
    /// Why it could not be stored, if the browser stores anything at all.
    pub async fn write(&self, state: &impl Serialize) -> Result<(), String> {
        let bytes = postcard::to_extend(state, FORM.to_vec()).map_err(|error| error.to_string())?;
        let written = match self.store().await {
            Ok(Some(store)) => store.write(&bytes).await,
            Ok(None) => {
                *self.0.memory.borrow_mut() = Some(bytes);
                return Ok(());
            }
            Err(reason) => Err(reason),
        };
        *self.0.memory.borrow_mut() = written.is_err().then_some(bytes);
        written
    }

    /// Forgets everything, unless it is in use.
    ///
    /// # Errors
    /// A sentence if another tab runs, or what the browser says.
    pub async fn discard(&self) -> Result<(), String> {
        let _turn = self.begin().await?;
        self.0.memory.take();
        match self.store().await? {
            Some(store) => store.clear().await,
            None => Ok(()),
        }
    }

    /// What its files take, in words; `None` if that is nothing.
    pub async fn size(&self) -> Option<String> {
        let bytes = self.store().await.ok()??.size().await;
        (bytes > 0.0).then(|| format!("{} ({})", self.0.what, Bytes(bytes as usize)))
    }

    async fn store(&self) -> Result<Option<Rc<Store>>, String> {
        if !self.0.stores.get() {
            return Ok(None);
        }
        if let Some(store) = &*self.0.store.borrow() {
            return Ok(Some(store.clone()));
        }
        let store = Rc::new(Store::open(&self.0.scope, self.0.name).await?);
        *self.0.store.borrow_mut() = Some(store.clone());
        Ok(Some(store))
    }
}
