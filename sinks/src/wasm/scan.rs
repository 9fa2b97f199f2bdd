//! Limits of a plugin's file, looked at before anything sees it that calls itself for what lies within something else.
//!
//! Whoever makes a file decides how deep its types lie within one another, and how large its functions are. The libraries that read,
//! validate and compile it use stack for each level, and time and memory that grow faster than a function. A stack that is used up
//! ends the process, and cannot be caught. This walk keeps what is left of each level in a list, so no file can use up its stack.

use wasmparser::{
    BinaryReader, BinaryReaderError, ComponentType, ComponentTypeDeclaration, FunctionBody,
    InstanceTypeDeclaration, Parser, Payload, Validator, WasmFeatures,
};

/// How deep types of components and instances, and components themselves, lie within one another.
const DEPTH_MAX: usize = 100;
/// Types of components and instances in a file. One with an interpreter has some hundred.
const NESTED_TYPES_MAX: u32 = 10_000;
const SECTIONS_MAX: u32 = 100_000;
/// The largest function. The loop of an interpreter has some 100 KB.
const FUNCTION_BYTES_MAX: usize = 2 << 20;
const LOCALS_MAX: u64 = 10_000;
/// What compiling a function costs grows with its length and its locals together.
const LOCALS_BY_BYTES_MAX: u64 = 1 << 30;
/// Sections with types are components themselves. Tools write them no deeper than one in a file.
const FILES_DEEP_MAX: u8 = 3;
/// What names of sections begin with that have types in them.
pub(super) const TYPES_SECTION: &str = "component-type";

/// Refuses a file that goes beyond the limits, or that has types which no validator takes.
pub(super) fn scan(bytes: &[u8]) -> Result<(), String> {
    let mut scanned = Scanned::default();
    let mut files = vec![(bytes, 0_u8)];
    while let Some((bytes, deep)) = files.pop() {
        let mut within = Vec::new();
        scanned.file(bytes, &mut within)?;
        validate_types(bytes).map_err(|e| damaged(&e))?;
        if !within.is_empty() && deep == FILES_DEEP_MAX {
            return Err(format!(
                "its sections of types have more than {FILES_DEEP_MAX} others within one another"
            ));
        }
        files.extend(within.into_iter().map(|file| (file, deep + 1)));
    }
    Ok(())
}

fn damaged(e: &BinaryReaderError) -> String {
    format!("it is damaged: {e}")
}

/// Compares types with the rules that WebAssembly has for them; functions are left to the compiler.
fn validate_types(bytes: &[u8]) -> Result<(), BinaryReaderError> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    for payload in Parser::new(0).parse_all(bytes) {
        validator.payload(&payload?)?;
    }
    Ok(())
}

/// What was counted so far.
#[derive(Default)]
struct Scanned {
    sections: u32,
    nested_types: u32,
}

impl Scanned {
    /// Counts what a file has, and finds files in its sections of types.
    fn file<'a>(&mut self, bytes: &'a [u8], within: &mut Vec<&'a [u8]>) -> Result<(), String> {
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|e| damaged(&e))?;
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(format!("it has more than {DEPTH_MAX} components within one another"));
                    }
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CodeSectionEntry(function) => check_function(function)?,
                Payload::ComponentTypeSection(section) => {
                    let range = section.range();
                    let content = bytes.get(range.clone()).unwrap_or_default();
                    self.types(BinaryReader::new(content, range.start))?;
                }
                Payload::CustomSection(section)
                    if section.name().starts_with(TYPES_SECTION) && section.data().starts_with(b"\0asm") =>
                {
                    within.push(section.data());
                }
                _ => {}
            }
            if payload.as_section().is_some() {
                self.sections += 1;
                if self.sections > SECTIONS_MAX {
                    return Err(format!("it has more than {SECTIONS_MAX} sections"));
                }
            }
        }
        Ok(())
    }

    /// Walks through a section of types, and counts how deep they lie within one another.
    fn types(&mut self, mut reader: BinaryReader<'_>) -> Result<(), String> {
        let bad = |e: BinaryReaderError| damaged(&e);
        // What is left of each level, from the outside: the section itself, then types within types.
        let mut levels = vec![(Level::Section, reader.read_var_u32().map_err(bad)?)];
        while let Some((level, left)) = levels.last_mut() {
            let Some(others) = left.checked_sub(1) else {
                levels.pop();
                continue;
            };
            *left = others;
            let next = |reader: &BinaryReader<'_>| reader.clone().read_u8();
            if !matches!(level, Level::Section) {
                if next(&reader).map_err(bad)? != TYPE {
                    level.skip(&mut reader).map_err(bad)?;
                    continue;
                }
                reader.read_u8().map_err(bad)?;
            }
            let inner = match next(&reader).map_err(bad)? {
                COMPONENT => Level::Component,
                INSTANCE => Level::Instance,
                _ => {
                    reader.read::<ComponentType<'_>>().map_err(bad)?;
                    continue;
                }
            };
            reader.read_u8().map_err(bad)?;
            self.nested_types += 1;
            if self.nested_types > NESTED_TYPES_MAX {
                return Err(format!("it has more than {NESTED_TYPES_MAX} types of components and instances"));
            }
            if levels.len() > DEPTH_MAX {
                return Err(format!("its types lie within one another more than {DEPTH_MAX} deep"));
            }
            levels.push((inner, reader.read_var_u32().map_err(bad)?));
        }
        Ok(())
    }
}

