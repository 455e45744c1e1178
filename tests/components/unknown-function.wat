;; Imports a function of the host that a known interface does not have.
(component
    (import "herald:provider/log@VERSION" (instance (export "read" (func (result string)))))
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter
        (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
    (export "herald:provider/formatter@VERSION" (instance $formatter)))
