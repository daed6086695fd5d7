namespace Sgm.Cli

open Sgm
open Sgm.Verification

/// What `sgm run` was asked for.
type RunRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        By: By
        Threads: int option
        Particles: int option
        Seed: int64 option
        Full: bool
        Fit: bool
        /// Where draws of the law at the end go.
        Samples: string option
        /// Where its page goes.
        Report: string option
        Json: bool
    }

    static member Of(arguments: RunArguments list) =
        let nothing =
            {
                File = ""
                Settings = []
                By = By.Auto
                Threads = None
                Particles = None
                Seed = None
                Full = false
                Fit = false
                Samples = None
                Report = None
                Json = false
            }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | RunArguments.File file -> { request with File = file }
            | RunArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | RunArguments.By by -> { request with By = by }
            | RunArguments.Threads n -> { request with Threads = Some n }
            | RunArguments.Particles n -> { request with Particles = Some n }
            | RunArguments.Seed n -> { request with Seed = Some n }
            | RunArguments.Full -> { request with Full = true }
            | RunArguments.Fit -> { request with Fit = true }
            | RunArguments.Samples file -> { request with Samples = Some file }
            | RunArguments.Report directory -> { request with RunRequest.Report = Some directory }
            | RunArguments.Json -> { request with RunRequest.Json = true })

/// What `sgm check` was asked for.
type CheckRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        All: bool
        Json: bool
    }

    static member Of(arguments: CheckArguments list) : CheckRequest =
        ({ File = ""; Settings = []; All = false; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | CheckArguments.File file -> { request with File = file }
            | CheckArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | CheckArguments.All -> { request with All = true }
            | CheckArguments.Json -> { request with Json = true })

/// What `sgm explain` was asked for.
type ExplainRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        All: bool
    }

    static member Of(arguments: ExplainArguments list) : ExplainRequest =
        ({ File = ""; Settings = []; All = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | ExplainArguments.File file -> { request with File = file }
            | ExplainArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | ExplainArguments.All -> { request with All = true })

/// What `sgm certify` was asked for.
type CertifyRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        Explain: bool
        Report: string option
        Json: bool
    }

    static member Of(arguments: CertifyArguments list) : CertifyRequest =
        ({ File = ""; Settings = []; Explain = false; Report = None; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | CertifyArguments.File file -> { request with File = file }
            | CertifyArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | CertifyArguments.Explain -> { request with Explain = true }
            | CertifyArguments.Report directory -> { request with CertifyRequest.Report = Some directory }
            | CertifyArguments.Json -> { request with CertifyRequest.Json = true })

/// What `sgm score` was asked for.
type ScoreRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        Json: bool
    }

    static member Of(arguments: ScoreArguments list) : ScoreRequest =
        ({ File = ""; Settings = []; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | ScoreArguments.File file -> { request with File = file }
            | ScoreArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | ScoreArguments.Json -> { request with ScoreRequest.Json = true })

/// What `sgm tune` was asked for.
type TuneRequest =
    {
        File: string
        /// `name=number` for the file's `let`s.
        Settings: string list
        Evaluations: int
        By: TuneBy
        Json: bool
    }

    static member Of(arguments: TuneArguments list) : TuneRequest =
        ({ File = ""; Settings = []; Evaluations = 0; By = TuneBy.Certificate; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | TuneArguments.File file -> { request with File = file }
            | TuneArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | TuneArguments.Evaluations n -> { request with Evaluations = n }
            | TuneArguments.By by -> { request with TuneRequest.By = by }
            | TuneArguments.Json -> { request with TuneRequest.Json = true })

/// What `sgm verify` was asked for.
type VerifyRequest =
    {
        /// All theorems when empty.
        Ids: string list
        /// `name=number` for the `let`s of files.
        Settings: string list
        /// One axis of a family at a time, around the first values.
        AxisByAxis: bool
        Effort: Effort
        Report: string
        /// The folder of a run to go on with.
        Resume: string option
        /// `i/n`, `n` or `auto`.
        Shard: string option
        Junit: string option
        /// Where the kill matrix of the seeded bugs goes.
        Sabotage: string option
        /// Whether a check that stayed open is no failure.
        AllowInconclusive: bool
        /// A line a check.
        Wide: bool
        Json: bool
    }

    /// The folder of a report that is given none.
    static member Nowhere = "sgm-report"

    /// Bugs are planted when their matrix is asked for, and by a full verification of everything.
    member this.PlantsBugs = this.Sabotage.IsSome || (this.Effort = Full && this.Ids.IsEmpty)

    static member Of(arguments: VerifyArguments list) =
        let nothing =
            {
                Ids = []
                Settings = []
                AxisByAxis = false
                Effort = Quick
                Report = VerifyRequest.Nowhere
                Resume = None
                Shard = None
                Junit = None
                Sabotage = None
                AllowInconclusive = false
                Wide = false
                Json = false
            }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | VerifyArguments.Ids ids -> { request with Ids = request.Ids @ ids }
            | VerifyArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | VerifyArguments.Axis_By_Axis -> { request with AxisByAxis = true }
            | VerifyArguments.Effort effort -> { request with Effort = effort }
            | VerifyArguments.Report directory -> { request with Report = directory }
            | VerifyArguments.Resume directory -> { request with VerifyRequest.Resume = Some directory }
            | VerifyArguments.Shard part -> { request with VerifyRequest.Shard = Some part }
            | VerifyArguments.Junit file -> { request with Junit = Some file }
            | VerifyArguments.Sabotage file -> { request with Sabotage = Some file }
            | VerifyArguments.Allow_Inconclusive -> { request with AllowInconclusive = true }
            | VerifyArguments.Wide -> { request with Wide = true }
            | VerifyArguments.Json -> { request with VerifyRequest.Json = true })

/// What `sgm sweep` was asked for.
type SweepRequest =
    {
        File: string
        Settings: string list
        /// `name=values`.
        Over: string list
        By: By
        Csv: bool
        Report: string option
        /// The folder of a run to go on with.
        Resume: string option
        /// `i/n`, `n` or `auto`.
        Shard: string option
        Json: bool
    }

    static member Of(arguments: SweepArguments list) : SweepRequest =
        let nothing =
            {
                File = ""
                Settings = []
                Over = []
                By = By.Auto
                Csv = false
                Report = None
                Resume = None
                Shard = None
                Json = false
            }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | SweepArguments.File file -> { request with File = file }
            | SweepArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | SweepArguments.Over axis -> { request with Over = request.Over @ [ axis ] }
            | SweepArguments.By by -> { request with SweepRequest.By = by }
            | SweepArguments.Csv -> { request with Csv = true }
            | SweepArguments.Report directory -> { request with SweepRequest.Report = Some directory }
            | SweepArguments.Resume directory -> { request with SweepRequest.Resume = Some directory }
            | SweepArguments.Shard part -> { request with SweepRequest.Shard = Some part }
            | SweepArguments.Json -> { request with SweepRequest.Json = true })

