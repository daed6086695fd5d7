module Sgm.Cli.Program

[<EntryPoint>]
let main _ =
    eprintfn "sgm: no command is implemented yet."
    2
