//! Looks for bytes of a text, eight at a time: most texts have none of them, and those that have are looked through again.
//!
//! In arithmetic, not in comparisons, as compilers make a branch of each of those. It must not know what the bytes mean.

/// So many are looked at in one piece.
const PIECE: usize = 8;
/// One in each byte, and the highest bit of each byte.
const ONES: u64 = u64::from_ne_bytes([1; PIECE]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; PIECE]);

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<const N: usize> {
    bytes: [u8; N],
    below: u8,
}

impl<const N: usize> Wanted<N> {
    /// These bytes.
    pub(crate) const fn new(bytes: [u8; N]) -> Self {
        Self { bytes, below: 0 }
    }

    /// The same and all that are less than this one, which is 0x80 at most.
    pub(crate) const fn or_below(self, below: u8) -> Self {
        Self { below, ..self }
    }

    /// Where the first one is.
    #[inline]
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<usize> {
        let is_in = |piece: &[u8; PIECE]| self.is_in(u64::from_ne_bytes(*piece));
        let (pieces, rest) = bytes.as_chunks::<PIECE>();
        if let Some(nth) = pieces.iter().position(is_in) {
            let at = pieces.get(nth)?.iter().position(|byte| self.is(*byte))?;
            return Some(nth * PIECE + at);
        }
        // The end once more as a whole piece, with what was looked at before it.
        let end = bytes.last_chunk().copied().or_else(|| spread(bytes))?;
        if !is_in(&end) {
            return None;
        }
        rest.iter().position(|byte| self.is(*byte)).map(|at| bytes.len() - rest.len() + at)
    }

    fn is(&self, byte: u8) -> bool {
        self.is_in(u64::from_ne_bytes([byte; PIECE]))
    }

    /// Whether one of them is among eight bytes.
    #[inline]
    fn is_in(&self, word: u64) -> bool {
        let less = less_than(word, self.below);
        let found = |found, byte: &u8| found | less_than(word ^ (ONES * u64::from(*byte)), 1);
        self.bytes.iter().fold(less, found) != 0
    }
}

/// A piece of all the bytes of a text that is shorter than that, some of them twice; none if there are none.
fn spread(bytes: &[u8]) -> Option<[u8; PIECE]> {
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (bytes.first_chunk(), bytes.last_chunk()) {
        return Some([*a, *b, *c, *d, *e, *f, *g, *h]);
    }
    let (first, middle, last) = (*bytes.first()?, *bytes.get(bytes.len() / 2)?, *bytes.last()?);
    Some([first, middle, last, first, first, first, first, first])
}

/// Not 0 if a byte is less than `limit`, which is 0x80 at most: then taking `limit` from it borrows, and it has no highest bit.
const fn less_than(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_such_byte_is_found_wherever_it_is() {
        let wanted = Wanted::new([b'<', 0xe2]).or_below(0x20);
        for such in [b'<', 0xe2, 0, 0x1f] {
            for length in 0..40 {
                for plain in [b' ', b'a', 0x7f, 0x80, 0xff] {
                    let mut text = vec![plain; length];
                    assert_eq!(wanted.find(&text), None, "{length} of {plain}");
                    for at in (0..length).rev() {
                        text[at] = such;
                        assert_eq!(wanted.find(&text), Some(at), "{such} in {length} of {plain}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_is_told_from_every_other() {
        for such in 0..=u8::MAX {
            for byte in 0..=u8::MAX {
                let text = [byte; PIECE];
                let expected = (byte == such).then_some(0);
                assert_eq!(Wanted::new([such]).find(&text), expected, "{such} in {byte}");
                let expected = (byte < such.min(0x80)).then_some(0);
                let below = Wanted::new([]).or_below(such.min(0x80));
                assert_eq!(below.find(&text), expected, "{byte} below {such}");
            }
        }
    }
}
