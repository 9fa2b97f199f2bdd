//! The public names of the engine are those that are recorded: no name comes or goes by chance.
//!
//! The listing is `core/public-api.txt`. After a wanted change, run this test with `BILLKEEP_RECORD_API=1`. Then review the difference.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::{Item, UseTree, Visibility};

/// Names at the root: enough for the life of a month, and the modules.
const ROOT_MAX: usize = 60;

/// Lists the public names of a module as `module::Name`, and goes down into its public modules.
fn list(file: &Path, module: &str, names: &mut BTreeSet<String>) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut add = |name: &str| {
        names.insert(format!("{module}{name}"));
    };
    let mut inner = Vec::new();
    for item in syntax.items.iter().filter(|item| is_public(item)) {
        match item {
            Item::Use(item) => leaves(&item.tree, &mut add),
            Item::Mod(item) if item.content.is_none() => {
                add(&item.ident.to_string());
                inner.push(item.ident.to_string());
            }
            Item::Const(item) => add(&item.ident.to_string()),
            Item::Enum(item) => add(&item.ident.to_string()),
            Item::Fn(item) => add(&item.sig.ident.to_string()),
            Item::Struct(item) => add(&item.ident.to_string()),
            Item::Trait(item) => add(&item.ident.to_string()),
            Item::Type(item) => add(&item.ident.to_string()),
            _ => {}
        }
    }
    for name in inner {
        let folder = file.parent().unwrap();
        let flat = folder.join(format!("{name}.rs"));
        let at = if flat.exists() { flat } else { folder.join(&name).join("mod.rs") };
        list(&at, &format!("{module}{name}::"), names);
    }
}

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Mod(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Use(item) => &item.vis,
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_))
}

fn leaves(tree: &UseTree, add: &mut impl FnMut(&str)) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, add),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, add)),
        UseTree::Name(name) => add(&name.ident.to_string()),
        UseTree::Rename(rename) => add(&rename.rename.to_string()),
        UseTree::Glob(_) => panic!("a public module names what it exports, one by one"),
    }
}

#[test]
fn the_public_names_of_the_engine_are_those_that_are_recorded() {
    let core = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core");
    let mut names = BTreeSet::new();
    list(&core.join("src/lib.rs"), "", &mut names);
    let root = names.iter().filter(|name| !name.contains("::")).count();
    assert!(root <= ROOT_MAX, "{root} names at the root; the most are {ROOT_MAX}");
    let told: String = names.iter().map(|name| format!("{name}\n")).collect();
    let recorded = core.join("public-api.txt");
    if std::env::var_os("BILLKEEP_RECORD_API").is_some() {
        std::fs::write(&recorded, &told).unwrap();
    }
    let kept = std::fs::read_to_string(&recorded).unwrap();
    let kept: BTreeSet<&str> = kept.lines().collect();
    let now: BTreeSet<&str> = told.lines().collect();
    let new: Vec<_> = now.difference(&kept).collect();
    let gone: Vec<_> = kept.difference(&now).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:?}\ngone: {gone:?}\nrun this test with BILLKEEP_RECORD_API=1 if that is wanted"
    );
}
