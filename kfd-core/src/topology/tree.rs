//! A tree of files as a sorted map from relative path to content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory; also implied by anything below it.
    Directory,
    /// A regular file with this content.
    File(Vec<u8>),
    /// A symbolic link to this target, relative to the link's own directory.
    Link(String),
}

/// Files, directories and links below one root. No path is absolute or has a `..`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

impl Tree {
    /// Every entry, parents before what is in them.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// What is at `path`; implied directories are `None`.
    #[must_use]
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Entry> {
        self.0.get(path.as_ref())
    }

    /// The text of the file at `path`.
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> Option<&str> {
        match self.get(path)? {
            Entry::File(bytes) => std::str::from_utf8(bytes).ok(),
            Entry::Directory | Entry::Link(_) => None,
        }
    }

    pub(super) fn directory(&mut self, path: impl Into<PathBuf>) {
        self.put(path.into(), Entry::Directory);
    }

    pub(super) fn file(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.put(path.into(), Entry::File(content.into()));
    }

    pub(super) fn link(&mut self, path: impl Into<PathBuf>, target: impl Into<String>) {
        self.put(path.into(), Entry::Link(target.into()));
    }

    fn put(&mut self, path: PathBuf, entry: Entry) {
        let before = self.0.insert(path, entry);
        debug_assert!(before.is_none(), "two entries at one path");
    }
}
