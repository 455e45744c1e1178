//! The alerts of an object that are open as far as is known, as they are remembered between deliveries.

/// The most that one recovery closes: the host answers eight questions in an attempt (rule R1 in `wit/host-rules.md`).
const MAX_OPEN: usize = 8;

/// Aliases, oldest first; a blank stands between two.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) aliases: Vec<String>,
}

impl Open {
    pub(crate) fn read(remembered: Option<&str>) -> Self {
        let aliases = remembered.unwrap_or_default().split(' ').filter(|alias| !alias.is_empty());
        Self { aliases: aliases.take(MAX_OPEN).map(str::to_owned).collect() }
    }

    /// Adds an alert as the newest, and forgets the oldest where there are too many.
    pub(crate) fn add(&mut self, alias: &str) {
        self.aliases.retain(|other| other != alias);
        if self.aliases.len() == MAX_OPEN {
            self.aliases.remove(0);
        }
        self.aliases.push(alias.to_owned());
    }

    pub(crate) fn to_text(&self) -> String {
        self.aliases.join(" ")
    }
}
