//! Several archives and folders as one listing.

use crate::data::{DataError, FileInfo, Files};

/// Files of all sources, sorted by path. Where two sources have the same path the first one counts.
pub struct Sources {
    sources: Vec<Box<dyn Files>>,
    files: Vec<FileInfo>,
    /// For each file its source and its number there.
    places: Vec<(usize, usize)>,
}

impl Sources {
    /// Joins the listings.
    pub fn new(sources: Vec<Box<dyn Files>>) -> Self {
        let mut all: Vec<(FileInfo, (usize, usize))> = Vec::new();
        for (source, files) in sources.iter().enumerate() {
            let listed = files.files().iter().cloned().enumerate();
            all.extend(listed.map(|(index, info)| (info, (source, index))));
        }
        all.sort_by(|a, b| a.0.path.cmp(&b.0.path).then(a.1.cmp(&b.1)));
        all.dedup_by(|next, kept| next.0.path == kept.0.path);
        let (files, places) = all.into_iter().unzip();
        Self { sources, files, places }
    }
}

impl Files for Sources {
    fn files(&self) -> &[FileInfo] {
        &self.files
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let missing = || std::io::Error::new(std::io::ErrorKind::NotFound, format!("file number {index}"));
        let &(source, place) = self.places.get(index).ok_or_else(missing)?;
        self.sources.get_mut(source).ok_or_else(missing)?.read(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listed(Vec<FileInfo>, u8);

    impl Files for Listed {
        fn files(&self) -> &[FileInfo] {
            &self.0
        }

        fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
            Ok(vec![self.1, index as u8])
        }
    }

    fn listed(paths: &[&str], tag: u8) -> Box<dyn Files> {
        Box::new(Listed(paths.iter().map(|p| FileInfo { path: (*p).into(), size: 1 }).collect(), tag))
    }

    #[test]
    fn joins_sorted_and_reads_from_the_right_source() {
        let mut all = Sources::new(vec![listed(&["b", "d"], 1), listed(&["a", "b", "c"], 2)]);
        let paths: Vec<_> = all.files().iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "c", "d"]);
        let read: Vec<_> = (0..4).map(|i| all.read(i).expect("listed")).collect();
        assert_eq!(read, [[2, 0], [1, 0], [2, 2], [1, 1]]);
        assert!(all.read(4).is_err());
    }
}
