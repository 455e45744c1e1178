;; Lacks one of the functions.
(component
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter (export "describe" (func $f)) (export "check" (func $f)))
    (export "herald:provider/formatter@VERSION" (instance $formatter)))
