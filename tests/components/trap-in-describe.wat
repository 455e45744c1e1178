;; Traps instead of describing itself.
(module
    (memory (export "memory") 1)
    (global $heap (mut i32) (i32.const 8192))
    (data (i32.const 16) "test")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $heap)
        (global.set $heap (i32.and (i32.const -8)
            (i32.add (i32.const 7) (i32.add (global.get $heap) (local.get 3))))))
    (func (export "herald:provider/formatter@VERSION#describe") (result i32)
        (unreachable))
    (func (export "herald:provider/formatter@VERSION#check") (param i32) (result i32)
        (i32.const 2048))
    (func (export "herald:provider/formatter@VERSION#next") (param i32) (result i32)(unreachable)))