/// What a type begins with that has others in it, and a declaration that is a type.
const COMPONENT: u8 = 0x41;
const INSTANCE: u8 = 0x42;
const TYPE: u8 = 0x01;

/// What the declarations of a level stand in.
enum Level {
    Section,
    Component,
    Instance,
}

impl Level {
    /// Reads over a declaration that is no type, and so has nothing within it.
    fn skip(&self, reader: &mut BinaryReader<'_>) -> Result<(), BinaryReaderError> {
        match self {
            Level::Component => reader.read::<ComponentTypeDeclaration<'_>>().map(drop),
            _ => reader.read::<InstanceTypeDeclaration<'_>>().map(drop),
        }
    }
}

/// Refuses a function that is too expensive to compile.
fn check_function(function: &FunctionBody<'_>) -> Result<(), String> {
    let bytes = function.range().len();
    if bytes > FUNCTION_BYTES_MAX {
        return Err(format!("a function of it has {bytes} bytes, more than {FUNCTION_BYTES_MAX}"));
    }
    let mut locals = 0_u64;
    for group in function.get_locals_reader().map_err(|e| damaged(&e))? {
        let (count, _) = group.map_err(|e| damaged(&e))?;
        locals += u64::from(count);
    }
    if locals > LOCALS_MAX {
        return Err(format!("a function of it has {locals} local variables, more than {LOCALS_MAX}"));
    }
    if locals * bytes as u64 > LOCALS_BY_BYTES_MAX {
        return Err(format!(
            "a function of it has {bytes} bytes and {locals} local variables, which together take too long to compile"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leb(mut n: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            let low = u8::try_from(n & 0x7f).unwrap();
            n >>= 7;
            bytes.push(if n == 0 { low } else { low | 0x80 });
            if n == 0 {
                return bytes;
            }
        }
    }

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        [&[id][..], &leb(content.len()), content].concat()
    }

    fn component(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
    }

    fn module(sections: &[Vec<u8>]) -> Vec<u8> {
        [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
    }

    fn custom(name: &str, data: &[u8]) -> Vec<u8> {
        section(0, &[&leb(name.len()), name.as_bytes(), data].concat())
    }

    /// Types of components (0x41) or instances (0x42), so many within one another, and a list in the last.
    fn nested(kind: u8, deep: usize) -> Vec<u8> {
        let mut types = [kind, 1, TYPE].repeat(deep);
        types.extend([0x70, 0x73]);
        section(7, &[vec![1], types].concat())
    }

    #[track_caller]
    fn refused(bytes: &[u8], words: &str) {
        let why = scan(bytes).expect_err(words);
        assert!(why.contains(words), "{why}");
    }

    #[test]
    fn types_within_types_are_counted_without_using_up_the_stack() {
        for kind in [COMPONENT, INSTANCE] {
            assert_eq!(scan(&component(&[nested(kind, 50)])), Ok(()));
            for deep in [101, 5_000, 1_000_000] {
                let bytes = component(&[nested(kind, deep)]);
                refused(&bytes, "more than 100 deep");
                refused(&module(&[custom("component-type:evil", &bytes)]), "more than 100 deep");
                refused(&component(&[section(4, &bytes)]), "more than 100 deep");
            }
        }
        // Beside one another, there are as many as a large interface has, and no more.
        let beside =
            |count: usize| component(&[section(7, &[leb(count), [INSTANCE, 0].repeat(count)].concat())]);
        assert_eq!(scan(&beside(1_000)), Ok(()));
        refused(&beside(10_001), "more than 10000 types");
    }

    #[test]
    fn components_and_sections_have_limits() {
        let mut inner = component(&[]);
        for _ in 0..200 {
            inner = component(&[section(4, &inner)]);
        }
        refused(&inner, "components within one another");
        refused(&module(&vec![custom("x", b""); 100_001]), "more than 100000 sections");
        let mut inner = component(&[]);
        for _ in 0..5 {
            inner = component(&[custom("component-type", &inner)]);
        }
        refused(&inner, "within one another");
        refused(b"\0asm\x01\0\0\0\x07", "it is damaged");
    }

    /// A module with one function of so many locals and bytes.
    fn function(locals: usize, bytes: usize) -> Vec<u8> {
        let mut body = [&[1][..], &leb(locals), &[0x7f]].concat();
        body.extend(vec![0x01; bytes]);
        body.push(0x0b);
        let code = [&[1][..], &leb(body.len()), &body].concat();
        module(&[section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)])
    }

    #[test]
    fn functions_have_limits_in_length_locals_and_both() {
        assert_eq!(scan(&function(1_000, 100_000)), Ok(()));
        refused(&function(1, (2 << 20) + 1), "more than 2097152");
        refused(&function(50_000, 10), "50000 local variables, more than 10000");
        refused(&function(10_000, 120_000), "too long to compile");
    }
}
