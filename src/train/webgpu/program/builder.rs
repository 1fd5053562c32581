//! Buffers and records of a program while it is written.

use super::{
    AUGMENT_WORDS, BufferId, BufferSpec, Dispatch, NetworkPlaces, Places, SETTINGS_WORDS, Slice, groups,
};
use crate::net::TensorId;
use crate::train::plan::Plan;
use crate::train::webgpu::kernel::Kernel;
use crate::train::webgpu::layout::{Layout, fours};
use crate::train::webgpu::record::{self, WORDS};

/// A program that is being written.
pub(super) struct Builder {
    pub(super) images: usize,
    pub(super) buffers: Vec<BufferSpec>,
    pub(super) records: Vec<[u32; WORDS]>,
    pub(super) places: Places,
    /// Buffers for maps that live for a while.
    pub(super) free: Vec<BufferId>,
    /// Partial sums over pixels, of one layer at a time.
    pub(super) partial_sums: BufferId,
    pub(super) partial_bytes: usize,
    /// Means of gradients, of one layer at a time.
    pub(super) means: BufferId,
    /// Gradients of the outputs' steps by channel, and where they are by unit, in bytes.
    pub(super) grids: BufferId,
    pub(super) grid_places: Vec<usize>,
}

/// Bytes of a buffer whose size is set when all is known; bindings of it name their own size.
pub(super) const LATER: usize = 0;

impl Builder {
    pub(super) fn new(plan: &Plan, layout: &Layout, images: usize) -> Self {
        let mut buffers = Vec::new();
        let mut add = |name, words: usize| {
            buffers.push(BufferSpec { name, bytes: words.max(4) * 4 });
            buffers.len() - 1
        };
        let widest = plan.units.iter().map(|unit| fours(unit.shape.channels)).max().unwrap_or(1);
        let places = Places {
            records: add("records", LATER),
            settings: add("settings", SETTINGS_WORDS),
            image: add("image settings", 16),
            teacher_image: add("teacher's image settings", 16),
            pixels: add("pixels", images * plan.image.shape.pixels() * 3 / 4 + 4),
            augments: add("augments", images * AUGMENT_WORDS),
            targets: add("targets", images),
            tally: add("tally", 4),
            gradients: add("gradients", layout.parameters),
            first: add("first moments", layout.parameters),
            second: add("second moments", layout.parameters),
            blocks: add("blocks", LATER),
            scales: add("scales", 4 * plan.units.len()),
        };
        let partial_sums = add("partial sums", LATER);
        let means = add("gradient means", 2 * 4 * widest);
        let mut grid_places = Vec::new();
        let mut bytes = 0;
        for unit in &plan.units {
            grid_places.push(bytes);
            bytes += (16 * fours(unit.shape.channels)).next_multiple_of(256);
        }
        let grids = add("gradients of steps", bytes / 4);
        Self {
            images,
            buffers,
            records: Vec::new(),
            places,
            free: Vec::new(),
            partial_sums,
            partial_bytes: 16,
            means,
            grids,
            grid_places,
        }
    }

    pub(super) fn buffer(&mut self, name: &'static str, words: usize) -> BufferId {
        self.buffers.push(BufferSpec { name, bytes: words.max(4) * 4 });
        self.buffers.len() - 1
    }

    pub(super) fn network(&mut self, layout: &Layout, plan: &Plan) -> NetworkPlaces {
        NetworkPlaces {
            parameters: self.buffer("parameters", layout.parameters),
            quantized: self.buffer("quantized weights", layout.parameters),
            running: self.buffer("running statistics", layout.running),
            steps: self.buffer("steps", layout.steps),
            rows: self.buffer("rows", layout.rows.len()),
            affine: plan
                .units
                .iter()
                .map(|unit| self.buffer("slopes and offsets", 16 * fours(unit.shape.channels)))
                .collect(),
        }
    }

    pub(super) fn whole(&self, buffer: BufferId) -> Slice {
        self.slice(buffer, 0, self.buffers[buffer].bytes)
    }

    pub(super) fn slice(&self, buffer: BufferId, start: usize, bytes: usize) -> Slice {
        Slice { buffer, start, bytes, moved: bytes }
    }

    /// A map of its own: numbers per image.
    pub(super) fn map(&mut self, name: &'static str, numbers: usize) -> Slice {
        let buffer = self.buffer(name, self.images * numbers);
        self.whole(buffer)
    }

    /// A map that is given back later: the smallest free buffer that holds it, or a new one.
    pub(super) fn borrow(&mut self, numbers: usize) -> Slice {
        let bytes = (self.images * numbers * 4).max(16);
        let fits = self.free.iter().enumerate().filter(|&(_, &buffer)| self.buffers[buffer].bytes >= bytes);
        let best = fits.min_by_key(|&(_, &buffer)| self.buffers[buffer].bytes).map(|(i, _)| i);
        let buffer = match best {
            Some(i) => self.free.swap_remove(i),
            None => self.buffer("passing map", bytes / 4),
        };
        self.slice(buffer, 0, bytes)
    }

    pub(super) fn give_back(&mut self, slice: Slice) {
        self.free.push(slice.buffer);
    }

    pub(super) fn record(&mut self, words: [u32; WORDS]) -> Slice {
        self.records.push(words);
        self.slice(self.places.records, (self.records.len() - 1) * record::STRIDE, WORDS * 4)
    }

    pub(super) fn partial_sums(&mut self, words: usize) -> Slice {
        self.partial_bytes = self.partial_bytes.max(words * 4);
        self.slice(self.partial_sums, 0, words * 4)
    }

    /// Numbers of a tensor for one image, channels padded.
    pub(super) fn numbers(plan: &Plan, tensor: TensorId) -> usize {
        let shape = plan.graph.tensors[tensor].shape;
        shape.pixels() * 4 * fours(shape.channels)
    }

    pub(super) fn prepare(&self, plan: &Plan, image: BufferId, input: Slice) -> Dispatch {
        let places = &self.places;
        Dispatch {
            kernel: Kernel::Prepare,
            slices: vec![self.whole(image), self.whole(places.pixels), self.whole(places.augments), input],
            groups: groups(self.images * plan.image.padded().pixels()),
        }
    }
}
