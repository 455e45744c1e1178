//! `otel`: a span for each event, to an OpenTelemetry collector or another receiver of OTLP.
//!
//! Knows the call that exports traces over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

mod answer;
mod protobuf;
mod span;

use herald_provider::{
    Action, Base, Delivery, Description, Failure, Fragment, Module, Places, Provider, Purpose,
    Request, Url, bearer, module, place,
};

struct Otel;
module!(Otel);

impl Module for Otel {
    fn describe() -> Description {
        Description {
            secrets: vec![
                place("headers/*", Places::HEADER),
                place("token", Places::HEADER),
                place("password", Places::HEADER),
            ],
            ..Description::new("A span in OpenTelemetry", Purpose::Message)
        }
    }

    fn check(provider: &Provider) -> Vec<String> {
        provider.http_address_problem().into_iter().collect()
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        if let Some(response) = delivery.responses.last() {
            return answer::judge(response);
        }
        if delivery.event.involved_object.kind == "HelmRepository" {
            return Ok(Action::skipped(
                "a HelmRepository has no revision that others share, so it belongs to no trace",
            ));
        }
        let request = Request {
            method: "POST".to_owned(),
            url: Url::new(Base::AddressOr, ["v1", "traces"]),
            headers: Vec::new(),
            body: vec![Fragment::Bytes(span::export(&delivery))],
        }
        .with_header("content-type", vec![Fragment::text("application/x-protobuf")]);
        let request = match authorization(&delivery.provider) {
            Some(authorization) => request.with_header("authorization", authorization),
            None => request,
        };
        // The user's headers come last, so that one of them may replace it.
        Ok(request.with_headers_of(&delivery.provider).ask())
    }
}

/// Basic with a user name, otherwise the token, which may be called a password.
fn authorization(provider: &Provider) -> Option<Vec<Fragment>> {
    provider.basic().or_else(|| provider.first_secret(&["token", "password"]).map(bearer))
}

#[cfg(test)]
mod tests;
