//! The forms that exports have besides the default one, and how they are asked for.

use super::{Home, MARCH};

/// Shapes and divisions, as the oracles name them.
pub const FORMS: [&str; 10] = [
    "l3-monthly",
    "l2",
    "l1",
    "pack",
    "l3/customer",
    "l3/reseller",
    "l3-monthly/customer",
    "l3-monthly/reseller",
    "l2/customer",
    "l2/reseller",
];

/// Exports March in a form, into a folder of the home.
#[track_caller]
pub fn export(home: &Home, form: &str, folder: &str, more: &[&str]) {
    let (shape, per) = form.split_once('/').unwrap_or((form, "consolidated"));
    let to = home.path(folder);
    let args = ["export", MARCH, "--shape", shape, "--divide", per, "-o", to.to_str().unwrap()];
    home.ok(args.iter().chain(more));
}
