;; Takes handles without end as it starts.
(component
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (func $start (loop $more (drop (call $new (i32.const 0))) (br $more)))
        (func (export "f"))
        (start $start))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func $f (canon lift (core func $i "f")))
    (instance $formatter
        (export "describe" (func $f)) (export "check" (func $f)) (export "next" (func $f)))
    (export "herald:provider/formatter@VERSION" (instance $formatter)))
