//! Logits to classes.

/// The class with the largest logit; the lowest among equals, 0 if there is none.
pub fn argmax<T: PartialOrd>(logits: &[T]) -> usize {
    let mut best = 0;
    for (class, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = class;
        }
    }
    best
}

/// The `count` classes with the largest logits, best first; the lowest class comes first among equals.
pub fn top(logits: &[i32], count: usize) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by_key(|&class| (std::cmp::Reverse(logits[class]), class));
    classes.truncate(count);
    classes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_class_wins_among_equals() {
        let logits = [3, 9, -1, 9, 3, i32::MIN, 7];
        assert_eq!(argmax(&logits), 1);
        assert_eq!(top(&logits, 5), [1, 3, 6, 0, 4]);
        assert_eq!(top(&logits, 9).len(), logits.len());
        assert_eq!((argmax::<i32>(&[]), top(&[], 5)), (0, vec![]));
    }
}
