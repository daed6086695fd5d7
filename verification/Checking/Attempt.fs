[<AutoOpen>]
module Sgm.Verification.Attempt

/// `attempt { let! a = …; return … }` over Result.
type AttemptBuilder() =
    member _.Bind(found, next) = Result.bind next found
    member _.Return value = Ok value
    member _.Zero() = Ok()
    member _.ReturnFrom(found: Result<_, _>) = found

let attempt = AttemptBuilder()
let require condition detail reason = if condition then Ok detail else Error reason
