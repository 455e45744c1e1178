//! Two processes: one writes, and the other takes over when it is gone.

use serde_json::json;

use crate::provider;
use crate::world::{eventually, metric, run};

const FLAGS: [&str; 4] = [
    "--enable-leader-election",
    "--leader-election-lease-duration=6s",
    "--leader-election-renew-deadline=4s",
    "--leader-election-retry-period=500ms",
];

#[test]
fn a_second_process_takes_over_the_lease_and_writes_on() {
    run(async |world| {
        world.namespace("apps").await;
        let first = world.herald(&FLAGS).await;
        let leads = async |herald: &_| metric(herald, "herald_cluster_leading ").await == Some(1.0);
        eventually("the first one leads", async || leads(&first).await).await;
        let second = world.herald(&FLAGS).await;
        world.apply(&provider("v1beta3", "apps", "one", json!({"type": "pigeon"}))).await;
        world.ready("Provider", "apps", "one", "False UnknownType").await;
        assert!(!leads(&second).await);

        // It cannot give the Lease back.
        first.kill().await;
        world.apply(&provider("v1beta3", "apps", "two", json!({"type": "pigeon"}))).await;
        world.ready("Provider", "apps", "two", "False UnknownType").await;
        assert!(leads(&second).await);

        // One that ends in order does, so that nobody waits.
        let third = world.herald(&FLAGS).await;
        assert_eq!(second.stop().await, Some(0));
        eventually("the third one leads", async || leads(&third).await).await;
        world.apply(&provider("v1beta3", "apps", "three", json!({"type": "pigeon"}))).await;
        world.ready("Provider", "apps", "three", "False UnknownType").await;
        third.stop().await;
    });
}
