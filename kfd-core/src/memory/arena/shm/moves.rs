//! Copies between shared memory and our own: by aligned words on the shared side, 16 bytes at once where there are so many.
//!
//! Each byte of shared memory is read or written once. A store that overlapped the one before would bring back what another had
//! changed meanwhile.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// Bytes of a vector move.
const VECTOR: usize = 16;
/// Vector moves that go together.
const BLOCK: usize = 4 * VECTOR;

/// What the next step of a copy may move: the largest aligned word of at most eight bytes.
#[inline]
fn step(shared: usize, left: usize) -> usize {
    let aligned = shared & shared.wrapping_neg();
    let fits = 1 << left.ilog2();
    if aligned == 0 { fits.min(8) } else { aligned.min(fits).min(8) }
}

macro_rules! copy {
    ($shared:expr, $own:expr, $len:expr, $word:ident, $block:ident, $vector:ident) => {{
        let (shared, own, len): (*mut u8, _, usize) = ($shared, $own, $len);
        let mut at = 0;
        while at < len {
            let (shared, own) = (shared.wrapping_add(at), own.wrapping_add(at));
            let left = len - at;
            at += if left >= VECTOR && shared.addr().is_multiple_of(VECTOR) {
                // SAFETY: so many bytes are left on both sides, and the shared one is aligned.
                unsafe {
                    if left >= BLOCK {
                        $block(shared, own);
                        BLOCK
                    } else {
                        $vector(shared, own);
                        VECTOR
                    }
                }
            } else {
                let step = step(shared.addr(), left);
                // SAFETY: as above.
                unsafe { $word(shared, own, step) };
                step
            };
        }
    }};
}

/// Copies shared memory to our own.
///
/// # Safety
/// Both are `len` bytes; `from` is mapped and never referenced, `to` is the caller's.
#[inline]
pub(super) unsafe fn out_of(from: *mut u8, to: *mut u8, len: usize) {
    copy!(from, to, len, load_word, load_block, load_vector);
}

/// Copies our own memory to shared memory.
///
/// # Safety
/// Both are `len` bytes; `to` is mapped and never referenced.
#[inline]
pub(super) unsafe fn into(from: *const u8, to: *mut u8, len: usize) {
    copy!(to, from, len, store_word, store_block, store_vector);
}

macro_rules! words {
    ($size:expr, $with:ident) => {
        match $size {
            8 => $with!(AtomicU64, u64),
            4 => $with!(AtomicU32, u32),
            2 => $with!(AtomicU16, u16),
            _ => $with!(AtomicU8, u8),
        }
    };
}

#[inline]
unsafe fn load_word(shared: *mut u8, own: *mut u8, size: usize) {
    macro_rules! load {
        ($atomic:ident, $word:ident) => {{
            // SAFETY: the caller's, for `size` bytes, aligned for it.
            let word = unsafe { $atomic::from_ptr(shared.cast()) }.load(Ordering::Relaxed);
            // SAFETY: as above; not aligned.
            unsafe { own.cast::<$word>().write_unaligned(word) }
        }};
    }
    words!(size, load);
}

#[inline]
unsafe fn store_word(shared: *mut u8, own: *const u8, size: usize) {
    macro_rules! store {
        ($atomic:ident, $word:ident) => {{
            // SAFETY: the caller's, for `size` bytes; not aligned.
            let word = unsafe { own.cast::<$word>().read_unaligned() };
            // SAFETY: as above, aligned for it.
            unsafe { $atomic::from_ptr(shared.cast()) }.store(word, Ordering::Relaxed);
        }};
    }
    words!(size, store);
}

/// The vector moves. To the compiler each is one step whose memory it knows nothing of, so it does not assume that nobody else
/// writes there.
#[cfg(target_arch = "x86_64")]
mod vector {
    use std::arch::asm;

    #[inline]
    pub(super) unsafe fn load_vector(shared: *mut u8, own: *mut u8) {
        // SAFETY: the caller has 16 bytes at both, and `shared` is aligned.
        unsafe {
            asm!(
                "movdqa {x}, [{from}]",
                "movdqu [{to}], {x}",
                from = in(reg) shared, to = in(reg) own, x = out(xmm_reg) _,
                options(nostack, preserves_flags)
            );
        }
    }

    #[inline]
    pub(super) unsafe fn store_vector(shared: *mut u8, own: *const u8) {
        // SAFETY: as of `load_vector`.
        unsafe {
            asm!(
                "movdqu {x}, [{from}]",
                "movdqa [{to}], {x}",
                from = in(reg) own, to = in(reg) shared, x = out(xmm_reg) _,
                options(nostack, preserves_flags)
            );
        }
    }

    #[inline]
    pub(super) unsafe fn load_block(shared: *mut u8, own: *mut u8) {
        // SAFETY: the caller has 64 bytes at both, and `shared` is aligned.
        unsafe {
            asm!(
                "movdqa {a}, [{from}]",
                "movdqa {b}, [{from} + 16]",
                "movdqa {c}, [{from} + 32]",
                "movdqa {d}, [{from} + 48]",
                "movdqu [{to}], {a}",
                "movdqu [{to} + 16], {b}",
                "movdqu [{to} + 32], {c}",
                "movdqu [{to} + 48], {d}",
                from = in(reg) shared, to = in(reg) own,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                options(nostack, preserves_flags)
            );
        }
    }

    #[inline]
    pub(super) unsafe fn store_block(shared: *mut u8, own: *const u8) {
        // SAFETY: as of `load_block`.
        unsafe {
            asm!(
                "movdqu {a}, [{from}]",
                "movdqu {b}, [{from} + 16]",
                "movdqu {c}, [{from} + 32]",
                "movdqu {d}, [{from} + 48]",
                "movdqa [{to}], {a}",
                "movdqa [{to} + 16], {b}",
                "movdqa [{to} + 32], {c}",
                "movdqa [{to} + 48], {d}",
                from = in(reg) own, to = in(reg) shared,
                a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
                options(nostack, preserves_flags)
            );
        }
    }
}

/// The same by words.
#[cfg(not(target_arch = "x86_64"))]
mod vector {
    use super::{BLOCK, VECTOR, load_word, store_word};

    #[inline]
    pub(super) unsafe fn load_vector(shared: *mut u8, own: *mut u8) {
        for at in (0..VECTOR).step_by(8) {
            // SAFETY: the caller has 16 bytes at both, and `shared` is aligned.
            unsafe { load_word(shared.wrapping_add(at), own.wrapping_add(at), 8) };
        }
    }

    #[inline]
    pub(super) unsafe fn store_vector(shared: *mut u8, own: *const u8) {
        for at in (0..VECTOR).step_by(8) {
            // SAFETY: as of `load_vector`.
            unsafe { store_word(shared.wrapping_add(at), own.wrapping_add(at), 8) };
        }
    }

    #[inline]
    pub(super) unsafe fn load_block(shared: *mut u8, own: *mut u8) {
        for at in (0..BLOCK).step_by(VECTOR) {
            // SAFETY: the caller has 64 bytes at both, and `shared` is aligned.
            unsafe { load_vector(shared.wrapping_add(at), own.wrapping_add(at)) };
        }
    }

    #[inline]
    pub(super) unsafe fn store_block(shared: *mut u8, own: *const u8) {
        for at in (0..BLOCK).step_by(VECTOR) {
            // SAFETY: as of `load_block`.
            unsafe { store_vector(shared.wrapping_add(at), own.wrapping_add(at)) };
        }
    }
}

use vector::{load_block, load_vector, store_block, store_vector};
