//! Files that tests make up, written by the builder of the `flatbuffers` crate.

use flatbuffers::{FlatBufferBuilder, Push, TableFinishedWIPOffset, WIPOffset};

pub const FLOAT32: i8 = 0;
pub const FLOAT16: i8 = 1;
pub const INT32: i8 = 2;
pub const UINT8: i8 = 3;
pub const INT64: i8 = 4;
pub const INT8: i8 = 9;

/// The network of a file.
#[derive(Clone, Default)]
pub struct File {
    pub version: Option<u32>,
    pub description: &'static str,
    pub tensors: Vec<Tensor>,
    pub operators: Vec<Operator>,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    /// Entries of the metadata.
    pub metadata: Vec<(&'static str, Vec<u8>)>,
    /// Networks beside the first one.
    pub others: usize,
    /// Values of tensors lie behind the FlatBuffer.
    pub values_behind: bool,
    /// Constants without values of their own have those of the first one.
    pub shares_first_buffer: bool,
}

/// A tensor; with values it is a constant.
#[derive(Clone, Default)]
pub struct Tensor {
    pub name: String,
    pub dims: Vec<i32>,
    pub signature: Vec<i32>,
    pub kind: i8,
    pub values: Vec<u8>,
    pub scales: Vec<f32>,
    pub zero_points: Vec<i64>,
    pub axis: i32,
}

impl Tensor {
    pub fn new(name: &str, kind: i8, dims: &[i32]) -> Self {
        Self { name: name.to_owned(), kind, dims: dims.to_vec(), ..Self::default() }
    }

    pub fn floats(name: &str, dims: &[i32], values: &[f32]) -> Self {
        let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { values, ..Self::new(name, FLOAT32, dims) }
    }

    /// As many as `dims` say: 0, 1, 2, ...
    pub fn counted(name: &str, dims: &[i32]) -> Self {
        let count: i32 = dims.iter().product();
        Self::floats(name, dims, &(0..count).map(|i| i as f32).collect::<Vec<_>>())
    }

    pub fn integers(name: &str, dims: &[i32], values: &[i32]) -> Self {
        let values = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { values, ..Self::new(name, INT32, dims) }
    }

    pub fn quantized(mut self, scales: &[f32], zero_points: &[i64], axis: i32) -> Self {
        (self.scales, self.zero_points, self.axis) = (scales.to_vec(), zero_points.to_vec(), axis);
        self
    }

    pub fn named(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    pub fn open(mut self, signature: &[i32]) -> Self {
        self.signature = signature.to_vec();
        self
    }
}

/// An operator.
#[derive(Clone)]
pub struct Operator {
    pub code: i32,
    pub custom: &'static str,
    pub inputs: Vec<i32>,
    pub outputs: Vec<i32>,
    /// Field and value.
    pub options: Vec<(u16, Value)>,
}

impl Operator {
    pub fn new(code: i32, inputs: &[i32], outputs: &[i32], options: &[(u16, Value)]) -> Self {
        let (inputs, outputs, options) = (inputs.to_vec(), outputs.to_vec(), options.to_vec());
        Self { code, custom: "", inputs, outputs, options }
    }
}

/// A field's value.
#[derive(Clone, Debug)]
pub enum Value {
    Byte(i8),
    Int(i32),
    Float(f32),
    Ints(Vec<i32>),
    Floats(Vec<f32>),
    Text(&'static str),
    Table(Vec<(u16, Self)>),
    Tables(Vec<Vec<(u16, Self)>>),
}

type Builder<'a> = FlatBufferBuilder<'a>;
type Offset = WIPOffset<TableFinishedWIPOffset>;

/// A table of any fields.
pub fn table(builder: &mut Builder, fields: &[(u16, Value)]) -> Offset {
    enum Done {
        Byte(i8),
        Int(i32),
        Float(f32),
        Offset(u32),
    }
    let mut done = Vec::new();
    for (field, value) in fields {
        let value = match value {
            Value::Byte(value) => Done::Byte(*value),
            Value::Int(value) => Done::Int(*value),
            Value::Float(value) => Done::Float(*value),
            Value::Ints(values) => Done::Offset(builder.create_vector(values).value()),
            Value::Floats(values) => Done::Offset(builder.create_vector(values).value()),
            Value::Text(text) => Done::Offset(builder.create_string(text).value()),
            Value::Table(fields) => Done::Offset(table(builder, fields).value()),
            Value::Tables(tables) => {
                let tables: Vec<_> = tables.iter().map(|fields| table(builder, fields)).collect();
                Done::Offset(builder.create_vector(&tables).value())
            }
        };
        done.push((*field, value));
    }
    let start = builder.start_table();
    for (field, value) in done {
        match value {
            Done::Byte(value) => slot(builder, field, value),
            Done::Int(value) => slot(builder, field, value),
            Done::Float(value) => slot(builder, field, value),
            Done::Offset(value) => slot(builder, field, WIPOffset::<()>::new(value)),
        }
    }
    builder.end_table(start)
}

fn slot<T: Push>(builder: &mut Builder, field: u16, value: T) {
    builder.push_slot_always(4 + 2 * field, value);
}

impl File {
    /// Its bytes.
    pub fn write(&self) -> Vec<u8> {
        if !self.values_behind {
            return self.buffer(None);
        }
        // Places of values depend on nothing but the length before them.
        let length = self.buffer(Some(u64::from(u32::MAX))).len() as u64;
        let mut file = self.buffer(Some(length));
        assert_eq!(file.len() as u64, length);
        self.tensors.iter().for_each(|tensor| file.extend(&tensor.values));
        file
    }

