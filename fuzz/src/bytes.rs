//! Bytes read as choices.

pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Bytes<'_> {
    /// The next byte; zeros when there are none left.
    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn one_in(&mut self, chances: u8) -> bool {
        self.byte().is_multiple_of(chances)
    }

    pub(crate) fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// One of so many, of which there is at least one.
    pub(crate) fn index(&mut self, of: usize) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()])) % of
    }

    /// A number of any magnitude.
    pub(crate) fn number(&mut self) -> u64 {
        let magnitude = self.byte() % 65;
        let digits = u64::from_le_bytes([self.byte(), self.byte(), self.byte(), 0, 0, 0, 0, self.byte()]);
        if magnitude == 0 { 0 } else { digits >> (64 - magnitude) }
    }
}
