[<AutoOpen>]
module Sgm.Verification.Attempt

/// `attempt { let! a = …; return … }` over Result.
type AttemptBuilder() =
    member _.Bind(found, next) = Result.bind next found
    member _.Return value = Ok value
    member _.Zero() = Ok()
    member _.ReturnFrom(found: Result<_, _>) = found

let attempt = AttemptBuilder()

/// All of several, or what is wrong with the first that failed.
let every (found: Result<'item, 'reason> seq) : Result<'item list, 'reason> =
    (Ok [], found)
    ||> Seq.fold (fun before one -> before |> Result.bind (fun items -> one |> Result.map (fun item -> item :: items)))
    |> Result.map List.rev

let require condition detail reason = if condition then Ok detail else Error reason
