//! The tables of a file as they refer to one another, checked: the first network in it, its tensors and operators.
//!
//! Numbers of fields are those of TensorFlow Lite's schema, version 3 (`tensorflow/compiler/mlir/lite/schema`).

use super::budget::Budget;
use super::flat::{Scalars, Table, Tables};
use super::{TfliteError, operators};
use std::collections::BTreeSet;

/// Axes of the largest tensor. TensorFlow Lite's own operators take at most six to eight.
pub const MOST_AXES: usize = 8;

/// What a tensor or an operator costs beside its name.
const OVERHEAD: usize = 512;

/// The first network of a file.
pub struct Model<'a> {
    pub name: String,
    /// What the file says of its maker.
    pub description: String,
    pub tensors: Vec<Tensor<'a>>,
    pub operators: Vec<Operator<'a>>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
    /// Names that are taken.
    pub names: Names,
    metadata: Tables<'a>,
    buffers: Buffers<'a>,
}

/// A tensor.
pub struct Tensor<'a> {
    /// Unique.
    pub name: String,
    /// Its size; `None` where the file leaves it open.
    pub dims: Vec<Option<usize>>,
    /// Number of its type in the schema.
    pub kind: i8,
    /// Its values; empty if the network computes it.
    pub bytes: &'a [u8],
    pub scales: Scalars<'a, f32>,
    pub zero_points: Scalars<'a, i64>,
    /// Along which scales are counted.
    pub axis: i32,
    /// What is not read: why its values are not those of `bytes`.
    pub foreign: Option<&'static str>,
}

/// An operator.
pub struct Operator<'a> {
    pub name: String,
    pub custom: bool,
    /// `None` for an input that is left out.
    pub inputs: Vec<Option<usize>>,
    pub outputs: Vec<usize>,
    pub options: Option<Table<'a>>,
}

/// Names, each of them once.
#[derive(Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// `name`, or one like it if it is taken.
    pub fn unique(&mut self, mut name: String, mark: usize) -> String {
        while name.is_empty() || self.0.contains(&name) {
            let stem = if name.is_empty() { "tensor" } else { &name };
            name = format!("{stem}_{mark}");
        }
        self.0.insert(name.clone());
        name
    }
}

impl<'a> Model<'a> {
    pub fn parse(bytes: &'a [u8], budget: &mut Budget) -> Result<Self, TfliteError> {
        let model = Table::root(bytes)?;
        let version = model.scalar(0, 0_u32)?;
        if version != 3 {
            return Err(TfliteError::Version { found: version });
        }
        let subgraphs = model.tables(2)?;
        let buffers = Buffers { file: bytes, tables: model.tables(4)? };
        let Some(graph) = subgraphs.get(0)? else { return Err(TfliteError::Subgraphs { found: 0 }) };

        let mut names = Names::default();
        let mut tensors = Vec::new();
        for (index, table) in graph.tables(0)?.iter().enumerate() {
            tensors.push(tensor(table?, index, &buffers, &mut names, budget)?);
        }
        let codes = model.tables(1)?;
        let mut operators = Vec::new();
        for table in graph.tables(3)?.iter() {
            operators.push(operator(table?, &codes, tensors.len(), budget)?);
        }
        // Networks beside the first may be parts that it calls: then its operators say so.
        let calls = |o: &Operator| !o.custom && operators::runs_subgraphs(&o.name);
        if subgraphs.len() > 1 && !operators.iter().any(calls) {
            return Err(TfliteError::Subgraphs { found: subgraphs.len() });
        }
        Ok(Self {
            name: text(graph.bytes(4)?, budget)?,
            description: text(model.bytes(3)?, budget)?,
            inputs: indices(graph.scalars(1)?, tensors.len(), budget)?,
            outputs: indices(graph.scalars(2)?, tensors.len(), budget)?,
            tensors,
            operators,
            names,
            metadata: model.tables(6)?,
            buffers,
        })
    }

    /// An entry of the file's metadata.
    pub fn metadata(&self, name: &str) -> Option<&'a [u8]> {
        let mut entries = self.metadata.iter().filter_map(Result::ok);
        let entry = entries.find(|entry| entry.bytes(0).is_ok_and(|found| found == name.as_bytes()))?;
        self.buffers.get(entry.scalar(1, 0).ok()?).ok()
    }
}

/// Values, inside or behind the FlatBuffer.
struct Buffers<'a> {
    file: &'a [u8],
    tables: Tables<'a>,
}

