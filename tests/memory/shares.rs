//! A session in this process, whose images are spread over some shares as over the workers of a page.

use bitsmith::data::{DataError, FileInfo, Files, Sources};
use bitsmith::flow::session::Opened;
use bitsmith::flow::{
    Alone, Answer, Asked, End, Evaluator, Event, Executor, Order, Pixels, Session, Set, Tally,
};
use bitsmith::net::{Normalization, Spec};
use bitsmith::train::fresh;
use pollster::block_on;
use std::cell::RefCell;

/// Shares that take turns.
pub struct Shares {
    evaluators: Vec<RefCell<Evaluator<Alone>>>,
    /// Bytes for decoded images.
    pub images: u64,
    /// Bytes for what is decoded at the same time.
    pub decoding: u64,
    /// Files that came along with each order to decode, by share.
    pub asked: RefCell<Vec<Vec<usize>>>,
}

impl Shares {
    /// So many, with more memory than any test needs.
    pub fn new(count: usize) -> Self {
        let evaluators = (0..count).map(|_| RefCell::default()).collect();
        Self { evaluators, images: u64::MAX, decoding: 256 << 20, asked: RefCell::default() }
    }

    fn answer(&self, share: usize, order: Order, bulk: Vec<Pixels>) -> Result<Asked, End> {
        match block_on(self.evaluators[share].borrow_mut().answer(order, bulk)) {
            (Answer::Refused(reason), _) => Err(End::Failed(reason)),
            answer => Ok(answer),
        }
    }
}

impl Executor for Shares {
    fn shares(&self) -> usize {
        self.evaluators.len()
    }

    fn batch(&self) -> usize {
        16
    }

    async fn ask(&self, orders: Vec<(Order, Vec<Pixels>)>) -> Result<Vec<Asked>, End> {
        if orders.iter().any(|(order, _)| matches!(order, Order::Decode { .. })) {
            self.asked.borrow_mut().push(orders.iter().map(|(_, files)| files.len()).collect());
        }
        orders.into_iter().enumerate().map(|(share, (order, bulk))| self.answer(share, order, bulk)).collect()
    }

    async fn classify(&self, set: Set, counted: impl Fn(Tally) -> bool) -> Result<(), End> {
        for share in 0..self.shares() {
            for from in (0..).step_by(self.batch()) {
                let order = Order::Classify { set, from, count: self.batch() };
                match self.answer(share, order, Vec::new())? {
                    (Answer::Classified(tally), _) if tally.images > 0 && counted(tally) => {}
                    _ => break,
                }
            }
        }
        Ok(())
    }

    fn report(&self, _: &Event) {}

    async fn breathe(&self) {}

    fn stops(&self) -> bool {
        false
    }

    fn memory(&self) -> usize {
        0
    }

    fn image_memory(&self) -> u64 {
        self.images
    }

    fn decoding_memory(&self) -> u64 {
        self.decoding
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Ok(())
    }

    async fn kept(&self, _: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

/// Files of one content under many names.
pub struct Same {
    infos: Vec<FileInfo>,
    bytes: Vec<u8>,
}

impl Files for Same {
    fn files(&self) -> &[FileInfo] {
        &self.infos
    }

    fn read(&mut self, _: usize) -> Result<Vec<u8>, DataError> {
        Ok(self.bytes.clone())
    }

    fn start(&mut self, _: usize, count: usize) -> Result<Vec<u8>, DataError> {
        Ok(self.bytes[..count.min(self.bytes.len())].to_vec())
    }
}

/// A session with a network that takes `side` x `side` pixels, and with so many training and validation images, all of
/// one file, in two classes.
pub fn session(shares: Shares, side: u16, file: Vec<u8>, [train, validation]: [usize; 2]) -> Session<Shares> {
    let name = format!("mobilenet-v1-0.25-{side}");
    let spec = name.parse::<Spec>().and_then(|spec| spec.with_classes(2)).expect("a network of the zoo");
    let mut session = Session::new(shares);
    let model = fresh(spec, Normalization::SIGNED, 1);
    session.adopt_weights(Opened::of_model(model)).expect("nothing is stated");
    let of = |split: &'static str, count: usize| {
        (0..count).map(move |i| format!("{split}/{}/{i:05}.jpg", if i % 2 == 0 { "cat" } else { "dog" }))
    };
    let size = file.len() as u64;
    let mut infos: Vec<_> =
        of("train", train).chain(of("val", validation)).map(|path| FileInfo { path, size }).collect();
    infos.sort_by(|a, b| a.path.cmp(&b.path));
    let files = Same { infos, bytes: file };
    session.adopt_images("photos".into(), Sources::one("photos", files), 2).expect("enough images");
    session
}

/// A gray JPEG of three components without halved chroma, two bits a block; `padding` bytes of comments come first.
pub fn jpeg(side: u16, padding: usize) -> Vec<u8> {
    gray(side, padding, &[&[1, 2, 3]])
}

/// The same with a scan for each component.
pub fn jpeg_in_scans(side: u16) -> Vec<u8> {
    gray(side, 0, &[&[1], &[2], &[3]])
}

fn gray(side: u16, padding: usize, scans: &[&[u8]]) -> Vec<u8> {
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    let [s0, s1] = side.to_be_bytes();
    let table = |place: u8| segment(0xc4, &[&[place, 1][..], &[0; 15], &[0]].concat());
    let mut file = vec![0xff, 0xd8];
    for _ in 0..padding.div_ceil(60_000) {
        file.extend(segment(0xfe, &[7; 60_000]));
    }
    file.extend(segment(0xdb, &[&[0][..], &[1; 64]].concat()));
    file.extend(segment(0xc0, &[8, s0, s1, s0, s1, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]));
    file.extend([table(0), table(0x10)].concat());
    for components in scans {
        let listed: Vec<u8> = components.iter().flat_map(|&id| [id, 0]).collect();
        file.extend(segment(0xda, &[&[components.len() as u8][..], &listed, &[0, 63, 0]].concat()));
        let blocks = components.len() * usize::from(side).div_ceil(8).pow(2);
        file.extend(vec![0; (2 * blocks).div_ceil(8)]);
    }
    file.extend([0xff, 0xd9]);
    file
}
