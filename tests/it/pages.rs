//! The page of each type: what a program wrote into it is what the program would write now, and its example works.

use std::fs;
use std::process::Command;

use herald_controller::modules::{self, Modules};
use herald_controller::sources::folder::from_texts;
use herald_tests::herald::{binary, output, root};

#[test]
fn the_facts_on_every_page_are_up_to_date() {
    let ran =
        output(Command::new(binary()).args(["modules", "docs", "--check"]).current_dir(root()));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn the_example_on_every_page_is_a_provider_without_a_mistake() {
    let modules = Modules::new(modules::engine().unwrap());
    let mut found = Vec::new();
    for kind in modules.types() {
        let page = fs::read_to_string(root().join("guests").join(&kind).join("README.md")).unwrap();
        let example = page
            .split("```yaml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .unwrap_or_else(|| panic!("the page of {kind} has no example"));
        let loaded = from_texts(&[("README.md", example)]);
        found.extend(loaded.mistakes.iter().map(|mistake| format!("{kind}: {mistake}")));
        let provider = loaded.catalog.providers.values().next();
        let provider = provider.unwrap_or_else(|| panic!("the example of {kind} has no Provider"));
        assert_eq!(provider.kind, kind, "the example is of another type");
        let problems = modules.check(provider).await;
        found.extend(problems.iter().map(|problem| format!("{kind}: {problem}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
