use super::*;

const SHA1: &str = "a1afe267b54f38b46b487f6e938a6fd508278c07";
const SHA256: &str = "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813";

#[test]
fn addresses_of_all_forms_are_read() {
    let check = |address: &str, expected: Option<(&str, &str)>| {
        let parsed = Address::parse(address).map(|address| (address.host, address.path));
        assert_eq!(parsed, expected, "{address}");
    };
    let github = Some(("github.com", "owner/repo"));
    check("https://github.com/owner/repo", github);
    check("https://github.com/owner/repo.git", github);
    check("https://github.com/owner/repo/", github);
    check("https://github.com//owner/repo.git/", github);
    check("http://github.com/owner/repo", github);
    check("HTTPS://github.com/owner/repo", github);
    check("https://user:p@ss@github.com/owner/repo", github);
    check("https://github.com/owner/repo?x=1#y", github);
    check("ssh://git@github.com/owner/repo.git", github);
    check("git@github.com:owner/repo.git", github);
    check("git@github.com:/owner/repo.git", github);
    check("github.com:owner/repo", github);
    check(" https://github.com/owner/repo\n", github);
    check("ssh://git@git.example:2222/owner/repo", Some(("git.example:2222", "owner/repo")));
    check("https://git.example:8443/a/b/c.git", Some(("git.example:8443", "a/b/c")));
    check("https://github.com", Some(("github.com", "")));
    check("https:///owner/repo", None);
    check("ftp://github.com/owner/repo", None);
    check("github.com/owner/repo", None);
    check("project", None);
    check("", None);
}

#[test]
fn owner_and_name_are_exactly_two_parts() {
    let check = |path, expected| {
        assert_eq!(Address { host: "h", path }.owner_and_name(), expected, "{path}");
    };
    check("owner/repo", Some(("owner", "repo")));
    check("owner", None);
    check("owner/", None);
    check("a/b/c", None);
    check("owner//repo", None);
    check("", None);
}

#[test]
fn percent_encoding_is_undone() {
    let check = |part: &str, expected: &str| assert_eq!(decoded(part), expected, "{part}");
    check("", "");
    check("plain.repo", "plain.repo");
    check("Fleet%20Project", "Fleet Project");
    check("gr%C3%B6%c3%9fe", "größe");
    check("%2525", "%25");
    check("50%", "50%");
    check("%zz%4", "%zz%4");
    check("%FF", "%FF");
}

#[test]
fn a_commit_is_taken_from_every_form_of_revision() {
    let check = |revision: &str, expected: Option<&str>| {
        assert_eq!(commit(revision), expected, "{revision}");
    };
    check(SHA1, Some(SHA1));
    check(&format!("sha1:{SHA1}"), Some(SHA1));
    check(&format!("main/{SHA1}"), Some(SHA1));
    check(&format!("main@sha1:{SHA1}"), Some(SHA1));
    check(&format!("feature/x@sha1:{SHA1}"), Some(SHA1));
    check(&format!("main@sha256:{SHA256}"), Some(SHA256));
    check(SHA256, Some(SHA256));
    check(&SHA1.to_uppercase(), Some(&SHA1.to_uppercase()));
    check("main", None);
    check("6.0.1", None);
    check("main@sha1:a1afe26", None);
    check(&format!("main@sha1:{}", SHA1.replace('a', "g")), None);
    check(&format!("{SHA1}:"), None);
    check("", None);
}
