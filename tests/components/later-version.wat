;; Is made for a version of the interface that comes later.
(component
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter
        (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
    (export "herald:provider/formatter@0.2.0" (instance $formatter)))
