//! The global allocator of a module.
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::Cell;
use core::ptr;

use crate::arithmetic::{PAGE, missing_pages, place};

#[cfg(target_feature = "atomics")]
compile_error!("this allocator is for modules of one thread");

#[global_allocator]
static BUMP: Bump = Bump { next: Cell::new(0), end: Cell::new(0) };

/// `next` is where the free space begins, `end` where memory ends; both are 0 before the first block.
struct Bump {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: without atomics, which are refused above, WebAssembly has one thread.
unsafe impl Sync for Bump {}

unsafe extern "C" {
    /// Where the linker's own data ends; only its address means something.
    static __heap_base: u8;
}

impl Bump {
    /// The first free address.
    fn next(&self) -> usize {
        if self.end.get() == 0 {
            self.next.set(ptr::addr_of!(__heap_base).addr());
            self.end.set(wasm32::memory_size::<0>() * PAGE);
        }
        self.next.get()
    }

    /// Makes everything below `upto` taken; false when there is no more memory.
    fn take(&self, upto: usize) -> bool {
        if upto > self.end.get() && !self.grow(upto) {
            return false;
        }
        self.next.set(upto);
        true
    }

    #[cold]
    fn grow(&self, upto: usize) -> bool {
        let n_pages = missing_pages(self.end.get(), upto);
        if wasm32::memory_grow::<0>(n_pages) == usize::MAX {
            return false;
        }
        // Saturating, as the very last page ends past the last address.
        self.end.set(self.end.get().saturating_add(n_pages * PAGE));
        true
    }
}

// SAFETY: a block is aligned, lies between the linker's data and the end of memory, and no later block overlaps it,
// because `next` moves past it and only comes back when that very block shrinks.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match place(self.next(), layout) {
            Some(block) if self.take(block.end) => ptr::with_exposed_provenance_mut(block.start),
            _ => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    #[inline]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let start = old.addr();
        // The last block grows and shrinks where it is: a text that is being written is the last one.
        if start + layout.size() == self.next.get() {
            return match start.checked_add(size) {
                Some(upto) if self.take(upto) => old,
                _ => ptr::null_mut(),
            };
        }
        // SAFETY: the caller promises that `size`, rounded up to this alignment, is no more than `isize::MAX`.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller promises that `size`, and with it the layout's, is not 0.
        let new = unsafe { self.alloc(wanted) };
        if !new.is_null() {
            // SAFETY: both blocks have that many bytes, and a new block overlaps no other.
            unsafe { ptr::copy_nonoverlapping(old, new, layout.size().min(size)) };
        }
        new
    }
}
