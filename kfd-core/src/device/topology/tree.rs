//! A tree of files as a sorted map from relative path to content.

use super::gauge::Live;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The most links that one path may lead through: `MAXSYMLINKS` (linux/namei.h).
const LINKS: u32 = 40;

/// A file, a directory or a link at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A directory; anything below it implies it too.
    Directory,
    /// A regular file with this content.
    File(Vec<u8>),
    /// A file whose content is made at each reading.
    Live(Live),
    /// A symbolic link to this target, relative to the link's own directory.
    Link(String),
}

/// A tree of files, directories and links. No path is absolute or has a `..`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

impl Tree {
    /// Every entry, parents before what is in them.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// The entry at `path`; `None` for a directory that is only implied.
    #[must_use]
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Entry> {
        self.0.get(path.as_ref())
    }

    /// The text of the file that `path` leads to.
    #[must_use]
    pub fn text(&self, path: impl AsRef<Path>) -> Option<&str> {
        match self.follow(path)? {
            Entry::File(bytes) => std::str::from_utf8(bytes).ok(),
            Entry::Directory | Entry::Live(_) | Entry::Link(_) => None,
        }
    }

    /// The path that `path` leads to when the links on it are followed, as a reader's path walk does; `None` when
    /// nothing is there.
    #[must_use]
    pub fn real_path(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let mut left: Vec<_> = path.as_ref().iter().rev().map(PathBuf::from).collect();
        let (mut at, mut links) = (PathBuf::new(), 0);
        while let Some(name) = left.pop() {
            if name == Path::new("..") {
                at.pop();
                continue;
            }
            at.push(name);
            if let Some(Entry::Link(target)) = self.0.get(&at) {
                links += 1;
                if links > LINKS {
                    return None;
                }
                at.pop();
                let names = Path::new(target).components().rev();
                left.extend(
                    names
                        .filter(|name| *name != Component::CurDir)
                        .map(|name| PathBuf::from(name.as_os_str())),
                );
            }
        }
        let mut below = self.0.range(at.clone()..);
        below.next().is_some_and(|(found, _)| found.starts_with(&at)).then_some(at)
    }

    /// The entry at the end of `path` when the links on it are followed; `None` for a directory that is only implied.
    #[must_use]
    pub fn follow(&self, path: impl AsRef<Path>) -> Option<&Entry> {
        self.0.get(&self.real_path(path)?)
    }

    /// The names in the directory that `path` leads to.
    #[must_use]
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let Some(at) = self.real_path(path) else { return Vec::new() };
        let inside = self.0.range(at.clone()..).take_while(|(found, _)| found.starts_with(&at));
        let first = inside.filter_map(|(found, _)| found.strip_prefix(&at).ok()?.iter().next());
        let mut names: Vec<_> = first.map(|name| name.to_string_lossy().into_owned()).collect();
        names.dedup();
        names
    }

    /// The entries in the directory `path`, with paths relative to it.
    #[must_use]
    pub fn subtree(&self, path: &Path) -> Self {
        let inside = self.0.range(path.to_owned()..).take_while(|(found, _)| found.starts_with(path));
        let from_there = inside.filter_map(|(found, entry)| Some((found.strip_prefix(path).ok()?, entry)));
        let below = from_there.filter(|(found, _)| !found.as_os_str().is_empty());
        Self(below.map(|(found, entry)| (found.to_owned(), entry.clone())).collect())
    }

    pub(super) fn directory(&mut self, path: impl Into<PathBuf>) {
        self.put(path.into(), Entry::Directory);
    }

    pub(super) fn file(&mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) {
        self.put(path.into(), Entry::File(content.into()));
    }

    pub(super) fn live(&mut self, path: impl Into<PathBuf>, live: Live) {
        self.put(path.into(), Entry::Live(live));
    }

    pub(super) fn link(&mut self, path: impl Into<PathBuf>, target: impl Into<String>) {
        self.put(path.into(), Entry::Link(target.into()));
    }

    fn put(&mut self, path: PathBuf, entry: Entry) {
        let before = self.0.insert(path, entry);
        debug_assert!(before.is_none(), "two entries at one path");
    }
}
