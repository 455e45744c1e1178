//! Where the next block lies and how much memory it lacks: numbers only, nothing is touched.
#![cfg_attr(
    not(any(test, all(target_family = "wasm", target_os = "unknown"))),
    expect(dead_code, reason = "only the allocator uses it, and only WebAssembly has that")
)]

use core::alloc::Layout;
use core::ops::Range;

/// The size of a page of WebAssembly memory.
pub(crate) const PAGE: usize = 65_536;

/// The addresses of a block of this layout, the first at or after `next`; none when there are no such addresses.
pub(crate) fn place(next: usize, layout: Layout) -> Option<Range<usize>> {
    // An alignment is a power of two.
    let past = layout.align() - 1;
    let start = next.checked_add(past)? & !past;
    Some(start..start.checked_add(layout.size())?)
}

/// How many pages it takes for memory that ends at `end` to reach `upto`.
pub(crate) fn missing_pages(end: usize, upto: usize) -> usize {
    upto.saturating_sub(end).div_ceil(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(next: usize, size: usize, align: usize, expected: Option<Range<usize>>) {
        let layout =
            Layout::from_size_align(size, align).expect("the table has only legal layouts");
        assert_eq!(place(next, layout), expected);
    }

    #[test]
    fn a_block_begins_at_the_next_aligned_address() {
        check(1000, 5, 1, Some(1000..1005));
        check(1000, 8, 8, Some(1000..1008));
        check(1001, 8, 8, Some(1008..1016));
        check(1007, 0, 16, Some(1008..1008));
        check(1, 10, 4096, Some(4096..4106));
    }

    #[test]
    fn a_block_past_the_last_address_is_refused() {
        check(usize::MAX, 1, 1, None);
        check(usize::MAX - 2, 1, 8, None);
        check(usize::MAX - 8, 4, 4, Some(usize::MAX - 7..usize::MAX - 3));
    }

    #[test]
    fn memory_grows_by_whole_pages() {
        assert_eq!(missing_pages(PAGE, 10), 0);
        assert_eq!(missing_pages(PAGE, PAGE), 0);
        assert_eq!(missing_pages(PAGE, PAGE + 1), 1);
        assert_eq!(missing_pages(PAGE, 3 * PAGE), 2);
    }
}
