//! A CSV as any program would read it.

use super::decimal::exact;
use super::figures::Figures;

/// A header and its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Sheet {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let mut rows: Vec<Vec<String>> =
            reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect();
        assert!(!rows.is_empty(), "the CSV is empty");
        Sheet { header: rows.remove(0), rows }
    }

    /// Parses CSVs with one header, one after another.
    #[track_caller]
    pub fn joined<'a>(files: impl IntoIterator<Item = &'a [u8]>) -> Sheet {
        let mut sheets = files.into_iter().map(Sheet::parse);
        let mut first = sheets.next().unwrap();
        for sheet in sheets {
            assert_eq!(sheet.header, first.header);
            first.rows.extend(sheet.rows);
        }
        first
    }

    #[track_caller]
    pub fn column(&self, name: &str) -> usize {
        self.header
            .iter()
            .position(|h| h == name)
            .unwrap_or_else(|| panic!("no `{name}` in {:?}", self.header))
    }

    /// Returns a cell without the blanks that stand around it.
    #[track_caller]
    pub fn cell(&self, row: usize, column: &str) -> &str {
        self.rows[row][self.column(column)].trim()
    }

    /// Sums up a bill with English headers.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        for row in 0..self.rows.len() {
            let cell = |name: &str| self.cell(row, name).to_owned();
            let product = match cell("ProductName") {
                empty if empty.is_empty() => "-".to_owned(),
                product => product,
            };
            let start = cell("UsageStartTime");
            let day = start.get(..10).unwrap_or("-").to_owned();
            figures.add(
                (cell("OwnerAccountID"), product, day, cell("Currency")),
                1,
                exact(&cell("TotalCost")),
            );
        }
        figures
    }
}