impl<'a> Buffers<'a> {
    fn get(&self, index: u32) -> Result<&'a [u8], TfliteError> {
        let missing = TfliteError::Missing { what: "buffer", index: index.into(), count: self.tables.len() };
        let table = self.tables.get(usize::try_from(index).unwrap_or(usize::MAX))?.ok_or(missing)?;
        let (offset, size) = (table.scalar(1, 0_u64)?, table.scalar(2, 0_u64)?);
        // Values of more than 2 GiB lie behind the FlatBuffer. 1 is a place that the converter has not filled in yet.
        if offset <= 1 {
            return Ok(table.bytes(0)?);
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let range = usize::try_from(size).ok().and_then(|size| self.file.get(start..)?.get(..size));
        range.ok_or(TfliteError::Damaged { at: start, expected: "values behind the FlatBuffer" })
    }
}

fn tensor<'a>(
    table: Table<'a>,
    index: usize,
    buffers: &Buffers<'a>,
    names: &mut Names,
    budget: &mut Budget,
) -> Result<Tensor<'a>, TfliteError> {
    budget.charge(OVERHEAD)?;
    let name = names.unique(text(table.bytes(3)?, budget)?, index);
    let mut shape = table.scalars::<i32>(0)?;
    let signature = table.scalars::<i32>(7)?;
    if signature.len() == shape.len() {
        shape = signature;
    }
    if shape.len() > MOST_AXES {
        let expected = format!("at most {MOST_AXES} axes");
        return Err(TfliteError::Tensor { name, expected, found: format!("{} axes", shape.len()) });
    }
    let bytes = match table.scalar(2, 0_u32)? {
        0 => &[],
        buffer => buffers.get(buffer)?,
    };
    let mut foreign = table.table(6)?.map(|_| "weights that are stored sparse");
    if table.scalar(10, 0_u32)? != 0 {
        foreign = Some("weights that lie in another file");
    }
    let quantization = table.table(4)?;
    let mut tensor = Tensor {
        name,
        dims: shape.iter().map(|size| usize::try_from(size).ok()).collect(),
        kind: table.scalar(1, 0)?,
        bytes,
        scales: Scalars::default(),
        zero_points: Scalars::default(),
        axis: 0,
        foreign,
    };
    if let Some(quantization) = quantization {
        tensor.scales = quantization.scalars(2)?;
        tensor.zero_points = quantization.scalars(3)?;
        tensor.axis = quantization.scalar(6, 0)?;
        if quantization.scalar(4, 0_u8)? != 0 {
            tensor.foreign = Some("integers in blocks or with a quantization of their own");
        }
    }
    Ok(tensor)
}

fn operator<'a>(
    table: Table<'a>,
    codes: &Tables<'a>,
    tensors: usize,
    budget: &mut Budget,
) -> Result<Operator<'a>, TfliteError> {
    budget.charge(OVERHEAD)?;
    let index = table.scalar(0, 0_u32)?;
    let missing = TfliteError::Missing { what: "operator", index: index.into(), count: codes.len() };
    let code = codes.get(usize::try_from(index).unwrap_or(usize::MAX))?.ok_or(missing)?;
    // Numbers above 127 did not fit into the first field; files have both.
    let number = i32::from(code.scalar(0, 0_i8)?).max(code.scalar(3, 0)?);
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let custom = number == operators::CUSTOM;
    let name = match operators::name(number) {
        Some(_) if custom => text(code.bytes(1)?, budget)?,
        Some(name) => name.to_owned(),
        None => format!("operator {number}"),
    };
    let listed = table.scalars::<i32>(1)?;
    budget.charge(listed.len().saturating_mul(size_of::<Option<usize>>()))?;
    let optional = |index: i32| if index == -1 { Ok(None) } else { one_of(index, tensors).map(Some) };
    Ok(Operator {
        name,
        custom,
        inputs: listed.iter().map(optional).collect::<Result<_, _>>()?,
        outputs: indices(table.scalars(2)?, tensors, budget)?,
        options: table.table(4)?,
    })
}

/// Numbers of tensors that there are.
fn indices(listed: Scalars<i32>, count: usize, budget: &mut Budget) -> Result<Vec<usize>, TfliteError> {
    budget.charge(listed.len().saturating_mul(size_of::<usize>()))?;
    listed.iter().map(|index| one_of(index, count)).collect()
}

fn one_of(index: i32, count: usize) -> Result<usize, TfliteError> {
    let found = usize::try_from(index).ok().filter(|found| *found < count);
    found.ok_or(TfliteError::Missing { what: "tensor", index: index.into(), count })
}

fn text(bytes: &[u8], budget: &mut Budget) -> Result<String, TfliteError> {
    // Each byte that is no UTF-8 becomes a mark of three; a name stands in the network and beside its tensor.
    budget.charge(bytes.len().saturating_mul(6))?;
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
