//! Cuts octets into numbers and pieces. What lies behind the end is zeros, so any input means something.

/// The octets that are left.
pub(super) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn octet(&mut self) -> u8 {
        let [octet] = self.array();
        octet
    }

    /// A number below `bound`, which is at most 256 and not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.octet()) % bound
    }

    /// Yes, but only for a few of all octets.
    pub(super) fn rarely(&mut self) -> bool {
        self.octet() >= 240
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let piece = self.piece(N);
        array[..piece.len()].copy_from_slice(piece);
        array
    }

    /// The next octets, at most `len` of them.
    pub(super) fn piece(&mut self, len: usize) -> &'a [u8] {
        let (piece, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        piece
    }

    /// A piece whose length stands in front of it.
    pub(super) fn counted(&mut self) -> &'a [u8] {
        let len = usize::from(self.octet());
        self.piece(len)
    }

    /// All that is left.
    pub(super) fn all(&mut self) -> &'a [u8] {
        self.piece(self.rest.len())
    }
}
