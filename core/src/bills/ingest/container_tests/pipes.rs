//! What can be read only once is kept while it is read, within bounds, and leaves nothing behind.

use super::*;
use crate::bills::ingest::{Import, Input, Limits};

fn read(house: &House, bytes: &[u8], limits: &Limits) -> Result<Input, ImportError> {
    Input::read("standard input", bytes, house.folder.path(), limits)
}

#[test]
fn what_came_through_a_pipe_is_imported_as_a_file_is() {
    let house = House::new();
    let input = read(&house, bill("\r\n").as_bytes(), &Limits::default()).unwrap();
    let request = ImportRequest { mode: Some(crate::bills::ImportMode::Monthly), ..ImportRequest::default() };
    let actor = Actor { name: "lin".into(), at_unix_s: 1 };
    let (settings, limits) = (ImportSettings::default(), Limits::default());
    for times in 0..2 {
        // It can be read again.
        let report = house
            .store
            .import_input(
                &input,
                &Import {
                    request: request.clone(),
                    settings: settings.clone(),
                    limits: limits.clone(),
                    ..Import::by(&actor)
                },
            )
            .unwrap();
        assert_eq!((report.digest.lines(), report.file.name.as_str()), (3, "standard input"));
        assert_eq!(matches!(report.outcome, Outcome::Unchanged { same_file: true, .. }), times > 0);
    }
    drop(input);
    let left: Vec<_> =
        std::fs::read_dir(house.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["store"]);
}

#[test]
fn a_pipe_without_end_is_cut_off() {
    let house = House::new();
    let limits = Limits { piped_bytes_max: 1 << 20, ..Limits::default() };
    let endless = std::io::Read::chain(HEADER.as_bytes(), std::io::repeat(b'a'));
    let error = Input::read("standard input", endless, house.folder.path(), &limits).unwrap_err().to_string();
    assert!(error.contains("`standard input`") && error.contains("GiB"), "{error}");
    let error =
        Input::read("zeros", std::io::repeat(0), house.folder.path(), &limits).unwrap_err().to_string();
    assert!(error.contains("no CSV"), "{error}");
    let whole = vec![b'a'; 1 << 20];
    assert!(read(&house, &whole, &limits).is_ok());
}

#[test]
fn a_store_beside_which_nothing_is_named_lies_in_this_folder() {
    assert_eq!(Import::folder_of(Path::new("a.redb")), Path::new("."));
    assert_eq!(Import::folder_of(Path::new("x/a.redb")), Path::new("x"));
}
