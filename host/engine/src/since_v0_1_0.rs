//! Version 0.1.0 of the interface: what a module of it exports and imports, and how values pass.
//!
//! This file and its two parts are the only ones with WIT types. They must not know limits, permissions' grants or
//! where values come from.

mod lift;
mod lower;

use herald_core::formatter::{Action, Delivery, Description, Failure, Permission, ProviderView};
use wasmtime::component::{Component, ComponentExportIndex, HasSelf, Instance, Linker};
use wasmtime::{Result, Store};

use crate::sandbox::Sandbox;
use crate::unchecked::Checked;
use wit::exports::herald::provider::formatter;
use wit::herald::provider::{full_address, log, secret_values};

/// The version in the names of the interface.
pub(crate) const VERSION: &str = "0.1.0";

/// What this version's names begin with.
pub(crate) const PACKAGE: &str = "herald:provider/";

/// The bindings that wasmtime makes from the interface.
mod wit {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "module-with-secrets",
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// An import that this version knows.
pub(crate) enum Import {
    /// Lines for the module's author; needs no permission.
    Log,
    /// What only a module with the permission may see.
    Permission(Permission),
}

impl Import {
    /// The import of this name, if this version has it.
    pub(crate) fn named(name: &str) -> Option<Import> {
        match name.strip_prefix(PACKAGE)?.strip_suffix(VERSION)?.strip_suffix('@')? {
            "log" => Some(Import::Log),
            "full-address" => Some(Import::Permission(Permission::FullAddress)),
            "secret-values" => Some(Import::Permission(Permission::SecretValues)),
            _ => None,
        }
    }

    /// Offers it to modules.
    pub(crate) fn link(&self, linker: &mut Linker<Sandbox>) -> Result<()> {
        match self {
            Import::Log => log::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox),
            Import::Permission(Permission::FullAddress) => {
                full_address::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
            }
            Import::Permission(Permission::SecretValues) => {
                secret_values::add_to_linker::<_, HasSelf<Sandbox>>(linker, |sandbox| sandbox)
            }
        }
    }
}

impl log::Host for Sandbox {
    fn write(&mut self, level: log::Level, line: String) {
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        self.log(level, &line);
    }
}

impl full_address::Host for Sandbox {
    fn get(&mut self) -> Option<String> {
        self.disclosure.full_address()
    }
}

impl secret_values::Host for Sandbox {
    fn get(&mut self, key: String) -> Option<String> {
        self.disclosure.secret_value(&key)
    }
}

/// Where a component has the functions of this version.
pub(crate) struct Exports {
    describe: ComponentExportIndex,
    check: ComponentExportIndex,
    next: ComponentExportIndex,
}

impl Exports {
    /// Finds the functions, or says which is missing.
    pub(crate) fn find(component: &Component) -> Result<Exports, String> {
        let interface = format!("{PACKAGE}formatter@{VERSION}");
        let index = component
            .get_export_index(None, interface.as_str())
            .ok_or_else(|| interface.clone())?;
        let function = |name: &str| {
            component
                .get_export_index(Some(&index), name)
                .ok_or_else(|| format!("{interface}#{name}"))
        };
        Ok(Exports {
            describe: function("describe")?,
            check: function("check")?,
            next: function("next")?,
        })
    }

    /// Compares the functions' types with the interface.
    pub(crate) fn check_types(
        self,
        mut store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<Functions> {
        Ok(Functions {
            describe: Checked::new(&mut store, instance, self.describe)?,
            check: Checked::new(&mut store, instance, self.check)?,
            next: Checked::new(&mut store, instance, self.next)?,
        })
    }
}

type NextParams = (&'static formatter::Delivery<'static>,);
type NextAnswer = (std::result::Result<formatter::Action, formatter::Failure>,);

/// The functions of a module of this version.
pub(crate) struct Functions {
    describe: Checked<(), (formatter::Description,)>,
    check: Checked<(&'static formatter::Provider<'static>,), (Vec<String>,)>,
    next: Checked<NextParams, NextAnswer>,
}

impl Functions {
    /// Asks the module what it is.
    pub(crate) async fn describe(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
    ) -> Result<Description> {
        let (description,) = self.describe.of(&mut *store, instance)?.call_async(store, ()).await?;
        Ok(description.into())
    }

    /// Asks the module what is wrong with a provider.
    pub(crate) async fn check(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
        provider: &ProviderView,
    ) -> Result<Vec<String>> {
        let function = self.check.of(&mut *store, instance)?;
        let keys = lower::texts(&provider.secret_keys);
        let (problems,) = function.call_async(store, (&lower::provider(provider, &keys),)).await?;
        Ok(problems)
    }

    /// Asks the module what to do next for a delivery.
    pub(crate) async fn next(
        &self,
        store: &mut Store<Sandbox>,
        instance: &Instance,
        delivery: &Delivery,
    ) -> Result<std::result::Result<Action, Failure>> {
        let function = self.next.of(&mut *store, instance)?;
        let parts = lower::Parts::of(delivery);
        let responses = parts.responses();
        let (answer,) = function.call_async(store, (&parts.delivery(&responses),)).await?;
        Ok(answer.map(Action::from).map_err(Failure::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_wit_files() {
        let wit = include_str!("../../../wit/0.1.0/provider.wit");
        assert!(wit.contains(&format!("package herald:provider@{VERSION};")));
    }

    #[test]
    fn imports_are_known_by_their_whole_name() {
        let check =
            |name: &str, known: bool| assert_eq!(Import::named(name).is_some(), known, "{name}");
        check("herald:provider/log@0.1.0", true);
        check("herald:provider/full-address@0.1.0", true);
        check("herald:provider/secret-values@0.1.0", true);
        check("herald:provider/log", false);
        check("herald:provider/log0.1.0", false);
        check("herald:provider/log@0.2.0", false);
        check("herald:provider/formatter@0.1.0", false);
        check("wasi:cli/environment@0.2.6", false);
    }
}
