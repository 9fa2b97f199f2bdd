//! The few things that the generated bindings need of a runtime.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Memory that lives as long as a call.
pub struct Cleanup {
    place: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// Allocates; nothing, where nothing is needed.
    pub fn new(layout: Layout) -> (*mut u8, Option<Cleanup>) {
        if layout.size() == 0 {
            return (layout.align() as *mut u8, None);
        }
        // SAFETY: the layout has a size.
        match NonNull::new(unsafe { alloc(layout) }) {
            Some(place) => (place.as_ptr(), Some(Cleanup { place, layout })),
            None => handle_alloc_error(layout),
        }
    }

    /// Leaves the memory to whoever was given it.
    pub fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and is let go of once.
        unsafe { dealloc(self.place.as_ptr(), self.layout) }
    }
}

/// Where the host puts what it hands over.
///
/// # Safety
/// As the component model's `realloc`: an old place has the length and alignment that are given.
#[cfg(target_arch = "wasm32")]
#[unsafe(export_name = "cabi_realloc")]
pub unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    if new_len == 0 {
        return align as *mut u8;
    }
    // SAFETY: the host asks for powers of two, and gives back what it got.
    let place = unsafe {
        if old_len == 0 {
            alloc(Layout::from_size_align_unchecked(new_len, align))
        } else {
            std::alloc::realloc(old, Layout::from_size_align_unchecked(old_len, align), new_len)
        }
    };
    if place.is_null() {
        std::process::abort();
    }
    place
}

/// Keeps the linker from leaving [`Cleanup`]'s neighbours out.
pub fn maybe_link_cabi_realloc() {
    #[cfg(target_arch = "wasm32")]
    {
        // A pointer that the linker has to keep.
        static KEEP: unsafe extern "C" fn(*mut u8, usize, usize, usize) -> *mut u8 = cabi_realloc;
        std::hint::black_box(&KEEP);
    }
}

/// A module without a start function has its constructors run before its first export; Rust has none of its own.
#[cfg(target_arch = "wasm32")]
pub fn run_ctors_once() {}
