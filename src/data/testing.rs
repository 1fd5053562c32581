//! The image files of `tests/golden/images`, made by `tests/golden/images.py`.

use std::path::Path;

use super::decode::RgbImage;

/// The bytes of a golden file.
pub fn image_file(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/images").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pixels of a golden `P6` file as `images.py` writes them.
pub fn ppm(name: &str) -> RgbImage {
    let bytes = image_file(name);
    let mut lines = bytes.splitn(4, |&byte| byte == b'\n').skip(1);
    let size = String::from_utf8_lossy(lines.next().expect("a line with the size")).into_owned();
    let (width, height) = size.split_once(' ').expect("width and height");
    let pixels = lines.nth(1).expect("pixels after the line with the maximum");
    let number = |text: &str| text.parse().expect("a number");
    RgbImage::new(number(width), number(height), pixels.to_vec()).expect("pixels fill the image")
}
