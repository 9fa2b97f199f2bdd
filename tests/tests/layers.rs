//! The house stays in order: layers import downwards, no two files import each other, files and functions stay small, and a
//! type's name stands for one thing (ARCHITECTURE.md, docs/decisions/0029-layers.md).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::Visit;

mod graph;

use graph::{Import, Sources, attributes, cycles, defined, is_for_tests};

/// The layers of core, from the ground up. A file uses its own layer and those before it.
const LAYERS: [&str; 8] =
    ["values", "formats", "engine", "partners", "bills", "exports", "deliveries", "audit"];

/// The crates, with their root files.
const CRATES: [(&str, &str); 3] =
    [("core", "core/src/lib.rs"), ("sinks", "sinks/src/lib.rs"), ("cli", "cli/src/main.rs")];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 100;
const PARAMETERS_MAX: usize = 6;

/// Functions that may be longer or take more, with the reason; none of them is public.
const FUNCTIONS: [(&str, &str, &str); 6] = [
    ("bills/carry.rs", "write", "one pass over a comparison, whose parts it is given"),
    (
        "bills/ingest/column.rs",
        "read",
        "the inner loop of an import: one function is one loop for the compiler",
    ),
    ("bills/ingest/mod.rs", "work", "the ends of channels that a thread owns"),
    ("bills/ingest/source.rs", "csv", "the steps of one CSV share what was read of it"),
    ("bills/ingest/source.rs", "read", "the ends of channels that a thread owns"),
    ("partners/accounts/mod.rs", "save", "what an entry of the journal states"),
];

