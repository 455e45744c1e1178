//! What is counted of deliveries that did not arrive.

use super::*;
use crate::{Record, Tally};

#[tokio::test]
async fn what_did_not_arrive_is_counted_by_provider() {
    let bench = Bench::new().await;
    assert_eq!(bench.journal.tally().await.unwrap(), []);
    let event = bench.append(1).await;
    for (alert, provider, state) in [
        ("a", "apps/slack", State::Waiting),
        ("b", "apps/slack", State::Dead),
        ("c", "apps/slack", State::Dead),
        ("d", "apps/slack", State::Delivered),
        ("e", "apps/other", State::Waiting),
        ("f", "apps/fine", State::Delivered),
    ] {
        let row = DeliveryRow { provider: provider.into(), ..row(event, alert, state) };
        let record = Record { rows: vec![row], ..Record::default() };
        bench.journal.record_now(record).await.unwrap();
    }
    let expected = [("apps/other", 1, 0), ("apps/slack", 1, 2)]
        .map(|(provider, waiting, dead)| Tally { provider: provider.to_owned(), waiting, dead });
    assert_eq!(bench.journal.tally().await.unwrap(), expected);
}
