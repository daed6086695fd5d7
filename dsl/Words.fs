namespace Sgm

open System.Linq
open Sgm.Word

/// Every word of the language, once: elaboration, its messages and the documentation read this table.
module Words =

    let private mean = "mean", Kind.vector
    let private components = Kind.pair ("weight", Kind.number) ("", Kind.law)
    let private blocks = Kind.pair ("copies", Kind.whole) ("", Kind.law)

    let private targets =
        [
            word2
                "normal"
                mean
                ("variance", Kind.number)
                Kind.law
                normal
                "normal [ 0.0; 1.0 ] 0.25"
                "N(mean, variance·I)"
            word2
                "normalDiag"
                mean
                ("variances", Kind.many "entry" Kind.number)
                Kind.law
                normalDiag
                "normalDiag [ 0.0; 1.0 ] [ 0.25; 4.0 ]"
                "N(mean, diag(variances))"
            word2
                "normalCov"
                mean
                ("covariance", Kind.many "row" Kind.vector)
                Kind.law
                normalCov
                "normalCov [ 0.0; 0.0 ] [ [ 1.0; 0.5 ]; [ 0.5; 1.0 ] ]"
                "N(mean, covariance), by rows; symmetric and positive definite"
            word1 "standard" ("dimension", Kind.whole) Kind.law standard "standard 3" "N(0, I)"
            word1
                "mixture"
                ("", Kind.many "component" components)
                Kind.law
                mixture
                "mixture [ 0.5, normal [ -2.0 ] 0.25; 0.5, normal [ 2.0 ] 0.25 ]"
                "Σ weight·T over normal laws T; the weights sum to 1 within 1e-9"
            word1
                "product"
                ("", Kind.many "block" blocks)
                Kind.law
                product
                "product [ 10, normal [ 0.0 ] 1.0; 1, standard 2 ]"
                "independent blocks of coordinates, so many copies of each; the dimension is the sum"
            word2
                "samples"
                ("file", Kind.text)
                ("bandwidth", Kind.number)
                Kind.law
                samples
                "samples \"data.csv\" 0.1"
                "the rows of a CSV file, each convolved with N(0, bandwidth²·I); the path is relative to the file that names it"
            word1
                "standardized"
                ("", Kind.law)
                Kind.law
                standardized
                "standardized (samples \"data.csv\" 0.1)"
                "`samples` after every column was brought to mean 0 and variance 1"
        ]

    let private starts =
        [
            word0
                "prior"
                Kind.start
                prior
                "prior"
                "N(0, I) for vp and subVp, else N(0, σ₀²·I), at the first level; needs an anneal"
            word0 "warm" Kind.start warm "warm" "exactly the target at the first level"
            word1
                "from"
                ("law", Kind.law)
                Kind.start
                from
                "from (standard 2)"
                "this law, as the law of the state itself"
            word1 "point" ("", Kind.vector) Kind.start point "point [ 0.0; 1.0 ]" "this point"
        ]

    let private pipelines =
        [
            word1
                "corrector"
                ("", Kind.corrector)
                Kind.pipeline
                corrector
                "corrector (langevin 0.01)"
                "one step at the current level"
            word1
                "predictor"
                ("", Kind.predictor)
                Kind.pipeline
                predictor
                "predictor ancestral"
                "one step to the transition's lower level; inside an anneal, once a transition"
            word2
                "anneal"
                ("schedule", Kind.schedule)
                ("body", Kind.pipeline)
                Kind.pipeline
                anneal
                "anneal (geometric 10.0 0.1 20) (predictor ancestral)"
                "the body once a transition of the schedule"
            word2
                "repeat"
                ("times", Kind.whole)
                ("body", Kind.pipeline)
                Kind.pipeline
                repeat
                "repeat 10 (corrector (langevin 0.01))"
                "the body so many times"
            word0 "identity" Kind.pipeline identity "identity" "does nothing"
            word1
                "probe"
                ("name", Kind.text)
                Kind.pipeline
                probe
                "probe \"middle\""
                "measures here; a probe named end is implicit"
        ]

    let private symbols =
        let blocks = Kind.pair ("copies", Kind.whole) ("", Kind.many "entry" Kind.number)

        [
            word2
                "table"
                ("symbols", Kind.whole)
                ("masses", Kind.many "entry" Kind.number)
                Kind.symbols
                table
                "table 2 [ 0.4; 0.1; 0.1; 0.4 ]"
                "a law by the masses of its S^d states, x at Σ x_i·S^i; they sum to 1 within 1e-9"
            word1
                "independent"
                ("", Kind.many "block" blocks)
                Kind.symbols
                independent
                "independent [ 1000, [ 0.3; 0.7 ] ]"
                "independent coordinates, so many with each law of S masses"
            word1
                "latentClasses"
                ("", Kind.many "class" (Kind.pair ("weight", Kind.number) ("", Kind.symbols)))
                Kind.symbols
                latentClasses
                "latentClasses [ 0.5, independent [ 8, [ 0.9; 0.1 ] ]; 0.5, independent [ 8, [ 0.1; 0.9 ] ] ]"
                "Σ weight·P over laws of symbols P"
            word3
                "isingChain"
                ("dimension", Kind.whole)
                ("coupling", Kind.number)
                ("field", Kind.number)
                Kind.symbols
                isingChain
                "isingChain 10 0.5 0.1"
                "p(x) ∝ exp(J·Σ s_i·s_{i+1} + b·Σ s_i), spins s = 2x − 1 on a line with free ends"
            word0 "exactRates" Kind.rates exactRates "exactRates" "the reverse rates of the target"
            word1
                "ratesOf"
                ("", Kind.symbols)
                Kind.rates
                ratesOf
                "ratesOf (isingChain 10 0.4 0.1)"
                "the reverse rates of another law"
            modifies (
                word2
                    "skewed"
                    ("bias", Kind.number)
                    ("", Kind.rates)
                    Kind.rates
                    skewed
                    "exactRates |> skewed 0.1"
                    "rates of even coordinates times e^bias, of odd ones times e^(−bias)"
            )
            word0
                "eulerJumps"
                Kind.jumps
                eulerJumps
                "eulerJumps"
                "every coordinate shifts by c mod S with probability h·λ_c, all at once"
            word0
                "tauLeaping"
                Kind.jumps
                tauLeaping
                "tauLeaping"
                "every coordinate shifts by Σ c·N_c mod S, N_c Poisson of mean h·λ_c, all at once"
            word0
                "uniformisation"
                Kind.jumps
                uniformisation
                "uniformisation"
                "the reverse process in continuous time, from the first time to the last"
        ]

    let private metrics =
        [ for metric in Engine.Metric.All -> word0 metric.Name Kind.metric metric metric.Name metric.Meaning ]

    let private vectors =
        [ word2 "fill" ("d", Kind.whole) ("value", Kind.number) Kind.vector fill "fill 9 0.5" "d times this value" ]

    /// All words, in the order of the documentation.
    let all: Word list =
        List.concat
            [
                targets
                vectors
                ScheduleWords.forwards
                ScoreWords.scores
                ScoreWords.outputs
                starts
                ScheduleWords.schedules
                ScheduleWords.training
                Methods.correctorWords
                Methods.predictorWords
                pipelines
                metrics
                symbols
            ]

    let private byName = all.ToDictionary(fun word -> word.Name)

    let tryFind (name: string) =
        match byName.TryGetValue name with
        | true, word -> Some word
        | false, _ -> None

    /// The words that give this kind.
    let ofKind kind = all |> List.filter (fun word -> Kind.agrees word.Result kind)

    /// `geometric (a: number) (b: number) (n: whole number) : schedule`
    let signature (word: Word) =
        let written (name, kind) =
            if name = "" then
                $"({Kind.notation kind})"
            else
                $"({name}: {Kind.notation kind})"

        let parameters = word.Parameters |> List.map written
        System.String.Join(" ", word.Name :: parameters) + " : " + Kind.notation word.Result

    let private field name (kind: Kind<'value>) standard example meaning =
        {
            Name = name
            Kind = kind.Untyped
            Default = standard
            Example = example
            Meaning = meaning
        }

    /// The fields of `discrete`, in canonical order.
    let discreteFields: FieldWord list =
        [
            field "target" Kind.symbols None "target (isingChain 10 0.5 0.0)" "the data distribution p on [S]^d"
            field
                "times"
                Kind.schedule
                None
                "times (geometric 3.0 0.05 40)"
                "the times of the forward process, from T down"
            field "rates" Kind.rates (Some "exactRates") "rates (exactRates |> skewed 0.1)" "the rates that run"
            field "start" Kind.start (Some "prior") "start prior" "uniform symbols (prior), or the target at T (warm)"
            field "sampler" Kind.jumps None "sampler tauLeaping" "how a step jumps"
            field
                "measure"
                (Kind.many "metric" Kind.metric)
                (Some "[ tv; kl; chi2 ]")
                "measure [ tv ]"
                "divergences of the law at the last time from p there"
        ]

    /// The fields of `experiment`, in canonical order.
    let fields: FieldWord list =
        [
            field "target" Kind.law None "target (standard 2)" "the data distribution p"
            field "forward" Kind.forward None "forward ve" "the forward process"
            field "score" Kind.score (Some "exact") "score (exact |> shifted 0.05)" "the score estimate"
            field "start" Kind.start (Some "prior") "start warm" "the law of the first state"
            field
                "sampler"
                Kind.pipeline
                None
                "sampler (anneal (geometric 10.0 0.1 20) (predictor ancestral))"
                "the pipeline"
            field
                "measure"
                (Kind.many "metric" Kind.metric)
                (Some "[ tv; kl; chi2; w2 ]")
                "measure [ kl ]"
                "divergences of the law of the state from p at the level, at each probe"
            field "particles" Kind.whole (Some "100000") "particles 100000" "Monte Carlo only"
            field "seed" Kind.long (Some "1") "seed 1" "Monte Carlo only; 64 bits"
        ]