    fn buffer(&self, mut behind: Option<u64>) -> Vec<u8> {
        let mut builder = Builder::new();
        let b = &mut builder;
        // The first buffer has no values.
        let empty = b.start_table();
        let mut buffers = vec![b.end_table(empty)];
        let mut tensors = Vec::new();
        for tensor in &self.tensors {
            let mut buffer = 0_u32;
            if self.shares_first_buffer && !tensor.scales.is_empty() && tensor.values.is_empty() {
                buffer = 1;
            } else if !tensor.values.is_empty() {
                buffer = buffers.len() as u32;
                buffers.push(values(b, &tensor.values, &mut behind));
            }
            tensors.push(tensor.write(b, buffer));
        }
        let tensors = b.create_vector(&tensors);
        let mut metadata = Vec::new();
        for (name, bytes) in &self.metadata {
            let name = b.create_string(name);
            let buffer = buffers.len() as u32;
            buffers.push(values(b, bytes, &mut None));
            let start = b.start_table();
            slot(b, 0, name);
            slot(b, 1, buffer);
            metadata.push(b.end_table(start));
        }
        let metadata = b.create_vector(&metadata);
        let operators: Vec<_> =
            self.operators.iter().enumerate().map(|(index, operator)| operator.write(b, index)).collect();
        let operators = b.create_vector(&operators);
        let codes: Vec<_> = self.operators.iter().map(|operator| operator.code(b)).collect();
        let codes = b.create_vector(&codes);
        let (inputs, outputs) = (b.create_vector(&self.inputs), b.create_vector(&self.outputs));
        let start = b.start_table();
        slot(b, 0, tensors);
        slot(b, 1, inputs);
        slot(b, 2, outputs);
        slot(b, 3, operators);
        let graph = b.end_table(start);
        let graphs = b.create_vector(&vec![graph; 1 + self.others]);
        let (buffers, description) = (b.create_vector(&buffers), b.create_string(self.description));
        let start = b.start_table();
        slot(b, 0, self.version.unwrap_or(3));
        slot(b, 1, codes);
        slot(b, 2, graphs);
        slot(b, 3, description);
        slot(b, 4, buffers);
        slot(b, 6, metadata);
        let model = b.end_table(start);
        b.finish(model, Some("TFL3"));
        builder.finished_data().to_vec()
    }
}

fn values(b: &mut Builder, bytes: &[u8], behind: &mut Option<u64>) -> Offset {
    let Some(at) = behind else {
        let bytes = b.create_vector(bytes);
        let start = b.start_table();
        slot(b, 0, bytes);
        return b.end_table(start);
    };
    let start = b.start_table();
    slot(b, 1, *at);
    slot(b, 2, bytes.len() as u64);
    *at += bytes.len() as u64;
    b.end_table(start)
}

impl Tensor {
    fn write(&self, b: &mut Builder, buffer: u32) -> Offset {
        let (name, dims) = (b.create_string(&self.name), b.create_vector(&self.dims));
        let signature = (!self.signature.is_empty()).then(|| b.create_vector(&self.signature));
        let (scales, zeros) = (b.create_vector(&self.scales), b.create_vector(&self.zero_points));
        let start = b.start_table();
        slot(b, 2, scales);
        slot(b, 3, zeros);
        slot(b, 6, self.axis);
        let quantization = b.end_table(start);
        let start = b.start_table();
        slot(b, 0, dims);
        slot(b, 1, self.kind);
        slot(b, 2, buffer);
        slot(b, 3, name);
        slot(b, 4, quantization);
        if let Some(signature) = signature {
            slot(b, 7, signature);
        }
        b.end_table(start)
    }
}

impl Operator {
    fn write(&self, b: &mut Builder, index: usize) -> Offset {
        let options = (!self.options.is_empty()).then(|| table(b, &self.options));
        let (inputs, outputs) = (b.create_vector(&self.inputs), b.create_vector(&self.outputs));
        let start = b.start_table();
        slot(b, 0, index as u32);
        slot(b, 1, inputs);
        slot(b, 2, outputs);
        if let Some(options) = options {
            slot(b, 4, options);
        }
        b.end_table(start)
    }

    fn code(&self, b: &mut Builder) -> Offset {
        let custom = b.create_string(self.custom);
        let start = b.start_table();
        // As the converter writes it: what does not fit into a byte is 127 there.
        slot(b, 0, self.code.min(127) as i8);
        slot(b, 1, custom);
        slot(b, 3, self.code);
        b.end_table(start)
    }
}
