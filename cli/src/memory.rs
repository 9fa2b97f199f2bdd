//! How this program has memory from the system: what was freed is kept for what is needed next, and the first of it is handed out in large pages.
//!
//! Blocks and roll-ups are unpacked into pieces of some 100 KB to some MB which live for milliseconds. The allocator of GNU's C library gives
//! free memory back above twice the largest piece that was freed, so until a large one was, each of them was fetched from the system
//! anew, page by page of 4 KiB, and those pages alone are a sixth of the time of sums. To other allocators none of this says anything
//! (docs/decisions/0019-vectors.md).

/// The largest piece that is kept: as much as a stretch of an import has.
const KEPT_BYTES: usize = 16 << 20;

/// Tells the allocator, before anything large is asked of it. Where there is not so much memory, there is nothing to keep.
pub(crate) fn prepare() {
    let mut piece: Vec<u8> = Vec::new();
    let _ = piece.try_reserve_exact(KEPT_BYTES);
    drop(std::hint::black_box(piece));
    // Pieces up to that size come from the heap now, of which this is the beginning.
    let mut piece: Vec<u8> = Vec::new();
    if piece.try_reserve_exact(KEPT_BYTES - LARGE_PAGE).is_ok() {
        in_large_pages(&mut piece);
    }
    drop(std::hint::black_box(piece));
}

/// A large page of x86-64 and of most others.
const LARGE_PAGE: usize = 2 << 20;

/// Asks for the room of a piece in large pages: of 4 KiB each would be fetched when it is touched first.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the system is told of memory by a pointer")]
fn in_large_pages(piece: &mut Vec<u8>) {
    let room = piece.spare_capacity_mut();
    let before = room.as_ptr().align_offset(LARGE_PAGE);
    let Some(aligned) = room.get_mut(before..) else { return };
    let bytes = aligned.len() - aligned.len() % LARGE_PAGE;
    // SAFETY: all of it is room of this piece, and the advice changes neither what is in it nor what may be done with it. Whether it is
    // taken does not matter.
    unsafe { libc::madvise(aligned.as_mut_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn in_large_pages(_piece: &mut Vec<u8>) {}
