use super::*;

const DEFAULT: AddressPolicy = AddressPolicy { allow_loopback: false, allow_private: true };
const OPEN: AddressPolicy = AddressPolicy { allow_loopback: true, allow_private: true };
const CLOSED: AddressPolicy = AddressPolicy { allow_loopback: false, allow_private: false };

#[track_caller]
fn check(policy: AddressPolicy, host: &str, expected: Option<Rule>) {
    let url = Url::parse(&format!("https://{host}/")).expect("the case is a URL");
    assert_eq!(
        policy.check_url(&url).err().map(|denied| denied.rule()),
        expected,
        "{host} in a URL"
    );
    assert_eq!(
        policy.check_host(host).err().map(|denied| denied.rule()),
        expected,
        "{host} by itself"
    );
}

#[test]
fn loopback_is_refused_in_every_spelling_unless_it_is_allowed() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "0x7f000001",
        "0x7f.1",
        "2130706433",
        "017700000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "127%2e0%2e0%2e1",
        "１２７.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.b.LocalHost.",
        "localhost.localdomain",
        "ip6-loopback",
    ] {
        check(DEFAULT, host, Some(Rule::Loopback));
        check(OPEN, host, None);
    }
    // Dialed, these leave for whoever unwraps them.
    for host in [
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[64:ff9b:1:7f00:0:100::]",
        "[2002:7f00:1::]",
        "[2001:0:808:808:0:0:80ff:fffe]",
        "[2606:4700::5efe:7f00:1]",
        "[2606:4700::200:5efe:7f00:1]",
    ] {
        check(DEFAULT, host, Some(Rule::Loopback));
        check(OPEN, host, Some(Rule::CarriedLoopback));
    }
    check(DEFAULT, "notlocalhost", None);
    check(DEFAULT, "localhost.example.com", None);
}

#[test]
fn metadata_services_and_link_local_addresses_are_always_refused() {
    for host in [
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "025177524776",
        "0xa9.0xfe.43518",
        "169.254.170.2",
        "169.254.169.254.",
        "[::ffff:169.254.169.254]",
        "[::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[2002:a9fe:a9fe::]",
        "[2002:a9fe:a9fe:1::1]",
        "[2001:0:a9fe:a9fe::1]",
        "[2606:4700::5efe:a9fe:a9fe]",
        "[fe80::1]",
        "[febf::1]",
    ] {
        check(OPEN, host, Some(Rule::LinkLocal));
    }
    for host in [
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd00:c1::a9fe:a9fe]",
        "[fd00:42::42]",
        "[fd00:a9fe:a9fe::1]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[::ffff:100.100.100.200]",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata%2egoogle%2Einternal",
        "metadata.goog",
        "instance-data.ec2.internal",
    ] {
        check(OPEN, host, Some(Rule::Metadata));
    }
}

#[test]
fn addresses_of_no_single_machine_are_always_refused() {
    for host in
        ["0.0.0.0", "0", "0.1.2.3", "[::]", "[::ffff:0.0.0.0]", "[64:ff9b::]", "[64:ff9b:1::]"]
    {
        check(OPEN, host, Some(Rule::Unspecified));
    }
    for host in ["224.0.0.1", "239.255.255.255", "[ff02::1]", "[::ffff:224.0.0.1]"] {
        check(OPEN, host, Some(Rule::Multicast));
    }
    for host in ["255.255.255.255", "4294967295", "240.0.0.1", "[2002:ffff:ffff::]"] {
        check(OPEN, host, Some(Rule::Broadcast));
    }
}

#[test]
fn private_networks_can_be_closed() {
    for host in [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "0xa000001",
        "[fc00::1]",
        "[fdff::1]",
        "[fec0::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
    ] {
        check(DEFAULT, host, None);
        check(CLOSED, host, Some(Rule::Private));
    }
}

#[test]
fn public_addresses_and_names_pass() {
    for host in [
        "hooks.slack.com",
        "alertmanager.monitoring.svc.cluster.local",
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "169.253.0.1",
        "[2606:4700::1111]",
        "[64:ff9b::808:808]",
        "[64:ff9b:1::808:808]",
        "[2002:808:808::1]",
        "[2606:4700::5efe:808:808]",
        "[::ffff:8.8.8.8]",
    ] {
        check(CLOSED, host, None);
    }
}

#[test]
fn only_http_is_for_requests() {
    for (url, rule) in [
        ("ftp://h/x", Rule::Scheme),
        ("nats://h:1", Rule::Scheme),
        ("file:///etc/passwd", Rule::Scheme),
        ("data:x", Rule::Scheme),
    ] {
        let url = Url::parse(url).expect("the case is a URL");
        assert_eq!(OPEN.check_url(&url).err().map(|denied| denied.rule()), Some(rule), "{url}");
    }
    assert_eq!(OPEN.check_host("").unwrap_err().rule(), Rule::NoHost);
    assert_eq!(OPEN.check_host("..").unwrap_err().rule(), Rule::NoHost);
}

#[test]
fn a_refusal_says_the_rule_and_shows_the_host_alone() {
    let url =
        Url::parse("http://user:hidden@127.1:9/hidden?hidden#hidden").expect("the case is a URL");
    let text = DEFAULT.check_url(&url).unwrap_err().to_string();
    assert_eq!(
        text,
        "`127.0.0.1` is refused: it is a loopback address; start Herald with `--allow-loopback` to reach this machine"
    );
    let text = DEFAULT
        .check_ip("::ffff:169.254.169.254".parse().expect("an address"))
        .unwrap_err()
        .to_string();
    assert!(text.contains("link-local"), "{text}");
}

#[test]
fn a_star_stands_for_exactly_one_label() {
    #[track_caller]
    fn check(host: &str, declared: &[&str], expected: bool) {
        let declared: Vec<String> = declared.iter().map(|&name| name.to_owned()).collect();
        assert_eq!(host_allowed(host, &declared), expected, "{host} by {declared:?}");
    }
    check("api.github.com", &["api.github.com"], true);
    check("API.GitHub.com.", &["api.github.COM"], true);
    check("api.github.com", &["other.example", "api.github.com"], true);
    check("x.servicebus.windows.net", &["*.servicebus.windows.net"], true);
    check("a.b.servicebus.windows.net", &["*.servicebus.windows.net"], false);
    check("servicebus.windows.net", &["*.servicebus.windows.net"], false);
    check(".servicebus.windows.net", &["*.servicebus.windows.net"], false);
    check("evil-servicebus.windows.net", &["*.servicebus.windows.net"], false);
    check("api.github.com.evil.example", &["api.github.com"], false);
    check("api.github.com", &["*"], false);
    check("api.github.com", &[], false);
    check("", &["*", ""], false);
}
