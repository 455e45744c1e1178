use futures_util::future::BoxFuture;
use herald_core::alert::Alert;
use herald_core::provider::Provider;
use serde_json::Value;
use tokio::sync::watch;

use super::*;
use crate::sources::assemble::Identities;
use crate::sources::cluster::Judgement;
use crate::sources::cluster::seen::Seen;

/// One to whom digests make no sense.
struct Commits;

impl Judge for Commits {
    fn prepare(&self, _: BTreeSet<String>) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn check<'a>(&'a self, _: &'a Arc<Provider>) -> BoxFuture<'a, Judgement> {
        Box::pin(async { Judgement::Good })
    }

    fn revision(&self, _: &str) -> Option<String> {
        None
    }

    fn misfits(&self, alert: &Alert, kind: &str) -> Vec<String> {
        let misfits = alert.floods.digest.is_some() && kind == "github";
        misfits.then(|| "a digest does not apply".to_owned()).into_iter().collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }
}

struct NoCounts;

impl Counts for NoCounts {
    fn counts(&self) -> BoxFuture<'_, HashMap<Key, (i64, i64)>> {
        Box::pin(async { HashMap::new() })
    }
}

struct Bench {
    statuses: Statuses,
    mirror: Mirror,
    deliveries: Deliveries,
    written: mpsc::UnboundedReceiver<Desired>,
    told: mpsc::Receiver<News>,
}

impl Bench {
    /// One that leads, in a cluster whose definitions have a status.
    fn new() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (desired, written) = mpsc::unbounded_channel();
        let (news, told) = mpsc::channel(8);
        let connection = Connection::to_nowhere();
        let mut statuses =
            Statuses::new(connection, desired, news, Arc::new(NoCounts), Arc::new(Commits));
        statuses.has_status = Some(true);
        let mirror = Mirror::new(Identities::Off);
        statuses.lead(true, &mirror);
        Self { statuses, mirror, deliveries: Deliveries::silent(), written, told }
    }

    fn put(&mut self, kind: &str, generation: i64, spec: Value, annotations: Value) {
        let object = json!({
            "metadata": {
                "name": "one", "namespace": "apps", "uid": kind, "generation": generation,
                "annotations": annotations,
            },
            "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        match kind {
            "Provider" => {
                self.mirror.put_provider(Seen::of(kind, object).unwrap());
                self.statuses.outdated(&one());
            }
            _ => {
                self.mirror.put_alert(Seen::of(kind, object).unwrap());
            }
        }
        self.statuses.catalog_is_old();
    }

    /// A Provider, and an Alert that names it.
    fn put_both(&mut self, annotations: Value) {
        let spec = json!({"type": "github", "address": "https://github.com/acme/fleet"});
        self.put("Provider", 1, spec, json!({}));
        let sources = json!([{"kind": "Kustomization", "name": "*"}]);
        let spec = json!({"providerRef": {"name": "one"}, "eventSources": sources});
        self.put("Alert", 1, spec, annotations);
    }

    fn judge(&mut self, verdict: Verdict) {
        self.statuses.judge(&self.mirror, &self.deliveries, &one(), verdict);
        self.statuses.alert(&self.mirror, &one());
    }

    fn publish(&mut self) {
        self.statuses.catalog_is_current(&self.mirror, &self.deliveries);
    }

    /// What was handed to the writer: the kind, its condition Ready and what that says.
    fn offered(&mut self) -> Vec<(&'static str, String, String)> {
        let mut offered = Vec::new();
        while let Ok(Desired { kind, status, .. }) = self.written.try_recv() {
            let conditions = status["conditions"].as_array().unwrap();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
            let text = |field: &str| ready[field].as_str().unwrap().to_owned();
            offered.push((kind, text("status"), text("message")));
        }
        offered.sort();
        offered
    }
}

fn one() -> Key {
    Key::new("apps", "one")
}

fn ready(kind: &'static str, message: &str) -> (&'static str, String, String) {
    (kind, "True".to_owned(), message.to_owned())
}

#[tokio::test]
async fn nothing_is_called_ready_before_events_are_routed_by_it() {
    let mut bench = Bench::new();
    bench.put_both(json!({}));
    bench.statuses.synced(&bench.mirror);
    bench.judge(Verdict::ready("ready to send"));
    assert_eq!(bench.offered(), []);
    bench.publish();
    let both = [ready("Alert", "its Provider is ready"), ready("Provider", "ready to send")];
    assert_eq!(bench.offered(), both);

    // The catalog is there before the verdict: what was found of the last generation says nothing of this one.
    let spec = json!({"type": "github", "address": "https://github.com/acme/other"});
    bench.put("Provider", 2, spec, json!({}));
    bench.publish();
    bench.statuses.alert(&bench.mirror, &one());
    assert_eq!(bench.offered(), []);
    bench.judge(Verdict::ready("ready to send"));
    assert!(bench.offered().contains(&ready("Provider", "ready to send")));
}

#[tokio::test]
async fn a_fault_waits_for_no_catalog() {
    let mut bench = Bench::new();
    bench.put_both(json!({}));
    bench.statuses.synced(&bench.mirror);
    bench.judge(Verdict { reason: Reason::UnknownType, message: "why".to_owned() });
    let said: Vec<_> = bench.offered().into_iter().map(|(kind, ready, _)| (kind, ready)).collect();
    assert_eq!(said, [("Alert", "False".to_owned()), ("Provider", "False".to_owned())]);
}

#[tokio::test]
async fn an_alert_says_what_does_not_fit_the_type_of_its_provider() {
    let mut bench = Bench::new();
    bench.put_both(json!({"herald.dev/digest": "5m"}));
    bench.statuses.synced(&bench.mirror);
    bench.publish();
    bench.judge(Verdict::ready("ready to send"));
    let both = [ready("Alert", "a digest does not apply"), ready("Provider", "ready to send")];
    assert_eq!(bench.offered(), both);
    let news = bench.told.try_recv().unwrap();
    assert_eq!((news.kind, news.reason), ("Alert", EventReason::InvalidConfig));
    assert_eq!(news.message, "a digest does not apply");
}
