//! A crate's files, what each one defines, and which file names what of which other one.
//!
//! Sources are parsed, not compiled. Declarations (`mod x;`) and re-exports (`pub use`) are no imports by themselves: a name
//! that is reached through a re-export counts for the file that defines it. Code for tests is left out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::Visit;
use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// A module's path within its crate, from the root: empty for the root itself.
type ModulePath = Vec<String>;

/// How many re-exports a name is followed through.
const REEXPORTS_MAX: usize = 16;

/// What a name in a module stands for.
enum Meaning {
    Own,
    Module,
    /// The path that is imported under this name.
    Alias(Vec<String>),
}

struct Module {
    /// The place in the list of files.
    file: usize,
    names: HashMap<String, Meaning>,
    globs: Vec<Vec<String>>,
}

/// A path that a file names, with its line.
struct Named {
    file: usize,
    module: ModulePath,
    path: Vec<String>,
    line: usize,
}

/// An import of one file from another: the first line that makes it.
pub(super) struct Import {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) line: usize,
    pub(super) path: String,
}

/// A source file of a crate.
pub(super) struct SourceFile {
    /// Its path below the source folder, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) items: Vec<Item>,
}

/// The parsed files of a crate.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) files: Vec<SourceFile>,
    modules: BTreeMap<ModulePath, Module>,
    named: Vec<Named>,
}

impl Sources {
    /// Reads a crate from its root file.
    pub(super) fn read(root: &Path) -> Sources {
        let mut sources = Sources::default();
        sources.add_file(root.parent().unwrap(), root, Vec::new());
        sources
    }

    fn add_file(&mut self, top: &Path, path: &Path, module: ModulePath) {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let shown = path.strip_prefix(top).unwrap().to_str().unwrap().replace('\\', "/");
        let file = self.files.len();
        self.files.push(SourceFile { path: shown, text, items: Vec::new() });
        // The folder of the modules that this file only declares.
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let folder = match stem {
            "lib" | "main" | "mod" => path.parent().unwrap().to_owned(),
            _ => path.parent().unwrap().join(stem),
        };
        self.add_items(top, &folder, file, &syntax.items, module);
        self.files[file].items = syntax.items;
    }

