//! `herald modules docs`: writes into each type's page what the module and its cases say of it.
//!
//! It knows the pages and the folders of cases; what a fact looks like, `page` knows.

use std::path::PathBuf;
use std::{fs, io};

use clap::Args;

use super::page;
use crate::cli::modules_dir::ModuleFlags;
use crate::cli::{Failed, print};

/// What stands between these lines is written here, all else by hand.
const BEGIN: &str = "<!-- facts -->\n";
const END: &str = "<!-- /facts -->\n";

/// Write into each type's page what its module and cases say.
///
/// The part of `GUESTS/<type>/README.md` between the lines `<!-- facts -->` and `<!-- /facts -->` is replaced: what the
/// module may do, its options, an example of what it sends, and where it differs from Flux. The rest stays.
#[derive(Debug, Args)]
pub(in crate::cli) struct Docs {
    #[command(flatten)]
    modules: ModuleFlags,
    /// The folder with a folder for each type.
    #[arg(long, value_name = "DIR", default_value = "guests")]
    guests: PathBuf,
    /// The folder with each type's cases.
    #[arg(long, value_name = "DIR", default_value = "tests/fixtures/providers")]
    cases: PathBuf,
    /// Write nothing, and fail when a page is not as it would be written.
    #[arg(long)]
    check: bool,
}

impl Docs {
    pub(in crate::cli) async fn run(self) -> Result<(), Failed> {
        let modules = self.modules.load_all().await?;
        let mut wrong = Vec::new();
        for loaded in modules.all() {
            let path = self.guests.join(&loaded.kind).join("README.md");
            let failed = |err: io::Error| Failed::Usage(format!("{}: {err}", path.display()));
            let text = fs::read_to_string(&path).map_err(failed)?;
            let facts = page::facts(&loaded, &self.cases.join(&loaded.kind)).map_err(failed)?;
            let Some(page) = with_facts(&text, &facts) else {
                wrong.push(format!("{} has no lines {BEGIN:?} and {END:?}", path.display()));
                continue;
            };
            if page == text {
                continue;
            }
            if self.check {
                wrong.push(format!("{} is not up to date", path.display()));
            } else {
                fs::write(&path, &page).map_err(failed)?;
                print(format_args!("{} is written", path.display()));
            }
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Failed::Run(format!(
                "{}\nrun `herald modules docs` and read what changes",
                wrong.join("\n")
            ))),
        }
    }
}

/// The page with these facts; none when it has no place for them.
fn with_facts(page: &str, facts: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some([before, BEGIN, facts, END, after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = "# slack\n\n<!-- facts -->\nold\n<!-- /facts -->\nend\n";
        assert_eq!(
            with_facts(page, "new\n").as_deref(),
            Some("# slack\n\n<!-- facts -->\nnew\n<!-- /facts -->\nend\n")
        );
        assert_eq!(with_facts("# slack\n", "new\n"), None);
    }
}
