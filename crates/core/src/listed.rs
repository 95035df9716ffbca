//! Many things in one message.

use std::fmt::Display;

/// The first `most` of these with commas between, and how many there are besides: `a, b and 3 more`.
pub fn listed<T: Display>(things: &[T], most: usize) -> String {
    let shown: Vec<String> = things.iter().take(most).map(T::to_string).collect();
    let shown = shown.join(", ");
    match things.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted() {
        assert_eq!(listed::<u8>(&[], 2), "");
        assert_eq!(listed(&["a", "b"], 2), "a, b");
        assert_eq!(listed(&[1, 2, 3, 4], 2), "1, 2 and 2 more");
    }
}
