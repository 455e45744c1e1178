//! Accepted means kept: a short run of the crash harness. `make crash` is the long one.

use std::time::Duration;

use herald_tests::crash::{Plan, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promise_is_kept_over_kills_power_losses_and_misbehaving_receivers() {
    // Another run each time; a failure tells its seed.
    let plan = Plan { seed: fastrand::u64(..), cycles: 5, events: 800, time: Duration::ZERO };
    let verdict = run(plan).await.unwrap();
    assert!(verdict.is_good(), "{verdict}\n{}", verdict.notes.join("\n"));
    assert!(verdict.cycles >= plan.cycles && verdict.acknowledged >= plan.events, "{verdict}");
}
