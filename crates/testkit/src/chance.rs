//! Chance that a seed decides: the same question always has the same answer.

/// A source of numbers that look random. SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The chance of one event: `what` tells it from all others of the same seed. It does not depend on what
    /// was asked before, so a run is the same whatever the order of its calls.
    pub fn of(seed: u64, what: &[&str]) -> Self {
        // FNV-1a over the parts, each ended by a byte that no UTF-8 text has.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for part in what {
            for byte in part.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        Self(hash)
    }

    /// The next number of all that there are.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `bound - 1`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound.max(1)
    }

    /// One of these, which may not be none; the first ones as likely as the last.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let position = self.below(from.len() as u64) as usize;
        from.get(position).cloned().expect("something to pick from")
    }

    /// True in `percent` of a hundred cases.
    pub fn percent(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_everything_and_seeds_differ() {
        let draw = |seed| {
            let mut chance = Chance::of(seed, &["create", "a"]);
            (0..8).map(|_| chance.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let hits = (0..10_000)
            .filter(|seed| Chance::of(*seed, &["x"]).percent(20))
            .count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
    }
}