    fn add_items(&mut self, top: &Path, folder: &Path, file: usize, items: &[Item], module: ModulePath) {
        let mut here = Module { file, names: HashMap::new(), globs: Vec::new() };
        let mut inner = Vec::new();
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Use(item) => self.add_use(item, &mut here, &module),
                Item::Mod(item) => {
                    here.names.insert(item.ident.to_string(), Meaning::Module);
                    inner.push(item);
                }
                item => {
                    if let Some((name, _)) = defined(item) {
                        here.names.insert(name, Meaning::Own);
                    }
                    let mut paths = Paths::default();
                    paths.visit_item(item);
                    let named = paths.found.into_iter().map(|(path, line)| Named {
                        file,
                        module: module.clone(),
                        path,
                        line,
                    });
                    self.named.extend(named);
                }
            }
        }
        self.modules.insert(module.clone(), here);
        for item in inner {
            let name = item.ident.to_string();
            let mut path = module.clone();
            path.push(name.clone());
            match &item.content {
                Some((_, items)) => self.add_items(top, &folder.join(&name), file, items, path),
                None => {
                    let flat = folder.join(format!("{name}.rs"));
                    let at = if flat.exists() { flat } else { folder.join(&name).join("mod.rs") };
                    self.add_file(top, &at, path);
                }
            }
        }
    }

    /// Adds what an import brings; what is re-exported is only named here.
    fn add_use(&mut self, item: &ItemUse, here: &mut Module, module: &ModulePath) {
        let is_private = matches!(item.vis, Visibility::Inherited);
        let mut trees = vec![(Vec::new(), &item.tree)];
        while let Some((mut path, tree)) = trees.pop() {
            let (name, shown) = match tree {
                UseTree::Path(inner) => {
                    path.push(inner.ident.to_string());
                    trees.push((path, &inner.tree));
                    continue;
                }
                UseTree::Group(group) => {
                    trees.extend(group.items.iter().map(|tree| (path.clone(), tree)));
                    continue;
                }
                UseTree::Glob(_) => {
                    here.globs.push(path);
                    continue;
                }
                UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
                UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
            };
            let shown = if shown == "self" { path.last().unwrap().clone() } else { shown };
            if name != "self" {
                path.push(name);
            }
            if is_private {
                let line = item.span().start().line;
                self.named.push(Named { file: here.file, module: module.clone(), path: path.clone(), line });
            }
            if path.len() > 1 || path[0] != shown {
                here.names.entry(shown).or_insert(Meaning::Alias(path));
            }
        }
    }

    /// Finds the file that defines what a path names, as seen from a module; none for what other crates define.
    fn file_of(&self, module: &ModulePath, path: &[String], depth: usize) -> Option<usize> {
        if depth > REEXPORTS_MAX {
            return None;
        }
        let mut at = module.clone();
        let mut rest = path;
        while let Some((name, after)) = rest.split_first() {
            let here = self.modules.get(&at)?;
            match (name.as_str(), here.names.get(name)) {
                ("crate", _) => at.clear(),
                ("self", _) => {}
                ("super", _) => drop(at.pop()?),
                (_, Some(Meaning::Own)) => return Some(here.file),
                (_, Some(Meaning::Module)) => at.push(name.clone()),
                (_, Some(Meaning::Alias(alias))) => {
                    let full = [alias, after].concat();
                    return if full == rest { None } else { self.file_of(&at, &full, depth + 1) };
                }
                (_, None) => {
                    let through_glob =
                        |glob: &Vec<String>| self.file_of(&at, &[glob, rest].concat(), depth + 1);
                    // A macro of the module may have made it.
                    let made = (rest.len() < path.len()).then_some(here.file);
                    return here.globs.iter().find_map(through_glob).or(made);
                }
            }
            rest = after;
        }
        self.modules.get(&at).map(|module| module.file)
    }

    /// Returns every import of a file from another file of the crate, once.
    pub(super) fn imports(&self) -> Vec<Import> {
        let mut found = BTreeMap::new();
        for Named { file, module, path, line } in &self.named {
            let Some(to) = self.file_of(module, path, 0).filter(|to| to != file) else { continue };
            found.entry((*file, to)).or_insert_with(|| Import {
                from: self.files[*file].path.clone(),
                to: self.files[to].path.clone(),
                line: *line,
                path: path.join("::"),
            });
        }
        found.into_values().collect()
    }
}

/// Collects the paths of several parts that code names, also within macros.
#[derive(Default)]
struct Paths {
    found: Vec<(Vec<String>, usize)>,
}

impl Paths {
    fn add_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut line, mut colons) = (Vec::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add(std::mem::take(&mut path), line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.add(std::mem::take(&mut path), line);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add(path, line);
    }

    fn add(&mut self, path: Vec<String>, line: usize) {
        if path.len() > 1 {
            self.found.push((path, line));
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(names, path.span().start().line);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let names = call.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.found.push((names, call.path.span().start().line));
        self.add_tokens(call.tokens.clone());
    }
}

/// Says whether an item is compiled for tests only.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("cfg") && list.is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

/// Returns the attributes of an item that can be for tests only.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the name that an item defines, and whether that is a type's.
pub(super) fn defined(item: &Item) -> Option<(String, bool)> {
    Some(match item {
        Item::Const(item) => (item.ident.to_string(), false),
        Item::Enum(item) => (item.ident.to_string(), true),
        Item::Fn(item) => (item.sig.ident.to_string(), false),
        Item::Macro(item) => (item.ident.as_ref()?.to_string(), false),
        Item::Static(item) => (item.ident.to_string(), false),
        Item::Struct(item) => (item.ident.to_string(), true),
        Item::Trait(item) => (item.ident.to_string(), true),
        Item::Type(item) => (item.ident.to_string(), true),
        _ => return None,
    })
}

/// Returns the groups of files that reach each other through imports, each sorted.
pub(super) fn cycles(imports: &[Import]) -> BTreeSet<Vec<&str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for start in next.keys() {
        let seen = reached.entry(start).or_default();
        let mut open = vec![*start];
        while let Some(file) = open.pop() {
            open.extend(next.get(file).into_iter().flatten().copied().filter(|to| seen.insert(*to)));
        }
    }
    let back = |file: &str, other: &str| reached.get(other).is_some_and(|all| all.contains(file));
    reached
        .iter()
        .filter(|(file, all)| all.contains(**file))
        .map(|(file, all)| all.iter().copied().filter(|other| back(file, other)).collect())
        .collect()
}
