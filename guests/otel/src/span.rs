//! The span: what Flux's exporter sends, with ids that stay the same when it is sent again.
//!
//! Numbers of fields are those of <https://github.com/open-telemetry/opentelemetry-proto>,
//! `opentelemetry/proto/trace/v1/trace.proto`, `…/resource/v1/resource.proto` and `…/common/v1/common.proto`.

use herald_provider::{Delivery, Event};
use sha2::{Digest, Sha256};

use crate::protobuf::Writer;

/// The name of the instrumentation, by which users may search.
const SCOPE: &str = "flux:notification-controller";

/// The version of the conventions that the resource's attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.34.0";

/// The most attributes of a span (<https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits>,
/// `AttributeCountLimit`); Flux's exporter drops the rest as well.
const ATTRIBUTES_LIMIT: usize = 128;

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u64 = 1;

/// `STATUS_CODE_OK` and `STATUS_CODE_ERROR`.
const OK: u64 = 1;
const ERROR: u64 = 2;

/// As Flux sets them: sampled, and within a remote context.
const FLAGS: u32 = 0x301;

/// The export request for this event.
pub(crate) fn export(delivery: &Delivery) -> Vec<u8> {
    let alert = &delivery.alert;
    Writer::write(|w| {
        // ResourceSpans
        w.message(1, |w| {
            w.message(1, |w| {
                attribute(w, 1, "service.instance.id", &alert.uid);
                attribute(w, 1, "service.name", &[&alert.namespace, "/", &alert.name].concat());
                attribute(w, 1, "service.namespace", &alert.namespace);
            });
            // ScopeSpans
            w.message(2, |w| {
                w.message(1, |w| {
                    w.bytes(1, SCOPE);
                });
                w.message(2, |w| span(w, delivery));
            });
            w.bytes(3, SCHEMA);
        });
    })
}

fn span(w: &mut Writer, delivery: &Delivery) {
    let event = &delivery.event;
    let object = &event.involved_object;
    let start = event.timestamp.as_ref().unwrap_or(&delivery.now).seconds;
    // The clock of a controller may be ahead of ours.
    let end = delivery.now.seconds.max(start);
    w.bytes(1, trace_id(delivery))
        .bytes(2, span_id(&delivery.id))
        .bytes(5, [&object.kind, ": ", &object.namespace, "/", &object.name].concat())
        .varint(6, INTERNAL)
        .fixed64(7, nanoseconds(start))
        .fixed64(8, nanoseconds(end));
    let attributes = attributes(event);
    let n_dropped = attributes.len().saturating_sub(ATTRIBUTES_LIMIT);
    for (key, value) in attributes.into_iter().take(ATTRIBUTES_LIMIT) {
        attribute(w, 9, key, value);
    }
    if n_dropped > 0 {
        w.varint(10, n_dropped as u64);
    }
    w.message(15, |w| {
        if event.is_error() {
            if !event.message.is_empty() {
                w.bytes(2, &event.message);
            }
            w.varint(3, ERROR);
        } else {
            // A description is for errors alone: https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
            w.varint(3, OK);
        }
    });
    w.fixed32(16, FLAGS);
}

/// The object, then the metadata, which replaces what has its name.
fn attributes(event: &Event) -> Vec<(&str, &str)> {
    let object = &event.involved_object;
    let mut attributes: Vec<(&str, &str)> = vec![
        ("object.uid", &object.uid),
        ("object.kind", &object.kind),
        ("object.name", &object.name),
        ("object.namespace", &object.namespace),
    ];
    let n_own = attributes.len();
    for (key, value) in &event.metadata {
        match attributes.iter_mut().take(n_own).find(|(name, _)| name == key) {
            Some(own) => own.1 = value,
            None => attributes.push((key, value)),
        }
    }
    attributes
}

fn attribute(w: &mut Writer, field: u64, key: &str, value: &str) {
    w.message(field, |w| {
        w.bytes(1, key).message(2, |w| {
            w.bytes(1, value);
        });
    });
}

/// What all events of one Alert and one revision share: a change on its way through the controllers is one trace.
fn trace_id(delivery: &Delivery) -> [u8; 16] {
    let event = &delivery.event;
    let of_chart = event.metadata_value("app-version").zip(event.metadata_value("oci-digest"));
    let revision = match of_chart {
        Some((version, digest)) => [version, "@", digest].concat(),
        None => event.metadata_value("revision").unwrap_or("unknown").to_owned(),
    };
    let hash = Sha256::digest([&delivery.alert.uid, ":", revision.as_str()].concat());
    hash.first_chunk().copied().unwrap_or_default()
}

/// The first half of the delivery's id, so that an attempt that is made again sends the same span.
fn span_id(delivery_id: &str) -> [u8; 8] {
    let half = delivery_id.get(..16).unwrap_or_default();
    u64::from_str_radix(half, 16).unwrap_or(1).to_be_bytes()
}

fn nanoseconds(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000_000)
}
