//! Several archives and folders as one listing.

use std::borrow::Cow;

use super::error::DataError;
use super::files::{FileInfo, Files, no_such_file};

/// A folder or archive with the name that the user knows it by.
pub struct Source {
    /// Name, without the folders above it.
    pub name: String,
    /// Its files.
    pub files: Box<dyn Files>,
}

/// Files of all sources, sorted by path, then by source: equal paths in two sources are two files.
pub struct Sources {
    sources: Vec<Source>,
    files: Vec<FileInfo>,
    /// For each file its source and its number there.
    places: Vec<(usize, usize)>,
}

impl Sources {
    /// Joins the listings.
    #[must_use]
    pub fn new(sources: Vec<Source>) -> Self {
        let mut all: Vec<(FileInfo, (usize, usize))> = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            let listed = source.files.files().iter().cloned().enumerate();
            all.extend(listed.map(|(index, info)| (info, (number, index))));
        }
        all.sort_by(|a, b| a.0.path.cmp(&b.0.path).then(a.1.cmp(&b.1)));
        let (files, places) = all.into_iter().unzip();
        Self { sources, files, places }
    }

    /// A single folder or archive.
    #[must_use]
    pub fn one(name: &str, files: impl Files + 'static) -> Self {
        Self::new(vec![Source { name: name.to_owned(), files: Box::new(files) }])
    }

    /// The number of the source that a file lies in.
    #[must_use]
    pub fn source_of(&self, file: usize) -> usize {
        self.places.get(file).map_or(0, |&(source, _)| source)
    }

    /// Names of the sources.
    #[must_use]
    pub fn names(&self) -> Vec<Cow<'_, str>> {
        self.sources.iter().map(|source| Cow::Borrowed(source.name.as_str())).collect()
    }

    /// The sources.
    #[must_use]
    pub fn each(&self) -> &[Source] {
        &self.sources
    }

    fn at(&mut self, index: usize) -> Result<(&mut Source, usize), DataError> {
        let missing = || no_such_file(index, self.places.len());
        let &(source, place) = self.places.get(index).ok_or_else(missing)?;
        let count = self.places.len();
        let source = self.sources.get_mut(source).ok_or_else(|| no_such_file(index, count))?;
        Ok((source, place))
    }
}

impl Files for Sources {
    fn files(&self) -> &[FileInfo] {
        &self.files
    }

    fn read(&mut self, index: usize) -> Result<Vec<u8>, DataError> {
        let (source, place) = self.at(index)?;
        source.files.read(place)
    }

    fn start(&mut self, index: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let (source, place) = self.at(index)?;
        source.files.start(place, count)
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

    fn listed(paths: &[&str], tag: u8) -> Source {
        let infos = paths.iter().map(|path| FileInfo { path: (*path).into(), size: 1 }).collect();
        Source { name: format!("source {tag}"), files: Box::new(Listed(infos, tag)) }
    }

    #[test]
    fn joins_sorted_and_reads_from_the_right_source() {
        let mut all = Sources::new(vec![listed(&["b", "d"], 1), listed(&["a", "b", "c"], 2)]);
        let paths: Vec<_> = all.files().iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["a", "b", "b", "c", "d"]);
        let read: Vec<_> = (0..5).map(|i| all.read(i).expect("listed")).collect();
        assert_eq!(read, [[2, 0], [1, 0], [2, 1], [2, 2], [1, 1]]);
        assert_eq!((0..5).map(|i| all.source_of(i)).collect::<Vec<_>>(), [1, 0, 1, 1, 0]);
        assert_eq!(all.start(1, 1).expect("listed"), [1]);
        assert!(all.read(5).is_err());
    }
}
