namespace Sgm

open System.IO

/// The step size of a corrector that depends on the score, at a level.
type StepSize =
    {
        Method: string
        At: Engine.NoiseLevel
        H: float
        /// Its standard error over H where it is an estimate, by draws of the target; else 0.
        RelativeError: float
    }

/// A valid experiment: its sampler in normal form, its fingerprint, and the plan that runs.
type Checked =
    {
        Experiment: Experiment
        Fingerprint: string
        Plan: Engine.Plan
        /// The data files that were read.
        Data: DataSet list
        /// The networks that were read.
        Networks: Engine.ScoreFunction list
        /// Of correctors whose steps depend on the score, at the first and the last level.
        StepSizes: StepSize list
        Warnings: Problem list
    }

    /// The canonical text.
    member this.Text = Print.experiment this.Experiment

/// An experiment of a family: what its numbers are, and what its text claims of it.
type FamilyMember =
    {
        Checked: Checked
        Names: Map<string, Quantity>
        Axes: FamilyAxis list
        Claims: Claimed list
        Rates: ClaimedRate list
    }

/// The experiments that a text describes: one, or one for every choice from the lists of its `oneOf`.
type Family internal (text: string, find: Map<string, Quantity> -> Result<FamilyMember, Problem list>) =
    /// The text itself.
    member _.Text = text

    /// SHA-256 of the text and the language's version.
    member _.Fingerprint = Fingerprint.ofText text

    /// The experiment where these numbers are set; where none is, the first.
    member _.At(settings: Map<string, Quantity>) : Result<FamilyMember, Problem list> = find settings

