use super::*;

fn parse(text: &str) -> Result<ListenAddr, ParseListenAddrError> {
    text.parse()
}

fn check(text: &str, host: Host, port: u16) {
    let address = parse(text).expect("an address");
    assert_eq!(address, ListenAddr { host, port }, "{text}");
    assert_eq!(address.to_string(), text);
}

fn check_refused(text: &str, part: &str) {
    let error = parse(text).expect_err(text).to_string();
    assert!(error.contains(&format!("`{text}`")) && error.contains(part), "{text}: {error}");
}

#[test]
fn addresses_are_read_as_flux_writes_them() {
    check(":9090", Host::Any, 9090);
    check(":0", Host::Any, 0);
    check("127.0.0.1:0", Host::Ip(Ipv4Addr::LOCALHOST.into()), 0);
    check("[::1]:9090", Host::Ip(Ipv6Addr::LOCALHOST.into()), 9090);
    check("localhost:9090", Host::Name("localhost".to_owned()), 9090);
}

#[test]
fn a_bad_address_is_quoted_with_what_to_write() {
    check_refused("9090", "write `:9090`");
    check_refused("", "write `:9090`");
    check_refused(":", "a number from 0 to 65535");
    check_refused(":65536", "a number from 0 to 65535");
    check_refused(":+80", "a number from 0 to 65535");
    check_refused("::1:9090", "IPv6 in brackets");
    check_refused("http://localhost:9090", "IPv6 in brackets");
}

async fn bind(text: &str) -> Result<Listener, ListenError> {
    Listener::bind(&parse(text).expect("an address")).await
}

#[tokio::test]
async fn a_port_alone_listens_everywhere_and_shows_a_reachable_address() {
    let listener = bind(":0").await.expect("a port is free");
    assert!(listener.local_addr().ip().is_unspecified());
    assert_ne!(listener.local_addr().port(), 0);
    let reachable = listener.reachable_addr();
    assert_eq!(reachable.ip(), Ipv4Addr::LOCALHOST);
    let connected = tokio::net::TcpStream::connect(reachable).await;
    assert!(connected.is_ok(), "IPv4 reaches {}", listener.local_addr());
}

#[tokio::test]
async fn a_name_listens_where_it_points() {
    let listener = bind("localhost:0").await.expect("a port is free");
    assert!(listener.local_addr().ip().is_loopback());
    assert_eq!(listener.reachable_addr(), listener.local_addr());
}

#[tokio::test]
async fn what_cannot_be_bound_says_why_and_what_to_change() {
    let check = |result: Result<Listener, ListenError>, parts: [&str; 2]| {
        let error = result.expect_err("it cannot be bound").to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    let taken = bind("127.0.0.1:0").await.expect("a port is free");
    let text = taken.local_addr().to_string();
    check(bind(&text).await, [&text, "stop it or choose another port"]);
    check(bind("192.0.2.1:4").await, ["`192.0.2.1:4`", "use `:4` for all it has"]);
    check(bind("no-such-host.invalid:5").await, ["`no-such-host.invalid:5`", "use an IP address"]);

    let everywhere = bind(":0").await.expect("a port is free");
    let text = format!(":{}", everywhere.local_addr().port());
    check(bind(&text).await, [&text, "stop it or choose another port"]);
}
