//! A crate's modules as they stand in its files.

use anyhow::{Context, bail};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// The text of a file, or `None` where there is none.
pub type Read<'r> = &'r dyn Fn(&str) -> Option<String>;

/// A module: a file's, or one written inside a file.
#[derive(Debug, Default)]
pub struct Module {
    /// Its names from the crate's root.
    pub path: Vec<String>,
    pub file: String,
    /// Items other than modules.
    pub defined: BTreeSet<String>,
    /// The name here, and the path that it is imported by.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Paths that all names are imported from.
    pub globs: Vec<Vec<String>>,
    /// Every path that is written here, imports among them.
    pub named: Vec<Vec<String>>,
}

/// The modules of one target.
#[derive(Debug, Default)]
pub struct Tree {
    modules: BTreeMap<Vec<String>, Module>,
}

impl Tree {
    /// Reads the target whose first file is `root`.
    ///
    /// # Errors
    /// A file that is not there or is no Rust.
    pub fn read(root: &str, read: Read<'_>) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        tree.file(Vec::new(), root, folder, read)?;
        Ok(tree)
    }

    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    pub fn module(&self, path: &[String]) -> Option<&Module> {
        self.modules.get(path)
    }

    pub fn child(&self, of: &Module, name: &str) -> Option<&Module> {
        let path: Vec<String> = of.path.iter().cloned().chain([name.to_owned()]).collect();
        self.modules.get(&path)
    }

    /// Whether the module has something of that name: otherwise the word is another crate's.
    pub fn knows(&self, module: &Module, name: &str) -> bool {
        self.child(module, name).is_some()
            || module.defined.contains(name)
            || module.imports.get(name).is_some_and(|path| path.first().is_some_and(|first| first != name))
    }

    /// `below` is the folder that the file's child modules are in.
    fn file(&mut self, path: Vec<String>, file: &str, below: &str, read: Read<'_>) -> anyhow::Result<()> {
        let text = read(file).with_context(|| format!("{file} is not there"))?;
        let parsed = syn::parse_file(&text).with_context(|| file.to_owned())?;
        self.items(path, file, below, &parsed.items, read)
    }

    fn items(
        &mut self,
        path: Vec<String>,
        file: &str,
        below: &str,
        items: &[Item],
        read: Read<'_>,
    ) -> anyhow::Result<()> {
        let mut module = Module { path: path.clone(), file: file.to_owned(), ..Module::default() };
        for item in items {
            if let Item::Mod(inner) = item {
                if for_tests(&inner.attrs) {
                    continue;
                }
                let name = inner.ident.to_string();
                let inside: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
                let deeper = format!("{below}/{name}");
                match &inner.content {
                    Some((_, items)) => self.items(inside, file, &deeper, items, read)?,
                    None => {
                        let flat = format!("{deeper}.rs");
                        let found = if read(&flat).is_some() { flat } else { format!("{deeper}/mod.rs") };
                        if inner.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
                            bail!("{file}: module {name} has a path of its own");
                        }
                        self.file(inside, &found, &deeper, read)?;
                    }
                }
                continue;
            }
            Words(&mut module).visit_item(item);
        }
        self.modules.insert(path, module);
        Ok(())
    }
}

/// Gathers what an item defines, imports and names.
struct Words<'m>(&'m mut Module);

impl Words<'_> {
    fn import(&mut self, tree: &UseTree, before: &[String]) {
        let with = |word: String| before.iter().cloned().chain([word]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
            UseTree::Name(name) if name.ident == "self" => {
                if let Some(last) = before.last() {
                    self.imported(last.clone(), before.to_vec());
                }
            }
            UseTree::Name(name) => self.imported(name.ident.to_string(), with(name.ident.to_string())),
            UseTree::Rename(rename) => {
                self.imported(rename.rename.to_string(), with(rename.ident.to_string()));
            }
            UseTree::Glob(_) => {
                self.0.globs.push(before.to_vec());
                self.0.named.push(before.to_vec());
            }
        }
    }

    fn imported(&mut self, name: String, path: Vec<String>) {
        self.0.named.push(path.clone());
        self.0.imports.insert(name, path);
    }
}

impl<'a> Visit<'a> for Words<'_> {
    fn visit_item(&mut self, item: &'a Item) {
        let (attributes, name) = match item {
            Item::Const(item) => (&item.attrs, Some(&item.ident)),
            Item::Enum(item) => (&item.attrs, Some(&item.ident)),
            Item::Fn(item) => (&item.attrs, Some(&item.sig.ident)),
            Item::Impl(item) => (&item.attrs, None),
            Item::Macro(item) => (&item.attrs, item.ident.as_ref()),
            Item::Static(item) => (&item.attrs, Some(&item.ident)),
            Item::Struct(item) => (&item.attrs, Some(&item.ident)),
            Item::Trait(item) => (&item.attrs, Some(&item.ident)),
            Item::Type(item) => (&item.attrs, Some(&item.ident)),
            Item::Union(item) => (&item.attrs, Some(&item.ident)),
            Item::Use(item) => (&item.attrs, None),
            _ => return visit::visit_item(self, item),
        };
        if for_tests(attributes) {
            return;
        }
        self.0.defined.extend(name.map(ToString::to_string));
        if let Item::Use(item) = item {
            return self.import(&item.tree, &[]);
        }
        visit::visit_item(self, item);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            self.0.named.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    /// `pub(in …)` says who may look in, and names nothing.
    fn visit_visibility(&mut self, _: &'a syn::Visibility) {}

    /// Attributes draw no arrow: `#[serde(with = …)]` and lints name other things.
    fn visit_attribute(&mut self, _: &'a Attribute) {}

    /// A macro's words are no syntax tree: every `a::b` among them counts.
    fn visit_macro(&mut self, called: &'a syn::Macro) {
        let spaced = called.tokens.to_string();
        let tight = spaced.replace(" :: ", "::").replace(":: ", "::").replace(" ::", "::");
        for word in tight.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':' || c == '$')) {
            let words: Vec<String> = word.split("::").map(str::to_owned).collect();
            if words.len() > 1 && words.iter().all(|word| !word.is_empty() && !word.contains([':', '$'])) {
                self.0.named.push(words);
            }
        }
    }
}

/// Whether an item is there for tests alone: `#[cfg(test)]`, or with more conditions beside it.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else { return false };
        let condition = list.tokens.to_string().replace(' ', "");
        let all = condition.strip_prefix("all(").and_then(|rest| rest.strip_suffix(')'));
        all.unwrap_or(&condition).split(',').any(|one| one == "test")
    })
}
