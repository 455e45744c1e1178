//! Signatures without a key: what is right counts, and every step that is wrong is told by its name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use herald_controller::registry::keyless::Keyless;
use herald_controller::registry::signature::{SignatureError, Signed, Trust};
use herald_core::provider_module::Identity;
use herald_tests::registry::signature;
use herald_tests::sigstore::{ISSUED, Person, Signature, Sigstore, pair};
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::{Value, json};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/acme/modules/.github/workflows/release.yml@refs/tags/1";
const DIGEST: &str = "sha256:aa";

fn identity(issuer: &str, subject: &str) -> Identity {
    Identity { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

fn workflows() -> Identity {
    identity(
        r"^https://token\.actions\.githubusercontent\.com$",
        r"^https://github\.com/acme/modules/\.github/workflows/release\.yml@refs/tags/.*$",
    )
}

fn person() -> Person {
    Person::new(GITHUB, WORKFLOW)
}

/// Trusts this Sigstore, and lets these sign.
fn trust(sigstore: &Sigstore, identities: &[Identity]) -> Trust {
    let keyless = Keyless::parse(&sigstore.fulcio(), &sigstore.rekor(), identities).unwrap();
    Trust::Keyless(Box::new(keyless))
}

fn verify(signature: &Signature, trust: &Trust) -> Result<(), SignatureError> {
    signature.signed(&signature.bundle.to_string()).verify(trust, DIGEST)
}

fn said(signature: &Signature, trust: &Trust) -> String {
    verify(signature, trust).unwrap_err().to_string()
}

#[test]
fn whoever_may_has_signed() {
    let sigstore = Sigstore::default();
    let trusting = trust(&sigstore, &[workflows()]);
    for after in [0, 300, 599] {
        assert_eq!(verify(&sigstore.sign(DIGEST, &person(), after), &trusting), Ok(()));
    }
    // In the older form of the certificates, by mail, as one of several, and with expressions that hold no ends.
    let old = Person { is_old: true, ..person() };
    assert_eq!(verify(&sigstore.sign(DIGEST, &old, 1), &trusting), Ok(()));
    let mail = Person::new("https://accounts.example.com", "ann@example.com");
    let either = [workflows(), identity("accounts", "@example.com$")];
    let by_mail = sigstore.sign(DIGEST, &mail, 1);
    assert_eq!(verify(&by_mail, &trust(&sigstore, &either)), Ok(()));
    // What is between is either beside the signature or given.
    let lonely = Signature { chain: String::new(), ..sigstore.sign(DIGEST, &person(), 1) };
    assert!(said(&lonely, &trusting).contains("a root that is trusted here"));
    let both = format!("{}{}", sigstore.fulcio(), sigstore.between());
    let both = Keyless::parse(&both, &sigstore.rekor(), &[workflows()]).unwrap();
    assert_eq!(verify(&lonely, &Trust::Keyless(Box::new(both))), Ok(()));
}

#[test]
fn somebody_else_has_not() {
    let sigstore = Sigstore::default();
    let right = sigstore.sign(DIGEST, &person(), 1);
    for (issuer, subject) in [
        ("^https://gitlab\\.com$", ".*"),
        (".*", "^https://github\\.com/acme/other/"),
        // Each of them is right in one entry, and both in none.
        ("^https://token\\.actions\\.githubusercontent\\.com$", "^ann@example\\.com$"),
    ] {
        let identities = [identity(issuer, subject), identity("^https://accounts", "acme/modules")];
        let told = said(&right, &trust(&sigstore, &identities));
        assert!(told.contains(WORKFLOW) && told.contains(GITHUB), "{told}");
        assert!(told.contains("matchOIDCIdentity"), "{told}");
    }
    let nobody = sigstore.sign(DIGEST, &Person::new("", WORKFLOW), 1);
    let anybody = trust(&sigstore, &[identity(".*", ".*")]);
    assert!(said(&nobody, &anybody).contains("names nobody"));
    // The right names from another authority, that calls itself as the right one does.
    let other = Sigstore::default();
    let mut forged = other.sign(DIGEST, &person(), 1);
    forged.bundle = sigstore.enter(&forged.entry(), ISSUED + 1);
    assert!(said(&forged, &anybody).contains("add the root of the Fulcio"));
    forged.chain.push_str(&sigstore.between());
    assert!(said(&forged, &anybody).contains("add the root of the Fulcio"));
    // A certificate of the right authority that is for something else.
    let usage = ExtendedKeyUsagePurpose::ServerAuth;
    let server = sigstore.sign(DIGEST, &Person { usage, ..person() }, 1);
    assert!(said(&server, &anybody).contains("is not for signing code"));
}

#[test]
fn a_certificate_counts_for_its_ten_minutes() {
    let sigstore = Sigstore::default();
    let trusting = trust(&sigstore, &[workflows()]);
    for after in [-1, 601, 86_400] {
        let told = said(&sigstore.sign(DIGEST, &person(), after), &trusting);
        assert!(told.contains("was not valid when the transparency log took"), "{told}");
        assert!(told.contains(&(ISSUED + after).to_string()), "{told}");
    }
    let before_time = sigstore.sign(DIGEST, &person(), -ISSUED - 1);
    assert!(said(&before_time, &trusting).contains("was not valid when"));
}

#[test]
fn the_log_must_have_taken_in_this_signature_of_this_text_by_this_certificate() {
    let sigstore = Sigstore::default();
    let trusting = trust(&sigstore, &[workflows()]);
    let right = sigstore.sign(DIGEST, &person(), 1);
    let another = sigstore.sign("sha256:bb", &person(), 1);
    let entered =
        |entry: &Value| Signature { bundle: sigstore.enter(entry, ISSUED + 1), ..right.clone() };
    let with = |pointer: &str, value: &Value| {
        let mut entry = right.entry();
        *entry.pointer_mut(pointer).unwrap() = value.clone();
        said(&entered(&entry), &trusting)
    };
    let of_another = |pointer: &str| with(pointer, another.entry().pointer(pointer).unwrap());
    assert_eq!(verify(&entered(&right.entry()), &trusting), Ok(()));
    assert!(of_another("/spec/data/hash/value").contains("for another text"));
    assert!(with("/spec/data/hash/algorithm", &json!("sha512")).contains("for another text"));
    assert!(of_another("/spec/signature/content").contains("for another signature"));
    assert!(of_another("/spec/signature/publicKey/content").contains("for another certificate"));
    // What was signed with a bare key, entered beside a certificate that somebody found.
    let bare = json!(STANDARD.encode(pair().public_key_pem()));
    assert!(with("/spec/signature/publicKey/content", &bare).contains("for another certificate"));
    assert!(with("/kind", &json!("intoto")).contains("not hashedrekord 0.0.1"));
    assert!(said(&entered(&json!({})), &trusting).contains("not hashedrekord 0.0.1"));

    // Another log; the log's name with another key; a changed time; no entry at all.
    let other = Sigstore::default();
    let bundle = other.enter(&right.entry(), ISSUED + 1);
    let told = said(&Signature { bundle, ..right.clone() }, &trusting);
    assert!(told.contains("give that log's key as rekor.pub"), "{told}");
    let mut bundle = right.bundle.clone();
    let text = bundle["Payload"].to_string();
    bundle["SignedEntryTimestamp"] = signature(&pair(), text.as_bytes()).into();
    let told = said(&Signature { bundle, ..right.clone() }, &trusting);
    assert!(told.contains("is not signed with the log's key"), "{told}");
    let mut bundle = right.bundle.clone();
    bundle["Payload"]["integratedTime"] = (ISSUED + 2).into();
    let told = said(&Signature { bundle, ..right.clone() }, &trusting);
    assert!(told.contains("is not signed with the log's key"), "{told}");
    let told = said(&Signature { bundle: json!("nothing"), ..right }, &trusting);
    assert!(told.contains("cannot be read"), "{told}");
}

#[test]
fn a_signature_is_for_one_manifest_and_whole() {
    let sigstore = Sigstore::default();
    let trusting = trust(&sigstore, &[workflows()]);
    let right = sigstore.sign(DIGEST, &person(), 1);
    let bundle = right.bundle.to_string();
    let signed = right.signed(&bundle);
    let other = signed.verify(&trusting, "sha256:bb").unwrap_err();
    assert_eq!(other, SignatureError::OtherManifest);
    for (signed, part) in [
        (Signed { certificate: None, ..signed }, "has no certificate"),
        (Signed { bundle: None, ..signed }, "has no entry of a transparency log"),
        (Signed { certificate: Some("nothing"), ..signed }, "certificate cannot be read"),
        (Signed { signature: "?", ..signed }, "was not made with its certificate"),
        (Signed { payload: b"{}", ..signed }, "for another text"),
    ] {
        let told = signed.verify(&trusting, DIGEST).unwrap_err().to_string();
        assert!(told.contains(part), "{part}: {told}");
    }
    // The log takes in what it is given: a signature by another key than the certificate's.
    let mut odd = right.clone();
    odd.signature = signature(&pair(), odd.payload.as_bytes());
    let mut entry = odd.entry();
    entry["spec"]["signature"]["content"] = odd.signature.clone().into();
    odd.bundle = sigstore.enter(&entry, ISSUED + 1);
    assert!(said(&odd, &trusting).contains("was not made with its certificate"));
    // With a key of one's own it is another policy.
    let key = pair();
    let made = signature(&key, right.payload.as_bytes());
    let by_key = Signed { payload: signed.payload, signature: &made, ..Signed::default() };
    assert!(by_key.verify(&trusting, DIGEST).is_err());
}

#[test]
fn what_cannot_be_trusted_is_told_before_anything_is_asked() {
    let sigstore = Sigstore::default();
    let (fulcio, rekor) = (sigstore.fulcio(), sigstore.rekor());
    let anybody = [identity(".*", ".*")];
    for (fulcio, rekor, identities, part) in [
        ("", rekor.as_str(), &anybody[..], "fulcio.crt.pem is not a list of certificates"),
        (&rekor, &rekor, &anybody, "fulcio.crt.pem is not a list of certificates"),
        (&sigstore.between(), &rekor, &anybody, "fulcio.crt.pem has no root"),
        (&fulcio, "", &anybody, "rekor.pub is no public key"),
        (&fulcio, &fulcio, &anybody, "rekor.pub is no public key"),
        (&fulcio, &rekor, &[], "names nobody"),
        (&fulcio, &rekor, &[identity("(", ".*")], "matchOIDCIdentity"),
    ] {
        let told = Keyless::parse(fulcio, rekor, identities).unwrap_err().to_string();
        assert!(told.contains(part), "{part}: {told}");
    }
}
