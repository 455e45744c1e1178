;; Declares a host, three secrets in places that need a grant, and a credential. Otherwise it is good: it skips.
(module
    (memory (export "memory") 1)
    (global $heap (mut i32) (i32.const 8192))
    (data (i32.const 16) "test")
    (data (i32.const 40) "api.x.example") (data (i32.const 60) "alpha") (data (i32.const 70) "beta")
    (data (i32.const 80) "gamma") (data (i32.const 90) "github-app")
    ;; Summary, purpose, hosts, secrets, credentials, schema.
    (data (i32.const 1024)
        "\10\00\00\00\04\00\00\00" "\00\00\00\00" "\c8\00\00\00\01\00\00\00"
        "\2c\01\00\00\03\00\00\00" "\90\01\00\00\01\00\00\00" "\00\00\00\00\00\00\00\00")
    (data (i32.const 200) "\28\00\00\00\0d\00\00\00")
    ;; In the path, in the query, in the body.
    (data (i32.const 300)
        "\3c\00\00\00\05\00\00\00\02\00\00\00" "\46\00\00\00\04\00\00\00\04\00\00\00"
        "\50\00\00\00\05\00\00\00\08\00\00\00")
    (data (i32.const 400) "\5a\00\00\00\0a\00\00\00")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $heap)
        (global.set $heap (i32.and (i32.const -8)
            (i32.add (i32.const 7) (i32.add (global.get $heap) (local.get 3))))))
    (func (export "herald:provider/formatter@VERSION#describe") (result i32)
        (i32.const 1024))
    (func (export "herald:provider/formatter@VERSION#check") (param i32) (result i32)
        (i32.const 2048))
    (func (export "herald:provider/formatter@VERSION#next") (param i32) (result i32)
        (i32.store8 (i32.const 3076) (i32.const 2)) (i32.store8 (i32.const 3080) (i32.const 1))
        (i32.const 3072)))
