//! Numbers that look random and are the same for the same seed.

/// A generator: Steele, Lea and Flood's SplitMix64 (<https://doi.org/10.1145/2714064.2660195>).
pub struct Draws(u64);

impl Draws {
    /// One for each case of a seed.
    pub fn of(seed: u64, case: &str) -> Self {
        let mut draws = Self(seed);
        for byte in case.bytes() {
            draws.0 = draws.number() ^ u64::from(byte);
        }
        draws
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 1 to `most`.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.number() % most + 1
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.number() % of.len() as u64).unwrap()]
    }
}
