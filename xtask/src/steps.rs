//! Steps one after the other, each with its duration, and a summary of them all.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What has been done so far.
#[derive(Debug, Default)]
pub struct Steps {
    done: Vec<(String, Duration, Outcome)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Succeeded,
    Failed(String),
    Skipped(String),
}

impl Steps {
    /// Takes a step. When it fails that is shown and kept, and `None` comes back: what does not need it can go
    /// on, so that one run shows everything that is wrong.
    pub fn take<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        println!("\n== {name}");
        let start = Instant::now();
        let result = step();
        let took = start.elapsed();
        let (outcome, value) = match result {
            Ok(value) => (Outcome::Succeeded, Some(value)),
            Err(error) => (Outcome::Failed(format!("{error:#}")), None),
        };
        println!("== {name}: {}", line(took, &outcome));
        self.done.push((name.to_owned(), took, outcome));
        value
    }

    /// Notes that a step was not taken.
    pub fn skip(&mut self, name: &str, why: &str) {
        let outcome = Outcome::Skipped(why.to_owned());
        self.done.push((name.to_owned(), Duration::ZERO, outcome));
    }

    /// Shows all steps.
    ///
    /// # Errors
    /// One of them has failed, or was skipped where nothing may be.
    pub fn finish(self, all: bool) -> Result<()> {
        let width = self.done.iter().map(|(name, _, _)| name.len()).max().unwrap_or(0);
        println!("\n== summary");
        for (name, took, outcome) in &self.done {
            println!("{name:width$}  {}", line(*took, outcome));
        }
        let total: Duration = self.done.iter().map(|(_, took, _)| *took).sum();
        println!("{:width$}  {}", "total", seconds(total));
        let failed = self
            .done
            .iter()
            .filter(|(_, _, outcome)| matches!(outcome, Outcome::Failed(_)))
            .count();
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.done.len());
        }
        let skipped = |(_, _, outcome): &&(String, Duration, Outcome)| matches!(outcome, Outcome::Skipped(_));
        if all && let Some((name, _, _)) = self.done.iter().find(skipped) {
            bail!("nothing may be skipped here, and {name} was");
        }
        Ok(())
    }
}

fn line(took: Duration, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Succeeded => format!("{} ok", seconds(took)),
        Outcome::Failed(why) => format!("{} FAILED: {why}", seconds(took)),
        Outcome::Skipped(why) => format!("{:>8} skipped: {why}", "-"),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:>6.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_fails_the_whole_and_lets_the_others_go_on() {
        let mut steps = Steps::default();
        assert_eq!(steps.take("one", || Ok(1)), Some(1));
        steps.skip("two", "not needed");
        let so_far = || Steps {
            done: steps.done.clone(),
        };
        assert!(so_far().finish(false).is_ok());
        let error = so_far().finish(true).unwrap_err().to_string();
        assert_eq!(error, "nothing may be skipped here, and two was");
        assert_eq!(steps.take::<()>("three", || bail!("no")), None);
        assert_eq!(steps.take("four", || Ok(4)), Some(4));
        assert_eq!(
            steps.finish(false).unwrap_err().to_string(),
            "1 of 4 steps failed"
        );
    }
}
