;; Imports an interface that no host has.
(component
    (import "evil:host/shell@1.0.0" (instance (export "run" (func (param "command" string)))))
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter
        (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
    (export "herald:provider/formatter@VERSION" (instance $formatter)))
