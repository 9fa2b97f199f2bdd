//! Names, kept once each.

use rustc_hash::FxHashMap;

use crate::values::Amount;

/// Names that are kept once, and numbered in the order they came.
#[derive(Clone, Debug, Default)]
pub struct Names {
    known: FxHashMap<Vec<u8>, u32>,
    list: Vec<Vec<u8>>,
    last: Option<u32>,
}

impl Names {
    /// Makes names of a list in which none comes twice, to be read only.
    pub(super) fn from_distinct(list: Vec<Vec<u8>>) -> Names {
        Names { list, ..Names::default() }
    }

    /// Returns how many names there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the number of a name, without the white space around it.
    pub fn number(&mut self, name: &[u8]) -> u32 {
        let name = Amount::trim_cell(name);
        if let Some(last) = self.last
            && self.get(last) == name
        {
            return last;
        }
        let number = match self.known.get(name) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
                self.known.insert(name.to_vec(), number);
                self.list.push(name.to_vec());
                number
            }
        };
        self.last = Some(number);
        number
    }

    /// Returns the name with this number.
    pub fn get(&self, number: u32) -> &[u8] {
        self.list.get(number as usize).map_or(b"", Vec::as_slice)
    }

    /// Goes through the names, by number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.list.iter().map(Vec::as_slice)
    }

    /// Returns the name with this number as text.
    pub fn text(&self, number: u32) -> String {
        String::from_utf8_lossy(self.get(number)).into_owned()
    }
}
