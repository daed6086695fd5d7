namespace Sgm

/// What may stand at a position of the text.
[<RequireQualifiedAccess>]
type Kind =
    | Number
    | Whole
    /// A whole number of 64 bits.
    | Long
    /// A number of any of these types, or a condition.
    | Quantity
    | Text
    | Law
    | Forward
    | Score
    | NetworkOutput
    | Start
    | Schedule
    | Corrector
    | Predictor
    | Pipeline
    | Metric
    /// A law of symbols.
    | Symbols
    | Rates
    | Jumps
    /// A list; `item` names its entries in places.
    | Many of item: string * Kind
    /// A pair; the names say what the parts are. The place of a part without a name is the pair's own.
    | Pair of (string * Kind) * (string * Kind)

/// A kind with the F# type of its values, and how to read one that the elaboration made: a list may come as an array of
/// objects, a pair as a pair of objects.
type Kind<'value> = { Untyped: Kind; Read: obj -> 'value }

module Kind =
    let private simple kind : Kind<'value> = { Untyped = kind; Read = unbox }

    let number: Kind<float> = simple Kind.Number
    let whole: Kind<int> = simple Kind.Whole
    let long: Kind<int64> = simple Kind.Long
    let text: Kind<string> = simple Kind.Text
    let law: Kind<Target> = simple Kind.Law
    let forward: Kind<Forward> = simple Kind.Forward
    let score: Kind<Score> = simple Kind.Score
    let networkOutput: Kind<NetworkOutput> = simple Kind.NetworkOutput
    let start: Kind<Start> = simple Kind.Start
    let schedule: Kind<Schedule> = simple Kind.Schedule
    let corrector: Kind<CorrectorMethod> = simple Kind.Corrector
    let predictor: Kind<PredictorMethod> = simple Kind.Predictor
    let pipeline: Kind<Pipeline> = simple Kind.Pipeline
    let metric: Kind<Engine.Metric> = simple Kind.Metric
    let symbols: Kind<SymbolLaw> = simple Kind.Symbols
    let rates: Kind<Rates> = simple Kind.Rates
    let jumps: Kind<Jumps> = simple Kind.Jumps

    let many item (kind: Kind<'value>) : Kind<'value list> =
        let read (value: obj) =
            match value with
            | :? ('value list) as typed -> typed
            | untyped -> [ for item in unbox<obj[]> untyped -> kind.Read item ]

        { Untyped = Kind.Many(item, kind.Untyped); Read = read }

    let pair (name1, kind1: Kind<'a>) (name2, kind2: Kind<'b>) : Kind<'a * 'b> =
        let read (value: obj) =
            let one, two = unbox<obj * obj> value
            kind1.Read one, kind2.Read two

        { Untyped = Kind.Pair((name1, kind1.Untyped), (name2, kind2.Untyped)); Read = read }

    /// Numbers of the state's dimension.
    let vector = many "entry" number

    /// The kind in words, with its article.
    let rec describe kind =
        match kind with
        | Kind.Number -> "a number"
        | Kind.Whole -> "a whole number"
        | Kind.Long -> "a whole number"
        | Kind.Quantity -> "a number"
        | Kind.Text -> "a string"
        | Kind.Law -> "a target"
        | Kind.Forward -> "a forward process"
        | Kind.Score -> "a score"
        | Kind.NetworkOutput -> "what a network gives"
        | Kind.Start -> "a start"
        | Kind.Schedule -> "a schedule"
        | Kind.Corrector -> "a corrector's method"
        | Kind.Predictor -> "a predictor's method"
        | Kind.Pipeline -> "a pipeline"
        | Kind.Metric -> "a metric"
        | Kind.Symbols -> "a law of symbols"
        | Kind.Rates -> "rates of jumps"
        | Kind.Jumps -> "a sampler of symbols"
        | Kind.Many(_, Kind.Number) -> "a list of numbers"
        | Kind.Many(_, Kind.Many _) -> "a list of rows"
        | Kind.Many(_, item) -> "a list [ " + notation item + "; … ]"
        | Kind.Pair _ -> "a pair (" + notation kind + ")"

    /// The kind as it is written in a signature.
    and notation kind =
        match kind with
        | Kind.Number -> "number"
        | Kind.Whole
        | Kind.Long -> "whole number"
        | Kind.Quantity -> "number"
        | Kind.Text -> "\"string\""
        | Kind.Law -> "target"
        | Kind.Forward -> "forward process"
        | Kind.Score -> "score"
        | Kind.NetworkOutput -> "network output"
        | Kind.Start -> "start"
        | Kind.Schedule -> "schedule"
        | Kind.Corrector -> "corrector method"
        | Kind.Predictor -> "predictor method"
        | Kind.Pipeline -> "pipeline"
        | Kind.Metric -> "metric"
        | Kind.Symbols -> "law of symbols"
        | Kind.Rates -> "rates"
        | Kind.Jumps -> "sampler of symbols"
        | Kind.Many(_, item) -> "[ " + notation item + "; … ]"
        | Kind.Pair((_, one), (_, two)) -> notation one + ", " + notation two

    /// Whether a value of one kind may stand where another is meant: names of list entries do not matter.
    let rec agrees one other =
        match one, other with
        | Kind.Many(_, a), Kind.Many(_, b) -> agrees a b
        | _ -> one = other
