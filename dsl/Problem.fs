namespace Sgm

/// One step of a path into an experiment.
[<RequireQualifiedAccess>]
type Segment =
    /// A field or a parameter: `target`, `mean`, `schedule`.
    | Part of name: string
    /// The i-th (from 1) of several: `component 2`, `step 3`.
    | Item of name: string * index: int

    override this.ToString() =
        match this with
        | Part name -> name
        | Item(name, index) -> $"{name} {index}"

/// A path into an experiment, such as target / component 2 / weight; empty for the whole.
type Place = Segment list

/// A character of a file. Line and column count from 1.
type Position =
    {
        File: string
        Line: int
        Column: int
        /// The part of the line around the character, and the character's index in it.
        Excerpt: string
        Caret: int
    }

    override this.ToString() = $"{Visible.line this.File}:{this.Line}:{this.Column}"

    /// Column `column` of the line that `text` holds from `start` to before `finish`.
    static member In(file: string, line: int, column: int, text: string, start: int, finish: int) =
        let width = 110
        let first = if column <= width then start else start + column - width / 2
        let excerpt = text.Substring(min first finish, max 0 (min width (finish - first)))

        {
            File = file
            Line = line
            Column = column
            Excerpt = (excerpt |> String.map (fun c -> if Visible.isHidden c then ' ' else c)).TrimEnd()
            Caret = start + column - 1 - first
        }

[<RequireQualifiedAccess>]
type Severity =
    | Error
    | Warning

/// What can be wrong. Every case carries what was found and what is allowed; `Message` says it in words.
[<RequireQualifiedAccess>]
type Fault =
    // The text.
    | Unreadable of file: string * reason: string
    | Syntax of found: string * expected: string list
    | Unclosed of opening: string
    | Tab
    | TooDeep of limit: int
    | TooManyOperators of limit: int
    | MalformedNumber of found: string
    | Misaligned of found: int * expected: int
    // Words and fields.
    | UnknownField of found: string * allowed: string list
    | RepeatedField of field: string * firstLine: int
    | MissingField of field: string * example: string
    | NeedsParentheses of field: string
    | UnknownWord of found: string * kind: string * allowed: string list
    | WrongKind of found: string * expected: string * advice: string option
    | WrongArity of word: string * found: int * expected: int * signature: string * example: string
    | NumberTooLarge of found: string * allowed: string
    // Names and formulas.
    | RepeatedName of name: string * firstLine: int
    | ReservedName of name: string
    | UnknownName of found: string * allowed: string list
    | UnusedName of name: string
    | NoArguments of name: string
    | NoValue of reason: string
    | WrongClaim of claim: string * example: string
    | NotAFamily of name: string
    | UnknownSetting of name: string * allowed: string list
    | TooManyCells of found: float * limit: int
    // Values.
    | VelocityUnderVe
    | NoStepUnder of word: string * forward: string * instead: string
    | NotTraining of word: string
    | NotPlain of word: string
    | PureNoise of advice: string
    | BetweenListed of word: string
    | OutOfRange of found: string * allowed: string
    | Empty of what: string
    | DimensionMismatch of found: int64 * expected: int64 * reference: string
    | TooManyDimensions of found: float * limit: int
    | TooManyFactors of found: float * limit: int
    | WeightSum of found: float
    | NestedMixture
    | NotNormal of found: string
    | NotSymmetric of row: int * column: int * upper: float * lower: float
    | NotPositiveDefinite of smallest: float * largest: float
    | NotSamples of found: string
    | NotDecreasing of index: int * before: float * found: float
    | PredictorOutside
    | SecondPredictor
    | NestedAnneal
    | PriorWithoutAnneal
    | RepeatedProbe of name: string
    | ReservedProbe of name: string
    | NeedsNoise of word: string
    | NoSignal of word: string * parameter: float * size: float
    | TooManySteps of found: float * limit: float
    // Data files.
    | UnreadableData of file: string * reason: string
    | EmptyData of file: string
    | RaggedRow of found: int * expected: int
    | DataTooLarge of file: string * found: int64 * limit: int64
    | TooManyColumns of found: int * limit: int
    | TooManyValues of limit: int
    | LineTooLong of limit: int
    | HeaderWidth of names: string list * found: int
    | MissingValue of found: string
    | BadQuote
    | BadCell of found: string
    | NonFiniteCell of found: string
    | UnreadableNetwork of file: string * reason: string
    | WrongFunction of name: string * reason: string
    | TooFewRows of file: string * found: int
    | ConstantColumn of file: string * column: int
    // Warnings: the experiment runs, but may not do what its author thinks.
    | Unstable of h: float * largest: float * parameter: float * estimated: bool
    | ZeroStep of word: string
    | LevelJump of before: float * after: float
    | LargeMemory of needed: float * available: float
    | IndexColumn of file: string

/// A fault, where it is in the experiment and, for text, where that was written.
type Problem =
    {
        Place: Place
        Fault: Fault
        Position: Position option
    }

    member this.Severity =
        match this.Fault with
        | Fault.Unstable _
        | Fault.ZeroStep _
        | Fault.LevelJump _
        | Fault.LargeMemory _
        | Fault.UnusedName _
        | Fault.IndexColumn _ -> Severity.Warning
        | _ -> Severity.Error

/// Problems while they are collected: a check goes on after a fault, so that all are reported together.
type Problems() =
    let found = ResizeArray<Problem>()

    member _.Add(place: Place, fault: Fault) = found.Add { Place = place; Fault = fault; Position = None }

    member _.Add(place: Place, position: Position, fault: Fault) =
        found.Add { Place = place; Fault = fault; Position = Some position }

    member _.Count = found.Count
    member _.List = List.ofSeq found
