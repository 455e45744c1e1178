//! The modules of `guests/`, compiled and wrapped by the build script and embedded here.

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
