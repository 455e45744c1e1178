//! Reads DER as far as the names in a certificate need it. It must not know what the parts mean.

/// What is left of the content of an element.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One element: its tag, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|element| element.tag == tag).map(|element| element.content)
    }

    /// The content of the first element with this tag among those that are left.
    pub(super) fn seek(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.find_map(|element| (element.tag == tag).then_some(element.content))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Element<'a>;

    /// None at the end and where it is no DER.
    fn next(&mut self) -> Option<Element<'a>> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        // Tags of several bytes stand nowhere in a certificate.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match usize::from(*first) {
            short @ 0..0x80 => (short, rest),
            long => {
                let (digits, rest) = rest.split_at_checked(long & 0x7f)?;
                if !(1..=4).contains(&digits.len()) {
                    return None;
                }
                let add = |sum: usize, digit: &u8| (sum << 8) | usize::from(*digit);
                (digits.iter().fold(0, add), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Element { tag: *tag, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_one_after_the_other() {
        let long = [&[0x04, 0x82, 0x01, 0x00][..], &[7; 256]].concat();
        let bytes = [&[0x02, 0x01, 0x05][..], &long, &[0x05, 0x00]].concat();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.expect(0x02), Some(&[5][..]));
        assert_eq!(reader.next().map(|element| element.content.len()), Some(256));
        assert_eq!(reader.expect(0x05), Some(&[][..]));
        assert_eq!(reader.next(), None);
        assert_eq!(Reader::new(&bytes).seek(0x05), Some(&[][..]));
    }

    #[test]
    fn what_is_no_der_ends_the_reading() {
        let cases: [&[u8]; 7] = [
            &[],
            &[0x30],
            &[0x30, 0x05, 0x00],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x85, 0, 0, 0, 0, 1, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x1f, 0x01, 0x00],
        ];
        for bytes in cases {
            assert_eq!(Reader::new(bytes).next(), None, "{bytes:?}");
        }
    }
}
