//! What Herald sends in a case, held against what the vendor takes.

use std::fs;
use std::path::{Path, PathBuf};

use herald_tests::definitions;
use libtest_mimic::{Failed, Trial};

/// The trial of a case in which something is sent.
pub(crate) fn trial(kind: &str, id: &str, case: PathBuf) -> Option<Trial> {
    let sends = ["1.request.json", "REFUSED"].iter().any(|name| case.join(name).exists());
    let kind = kind.to_owned();
    sends.then(|| Trial::test(format!("{id} is taken"), move || check(&kind, &case)))
}

fn check(kind: &str, case: &Path) -> Result<(), Failed> {
    let mut problems = Vec::new();
    for (number, request) in (1..).zip(crate::expected(case)?.requests) {
        let found = definitions::problems(kind, &request);
        problems.extend(found.iter().map(|problem| format!("{number}.request.json: {problem}")));
    }
    let is_excused = match fs::read_to_string(case.join("REFUSED")) {
        Ok(why) if why.trim().is_empty() => return Err("REFUSED does not say why".into()),
        Ok(_) => true,
        Err(_) => false,
    };
    match (is_excused, problems.is_empty()) {
        (false, true) | (true, false) => Ok(()),
        (false, false) => Err(problems.join("\n").into()),
        (true, true) => Err("it is taken: remove REFUSED".into()),
    }
}
