//! Names of objects.

/// Returns whether a text can name an object: a path, a hidden name or an empty one cannot.
pub(crate) fn is_object_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}
