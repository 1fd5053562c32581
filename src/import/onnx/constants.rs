//! Tensors with known values: those of the file, those that follow from them, and those that the network keeps.

use super::OnnxError;
use super::error::Trouble;
use super::fold::permuted;
use super::tensor::{Data, Header, Tensor, decode, header, product};
use crate::import::raw::{Constant, Values};
use crate::onnx_proto::TensorProto;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

/// Numbers that constants may take whatever the size of the file: 64 MiB as f32.
const LEAST_ROOM: usize = 16 << 20;

/// How often each of the numbers that there is room for may be computed.
const MOST_WORK: usize = 32;

/// The form of a tensor that is kept as it is.
pub const PLAIN: &str = "plain";

/// Known tensors by name.
pub struct Constants {
    /// As the file writes them.
    file: HashMap<String, TensorProto>,
    /// Read or computed.
    values: HashMap<String, Rc<Tensor>>,
    /// What the network keeps.
    kept: BTreeMap<String, Constant>,
    /// Names in `kept`, by name in the file and what was made of it.
    forms: HashMap<(String, String), String>,
    /// Names of all tensors.
    taken: HashSet<String>,
    budget: Budget,
}

/// Memory and work in units of four bytes.
struct Budget {
    most: usize,
    live: usize,
    work: usize,
}

impl Budget {
    fn work(&mut self, units: Option<usize>) -> Result<usize, OnnxError> {
        let units = units.unwrap_or(usize::MAX);
        self.work = self.work.saturating_add(units);
        if self.live.saturating_add(units) > self.most || self.work / MOST_WORK > self.most {
            let found = self.live.saturating_add(units).max(self.work / MOST_WORK) as u64;
            let [found, most] = [found, self.most as u64].map(|units| units >> 18);
            return Err(OnnxError::TooLarge { what: "the network's constants".into(), found, most });
        }
        Ok(units)
    }

    fn keep(&mut self, units: Option<usize>) -> Result<(), OnnxError> {
        self.live += self.work(units)?;
        Ok(())
    }
}

impl Constants {
    /// None yet, of a file of so many bytes. `taken` are the names of all its tensors.
    pub fn new(bytes: usize, taken: HashSet<String>) -> Self {
        Self {
            file: HashMap::new(),
            values: HashMap::new(),
            kept: BTreeMap::new(),
            forms: HashMap::new(),
            taken,
            budget: Budget { most: LEAST_ROOM.saturating_add(bytes), live: 0, work: 0 },
        }
    }

    /// Adds a tensor of the file.
    ///
    /// # Errors
    /// If its values are in another file.
    pub fn add(&mut self, name: String, proto: TensorProto) -> Result<(), OnnxError> {
        if proto.data_location == 1 || !proto.external_data.is_empty() {
            let location = proto.external_data.into_iter().find(|entry| entry.key == "location");
            let location = location.map_or_else(|| "unnamed".to_owned(), |entry| entry.value);
            return Err(OnnxError::ExternalData { tensor: name, location });
        }
        self.file.insert(name, proto);
        Ok(())
    }

    /// Adds a computed tensor, for which [`allow`](Self::allow) was asked.
    ///
    /// # Errors
    /// If there is no room to keep it.
    pub fn insert(&mut self, name: String, tensor: Tensor) -> Result<(), OnnxError> {
        self.budget.keep(tensor.data.len().checked_mul(tensor.data.unit()))?;
        self.values.insert(name, Rc::new(tensor));
        Ok(())
    }

