;; Imports a permission.
(component
    (import "herald:provider/secret-values@VERSION" (instance
        (export "get" (func (param "key" string) (result (option string))))))
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter
        (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
    (export "herald:provider/formatter@VERSION" (instance $formatter)))
