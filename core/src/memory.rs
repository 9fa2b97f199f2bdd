//! What the allocator does with memory that is free again.

/// Larger pieces do not change what it does.
const PIECE_MAX: usize = 32 << 20;

/// Has the allocator keep memory that is freed in pieces of up to so many bytes, and about twice as much in all, for whoever asks
/// next.
///
/// That of GNU's C library gets large pieces from the system each time, and gives them back when they are freed, until one of that
/// size has been freed once. Work that goes over many pieces would spend its time on that. To other allocators this says nothing.
pub(crate) fn keep_freed(bytes: usize) {
    let mut piece: Vec<u8> = Vec::new();
    let _ = piece.try_reserve_exact(bytes.min(PIECE_MAX));
    drop(std::hint::black_box(piece));
}