    /// Whether the tensor is constant.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.file.contains_key(name)
    }

    /// Asks for room for a tensor of `unit` times four bytes an element before it is computed.
    ///
    /// # Errors
    /// If there is none.
    pub fn allow(&mut self, dims: &[usize], unit: usize) -> Result<usize, OnnxError> {
        let count = product(dims);
        self.budget.work(count.and_then(|count| count.checked_mul(unit)))?;
        Ok(count.unwrap_or_default())
    }

    /// A tensor with its values.
    ///
    /// # Errors
    /// If it is not constant, damaged, or of a type that is not read.
    pub fn get(&mut self, name: &str) -> Result<Rc<Tensor>, Trouble> {
        if let Some(tensor) = self.values.get(name) {
            return Ok(Rc::clone(tensor));
        }
        let tensor = Rc::new(self.decode(name, false)?);
        self.budget.keep(tensor.data.len().checked_mul(tensor.data.unit()))?;
        self.file.remove(name);
        self.values.insert(name.to_owned(), Rc::clone(&tensor));
        Ok(tensor)
    }

    /// A tensor with its values as real numbers. Large ones of few bits are not kept a second time.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn floats(&mut self, name: &str) -> Result<Tensor, Trouble> {
        if let Some(tensor) = self.values.get(name).map(Rc::clone) {
            self.allow(&tensor.dims, 1)?;
            let (dims, data) = (tensor.dims.clone(), Data::Floats(tensor.as_floats()?));
            return Ok(Tensor { dims, data, element: tensor.element });
        }
        self.decode(name, true)
    }

    fn decode(&mut self, name: &str, as_floats: bool) -> Result<Tensor, Trouble> {
        let proto = self.file.get(name).ok_or_else(|| Trouble::Reason(format!("'{name}' is no constant")))?;
        let header: Header = header(proto)?;
        let unit = if header.real || as_floats { 1 } else { 2 };
        self.budget.work(header.count.checked_mul(unit))?;
        decode(proto, header, as_floats)
    }

    /// The size of a tensor.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn dims(&self, name: &str) -> Result<Vec<usize>, Trouble> {
        match (self.values.get(name), self.file.get(name)) {
            (Some(tensor), _) => Ok(tensor.dims.clone()),
            (None, Some(proto)) => Ok(header(proto)?.dims),
            (None, None) => Err(format!("'{name}' is no constant").into()),
        }
    }

    /// Gives back the room of a tensor that nobody reads any more.
    pub fn forget(&mut self, name: &str) {
        self.file.remove(name);
        if let Some(tensor) = self.values.remove(name) {
            self.budget.live = self.budget.live.saturating_sub(tensor.data.len() * tensor.data.unit());
        }
    }

    /// A tensor of real numbers with its axes in another order.
    ///
    /// # Errors
    /// As [`get`](Self::get), and if there are no such axes.
    pub fn permuted(&mut self, name: &str, order: &[usize]) -> Result<Tensor, Trouble> {
        let tensor = self.floats(name)?;
        // There is room for one; now there are two.
        self.allow(&tensor.dims, 2)?;
        permuted(&tensor, order)
    }

    /// Keeps what `make` makes of a tensor for the network, and says under which name. `form` says what it makes.
    ///
    /// # Errors
    /// What `make` says, and if there is no room.
    pub fn keep(
        &mut self,
        name: &str,
        form: &str,
        make: impl FnOnce(&mut Self) -> Result<Tensor, Trouble>,
    ) -> Result<String, Trouble> {
        let key = (name.to_owned(), form.to_owned());
        if let Some(known) = self.forms.get(&key) {
            return Ok(known.clone());
        }
        let tensor = make(self)?;
        self.budget.keep(Some(tensor.data.len()))?;
        let Tensor { dims, data: Data::Floats(values), .. } = tensor else {
            return Err("weights that are no real numbers".into());
        };
        // The first form has the name itself.
        let first = !self.kept.contains_key(name);
        let free = if first { name.to_owned() } else { self.free_name(format!("{name}/{form}")) };
        self.kept.insert(free.clone(), Constant { dims, values: Values::Floats(values) });
        self.forms.insert(key, free.clone());
        Ok(free)
    }

    /// Keeps a tensor as it is.
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn keep_plain(&mut self, name: &str) -> Result<String, Trouble> {
        self.keep(name, PLAIN, |constants| constants.floats(name))
    }

    /// A name for a tensor that no other has.
    pub fn free_name(&mut self, wish: String) -> String {
        let mut free = wish.clone();
        let mut number = 2;
        while !self.taken.insert(free.clone()) {
            free = format!("{wish}/{number}");
            number += 1;
        }
        free
    }

    /// The size of a tensor that the network keeps.
    pub fn kept_dims(&self, name: &str) -> Option<&[usize]> {
        self.kept.get(name).map(|constant| constant.dims.as_slice())
    }

    /// What the network keeps.
    pub fn finish(self) -> BTreeMap<String, Constant> {
        self.kept
    }
}