fn read(root: &str) -> Sources {
    Sources::read(&top().join(root))
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// Returns the imports of a layer from a later one.
fn upward(imports: &[Import]) -> Vec<String> {
    let layer = |file: &str| LAYERS.iter().position(|layer| file.split('/').next() == Some(layer));
    let is_upward = |import: &&Import| match (layer(&import.from), layer(&import.to)) {
        (Some(from), Some(to)) => from < to,
        // The root and what only tests see are above all layers.
        (Some(_), None) => true,
        (None, _) => false,
    };
    let told = |import: &Import| {
        format!("{}:{}: imports `{}` of {}, a later layer", import.from, import.line, import.path, import.to)
    };
    imports.iter().filter(is_upward).map(told).collect()
}

/// Returns each cycle with the imports that make it.
fn rings(imports: &[Import]) -> Vec<String> {
    let mut found = Vec::new();
    for ring in cycles(imports) {
        found.push(format!("{} files import each other:", ring.len()));
        let within =
            imports.iter().filter(|i| ring.contains(&i.from.as_str()) && ring.contains(&i.to.as_str()));
        found.extend(within.map(|i| format!("    {}:{}: `{}` of {}", i.from, i.line, i.path, i.to)));
    }
    found
}

/// A function: what it is called, where it is, and its size.
struct Function {
    name: String,
    line: usize,
    lines: usize,
    parameters: usize,
    is_public: bool,
}

impl Function {
    fn is_small(&self) -> bool {
        self.lines <= FUNCTION_LINES_MAX && self.parameters <= PARAMETERS_MAX
    }
}

/// Collects functions outside of tests.
#[derive(Default)]
struct Functions(Vec<Function>);

impl Functions {
    fn add(&mut self, visibility: &syn::Visibility, signature: &syn::Signature, end: usize) {
        let line = signature.span().start().line;
        let parameters = signature.inputs.iter().filter(|input| matches!(input, syn::FnArg::Typed(_)));
        self.0.push(Function {
            name: signature.ident.to_string(),
            line,
            lines: end + 1 - line,
            parameters: parameters.count(),
            is_public: matches!(visibility, syn::Visibility::Public(_)),
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.vis, &item.sig, item.block.span().end().line);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.vis, &item.sig, item.block.span().end().line);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }
}

fn functions(items: &[syn::Item]) -> Vec<Function> {
    let mut functions = Functions::default();
    items.iter().for_each(|item| functions.visit_item(item));
    functions.0
}

#[test]
fn a_layer_of_core_imports_only_layers_below_it() {
    let core = read("core/src/lib.rs");
    let imports = core.imports();
    assert!(imports.len() > 500, "only {} imports were found", imports.len());
    assert_none(&upward(&imports));
    let of_no_layer = |path: &&str| !LAYERS.iter().any(|layer| path.split('/').next() == Some(layer));
    let mut others: Vec<&str> =
        core.files.iter().map(|file| file.path.as_str()).filter(of_no_layer).collect();
    others.sort_unstable();
    // The root, and the errors of all layers together.
    assert_eq!(others, ["error.rs", "lib.rs"], "these files are of no layer");
}

#[test]
fn no_files_of_a_crate_import_each_other() {
    for (name, root) in CRATES {
        let found = rings(&read(root).imports());
        assert!(found.is_empty(), "\n{name}:\n{}\n", found.join("\n"));
    }
}

#[test]
fn a_module_with_modules_is_a_folder() {
    for (name, root) in CRATES {
        let folder = top().join(root).parent().unwrap().to_owned();
        let beside = |path: &&str| {
            let stem = path.strip_suffix(".rs").unwrap();
            !stem.ends_with("mod") && folder.join(stem).is_dir()
        };
        let sources = read(root);
        let found: Vec<&str> = sources.files.iter().map(|file| file.path.as_str()).filter(beside).collect();
        assert!(
            found.is_empty(),
            "{name}: {found:?} stand beside folders of their names: call them `mod.rs`"
        );
    }
}

#[test]
fn files_and_functions_stay_small() {
    let mut found = Vec::new();
    let mut excused = Vec::new();
    for (name, root) in CRATES {
        for file in read(root).files {
            let lines = file.text.lines().count();
            if lines > FILE_LINES_MAX {
                found.push(format!("{name}/src/{}: {lines} lines, more than {FILE_LINES_MAX}", file.path));
            }
            for function in functions(&file.items).into_iter().filter(|function| !function.is_small()) {
                let Function { name: fun, line, lines, parameters, is_public } = function;
                let exception =
                    FUNCTIONS.iter().find(|(path, allowed, _)| *path == file.path && *allowed == fun);
                match exception.filter(|_| !is_public) {
                    Some(exception) => excused.push(exception),
                    None => found.push(format!(
                        "{name}/src/{}:{line}: `{fun}` has {lines} lines and {parameters} parameters; the most are \
                         {FUNCTION_LINES_MAX} and {PARAMETERS_MAX}",
                        file.path
                    )),
                }
            }
        }
    }
    let stale = FUNCTIONS.iter().filter(|exception| !excused.contains(exception));
    found.extend(stale.map(|(path, fun, _)| format!("{path}: `{fun}` is small now: take it from the list")));
    assert_none(&found);
}

#[test]
fn a_type_name_stands_for_one_type_of_core() {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in read("core/src/lib.rs").files {
        for item in file.items.iter().filter(|item| !is_for_tests(attributes(item))) {
            if let Some((name, true)) = defined(item) {
                files.entry(name).or_default().push(file.path.clone());
            }
        }
    }
    assert!(files.len() > 300, "only {} types were found", files.len());
    files.retain(|_, files| files.len() > 1);
    let twice = files.iter().map(|(name, files)| format!("`{name}`: {}", files.join(", ")));
    assert_none(&twice.collect::<Vec<_>>());
}

/// A rule that finds nothing in wrong sources holds nothing.
#[test]
fn wrong_sources_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("lib.rs", "mod engine;\nmod values;\nmod bills;\n");
    put("values/mod.rs", "pub(crate) mod money;\npub(crate) use money::Amount;\nmod day;\n");
    put("values/money.rs", "pub struct Amount;\nfn f() { let _ = crate::bills::list(); }\n");
    put("values/day.rs", "#[cfg(test)]\nmod tests { use crate::bills::list; }\n");
    put("engine/mod.rs", "mod a;\nmod b;\n");
    put("engine/a.rs", "use crate::values::Amount;\nuse super::b::B;\npub struct A(B, Amount);\n");
    put("engine/b.rs", "pub struct B;\nmacro_rules! m { () => { super::a::A } }\n");
    put("bills/mod.rs", "pub fn list() {}\nfn long(a: u8, b: u8) {\n\n\n}\n");
    let sources = Sources::read(&folder.path().join("lib.rs"));
    let imports = sources.imports();
    assert_eq!(
        upward(&imports),
        ["values/money.rs:2: imports `crate::bills::list` of bills/mod.rs, a later layer"]
    );
    assert_eq!(
        rings(&imports),
        [
            "2 files import each other:",
            "    engine/a.rs:2: `super::b::B` of engine/b.rs",
            "    engine/b.rs:2: `super::a::A` of engine/a.rs",
        ]
    );
    let bills = sources.files.iter().find(|file| file.path == "bills/mod.rs").unwrap();
    let sizes: Vec<_> = functions(&bills.items).iter().map(|f| (f.lines, f.parameters)).collect();
    assert_eq!(sizes, [(1, 0), (4, 2)]);
}
