//! Asks for requests that break a rule of the host.

use herald_provider::{
    Action, Base, Delivery, Encoding, Failure, Fragment, Hash, Hmac, Plain, Request, Signed, Url,
};

use crate::{With, good};

pub(crate) fn next(name: &str, delivery: &Delivery) -> Option<Result<Action, Failure>> {
    let good = good(delivery);
    let text = |text: &str| vec![Fragment::text(text)];
    let to = |base| Request { url: Url::new(base, []), ..good.clone() };
    let request = match name {
        "nothing" => good,
        "unknown method" => method(good, "TRACE"),
        "method with a line break" => method(good, "GET / HTTP/1.1\r\nX-Injected: 1\r\n\r\nPOST"),
        "thousands of headers" => (0..5000).fold(good, |request, n| {
            request.and_header(&format!("x-{n}"), vec![Fragment::text("v")])
        }),
        "header with a line break" => good.and_header("x-text", text("a\r\nX-Injected: 1")),
        "header with a control character" => good.and_header("x-text", text("a\u{0}b")),
        "header name with a line break" => {
            good.and_header("x-a\r\nX-Injected: 1\r\nx-b", text("v"))
        }
        "header name with a space" => good.and_header("x a", text("v")),
        "header twice" => good.and_header("x-twice", text("1")).and_header("X-Twice", text("2")),
        "host header" => good.and_header("Host", text("other.example")),
        "content-length header" => good.and_header("content-length", text("0")),
        "transfer-encoding header" => good.and_header("Transfer-Encoding", text("chunked")),
        "proxy header" => good.and_header("proxy-authorization", text("Basic eDp5")),
        "dot segment" => good.with_segments(vec![text("..")]),
        "dot segment of pieces" => {
            good.with_segments(vec![vec![Fragment::text("."), Fragment::Bytes(b".".to_vec())]])
        }
        "undeclared site" => to(Base::Site("https://other.example".to_owned())),
        "site on this machine" => to(Base::Site("https://127.0.0.1".to_owned())),
        "undeclared secret" => good.and_header("x-key", vec![Fragment::secret("password")]),
        "withheld secret" => good.and_header("x-key", vec![Fragment::secret("address")]),
        "secret in the path" => good.with_segments(vec![vec![Fragment::secret("token")]]),
        "secret in the query" => {
            let mut request = good;
            request.url.query.push(("key".to_owned(), vec![Fragment::secret("token")]));
            request
        }
        "secret in the body" => good.with_body(vec![Fragment::secret("token")]),
        "secret in base64 in the body" => {
            good.with_body(vec![Fragment::Base64(vec![Plain::Secret("token".to_owned())])])
        }
        "secret in a signature" => good.and_header(
            "x-signature",
            signature(Plain::Text("known".to_owned()), vec![Signed::Secret("token".to_owned())]),
        ),
        "secret as a signing key" => good.and_header(
            "x-signature",
            signature(Plain::Secret("token".to_owned()), vec![Signed::Body]),
        ),
        "body signed inside the body" => {
            good.with_body(signature(Plain::Text("known".to_owned()), vec![Signed::Body]))
        }
        "undeclared credential" => good
            .with_header("authorization", vec![Fragment::Authorization("github-app".to_owned())]),
        // Little is asked for, and much comes of it.
        "secret many times" => good.and_header("x-much", vec![Fragment::secret("token"); 50_000]),
        "secret many times in base64" => good.and_header(
            "x-much",
            vec![Fragment::Base64(vec![Plain::Secret("token".to_owned()); 50_000])],
        ),
        "body signed many times over" => {
            good.with_body(vec![Fragment::Text("x".repeat(3 << 20))]).and_header(
                "x-signature",
                signature(Plain::Text("known".to_owned()), vec![Signed::Body; 300]),
            )
        }
        _ => return None,
    };
    Some(Ok(request.finish()))
}

fn method(request: Request, method: &str) -> Request {
    Request { method: method.to_owned(), ..request }
}

fn signature(key: Plain, message: Vec<Signed>) -> Vec<Fragment> {
    vec![Fragment::Hmac(Hmac {
        hash: Hash::Sha256,
        key: vec![key],
        message,
        encoding: Encoding::Hex,
    })]
}