/// From what a user wrote to a plan, or to everything that is wrong with it. Nothing runs before all of it is checked.
module Check =

    let private field name : Place = [ Segment.Part name ]

    let private measure (problems: Problems) (metrics: Engine.Metric list) =
        metrics
        |> List.iteri (fun i metric ->
            let place = field "measure" @ [ Segment.Item("metric", i + 1) ]

            if isNull metric then
                let names = Engine.Metric.All |> Seq.map (fun known -> known.Name) |> String.concat ", "
                problems.Add(place, Fault.OutOfRange("null", $"one of {names}"))
            elif List.contains metric (List.take i metrics) then
                problems.Add(place, Fault.OutOfRange($"{metric.Name} for the second time", "each metric once")))

    let private start (library: Data.Library) (problems: Problems) dimension (experiment: Experiment) samplerValid =
        match experiment.Start with
        | Prior ->
            if samplerValid && (Pipeline.firstSchedule experiment.Sampler).IsNone then
                problems.Add(field "start", Fault.PriorWithoutAnneal)
        | Warm -> ()
        | From law ->
            let place = field "start" @ [ Segment.Part "law" ]
            CheckTarget.check library problems place law |> CheckScore.sameDimension problems (field "start") dimension
        | Point coordinates ->
            if coordinates.IsEmpty then
                problems.Add(field "start", Fault.Empty "a point of at least one coordinate")
            else
                CheckNumber.entries problems (field "start") coordinates
                CheckScore.sameDimension problems (field "start") dimension (Some(int64 coordinates.Length))

    let private diffusion (library: Data.Library) (problems: Problems) read (experiment: Experiment) =
        let dimension =
            if read "target" then
                CheckTarget.check library problems (field "target") experiment.Target
            else
                None

        if read "score" then
            CheckScore.check library problems experiment (read "forward") dimension

        let beforeForward = problems.Count
        CheckSchedule.forward problems (field "forward") experiment.Forward

        let samplerValid =
            read "forward"
            && problems.Count = beforeForward
            && read "sampler"
            && CheckSampler.check problems experiment.Forward (field "sampler") experiment.Sampler

        if read "start" then
            start library problems dimension experiment samplerValid

        if samplerValid && read "score" then
            for word in CheckScore.needsNoise experiment.Score do
                CheckLevels.needsNoise problems word experiment.Forward experiment.Sampler

            CheckScore.tried library problems experiment dimension

        CheckNumber.atLeast problems (field "particles") "a number of particles" 1 experiment.Particles

        if experiment.Seed < 0L then
            problems.Add(field "seed", Fault.OutOfRange(string experiment.Seed, "a seed ≥ 0"))

    /// All errors of an experiment, of the fields that were read.
    let private errors (library: Data.Library) (unread: Set<string>) (experiment: Experiment) =
        let problems = Problems()
        let read name = not (unread.Contains name)

        match experiment.Discrete with
        | Some own -> CheckDiscrete.check problems read experiment own
        | None -> diffusion library problems read experiment

        measure problems experiment.Measure
        problems.List

    let private warnings (experiment: Experiment) (plan: Engine.Plan) =
        let problems = Problems()
        let sizes = Lower.sizes plan.Target plan.Score

        CheckLevels.warn problems experiment.Forward plan.Score sizes experiment.Sampler
        let needed = Memory.particles plan experiment.Particles
        let available = Memory.available ()

        if needed > available then
            problems.Add(field "particles", Fault.LargeMemory(needed, available))

        problems.List

    let private indexColumns (data: DataSet list) =
        [
            for set in data do
                if set.HasIndex then
                    { Place = field "target"; Fault = Fault.IndexColumn set.File; Position = None }
        ]

    /// The plan of an experiment without errors, unless its score forbids a step.
    let private planned (library: Data.Library) (experiment: Experiment) =
        let target, score = Lower.model library.Network library.Rows experiment
        let problems = Problems()
        CheckLevels.steps problems experiment.Forward (Lower.sizes target score) experiment.Sampler

        if problems.Count > 0 then
            Error problems.List
        else
            let plan = Lower.planOf library.Rows (target, score) experiment
            Option.ofObj plan.Finite |> Option.iter (CheckDiscrete.steps problems)
            if problems.Count = 0 then Ok plan else Error problems.List

    let private stepSizes (experiment: Experiment) (plan: Engine.Plan) =
        let norm = Engine.ScoreNorm.Of(plan.Target, plan.Score)

        [
            for method, h, level in
                CheckLevels.sizes experiment.Forward (Lower.sizes plan.Target plan.Score) experiment.Sampler do
                let struct (mean, error) = norm.At level
                // h is of order −2 in the mean.
                { Method = method; At = level; H = h; RelativeError = 2.0 * error / mean }
        ]

    let private complete (library: Data.Library) (experiment: Experiment) =
        planned library experiment
        |> Result.map (fun plan ->
            {
                Experiment = experiment
                Fingerprint = Fingerprint.ofFiles library.Hashes experiment
                Plan = plan
                Data = library.All
                Networks = library.Networks
                StepSizes = stepSizes experiment plan
                Warnings = indexColumns library.All @ warnings experiment plan
            })

    /// The sampler in normal form, when it is not nested too deeply to be brought there.
    let private normal (experiment: Experiment) =
        if Pipeline.depth experiment.Sampler > Syntax.deepestValue then
            experiment
        else
            { experiment with Sampler = Pipeline.normal experiment.Sampler }

    /// A valid experiment with its plan, or everything that is wrong. Data files are relative to the directory.
    let experiment (baseDirectory: string) (experiment: Experiment) : Result<Checked, Problem list> =
        let library = Data.Library baseDirectory
        let experiment = normal experiment

        match errors library Set.empty experiment with
        | [] -> complete library experiment
        | problems -> Error problems

    /// The plan alone, by the same checks; of an experiment that names no file.
    let plan (own: Experiment) : Result<Engine.Plan, Problem list> =
        let library = Data.Library "."
        let own = normal own

        match errors library Set.empty own with
        | [] -> planned library own
        | problems -> Error problems

    let private parsed (baseDirectory: string) (parsed: Parsed) : Result<Checked, Problem list> =
        let library = Data.Library baseDirectory

        let locate (problem: Problem) =
            match problem.Position with
            | Some _ -> problem
            | None -> { problem with Position = Some(parsed.Locate problem.Place) }

        /// In the order of the text; a problem in a data file stands where the file is named.
        let order (problem: Problem) =
            let position =
                match problem.Position with
                | Some position when problem.Place.IsEmpty -> position
                | _ -> parsed.Locate problem.Place

            position.Line, position.Column

        let problems =
            parsed.Problems @ errors library parsed.Unread parsed.Experiment |> List.sortBy order |> List.map locate

        let errors = problems |> List.filter (fun problem -> problem.Severity = Severity.Error)

        if errors.IsEmpty then
            complete library parsed.Experiment
            |> Result.map (fun complete ->
                { complete with
                    Warnings = problems @ (complete.Warnings |> List.map locate) |> List.sortBy order
                })
            |> Result.mapError (List.map locate)
        else
            Error errors

    /// The experiments of a text. `file` is the name that problems are reported under.
    let family (file: string) (baseDirectory: string) (contents: string) : Family =
        let read = Parse.read file contents

        let find settings =
            let found = Parse.cell read settings

            parsed baseDirectory found
            |> Result.map (fun one ->
                {
                    Checked = one
                    Names = found.Names
                    Axes = found.Axes
                    Claims = found.Claims
                    Rates = found.Rates
                })

        Family(contents, find)

    /// The experiment of a text, of a family the first, with problems that say where they are.
    let text (file: string) (baseDirectory: string) (contents: string) : Result<Checked, Problem list> =
        parsed baseDirectory (Parse.text file contents)

    /// The same for a file; data files are relative to it.
    let file (path: string) : Result<Checked, Problem list> =
        match Data.readText path with
        | Ok contents -> text path ((Path.GetDirectoryName path)) contents
        | Error reason -> Error [ { Place = []; Fault = Fault.Unreadable(path, reason); Position = None } ]
