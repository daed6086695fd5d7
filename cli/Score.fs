/// `sgm score`: the error of a score along a run, level by level, and what it costs.
module Sgm.Cli.Score

open Sgm
open Sgm.Verification.Certificates
open Sgm.Verification.JsonWriting

let private interval (one: LevelQuality) =
    let e = one.Error

    match one.Kind with
    | ErrorKind.Bound -> $"≤ {Words.above 3 e.Upper}"
    | _ when System.Double.IsInfinity e.Upper -> $"≥ {Words.digits 3 e.Lower}"
    | _ -> $"[{Words.digits 3 e.Lower}, {Words.above 3 e.Upper}]"

let private percent part whole = if whole > 0.0 then $"{100.0 * part / whole:F0} %%" else ""

let private show (screen: Screen) forward (quality: ScoreQuality) =
    let column isNumber title = { Title = title; IsNumber = isNumber }
    let all = quality.Nats

    screen.Table(
        [
            column false "level"
            column true "ε"
            column false "interval"
            column true "certified"
            column true "ε/‖∇ln p‖"
            column true "nats"
            column true "share"
            column true "steps"
            column false ""
        ],
        [
            for one in quality.Levels ->
                let value = one.Error.Value

                let nats, share =
                    match one.Nats, all with
                    | Some(_, nats, _), Some all -> Words.digits 3 nats, percent nats all
                    | Some(_, nats, _), None -> Words.digits 3 nats, ""
                    | None, _ -> "–", ""

                [
                    plain (Words.level forward one.Level)
                    strong (if value.HasValue then Words.digits 3 value.Value else "–")
                    plain (interval one)
                    plain (one.Certified |> Option.map (fun c -> $"≤ {Words.above 3 c}") |> Option.defaultValue "–")
                    plain (if value.HasValue then percent value.Value one.Size else "")
                    plain nats
                    plain share
                    plain (one.Steps |> Option.map (Words.digits 3) |> Option.defaultValue "–")
                    {
                        Text = (if quality.IsBad one then "the score costs more than the steps" else "")
                        Tone = Unsure
                    }
                ]
        ]
    )

    match quality.Exact, all with
    | Ok(start, steps), Some score ->
        let whole = start + steps + score
        let part name nats = $"{name} {Words.digits 3 nats} ({percent nats whole})"

        screen.Line
            [
                faint "nats of kl(p‖q)  "
                plain $"""{part "start" start}   {part "steps" steps}   {part "score" score}"""
            ]
    | Error reason, _ -> screen.Line [ faint $"start and steps are not known: {reason}" ]
    | Ok _, None ->
        screen.Line
            [ faint "a step draws no noise: its errors are in no relative entropy of paths (sgm certify bounds W2)" ]

    match quality.Assumes with
    | None -> ()
    | Some assumes ->
        let together = $"all together with probability {1.0 - quality.Risk:g6}"
        screen.Line [ faint $"lower and certified ends hold {together}, the upper ones under an assumption; {assumes}" ]

let private json (loaded: Checked) (quality: ScoreQuality) (json: Writer) =
    text json "fingerprint" loaded.Fingerprint
    json.WriteNumber("dimension", loaded.Plan.Dimension)
    number json "risk" quality.Risk
    Option.iter (text json "assumes") quality.Assumes

    match quality.Exact with
    | Ok(start, steps) ->
        object json "nats" (fun () ->
            number json "start" start
            number json "steps" steps
            optional json "score" quality.Nats)
    | Error reason ->
        object json "nats" (fun () ->
            optional json "start" None
            optional json "steps" None
            optional json "score" quality.Nats
            text json "reason" reason)

    objects json "levels" quality.Levels (fun one ->
        Measurements.level json "level" one.Level
        json.WriteNumber("evaluations", one.Evaluations)
        text json "kind" one.Kind.Name
        estimate json "error" one.Error
        optional json "certified" one.Certified
        number json "size" one.Size

        let lower, nats, upper =
            match one.Nats with
            | Some(lower, nats, upper) -> Some lower, Some nats, Some upper
            | None -> None, None, None

        optional json "nats" nats
        optional json "natsLower" lower
        optional json "natsUpper" upper

        optional
            json
            "share"
            (match nats, quality.Nats with
             | Some nats, Some all when all > 0.0 -> Some(nats / all)
             | _ -> None)

        optional json "steps" one.Steps
        json.WriteBoolean("isBad", quality.IsBad one))

let command terminal (request: ScoreRequest) =
    match Loading.diffusion terminal request.Settings request.File with
    | Error problems -> Refusal.problems terminal request.Json problems
    | Ok loaded ->
        let found =
            Progress.during terminal "drawing" (fun told -> ScoreQuality.ofPlan terminal.Cancellation told loaded.Plan)

        match found with
        | Error reason -> Refusal.sentence terminal request.Json $"sgm score: {reason}"
        | Ok quality ->
            if request.Json then
                Terminal.json terminal "sgm.score/1" (Some loaded.Text) (json loaded quality)
            else
                let screen = Screen.out terminal

                for network in loaded.Networks do
                    screen.Line [ faint ("score".PadRight 13); plain network.Description ]

                show screen loaded.Experiment.Forward quality

            Exit.Fine