/// What `sgm compare` was asked for.
type CompareRequest =
    {
        Files: string list
        Settings: string list
        /// Whole numbers with commas.
        Evaluations: string
        By: By
        Catalogue: bool
        Report: string option
        /// The folder of a run to go on with.
        Resume: string option
        /// `i/n`, `n` or `auto`.
        Shard: string option
        Json: bool
    }

    static member Of(arguments: CompareArguments list) : CompareRequest =
        let nothing =
            {
                Files = []
                Settings = []
                Evaluations = ""
                By = By.Auto
                Catalogue = false
                Report = None
                Resume = None
                Shard = None
                Json = false
            }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | CompareArguments.Files files -> { request with Files = request.Files @ files }
            | CompareArguments.Set word -> { request with Settings = request.Settings @ [ word ] }
            | CompareArguments.Evaluations text -> { request with Evaluations = text }
            | CompareArguments.By by -> { request with CompareRequest.By = by }
            | CompareArguments.Catalogue -> { request with Catalogue = true }
            | CompareArguments.Report directory -> { request with CompareRequest.Report = Some directory }
            | CompareArguments.Resume directory -> { request with CompareRequest.Resume = Some directory }
            | CompareArguments.Shard part -> { request with CompareRequest.Shard = Some part }
            | CompareArguments.Json -> { request with CompareRequest.Json = true })

/// What `sgm measure` was asked for.
type MeasureRequest =
    {
        Files: string list
        /// The text of a law.
        Target: string option
        Forward: Forward option
        /// The text of a number.
        Level: string option
        Json: bool
    }

    static member Of(arguments: MeasureArguments list) : MeasureRequest =
        let nothing = { Files = []; Target = None; Forward = None; Level = None; Json = false }

        (nothing, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | MeasureArguments.Files files -> { request with Files = files }
            | MeasureArguments.Target law -> { request with MeasureRequest.Target = Some law }
            | MeasureArguments.Forward word -> { request with Forward = Some word.Forward }
            | MeasureArguments.Level level -> { request with Level = Some level }
            | MeasureArguments.Json -> { request with MeasureRequest.Json = true })

/// What `sgm theorems` was asked for.
type TheoremsRequest =
    {
        /// All theorems when absent.
        Id: string option
        /// The experiment that they are compared on.
        Compare: string option
        /// The text of numbers; None when not given.
        Accuracy: string option
        Report: string option
        Json: bool
    }

    static member Of(arguments: TheoremsArguments list) : TheoremsRequest =
        ({ Id = None; Compare = None; Accuracy = None; Report = None; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | TheoremsArguments.Id id -> { request with Id = Some id }
            | TheoremsArguments.Compare file -> { request with Compare = Some file }
            | TheoremsArguments.Accuracy text -> { request with TheoremsRequest.Accuracy = Some text }
            | TheoremsArguments.Report directory -> { request with TheoremsRequest.Report = Some directory }
            | TheoremsArguments.Json -> { request with Json = true })

/// What `sgm plan` was asked for.
type PlanRequest =
    {
        Theorem: string
        /// The text of a law.
        Target: string
        /// The text of a number.
        Accuracy: string
        Json: bool
    }

    static member Of(arguments: PlanArguments list) : PlanRequest =
        ({ Theorem = ""; Target = ""; Accuracy = ""; Json = false }, arguments)
        ||> List.fold (fun request argument ->
            match argument with
            | PlanArguments.Theorem id -> { request with Theorem = id }
            | PlanArguments.Target law -> { request with Target = law }
            | PlanArguments.Accuracy accuracy -> { request with Accuracy = accuracy }
            | PlanArguments.Json -> { request with PlanRequest.Json = true })

/// What `sgm completion` was asked for.
type CompletionRequest =
    {
        Shell: Shell
    }

    static member Of(arguments: CompletionArguments list) : CompletionRequest =
        ({ Shell = Shell.Bash }, arguments)
        ||> List.fold (fun _ (CompletionArguments.Shell shell) -> { Shell = shell })
