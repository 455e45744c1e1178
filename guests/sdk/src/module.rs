//! The one trait of a module, and how it becomes the component's exports.
//!
//! Knows the generated bindings, so that no author has to.

use std::marker::PhantomData;

use crate::bindings::exports::herald::provider::formatter::Guest;
use crate::{Action, Delivery, Description, Failure, Provider, note};

/// A provider type.
///
/// Its functions are pure: the same arguments give the same answer, and nothing is kept between two calls.
pub trait Module {
    /// What the host needs to know before the first delivery.
    fn describe() -> Description;

    /// Everything wrong with this Provider that can be told without an event, each with what to change; none makes it
    /// ready.
    fn check(provider: &Provider) -> Vec<String>;

    /// The next thing to do for this delivery.
    ///
    /// # Errors
    ///
    /// Says why the delivery cannot go on, in words for the Provider's owner.
    fn next(delivery: Delivery) -> Result<Action, Failure>;
}

/// Makes the type a component's exports; once in each module.
///
/// ```ignore
/// struct Example;
/// herald_provider::module!(Example);
/// impl herald_provider::Module for Example { … }
/// ```
#[macro_export]
macro_rules! module {
    ($module:ident) => {
        const _: () = {
            type Exported = $crate::Exported<$module>;
            // Only WebAssembly has exports with such names; elsewhere a module is compiled for its unit tests.
            #[cfg(target_family = "wasm")]
    $crate::bindings::export_module!(Exported with_types_in $crate::bindings);
            #[cfg(not(target_family = "wasm"))]
            const _: Option<Exported> = None;
        };
    };
}

/// The exports of the module `M`: what each call begins with, then the module's own function.
#[doc(hidden)]
pub struct Exported<M>(PhantomData<M>);

impl<M: Module> Guest for Exported<M> {
    fn describe() -> Description {
        note::leave_on_panic();
        M::describe()
    }

    fn check(provider: Provider) -> Vec<String> {
        note::leave_on_panic();
        M::check(&provider)
    }

    fn next(delivery: Delivery) -> Result<Action, Failure> {
        note::leave_on_panic();
        M::next(delivery)
    }
}
