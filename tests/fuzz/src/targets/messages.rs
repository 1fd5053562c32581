//! What the page keeps and what its workers tell each other, as bytes.

use super::{KIB, MIB, Target, nothing};
use bitsmith::flow::{
    Command, Event, FinetuneFound, FinetuneRequest, ImagesSummary, Inputs, Measurement, NetworkSummary,
    SearchFound, SearchRequest, SearchStart,
};
use bitsmith::memory::{Budget, MemoryModel};
use bitsmith::sealed::{Kind, load, store};
use bitsmith::search::Settings;
use serde_json::Value;

pub const TARGET: Target = Target {
    name: "messages",
    longest: 2 * KIB,
    // A list takes up to 1 MiB before its elements are there, and lists lie in lists.
    memory: |bytes| 16 * MIB + 256 * bytes,
    prepare: nothing,
    run,
    seeds,
    words: "",
};

macro_rules! survive {
    ($data:expr, $($kind:ty),*) => {
        $(
            if let Ok(value) = postcard::from_bytes::<$kind>($data) {
                let bytes = postcard::to_stdvec(&value).expect("plain data");
                let again = postcard::from_bytes::<$kind>(&bytes).expect("what was written is read");
                assert_eq!(postcard::to_stdvec(&again).expect("plain data"), bytes);
            }
        )*
    };
}

fn run(data: &[u8]) {
    survive!(
        data,
        Command,
        Event,
        FinetuneFound,
        FinetuneRequest,
        ImagesSummary,
        Inputs,
        Measurement,
        NetworkSummary,
        SearchFound,
        SearchRequest,
        SearchStart
    );
    for kind in [Kind::Search, Kind::Training, Kind::Page] {
        let _ = load::<Vec<String>>(kind, 1, data).map_err(|error| error.to_string());
        let _ = serde_json::from_slice::<Value>(data);
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let settings = Settings::new(Budget::PAPER, MemoryModel::DEVICE);
    let words = vec!["one".to_owned(), "two".to_owned()];
    vec![
        postcard::to_stdvec(&settings).expect("plain data"),
        store(Kind::Page, 1, &words).expect("plain data"),
    ]
}
