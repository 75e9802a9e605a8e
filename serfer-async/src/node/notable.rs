//! Warnings that do not flood a log.

/// Whether the `count`th time is worth an operator's attention: the first, tenth, hundredth time and so on.
pub(crate) fn is_notable(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|zeros| 10_u64.pow(zeros) == count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_get_rarer() {
        let told: Vec<u64> = (0..2000).filter(|&n| is_notable(n)).collect();
        assert_eq!(told, [1, 10, 100, 1000]);
    }
}
