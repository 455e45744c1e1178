//! The flags that say how deliveries are paced, tried again and given up; all of them are checked at once.

use std::fmt;
use std::time::Duration;

use clap::Args;
use herald_core::provider::parse_concurrency;
use herald_core::retry::RetryPolicy;

use super::{Failed, duration};
use crate::delivery::Settings;

#[derive(Debug, Args)]
#[command(next_help_heading = "Deliveries")]
pub(super) struct DeliveryFlags {
    /// How many attempts may be under way to one Provider at a time, 1 to 64.
    ///
    /// A Provider sets its own with the annotation herald.dev/concurrency. Deliveries about one object are made one after
    /// the other in any case.
    #[arg(long, value_name = "N", env = "HERALD_CONCURRENCY", default_value = "8")]
    concurrency: String,
    /// How long a delivery waits for an earlier one about its object that is being tried again, before it passes that one.
    ///
    /// It passes only while the receiver takes other deliveries; while it takes none, order holds until deliveries are given
    /// up. 0 lets it pass at once.
    #[arg(long, value_name = "DURATION", env = "HERALD_ORDER_PATIENCE", default_value = "10m")]
    order_patience: String,
    /// The wait before the second attempt; it is doubled with each further one.
    #[arg(long, value_name = "DURATION", env = "HERALD_RETRY_FIRST", default_value = "1s")]
    retry_first: String,
    /// The longest wait that doubling leads to.
    #[arg(long, value_name = "DURATION", env = "HERALD_RETRY_MAX", default_value = "10m")]
    retry_max: String,
    /// The longest wait that a receiver may ask for, with Retry-After or a field of its own; a shorter one is obeyed exactly.
    #[arg(long, value_name = "DURATION", env = "HERALD_RETRY_HINT_MAX", default_value = "6h")]
    retry_hint_max: String,
    /// How long an event lives that is no error: what is not delivered by then is given up.
    ///
    /// A wait that the receiver asked for may lead beyond it, to one more attempt.
    #[arg(long, value_name = "DURATION", env = "HERALD_LIFE_INFO", default_value = "6h")]
    life_info: String,
    /// How long an event of severity error lives.
    #[arg(long, value_name = "DURATION", env = "HERALD_LIFE_ERROR", default_value = "72h")]
    life_error: String,
}

/// What is wrong with flags, a line each.
#[derive(Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn add(&mut self, flag: &str, what: impl fmt::Display) {
        self.0.push(format!("--{flag}: {what}"));
    }

    fn duration(&mut self, flag: &str, text: &str, may_be_zero: bool) -> Duration {
        match duration::parse(text) {
            Ok(time) if time.is_zero() && !may_be_zero => {
                self.add(flag, "must be above 0");
                time
            }
            Ok(time) => time,
            Err(problem) => {
                self.add(flag, problem);
                Duration::ZERO
            }
        }
    }
}

impl DeliveryFlags {
    /// What they say, or everything that is wrong with them.
    pub(super) fn read(&self) -> Result<(Settings, RetryPolicy), Failed> {
        let mut mistakes = Mistakes::default();
        let concurrency = parse_concurrency(&self.concurrency).map_or_else(
            |err| {
                mistakes.add("concurrency", err);
                1
            },
            usize::from,
        );
        let order_patience = mistakes.duration("order-patience", &self.order_patience, true);
        let policy = RetryPolicy {
            first: mistakes.duration("retry-first", &self.retry_first, false),
            max: mistakes.duration("retry-max", &self.retry_max, false),
            hint_max: mistakes.duration("retry-hint-max", &self.retry_hint_max, false),
            life_info: mistakes.duration("life-info", &self.life_info, false),
            life_error: mistakes.duration("life-error", &self.life_error, false),
        };
        if policy.max < policy.first && !policy.max.is_zero() {
            mistakes.add("retry-max", "is shorter than --retry-first; give a longer one");
        }
        if mistakes.0.is_empty() {
            Ok((Settings { concurrency, order_patience }, policy))
        } else {
            Err(Failed::Usage(mistakes.0.join("\n")))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        flags: DeliveryFlags,
    }

    fn read(args: &[&str]) -> Result<(Settings, RetryPolicy), String> {
        let args = std::iter::once("herald").chain(args.iter().copied());
        Flags::try_parse_from(args).unwrap().flags.read().map_err(|failed| match failed {
            Failed::Usage(text) => text,
            Failed::Run(text) => panic!("not the flags' fault: {text}"),
        })
    }

    #[test]
    fn the_defaults_are_those_of_the_code() {
        assert_eq!(read(&[]), Ok((Settings::default(), RetryPolicy::default())));
    }

    #[test]
    fn every_flag_has_its_effect() {
        let args = [
            ["--concurrency", "3"],
            ["--order-patience", "0"],
            ["--retry-first", "2s"],
            ["--retry-max", "4s"],
            ["--retry-hint-max", "1h"],
            ["--life-info", "1m"],
            ["--life-error", "2m"],
        ];
        let settings = Settings { concurrency: 3, order_patience: Duration::ZERO };
        let policy = RetryPolicy {
            first: Duration::from_secs(2),
            max: Duration::from_secs(4),
            hint_max: Duration::from_secs(3600),
            life_info: Duration::from_secs(60),
            life_error: Duration::from_secs(120),
        };
        assert_eq!(read(&args.concat()), Ok((settings, policy)));
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let args = [
            ["--concurrency", "65"],
            ["--order-patience", "soon"],
            ["--retry-first", "10s"],
            ["--retry-max", "5s"],
            ["--life-info", "0"],
        ];
        let told = read(&args.concat()).unwrap_err();
        let expected = [
            "--concurrency: must be a number from 1 to 64, such as 8",
            "--order-patience: \"soon\" is no duration; write it like 30s, 5m, 1h30m or 7d",
            "--life-info: must be above 0",
            "--retry-max: is shorter than --retry-first; give a longer one",
        ];
        assert_eq!(told, expected.join("\n"));
    }
}
