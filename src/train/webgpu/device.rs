//! The browser's GPU as burn's device: opening it, losing it, what is on it.

use crate::train::error::TrainError;
use burn_wgpu::{RuntimeOptions, WgpuSetup, try_init_device, wgpu};
use cubecl::bytes::Bytes;
use cubecl::client::Client;
use cubecl::server::Handle;
use std::sync::{Arc, Mutex};

/// Dispatches that burn's runtime collects before it submits them: a whole step.
const TASKS: usize = 1024;

/// A GPU that training may use. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    client: Client,
    device: wgpu::Device,
    trouble: Arc<Mutex<Option<String>>>,
    name: String,
    software: bool,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gpu")
            .field("name", &self.name)
            .field("software", &self.software)
            .finish_non_exhaustive()
    }
}

impl Gpu {
    /// Opens the fastest GPU that the browser gives, and makes it a device of burn. After a loss, open another.
    ///
    /// # Errors
    /// A sentence on why there is none.
    pub async fn open() -> Result<Self, TrainError> {
        let failed = |what: String| TrainError::Device(what);
        let instance = wgpu::Instance::default();
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance
            .request_adapter(&options)
            .await
            .map_err(|_| failed("this browser offers no GPU to web pages (WebGPU)".into()))?;
        let info = adapter.get_info();
        // All that it offers: large networks need large buffers.
        let description = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
        let (device, queue) = adapter
            .request_device(&description)
            .await
            .map_err(|error| failed(format!("the browser does not open the GPU ({error})")))?;
        let setup = WgpuSetup {
            instance,
            adapter,
            device: device.clone(),
            queue,
            backend: wgpu::Backend::BrowserWebGpu,
        };
        let options = RuntimeOptions { tasks_max: TASKS, memory_config: Default::default() };
        let registered = try_init_device(setup, options)
            .map_err(|error| failed(format!("burn does not take the GPU ({error})")))?;
        let client = cubecl::Device::from(registered).client();
        let trouble = Arc::new(Mutex::new(None));
        // In place of burn's own, which panics.
        device.on_uncaptured_error(Arc::new({
            let trouble = trouble.clone();
            move |error: wgpu::Error| note(&trouble, describe(&error))
        }));
        device.set_device_lost_callback({
            let trouble = trouble.clone();
            move |_, reason| {
                let reason = if reason.is_empty() { "no reason given".into() } else { reason };
                note(&trouble, format!("the browser took the GPU away ({reason})"));
            }
        });
        // SwiftShader is Chromium's software GPU, llvmpipe Mesa's.
        let software = info.device_type == wgpu::DeviceType::Cpu
            || ["swiftshader", "llvmpipe", "basic render"]
                .iter()
                .any(|name| info.name.to_lowercase().contains(name));
        let name = if info.name.is_empty() { "GPU".into() } else { info.name };
        Ok(Self { client, device, trouble, name, software })
    }

    /// What the browser calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is known to be a processor that acts as a GPU, about a hundred times slower than training on the
    /// processor itself.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// burn's line to it.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Gives the GPU back. Whatever is asked of it afterwards fails.
    pub fn close(&self) {
        self.device.destroy();
    }

    /// Fails if the GPU was lost or refused something.
    ///
    /// # Errors
    /// What happened.
    pub fn check(&self) -> Result<(), TrainError> {
        let trouble = self.trouble.lock().map_err(|_| TrainError::Device("it is in use".into()))?;
        trouble.clone().map_or(Ok(()), |what| Err(TrainError::Device(what)))
    }

    /// Writes from the start of a buffer on.
    pub(super) fn write(&self, buffer: &Handle, bytes: &[u8]) {
        // A handle of just the bytes written.
        let rest = buffer.size_in_used() - bytes.len() as u64;
        let part = buffer.clone().offset_end(rest);
        self.client.write(&part, Bytes::from_bytes_vec(bytes.to_vec()));
    }

    /// Bytes from the start of a buffer on.
    pub(super) async fn read(&self, buffer: &Handle, bytes: u64) -> Result<Vec<u8>, TrainError> {
        self.check()?;
        let part = buffer.clone().offset_end(buffer.size_in_used() - bytes);
        let found = self.client.read_async(vec![part]).await;
        self.check()?;
        let failed = |what: String| TrainError::Device(format!("it does not answer ({what})"));
        let found = found.map_err(|error| failed(error.to_string()))?;
        found.into_iter().next().map(|bytes| bytes.to_vec()).ok_or_else(|| failed("no bytes".into()))
    }
}

fn describe(error: &wgpu::Error) -> String {
    match error {
        wgpu::Error::OutOfMemory { .. } => "it has no room left; use a smaller batch or network".into(),
        _ => format!("it refuses a command ({error})"),
    }
}

/// Keeps the first trouble: what follows is its consequence.
fn note(trouble: &Mutex<Option<String>>, what: String) {
    if let Ok(mut trouble) = trouble.lock() {
        trouble.get_or_insert(what);
    }
}
